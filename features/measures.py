"""One measure of some enrolments by day, as known at a cut-off: as an array, as rows where there are few, or of one.

Of one enrolment every answer is a number and no array: the same arithmetic of it takes a tenth of the time.
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate, compress
from typing import Any

import numpy as np

from features.panes.kept import Pane

NEVER = -1

Days = np.ndarray | int
"""Days counted from the grid's first, one for all or one for each enrolment."""


def choose(condition: Any, yes: Any, no: Any) -> Any:
    """`numpy.where`, and the same choice for a single number."""
    if isinstance(condition, np.ndarray):
        return np.where(condition, yes, no)
    return yes if condition else no


class Sparse:
    """A measure as its rows, in the order in which they come into sight.

    Args:
        pane: where it is.
        measure: its name.
        first: the day number from which days are counted.
        size: n, the number of enrolments.
    """

    def __init__(self, pane: Pane, measure: str, first: int, size: int) -> None:
        values = pane.measures[measure]
        used = np.flatnonzero(values)
        seen_from = np.maximum(pane.day[used], pane.known_day[used]) - first + 1
        order = np.argsort(seen_from, kind="stable")
        used = used[order]
        self._seen_from = seen_from[order]
        self._rows = pane.at[used], pane.day[used] - first, values[used].astype("float64")
        self._is_ever_taken_back = bool(len(used)) and values[used].min() < 0
        self._size, self._cut, self._end = size, -1, 0
        self._total = np.zeros(size)

    def seek(self, cut: int) -> None:
        """Moves to a cut-off."""
        if cut == self._cut:
            return
        end = int(self._seen_from.searchsorted(cut, "right"))
        if end > self._end:
            at, _, value = (rows[self._end : end] for rows in self._rows)
            self._total = self._total + np.bincount(at, value, self._size)
        self._cut, self._end = cut, end
        self._at, self._day, self._value = (rows[:end] for rows in self._rows)
        self._summed: tuple[np.ndarray, np.ndarray] | None = None

    def sum(self, low: Days, high: Days) -> np.ndarray:
        """(n,) the sum over the days from ``low`` up to, and not with, ``high``."""
        if isinstance(low, int) and isinstance(high, int) and low <= 0 and high >= self._cut:
            return self._total
        return self._over(self._at, self._day, self._value, low, high)

    def count(self, low: Days, high: Days) -> np.ndarray:
        """(n,) the number of days from ``low`` up to ``high`` with the measure above zero."""
        at, day = self._active()
        return self._over(at, day, None, low, high)

    def latest(self) -> np.ndarray:
        """(n,) the last day with the measure above zero, or NEVER."""
        at, day = self._active() if self._is_ever_taken_back else (self._at, self._day)
        found = np.full(self._size, NEVER, dtype="int64")
        np.maximum.at(found, at, day)
        return found

    def daily(self, low: int, high: int) -> np.ndarray:
        """(high - low, n) the measure on each day."""
        shown = np.zeros((high - low, self._size))
        inside = (self._day >= low) & (self._day < high)
        np.add.at(shown, (self._day[inside] - low, self._at[inside]), self._value[inside])
        return shown

    def _over(self, at: np.ndarray, day: np.ndarray, value: np.ndarray | None, low: Days, high: Days) -> np.ndarray:
        inside = day >= (low[at] if isinstance(low, np.ndarray) else low)
        if isinstance(high, np.ndarray):
            inside &= day < high[at]
        elif high < self._cut:
            inside &= day < high
        return np.bincount(at[inside], None if value is None else value[inside], self._size)

    def _active(self) -> tuple[np.ndarray, np.ndarray]:
        """Enrolments and days with the measure above zero, what was taken back left out."""
        if self._summed is None:
            width = self._cut + 1
            cells, place = np.unique(self._at.astype("int64") * width + self._day, return_inverse=True)
            cells = cells[np.bincount(place, self._value, len(cells)) > 0]
            self._summed = cells // width, cells % width
        return self._summed


