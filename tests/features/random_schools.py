"""Small random schools: a few students and what happened to them, as rows of the contracts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from features.contracts import TABLES

FIRST = date(2026, 2, 16)
"""Day 0 of the random schools, a Monday; some of their zones change the clock on day 41."""
LAST = 75

MINUTES = [12 * 60, 0, 1, 5 * 60 + 59, 10 * 60, 18 * 60 + 51, 23 * 60 + 59]
MOMENT = list(product([*range(61), *range(25, 36)], MINUTES))
TOGETHER = list(product([*range(61), *range(25, 36), *[27, 28, 29] * 20], MINUTES))
"""Moments of which several fall on one day."""
LATER = [0, 0, 0, 1, 6 * 60, 24 * 60, 3 * 24 * 60, 9 * 24 * 60, 40 * 24 * 60]
"""Minutes."""
ENROLMENT = list(range(9))
ABOUT = [False, True]
"""Whether a fact of a person names the enrolment."""
SCORE = [None, 0.0, 40.0, 62.5, 75.0, 100.0]
STATUS = ["sent", "opened", "answered", "failed"]
LEARNED = [[], [], *([one] for one in product(STATUS, LATER)), [("opened", 60), ("answered", 3000)]]


@dataclass(frozen=True)
class Drawn:
    """What rows of a table are drawn from: for each of their values the choices, and how many rows there are."""

    columns: tuple[Sequence[Any], ...]
    least: int
    most: int

    def rows(self) -> st.SearchStrategy[list[tuple]]:
        row = st.tuples(*map(st.sampled_from, self.columns))
        return st.lists(row, min_size=self.least, max_size=self.most)

    def busy(self, chance: Random, times: int) -> list[tuple]:
        """Many rows."""
        return [tuple(map(chance.choice, self.columns)) for _ in range(times * self.most)]


def drawn(*columns: Sequence[Any], most: int, least: int = 0) -> Drawn:
    return Drawn(columns, least, most)


def maybe(values: Iterable[Any]) -> list[Any]:
    """Nothing as often as one of the values."""
    found = list(values)
    return [None] * len(found) + found


ENTITIES = {
    # course, first day, days, lessons, hours, known on
    "courses": drawn(
        "ab",
        maybe(range(21)),
        maybe(range(10, 81)),
        maybe([1, 2, 3]),
        maybe([12.0, 36.5]),
        [-9, 0, 15],
        least=1,
        most=4,
    ),
    # student, course, enrolled on, own first day, days, attempts, load, known after
    "enrolments": drawn(
        ["ann", "ann", "bob", "cat", "dan"],
        "ab",
        list(product(range(-10, 16), MINUTES)),
        maybe(range(-5, 21)),
        maybe(maybe(range(10, 71))),
        maybe([0, 1, 2]),
        maybe([30.0, 62.5]),
        LATER,
        least=2,
        most=5,
    ),
    # enrolment, other course, moves of its first and last day, known on
    "changes": drawn(ENROLMENT, [False, True], range(-9, 10), range(-9, 10), range(51), most=2),
    "outcomes": drawn(ENROLMENT, ["withdrawal", "withdrawal", "completion", "payment_failure"], MOMENT, LATER, most=3),
}
FACTS = {
    # student, age, region, known on
    "students": drawn(
        ["ann", "ann", "bob", "cat", "dan"], [None, "18", "30"], [None, "north", "east"], [-9, 10, 30, 50], most=5
    ),
    # task, course, deadline, known on; the same task again is a new version
    "assignments": drawn(
        ["t1", "t2", "t3", "t4"], "aab", maybe(product(range(71), MINUTES)), [-9, -9, -9, 10, 20, 35], most=6
    ),
    # ..., score, known after, carried over, a new score and how much later that was known
    "submissions": drawn(
        ENROLMENT,
        ["t1", "t2", "t3", "t4"],
        MOMENT,
        LATER,
        SCORE,
        maybe(LATER),
        [False, False, True],
        maybe(product(SCORE, LATER)),
        most=9,
    ),
    "activity": drawn(
        ENROLMENT,
        ["login", "lesson_completed", "lesson_completed", "content", "lesson", "forum", "quiz", "live"],
        [None, "l1", "l2", "l3"],
        range(1, 6),
        MOMENT,
        LATER,
        most=16,
    ),
    "videos": drawn(
        ENROLMENT,
        ["v1", "v2", "v3"],
        ["opened", "opened", "watched", "watched", "skipped", "rewatched", "completed", "left", "left"],
        [0.0, 30.0, 90.5],
        [None, 0.3, 0.6, 1.0],
        [None, 0.5, 1.0, 1.5],
        MOMENT,
        LATER,
        most=10,
    ),
    "live": drawn(
        ENROLMENT, ["c1", "c2"], ["held", "held", "attended", "spoke", "wrote"], [1, 2, 3], MOMENT, LATER, most=8
    ),
    "tickets": drawn(
        ENROLMENT,
        ABOUT,
        [0, 1],
        [
            *["opened", "opened", "responded", "resolved", "resolved", "reopened"],
            *["rated", "cancel_requested", "refund_requested"],
        ],
        ["P1", "P2", "P3"],
        [None, "access", "payment", "functionality", "content"],
        [None, 1.0, 3.0, 4.5],
        TOGETHER,
        LATER,
        most=12,
    ),
    "ratings": drawn(ENROLMENT, ABOUT, [1.0, 2.0, 2.5, 3.0, 5.0], MOMENT, LATER, most=6),
    "nps": drawn(ENROLMENT, ABOUT, [0.0, 6.0, 9.5, 10.0], MOMENT, LATER, most=3),
    "payments": drawn(
        ENROLMENT,
        ABOUT,
        ["failed", "failed", "paid", "renewed", "refunded", "card_expiring", "card_expiring"],
        [None, 0, 990, 500_000],
        [None, 0, 10, 70_000],
        maybe(range(91)),
        MOMENT,
        LATER,
        most=8,
    ),
    # ..., channel, by, how it went as it was told first, known after, what was learned later
    "touches": drawn(
        ENROLMENT, ABOUT, ["sms", "call", "email"], [None, "olga"], STATUS, MOMENT, LATER, LEARNED, most=6
    ),
}
MATES = {
    "courses": drawn("a", [None, 0, 0], [None], [None, 2], [None], [-9], most=1),
    "enrolments": drawn(
        ["ann", "bob", "cat", "dan", "eve", "fay"],
        "aaaaaaaaab",
        list(product([0] * 9 + [3, 9], MINUTES)),
        [None] * 9 + [8],
        [None],
        [None],
        [None],
        [0, 0, 0, 24 * 60],
        most=9,
    ),
    "changes": drawn(ENROLMENT, [True], [0], [0], range(51), most=1),
    "outcomes": drawn(ENROLMENT, ["withdrawal"], MOMENT, LATER, most=1),
}
"""Enough students for a rank: those of one course, and in one week of it where they begin on days of their own."""

ZONE = st.sampled_from(["Europe/Moscow", "Europe/Berlin", "Asia/Beirut"])
LAUNCH = f"""
[[support.exceptional_days]]
first = "{FIRST + timedelta(days=27)}"
last = "{FIRST + timedelta(days=28)}"
times = 2
"""
WHO = '[profile]\nage_band = ["30", "18"]\nregion = ["south", "north"]\n'
SETTINGS = st.sampled_from(["", LAUNCH, WHO, LAUNCH + WHO])
"""What a school has settled: days on which promises are widened, who people are."""
CUTS = st.lists(st.integers(3, LAST), min_size=2, max_size=5, unique=True)
PARTS = st.lists(
    st.fixed_dictionaries({name: one.rows() for name, one in (ENTITIES | FACTS).items()}), min_size=1, max_size=4
)
"""A few students each and what happened to them; the parts know nothing of each other: several only save time."""


def busy_parts(seed: int) -> list[dict[str, list[tuple]]]:
    """Two parts, and one of course-mates, with much to count about everybody."""
    chance = Random(seed)
    return [
        {name: one.busy(chance, 1) for name, one in (ENTITIES | who).items()}
        | {name: one.busy(chance, times) for name, one in FACTS.items()}
        for who, times in (({}, 4), ({}, 4), (MATES, 6))
    ]


class Made:
    """Rows of the contracts, made of what was drawn."""

    def __init__(self, zone: str, parts: list[dict[str, Any]]) -> None:
        self.zone = zone
        self.rows: dict[str, list[dict[str, Any]]] = {}
        for self.part, drawn in enumerate(parts):
            self._students(drawn["students"])
            self._courses(drawn["courses"])
            self._enrolments(drawn["enrolments"], drawn["changes"])
            self._homework(drawn["assignments"], drawn["submissions"])
            self._behaviour(drawn)
            self._support(drawn)
            self._office(drawn)

    def at(self, day: int, minute: int = 0, later: int = 0) -> datetime:
        wall = datetime(FIRST.year, FIRST.month, FIRST.day) + timedelta(days=day, minutes=minute)
        return wall.replace(tzinfo=ZoneInfo(self.zone)).astimezone(ZoneInfo("UTC")) + timedelta(minutes=later)

    def times(self, moment: tuple[int, int], later: int) -> dict[str, datetime]:
        return {"occurred_at": self.at(*moment), "known_at": self.at(*moment, later)}

    def add(self, table: str, **row: Any) -> dict[str, Any]:
        found = self.rows.setdefault(table, [])
        key = TABLES[table].key[0]
        found.append(({} if key in row else {key: f"{table}-{len(found)}"}) | row)
        return found[-1]

    def again(self, table: str, row: dict[str, Any], later: int, **told: Any) -> dict[str, Any]:
        """A newer version."""
        return self.add(table, **(row | told | {"known_at": row["known_at"] + timedelta(minutes=later)}))

    def person(self, enrolment: int, about: bool) -> dict[str, str | None]:
        known = self._people[enrolment % len(self._people)]
        return {"student_id": known["student_id"], "enrolment_id": known["enrolment_id"] if about else None}

    def enrolment(self, number: int) -> str:
        return self._people[number % len(self._people)]["enrolment_id"]

    def _students(self, drawn: list[tuple]) -> None:
        for student, age, region, known in drawn:
            name = f"{student}{self.part}"
            self.add("students", student_id=name, age_band=age, region=region, known_at=self.at(known))

    def _courses(self, drawn: list[tuple]) -> None:
        for course, first, days, lessons, hours, known in drawn:
            self.add(
                "courses",
                course_id=f"{course}{self.part}",
                starts_at=None if first is None else self.at(first),
                ends_at=None if days is None else self.at((first or 0) + days),
                lessons=lessons,
                hours=hours,
                known_at=self.at(known),
            )

    def _enrolments(self, drawn: list[tuple], changes: list[tuple]) -> None:
        for i, (student, course, enrolled, first, days, attempts, load, later) in enumerate(drawn):
            self.add(
                "enrolments",
                enrolment_id=f"e{self.part}{i}",
                student_id=f"{student}{self.part}",
                course_id=f"{course}{self.part}",
                starts_at=None if first is None else self.at(first),
                ends_at=None if days is None else self.at((first or 0) + days),
                prior_attempts=attempts,
                study_load=load,
                **self.times(enrolled, later),
            )
        self._people = self.rows["enrolments"][-len(drawn) :]
        for number, moves, first, last, known in changes:
            old = self._people[number % len(self._people)]
            new = dict(old, known_at=max(self.at(known), old["known_at"]))
            if moves:
                new["course_id"] = {"a": "b", "b": "a"}[old["course_id"][0]] + str(self.part)
            for name, days in (("starts_at", first), ("ends_at", last)):
                if old[name] is not None:
                    new[name] = old[name] + timedelta(days=days)
            if None in (new["starts_at"], new["ends_at"]) or new["starts_at"] <= new["ends_at"]:
                self.rows["enrolments"].append(new)

    def _homework(self, assignments: list[tuple], submissions: list[tuple]) -> None:
        for task, course, due, known in assignments:
            due_at = None if due is None else self.at(*due)
            names = {"assignment_id": f"{task}-{self.part}", "course_id": f"{course}{self.part}"}
            self.add("assignments", **names, due_at=due_at, known_at=self.at(known))
        for number, task, moment, later, score, scored_later, carried_over, rescored in submissions:
            row = self.add(
                "submissions",
                enrolment_id=self.enrolment(number),
                assignment_id=f"{task}-{self.part}",
                score=score,
                score_known_at=None if scored_later is None else self.at(*moment, scored_later),
                carried_over=carried_over,
                **self.times(moment, later),
            )
            if rescored is not None:
                known = row["known_at"] + timedelta(minutes=rescored[1])
                self.again("submissions", row, rescored[1], score=rescored[0], score_known_at=known)

    def _behaviour(self, drawn: dict[str, Any]) -> None:
        for number, kind, thing, quantity, moment, later in drawn["activity"]:
            mine = {"enrolment_id": self.enrolment(number), "kind": kind, "object_id": thing, "quantity": quantity}
            self.add("activity", **mine, **self.times(moment, later))
        for number, video, kind, seconds, progress, speed, moment, later in drawn["videos"]:
            mine = {"enrolment_id": self.enrolment(number), "video_id": video, "kind": kind, "seconds": seconds}
            self.add("videos", **mine, progress=progress, speed=speed, **self.times(moment, later))
        for number, class_id, kind, quantity, moment, later in drawn["live"]:
            mine = {"enrolment_id": self.enrolment(number), "class_id": class_id, "kind": kind, "quantity": quantity}
            self.add("live", **mine, **self.times(moment, later))

    def _support(self, drawn: dict[str, Any]) -> None:
        for number, about, ticket, event, priority, category, score, moment, later in drawn["tickets"]:
            who = self.person(number, about)
            name = f"{who['student_id']}-{who['enrolment_id']}-{ticket}"
            what = {"ticket_id": name, "event": event, "priority": priority, "category": category, "score": score}
            self.add("tickets", **who, **what, **self.times(moment, later))
        for table in ("ratings", "nps"):
            for number, about, value, moment, later in drawn[table]:
                self.add(table, **self.person(number, about), value=value, **self.times(moment, later))

    def _office(self, drawn: dict[str, Any]) -> None:
        for number, about, kind, amount, discount, expires, moment, later in drawn["payments"]:
            money = {"kind": kind, "amount_minor": amount, "discount_minor": discount}
            money["expires_at"] = None if expires is None else self.at(expires)
            self.add("payments", **self.person(number, about), **money, **self.times(moment, later))
        for number, about, channel, by, status, moment, later, learned in drawn["touches"]:
            how = {"channel": channel, "by": by, "status": status}
            row = self.add("touches", **self.person(number, about), **how, **self.times(moment, later))
            for status_later, much_later in learned:
                row = self.again("touches", row, much_later, status=status_later)
        closed = set()
        for number, kind, moment, later in drawn["outcomes"]:
            if self.enrolment(number) not in closed:
                closed.add(self.enrolment(number))
                self.add("outcomes", enrolment_id=self.enrolment(number), kind=kind, **self.times(moment, later))
