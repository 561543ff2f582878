"""How a student's will comes and goes, and what follows from it day by day: study, homework, silence, leaving.

Every enrolment is lived to its last day, twice: once with the care message and once without it, on the same
luck. What is told of it stops where the student leaves; what is not told is the truth an estimate is held against.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from features.synthetic.coursework import Homework, Lessons, sigmoid
from features.synthetic.friction import Friction
from features.synthetic.habits import Habits
from features.synthetic.people import NEVER, Calendar, Courses, Enrolments, Students
from features.synthetic.programme import Programme
from features.synthetic.timetable import Timetable

RETURNS = 28.0
"""Days in which a swing of engagement falls to 37 %."""
SWING = 1.0
"""Standard deviation of the swings."""
SMOOTHS = 0.12
"""Weight of today in the engagement that leaving looks at: a bad week counts, a bad day does not."""
WEEKDAYS = (0.25, 0.2, 0.15, 0.0, -0.5, -0.6, 0.3)
CLASS_DRAWS = 0.5
"""What a live class adds to the inclination to come that day."""
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
        lapse: (t, n) float32, on the last day that was bought: the true chance of not going on; else 0.
        decided: (n,) day on which the programme first acted, or `NEVER`.
        finished: (n,) day of the last lesson at one's own pace, or `NEVER`.
        left: (n,) day of withdrawing, or `NEVER`.
        last: (n,) the day after the last one that was bought in the end.
        renewed: (m, 2) int: day and enrolment of each time the student went on.
        handed: (m, 3) int: day, enrolment, number of the piece of homework handed in.
    """

    active: np.ndarray
    engagement: np.ndarray
    completed: np.ndarray
    hazard: np.ndarray
    lapse: np.ndarray
    decided: np.ndarray
    finished: np.ndarray
    left: np.ndarray
    last: np.ndarray
    renewed: np.ndarray
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


def strain(rules: Mapping[str, Any], overdue: np.ndarray, weight: np.ndarray, engagement: np.ndarray) -> np.ndarray:
    """The daily chance of withdrawing, before it is capped; (n,).

    Args:
        rules: the settings' table `withdrawal`.
        overdue: (n,) pieces of homework.
        weight: (n,) all the rest that adds to the logarithm of the chance.
        engagement: (n,) as leaving looks at it: smoothed.
    """
    weight = rules["debt"] * np.minimum(overdue, 4) + weight
    return np.asarray(rules["base"] * np.exp(weight - rules["will"] * engagement))


def inclination(engagement: np.ndarray, draw: np.ndarray) -> np.ndarray:
    """The chance of coming on a day, given what brings students besides their will; (n,)."""
    return sigmoid(1.5 * engagement + draw + 0.8)


@dataclass(frozen=True)
class World:
    """Who there is, and all that befalls them whether they are written to or not.

    Attributes:
        rules, renewal: the settings' tables `withdrawal` and `renewal`.
    """

    calendar: Calendar
    courses: Courses
    students: Students
    habits: Habits
    enrolments: Enrolments
    friction: Friction
    timetable: Timetable
    temper: Temper
    rules: Mapping[str, Any]
    renewal: Mapping[str, Any]

    def strain(self, day: int, overdue: np.ndarray, engagement: np.ndarray) -> np.ndarray:
        """The daily chance of withdrawing without a message, before it is capped; (n,)."""
        return strain(self.rules, overdue, self.friction.weight[day], engagement)

    def draw(self, day: int) -> np.ndarray:
        """What brings students on the day besides their will: the weekday, their habit, a live class; (n,)."""
        weekday = (self.calendar.start.weekday() + day) % 7
        habit = self.habits.weekday[self.enrolments.student, weekday]
        return np.asarray(WEEKDAYS[weekday] + habit + CLASS_DRAWS * self.timetable.held[day])

    def goes_on(self, day: int, engagement: np.ndarray, done: np.ndarray) -> np.ndarray:
        """The chance of buying the next stage (at one's own pace: more time) on the last day bought; (n,)."""
        rules, enrolments = self.renewal, self.enrolments
        usual = np.where(self.courses.own_pace[enrolments.course], rules["own_pace"], rules["run"])
        minus = (
            rules["thrifty"] * self.habits.thrifty[enrolments.student] + rules["unhappy"] * self.friction.unhappy[day]
        )
        return sigmoid(usual + rules["will"] * engagement + rules["done"] * (done - 0.7) - minus)


