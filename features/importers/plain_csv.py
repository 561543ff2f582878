"""A CSV file whose headings its maker fixed: its rows as text with their line numbers, some at a time."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from features.errors import BadInput
from features.importers.inputs import opened

CHUNK_ROWS = 200_000
_NOTHING = ("NULL", "\\N")
MEND = "If the file was cut, export it again; quotes inside a cell are doubled"


class Part(NamedTuple):
    """Some rows of a file.

    Attributes:
        rows: text, one column per heading asked for, "" where there is nothing; the index is the line number.
        broken: line -> why it is no row.
        bytes_read: of the file, so far.
    """

    rows: pd.DataFrame
    broken: dict[int, str]
    bytes_read: int


def parts(file: Path, headings: Sequence[str], *, first_line: bool = True) -> Iterator[Part]:
    """A file's rows, comma, semicolon or tab between their cells; plain or gzip.

    Args:
        file: in UTF-8; what databases write for nothing is "".
        headings: the columns wanted; the file may have others.
        first_line: whether the headings stand in the first line; else these are all the columns there are.

    Raises:
        BadInput: it is empty, not UTF-8, cut (gzip), without a heading, or a quote is never closed.
    """
    with opened(file) as (raw, position), io.TextIOWrapper(raw, encoding="utf-8-sig", newline="") as text:
        try:
            first = text.readline()
            delimiter, places = _layout(first, headings, file) if first_line else (",", list(range(len(headings))))
            text.seek(0)
            reader = csv.reader(text, delimiter=delimiter, strict=True)
            width = len(next(reader)) if first_line else len(headings)
            yield from _parts(reader, width, places, headings, position)
        except UnicodeDecodeError as error:
            raise BadInput("is not UTF-8 text", where=str(file), mend="Export it in UTF-8") from error
        except _NeverClosed as error:
            what = (
                f"a quote that opens in line {error.args[0]} is not closed, and the rows after it cannot be told apart"
            )
            raise BadInput(what, where=str(file), mend=MEND) from error


def _layout(first: str, headings: Sequence[str], file: Path) -> tuple[str, list[int]]:
    """The delimiter, and where the headings stand."""
    if not first.strip():
        raise BadInput("is empty", where=str(file), mend="Export it again, with the headings in its first line")
    found = {mark: [name.strip() for name in next(csv.reader([first], delimiter=mark))] for mark in ",;\t"}
    mark = max(found, key=lambda mark: sum(heading in found[mark] for heading in headings))
    missing = [heading for heading in headings if heading not in found[mark]]
    if missing:
        what = f"lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}"
        mend = f"Export the whole table with its headings. The first line is: {first.strip()[:200]}"
        raise BadInput(what, where=str(file), mend=mend)
    return mark, [found[mark].index(heading) for heading in headings]


class _NeverClosed(Exception):
    """The line in which the quote opens."""


def _parts(
    reader: Iterator[list[str]], width: int, places: list[int], headings: Sequence[str], position: Callable[[], int]
) -> Iterator[Part]:
    columns: list[list[str]] = [[] for _ in places]  # a list per row would keep the garbage collector busy
    numbers: list[int] = []
    broken: dict[int, str] = {}
    for line, cells in _rows(reader):
        if cells is None:
            broken[line] = "has wrong quotes"
        elif len(cells) != width:
            broken[line] = f"has {len(cells)} cells, not the {width} of the first line"
        else:
            for column, place in zip(columns, places, strict=True):
                column.append(cells[place])
            numbers.append(line)
        if len(numbers) + len(broken) >= CHUNK_ROWS:
            yield Part(_frame(columns, numbers, headings), broken, position())
            columns, numbers, broken = [[] for _ in places], [], {}
    yield Part(_frame(columns, numbers, headings), broken, position())


def _rows(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str] | None]]:
    """Lines with their numbers; None for one whose quotes are wrong."""
    while True:
        line = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if reader.line_num > line or "field larger" in str(error):  # type: ignore[attr-defined]
                raise _NeverClosed(line) from error
            yield line, None
            continue
        if cells:
            yield line, cells


def _frame(columns: list[list[str]], numbers: list[int], headings: Sequence[str]) -> pd.DataFrame:
    frame = pd.DataFrame(dict(zip(headings, columns, strict=True)), index=numbers, dtype="str")
    return frame.apply(lambda column: column.str.strip().mask(column.isin(_NOTHING), "")) if len(frame) else frame
