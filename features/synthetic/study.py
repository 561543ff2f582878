"""What students do: sessions, lessons, videos, homework and ratings, hour by hour out of the days they came."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.writing import Rows, spelled

HOUR = 3600
LATEST = 86_340
"""Local second of the day after which nothing begins, so that a fact stays on the day it was drawn for."""


@dataclass(frozen=True)
class Sessions:
    """(m,) arrays, one for each day on which a student came, in order of days.

    Attributes:
        second: local second of the school's day on which it began.
        delay: seconds until the school knew of it: a few sessions are of an app without a network.
        number: lessons completed before it.
        completed, begun: lessons completed and only begun in it.
    """

    day: np.ndarray
    enrolment: np.ndarray
    second: np.ndarray
    delay: np.ndarray
    number: np.ndarray
    completed: np.ndarray
    begun: np.ndarray
    engagement: np.ndarray


def sessions(world: World, life: Life, end: Ending, seed: int) -> Sessions:
    """The days on which somebody came, with an hour that suits the student's own zone."""
    rng = np.random.default_rng([seed, 7])
    day, enrolment = np.nonzero(life.active & end.alive)
    m = len(day)
    before = np.cumsum(life.completed, axis=0, dtype=np.int16) - life.completed
    hour = np.clip(rng.normal(18.8, 2.8, m), 7, 22) - world.students.shift[world.enrolments.student[enrolment]]
    offline = rng.random(m) < 0.02
    return Sessions(
        day=day,
        enrolment=enrolment,
        second=(np.clip(hour, 0.5, 22.2) * HOUR).astype(np.int64),
        delay=np.where(offline, rng.integers(6 * HOUR, 80 * HOUR, m), 0),
        number=before[day, enrolment].astype(np.int64),
        completed=life.completed[day, enrolment].astype(np.int64),
        begun=rng.poisson(0.35, m),
        engagement=life.engagement[day, enrolment],
    )


