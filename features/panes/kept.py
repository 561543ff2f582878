"""Panes in memory or mapped from disk: one row per enrolment, day and day of knowing, ordered by enrolment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

_KEYS = ("at", "day", "known_day")


@dataclass(frozen=True)
class Pane:
    """The measures of one pane.

    Attributes:
        at: (n,) int32, positions of enrolments in ascending order.
        day: (n,) int32, day numbers of what happened, in ascending order for each enrolment.
        known_day: (n,) int32, day numbers of when it was known.
        measures: by name, (n,) whole numbers.
    """

    at: np.ndarray
    day: np.ndarray
    known_day: np.ndarray
    measures: Mapping[str, np.ndarray]

    def rows(self, rows: np.ndarray | slice, at: np.ndarray) -> Pane:
        """Some rows, which are then of the enrolments at ``at``."""
        measures = {name: values[rows] for name, values in self.measures.items()}
        return Pane(at, self.day[rows], self.known_day[rows], measures)


@dataclass(frozen=True)
class Panes:
    """The panes of some enrolments, by name.

    Attributes:
        size: number of enrolments.
    """

    size: int
    panes: Mapping[str, Pane] = field(repr=False)

    def of(self, positions: np.ndarray) -> dict[str, Pane]:
        """The panes of some enrolments, who are then named by their place in ``positions``.

        Args:
            positions: (n,) int64. A pane without a row of theirs is left out.
        """
        if len(positions) == self.size == 1:
            return {name: pane for name, pane in self.panes.items() if len(pane.at)}
        if len(positions) == 1:
            return self._of_one(int(positions[0]))
        found = {}
        lows, highs = self._starts[positions].T, self._starts[positions + 1].T
        for (name, pane), low, high in zip(self.panes.items(), lows, highs, strict=True):
            length = high - low
            if total := int(length.sum()):
                at = np.repeat(np.arange(len(positions)), length)
                place = np.arange(total) - np.repeat(np.cumsum(length) - length, length)
                found[name] = pane.rows(place + np.repeat(low, length), at)
        return found

    def _of_one(self, position: int) -> dict[str, Pane]:
        edges = zip(self._starts[position].tolist(), self._starts[position + 1].tolist(), strict=True)
        return {
            name: pane.rows(slice(low, high), np.zeros(high - low, dtype="int64"))
            for (name, pane), (low, high) in zip(self.panes.items(), edges, strict=True)
            if low < high
        }

    @cached_property
    def _starts(self) -> np.ndarray:
        """(size + 1, panes) where the rows of each enrolment begin in each pane."""
        edges = np.arange(self.size + 1)
        starts = [np.searchsorted(pane.at, edges) for pane in self.panes.values()]
        return np.array(starts, dtype="int64").reshape(-1, self.size + 1).T.copy()

    @cached_property
    def first_day(self) -> int | None:
        """The first day of any row; None when there is none."""
        return min((int(pane.day.min()) for pane in self.panes.values() if len(pane.day)), default=None)

    def save(self, folder: Path) -> None:
        """Writes the panes, one array a file, to a folder that is there."""
        names = {name: list(pane.measures) for name, pane in self.panes.items()}
        for name, pane in self.panes.items():
            arrays = {key: getattr(pane, key) for key in _KEYS} | {f"m-{m}": v for m, v in pane.measures.items()}
            for column, values in arrays.items():
                np.save(folder / f"{name}.{column}.npy", values)
        (folder / "panes.json").write_text(json.dumps({"size": self.size, "panes": names}), "utf-8")

    @classmethod
    def open(cls, folder: Path) -> Panes:
        """Maps the panes of a folder into memory: what is not asked for is not read."""
        kept = json.loads((folder / "panes.json").read_text("utf-8"))

        def array(name: str, column: str) -> np.ndarray:
            # A mapped array behaves like any other; the plain view spares numpy the subclass on every operation.
            return np.asarray(np.load(folder / f"{name}.{column}.npy", mmap_mode="r", allow_pickle=False))

        panes = {
            name: Pane(
                array(name, "at"),
                array(name, "day"),
                array(name, "known_day"),
                {measure: array(name, f"m-{measure}") for measure in measures},
            )
            for name, measures in kept["panes"].items()
        }
        return cls(kept["size"], panes)
