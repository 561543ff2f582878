"""A mapping proposed for a person to edit: what is sure is written, what is not is a comment with its candidates."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.contracts import TABLES
from features.importers.cells import moments, numbers
from features.importers.guess import FLAGS, Proposal, meaning, out_of_bounds, proposals
from features.importers.look import Look, decimals, lacks_zone, look, time_forms

ASK = "# ? "
_ISO_FORMS = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_MOST_VALUES = 30


def propose(files: Sequence[Path], words: Mapping[str, Any], zone: str, beside: Path) -> str:
    """Proposes a mapping.

    Args:
        files: the exports.
        words: `configs/headings.toml`.
        zone: the school's, as a candidate for moments without an offset.
        beside: the folder in which the mapping will lie; files are named from there.

    Returns:
        TOML. Every line that begins with `ASK` is to be settled; without them it can be imported.

    Raises:
        BadInput: a file cannot be read.
    """
    blocks = [line for file in files for line in _file(look(file), words, zone, beside)]
    asked = sum(line.startswith(ASK) for line in blocks)
    head = [
        "# A mapping proposed from the first rows of some exports: read all of it. A line with # ? is a question:",
        "# take the # ? away, write another candidate, or delete the line. All keys: configs/csv-mapping.example.toml",
        f"# Questions: {asked}. Nothing is imported yet; when they are settled: handrail import csv MAPPING",
    ]
    return "\n".join([*head, *blocks]) + "\n"


def quoted(text: str) -> str:
    """A text as TOML writes it."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _file(found: Look, words: Mapping[str, Any], zone: str, beside: Path) -> Iterator[str]:
    name = Path(os.path.relpath(found.file, beside)).as_posix()
    yield from ("", f"# {_comment(name)}: {', '.join(map(_comment, found.headings))}")
    yield from (f"{ASK}{note}" for note in found.notes)
    blocks, others = proposals(found, words)
    if not blocks:
        yield f"{ASK}no table of Handrail fits these headings; the tables are: {', '.join(TABLES)}"
        return
    if others:
        yield f"{ASK}{blocks[0].table} fits best; it could also be {' or '.join(others)}"
    used = {heading for block in blocks for heading in block.used}
    left = [heading for heading in found.headings if heading not in used]
    if left:
        yield f"# not used: {', '.join(map(_comment, left))}"
    for block in blocks:
        yield from _Written(block, found, words["values"].get(block.table, {}), zone, name).lines()


