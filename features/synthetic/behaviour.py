"""How a student's will comes and goes, and what follows from it day by day: study, homework, silence, leaving.

Every enrolment is lived to its last day, twice: once with the care message and once without it, on the same
luck. What is told of it stops where the student leaves; what is not told is the truth an estimate is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.synthetic.friction import Friction
from features.synthetic.people import NEVER, Calendar, Courses, Enrolments, Students
from features.synthetic.programme import Programme

RETURNS = 28.0
"""Days in which a swing of engagement falls to 37 %."""
SWING = 1.0
"""Standard deviation of the swings."""
SMOOTHS = 0.12
"""Weight of today in the engagement that leaving looks at: a bad week counts, a bad day does not."""
WEEKDAYS = (0.25, 0.2, 0.15, 0.0, -0.5, -0.6, 0.3)
WORST = 0.2
"""The largest daily chance of withdrawing."""


@dataclass(frozen=True)
class Temper:
    """(t, n) arrays that no message changes: engagement, and whether the student is away (a journey, an illness)."""

    engagement: np.ndarray
    away: np.ndarray


@dataclass(frozen=True)
class Life:
    """How the enrolments went, all of them to their last day.

    Attributes:
        active: (t, n) bool, the student came that day.
        engagement: (t, n) float32.
        completed: (t, n) uint8, lessons completed that day.
        hazard: (t, n) float32, the true chance of withdrawing that day.
        decided: (n,) day on which the programme first acted, or `NEVER`.
        finished: (n,) day of the last lesson at one's own pace, or `NEVER`.
        left: (n,) day of withdrawing, or `NEVER`.
        handed: (m, 3) int: day, enrolment, number of the piece of homework handed in.
    """

    active: np.ndarray
    engagement: np.ndarray
    completed: np.ndarray
    hazard: np.ndarray
    decided: np.ndarray
    finished: np.ndarray
    left: np.ndarray
    handed: np.ndarray


def draw_temper(students: Students, enrolments: Enrolments, courses: Courses, days: int, seed: int) -> Temper:
    """Draws engagement: a personal level, swings that die away, shocks, and the weariness of a hard course."""
    rng = np.random.default_rng([seed, 5])
    n = len(enrolments)
    keeps = np.exp(-1 / RETURNS)
    level = students.level[enrolments.student] + rng.normal(0, 0.4, n)
    length = enrolments.last - enrolments.first
    engagement = np.empty((days, n), dtype=np.float32)
    swing = rng.normal(0, SWING, n)
    for day in range(days):
        shock = np.where(rng.random(n) < 1 / 90, rng.uniform(0.8, 2.2, n), 0.0)
        swing = keeps * swing + rng.normal(0, SWING * np.sqrt(1 - keeps**2), n) - shock
        through = np.clip((day - enrolments.first) / length, 0, 1)
        engagement[day] = level + swing - courses.difficulty[enrolments.course] * through
    leaves = np.where(rng.random(n) < 0.3, enrolments.first + (rng.random(n) * length).astype(int), NEVER)
    back = leaves + rng.integers(7, 18, n)
    every_day = np.arange(days)[:, None]
    return Temper(engagement, (leaves <= every_day) & (every_day < back))


@dataclass(frozen=True)
class World:
    """Who there is, and all that befalls them whether they are written to or not.

    Attributes:
        rules: the settings' table `withdrawal`.
    """

    calendar: Calendar
    courses: Courses
    students: Students
    enrolments: Enrolments
    friction: Friction
    temper: Temper
    rules: Mapping[str, Any]

    def strain(self, day: int, overdue: np.ndarray, engagement: np.ndarray) -> np.ndarray:
        """The daily chance of withdrawing without a message, before it is capped; (n,)."""
        weight = self.rules["debt"] * np.minimum(overdue, 4) + self.friction.weight[day]
        return np.asarray(self.rules["base"] * np.exp(weight - self.rules["will"] * engagement))


class _Homework:
    """Who has which piece of homework before them, and how many are overdue."""

    def __init__(self, enrolments: Enrolments, courses: Courses) -> None:
        self._courses, self._course, self._first = courses, enrolments.course, enrolments.first
        self._own = courses.own_pace[enrolments.course]
        self._tasks, self._every = courses.tasks[enrolments.course], courses.every[enrolments.course]
        self._next = enrolments.base.copy()
        self._skipped = np.zeros(len(enrolments), dtype=np.int64)

    def overdue(self, day: int) -> np.ndarray:
        """Pieces whose deadline has passed and that were not handed in; (n,)."""
        passed = (self._courses.due < day).sum(axis=1)[self._course]
        return self._skipped + np.where(self._own, 0, np.maximum(passed - self._next, 0))

    def do(self, day: int, came: np.ndarray, engagement: np.ndarray, luck: np.ndarray) -> np.ndarray:
        """Lets those who came hand in their next piece, or give it up when it is long overdue.

        Returns:
            (m, 3) rows of `Life.handed`.
        """
        left = self._next < self._tasks
        due = np.where(left, self._courses.due[self._course, np.minimum(self._next, self._tasks - 1)], NEVER)
        elapsed = (day - self._first) // self._every
        able = came & left & np.where(self._own, self._next < elapsed, due - day <= self._every)
        late, near = day > due, (due - 2 <= day) & (day <= due)
        hands = able & (luck[0] < _sigmoid(-1.9 + 0.8 * engagement + 1.5 * near + 0.5 * late + 0.6 * self._own))
        gives_up = able & ~hands & (day > due + 12) & (luck[1] < 0.15)
        at = np.flatnonzero(hands)
        handed = np.column_stack([np.full(len(at), day), at, self._next[at]])
        self._next += hands | gives_up
        self._skipped += gives_up
        return handed


class _Lessons:
    """How many lessons each enrolment has before it."""

    def __init__(self, enrolments: Enrolments, courses: Courses) -> None:
        self._own = courses.own_pace[enrolments.course]
        self._room = courses.lessons[enrolments.course].copy()
        self.finished = np.full(len(enrolments), NEVER)

    def do(self, day: int, came: np.ndarray, engagement: np.ndarray, luck: np.ndarray) -> np.ndarray:
        """Lets those who came complete none, one or two lessons; (n,). The last one ends a course at one's own pace."""
        wants = (luck[0] < _sigmoid(0.5 * engagement - 0.1)).astype(np.int64) + (luck[1] < 0.12)
        done = np.where(came, np.minimum(wants, self._room), 0)
        self._room -= done
        self.finished[self._own & (self._room == 0) & (self.finished == NEVER)] = day
        return done


