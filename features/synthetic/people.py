"""Who is there: the calendar, the courses, the students, and who enrolled in what and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from features import clock
from features.synthetic.names import display_name

NEVER = 1 << 20
"""A day that does not come."""
CHANNELS = ("search", "friend", "ads", "partner", "school")
AGE_BANDS = ("under 18", "18-24", "25-34", "35-44", "45+")


@dataclass(frozen=True)
class Calendar:
    """The days of the history, counted from its first one.

    Attributes:
        start: day 0.
        days: how many days there are; nothing is known from the first moment of day ``days`` on.
        zone: the school's zone, which says when a day begins.
    """

    start: date
    days: int
    zone: str

    @cached_property
    def _midnights(self) -> np.ndarray:
        around = range(-400, self.days + 400)
        return np.array(
            [int(clock.day_start(self.start + timedelta(days=day), self.zone).timestamp()) for day in around]
        )

    def moments(self, day: np.ndarray, second: np.ndarray | int) -> np.ndarray:
        """Seconds since 1970 (UTC) of local seconds of the day on days; (n,) int64."""
        return self._midnights[np.asarray(day, dtype=np.int64) + 400] + np.asarray(second, dtype=np.int64)

    def days_of(self, moments: np.ndarray) -> np.ndarray:
        """The day on which each moment lies; (n,) int64."""
        return np.searchsorted(self._midnights, moments, side="right") - 1 - 400

    @property
    def end(self) -> int:
        """The first moment after the history, in seconds since 1970."""
        return int(self.moments(np.array([self.days]), 0)[0])

    @property
    def first_day_number(self) -> int:
        """Day 0 as a day number of `features.clock`."""
        return clock.day_number(self.start)


@dataclass(frozen=True)
class Courses:
    """(c,) arrays; a run has a first day, at one's own pace it is `NEVER`.

    Attributes:
        announced: (c, k) day on which each piece of homework of a run is due, as first announced; `NEVER` where there
            is none.
        due: the same, after the school moved a deadline.
        tasks: how many pieces of homework there are.
        every: days between two of them.
    """

    ids: tuple[str, ...]
    titles: tuple[str, ...]
    share: np.ndarray
    first: np.ndarray
    length: np.ndarray
    lessons: np.ndarray
    hours: np.ndarray
    every: np.ndarray
    tasks: np.ndarray
    announced: np.ndarray
    due: np.ndarray
    difficulty: np.ndarray
    price: np.ndarray

    @property
    def own_pace(self) -> np.ndarray:
        """Which of them have no run."""
        return self.first == NEVER


@dataclass(frozen=True)
class Students:
    """(s,) arrays.

    Attributes:
        shift: hours that the own zone is ahead of the school's.
        level: usual engagement, in units of its spread between students.
        skips: usual share of video time that is skipped.
        kind: what a care message does, as an index into the settings' types.
        curator: index into the settings' curators, -1 for none.
        withdrew, paused, resumed: days on which consent ended and a pause began and ended.
        consent: 2 service and marketing, 1 service only, 0 nothing known.
    """

    ids: tuple[str, ...]
    names: tuple[str, ...]
    genders: np.ndarray
    zone: np.ndarray
    shift: np.ndarray
    age: np.ndarray
    channel: np.ndarray
    level: np.ndarray
    skips: np.ndarray
    kind: np.ndarray
    group: tuple[str, ...]
    curator: np.ndarray
    consent: np.ndarray
    withdrew: np.ndarray
    paused: np.ndarray
    resumed: np.ndarray

    def may_be_written_to(self, day: int) -> np.ndarray:
        """Who neither withdrew consent nor asked for a pause that lasts on the day; (s,) bool."""
        return (self.withdrew > day) & ~((self.paused <= day) & (day < self.resumed))


@dataclass(frozen=True)
class Enrolments:
    """(n,) arrays, in the order of enrolling.

    Attributes:
        enrolled: day of enrolling, may be before day 0.
        first, last: first day of study and the day after the last one that was bought, may be after the history.
        latest: the day after the last one, were it renewed whenever that is possible.
        base: pieces of homework that were due before the first day.
    """

    ids: tuple[str, ...]
    student: np.ndarray
    course: np.ndarray
    enrolled: np.ndarray
    first: np.ndarray
    last: np.ndarray
    latest: np.ndarray
    base: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


def open_courses(settings: Mapping[str, Any], weeks: int) -> Courses:
    """The courses whose run begins within the history, and those without a run."""
    rows = [row for row in settings["courses"] if row.get("starts_week", 0) < weeks]
    first = np.array([row["starts_week"] * 7 if "starts_week" in row else NEVER for row in rows])
    length = np.array([row["weeks"] * 7 for row in rows])
    every = np.array([row["homework_days"] for row in rows])
    tasks = (length - 1) // every
    announced = np.full((len(rows), int(tasks.max())), NEVER)
    for at in np.flatnonzero(first != NEVER):
        announced[at, : tasks[at]] = first[at] + every[at] * np.arange(1, tasks[at] + 1)
    due = announced.copy()
    for place, moved in [(place, row["moved"]) for place, row in enumerate(rows) if "moved" in row]:
        due[place, moved["homework"] - 1] += moved["days"]
    share = np.array([row["share"] for row in rows], dtype=float)
    return Courses(
        ids=tuple(row["id"] for row in rows),
        titles=tuple(row["title"] for row in rows),
        share=share / share.sum(),
        first=first,
        length=length,
        lessons=np.array([row["lessons"] for row in rows]),
        hours=np.array([row["hours"] for row in rows], dtype=float),
        every=every,
        tasks=tasks,
        announced=announced,
        due=due,
        difficulty=np.array([row["difficulty"] for row in rows], dtype=float),
        price=np.array([row["price_minor"] for row in rows]),
    )


def enrol(count: int, courses: Courses, days: int, settings: Mapping[str, Any], seed: int) -> Enrolments:
    """Lets ``count`` students enrol, most of them in one course; courses at one's own pace are joined at any time."""
    rng = np.random.default_rng([seed, 1])
    luck = rng.random(count)
    wanted = 1 + (luck < settings["second_course"]).astype(int) + (luck < settings["third_course"])
    student = np.repeat(np.arange(count), np.minimum(wanted, len(courses.ids)))
    picks = [rng.choice(len(courses.ids), size=size, replace=False, p=courses.share) for size in np.bincount(student)]
    course = np.concatenate(picks)
    n, own = len(student), courses.own_pace[course]
    early = -rng.integers(1, 36, n)  # days from the run's first day; some come late
    joined = np.where(rng.random(n) < 0.15, rng.integers(0, 15, n), early)
    enrolled = np.where(own, rng.integers(0, days - 1, n), np.minimum(courses.first[course] + joined, days - 2))
    first = np.where(own, enrolled, np.maximum(enrolled, courses.first[course]))
    last = np.where(own, first, courses.first[course]) + courses.length[course]
    order = np.lexsort((student, enrolled))
    base = (courses.due[course] < first[:, None]).sum(axis=1)
    return Enrolments(
        ids=tuple(f"e{at:05d}" for at in range(1, n + 1)),
        student=student[order],
        course=course[order],
        enrolled=enrolled[order],
        first=first[order],
        last=last[order],
        latest=np.where(own, np.maximum(last, days), last)[order],
        base=base[order],
    )


