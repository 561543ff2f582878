"""The grid: measures of some enrolments by day, as known at a cut-off; the folds of the catalogue read it.

A grid stands at one cut-off and moves forward only. Facts that became known on their own day are there from the start
(no fold looks at or past the cut-off); facts that became known later are added when the grid passes the day on which
they became known. So whatever a fold reads was known at the cut-off, and the same fold serves a year of cut-offs, one
night and one student.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from features.measures import NEVER, Dense, Measure, Single, Sparse, Timeline, Workspace, choose
from features.panes.kept import Pane

_WORTH = 6  # a dense array costs as much as reading a sixth of its cells row by row

Days = np.ndarray | int


class Grid:
    """Panes of some enrolments, seen from a cut-off.

    Args:
        panes: by name; those without a row may be left out.
        size: n, the number of enrolments.
        cuts: the cut-offs that will be asked for, day numbers in ascending order.
        space: memory to use; what an earlier grid had there is gone.

    Attributes:
        day: the cut-off, a day number.
        facts: by column, (n,) what is known of the enrolments at the cut-off.
    """

    def __init__(
        self, panes: Mapping[str, Pane], size: int, cuts: Sequence[int], space: Workspace | None = None
    ) -> None:
        self._panes = {measure: pane for pane in panes.values() for measure in pane.measures}
        self._rows: dict[str, Timeline] = {}  # of one enrolment
        self._zero: Any = np.zeros(size)
        self._unknown: Any = np.full(size, np.nan)
        if size == 1:  # whose days are in order
            self._first = min([cuts[0] - 1, *(int(pane.day[0]) for pane in panes.values())])
            self._zero, self._unknown = np.float64(0), np.float64(np.nan)
            for pane in panes.values():
                self._rows |= dict.fromkeys(pane.measures, Timeline(pane))
        else:
            self._first = min([cuts[0] - 1, *(int(pane.day.min()) for pane in panes.values())])
        self._last, self._size, self._cuts = cuts[-1], size, len(cuts)
        self._measures: dict[str, Measure] = {}
        self._space = space or Workspace()
        self._space.clear()
        self._windows: dict[tuple[str, int], np.ndarray] = {}
        self._cut, self.day = 0, self._first
        self.facts: Mapping[str, np.ndarray] = {}

    def seek(self, day: int, facts: Mapping[str, np.ndarray]) -> Grid:
        """Moves to a cut-off.

        Args:
            day: the cut-off, not before the present one.
            facts: by column, (n,) what is known of the enrolments at the cut-off.

        Raises:
            ValueError: the grid would have to go back, or past its last day.
        """
        if not self.day <= day <= self._last:
            raise ValueError(f"a grid at day {self.day} cannot go to {day}")
        self.day, self.facts, self._cut = day, facts, day - self._first
        self._windows.clear()
        return self

    # What the folds read. Every answer is (n,); windows are [cut-off - days, cut-off).

    def window(self, measure: str, days: int) -> np.ndarray:
        """Sum over the last ``days`` days."""
        if (measure, days) not in self._windows:  # several features share a window
            found = self._at(measure)
            sums = self._zero if found is None else found.sum(self._cut - days, self._cut)
            self._windows[measure, days] = sums
        return self._windows[measure, days]

    def before(self, measure: str, days: int, length: int) -> np.ndarray:
        """Sum over the ``length`` days that ended ``days`` days ago."""
        found = self._at(measure)
        return self._zero if found is None else found.sum(self._cut - days - length, self._cut - days)

    def between(self, measure: str, first: Days, end: Days) -> np.ndarray:
        """Sum over the days from ``first`` up to, and not with, ``end`` (day numbers), before the cut-off."""
        found = self._at(measure)
        return self._zero if found is None else found.sum(first - self._first, end - self._first)

    def since(self, measure: str, first: np.ndarray) -> np.ndarray:
        """Sum over the days from ``first`` (n,) on; NaN stands for all days."""
        return self.between(measure, choose(np.isnan(first), self._first, first), self.day)

    def total(self, measure: str) -> np.ndarray:
        """Sum over all days before the cut-off."""
        return self.window(measure, self._cut)

    def days_with(self, measure: str, days: int) -> np.ndarray:
        """Number of days in the window on which the measure was above zero."""
        found = self._at(measure)
        return self._zero if found is None else found.count(self._cut - days, self._cut)

    def days_with_since(self, measure: str, first: np.ndarray) -> np.ndarray:
        """Number of days from ``first`` (n,) on with the measure above zero."""
        found = self._at(measure)
        return self._zero if found is None else found.count(first - self._first, self._cut)

    def last_day(self, measure: str) -> np.ndarray:
        """Day number of the last day with the measure above zero; NaN if there was none."""
        if (found := self._at(measure)) is None:
            return self._unknown
        latest = found.latest()
        return choose(latest == NEVER, self._unknown, latest + np.float64(self._first))

    def days_since(self, measure: str) -> np.ndarray:
        """Whole days since the last day with the measure above zero: 0 is yesterday; NaN is never."""
        return self.day - 1 - self.last_day(measure)

    def last(self, measure: str, where: str) -> np.ndarray:
        """The measure's sum on the last day on which ``where`` was above zero; NaN if there was none."""
        found, there = self._at(measure), self._at(where)
        if there is None:
            return self._unknown
        day = there.latest()
        values = self._zero if found is None else found.sum(day, day + 1)
        return choose(day == NEVER, self._unknown, values)

    def daily(self, measure: str, days: int) -> np.ndarray:
        """The measure on each day of the window: (days, n), the oldest day first."""
        shown = np.zeros((days, self._size))
        if (found := self._at(measure)) is not None:
            width = min(days, self._cut)
            shown[days - width :] = found.daily(self._cut - width, self._cut)
        return shown

    def flags(self, measure: str, days: int) -> np.ndarray:
        """The flags that were set on each day of the window: (days, n) int64, the oldest day first."""
        shown = np.zeros((days, self._size), dtype="int64")
        if (pane := self._panes.get(measure)) is not None:
            known = (pane.known_day < self.day) & (pane.day < self.day) & (pane.day >= self.day - days)
            cells = (pane.day[known] - (self.day - days)).astype("int64") * self._size + pane.at[known]
            np.bitwise_or.at(shown.reshape(-1), cells, pane.measures[measure][known])
        return shown

    def ahead(self, measure: str) -> np.ndarray:
        """Days from the cut-off to the next day with the measure above zero, among facts known by now; NaN if none."""
        if self._size == 1:
            return self._rows[measure].ahead(measure, self.day) if measure in self._rows else self._unknown
        nearest = np.full(self._size, np.inf)
        if (pane := self._panes.get(measure)) is not None:
            known = (pane.known_day < self.day) & (pane.day >= self.day)
            at, days = pane.at[known].astype("int64"), pane.day[known] - self.day
            width = int(days.max(initial=0)) + 1
            cells, place = np.unique(at * width + days, return_inverse=True)
            coming = cells[np.bincount(place, pane.measures[measure][known], len(cells)) > 0]
            np.minimum.at(nearest, coming // width, coming % width)
        return np.where(np.isinf(nearest), np.nan, nearest)

    def ever(self, measure: str) -> np.ndarray:
        """Sum over all days, ahead ones too, among facts known by now."""
        if (pane := self._panes.get(measure)) is None:
            return self._zero
        if self._size == 1:
            return self._rows[measure].ever(measure, self.day)
        known = pane.known_day < self.day
        return np.bincount(pane.at[known], pane.measures[measure][known], self._size)

    def _at(self, measure: str) -> Measure | None:
        """The measure as known at the cut-off; None where nobody has any of it."""
        found = self._measures.get(measure)
        if found is None:
            if (pane := self._panes.get(measure)) is None:
                return None
            shape = (self._last - self._first, self._size)
            if self._size == 1:
                found = Single(self._rows[measure], measure, self._first)
            elif len(pane.at) * self._cuts * _WORTH > shape[0] * shape[1]:
                found = Dense(pane, measure, self._first, shape, self._space)
            else:
                found = Sparse(pane, measure, self._first, self._size)
            self._measures[measure] = found
        found.seek(self._cut)
        return found


def measures_read(fold: Callable[[Grid], Any]) -> frozenset[str]:
    """The measures that a fold reads; it reads the same ones of everybody."""
    grid, asked = Grid({}, 2, [0]).seek(0, defaultdict(lambda: np.zeros(2))), _Asked()
    grid._panes = asked
    with np.errstate(divide="ignore", invalid="ignore"):
        fold(grid)
    return frozenset(asked.names)


class _Asked(dict[str, Pane]):
    """No panes, and the measures that were looked for in them."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def get(self, measure: str, default: Any = None) -> Any:
        self.names.add(measure)
        return default
