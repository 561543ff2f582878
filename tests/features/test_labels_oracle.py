"""Every label of small random schools is what the oracle counts from the raw rows, asked on several days."""

from __future__ import annotations

import math
import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.clock import day_number
from features.labels import LABELS, label
from tests.features.oracle import UNKNOWN, Past
from tests.features.oracle_labels import ANSWERS, Hindsight
from tests.features.small_school import written
from tests.thorough import examples

FIRST = date(2026, 2, 16)
"""Day 0, a Monday; Berlin changes the clock on day 41."""
ZONES = ("Europe/Moscow", "Europe/Berlin")
CUTS = [FIRST + timedelta(days=day) for day in (4, 12, 24, 33, 41, 48, 59, 71)]
UNTILS = [FIRST + timedelta(days=day) for day in (74, 160)]

MINUTE = st.sampled_from([12 * 60, 0, 23 * 60 + 59])
MOMENT = st.tuples(st.sampled_from([6, 7, 8, 13, 14, 29, 30, 43, 44]) | st.integers(0, 90), MINUTE)
"""Days since the student enrolled; often those on which an answer turns."""
LATER = st.sampled_from([0, 0, 0, 1, 3, 9, 40])
"""Days until it is known."""
WHO = st.integers(0, 2)


def facts(*columns: st.SearchStrategy, most: int) -> st.SearchStrategy[list[tuple]]:
    return st.lists(st.tuples(*columns, MOMENT, LATER), max_size=most)


PART = st.fixed_dictionaries(
    {
        # the course's end, its newer end, known on
        "course": st.tuples(st.integers(30, 70), st.none() | st.integers(30, 90), st.integers(10, 75)),
        # student, enrolled on, own end
        "enrolments": st.lists(
            st.tuples(st.sampled_from("aab"), st.integers(0, 75), st.none() | st.just(30) | st.integers(15, 80)),
            min_size=3,
            max_size=3,
        ),
        # enrolment, own end moved by, known on
        "moved": st.lists(st.tuples(WHO, st.sampled_from([-5, 0, 30]), st.integers(10, 80)), max_size=2),
        "activity": facts(WHO, st.sampled_from(["login", "forum"]), most=8),
        # enrolment, whether it is named, kind
        "payments": facts(
            WHO,
            st.booleans(),
            st.sampled_from(["failed", "failed", "paid", "renewed", "renewed", "refunded", "refunded"]),
            most=6,
        ),
        # enrolment, days until the money comes
        "retries": facts(WHO, st.sampled_from([0, 6, 7, 8]), most=3),
        "outcomes": facts(
            WHO,
            st.sampled_from(["withdrawal", "refund", "refund", "nonrenewal", "completion", "payment_failure"]),
            most=3,
        ),
    }
)


class Made:
    """Rows of the contracts, made of what was drawn."""

    def __init__(self, zone: str, parts: list[dict[str, Any]]) -> None:
        self.zone = zone
        self.rows: dict[str, list[dict[str, Any]]] = {"courses": [], "enrolments": []}
        for part, drawn in enumerate(parts):
            self._course(f"c{part}", *drawn["course"])
            own = [self._enrolment(part, i, *one) for i, one in enumerate(drawn["enrolments"])]
            for who, by, known in drawn["moved"]:
                self._move(own[who], by, known)
            for who, days, (since, minute), later in drawn["retries"]:
                for kind, after in (("failed", 0), ("paid", days)):
                    self._fact("payments", own[who], [True, kind], (since + after, minute), later)
            for table in ("activity", "payments", "outcomes"):
                for who, *what, moment, later in drawn[table]:
                    self._fact(table, own[who], what, moment, later)

    def at(self, day: int, minute: int = 0) -> datetime:
        wall = datetime(FIRST.year, FIRST.month, FIRST.day) + timedelta(days=day, minutes=minute)
        return wall.replace(tzinfo=ZoneInfo(self.zone)).astimezone(ZoneInfo("UTC"))

    def _course(self, name: str, end: int, newer: int | None, known: int) -> None:
        versions = [(end, -60)] + [(newer, known)] * (newer is not None)
        self.rows["courses"] += [
            {"course_id": name, "starts_at": self.at(0), "ends_at": self.at(day), "known_at": self.at(told)}
            for day, told in versions
        ]

    def _enrolment(self, part: int, i: int, student: str, enrolled: int, end: int | None) -> dict[str, Any]:
        row = {
            "enrolment_id": f"e{part}{i}",
            "student_id": f"{student}{part}",
            "course_id": f"c{part}",
            "occurred_at": self.at(enrolled, 600),
            "starts_at": None,
            "ends_at": None if end is None else self.at(enrolled + end),
            "known_at": self.at(enrolled, 600),
        }
        self.rows["enrolments"].append(row)
        return row

    def _move(self, old: dict[str, Any], by: int, known: int) -> None:
        told = self.at(known)
        if old["ends_at"] is not None and told > old["known_at"]:
            newer = dict(old, ends_at=old["ends_at"] + timedelta(days=by), known_at=told)
            self.rows["enrolments"].append(newer)

    def _fact(self, table: str, enrolment: dict[str, Any], what: list[Any], moment: tuple, later: int) -> None:
        found = self.rows.setdefault(table, [])
        row = {"event_id": f"{table}-{len(found)}", "enrolment_id": enrolment["enrolment_id"], "kind": what[-1]}
        if table == "payments":
            row |= {"student_id": enrolment["student_id"], "enrolment_id": row["enrolment_id"] if what[0] else None}
        since, minute = moment
        day = since + (enrolment["occurred_at"] - self.at(0)).days
        found.append(row | {"occurred_at": self.at(day, minute), "known_at": self.at(day + later, minute)})


def live_rows(made: Made) -> list[tuple[str, date]]:
    names = dict.fromkeys(row["enrolment_id"] for row in made.rows["enrolments"])
    return [(name, cut) for cut in CUTS for name in names if Past(made.rows, name, cut, made.zone).is_live]


def differences(made: Made) -> list[str]:
    """Where the labels and the oracle disagree, in words."""
    asked = live_rows(made)
    rows = pd.DataFrame({"enrolment_id": [n for n, _ in asked], "day": [day_number(cut) for _, cut in asked]})
    found = []
    with tempfile.TemporaryDirectory() as folder:
        school = written(Path(folder) / "home", made.rows, made.zone)
        told = {
            (name, until): label(school, rows, definition, day_number(until))
            for name, definition in LABELS.items()
            for until in UNTILS
        }
    for i, (enrolment, cut) in enumerate(asked):
        for until in UNTILS:
            one = Hindsight(made.rows, enrolment, cut, made.zone, until)
            for name, answer in ANSWERS.items():
                counted, value = answer(one) if cut < until else UNKNOWN, told[name, until][i]
                if value != counted and not (math.isnan(value) and math.isnan(counted)):
                    found.append(f"{name} of {enrolment} at {cut}, known until {until}: {value}, counted {counted}")
    return found


def test_the_oracle_knows_every_label():
    assert set(ANSWERS) == set(LABELS)


@settings(
    max_examples=examples(5), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(st.sampled_from(ZONES), st.lists(PART, min_size=2, max_size=4))
def test_every_label_is_what_a_person_would_count(zone, parts):
    found = differences(Made(zone, parts))
    assert not found, "\n".join(found)
