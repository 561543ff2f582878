"""Involuntary leaving: a payment lost within 28 days, drawn case by case."""

from __future__ import annotations

from datetime import date

import pytest

from features.clock import day_number
from features.labels import label, named
from tests.features.small_school import SmallSchool, live_rows

CUT = date(2026, 3, 15)
NOT_ASKED = float("nan")
CASES = {
    # facts (table, what, at, known at), and the answer
    "nothing": ([], 0),
    "failed": ([("payments", "failed", "2026-03-20", None)], 1),
    "failed at the cut-off": ([("payments", "failed", "2026-03-15 00:00", None)], 1),
    "failed before the cut-off": ([("payments", "failed", "2026-03-14 23:59:59", None)], 0),
    "failed on the 28th day": ([("payments", "failed", "2026-04-11 23:59:59", None)], 1),
    "failed on the 29th day": ([("payments", "failed", "2026-04-12 00:00", None)], 0),
    "mended at once": (
        [("payments", "failed", "2026-03-20 08:00", None), ("payments", "paid", "2026-03-20 08:00", None)],
        0,
    ),
    "mended on the 7th day after": (
        [("payments", "failed", "2026-03-20 08:00", None), ("payments", "renewed", "2026-03-27 23:59", None)],
        0,
    ),
    "mended on the 8th day after": (
        [("payments", "failed", "2026-03-20 08:00", None), ("payments", "paid", "2026-03-28 00:00", None)],
        1,
    ),
    "paid before it failed": (
        [("payments", "paid", "2026-03-20 07:59", None), ("payments", "failed", "2026-03-20 08:00", None)],
        1,
    ),
    "mended, as is told too late": (
        [("payments", "failed", "2026-03-20", None), ("payments", "paid", "2026-03-21", "2026-08-01 00:00")],
        1,
    ),
    "the second of two was lost": (
        [
            ("payments", "failed", "2026-03-16", None),
            ("payments", "paid", "2026-03-17", None),
            ("payments", "failed", "2026-04-10", None),
        ],
        1,
    ),
    "written down": ([("outcomes", "payment_failure", "2026-03-20", None)], 1),
    "written down, withdrawn because of it": (
        [("outcomes", "payment_failure", "2026-03-20", None), ("outcomes", "withdrawal", "2026-03-21", None)],
        1,
    ),
    "withdrawn of free will": ([("outcomes", "withdrawal", "2026-03-20", None)], 0),
    "bounced after the student had left": (
        [("outcomes", "withdrawal", "2026-03-20 10:00", None), ("payments", "failed", "2026-03-20 10:01", None)],
        0,
    ),
    "had left, as is told after the cut-off": (
        [("outcomes", "withdrawal", "2026-03-14", "2026-03-16"), ("payments", "failed", "2026-03-20", None)],
        NOT_ASKED,
    ),
}


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    made = SmallSchool()
    made.add("courses", course_id="c", starts_at="2026-03-01", ends_at="2026-06-01", known="2026-02-01")
    for name, (facts, _) in CASES.items():
        made.enrol(name, "2026-02-10")
        for table, kind, at, known in facts:
            who = {"student_id": name} if table == "payments" else {}
            made.add(table, at, known, enrolment_id=name, kind=kind, **who)
    for name in ("first of two", "second of two"):
        made.enrol(name, "2026-02-10", student="two")
    made.add("payments", "2026-03-20", student_id="two", kind="failed")
    made.add("payments", "2026-03-21", student_id="two", enrolment_id="second of two", kind="paid")
    return made.write(tmp_path_factory.mktemp("failure") / "home")


@pytest.fixture(scope="module")
def answers(school):
    def ask(until: str = "2026-08-01", name: str = "payment_failure") -> dict[str, float]:
        rows = live_rows(school, [CUT])
        found = label(school, rows, named(name), day_number(date.fromisoformat(until)))
        return dict(zip(rows["enrolment_id"], found.tolist(), strict=True))

    return ask


def test_cases(answers):
    told = answers()
    expected = {name: answer for name, (_, answer) in CASES.items()}
    assert {name: told[name] for name in CASES} == pytest.approx(expected, nan_ok=True)


def test_the_answer_waits_for_the_days_in_which_a_failure_can_be_mended(answers):
    assert answers("2026-04-18")["failed"] == pytest.approx(NOT_ASKED, nan_ok=True)
    assert answers("2026-04-19")["failed"] == 1


def test_a_failure_of_the_person_is_mended_where_it_is_paid(answers):
    told = answers()
    assert (told["first of two"], told["second of two"]) == (1, 0)


def test_it_is_kept_apart_from_withdrawing(answers):
    left, lost = answers(name="withdrawal_28d"), answers()
    cases = ("failed", "withdrawn of free will", "written down, withdrawn because of it")
    assert [(left[name], lost[name]) for name in cases] == [(0, 1), (1, 0), (1, 1)]
