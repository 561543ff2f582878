"""Lays the made school down as the exports a school would have: CSV files and the mapping that reads them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from features.contracts import TABLES
from features.synthetic.people import Calendar

Rows = dict[str, Any]
"""Columns of one table: numpy or Arrow arrays. A column of moments is seconds since 1970, -1 for none."""

MAPPING = "mapping.toml"


def spelled(names: Sequence[str], index: np.ndarray) -> Any:
    """``names[index]`` as an Arrow array, empty where the index is below 0."""
    index = np.asarray(index)
    return pa.array(names, pa.string()).take(pa.array(index, mask=index < 0))


def numbered(prefix: str, count: int) -> Any:
    """Ids like ``a000001``."""
    width = max(5, len(str(count)))
    digits = pc.utf8_lpad(pc.cast(pa.array(np.arange(1, count + 1)), pa.string()), width=width, padding="0")
    return pc.binary_join_element_wise(pa.scalar(prefix), digits, "")


class Exports:
    """Writes the files of one school.

    Args:
        folder: where; made when it is not there.
        calendar: says in which zone moments are written and where the history ends.
    """

    def __init__(self, folder: Path, calendar: Calendar) -> None:
        self.folder, self._calendar = folder, calendar
        self.rows: dict[str, int] = {}
        self._blocks: list[str] = []
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, table: str, rows: Rows, *, prefix: str = "", file: str = "") -> None:
        """Writes one file, in the order of knowing, without what was not known before the end.

        Args:
            table: the contract's name.
            rows: its columns, moments in seconds.
            prefix: with it the rows get ids of their own as the contract's key.
            file: its name without the ending; the table's when empty.
        """
        frame = pa.table(rows)
        frame = frame.filter(pc.less(frame["known_at"], self._calendar.end)).sort_by(
            [
                (name, "ascending")
                for name in ("known_at", *TABLES[table].key, "enrolment_id")
                if name in frame.column_names
            ]
        )
        if prefix:
            frame = frame.add_column(0, TABLES[table].key[0], numbered(prefix, len(frame)))
        at_once = "occurred_at" in frame.column_names and frame["known_at"].equals(frame["occurred_at"])
        if at_once:
            frame = frame.drop_columns(["known_at"])
        for place, name in enumerate(frame.column_names):
            if name.endswith("_at"):
                frame = frame.set_column(place, name, self._written(frame[name]))
            elif pa.types.is_floating(frame[name].type):
                frame = frame.set_column(place, name, pc.if_else(pc.is_nan(frame[name]), None, frame[name]))
        file = f"{file or table}.csv"
        pcsv.write_csv(frame, self.folder / file)
        self.rows[table] = self.rows.get(table, 0) + len(frame)
        self._blocks.append(_block(table, file, frame.column_names, at_once))

    def _written(self, seconds: Any) -> Any:
        moments = pc.if_else(pc.less(seconds, 0), None, seconds)
        return pc.strftime(moments.cast(pa.timestamp("s", self._calendar.zone)), format="%Y-%m-%dT%H:%M:%S%z")

    def finish(self) -> Path:
        """Writes the mapping; returns where it is."""
        head = "# How the made school's exports become tables. A mapping for your own exports looks like this one.\n"
        path = self.folder / MAPPING
        path.write_text("\n".join([head, *self._blocks]), "utf-8")
        return path


def _block(table: str, file: str, columns: Sequence[str], at_once: bool) -> str:
    lines = ["[[table]]", f'name = "{table}"', f'file = "{file}"']
    if at_once:
        lines.append('copy = { known_at = "occurred_at" }')
    lines += ["[table.columns]", *(f'{name} = "{name}"' for name in columns), ""]
    return "\n".join(lines)