def draw_students(
    count: int, enrolments: Enrolments, courses: Courses, days: int, settings: Mapping[str, Any], seed: int
) -> Students:
    """Gives each student a name, a zone, a group, a curator, a temper and a word on being written to."""
    rng = np.random.default_rng([seed, 2])
    zones, types = settings["zones"], settings["types"]
    zone = rng.choice(len(zones), count, p=_shares(zones))
    genders = rng.choice(np.array(["f", "m"]), count, p=[0.56, 0.44])
    channel = rng.choice(len(CHANNELS), count, p=[0.34, 0.24, 0.22, 0.12, 0.08])
    kind = _kinds(channel, types, rng)
    group, of_group = _groups(count, enrolments, courses, settings["group_size"])
    curators = len(settings["curators"])
    withdrew, paused, resumed, consent = _consents(count, enrolments, days, rng)
    return Students(
        ids=tuple(f"s{at:05d}" for at in range(1, count + 1)),
        names=tuple(
            display_name(zones[z]["names"], g, rng) for z, g in zip(zone.tolist(), genders.tolist(), strict=True)
        ),
        genders=genders,
        zone=zone,
        shift=np.array([_shift(row["zone"], settings) for row in zones])[zone],
        age=rng.choice(len(AGE_BANDS), count, p=[0.06, 0.24, 0.38, 0.22, 0.10]),
        channel=channel,
        level=rng.normal(0.0, 0.9, count) + np.array([row["level"] for row in types])[kind],
        skips=np.where(rng.random(count) < 0.09, rng.beta(8, 5, count), rng.beta(1.2, 9, count)),
        kind=kind,
        group=group,
        curator=np.where(rng.random(count) < settings["without_curator"], -1, of_group % curators),
        consent=consent,
        withdrew=withdrew,
        paused=paused,
        resumed=resumed,
    )


