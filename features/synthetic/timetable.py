"""The live classes: who is invited to which, and on which days they are held."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.clock import day_number
from features.synthetic.people import Calendar, Courses, Enrolments

DAY_START, DAY_END = 8, 22
"""Local hours between which a class can be attended without a sacrifice."""


@dataclass(frozen=True)
class Timetable:
    """The weekly class of each enrolment.

    Attributes:
        group: (n,) which group of its course the enrolment is in, from 0; at one's own pace there is one club.
        hour: (n,) hour of the school's day at which its class begins.
        held: (t, n) bool, the day has a class to which the enrolment is invited.
        at_night: (n,) bool, where the student lives it is then night.
    """

    group: np.ndarray
    hour: np.ndarray
    held: np.ndarray
    at_night: np.ndarray


def draw_timetable(
    enrolments: Enrolments, courses: Courses, shift: np.ndarray, calendar: Calendar, settings: Mapping[str, Any]
) -> Timetable:
    """Lays the classes down: each group has its weekday and hour, and holidays have none.

    Args:
        shift: (n,) hours that the student's zone is ahead of the school's.
    """
    rules, course = settings["live"], enrolments.course
    group = _groups(enrolments, courses, settings["group_size"])
    weekday = (course + 3 * group) % 4  # Monday to Thursday
    hour = np.array(rules["hours"])[group % len(rules["hours"])]
    day = np.arange(calendar.days)
    holidays = {day_number(off) - calendar.first_day_number for off in rules["none_on"]}
    open_days = ~np.isin(day, list(holidays))
    of_week = (calendar.start.weekday() + day) % 7
    studying = (enrolments.first <= day[:, None]) & (day[:, None] < enrolments.latest)
    local = hour + shift
    return Timetable(
        group=group,
        hour=hour,
        held=studying & open_days[:, None] & (of_week[:, None] == weekday),
        at_night=(local < DAY_START) | (local >= DAY_END),
    )


def _groups(enrolments: Enrolments, courses: Courses, size: int) -> np.ndarray:
    """Fills the groups of each run in the order of enrolling; (n,)."""
    group = np.zeros(len(enrolments), dtype=np.int64)
    for course in np.flatnonzero(~courses.own_pace):
        at = np.flatnonzero(enrolments.course == course)
        group[at] = np.arange(len(at)) // size
    return group