def _comment(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


@dataclass
class _Written:
    """One block as lines of TOML."""

    block: Proposal
    look: Look
    meanings: Mapping[str, Mapping[str, list[str]]]
    zone: str
    name: str

    def lines(self) -> Iterator[str]:
        block, look = self.block, self.look
        contract = TABLES[block.table]
        columns, constants = list(self._columns()), self._constants()
        yield from ("", "[[table]]", f"name = {quoted(block.table)}", f"file = {quoted(self.name)}")
        if look.kind == "csv":
            yield from [f"encoding = {quoted(look.encoding)}"] * (look.encoding != "utf-8")
            yield from [f"delimiter = {quoted(look.delimiter)}"] * (look.delimiter != ",")
        yield from self._decimal()
        yield from self._times()
        if block.where_present:
            yield f"where_present = {quoted(block.where_present)}"
        if block.id_from:
            yield f"id_from = [{', '.join(map(quoted, block.id_from))}]  # the file seems to have no ids"
        if block.constants:
            yield f"constants = {{ {', '.join(f'{n} = {quoted(v)}' for n, v in block.constants.items())} }}"
        elif constants:
            yield constants
        if "known_at" not in block.columns and "occurred_at" in contract.columns:
            yield 'copy = { known_at = "occurred_at" }  # the file seems to have one time only'
        yield from self._multiply()
        yield from ("[table.columns]", *columns)
        yield from self._values()

    def _times(self) -> Iterator[str]:
        contract = TABLES[self.block.table]
        named = {**{n: h[:1] for n, h in self.block.doubts.items()}, **self.block.columns}
        times = [self.look.values(h) for n, found in named.items() if contract.columns[n].kind == "time" for h in found]
        forms = [(values, time_forms(values)) for values in times]
        sure = list(dict.fromkeys(found[0] for _, found in forms if len(found) == 1))
        if "" in sure and len(sure) > 1:
            written = pd.concat([values for values, found in forms if found == [""]])
            iso = [form for form in _ISO_FORMS if moments(written, (form,), "UTC")[0].notna().any()]
            sure = [*iso, *filter(None, sure)]
        if any(sure):
            listed = ", ".join(map(quoted, sure))
            yield f"time_format = [{listed}]" if len(sure) > 1 else f"time_format = {listed}"
        for first, *others in {tuple(found): None for _, found in forms if len(found) > 1}:
            yield f"{ASK}time_format = {quoted(first)}  # or {' or '.join(map(quoted, others))}: the values fit both"
        if any(lacks_zone(values, found[0]) for values, found in forms if found):
            yield f"{ASK}time_zone = {quoted(self.zone)}  # the moments say no offset; this is the school's zone"

    def _number_headings(self) -> Iterator[tuple[str, str]]:
        for name, headings in self.block.columns.items():
            if TABLES[self.block.table].columns[name].kind in ("number", "integer") and len(headings) == 1:
                yield name, headings[0]

    def _decimal(self) -> Iterator[str]:
        found = {tuple(decimals(self.look.values(heading))) for _, heading in self._number_headings()}
        if (",",) in found:
            yield 'decimal = ","'
        elif (",", ".") in found:
            yield f'{ASK}decimal = ","  # if the commas stand between thousands, export without them'

    def _read(self, heading: str) -> pd.Series:
        values = self.look.values(heading)
        mark = (decimals(values) or ["."])[0]
        return pd.to_numeric(numbers(values, mark), errors="coerce").dropna()

    def _in_major_units(self, column: str) -> bool | None:
        """Whether an amount is in roubles and not in kopecks; None where its values do not tell."""
        if not column.endswith("_minor") or self.block.levels.get(column) == 4:
            return False
        if len(decimals(self.look.values(self.block.columns[column][0]))) != 1:
            return None
        return True if (self._read(self.block.columns[column][0]) % 1 != 0).any() else None

    def _multiply(self) -> Iterator[str]:
        for name, heading in self._number_headings():
            if self._in_major_units(name):
                yield f"multiply = {{ {name} = 100 }}  # {_comment(heading)} has fractions, the table wants minor units"
            elif self._in_major_units(name) is None:
                yield f"{ASK}multiply = {{ {name} = 100 }}  # unless {_comment(heading)} is in minor units already"

    def _columns(self) -> Iterator[str]:
        contract = TABLES[self.block.table]
        for name, column in contract.columns.items():
            headings = self.block.columns.get(name)
            if headings:
                written = f"[{', '.join(map(quoted, headings))}]" if len(headings) > 1 else quoted(headings[0])
                units = name in dict(self._number_headings()) and self._in_major_units(name) is None
                why = "  # needs the line with multiply above, unless it is in minor units already" if units else ""
                yield f"{ASK if why else ''}{name} = {written}{why}"
            elif name in self.block.doubts and name not in self.block.constants:
                found = self.block.doubts[name]
                if name == "enrolment_id" and self.block.student:
                    both = ", ".join(map(quoted, [*found[:1], self.block.student]))
                    yield f"{ASK}{name} = [{both}]  # first what names the course"
                    continue
                needed = "needed" if column.required and column.default is None else "not needed"
                rest = f"or {' or '.join(map(quoted, found[1:]))}; " if found[1:] else ""
                if found:
                    wrong = column.kind in ("number", "integer") and out_of_bounds(self.look.values(found[0]), column)
                    rest += f"{wrong}; " if wrong else ""
                    yield f"{ASK}{name} = {quoted(found[0])}  # {rest}{needed}: {column.text}"
                elif not self._is_constant(name):
                    yield f'{ASK}{name} = ""  # no heading fits; needed: {column.text}'

    def _is_constant(self, name: str) -> bool:
        return TABLES[self.block.table].columns[name].kind == "choice" or name == "known_at"

    def _constants(self) -> str:
        """A question for columns that no heading gives, but one value for all rows might."""
        contract = TABLES[self.block.table]
        lost = [name for name, found in self.block.doubts.items() if not found and self._is_constant(name)]
        if not lost:
            return ""
        values = {name: (contract.columns[name].choices or ("2025-09-01",))[0] for name in lost}
        choices = "; ".join(
            f"{name} is one of: {', '.join(contract.columns[name].choices)}"
            if contract.columns[name].choices
            else f"{name}: {contract.columns[name].text}"
            for name in lost
        )
        return f"{ASK}constants = {{ {', '.join(f'{n} = {quoted(v)}' for n, v in values.items())} }}  # {choices}"

    def _values(self) -> Iterator[str]:
        for name, headings in self.block.columns.items():
            column = TABLES[self.block.table].columns[name]
            if column.kind not in ("choice", "flag"):
                continue
            found = [str(value) for value in self.look.values(headings[0]).unique()]
            known = set(column.choices) if column.choices else FLAGS
            new = [value for value in found if (value if column.choices else value.lower()) not in known]
            if new:
                yield f"[table.values.{name}]"
            for value in new[:_MOST_VALUES]:
                said = meaning(value, self.meanings.get(name, {}))
                choices = ", ".join(column.choices or ("true", "false"))
                yield f"{quoted(value)} = {quoted(said)}" if said else f'{ASK}{quoted(value)} = ""  # one of: {choices}'
            if len(new) > _MOST_VALUES:
                yield f"{ASK}{len(new) - _MOST_VALUES} more values under {_comment(headings[0])} have no meaning yet"
