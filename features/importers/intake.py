"""One input on its way into the lake: chunks of text become rows of a table as the mapping says, faults counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import pandas as pd

from features.contracts import TABLES
from features.errors import BadInput
from features.importers.cells import ids, moments, numbers
from features.importers.chunk import Chunk
from features.importers.inputs import rejects
from features.importers.mapping import Block
from features.importers.numbering import Numbering
from features.lake import Batch


@dataclass
class Intake:
    """One input of one block of a mapping.

    Attributes:
        batch: where the rows go.
        block: says what they are.
        name: of the file or query, for the reasons.
        mapping: the mapping's name, for the reasons.
        rows: taken so far, the broken ones too.
        reasons: how often each (column, reason, mend) set a row aside.
    """

    batch: Batch
    block: Block
    name: str
    mapping: str
    rows: int = field(default=0, init=False)
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter, init=False)
    _example: dict[str, str] = field(default_factory=dict, init=False)
    _numbering: Numbering = field(default_factory=Numbering, init=False)

    def add(self, chunk: Chunk) -> None:
        """Takes the next rows."""
        block, cells = self.block, chunk.rows
        self.batch.ignore(f"{self.name}: an empty row", chunk.empty)
        for reason, mend in dict.fromkeys((reason, mend) for _, reason, mend, _ in chunk.broken):
            same = {line: text for line, why, _, text in chunk.broken if why == reason}
            self._set_aside(pd.Series(same), "", reason, mend)
        if block.where_present and len(cells):
            here = cells[block.where_present] != ""
            self.batch.ignore(f"{self.name}: no {block.where_present}", int((~here).sum()))
            cells = cells[here]
        self.rows += len(chunk.broken) + len(cells)
        for heading in chunk.unseen:
            self.batch.ignore(f"{self.name}: the field {heading}, which no row has", self.rows)
        frame = _named(block, cells)
        if block.id_from:
            frame[TABLES[block.table].key[0]] = _ids(block, cells, self._numbering)
        frame = self._with_moments(frame, chunk.moments)
        for column, source in block.copy.items():
            frame[column] = frame[source]
        self._count(self.batch.write(block.table, frame, file=self.name).rejects)

    def _with_moments(self, frame: pd.DataFrame, typed: frozenset[str]) -> pd.DataFrame:
        """Text to moments; rows where that fails are set aside."""
        contract, block = TABLES[self.block.table], self.block
        for column in [name for name, kind in contract.columns.items() if kind.kind == "time" and name in frame]:
            plain = column in block.constants or typed.issuperset(block.columns.get(column, ("",)))
            formats = () if plain else block.time_formats
            text = frame[column]
            found, naive = moments(text, formats, block.time_zone)
            unread = (text != "") & found.isna() & ~naive
            form = f"of the form {' or '.join(formats)}" if formats else "in ISO 8601"
            self._set_aside(text[unread], column, f"is not a moment {form}", "Write time_format as the file has it")
            self._set_aside(text[naive], column, "has no time zone", 'Write time_zone = "Europe/Moscow" or the like')
            frame = frame.assign(**{column: found})[~unread & ~naive]
        return frame

    def _set_aside(self, values: pd.Series, column: str, reason: str, mend: str) -> None:
        """Sets aside rows that cannot be turned into rows of the table; `values` is indexed by row number."""
        where = f", in table block {self.block.number} of {self.mapping}" if column else ""
        found = rejects(
            self.block.table,
            self.name,
            values.index.to_series(),
            column=column,
            reason=reason,
            mend=mend + where,
            values=values,
        )
        self.batch.set_aside(self.block.table, found)
        self._count(found)

    def _count(self, found: pd.DataFrame) -> None:
        if len(found):
            self.reasons.update(found[["column", "reason", "mend"]].itertuples(index=False, name=None))
            self._example = self._example or {str(k): str(v) for k, v in found.iloc[0].items()}

    def refuse_if_all_fail(self) -> None:
        """An input of which no row is sound, always for the same reason, is the wrong one or wrongly mapped.

        Raises:
            BadInput: it is; says the reason with an example.
        """
        for (column, reason, mend), count in self.reasons.items():
            if count == self.rows:
                row = f"row {self._example['row']} has {self._example['value']!r}"
                raise BadInput(
                    f"all {count} rows: {column} {reason} ({row})".replace(":  ", ": "),
                    where=f"{self.name} (table block {self.block.number} of {self.mapping})",
                    mend=mend,
                )


def _named(block: Block, cells: pd.DataFrame) -> pd.DataFrame:
    """The block's columns as text."""
    frame = pd.DataFrame(index=cells.index)
    for column, headings in block.columns.items():
        text = cells[headings[0]]
        for heading in headings[1:]:
            text = (text + ":" + cells[heading]).where((text != "") & (cells[heading] != ""), "")
        meanings = block.values.get(column)
        frame[column] = text.map(lambda value, known=meanings: known.get(value, value)) if meanings else text
        if TABLES[block.table].columns[column].kind in ("number", "integer"):
            frame[column] = numbers(frame[column], block.decimal, block.multiply.get(column))
    for column, value in block.constants.items():
        frame[column] = pd.Series(value, index=cells.index, dtype="str")
    return frame


def _ids(block: Block, cells: pd.DataFrame, numbering: Numbering) -> pd.Series:
    """Ids of rows that have none; the table and the constants belong to them, so one row may give several events."""
    kind = [block.table, *(f"{name}={value}" for name, value in sorted(block.constants.items()))]
    return ids(cells[list(block.id_from)], kind, numbering)