class Timeline:
    """The rows of one enrolment in a pane, for all of its measures.

    Args:
        pane: of this enrolment alone.

    Attributes:
        days: of the rows in sight from the cut-off, in ascending order.
        repeats: whether one of them comes twice.
    """

    def __init__(self, pane: Pane) -> None:
        self._pane = pane
        self._day, self._known_day = pane.day.tolist(), pane.known_day.tolist()
        self._cut: int | None = None

    def seek(self, cut: int) -> None:
        """Moves to a cut-off, a day number."""
        if cut == self._cut:
            return
        self._cut = cut
        self._is_seen: list[bool] | None = None
        self.days: list[int] = self._day
        if max(self._day) >= cut or max(self._known_day) >= cut:
            dates = zip(self._day, self._known_day, strict=True)
            self._is_seen = [day < cut and known < cut for day, known in dates]
            self.days = list(compress(self._day, self._is_seen))
        self.repeats = len(set(self.days)) < len(self.days)

    def values(self, measure: str) -> list[int]:
        """Of the rows in sight."""
        values: list[int] = self._pane.measures[measure].tolist()
        return values if self._is_seen is None else list(compress(values, self._is_seen))

    def ahead(self, measure: str, cut: int) -> Any:
        """Days from a cut-off to the next day with the measure above zero, among rows known by then; NaN if none."""
        by_day: dict[int, int] = {}
        for day, value in self._known(measure, cut):
            by_day[day] = by_day.get(day, 0) + value
        return np.float64(min((day - cut for day, value in by_day.items() if day >= cut and value > 0), default=np.nan))

    def ever(self, measure: str, cut: int) -> Any:
        """Sum over all days, ahead ones too, among rows known by a cut-off."""
        return np.float64(sum(value for _, value in self._known(measure, cut)))

    def _known(self, measure: str, cut: int) -> list[tuple[int, int]]:
        rows = zip(self._day, self._known_day, self._pane.measures[measure].tolist(), strict=True)
        return [(day, value) for day, known, value in rows if known < cut]


class Single:
    """A measure of one enrolment, in plain Python: for so few rows numpy's own overhead would be most of the cost.

    Args:
        rows: the enrolment's.
        measure: its name.
        first: the day number from which days are counted.
    """

    def __init__(self, rows: Timeline, measure: str, first: int) -> None:
        self._rows, self._measure, self._first = rows, measure, first
        self._cut = -1

    def seek(self, cut: int) -> None:
        """Moves to a cut-off."""
        if cut == self._cut:
            return
        self._cut = cut
        self._rows.seek(cut + self._first)
        self._days, self._values = self._rows.days, self._rows.values(self._measure)
        self._sums = [0, *accumulate(self._values)]
        self._active: list[int] | None = None

    def sum(self, low: Any, high: Any) -> Any:
        """The sum over the days from ``low`` up to, and not with, ``high``."""
        start, end = self._between(self._days, low, high)
        return np.float64(self._sums[end] - self._sums[start])

    def count(self, low: Any, high: Any) -> Any:
        """The number of days from ``low`` up to ``high`` with the measure above zero."""
        start, end = self._between(self._active_days(), low, high)
        return np.float64(end - start)

    def latest(self) -> Any:
        """The last day with the measure above zero, or NEVER."""
        active = self._active_days()
        return active[-1] - self._first if active else NEVER

    def daily(self, low: int, high: int) -> np.ndarray:
        """(high - low, 1) the measure on each day."""
        shown = [0] * (high - low)
        start, end = self._between(self._days, low, high)
        for row in range(start, end):
            shown[self._days[row] - self._first - low] += self._values[row]
        return np.array(shown, dtype="float64")[:, None]

    def _between(self, days: list[int], low: float, high: float) -> tuple[int, int]:
        """The places of the first day from ``low`` and, not before it, of the first one from ``high``."""
        start = bisect_left(days, low + self._first)
        return start, bisect_left(days, high + self._first, start)

    def _active_days(self) -> list[int]:
        """Days with the measure above zero."""
        if self._active is None:
            rows = list(zip(self._days, self._values, strict=True))
            if self._rows.repeats:
                by_day: dict[int, int] = {}
                for day, value in rows:
                    by_day[day] = by_day.get(day, 0) + value
                rows = list(by_day.items())
            self._active = [day for day, value in rows if value > 0]
        return self._active


class Workspace:
    """Memory that grid after grid uses again: to be given fresh memory costs more than the sums in it."""

    def __init__(self) -> None:
        self._arrays: list[np.ndarray] = []
        self._used = 0

    def clear(self) -> None:
        """Takes back all that was given."""
        self._used = 0

    def zeros(self, shape: tuple[int, int]) -> np.ndarray:
        """A float64 array of zeros."""
        size = shape[0] * shape[1]
        if self._used == len(self._arrays):
            self._arrays.append(np.zeros(size))
        if self._arrays[self._used].size < size:
            self._arrays[self._used] = np.zeros(size)
        given = self._arrays[self._used][:size].reshape(shape)
        given.fill(0)
        self._used += 1
        return given


