"""Any school's CSV exports, through a mapping file that says which heading is which column of the contracts."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

import pandas as pd

from features.config import School
from features.contracts import TABLES
from features.errors import BadInput
from features.importers import mapping as mappings
from features.importers.cells import ids, moments, numbers
from features.importers.csv_file import Chunk, chunks, prove_encoding
from features.importers.inputs import Progress, digest, present, rejects, silent
from features.importers.mapping import Block
from features.importers.numbering import Numbering
from features.lake import Batch, ImportReport, Lake


def load(school: School, mapping: Path, progress: Progress | None = None) -> ImportReport:
    """Imports the exports that a mapping file names.

    Args:
        school: where to.
        mapping: TOML; `configs/csv-mapping.example.toml` shows all of it.
        progress: told how many bytes are read.

    Returns:
        What was read, kept and set aside.

    Raises:
        BadConfig: the mapping cannot be used; all its faults are named.
        BadInput: a file is missing, empty, in another encoding or without a heading, or every row of it fails for
            the same reason; then nothing is added.
    """
    blocks = mappings.read(mapping)
    files = [present(file) for block in blocks for file in block.files]
    settings = [{**asdict(block), "files": len(block.files)} for block in blocks]
    lake = Lake(school.lake, school.zone)
    name = digest("csv", {"blocks": settings, "zone": school.zone}, files)
    if lake.already_added(name):
        return ImportReport("csv", repeated=True)
    for block in blocks:
        for file in block.files:
            prove_encoding(file, block, mapping.name)
    total, done = sum(file.stat().st_size for file in files), 0
    tell = progress or silent
    with lake.adding("csv", name) as batch:
        for block in blocks:
            for file in block.files:
                one = _File(batch, block, file, mapping.name)
                for chunk in chunks(file, block, mapping.name):
                    one.add(chunk)
                    tell(done + chunk.bytes_read, total, file.name)
                one.refuse_if_all_fail()
                done += file.stat().st_size
    return batch.report


@dataclass
class _File:
    """One file on its way into the lake, and how often each reason set a row of it aside."""

    batch: Batch
    block: Block
    file: Path
    mapping: str
    rows: int = 0
    reasons: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    example: dict[str, str] = field(default_factory=dict)
    numbering: Numbering = field(default_factory=Numbering)

    def add(self, chunk: Chunk) -> None:
        block, cells = self.block, chunk.rows
        self.batch.ignore(f"{self.file.name}: an empty row", chunk.empty)
        for reason, mend in dict.fromkeys((reason, mend) for _, reason, mend, _ in chunk.broken):
            same = {line: text for line, why, _, text in chunk.broken if why == reason}
            self.set_aside(pd.Series(same), "", reason, mend)
        if block.where_present:
            here = cells[block.where_present] != ""
            self.batch.ignore(f"{self.file.name}: no {block.where_present}", int((~here).sum()))
            cells = cells[here]
        self.rows += len(chunk.broken) + len(cells)
        frame = _named(block, cells)
        if block.id_from:
            frame[TABLES[block.table].key[0]] = _ids(block, cells, self.numbering)
        frame = self._with_moments(frame)
        for column, source in block.copy.items():
            frame[column] = frame[source]
        self.count(self.batch.write(block.table, frame, file=self.file.name).rejects)

    def _with_moments(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Text to moments; rows where that fails are set aside."""
        contract, block = TABLES[self.block.table], self.block
        for column in [name for name, kind in contract.columns.items() if kind.kind == "time" and name in frame]:
            formats = () if column in block.constants else block.time_formats
            text = frame[column]
            found, naive = moments(text, formats, block.time_zone)
            unread = (text != "") & found.isna() & ~naive
            form = f"of the form {' or '.join(formats)}" if formats else "in ISO 8601"
            self.set_aside(text[unread], column, f"is not a moment {form}", "Write time_format as the file has it")
            self.set_aside(text[naive], column, "has no time zone", 'Write time_zone = "Europe/Moscow" or the like')
            frame = frame.assign(**{column: found})[~unread & ~naive]
        return frame

    def set_aside(self, values: pd.Series, column: str, reason: str, mend: str) -> None:
        """Sets aside rows that cannot be turned into rows of the table; `values` is indexed by line number."""
        where = f", in table block {self.block.number} of {self.mapping}" if column else ""
        found = rejects(
            self.block.table,
            self.file.name,
            values.index.to_series(),
            column=column,
            reason=reason,
            mend=mend + where,
            values=values,
        )
        self.batch.set_aside(self.block.table, found)
        self.count(found)

    def count(self, found: pd.DataFrame) -> None:
        if len(found):
            self.reasons.update(found[["column", "reason", "mend"]].itertuples(index=False, name=None))
            self.example = self.example or {str(k): str(v) for k, v in found.iloc[0].items()}

    def refuse_if_all_fail(self) -> None:
        """A file of which no row is sound, always for the same reason, is the wrong file or wrongly mapped."""
        for (column, reason, mend), count in self.reasons.items():
            if count == self.rows:
                row = f"row {self.example['row']} has {self.example['value']!r}"
                raise BadInput(
                    f"all {count} rows: {column} {reason} ({row})".replace(":  ", ": "),
                    where=f"{self.file.name} (table block {self.block.number} of {self.mapping})",
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
