"""OULAD's days: from days relative to the start of a course run to moments in the school's zone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd

from features import clock
from features.errors import BadConfig, BadInput

_WHERE = "importers.toml [oulad]"


@dataclass(frozen=True)
class Calendar:
    """When the runs started, and when things become known.

    Attributes:
        zone: the school's IANA zone.
        starts: (month, day) of day 0 by the letter of the presentation.
        score_delay: days from a submission to its score.
        known_before: days from the announcement of a run to its day 0.
    """

    zone: str
    starts: dict[str, tuple[int, int]]
    score_delay: int
    known_before: int

    @classmethod
    def of(cls, settings: dict[str, Any], zone: str) -> Calendar:
        """From the settings `[oulad]`.

        Raises:
            BadConfig: a number of days is not a whole number from 0 on, or a day 0 is not a day.
        """
        days = {}
        for name in ("score_delay_days", "courses_known_days_before"):
            if type(settings[name]) is not int or settings[name] < 0:
                raise BadConfig(f"{name} = {settings[name]!r}", where=_WHERE, mend="Write a whole number of days")
            days[name] = settings[name]
        starts = {letter: _month_day(letter, text) for letter, text in settings["day0"].items()}
        return cls(zone, starts, days["score_delay_days"], days["courses_known_days_before"])

    def day0(self, presentations: pd.Series) -> pd.Series:
        """Day numbers of day 0.

        Args:
            presentations: (n,) such as "2013J"; the year and a letter.

        Returns:
            (n,) Int64; missing where the presentation is.

        Raises:
            BadInput: one is not a year and a letter.
            BadConfig: the settings have no day 0 for the letter.
        """
        days = {name: self._day0(str(name)) for name in presentations.dropna().unique()}
        return presentations.map(days).astype("Int64")

    def _day0(self, presentation: str) -> int:
        year, letter = presentation[:4], presentation[4:]
        if not (year.isascii() and year.isdigit() and letter):
            raise BadInput(f"the presentation {presentation!r} is not a year and a letter", mend="Write it like 2013J")
        if letter not in self.starts:
            raise BadConfig(
                f"no day 0 for the letter {letter} of {presentation}",
                where=_WHERE,
                mend=f'Add {letter} = "MM-DD" under [oulad.day0] in the school\'s configs/importers.toml',
            )
        return clock.day_number(date(int(year), *self.starts[letter]))

    def start(self, days: pd.Series) -> pd.Series:
        """The first moment of local days."""
        return self._moments(days, lambda day: clock.day_start(day, self.zone))

    def noon(self, days: pd.Series) -> pd.Series:
        """The middle of local days."""
        return self._moments(days, lambda day: clock.day_start(day, self.zone) + timedelta(hours=12))

    def end(self, days: pd.Series) -> pd.Series:
        """The last second of local days."""
        return self._moments(days, lambda day: clock.day_start(day + 1, self.zone) - timedelta(seconds=1))

    def scored(self, days: pd.Series) -> pd.Series:
        """When the scores of submissions of local days are known."""
        return self.end(days + self.score_delay)

    def announced(self, day0: pd.Series) -> pd.Series:
        """When a run and its assignments are known."""
        return self.start(day0 - self.known_before)

    def _moments(self, days: pd.Series, at: Callable[[int], datetime]) -> pd.Series:
        moments = {day: at(int(day)) for day in days.dropna().unique()}
        return days.map(moments).astype("datetime64[us, UTC]")


def _month_day(letter: str, text: object) -> tuple[int, int]:
    try:
        month, day = map(int, str(text).split("-"))
        date(2001, month, day)  # no leap year: day 0 exists in every year
    except ValueError as error:
        raise BadConfig(
            f"day0 {letter} = {text!r} is not a day of the year", where=_WHERE, mend='Write month and day like "10-01"'
        ) from error
    return month, day
