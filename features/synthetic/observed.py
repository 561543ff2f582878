"""What a school in the closed loop knows of its students: counts of past facts, never a kind or a true chance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.synthetic.cohort import Cohort
from features.synthetic.days import Mind
from features.synthetic.people import CHANNELS
from features.synthetic.responses import CALL, SMS

NAMES = (
    "days_without_login",
    "active_days_7d",
    "active_days_14d",
    "active_days_28d",
    "homework_overdue",
    "homework_share",
    "progress",
    "course_elapsed",
    "behind_plan",
    "video_skip_share",
    "study_minutes",
    "newsletters_opened",
    "came_by_ads",
    "came_by_friend",
    "pays_monthly",
    "touches_7d",
    "touches_28d",
    "sms_7d",
    "calls_7d",
    "touches_30d",
    "days_since_touch",
    "last_touch_sms",
    "touches_since_login",
)
"""The columns of `Observed.x`."""
SEEN = 0.15
"""Weight of the last day that a student came in the share of video skipped and in the minutes of study."""


@dataclass(frozen=True)
class Observed:
    """What is known of those who study.

    Attributes:
        day: on whose morning.
        student: (m,) their places in the school.
        reachable: (m,) bool, they allow contacts.
        x: (m, f) float64, a column for each of `NAMES`; NaN is unknown: no video seen, never contacted.
    """

    day: int
    student: np.ndarray
    reachable: np.ndarray
    x: np.ndarray

    names = NAMES

    def __len__(self) -> int:
        return len(self.student)

    def __getitem__(self, name: str) -> np.ndarray:
        return np.asarray(self.x[:, NAMES.index(name)])


class Memory:
    """What happened on the days that are over.

    Args:
        students: how many.
        days: how long the history becomes.
    """

    def __init__(self, students: int, days: int) -> None:
        self._came = np.zeros((days, students), bool)
        self._done = np.zeros((days, students), np.int8)
        self._touched = np.full(students, -1)
        self._last = np.zeros(students, np.int8)
        self._unanswered = np.zeros(students, np.int64)
        self._skips, self._minutes = np.full((2, students), np.nan)

    def keep(self, day: int, came: np.ndarray, done: np.ndarray, skipped: np.ndarray, minutes: np.ndarray) -> None:
        """Adds one day.

        Args:
            day: which.
            came: (n,) bool.
            done: (n,) actions.
            skipped: (n,) share of video time that those who came skipped.
            minutes: (n,) of study of those who came.
        """
        self._came[day], self._done[day] = came, done
        self._touched = np.where(done > 0, day, self._touched)
        self._last = np.where(done > 0, done, self._last).astype(np.int8)
        self._unanswered = np.where(came, 0, self._unanswered + (done > 0))
        self._skips = _smoothed(self._skips, np.clip(skipped, 0, 0.95), came)
        self._minutes = _smoothed(self._minutes, minutes, came)

    def about(self, who: np.ndarray, day: int, cohort: Cohort, mind: Mind, loop: Mapping[str, Any]) -> np.ndarray:
        """`Observed.x` of the students ``who`` on the morning of ``day``."""
        came, done = (array[max(day - 30, 0) : day][:, who] for array in (self._came, self._done))
        age = day - cohort.first[who]
        due = age // loop["homework_days"]
        progress, elapsed = mind.lessons[who] / loop["lessons"], age / loop["plan_days"]
        columns = (
            mind.silent[who],
            *(came[-window:].sum(axis=0, dtype=np.int8) for window in (7, 14, 28)),
            mind.overdue(cohort, day, loop["homework_days"])[who],
            np.where(due > 0, mind.handed[who] / np.maximum(due, 1), np.nan),
            progress,
            elapsed,
            elapsed - progress,
            self._skips[who],
            self._minutes[who],
            cohort.opens[who],
            cohort.channel[who] == CHANNELS.index("ads"),
            cohort.channel[who] == CHANNELS.index("friend"),
            cohort.monthly[who],
            *((done[-window:] > 0).sum(axis=0, dtype=np.int8) for window in (7, 28)),
            *((done[-7:] == action).sum(axis=0, dtype=np.int8) for action in (SMS, CALL)),
            (done > 0).sum(axis=0, dtype=np.int8),
            np.where(self._touched[who] >= 0, day - self._touched[who], np.nan),
            self._last[who] == SMS,
            self._unanswered[who],
        )
        return np.column_stack([np.asarray(column, np.float64) for column in columns])


def _smoothed(known: np.ndarray, seen: np.ndarray, came: np.ndarray) -> np.ndarray:
    now = np.where(np.isnan(known), seen, known + SEEN * (seen - known))
    return np.where(came, now, known)
