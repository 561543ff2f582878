"""The mapping file: how exports and queries become rows of the contracts; checked whole before anything is read."""

from __future__ import annotations

import codecs
import glob
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal
from zoneinfo import available_timezones

from features.config import read_toml
from features.contracts import TABLES
from features.errors import BadConfig, BadInput
from features.importers.cells import UNIX_FORMATS

KEYS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "file": str,
    "source": str,
    "query": str,
    "since": str,
    "encoding": str,
    "delimiter": str,
    "decimal": str,
    "time_zone": str,
    "time_format": (str, list),
    "columns": dict,
    "constants": dict,
    "copy": dict,
    "values": dict,
    "multiply": dict,
    "where_present": str,
    "id_from": list,
}
Origin = Literal["file", "query"]
"""Where the rows of a mapping come from."""
_OWN_KEYS: dict[Origin, tuple[str, ...]] = {
    "file": ("file", "encoding", "delimiter"),
    "query": ("source", "query", "since"),
}
_NEEDED: dict[Origin, tuple[str, ...]] = {"file": ("name", "file"), "query": ("name", "source", "query")}
_DOOR: dict[Origin, str] = {"file": "handrail import csv", "query": "handrail import database"}
SOURCE_NAME = re.compile(r"[a-z][a-z0-9_]*")
_BY_COLUMN = ("columns", "constants", "copy", "values", "multiply")
_KINDS: dict[type | tuple[type, ...], str] = {
    str: "a text",
    dict: "a table",
    list: "a list",
    (str, list): "a text or a list of texts",
}


@dataclass(frozen=True)
class Block:
    """One `[[table]]` of a mapping.

    Attributes:
        number: counts from 1 in the file.
        table: the contract's name.
        files: in the order of their names; none where there is a query.
        source, query: the name of a database, and what is asked of it.
        since: column of the query that only grows when a row is added or changed; "" asks for everything each time.
        encoding, delimiter, decimal: of the files.
        time_zone: of moments without an offset; "" refuses them.
        time_formats: tried in order; none is ISO 8601.
        columns: contract column -> headings, whose values are joined with ":".
        constants: contract column -> one value for every row.
        copy: contract column -> contract column it repeats.
        values: contract column -> what its values mean.
        multiply: contract column -> factor.
        where_present: rows whose value under this heading is empty are no facts of this block.
        id_from: headings that make a row what it is, where the export has no id.
    """

    number: int
    table: str
    files: tuple[Path, ...] = ()
    source: str = ""
    query: str = ""
    since: str = ""
    encoding: str = "utf-8"
    delimiter: str = ","
    decimal: str = "."
    time_zone: str = ""
    time_formats: tuple[str, ...] = ()
    columns: dict[str, tuple[str, ...]] = field(default_factory=dict)
    constants: dict[str, str] = field(default_factory=dict)
    copy: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    multiply: dict[str, float] = field(default_factory=dict)
    where_present: str = ""
    id_from: tuple[str, ...] = ()

    @property
    def headings(self) -> list[str]:
        """Every heading in use, once, in the order met."""
        named = [heading for headings in self.columns.values() for heading in headings]
        return list(dict.fromkeys([*named, *self.id_from, *filter(None, [self.where_present])]))


def read(path: Path, origin: Origin = "file") -> list[Block]:
    """Reads a mapping.

    Args:
        path: of the mapping.
        origin: whether its blocks name files or queries.

    Raises:
        BadConfig: it cannot be used; every fault is named, with its block.
        BadInput: a file that it names is not there.
    """
    content = read_toml(path)
    tables = content.pop("table", None)
    if not (isinstance(tables, list) and tables and all(isinstance(table, dict) for table in tables)):
        raise BadConfig(
            "has no [[table]] block", where=str(path), mend="Begin with configs/csv-mapping.example.toml and change it"
        )
    faults = [f"unknown key {_known(key, ['table'])} outside of the [[table]] blocks" for key in content]
    for number, table in enumerate(tables, 1):
        faults += [
            f"table block {number} ({table.get('name', 'no name')}): {fault}" for fault in _faults(table, origin)
        ]
    if faults:
        raise BadConfig("; ".join(faults), where=str(path), mend="Mend the mapping; nothing was read")
    return [_block(number, table, path) for number, table in enumerate(tables, 1)]


