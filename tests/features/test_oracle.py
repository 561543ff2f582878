"""Every feature of small random schools is what the oracle recounts from the raw rows, at several cut-offs at once."""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.build import snapshot
from features.catalogue import FEATURES
from features.clock import date_of, day_number
from features.config import School
from features.contracts import TABLES
from features.labels import LABELS, label, named
from features.lake import Lake
from tests.features import oracle

FIRST = date(2026, 2, 16)
"""Day 0 of the random schools, a Monday; some of their zones change the clock on day 41."""
LAST = 75
OVER = FIRST + timedelta(days=150)
ZONES = ("Europe/Moscow", "Europe/Berlin", "Asia/Beirut")

DAY = st.integers(0, 60)
MINUTE = st.sampled_from([12 * 60, 0, 1, 10 * 60, 18 * 60 + 50, 23 * 60 + 59])
MOMENT = st.tuples(DAY, MINUTE)
LATER = st.sampled_from([0, 0, 0, 1, 6 * 60, 24 * 60, 3 * 24 * 60, 9 * 24 * 60, 40 * 24 * 60])
"""Minutes."""
ENROLMENT = st.integers(0, 4)
ABOUT = st.booleans()
"""Whether a fact of a person names the enrolment."""


def rows_of(*columns: st.SearchStrategy, most: int) -> st.SearchStrategy[list[tuple]]:
    return st.lists(st.tuples(*columns), max_size=most)


PART = st.fixed_dictionaries(
    {
        # course, first day, days, lessons, known on
        "courses": st.lists(
            st.tuples(
                st.sampled_from("ab"),
                st.none() | st.integers(0, 20),
                st.none() | st.integers(10, 80),
                st.none() | st.integers(1, 3),
                st.sampled_from([-9, 0, 15]),
            ),
            min_size=1,
            max_size=4,
        ),
        # student, course, enrolled on, own first day, days, attempts, load, known after
        "enrolments": st.lists(
            st.tuples(
                st.sampled_from(["ann", "ann", "bob", "cat", "dan"]),
                st.sampled_from("ab"),
                st.tuples(st.integers(-10, 15), MINUTE),
                st.none() | st.integers(-5, 20),
                st.none() | st.none() | st.integers(10, 70),
                st.none() | st.integers(0, 2),
                st.none() | st.sampled_from([30.0, 62.5]),
                LATER,
            ),
            min_size=2,
            max_size=5,
        ),
        # enrolment, other course, moves of its first and last day, known on
        "changes": rows_of(
            ENROLMENT, st.booleans(), st.integers(-9, 9), st.integers(-9, 9), st.integers(0, 50), most=2
        ),
        # task, course, deadline, known on; the same task again is a new version
        "assignments": rows_of(
            st.sampled_from(["t1", "t2", "t3", "t4"]),
            st.sampled_from("aab"),
            st.none() | st.tuples(st.integers(0, 70), MINUTE),
            st.sampled_from([-9, -9, -9, 10, 20, 35]),
            most=6,
        ),
        "submissions": rows_of(
            ENROLMENT,
            st.sampled_from(["t1", "t2", "t3", "t4"]),
            MOMENT,
            LATER,
            st.none() | st.sampled_from([0.0, 40.0, 75.0, 100.0]),
            st.none() | LATER,
            st.sampled_from([False, False, True]),
            most=9,
        ),
        "activity": rows_of(
            ENROLMENT,
            st.sampled_from(["login", "login", "forum", "lesson_completed"]),
            st.none() | st.sampled_from(["l1", "l2"]),
            st.sampled_from([1.0, 2.0, 5.0]),
            MOMENT,
            LATER,
            most=14,
        ),
        "videos": rows_of(
            ENROLMENT,
            st.sampled_from(["v1", "v2"]),
            st.sampled_from(["opened", "watched", "skipped", "rewatched", "completed", "left", "left"]),
            st.sampled_from([0.0, 30.0, 90.5]),
            st.none() | st.sampled_from([0.3, 0.6, 1.0]),
            MOMENT,
            LATER,
            most=10,
        ),
        "tickets": rows_of(
            ENROLMENT,
            ABOUT,
            st.integers(0, 1),
            st.sampled_from(
                [
                    "opened",
                    "opened",
                    "responded",
                    "resolved",
                    "resolved",
                    "reopened",
                    "cancel_requested",
                    "refund_requested",
                ]
            ),
            st.sampled_from(["P1", "P2", "P3"]),
            MOMENT,
            LATER,
            most=12,
        ),
        "ratings": rows_of(ENROLMENT, ABOUT, st.sampled_from([1.0, 2.0, 2.5, 3.0, 5.0]), MOMENT, LATER, most=6),
        "payments": rows_of(ENROLMENT, ABOUT, st.sampled_from(["failed", "failed", "paid"]), MOMENT, LATER, most=4),
        "touches": rows_of(
            ENROLMENT, ABOUT, st.sampled_from(["sent", "opened", "answered", "failed"]), MOMENT, LATER, most=6
        ),
        "outcomes": rows_of(
            ENROLMENT,
            st.sampled_from(["withdrawal", "withdrawal", "completion", "payment_failure"]),
            MOMENT,
            LATER,
            most=3,
        ),
    }
)
"""A few students and what happened to them."""
SCHOOL = st.tuples(
    st.sampled_from(ZONES),
    st.lists(PART, min_size=1, max_size=4),
    st.lists(st.integers(3, LAST), min_size=2, max_size=5, unique=True),
)
"""The parts know nothing of each other: several only save time."""


