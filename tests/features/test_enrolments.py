from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.clock import day_number
from features.enrolments import NO_DAY, Enrolments
from features.lake import Lake
from tests.features.small_school import SmallSchool


def day(text: str) -> int:
    return day_number(date.fromisoformat(text))


@pytest.fixture
def made() -> SmallSchool:
    """A fixed-term course and one without dates."""
    school = SmallSchool()
    school.add(
        "courses", course_id="run", starts_at="2026-03-02", ends_at="2026-05-01", known_at="2026-01-10", lessons=4
    )
    school.add("courses", course_id="own", known_at="2026-01-10", hours=12.5)
    return school


def of(made: SmallSchool, home, students: list[str] | None = None) -> Enrolments:
    school = made.write(home / "home")
    return Enrolments(Lake(school.lake, school.zone), students)


def fact(enrolments: Enrolments, cut: str, name: str, column: str):
    value = enrolments.facts(day(cut))[column][enrolments.ids.get_loc(name)]
    return value.item()


def test_who_is_live_from_the_start_to_the_end(made, tmp_path):
    made.enrol("ann", "2026-02-10T12:00", course="run")
    enrolments = of(made, tmp_path)
    live = [fact(enrolments, cut, "ann", "live") for cut in ("2026-03-01", "2026-03-02", "2026-04-30", "2026-05-01")]
    assert live == [False, True, True, False]


@pytest.mark.parametrize(
    ("course", "enrolled", "own", "start", "end", "self_paced"),
    [
        ("run", "2026-02-10", {}, "2026-03-02", "2026-05-01", False),
        ("run", "2026-03-20", {}, "2026-03-20", "2026-05-01", False),  # came late
        ("run", "2026-02-10", {"starts_at": "2026-03-09"}, "2026-03-09", "2026-05-01", True),
        ("run", "2026-02-10", {"ends_at": "2026-06-01"}, "2026-03-02", "2026-06-01", False),
        ("own", "2026-02-10", {}, "2026-02-10", None, True),
        ("own", "2026-02-10", {"starts_at": "2026-02-01"}, "2026-02-10", None, True),  # not before the enrolment
        ("unknown", "2026-02-10", {}, "2026-02-10", None, True),
    ],
)
def test_when_it_begins_and_ends(made, tmp_path, course, enrolled, own, start, end, self_paced):
    made.enrol("ann", enrolled, course=course, **own)
    facts = {
        name: values.item()
        for name, values in of(made, tmp_path).facts(day("2026-03-25")).items()
        if name in ("enrolled_day", "start_day", "end_day", "self_paced", "closed_day")
    }
    assert facts == {
        "enrolled_day": day(enrolled),
        "start_day": day(start),
        "end_day": day(end) if end else NO_DAY,
        "self_paced": self_paced,
        "closed_day": NO_DAY,
    }


def test_what_is_known_of_the_course_and_the_student(made, tmp_path):
    made.enrol("ann", "2026-02-10", course="run", prior_attempts=1, study_load=60, price_minor=990)
    made.enrol("bob", "2026-02-10", course="own")
    names = ["lessons", "hours", "prior_attempts", "study_load", "price_minor"]
    table = of(made, tmp_path).at(day("2026-03-25"))[names]
    np.testing.assert_array_equal(table.to_numpy(), [[4, np.nan, 1, 60, 990], [np.nan, 12.5, np.nan, np.nan, np.nan]])


def test_an_enrolment_is_there_when_it_is_known(made, tmp_path):
    made.enrol("ann", "2026-02-10", course="run", known="2026-03-20T12:00")
    enrolments = of(made, tmp_path)
    assert [fact(enrolments, cut, "ann", "known") for cut in ("2026-03-20", "2026-03-21")] == [False, True]
    assert not fact(enrolments, "2026-03-20", "ann", "live")
    assert enrolments.at(day("2026-03-20")).empty


def test_the_newest_version_known_is_in_force_in_whatever_order_they_were_told(made, tmp_path):
    for known, ends in (("2026-03-20", "2026-06-01"), ("2026-02-10", "2026-03-15"), ("2026-03-10", "2026-05-20")):
        made.enrol("ann", "2026-02-10", course="run", known=known, ends_at=ends)
    enrolments = of(made, tmp_path)
    told = [fact(enrolments, cut, "ann", "end_day") for cut in ("2026-03-10", "2026-03-11", "2026-03-21")]
    assert told == [day("2026-03-15"), day("2026-05-20"), day("2026-06-01")]


def test_a_change_of_the_course_is_known_on_its_day(made, tmp_path):
    made.add("courses", course_id="run", starts_at="2026-04-01", ends_at="2026-06-01", known_at="2026-03-10", lessons=6)
    made.enrol("ann", "2026-02-10", course="run")
    enrolments = of(made, tmp_path)
    assert [fact(enrolments, cut, "ann", "lessons") for cut in ("2026-03-10", "2026-03-11")] == [4, 6]
    assert [fact(enrolments, cut, "ann", "live") for cut in ("2026-03-10", "2026-03-11", "2026-04-01")] == [
        True,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("kind", "live"),
    [("withdrawal", False), ("refund", False), ("nonrenewal", False), ("completion", False), ("payment_failure", True)],
)
def test_who_has_left_is_there_until_that_is_known(made, tmp_path, kind, live):
    made.enrol("ann", "2026-02-10", course="run")
    made.add("outcomes", "2026-03-10T12:00", "2026-03-20T12:00", enrolment_id="ann", kind=kind)
    enrolments = of(made, tmp_path)
    assert fact(enrolments, "2026-03-20", "ann", "live")
    assert fact(enrolments, "2026-03-21", "ann", "live") is live
    assert fact(enrolments, "2026-03-21", "ann", "closed_day") == (NO_DAY if live else day("2026-03-10"))


def test_positions_of_some_people(made, tmp_path):
    for name, student in (("e3", "ann"), ("e1", "bob"), ("e2", "ann"), ("e0", "cat")):
        made.enrol(name, "2026-02-10", student=student, course="run")
    enrolments = of(made, tmp_path)
    assert list(enrolments.ids) == ["e0", "e1", "e2", "e3"]
    assert enrolments.of_students(["ann"]).tolist() == [2, 3]
    assert enrolments.of_students(["cat", "ann", "cat", "zoe"]).tolist() == [0, 2, 3]
    assert enrolments.of_students(["zoe"]).tolist() == []


def test_only_some_people_are_read(made, tmp_path):
    for name in ("ann", "bob"):
        made.enrol(name, "2026-02-10", course="run")
    enrolments = of(made, tmp_path, ["bob"])
    assert list(enrolments.ids) == ["bob"]
    assert enrolments.at(day("2026-03-25"))["student_id"].tolist() == ["bob"]


def test_texts_are_those_of_the_versions_in_force(made, tmp_path):
    made.enrol("ann", "2026-02-10", course="run")
    made.enrol("ann", "2026-02-10", course="own", known="2026-03-10")
    enrolments = of(made, tmp_path)
    versions = [enrolments.facts(day(cut))["version"] for cut in ("2026-03-10", "2026-03-11")]
    courses = [list(enrolments.text("course_id", version)) for version in versions]
    assert courses == [["run"], ["own"]]


def test_a_lake_without_enrolments_has_nobody(made, tmp_path):
    enrolments = of(made, tmp_path)
    assert len(enrolments.ids) == 0
    assert isinstance(enrolments.at(day("2026-03-25")), pd.DataFrame)
    assert enrolments.of_students(["ann"]).tolist() == []
