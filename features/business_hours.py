"""Working hours: when a promise given to a student falls due."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from features.clock import day_number
from features.errors import BadConfig


@dataclass(frozen=True)
class BusinessHours:
    """A school's working week in its own zone.

    Attributes:
        opens, closes: hours of the day, 0-24.
        days: working days, Monday is 0.
        holidays: day numbers that do not count.
    """

    zone: str
    opens: float
    closes: float
    days: frozenset[int]
    holidays: frozenset[int]

    @classmethod
    def from_config(cls, hours: Mapping[str, Any], zone: str) -> BusinessHours:
        """Reads `[support.hours]` of school.toml.

        Raises:
            BadConfig: the hours leave no working time, or a holiday is not a date.
        """
        try:
            holidays = frozenset(day_number(date.fromisoformat(str(day))) for day in hours["holidays"])
            made = cls(zone, float(hours["opens"]), float(hours["closes"]), frozenset(hours["days"]), holidays)
        except (KeyError, ValueError, TypeError) as error:
            raise BadConfig(f"cannot be read: {error}", where="school.toml [support.hours]") from error
        if not (0 <= made.opens < made.closes <= 24) or not made.days <= set(range(7)) or not made.days:
            raise BadConfig(
                "leaves no working time",
                where="school.toml [support.hours]",
                mend="opens must be before closes, days between 0 (Monday) and 6",
            )
        return made

    def add(self, moments: pd.Series, hours: np.ndarray) -> pd.Series:
        """The moment at which so many working hours have passed since each moment.

        Args:
            moments: (n,) ``datetime64[us, UTC]``, none missing.
            hours: (n,) working hours, >= 0.

        Returns:
            (n,) ``datetime64[us, UTC]``.
        """
        if moments.empty:
            return moments
        # A weekend and a fortnight of holidays are the slack beyond twice the longest promise in whole days.
        slack = int(2 * np.max(hours) / (self.closes - self.opens)) + 30 + len(self.holidays)
        day, hour = self._local(moments)
        calendar, working, opened = self._calendar(int(day.max()) + slack)
        target = opened[day] + working[day] * np.clip(hour - self.opens, 0, self.closes - self.opens) + hours
        due = np.clip(np.searchsorted(opened, target, side="left") - 1, 0, len(calendar) - 1)
        due = np.where(working[due], due, np.searchsorted(opened, target, side="right") - 1)
        wall = (calendar[due] * 24 + self.opens + target - opened[due]) * 3.6e9
        stamps = pd.Series(wall.round().astype("int64").astype("datetime64[us]"), index=moments.index)
        return stamps.dt.tz_localize(self.zone, ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")

    def clock(self, moments: pd.Series) -> np.ndarray:
        """The working hours that have passed at each moment since a fixed day long ago.

        Args:
            moments: (n,) ``datetime64[us, UTC]``, none missing.

        Returns:
            (n,) float64; the difference of two moments is the working time between them.
        """
        if moments.empty:
            return np.zeros(0)
        day, hour = self._local(moments)
        _, working, opened = self._calendar(int(day.max()))
        return opened[day] + working[day] * np.clip(hour - self.opens, 0, self.closes - self.opens)

    def corridor(self, moments: pd.Series, exceptional: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """By how much a promise is widened that is given on an exceptional day, such as a launch or a sale.

        Args:
            moments: (n,) ``datetime64[us, UTC]``, none missing.
            exceptional: `[[support.exceptional_days]]` of school.toml: `first`, `last` (dates, both included), `times`.

        Returns:
            (n,) float64, at least 1; where spells overlap the wider one counts.

        Raises:
            BadConfig: a spell cannot be read, or would narrow a promise.
        """
        wider = np.ones(len(moments))
        day = self._local(moments)[0] if len(moments) else np.zeros(0)
        for spell in exceptional:
            try:
                first, last = (day_number(date.fromisoformat(str(spell[name]))) for name in ("first", "last"))
                times = float(spell["times"])
            except (KeyError, ValueError, TypeError) as error:
                raise _bad_spell(f"cannot be read: {error}") from error
            if last < first or not times >= 1:
                raise _bad_spell("must not end before it begins, and `times` is 1 or more")
            wider = np.where((first <= day) & (day <= last), np.maximum(wider, times), wider)
        return wider

    def _local(self, moments: pd.Series) -> tuple[np.ndarray, np.ndarray]:
        """Local day numbers, and the hours of the day."""
        local = moments.dt.tz_convert(self.zone).dt.tz_localize(None).to_numpy("datetime64[us]")
        midnight = local.astype("datetime64[D]")
        return midnight.astype("int64"), (local - midnight) / np.timedelta64(1, "h")

    def _calendar(self, last: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Days from 0 to ``last``, whether each is a working day, and the working hours before it (one more)."""
        days = np.arange(last + 1)
        working = np.isin((days + 3) % 7, list(self.days)) & ~np.isin(days, list(self.holidays))
        return days, working, np.concatenate([[0.0], np.cumsum(working * (self.closes - self.opens))])


def _bad_spell(what: str) -> BadConfig:
    mend = 'Write it like { first = "2026-11-27", last = "2026-11-30", times = 2 }'
    return BadConfig(what, where="school.toml [[support.exceptional_days]]", mend=mend)