def live_through(
    world: World, programme: Programme, seed: int, *, written_to: bool, progress: Callable[[str], None]
) -> Life:
    """Lives every day of every enrolment.

    Args:
        world: who there is and what befalls them.
        programme: when a message is due and what it does.
        seed: the luck of a day depends on it and on the day only, so two lives differ by the message alone.
        written_to: whether messages that are due are sent.
        progress: told now and then.
    """
    enrolments, days, n = world.enrolments, world.calendar.days, len(world.enrolments)
    homework, lessons = _Homework(enrolments, world.courses), _Lessons(enrolments, world.courses)
    engagement, hazard = np.empty((days, n), np.float32), np.zeros((days, n), np.float32)
    active, completed = np.zeros((days, n), bool), np.zeros((days, n), np.uint8)
    decided, left = np.full(n, NEVER), np.full(n, NEVER)
    silent, smooth = np.zeros(n, np.int64), np.zeros(n)
    handed: list[np.ndarray] = []
    for day in range(days):
        luck = np.random.default_rng([seed, 6, day]).random((6, n))
        studying = (enrolments.first <= day) & (day < enrolments.last) & (lessons.finished >= day)
        ripe = studying & (silent >= programme.silent_days) & (decided == NEVER)
        decided[ripe & world.students.may_be_written_to(day)[enrolments.student]] = day
        age = day - decided if written_to else np.full(n, -1)

        will = world.temper.engagement[day] + programme.effect.on_engagement(age)
        smooth = np.where(day <= enrolments.first, will, smooth + SMOOTHS * (will - smooth))
        weekday = WEEKDAYS[(world.calendar.start.weekday() + day) % 7]
        came = studying & ~world.temper.away[day] & (luck[0] < _sigmoid(1.5 * will + weekday + 0.9))
        silent = np.where(came, 0, silent + studying)

        strain = world.strain(day, homework.overdue(day), smooth)
        chance = np.where(studying, np.minimum(strain * programme.effect.on_hazard(age), WORST), 0.0)
        left[(luck[1] < chance) & (left == NEVER)] = day
        engagement[day], active[day], hazard[day] = will, came, chance
        completed[day] = lessons.do(day, came, will, luck[2:4])
        handed.append(homework.do(day, came, will, luck[4:6]))
        if day % 28 == 27:
            progress(f"day {day + 1} of {days}")
    return Life(active, engagement, completed, hazard, decided, lessons.finished, left, np.concatenate(handed))


def as_it_went(programme: Programme, with_care: Life, without: Life) -> Life:
    """The life that was lived: with the message where it was sent, without it in the hold-out."""
    out = programme.held_out
    handed = np.concatenate([without.handed[out[without.handed[:, 1]]], with_care.handed[~out[with_care.handed[:, 1]]]])
    return Life(
        active=np.where(out, without.active, with_care.active),
        engagement=np.where(out, without.engagement, with_care.engagement),
        completed=np.where(out, without.completed, with_care.completed),
        hazard=np.where(out, without.hazard, with_care.hazard),
        decided=np.where(out, without.decided, with_care.decided),
        finished=np.where(out, without.finished, with_care.finished),
        left=np.where(out, without.left, with_care.left),
        handed=handed[np.lexsort((handed[:, 1], handed[:, 0]))],
    )


@dataclass(frozen=True)
class Ending:
    """Where the telling stops.

    Attributes:
        closes: (n,) the first day of which nothing more is told.
        withdrew: (n,) bool, the student left before the end of the enrolment and of the history.
        alive: (t, n) bool, the days of study until then.
    """

    closes: np.ndarray
    withdrew: np.ndarray
    alive: np.ndarray


def ending(life: Life, enrolments: Enrolments, days: int) -> Ending:
    """Cuts each enrolment where the student withdrew or finished, where it ran out, or where the history ends."""
    runs_out = np.minimum(enrolments.last, days)
    withdrew = (life.left < runs_out) & (life.left <= life.finished)
    closes = np.minimum.reduce([runs_out, life.left, life.finished + 1])
    day = np.arange(days)[:, None]
    return Ending(closes, withdrew, (enrolments.first <= day) & (day < closes))


def _sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))
