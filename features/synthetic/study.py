"""What students do on the platform: sessions, lessons, quizzes and videos, hour by hour out of the days they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.coursework import sigmoid
from features.synthetic.writing import Rows, spelled

HOUR = 3600
LATEST = 86_340
"""Local second of the day after which nothing begins, so that a fact stays on the day it was drawn for."""


Cut = tuple[Rows, Rows]
"""Rows known as they happened, and rows known later."""


@dataclass(frozen=True)
class Sessions:
    """(m,) arrays, one for each day on which a student came, in order of days.

    Attributes:
        second: local second of the school's day on which it began.
        delay: seconds until the school knew of it: a few sessions are of an app without a network.
        number: lessons completed before it.
        completed, begun: lessons completed and only begun in it.
        engagement: of the day.
    """

    day: np.ndarray
    enrolment: np.ndarray
    second: np.ndarray
    delay: np.ndarray
    number: np.ndarray
    completed: np.ndarray
    begun: np.ndarray
    engagement: np.ndarray

    def next_after(self, enrolment: np.ndarray, day: np.ndarray) -> np.ndarray:
        """The first session of each enrolment after each day; (k,) places, -1 where there is none."""
        if not len(self.day):
            return np.full(len(enrolment), -1)
        span = int(self.day.max()) + 2
        order = np.argsort(self.enrolment * span + self.day, kind="stable")
        wanted = enrolment * span + np.minimum(day, span - 2)
        place = np.searchsorted((self.enrolment * span + self.day)[order], wanted, side="right")
        found = order[np.minimum(place, len(order) - 1)]
        return np.where((place < len(order)) & (self.enrolment[found] == enrolment), found, -1)

    def on(self, enrolment: np.ndarray, day: np.ndarray) -> np.ndarray:
        """The session of each enrolment on each day; (k,) places, -1 where there is none."""
        place = self.next_after(enrolment, day - 1)
        return place if not len(self.day) else np.where((place >= 0) & (self.day[place] == day), place, -1)


def sessions(world: World, life: Life, end: Ending, seed: int) -> Sessions:
    """The days on which somebody came, with an hour that suits the student's own zone."""
    rng = np.random.default_rng([seed, 7])
    day, enrolment = np.nonzero(life.active & end.alive)
    m, student = len(day), world.enrolments.student[enrolment]
    before = np.cumsum(life.completed, axis=0, dtype=np.int16) - life.completed
    engagement = life.engagement[day, enrolment]
    weekend = (world.calendar.start.weekday() + day) % 7 > 4
    usual = world.habits.hour[student] - 3 * (weekend & (world.habits.hour[student] > 16))
    spread = world.habits.spread[student] * (1 + 0.6 * np.maximum(-engagement, 0))  # the less will, the less rhythm
    hour = np.clip(rng.normal(usual, spread), 6.5, 22.5) - world.students.shift[student]
    offline = rng.random(m) < 0.02
    return Sessions(
        day=day,
        enrolment=enrolment,
        second=(np.clip(hour, 0.5, 22.2) * HOUR).astype(np.int64),
        delay=np.where(offline, rng.integers(6 * HOUR, 80 * HOUR, m), 0),
        number=before[day, enrolment].astype(np.int64),
        completed=life.completed[day, enrolment].astype(np.int64),
        begun=rng.poisson(0.35, m),
        engagement=engagement,
    )


