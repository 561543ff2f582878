"""A first look at a file of rows: how it is written, its headings, and what its values seem to be."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq

from features.importers import json_lines_file, parquet_file
from features.importers.cells import moments
from features.importers.csv_file import likely_encoding
from features.importers.inputs import opened, present
from features.importers.mapping import Block
from features.importers.statements import lines
from features.importers.table_file import Kind, chunks, kind_of

ROWS = 5_000
_PIECE = 1 << 20
_DELIMITERS = ",;\t|"
_ISO = r"\d{4}-\d{2}-\d{2}(?:[T ].*)?"
_CLOCK = ("", " %H:%M", " %H:%M:%S")
_FORMS: dict[str, str] = {
    "": _ISO,
    **{f"{day}{clock}": pattern for day, pattern in (
        ("%d.%m.%Y", r"\d{1,2}\.\d{1,2}\.\d{4}.*"),
        ("%d/%m/%Y", r"\d{1,2}/\d{1,2}/\d{4}.*"),
        ("%m/%d/%Y", r"\d{1,2}/\d{1,2}/\d{4}.*"),
        ("%Y/%m/%d", r"\d{4}/\d{1,2}/\d{1,2}.*"),
        ("%Y年%m月%d日", r"\d{4}年\d{1,2}月\d{1,2}日.*"),
    ) for clock in _CLOCK},
    "unix": r"1\d{9}(?:\.\d+)?",
    "unix_ms": r"1\d{12}",
}  # fmt: skip
MOST = 0.9
"""A share of the values that has to be what all of them are taken for."""


@dataclass(frozen=True)
class Look:
    """What a file seems to be.

    Attributes:
        file: the file.
        kind: of the file.
        encoding, delimiter: of a CSV file.
        headings: that stand once and are not empty, in their order.
        rows: the first ones, as text, under these headings.
        notes: what to check, in words.
    """

    file: Path
    kind: Kind
    encoding: str
    delimiter: str
    headings: list[str]
    rows: pd.DataFrame
    notes: list[str] = field(default_factory=list)

    def values(self, heading: str) -> pd.Series:
        """What stands under a heading, without the empty cells."""
        found = self.rows[heading]
        return found[found != ""]


def look(file: Path) -> Look:
    """Looks at the first rows of a file.

    Raises:
        BadInput: it is missing, empty, or of no kind that can be read.
    """
    kind, notes = kind_of(present(file)), list[str]()
    encoding, delimiter = "utf-8", ","
    if kind == "csv":
        encoding, delimiter, found = _csv(file, notes)
    else:
        found = _json_names(file) if kind == "json_lines" else parquet_file.columns(pq.read_schema(file))
    headings = [name for name in dict.fromkeys(found) if name and found.count(name) == 1]
    if len(headings) < len(found):
        notes.append("headings that are empty or stand twice are left out")
    block = Block(1, "", encoding=encoding, delimiter=delimiter, id_from=tuple(headings))
    first = next(chunks(file, block, "this guess")).rows if headings else pd.DataFrame()
    return Look(file, kind, encoding, delimiter, headings, first.head(ROWS), notes)


def _csv(file: Path, notes: list[str]) -> tuple[str, str, list[str]]:
    with opened(file) as (raw, _):
        piece = raw.read(_PIECE)
    encoding, text = "utf-8-sig", piece.decode("utf-8-sig", "ignore")
    try:
        piece[: piece.rfind(b"\n") + 1 or None].decode("utf-8-sig")
    except UnicodeDecodeError:
        encoding = likely_encoding(piece)
        text = piece.decode(encoding, "ignore")
        others = ", ".join(other for other in ("cp1251", "koi8-r", "cp866", "gb18030", "latin-1") if other != encoding)
        notes.append(f"not UTF-8: do the headings read well in {encoding}? Other encodings are {others}")
    delimiter = _delimiter(text[: 1 << 16], notes)
    first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])
    return encoding.removesuffix("-sig"), delimiter, [heading.strip() for heading in first]


def _delimiter(start: str, notes: list[str]) -> str:
    """The mark that cuts the most lines into as many cells as the first one."""

    def even(mark: str) -> tuple[float, int]:
        lines = islice(csv.reader(io.StringIO(start, newline=""), delimiter=mark), 100)
        widths = [len(cells) for cells in lines if cells]
        if not widths or widths[0] == 1:
            return 0.0, 0
        return Counter(widths)[widths[0]] / len(widths), widths[0]

    found = {mark: even(mark) for mark in _DELIMITERS}
    best = max(_DELIMITERS, key=lambda mark: (found[mark][0] > MOST, found[mark][1], found[mark][0]))
    others = [mark for mark in _DELIMITERS if mark != best and found[mark][0] > MOST]
    if not found[best][1]:
        notes.append("only one column: perhaps the delimiter is another than , ; | or a tab")
    elif others:
        notes.append(f"the delimiter could also be {' '.join(map(repr, others))}")
    return best


def _json_names(file: Path) -> list[str]:
    names: dict[str, None] = {}
    for number, text in lines(file, lambda done: None):
        found = json_lines_file.parsed(text)
        if isinstance(found, dict):
            names |= dict.fromkeys(_leaves(found))
        if number >= ROWS:
            break
    return list(names)


def _leaves(found: dict, prefix: str = "") -> list[str]:
    return [
        leaf
        for name, value in found.items()
        for leaf in (_leaves(value, f"{prefix}{name}.") if isinstance(value, dict) and value else [prefix + name])
    ]


def time_forms(values: pd.Series) -> list[str]:
    """The forms of `time_format` in which nearly all the values are moments; "" is ISO 8601."""
    if values.empty:
        return []
    found = []
    for form, pattern in _FORMS.items():
        if values.str.fullmatch(pattern).mean() >= MOST:
            read, _ = moments(values, (form,) if form else (), "UTC")
            found += [form] if read.notna().mean() >= MOST else []
    return found


def lacks_zone(values: pd.Series, form: str) -> bool:
    """Whether moments of that form say no offset."""
    return form not in ("unix", "unix_ms") and bool(moments(values, (form,) if form else (), "")[1].any())


def decimals(values: pd.Series) -> list[str]:
    """What may stand before the fraction of these numbers; empty where they are no numbers."""
    plain = values.str.replace("[ \u00a0\u202f]", "", regex=True)
    found = [mark for mark in ".," if plain.str.fullmatch(rf"[+-]?\d+(?:{re.escape(mark)}\d+)?").mean() >= MOST]
    if found == [","] and plain.str.fullmatch(r"[+-]?\d{1,3}(?:,\d{3})*").all():
        return [",", "."]  # 1,990 may be two numbers
    return ["."] if found == [".", ","] else found