class _Terms:
    """Until when each enrolment is bought and paid for, and who goes on at the end of it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._own = world.courses.own_pace[world.enrolments.course]
        self.last = world.enrolments.last.copy()
        self.renewed: list[np.ndarray] = []

    def run(self, day: int) -> np.ndarray:
        """Which enrolments have begun and are not over; (n,) bool."""
        stops = self._world.friction.payments.stops
        return (self._world.enrolments.first <= day) & (day < np.minimum(self.last, stops))

    def end(self, day: int, studying: np.ndarray, chance: np.ndarray, luck: np.ndarray) -> np.ndarray:
        """Ends or renews those whose last day it is.

        Returns:
            (n,) the true chance of not going on, 0 where it is not the last day.
        """
        ends = studying & (day == self.last - 1)
        lapse = np.where(ends, 1 - chance, 0.0)
        on = np.flatnonzero(ends & (luck >= lapse))
        self.last[on] += self._own[on] * self._world.renewal["days"]
        self.renewed.append(np.column_stack([np.full(len(on), day), on]))
        return lapse


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
    homework = Homework(enrolments, world.courses, world.habits.lead[enrolments.student])
    lessons, terms = Lessons(enrolments, world.courses), _Terms(world)
    engagement = np.empty((days, n), np.float32)
    hazard, lapse = np.zeros((days, n), np.float32), np.zeros((days, n), np.float32)
    active, completed = np.zeros((days, n), bool), np.zeros((days, n), np.uint8)
    decided, left = np.full(n, NEVER), np.full(n, NEVER)
    silent, smooth = np.zeros(n, np.int64), np.zeros(n)
    handed: list[np.ndarray] = []
    for day in range(days):
        luck = np.random.default_rng([seed, 6, day]).random((7, n))
        studying = terms.run(day) & (lessons.finished >= day)
        ripe = studying & (silent >= programme.silent_days) & (decided == NEVER)
        decided[ripe & world.students.may_be_written_to(day)[enrolments.student]] = day
        age = day - decided if written_to else np.full(n, -1)

        will = world.temper.engagement[day] + programme.effect.on_engagement(age)
        smooth = np.where(day <= enrolments.first, will, smooth + SMOOTHS * (will - smooth))
        came = studying & ~world.temper.away[day] & (luck[0] < inclination(will, world.draw(day)))
        silent = np.where(came, 0, silent + studying)

        strain = world.strain(day, homework.overdue(day), smooth)
        chance = np.where(studying, np.minimum(strain * programme.effect.on_hazard(age), WORST), 0.0)
        left[(luck[1] < chance) & (left == NEVER)] = day
        engagement[day], active[day], hazard[day] = will, came, chance
        completed[day] = lessons.do(day, came, will, luck[2:4])
        handed.append(homework.do(day, came, will, luck[4:6]))
        goes_on = world.goes_on(day, smooth, lessons.share)
        lapse[day] = terms.end(day, studying & (lessons.finished > day), goes_on, luck[6])
        if day % 28 == 27:
            progress(f"day {day + 1} of {days}")
    return Life(
        active=active,
        engagement=engagement,
        completed=completed,
        hazard=hazard,
        lapse=lapse,
        decided=decided,
        finished=lessons.finished,
        left=left,
        last=terms.last,
        renewed=np.concatenate(terms.renewed),
        handed=np.concatenate(handed),
    )


def as_it_went(programme: Programme, with_care: Life, without: Life) -> Life:
    """The life that was lived: with the message where it was sent, without it in the hold-out."""
    out = programme.held_out

    def either(name: str) -> np.ndarray:
        return np.where(out, getattr(without, name), getattr(with_care, name))

    def both(name: str) -> np.ndarray:
        mine, theirs = getattr(without, name), getattr(with_care, name)
        rows = np.concatenate([mine[out[mine[:, 1]]], theirs[~out[theirs[:, 1]]]])
        return rows[np.lexsort((rows[:, 1], rows[:, 0]))]

    rows_of = ("renewed", "handed")
    return Life(**{field.name: (both if field.name in rows_of else either)(field.name) for field in fields(Life)})


@dataclass(frozen=True)
class Ending:
    """Where the telling stops.

    Attributes:
        closes: (n,) the first day of which nothing more is told.
        withdrew: (n,) bool, the student left before the end of the enrolment and of the history.
        unpaid: (n,) bool, the school closed the enrolment because a payment never came.
        lapsed: (n,) bool, all that was bought was used up, and the student did not go on.
        alive: (t, n) bool, the days of study until then.
    """

    closes: np.ndarray
    withdrew: np.ndarray
    unpaid: np.ndarray
    lapsed: np.ndarray
    alive: np.ndarray


def ending(world: World, life: Life) -> Ending:
    """Cuts each enrolment where it was left, finished or not paid for, where it ran out, or where the history ends."""
    days, stops = world.calendar.days, world.friction.payments.stops
    runs_out = np.minimum(life.last, days)
    withdrew = (life.left < np.minimum(runs_out, stops)) & (life.left <= life.finished)
    closes = np.minimum.reduce([runs_out, stops, life.left, life.finished + 1])
    goes_on = np.zeros(len(closes), bool)
    goes_on[life.renewed[life.renewed[:, 0] == life.last[life.renewed[:, 1]] - 1, 1]] = True
    day = np.arange(days)[:, None]
    return Ending(
        closes=closes,
        withdrew=withdrew,
        unpaid=~withdrew & (closes == stops),
        lapsed=~withdrew & (closes == life.last) & (closes < stops) & (life.finished >= closes) & ~goes_on,
        alive=(world.enrolments.first <= day) & (day < closes),
    )
