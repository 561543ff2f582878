"""A school's databases, by query: only read, and asked again only for what is new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd

from features.config import School
from features.errors import BadInput, HandrailError
from features.importers import databases
from features.importers import mapping as mappings
from features.importers.cells import as_text, at
from features.importers.chunk import Chunk
from features.importers.databases import Database
from features.importers.inputs import Progress, digest, silent
from features.importers.intake import Intake
from features.importers.mapping import Block
from features.importers.watermark import Watermark, highest
from features.lake import Batch, ImportReport, Lake


def load(school: School, mapping: Path, progress: Progress | None = None) -> ImportReport:
    """Imports what the queries of a mapping file find.

    A block with `since` is asked only for what is newer than the last import's watermark, which lies in the lake
    beside what that import added. A block that was changed is asked for everything again.

    Args:
        school: where to; its `sources` hold the secret URLs.
        mapping: TOML, as for files, but each block has `source`, `query` and perhaps `since`.
        progress: told how many blocks are done.

    Returns:
        What was read, kept and set aside.

    Raises:
        BadConfig: the mapping or a URL cannot be used.
        BadInput: a query fails, lacks a column, or all its rows fail for the same reason; then nothing is added.
        Unavailable: a database does not answer, or does not let us in.
    """
    blocks = mappings.read(mapping, "query")
    back = school.config("importers")["database"]
    lake = Lake(school.lake, school.zone)
    keys = [digest("mark", {**asdict(block), "number": 0}, []) for block in blocks]
    marks = {key: Watermark.of(mark) for key, mark in lake.marks().items() if key in keys}
    name = digest("database", {"keys": keys, "batches": len(lake.batches())}, [])
    tell = progress or silent
    with lake.adding("database", name) as batch:
        done = 0
        for source in dict.fromkeys(block.source for block in blocks):
            with databases.opened(source, school.sources) as database:
                for block, key in zip(blocks, keys, strict=True):
                    if block.source == source:
                        one = _Asked(database, batch, block, mapping.name, marks.get(key))
                        for rows in one.all(back):
                            tell(done, len(blocks), f"{source}, query {block.number}: {rows:,} rows")
                        batch.marks |= {key: one.mark.as_mark()} if one.mark else {}
                        done += 1
                        tell(done, len(blocks), f"{source}, query {block.number}")
    return batch.report


class _Asked:
    """One block's query on its way into the lake."""

    def __init__(self, database: Database, batch: Batch, block: Block, mapping: str, mark: Watermark | None) -> None:
        self.database, self.block, self.mark = database, block, mark
        self.where = f"{block.source} (table block {block.number} of {mapping})"
        self.intake = Intake(batch, block, f"{block.source}, query {block.number}", mapping)

    def all(self, back: dict[str, int]) -> Iterator[int]:
        """Takes all that is new; yields how many rows so far.

        Args:
            back: `overlap_days` and `overlap_numbers` of the settings.
        """
        block, first_time = self.block, self.mark is None
        start = self.mark.asked_from(back["overlap_days"], back["overlap_numbers"]) if self.mark else None
        with _located(self.where):
            places = _places(self.database.columns(block.query), block)
        taken, parts = 0, self.database.rows(block.query, block.since, start)
        while True:
            with _located(self.where):
                rows = next(parts, None)
                if rows is None:
                    break
                if block.since:
                    newest = (row[places[block.since][0]] for row in rows)
                    self.mark = highest(newest, block.since, self.mark)
            self.intake.add(_chunk(places, rows, taken, block))
            taken += len(rows)
            yield taken
        if first_time:  # later there may be one new row only, and it must not stop the others
            self.intake.refuse_if_all_fail()


def _places(names: Sequence[str], block: Block) -> dict[str, tuple[int, str]]:
    """Where each heading in use stands: the number of its column, and its name inside of that ("" is all of it).

    Raises:
        BadInput: there is no such column.
    """
    found = {}
    for heading in dict.fromkeys([*block.headings, *filter(None, [block.since])]):
        for at_letter in (len(heading), *(n for n, letter in enumerate(heading) if letter == ".")):
            if heading[:at_letter] in names:
                found[heading] = names.index(heading[:at_letter]), heading[at_letter + 1 :]
                break
    if found.get(block.since, (0, ""))[1]:
        del found[block.since]  # it is asked by, so it has to be a column itself
    missing = [heading for heading in [*block.headings, block.since] if heading and heading not in found]
    if missing:
        raise BadInput(
            f"the query lacks the column{'s' * (len(missing) > 1)} {', '.join(dict.fromkeys(missing))}",
            mend=f"Its columns are: {', '.join(names)}",
        )
    return found


def _chunk(places: Mapping[str, tuple[int, str]], rows: Sequence[tuple[Any, ...]], before: int, block: Block) -> Chunk:
    """Rows of a query as text, numbered from 1 on."""
    found = {
        heading: [_inside(row[places[heading][0]], places[heading][1]) for row in rows] for heading in block.headings
    }
    texts = {heading: [as_text(value) for value in values] for heading, values in found.items()}
    moments = frozenset(
        heading for heading, values in found.items() if any(isinstance(value, date) for value in values)
    )
    return Chunk(pd.DataFrame(texts, index=range(before + 1, before + len(rows) + 1), dtype="str"), moments=moments)


def _inside(value: Any, name: str) -> Any:
    if not name:
        return value
    return at(value, name) if isinstance(value, Mapping) else None


@contextmanager
def _located(where: str) -> Iterator[None]:
    """Says of a fault where it is."""
    try:
        yield
    except HandrailError as error:
        raise type(error)(error.what, where=where, mend=error.mend) from None