def _kinds(channel: np.ndarray, types: Sequence[Mapping[str, Any]], rng: np.random.Generator) -> np.ndarray:
    """Draws the kinds; those who came by an advertisement take care badly three times as often: it can be learnt."""
    usual = _shares(types)
    badly = np.array([row["hazard"] > 1 for row in types])
    tilted = np.where(badly, 3 * usual, usual)
    weights = np.where((channel == CHANNELS.index("ads"))[:, None], tilted / tilted.sum(), usual)
    return (rng.random((len(channel), 1)) > weights.cumsum(axis=1)[:, :-1]).sum(axis=1)


def _groups(count: int, enrolments: Enrolments, courses: Courses, size: int) -> tuple[tuple[str, ...], np.ndarray]:
    """Fills groups of ``size`` in the order of enrolling in a student's first course."""
    students, firsts = np.unique(enrolments.student, return_index=True)
    course = np.zeros(count, dtype=int)
    course[students] = enrolments.course[firsts]
    place = np.zeros(count, dtype=int)
    seen = np.zeros(len(courses.ids), dtype=int)
    for student in students[np.argsort(firsts)]:
        place[student] = seen[course[student]] // size
        seen[course[student]] += 1
    names = tuple(f"{courses.ids[c]}-{p + 1:02d}" for c, p in zip(course.tolist(), place.tolist(), strict=True))
    return names, place + course


def _consents(
    count: int, enrolments: Enrolments, days: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    consent = rng.choice([2, 1, 0], count, p=[0.84, 0.09, 0.07])
    joined = np.full(count, NEVER)
    np.minimum.at(joined, enrolments.student, enrolments.first)
    luck, wait = rng.random(count), rng.integers(5, 150, count)
    withdrew = np.where((luck < 0.05) & (consent > 0), joined + wait, NEVER)
    pauses = (luck >= 0.05) & (luck < 0.09)
    paused = np.where(pauses, joined + wait, NEVER)
    resumed = np.where(rng.random(count) < 0.7, paused + rng.integers(14, 60, count), NEVER)
    return withdrew, paused, resumed, consent


def _shares(rows: Sequence[Mapping[str, Any]]) -> np.ndarray:
    share = np.array([row["share"] for row in rows], dtype=float)
    return share / share.sum()


def _shift(zone: str, settings: Mapping[str, Any]) -> float:
    at = datetime.combine(settings["start"], datetime.min.time(), ZoneInfo(zone))
    here = at.replace(tzinfo=ZoneInfo(settings["time_zone"]))
    return ((at.utcoffset() or timedelta()) - (here.utcoffset() or timedelta())).total_seconds() / 3600
