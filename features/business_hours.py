"""Working hours: when a promise given to a student falls due."""

from __future__ import annotations

from collections.abc import Mapping
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
        local = moments.dt.tz_convert(self.zone).dt.tz_localize(None).to_numpy("datetime64[us]")
        day = local.astype("datetime64[D]").astype("int64")
        hour = (local - local.astype("datetime64[D]")) / np.timedelta64(1, "h")
        length = self.closes - self.opens
        first = int(day.min())
        # A weekend and a fortnight of holidays are the slack beyond twice the longest promise in whole days.
        calendar = np.arange(first, int(day.max()) + int(2 * hours.max() / length) + 30 + len(self.holidays))
        working = np.isin((calendar + 3) % 7, list(self.days)) & ~np.isin(calendar, list(self.holidays))
        opened = np.concatenate([[0.0], np.cumsum(working * length)])  # working hours before each day
        at = day - first
        target = opened[at] + working[at] * np.clip(hour - self.opens, 0, length) + hours
        due = np.clip(np.searchsorted(opened, target, side="left") - 1, 0, len(calendar) - 1)
        due = np.where(working[due], due, np.searchsorted(opened, target, side="right") - 1)
        wall = (calendar[due] * 24 + self.opens + target - opened[due]) * 3.6e9
        stamps = pd.Series(wall.round().astype("int64").astype("datetime64[us]"), index=moments.index)
        return stamps.dt.tz_localize(self.zone, ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