class Made:
    """Rows of the contracts, made of what was drawn."""

    def __init__(self, zone: str, parts: list[dict[str, Any]]) -> None:
        self.zone = zone
        self.rows: dict[str, list[dict[str, Any]]] = {}
        for self.part, drawn in enumerate(parts):
            self._courses(drawn["courses"])
            self._enrolments(drawn["enrolments"], drawn["changes"])
            self._homework(drawn["assignments"], drawn["submissions"])
            self._behaviour(drawn["activity"], drawn["videos"])
            self._office(drawn)

    def at(self, day: int, minute: int = 0, later: int = 0) -> datetime:
        wall = datetime(FIRST.year, FIRST.month, FIRST.day) + timedelta(days=day, minutes=minute)
        return wall.replace(tzinfo=ZoneInfo(self.zone)).astimezone(ZoneInfo("UTC")) + timedelta(minutes=later)

    def times(self, moment: tuple[int, int], later: int) -> dict[str, datetime]:
        return {"occurred_at": self.at(*moment), "known_at": self.at(*moment, later)}

    def add(self, table: str, **row: Any) -> None:
        found = self.rows.setdefault(table, [])
        key = TABLES[table].key[0]
        found.append(({} if key in row else {key: f"{table}-{len(found)}"}) | row)

    def person(self, enrolment: int, about: bool) -> dict[str, str | None]:
        known = self._people[enrolment % len(self._people)]
        return {"student_id": known["student_id"], "enrolment_id": known["enrolment_id"] if about else None}

    def enrolment(self, number: int) -> str:
        return self._people[number % len(self._people)]["enrolment_id"]

    def _courses(self, drawn: list[tuple]) -> None:
        for course, first, days, lessons, known in drawn:
            ends = None if days is None else self.at((first or 0) + days)
            starts = None if first is None else self.at(first)
            course = f"{course}{self.part}"
            self.add(
                "courses", course_id=course, starts_at=starts, ends_at=ends, lessons=lessons, known_at=self.at(known)
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
        for number, task, moment, later, score, scored_later, carried_over in submissions:
            self.add(
                "submissions",
                enrolment_id=self.enrolment(number),
                assignment_id=f"{task}-{self.part}",
                score=score,
                score_known_at=None if scored_later is None else self.at(*moment, scored_later),
                carried_over=carried_over,
                **self.times(moment, later),
            )

    def _behaviour(self, activity: list[tuple], videos: list[tuple]) -> None:
        for number, kind, thing, quantity, moment, later in activity:
            mine = {"enrolment_id": self.enrolment(number), "kind": kind, "object_id": thing, "quantity": quantity}
            self.add("activity", **mine, **self.times(moment, later))
        for number, video, kind, seconds, progress, moment, later in videos:
            mine = {"enrolment_id": self.enrolment(number), "video_id": video, "kind": kind}
            self.add("videos", **mine, seconds=seconds, progress=progress, **self.times(moment, later))

    def _office(self, drawn: dict[str, Any]) -> None:
        for number, about, ticket, event, priority, moment, later in drawn["tickets"]:
            who = self.person(number, about)
            name = f"{who['student_id']}-{who['enrolment_id']}-{ticket}"
            what = {"ticket_id": name, "event": event, "priority": priority}
            self.add("tickets", **who, **what, **self.times(moment, later))
        for number, about, value, moment, later in drawn["ratings"]:
            self.add("ratings", **self.person(number, about), value=value, **self.times(moment, later))
        for number, about, kind, moment, later in drawn["payments"]:
            self.add("payments", **self.person(number, about), kind=kind, **self.times(moment, later))
        for number, about, status, moment, later in drawn["touches"]:
            self.add("touches", **self.person(number, about), channel="sms", status=status, **self.times(moment, later))
        closed = set()
        for number, kind, moment, later in drawn["outcomes"]:
            if self.enrolment(number) not in closed:
                closed.add(self.enrolment(number))
                self.add("outcomes", enrolment_id=self.enrolment(number), kind=kind, **self.times(moment, later))


def school_of(home: Path, rows: dict[str, list[dict[str, Any]]], zone: str) -> School:
    (home / "configs").mkdir(parents=True)
    (home / "configs" / "school.toml").write_text(f'time_zone = "{zone}"\n', "utf-8")
    with Lake(home / "lake", zone).adding("test", "1") as batch:
        for table, found in rows.items():
            batch.write(table, typed(table, found))
        assert not sum(batch.report.set_aside.values()), batch.report.faults
    return School(home)


def typed(table: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    frame = pd.DataFrame(rows)
    for name in frame.columns:
        if TABLES[table].columns[name].kind == "time":
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("us")
    return frame


def differences(made: Made, cuts: list[date], table: pd.DataFrame, settings_: dict[str, Any]) -> list[str]:
    """Where the table and the oracle disagree, in words; rows that only one of them has too."""
    told = {(row["enrolment_id"], row["day"]): row for row in table.to_dict("records")}
    found = []
    for name in dict.fromkeys(row["enrolment_id"] for row in made.rows["enrolments"]):
        for cut in cuts:
            row = told.pop((name, day_number(cut)), None)
            counted = oracle.snapshot_row(made.rows, name, cut, settings_)
            if (row is None) != (counted is None):
                found.append(f"{name} at {cut} is {'not ' * (row is None)}in the table")
            elif counted is not None:
                assert set(counted) == {"enough_data", *FEATURES}
                found += [
                    f"{name} at {cut}: {feature} is {row[feature]}, counted {value}"
                    for feature, value in counted.items()
                    if row[feature] != pytest.approx(value, rel=1e-9, abs=1e-9, nan_ok=True)
                ]
    return found + [f"{name} at day {day} is in the table" for name, day in told]


def check(made: Made, cuts: list[date]) -> None:
    """The table of all students, the table of one, and the labels, against the oracle."""
    with tempfile.TemporaryDirectory() as folder:
        school = school_of(Path(folder) / "home", made.rows, made.zone)
        table = snapshot(school, cuts)
        student = made.rows["enrolments"][0]["student_id"]
        alone = snapshot(school, cuts, students=[student])
        answers = {name: label(school, table, named(name), day_number(OVER)) for name in LABELS}
        found = differences(made, cuts, table, school.config("school"))
    assert not found, "\n".join(found)
    pd.testing.assert_frame_equal(alone, table[table["student_id"] == student].reset_index(drop=True))
    for i, (name, cut) in enumerate(zip(table["enrolment_id"], table["day"].map(date_of), strict=True)):
        counted = {
            "withdrawal_28d": oracle.withdrawal(made.rows, name, cut, made.zone),
            "inactivity_14d": oracle.inactivity(made.rows, name, cut, made.zone, OVER),
        }
        told = {label_name: found[i] for label_name, found in answers.items()}
        assert told == pytest.approx(counted, nan_ok=True), (name, cut)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(SCHOOL)
def test_every_feature_and_label_is_what_a_person_would_count(drawn):
    zone, parts, days = drawn
    check(Made(zone, parts), [FIRST + timedelta(days=day) for day in days])