def _moments(world: World, of: Sessions, at: np.ndarray, after: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
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
        after: seconds into it.
        lesson: number of the lesson, 0 for none.
        amount: clicks of activity, seconds of a video.
    """

    kind: str
    at: np.ndarray
    after: np.ndarray
    lesson: np.ndarray
    amount: np.ndarray


def activity(world: World, of: Sessions, handed: np.ndarray, seed: int) -> tuple[Rows, Rows]:
    """The clicks.

    Args:
        world: who there is.
        of: the sessions.
        handed: (k,) sessions in which homework was handed in.
        seed: of the made school.

    Returns:
        Rows known as they happened, and rows of sessions without a network, known later.
    """
    rng = np.random.default_rng([seed, 8])
    m = len(of.day)
    lesson, place, number = _lessons(world, of)
    done = place < of.completed[lesson]
    begins = 90 + 1500 * place

    def events(
        kind: str, at: np.ndarray, after: np.ndarray, clicks: float, number: np.ndarray | None = None
    ) -> _Events:
        none = np.zeros(len(at), np.int64)
        return _Events(kind, at, after, none if number is None else number, 1 + rng.poisson(clicks, len(at)))

    parts = [
        events("login", np.arange(m), np.zeros(m, np.int64), 2),
        events("lesson", lesson, begins + rng.integers(0, 300, len(lesson)), 5, number),
        events(
            "lesson_completed", lesson[done], (begins + rng.integers(600, 1500, len(lesson)))[done], 1, number[done]
        ),
        events("homework", handed, np.full(len(handed), 2400), 2),
    ]
    for kind, share, clicks in (("forum", 0.08, 4), ("quiz", 0.13, 6), ("content", 0.15, 3)):
        at = np.flatnonzero(rng.random(m) < share)
        parts.append(events(kind, at, rng.integers(60, 3000, len(at)), clicks))
    return _split(world, of, parts, {"object_id": "lesson"}, "quantity")


def videos(world: World, of: Sessions, seed: int) -> tuple[Rows, Rows]:
    """What was watched, skipped, rewatched and left; split as in `activity`."""
    rng = np.random.default_rng([seed, 9])
    lesson, place, number = _lessons(world, of)
    seen = rng.random(len(lesson)) < 0.5
    at, number, begins = lesson[seen], number[seen], 120 + 1500 * place[seen]
    m, enrolment = len(at), of.enrolment[at]
    seconds = rng.integers(420, 1500, (len(world.courses.ids), int(world.courses.lessons.max()) + 1))
    length = seconds[world.enrolments.course[enrolment], number]
    whole = rng.random(m) < 1 / (1 + np.exp(-1.7 - 0.5 * of.engagement[at]))
    reach = np.where(whole, 1.0, np.round(rng.uniform(0.1, 0.95, m), 3))
    usual = world.students.skips[world.enrolments.student[enrolment]]
    share = np.clip(usual + rng.normal(0, 0.1, m) - 0.03 * of.engagement[at], 0, 0.95)
    skipped = np.round(length * reach * share).astype(np.int64)
    watched = np.round(length * reach).astype(np.int64) - skipped

    def events(kind: str, which: np.ndarray, after: int | np.ndarray, amount: np.ndarray) -> _Events:
        return _Events(kind, at[which], (begins + after)[which], number[which], amount[which])

    none, back = np.zeros(m, np.int64), whole & (rng.random(m) < 0.08)
    parts = [
        events("opened", np.ones(m, bool), 0, none),
        events("watched", watched > 0, 5, watched),
        events("skipped", skipped > 15, 10, skipped),
        events("rewatched", back, 15, length // 5),
        events("completed", whole, watched + 20, none),
        events("left", ~whole, watched + 20, none),
    ]
    ended = np.full(sum(len(part.at) for part in parts[:4]), np.nan)
    progress = np.concatenate([ended, reach[whole], reach[~whole]])
    return _split(world, of, parts, {"video_id": "video"}, "seconds", progress=progress)


def _split(
    world: World, of: Sessions, parts: Sequence[_Events], lessons: Mapping[str, str], amount: str, **more: np.ndarray
) -> tuple[Rows, Rows]:
    """One table of all the events, cut into what was known as it happened and what was known later."""
    at = np.concatenate([part.at for part in parts])
    kind = np.repeat(np.arange(len(parts)), [len(part.at) for part in parts])
    number = np.concatenate([part.lesson for part in parts])
    occurred, known = _moments(world, of, at, np.concatenate([part.after for part in parts]))
    rows: Rows = {
        "enrolment_id": spelled(world.enrolments.ids, of.enrolment[at]),
        "kind": spelled([part.kind for part in parts], kind),
        **{name: _lesson_ids(world, what, of.enrolment[at], number) for name, what in lessons.items()},
        amount: np.concatenate([part.amount for part in parts]),
        **more,
        "occurred_at": occurred,
        "known_at": known,
    }
    later = known > occurred
    return _only(rows, ~later), _only(rows, later)


def submissions(world: World, life: Life, end: Ending, of: Sessions, seed: int) -> tuple[Rows, np.ndarray]:
    """The homework handed in, and the sessions it was handed in at; scores come days later, if they have come yet."""
    rng = np.random.default_rng([seed, 10])
    day, enrolment, task = life.handed[day_is_told(life.handed, end)].T
    at = np.searchsorted(of.day * len(world.enrolments) + of.enrolment, day * len(world.enrolments) + enrolment)
    occurred, known = _moments(world, of, at, np.full(len(at), 2400))
    level = world.students.level[world.enrolments.student[enrolment]]
    score = np.clip(np.round(66 + 9 * level + 5 * of.engagement[at] + rng.normal(0, 11, len(at))), 0, 100)
    marked = known + rng.integers(8 * HOUR, 96 * HOUR, len(at))
    told = marked < world.calendar.end
    course = world.enrolments.course[enrolment]
    rows: Rows = {
        "enrolment_id": spelled(world.enrolments.ids, enrolment),
        "assignment_id": spelled(assignment_ids(world), course * world.courses.due.shape[1] + task),
        "occurred_at": occurred,
        "known_at": known,
        "score": np.where(told, score, np.nan),
        "score_known_at": np.where(told, marked, -1),
    }
    return rows, at


def day_is_told(handed: np.ndarray, end: Ending) -> np.ndarray:
    """Which rows of `Life.handed` lie before the end of their enrolment; (m,) bool."""
    return np.asarray(handed[:, 0] < end.closes[handed[:, 1]])


def ratings(world: World, of: Sessions, seed: int) -> Rows:
    """Stars after lessons; the unhappy give few, and give them more often."""
    rng = np.random.default_rng([seed, 11])
    unhappy = world.friction.unhappy[of.day, of.enrolment]
    at = np.flatnonzero((of.completed > 0) & (rng.random(len(of.day)) < np.where(unhappy, 0.5, 0.1)))
    stars = np.where(unhappy[at], rng.choice(3, len(at), p=[0.35, 0.5, 0.15]) + 1, rng.normal(4.4, 0.7, len(at)))
    occurred, known = _moments(world, of, at, np.full(len(at), 3300))
    return {
        "student_id": spelled(world.students.ids, world.enrolments.student[of.enrolment[at]]),
        "enrolment_id": spelled(world.enrolments.ids, of.enrolment[at]),
        "value": np.clip(np.round(stars), 1, 5).astype(np.int64),
        "occurred_at": occurred,
        "known_at": known,
    }


def assignment_ids(world: World) -> list[str]:
    """The name of each place of `Courses.due`, course by course."""
    return [f"{course}-hw{task + 1:02d}" for course in world.courses.ids for task in range(world.courses.due.shape[1])]


def _lesson_ids(world: World, what: str, enrolment: np.ndarray, number: np.ndarray) -> Any:
    """Names like python-autumn-lesson-07; none where the number is 0."""
    most = int(world.courses.lessons.max()) + 1
    names = [f"{course}-{what}-{n:02d}" for course in world.courses.ids for n in range(most)]
    return spelled(names, np.where(number > 0, world.enrolments.course[enrolment] * most + number, -1))


def _only(rows: Rows, which: np.ndarray) -> Rows:
    return {name: column.filter(which) if hasattr(column, "filter") else column[which] for name, column in rows.items()}