class Dense:
    """A measure as an array, days down and enrolments across, with running totals kept as far as they are still true.

    Args:
        pane: where it is.
        measure: its name.
        first: the day number from which days are counted.
        shape: (days, n).
        space: memory to use.
    """

    def __init__(self, pane: Pane, measure: str, first: int, shape: tuple[int, int], space: Workspace) -> None:
        self._values, self._space, self._n = space.zeros(shape), space, np.arange(shape[1])
        value = pane.measures[measure]
        used = np.flatnonzero((value != 0) & (pane.day < first + shape[0]))
        cell = (pane.day[used] - first).astype("int64") * shape[1] + pane.at[used]
        late = pane.known_day[used] > pane.day[used]
        np.add.at(self._values.reshape(-1), cell[~late], value[used[~late]].astype("float64"))
        order = np.argsort(pane.known_day[used[late]], kind="stable")
        self._late = (
            pane.known_day[used[late]][order] - first,
            cell[late][order],
            value[used[late]][order].astype("float64"),
        )
        self._merged = self._cut = 0
        self._running: dict[str, tuple[np.ndarray, int]] = {}

    def seek(self, cut: int) -> None:
        """Moves to a cut-off, and takes in what became known late, but before it."""
        if cut == self._cut:
            return
        self._cut = cut
        known, cell, value = self._late
        end = int(known.searchsorted(cut))
        if end > self._merged:
            due = slice(self._merged, end)
            np.add.at(self._values.reshape(-1), cell[due], value[due])
            changed = int(cell[due].min()) // self._values.shape[1]
            self._running = {name: (rows, min(true, changed)) for name, (rows, true) in self._running.items()}
            self._merged = end

    def sum(self, low: Days, high: Days) -> np.ndarray:
        """(n,) the sum over the days from ``low`` up to, and not with, ``high``."""
        return self._over(self._sums(), low, high)

    def count(self, low: Days, high: Days) -> np.ndarray:
        """(n,) the number of days from ``low`` up to ``high`` with the measure above zero."""
        return self._over(self._counts(), low, high)

    def latest(self) -> np.ndarray:
        """(n,) the last day with the measure above zero, or NEVER."""
        rows, start = self._rows_from("latest", NEVER)
        days = np.arange(float(start), self._cut)[:, None]
        marked = np.where(self._values[start : self._cut] > 0, days, NEVER)
        for day in range(start, self._cut):
            np.maximum(rows[day], marked[day - start], out=rows[day + 1])
        return rows[self._cut].astype("int64")

    def daily(self, low: int, high: int) -> np.ndarray:
        """(high - low, n) the measure on each day."""
        return self._values[low:high]

    def _over(self, totals: np.ndarray, low: Days, high: Days) -> np.ndarray:
        ends = []
        for edge in (high, low):
            if isinstance(edge, np.ndarray):
                ends.append(totals[np.clip(edge, 0, self._cut).astype("int64"), self._n])
            else:
                ends.append(totals[min(max(edge, 0), self._cut)])
        return ends[0] - ends[1]

    def _sums(self) -> np.ndarray:
        """(days + 1, n), true up to the cut-off: the sum over the days before each."""
        rows, start = self._rows_from("sums", 0)
        return self._total(rows, start, self._values[start : self._cut])

    def _counts(self) -> np.ndarray:
        """(days + 1, n), true up to the cut-off: how many days before each were above zero."""
        rows, start = self._rows_from("counts", 0)
        return self._total(rows, start, self._values[start : self._cut] > 0)

    def _total(self, rows: np.ndarray, start: int, values: np.ndarray) -> np.ndarray:
        for day in range(start, self._cut):  # whole rows at a time: numpy's own running sum along days is slower
            np.add(rows[day], values[day - start], out=rows[day + 1])
        return rows

    def _rows_from(self, name: str, zero: int) -> tuple[np.ndarray, int]:
        """The rows of a running total, and from which of them on they are made anew, to the cut-off."""
        if name not in self._running:
            rows = self._space.zeros((self._values.shape[0] + 1, self._values.shape[1]))
            rows[0] = zero
            self._running[name] = rows, 0
        rows, true = self._running[name]
        self._running[name] = rows, max(true, self._cut)
        return rows, min(true, self._cut)


Measure = Dense | Sparse | Single
