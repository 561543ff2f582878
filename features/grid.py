"""The grid: days across, enrolments down, one array per measure; the folds of the catalogue read it.

A grid stands at one cut-off and moves forward only. Facts that became known on their own day lie in the
arrays from the start (no fold looks at or past the cut-off); facts that became known later are added when
the grid passes the day on which they became known. So whatever a fold reads was known at the cut-off, and
the same fold serves a year of cut-offs, one night and one student.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

NEVER = -1


class Grid:
    """Panes of some enrolments, seen from a cut-off.

    Args:
        enrolments: (n, ...) one row per enrolment; `at` replaces its columns by those known at a cut-off.
        panes: per family, rows with `at` (position in ``enrolments``), `day`, `known_day` and its measures.
        first_cut, last_cut: the first and the last cut-off that will be asked for, day numbers.
    """

    def __init__(
        self, enrolments: pd.DataFrame, panes: Mapping[str, pd.DataFrame], first_cut: int, last_cut: int
    ) -> None:
        self._size = len(enrolments)
        self._panes = {measure: pane for pane in panes.values() for measure in pane.columns[3:]}
        past = [int(pane["day"].min()) for pane in panes.values() if len(pane)]
        self._first = min([*past, first_cut - 1])
        self._width = last_cut - self._first
        self._dense: dict[str, np.ndarray] = {}
        self._late: dict[str, pd.DataFrame] = {}
        self._sums: dict[str, np.ndarray] = {}
        self._latest: dict[str, np.ndarray] = {}
        self._cut = self._first
        self.day = self._first
        self.rows = np.arange(self._size)
        self.facts = enrolments

    def seek(self, day: int, rows: np.ndarray, facts: pd.DataFrame) -> Grid:
        """Moves to a cut-off.

        Args:
            day: the cut-off, not before the present one.
            rows: (m,) positions of the enrolments to answer for.
            facts: (m, ...) what is known of them at the cut-off.

        Raises:
            ValueError: the grid would have to go back, or past its last day.
        """
        if day < self.day or day > self._first + self._width:
            raise ValueError(f"a grid at day {self.day} cannot go to {day}")
        self.day, self.rows, self.facts = day, rows, facts
        self._cut = day - self._first
        for measure, late in self._late.items():
            due = late["known_day"].to_numpy() < day
            if due.any():
                self._scatter(self._dense[measure], late[due], measure)
                self._late[measure] = late[~due]
                for cache in (self._sums, self._latest):
                    cache.pop(measure, None)
                self._sums.pop(f"{measure}>0", None)
        return self

    # What the folds read. Every answer is (m,) for the rows of the cut-off; windows are [cut-off - days, cut-off).

    def window(self, measure: str, days: int) -> np.ndarray:
        """Sum over the last ``days`` days."""
        return self._between(measure, self._cut - days, self._cut)

    def between(self, measure: str, from_days: np.ndarray, to_days: int) -> np.ndarray:
        """Sum over the days from ``from_days`` (m,) ago up to, and not with, ``to_days`` ago."""
        return self._between(measure, self._cut - from_days, self._cut - to_days)

    def total(self, measure: str) -> np.ndarray:
        """Sum over all days before the cut-off."""
        return self._between(measure, 0, self._cut)

    def days_with(self, measure: str, days: int) -> np.ndarray:
        """Number of days in the window on which the measure was above zero."""
        return self._between(f"{measure}>0", self._cut - days, self._cut)

    def last_day(self, measure: str) -> np.ndarray:
        """Day number of the last day with the measure above zero; NaN if there was none."""
        found = self._latest_day(measure)[self.rows, self._cut].astype("float64")
        return np.where(found == NEVER, np.nan, found + self._first)

    def days_since(self, measure: str) -> np.ndarray:
        """Whole days since the last day with the measure above zero: 0 is yesterday; NaN is never."""
        return self.day - 1 - self.last_day(measure)

    def last(self, measure: str, where: str) -> np.ndarray:
        """The measure's sum on the last day on which ``where`` was above zero; NaN if there was none."""
        day = self._latest_day(where)[self.rows, self._cut]
        return np.where(day == NEVER, np.nan, self._values(measure)[self.rows, np.maximum(day, 0)])

    def longest_gap(self, measure: str, days: int, since: np.ndarray) -> np.ndarray:
        """Longest run of days without the measure within the window and not before ``since`` (m,) day numbers."""
        width = min(days, self._cut)
        active = np.zeros((len(self.rows), days), dtype=bool)
        active[:, days - width :] = self._values(measure)[self.rows, self._cut - width : self._cut] > 0
        offset = np.clip(since - (self.day - days), 0, days)
        column = np.arange(days)
        stops = np.where(active | (column < offset[:, None]), column, -1)
        before = np.maximum.accumulate(np.concatenate([np.full((len(stops), 1), -1), stops], axis=1), axis=1)
        return (column - before[:, 1:]).max(axis=1, initial=0).astype("float64")

    def ahead(self, measure: str) -> np.ndarray:
        """Days from the cut-off to the next day with the measure above zero, among facts known by now; NaN if none."""
        pane = self._panes.get(measure)
        nearest = np.full(self._size, np.inf)
        if pane is not None:
            known = pane[(pane["known_day"] < self.day) & (pane["day"] >= self.day)]
            sums = known.groupby(["at", "day"], as_index=False).agg({measure: "sum"})
            coming = sums[sums[measure] > 0]
            np.minimum.at(nearest, coming["at"].to_numpy(), coming["day"].to_numpy())
        found = nearest[self.rows] - self.day
        return np.where(np.isinf(found), np.nan, found)

    def ever(self, measure: str) -> np.ndarray:
        """Sum over all days, ahead ones too, among facts known by now."""
        pane = self._panes.get(measure)
        if pane is None:
            return np.zeros(len(self.rows))
        known = pane["known_day"].to_numpy() < self.day
        found = np.bincount(pane["at"].to_numpy()[known], pane[measure].to_numpy()[known], self._size)
        return found[self.rows]

    # How it is kept.

    def _between(self, measure: str, start: int | np.ndarray, end: int) -> np.ndarray:
        sums = self._cumulated(measure)
        return sums[self.rows, max(end, 0)] - sums[self.rows, np.maximum(start, 0)]

    def _cumulated(self, measure: str) -> np.ndarray:
        if measure not in self._sums:
            sums = np.zeros((self._size, self._width + 1))
            values = self._values(measure.removesuffix(">0"))
            np.cumsum(values > 0 if measure.endswith(">0") else values, axis=1, out=sums[:, 1:])
            self._sums[measure] = sums
        return self._sums[measure]

    def _latest_day(self, measure: str) -> np.ndarray:
        if measure not in self._latest:
            days = np.where(self._values(measure) > 0, np.arange(self._width), NEVER)
            latest = np.full((self._size, self._width + 1), NEVER, dtype="int32")
            np.maximum.accumulate(days, axis=1, out=latest[:, 1:], dtype="int32")
            self._latest[measure] = latest
        return self._latest[measure]

    def _values(self, measure: str) -> np.ndarray:
        if measure not in self._dense:
            dense = np.zeros((self._size, self._width))
            if (pane := self._panes.get(measure)) is not None:
                pane = pane[pane[measure].to_numpy() != 0]
                inside = pane["day"].to_numpy() < self._first + self._width
                late = pane["known_day"].to_numpy() > pane["day"].to_numpy()
                now = ~late | (pane["known_day"].to_numpy() < self.day)
                self._scatter(dense, pane[inside & now], measure)
                if (inside & ~now).any():
                    self._late[measure] = pane[inside & ~now]
            self._dense[measure] = dense
        return self._dense[measure]

    def _scatter(self, dense: np.ndarray, pane: pd.DataFrame, measure: str) -> None:
        flat = pane["at"].to_numpy() * self._width + pane["day"].to_numpy() - self._first
        dense += np.bincount(flat, pane[measure].to_numpy(), dense.size).reshape(dense.shape)
