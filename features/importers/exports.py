"""Exports of office systems: their files in order, when each was taken, and their rows as text, each with its place."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pandas as pd

from features import clock
from features.errors import BadConfig, BadInput
from features.importers.cells import as_text
from features.importers.csv_file import chunks
from features.importers.inputs import opened, present
from features.importers.mapping import Block

Broken = list[tuple[int, str, str]]
"""(row, reason, mend) of rows that have no cells to speak of."""

SUFFIXES = (".csv", ".json", ".jsonl", ".ndjson")
_TAKEN = re.compile(r"(?<!\d)(\d{4}-\d{2}-\d{2})(?:[T_](\d{2})[-.]?(\d{2}))?(?!\d)")
_CUT = "If the file was cut, export it again"


def files(path: Path) -> list[Path]:
    """The files of an export, those with an older date in their name first, then by name.

    Args:
        path: one file, or a folder with several.

    Raises:
        BadInput: there is none, or one is empty.
    """
    if not path.is_dir():
        return [present(path)]
    found = [file for file in path.iterdir() if _kind(file) in SUFFIXES and file.is_file()]
    if not found:
        raise BadInput(
            "holds no export", where=str(path), mend=f"Put the files there; their names end in {', '.join(SUFFIXES)}"
        )
    dated = {file: _TAKEN.search(file.stem) for file in found}
    return sorted(map(present, found), key=lambda file: (dated[file][0] if dated[file] else "", file.name))  # type: ignore[index]


def _kind(file: Path) -> str:
    return Path(file.name.lower().removesuffix(".gz")).suffix


def _content(file: Path) -> bytes:
    with opened(file) as (raw, _):
        return raw.read().removeprefix(b"\xef\xbb\xbf")


def taken_at(file: Path, zone: str) -> pd.Timestamp | None:
    """When an export was taken, as its name says: `deals-2025-10-01.csv`, `deals_2025-10-01T18-30.json`.

    Args:
        file: only its name is looked at: the time that the disk keeps changes with every copy.
        zone: of the time in the name.

    Returns:
        A moment in UTC; the last second of the day when the name has no hour; None when it has no date.

    Raises:
        BadInput: there is no such day or hour.
    """
    found = _TAKEN.search(file.stem)
    if found is None:
        return None
    try:
        day = datetime.fromisoformat(found[1])
        if found[2] is None:
            moment = clock.day_start(day.date() + timedelta(days=1), zone) - timedelta(seconds=1)
        else:
            moment = day.replace(hour=int(found[2]), minute=int(found[3]), tzinfo=ZoneInfo(zone))
    except ValueError as error:
        mend = "Write the day on which the export was taken like 2025-10-01"
        raise BadInput(f"its name has no sound date: {found[0]}", where=file.name, mend=mend) from error
    return pd.Timestamp(moment).tz_convert("UTC").as_unit("us")


def same(text: object) -> str:
    """A word or heading as it is compared: without regard to case, spaces, and the dots of the letter ё."""
    return " ".join(str(text).casefold().replace("ё", "е").split())


def documents(file: Path) -> tuple[list[tuple[int, Any]], Broken]:
    """The JSON values of a file: one, or one a line.

    Returns:
        (line, value); the line is 0 when the whole file is one value. Then the lines that are no JSON.

    Raises:
        BadInput: it is neither.
    """
    content = _content(file)
    try:
        return [(0, orjson.loads(content))], []
    except orjson.JSONDecodeError as error:
        fault = str(error)
    found: list[tuple[int, Any]] = []
    broken: Broken = []
    for number, line in enumerate(content.splitlines(), 1):
        if line.strip():
            try:
                found.append((number, orjson.loads(line)))
            except orjson.JSONDecodeError:
                # The line itself may hold an e-mail address: it is not kept.
                broken.append((number, "is not sound JSON", f"Mend or remove the line. {_CUT}"))
    if not any(isinstance(value, dict | list) for _, value in found):
        raise BadInput(f"is not JSON: {fault}", where=file.name, mend=f"Save the answer as it came, in UTF-8. {_CUT}")
    return found, broken


@dataclass(frozen=True)
class Sheet:
    """One table of an export.

    Attributes:
        file: where it is.
        headings: as they are in it.
        cells: (row, cells) of a JSON file; a CSV file is read when its rows are asked for.
        encoding, delimiter: of a CSV file.
        broken: what of a JSON file could not be read.
    """

    file: Path
    headings: list[str]
    cells: list[tuple[int, list[str]]] = field(default_factory=list)
    encoding: str = ""
    delimiter: str = ""
    broken: Broken = field(default_factory=list)

    def rows(self, chosen: Mapping[str, str]) -> tuple[pd.DataFrame, Broken, int]:
        """Its rows.

        Args:
            chosen: name -> heading, as `columns` gives it; "" is a column that the export does not have.

        Returns:
            (n, m) text, one column per name, "" where there is nothing; the index is the line of a CSV file, the
            number of the item in a JSON file. Then the broken rows, and how many rows are empty.
        """
        used = {name: heading for name, heading in chosen.items() if heading}
        if self.delimiter:
            frame, broken, empty = self._from_csv(used)
        else:
            at = {name: self.headings.index(heading) for name, heading in used.items()}
            rows = [[cells[place] for place in at.values()] for _, cells in self.cells]
            frame = pd.DataFrame(rows, columns=list(at), index=[row for row, _ in self.cells], dtype="str")
            broken, empty = self.broken, 0
        return frame.reindex(columns=list(chosen), fill_value=""), broken, empty

    def _from_csv(self, used: dict[str, str]) -> tuple[pd.DataFrame, Broken, int]:
        headings = list(dict.fromkeys(used.values()))
        columns: dict[str, tuple[str, ...]] = {heading: (heading,) for heading in headings}
        block = Block(
            number=1,
            table="",
            files=(self.file,),
            encoding=self.encoding,
            delimiter=self.delimiter,
            decimal=".",
            time_zone="",
            time_formats=(),
            columns=columns,
            constants={},
            copy={},
            values={},
            multiply={},
            where_present="",
            id_from=(),
        )
        try:
            parts = list(chunks(self.file, block, ""))
        except BadInput as error:
            raise BadInput(error.what, where=self.file.name, mend=error.mend) from error
        frame = pd.concat([part.rows for part in parts])
        named = pd.DataFrame({name: frame[heading] for name, heading in used.items()}, index=frame.index)
        broken = [(line, reason, mend) for part in parts for line, reason, mend, _ in part.broken]
        return named, broken, sum(part.empty for part in parts)


def sheet(file: Path) -> Sheet:
    """A file as a table: CSV, or JSON as an answer of fields and items or as a list of objects.

    Raises:
        BadInput: it holds no table, or an answer that says why there is none.
    """
    if _kind(file) == ".csv":
        return _csv_sheet(file)
    found, broken = documents(file)
    headings: list[str] = []
    cells: list[tuple[int, list[str]]] = []
    loose: list[tuple[int, dict[str, Any]]] = []
    for line, value in found:
        info = _answer(value, file).get("info") if isinstance(value, dict) else None
        if isinstance(info, dict) and isinstance(info.get("fields"), list):
            headings = headings or [str(heading).strip() for heading in info["fields"]]
            cells += [(line, [as_text(cell) for cell in item]) for item in info.get("items") or ()]
        else:
            loose += [(line, record) for record in records(value, "items", "result")]
    if not headings:
        headings = list(dict.fromkeys(str(name) for _, record in loose for name in record))
        cells = [(line, [as_text(record.get(name)) for name in headings]) for line, record in loose]
    if not headings:
        raise BadInput("holds no rows", where=file.name, mend="Export it again; the answer may not have been ready")
    rows = [(line or number, row) for number, (line, row) in enumerate(cells, 1)]
    reason, mend = f"has not the {len(headings)} cells of the headings", "Export it again"
    broken = [*broken, *((number, reason, mend) for number, row in rows if len(row) != len(headings))]
    return Sheet(file, headings, [(number, row) for number, row in rows if len(row) == len(headings)], broken=broken)


def _answer(answer: dict[str, Any], file: Path) -> dict[str, Any]:
    """The answer, unless it says that the export is not ready or not allowed."""
    if answer.get("error") not in (None, False, "") or answer.get("success") is False:
        said = answer.get("error_message") or answer.get("error_description") or answer.get("error")
        raise BadInput(
            f"is no export but the answer {said!r}", where=file.name, mend="Ask again later and save the answer then"
        )
    return answer


def records(value: Any, *keys: str) -> Iterator[dict[str, Any]]:
    """The objects of an answer: of a list, or of the lists that stand under one of the keys, at any of their levels."""
    if isinstance(value, list):
        for item in value:
            inner = isinstance(item, dict) and any(isinstance(item.get(key), list | dict) for key in keys)
            yield from records(item, *keys) if inner or isinstance(item, list) else filter(None, [_object(item)])
    elif isinstance(value, dict):
        inside = next((value[key] for key in keys if isinstance(value.get(key), list | dict)), None)
        yield from [value] if inside is None else records(inside, *keys)


def _object(item: Any) -> dict[str, Any] | None:
    return item if isinstance(item, dict) else None


def _csv_sheet(file: Path) -> Sheet:
    content = _content(file)
    try:
        content.decode("utf-8")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "cp1251"
    try:
        first = content.decode(encoding).split("\n", 1)[0].rstrip("\r")
    except UnicodeDecodeError as error:
        raise BadInput("is neither UTF-8 nor cp1251 text", where=file.name, mend="Save it as UTF-8") from error
    try:
        split = [(mark, next(csv.reader([first], delimiter=mark, strict=True), [])) for mark in (";", ",", "\t")]
    except csv.Error as error:
        raise BadInput(f"the first line cannot be read: {error}", where=file.name, mend="Mend its quotes") from error
    delimiter, headings = max(split, key=lambda found: len(found[1]))
    return Sheet(file, [heading.strip() for heading in headings], encoding=encoding, delimiter=delimiter)


def columns(found: Sheet, section: str, settings: Mapping[str, Any], needed: Sequence[str]) -> dict[str, str]:
    """Which heading of a table is which column, by the settings.

    Args:
        found: the table.
        section: of importers.toml, for the messages.
        settings: name -> heading, or several that it may have; "" says that the export has no such column.
        needed: names that cannot do without.

    Returns:
        name -> heading as it is in the file, "" where there is none.

    Raises:
        BadConfig: a setting is no heading, or a needed one is empty.
        BadInput: a heading is not in the file; names those that are, and the setting to change.
    """
    known = {same(heading): heading for heading in found.headings}
    chosen: dict[str, str] = {}
    for name, value in settings.items():
        allowed = [value] if isinstance(value, str) else value
        if not (isinstance(allowed, list) and all(isinstance(heading, str) for heading in allowed)):
            mend = f'Write {name} = "heading" or a list of headings'
            raise BadConfig(f"{name} = {value!r} is no heading", where=f"importers.toml [{section}]", mend=mend)
        wanted = [heading for heading in allowed if heading]
        if not wanted and name in needed:
            mend = f"Write what the column is called: {', '.join(found.headings)}"
            raise BadConfig(f"{name} is empty", where=f"importers.toml [{section}]", mend=mend)
        doubled = [heading for heading in wanted if list(map(same, found.headings)).count(same(heading)) > 1]
        if doubled:
            raise BadInput(f"has the heading {doubled[0]} twice", where=found.file.name, mend="Rename one of them")
        chosen[name] = next((known[same(heading)] for heading in wanted if same(heading) in known), "")
        if wanted and not chosen[name]:
            mend = (
                f'Its headings are: {", ".join(found.headings)}. Write the right one as {name} = "..." under '
                f"[{section}] in importers.toml" + ("" if name in needed else f', or {name} = "" if there is none')
            )
            raise BadInput(f"lacks the heading {' or '.join(wanted)}", where=found.file.name, mend=mend)
    return chosen