def moments(world: World, of: Sessions, at: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """When something happened and when it was known: ``after`` seconds into the sessions ``at``."""
    occurred = world.calendar.moments(of.day[at], np.minimum(of.second[at] + after, LATEST))
    return occurred, occurred + of.delay[at]


def _lessons(world: World, of: Sessions) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lessons opened: the session, the place in it, and the lesson's number (from 1)."""
    count = of.completed + of.begun
    at = np.repeat(np.arange(len(count)), count)
    place = np.arange(len(at)) - np.repeat(count.cumsum() - count, count)
    last = world.courses.lessons[world.enrolments.course[of.enrolment[at]]]
    return at, place, np.minimum(of.number[at] + place + 1, last)


class _Events(NamedTuple):
    """Events of one kind; (k,) arrays.

    Attributes:
        at: the session.
        after: seconds into it; the class that a `live` event is of has its own hour.
        number: number of the object, 0 for none.
        amount: clicks of activity, seconds of a video.
        what: the object's word in its name.
    """

    kind: str
    at: np.ndarray
    after: np.ndarray
    number: np.ndarray
    amount: np.ndarray
    what: str


def activity(world: World, of: Sessions, handed: np.ndarray, attended: tuple[np.ndarray, np.ndarray], seed: int) -> Cut:
    """The clicks.

    Args:
        world: who there is.
        of: the sessions.
        handed: (k,) sessions in which homework was handed in.
        attended: (k,) sessions of days on which a live class was attended, and the seconds into the session.
        seed: of the made school.

    Returns:
        Rows known as they happened, and rows of sessions without a network, known later.
    """
    rng = np.random.default_rng([seed, 8])
    m, student = len(of.day), world.enrolments.student[of.enrolment]
    lesson, place, number = _lessons(world, of)
    done = place < of.completed[lesson]
    begins = 90 + 1500 * place
    tested = done & (number % 3 == 0) & (rng.random(len(lesson)) < 0.75)
    talks = np.exp(0.8 * world.habits.talks[student])

    def events(
        kind: str, at: np.ndarray, after: np.ndarray, clicks: float, number: np.ndarray | None = None, what: str = ""
    ) -> _Events:
        none = np.zeros(len(at), np.int64)
        return _Events(kind, at, after, none if number is None else number, 1 + rng.poisson(clicks, len(at)), what)

    def now_and_then(kind: str, share: np.ndarray | float, clicks: float, what: str = "") -> _Events:
        at = np.flatnonzero(rng.random(m) < share)
        return events(kind, at, rng.integers(60, 3000, len(at)), clicks, of.number[at] + 1 if what else None, what)

    completed = (begins + rng.integers(600, 1500, len(lesson)))[done]
    parts = [
        events("login", np.arange(m), np.zeros(m, np.int64), 2),
        events("lesson", lesson, begins + rng.integers(0, 300, len(lesson)), 5, number, "lesson"),
        events("lesson_completed", lesson[done], completed, 1, number[done], "lesson"),
        events("quiz", lesson[tested], begins[tested] + 1400, 6, number[tested], "quiz"),
        events("homework", handed, np.full(len(handed), 2400), 2),
        events("live", *attended, 1),
        now_and_then("forum", 0.06 * talks, 4),
        now_and_then("content", 0.14, 3, "page"),
        now_and_then("other", 0.07, 1),
    ]
    return _split(world, of, parts, "object_id", "quantity")


def videos(world: World, of: Sessions, seed: int) -> Cut:
    """What was watched, at what speed, skipped, rewatched and left; cut as in `activity`."""
    rng = np.random.default_rng([seed, 9])
    lesson, place, number = _lessons(world, of)
    seen = rng.random(len(lesson)) < 0.5
    at, number, begins = lesson[seen], number[seen], 120 + 1500 * place[seen]
    m, enrolment = len(at), of.enrolment[at]
    course, student = world.enrolments.course[enrolment], world.enrolments.student[enrolment]
    seconds = rng.integers(420, 1500, (len(world.courses.ids), int(world.courses.lessons.max()) + 1))
    length = seconds[course, number]
    whole = rng.random(m) < 1 / (1 + np.exp(-1.7 - 0.5 * of.engagement[at]))
    reach = np.where(whole, 1.0, np.round(rng.uniform(0.1, 0.95, m), 3))
    share = np.clip(world.students.skips[student] + rng.normal(0, 0.1, m) - 0.03 * of.engagement[at], 0, 0.95)
    skipped = np.round(length * reach * share).astype(np.int64)
    watched = np.round(length * reach).astype(np.int64) - skipped
    faster = rng.random(m) < 0.06 + 0.15 * (share > 0.4)
    speed = np.minimum(world.habits.speed[student] + 0.25 * faster, 2.0)
    # What was hard is seen twice: more of it in a hard course, and by those to whom study comes less easily.
    hard = sigmoid(-3.0 + 0.9 * world.courses.difficulty[course] - 0.5 * world.students.level[student])
    again = whole & (rng.random(m) < hard)

    def events(kind: str, which: np.ndarray, after: int | np.ndarray, amount: np.ndarray) -> _Events:
        return _Events(kind, at[which], (begins + after)[which], number[which], amount[which], "video")

    none = np.zeros(m, np.int64)
    parts = [
        events("opened", np.ones(m, bool), 0, none),
        events("watched", watched > 0, 5, watched),
        events("skipped", skipped > 15, 10, skipped),
        events("rewatched", again, 15, (length * rng.uniform(0.1, 0.5, m)).astype(np.int64)),
        events("completed", whole, watched + 20, none),
        events("left", ~whole, watched + 20, none),
    ]
    rows = [len(part.at) for part in parts]
    progress, rate = np.full(sum(rows), np.nan), np.full(sum(rows), np.nan)
    progress[sum(rows[:4]) :] = np.concatenate([reach[whole], reach[~whole]])
    rate[rows[0] : rows[0] + rows[1]] = speed[watched > 0]
    return _split(world, of, parts, "video_id", "seconds", progress=progress, speed=rate)


def _split(
    world: World, of: Sessions, parts: Sequence[_Events], object_id: str, amount: str, **more: np.ndarray
) -> Cut:
    """One table of all the events, cut into what was known as it happened and what was known later."""
    at = np.concatenate([part.at for part in parts])
    kind = np.repeat(np.arange(len(parts)), [len(part.at) for part in parts])
    occurred, known = moments(world, of, at, np.concatenate([part.after for part in parts]))
    rows: Rows = {
        "enrolment_id": spelled(world.enrolments.ids, of.enrolment[at]),
        "kind": spelled([part.kind for part in parts], kind),
        object_id: _object_ids(world, of, parts),
        amount: np.concatenate([part.amount for part in parts]),
        **more,
        "occurred_at": occurred,
        "known_at": known,
    }
    later = known > occurred
    return _only(rows, ~later), _only(rows, later)


def _object_ids(world: World, of: Sessions, parts: Sequence[_Events]) -> Any:
    """Names like python-autumn-lesson-07; none where the number is 0."""
    words = sorted({part.what for part in parts} - {""})
    courses, most = len(world.courses.ids), int(world.courses.lessons.max()) + 2
    names = [f"{course}-{word}-{n:02d}" for word in words for course in world.courses.ids for n in range(most)]
    places = []
    for part in parts:
        word = words.index(part.what) if part.what else 0
        course = world.enrolments.course[of.enrolment[part.at]]
        places.append(np.where(part.number > 0, (word * courses + course) * most + part.number, -1))
    return spelled(names, np.concatenate(places))


def _only(rows: Rows, which: np.ndarray) -> Rows:
    return {name: column.filter(which) if hasattr(column, "filter") else column[which] for name, column in rows.items()}
