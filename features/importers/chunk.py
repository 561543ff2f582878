"""Rows of an input as text, some at a time: what every kind of input comes down to before it is checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from features.importers.mapping import Block

CHUNK_ROWS = 100_000


@dataclass
class Chunk:
    """Some rows of an input.

    Attributes:
        rows: text, one column per heading in use, empty cells are ""; the index is the row number.
        broken: (row number, reason, mend, text) of rows that have no cells to speak of.
        empty: how many rows hold nothing but delimiters.
        bytes_read: of the file, so far.
        moments: headings whose moments come typed, and so in ISO 8601, whatever form the mapping says.
        unseen: headings that no row of the whole input had; said with the last chunk.
    """

    rows: pd.DataFrame
    broken: list[tuple[int, str, str, str]] = field(default_factory=list)
    empty: int = 0
    bytes_read: int = 0
    moments: frozenset[str] = frozenset()
    unseen: tuple[str, ...] = ()


def frame(rows: Sequence[Sequence[str]], numbers: Sequence[int], headings: Sequence[str]) -> pd.DataFrame:
    """Rows of stripped text under their headings, by their numbers."""
    table = pd.DataFrame(rows, columns=list(headings), index=list(numbers), dtype="str")
    return table.apply(lambda column: column.str.strip()) if len(table) else table


def place_of(file: Path, block: Block, mapping: str) -> str:
    """Where a fault of a file is, for messages."""
    return f"{file.name} (table block {block.number} of {mapping})"