def _known(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"{name!r} (did you mean {near[0]!r}?)" if near else f"{name!r}"


def _faults(table: dict[str, Any], origin: Origin) -> list[str]:
    other: Origin = "query" if origin == "file" else "file"
    foreign = [key for key in _OWN_KEYS[other] if key in table]
    if foreign:
        return [f"{foreign[0]} belongs to a mapping of `{_DOOR[other]}`; here a block has a {origin}"]
    faults = [f"unknown key {_known(key, list(KEYS))}" for key in table if key not in KEYS]
    faults += [f"{key} is missing" for key in _NEEDED[origin] if key not in table]
    wrong = [key for key, kind in KEYS.items() if key in table and not isinstance(table[key], kind)]
    faults += [f"{key} is not {_KINDS[KEYS[key]]}" for key in wrong]
    if "name" in table and table["name"] not in TABLES:
        faults.append(f"unknown table {_known(str(table['name']), list(TABLES))}; the tables are: {', '.join(TABLES)}")
    if faults:
        return faults
    return [*_reading_faults(table), *_column_faults(table), *_value_faults(table)]


def _reading_faults(table: dict[str, Any]) -> list[str]:
    """What is wrong with how the file is to be read."""
    faults = []
    try:
        codecs.lookup(table.get("encoding", "utf-8"))
    except LookupError:
        faults.append(f"unknown encoding {table['encoding']!r}: write utf-8, cp1251, latin-1 or the like")
    if len(table.get("delimiter", ",")) != 1:
        faults.append('delimiter is not one character: write "," or ";" or "\\t"')
    if table.get("decimal", ".") not in (".", ","):
        faults.append('decimal is neither "." nor ","')
    if table.get("time_zone", "UTC") not in available_timezones():
        faults.append(f'unknown time_zone {table["time_zone"]!r}: write it like "Europe/Moscow"')
    formats = _listed(table.get("time_format", []))
    if not all(isinstance(form, str) and ("%" in form or form in UNIX_FORMATS) for form in formats):
        faults.append('time_format is not made of codes: write it like "%d.%m.%Y %H:%M"')
    if not all(isinstance(heading, str) and heading for heading in table.get("id_from", [])):
        faults.append("id_from is not a list of headings")
    if not SOURCE_NAME.fullmatch(table.get("source", "x")):
        faults.append(f"source {table['source']!r} is not a name of small letters, digits and _")
    if table.get("since") and table.get("id_from") and table["since"] not in table["id_from"]:
        faults.append(f"id_from lacks {table['since']}, the column of since: rows that differ in it only would be lost")
    return faults


def _column_faults(table: dict[str, Any]) -> list[str]:
    """Columns that the contract does not have, that are given twice, or not at all."""
    contract = TABLES[table["name"]]
    given = {part: table.get(part, {}) for part in _BY_COLUMN}
    faults = [
        f"unknown column {_known(column, list(contract.columns))} in {part}"
        for part in _BY_COLUMN
        for column in given[part]
        if column not in contract.columns
    ]
    if faults:
        return [f"{'; '.join(faults)}; the columns of {contract.name} are: {', '.join(contract.columns)}"]
    key = {contract.key[0]: 1} if table.get("id_from") else {}
    sources = [*given["columns"], *given["constants"], *given["copy"], *key]
    faults += [f"{column} is given twice" for column in dict.fromkeys(sources) if sources.count(column) > 1]
    missing = [n for n, c in contract.columns.items() if c.required and c.default is None and n not in sources]
    if missing:
        hint = f"; {contract.key[0]} can be made by id_from" if contract.key[0] in missing else ""
        faults.append(f"nothing gives {', '.join(missing)}{hint}")
    own = [*given["columns"], *given["constants"]]
    faults += [
        f"copy: {source!r} is not in columns or constants" for source in given["copy"].values() if source not in own
    ]
    faults += [
        f"{part}: {column} is not in columns"
        for part in ("values", "multiply")
        for column in given[part]
        if column not in given["columns"]
    ]
    return faults


def _value_faults(table: dict[str, Any]) -> list[str]:
    """Values of the wrong kind, and meanings that the contract does not allow."""
    contract = TABLES[table["name"]]
    faults = [
        f"columns: {column} is neither a heading nor a list of headings"
        for column, headings in table.get("columns", {}).items()
        if not _listed(headings) or not all(isinstance(heading, str) and heading for heading in _listed(headings))
    ]
    faults += [
        f"constants: {column} is not one value"
        for column, value in table.get("constants", {}).items()
        if not isinstance(value, str | int | float | bool | date)
    ]
    for column, meanings in table.get("values", {}).items():
        if not (isinstance(meanings, dict) and all(isinstance(v, str) for v in meanings.values())):
            faults.append(f'values: {column} is not a table: write {column} = {{ "in the file" = "meaning" }}')
            continue
        choices = contract.columns[column].choices
        wrong = [meaning for meaning in meanings.values() if choices and meaning not in choices]
        faults += [f"values: {column} cannot be {m!r}; it is one of: {', '.join(choices)}" for m in wrong]
    for column, factor in table.get("multiply", {}).items():
        if contract.columns[column].kind not in ("number", "integer"):
            faults.append(f"multiply: {column} is not a number")
        if isinstance(factor, bool) or not isinstance(factor, int | float) or factor <= 0:
            faults.append(f"multiply: the factor of {column} is not a number above 0")
    return faults


def _listed(value: Any) -> list[Any]:
    """One text or a list of them, as a list."""
    if isinstance(value, str):
        return [value]
    return value if isinstance(value, list) else []


def _block(number: int, table: dict[str, Any], path: Path) -> Block:
    return Block(
        number=number,
        table=table["name"],
        files=_files(number, table["file"], path) if "file" in table else (),
        source=table.get("source", ""),
        query=table.get("query", ""),
        since=table.get("since", ""),
        encoding=table.get("encoding", "utf-8"),
        delimiter=table.get("delimiter", ","),
        decimal=table.get("decimal", "."),
        time_zone=table.get("time_zone", ""),
        time_formats=tuple(_listed(table.get("time_format", []))),
        columns={name: tuple(_listed(headings)) for name, headings in table.get("columns", {}).items()},
        constants={name: _plain(value) for name, value in table.get("constants", {}).items()},
        copy=table.get("copy", {}),
        values=table.get("values", {}),
        multiply={name: float(factor) for name, factor in table.get("multiply", {}).items()},
        where_present=table.get("where_present", ""),
        id_from=tuple(table.get("id_from", [])),
    )


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _files(number: int, pattern: str, path: Path) -> tuple[Path, ...]:
    found = sorted(path.parent / name for name in glob.glob(pattern, root_dir=path.parent))
    plain = path.parent / pattern
    files = [plain] if plain.is_file() else [file for file in found if file.is_file()]  # brackets need be no pattern
    if not files:
        raise BadInput(
            f"there is no such file: {pattern}",
            where=f"{path}, table block {number}",
            mend="Paths are relative to the mapping file; * stands for any part of a name",
        )
    return tuple(files)
