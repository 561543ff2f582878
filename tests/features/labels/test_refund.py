"""A refund within the refund window, drawn case by case; everybody enrols on 1 March."""

from __future__ import annotations

from datetime import date

import pytest

from features.clock import day_number
from features.labels import label, named
from tests.features.small_school import SmallSchool, live_rows

CUT = date(2026, 3, 8)
NOT_ASKED = float("nan")
CASES = {
    # facts (table, what, at, known at), and the answer
    "nothing": ([], 0),
    "written down as the outcome": ([("outcomes", "refund", "2026-03-10", None)], 1),
    "given back": ([("payments", "refunded", "2026-03-10", None)], 1),
    "at the cut-off": ([("payments", "refunded", "2026-03-08 00:00", None)], 1),
    "on the last day of the window": ([("payments", "refunded", "2026-03-14 23:59:59", None)], 1),
    "when the window is over": ([("payments", "refunded", "2026-03-15 00:00", None)], 0),
    "withdrew, and was given back after that": (
        [("outcomes", "withdrawal", "2026-03-09", None), ("payments", "refunded", "2026-03-11", None)],
        1,
    ),
    "withdrew without a refund": ([("outcomes", "withdrawal", "2026-03-09", None)], 0),
    "was given back before the cut-off": ([("payments", "refunded", "2026-03-07 23:59:59", None)], NOT_ASKED),
    "before the cut-off, as is told after it": (
        [("payments", "refunded", "2026-03-07", "2026-03-12")],
        NOT_ASKED,
    ),
    "had left, as is told after the cut-off": ([("outcomes", "withdrawal", "2026-03-07", "2026-03-12")], NOT_ASKED),
    "told after the last day": ([("payments", "refunded", "2026-03-10", "2026-08-01 00:00")], 0),
}


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    made = SmallSchool()
    made.add("courses", course_id="c", starts_at="2026-03-01", ends_at="2026-06-01", known="2026-02-01")
    made.add("courses", course_id="own pace", known="2026-02-01")
    for name, (facts, _) in CASES.items():
        made.enrol(name, "2026-03-01 18:00")
        for table, kind, at, known in facts:
            who = {"student_id": name} if table == "payments" else {}
            made.add(table, at, known, enrolment_id=name, kind=kind, **who)
    made.enrol("bought long before", "2026-02-10")
    made.add("outcomes", "2026-03-10", enrolment_id="bought long before", kind="refund")
    made.enrol("own pace", "2026-03-01 18:00", course="own pace", starts_at="2026-03-04")
    made.add("payments", "2026-03-13", student_id="own pace", enrolment_id="own pace", kind="refunded")
    for name in ("first of two", "second of two"):
        made.enrol(name, "2026-03-01", student="two")
    made.add("payments", "2026-03-10", student_id="two", enrolment_id="second of two", kind="refunded")
    made.enrol("of the person", "2026-03-01", student="person")
    made.add("payments", "2026-03-10", student_id="person", kind="refunded")
    made.enrol("by the name in the CRM", "2026-03-01", student="gus")
    made.add("identities", alias="crm-7", student_id="gus", known="2026-02-01")
    made.add("payments", "2026-03-10", student_id="crm-7", kind="refunded")
    return made.write(tmp_path_factory.mktemp("refund") / "home")


@pytest.fixture(scope="module")
def answers(school):
    def ask(until: str = "2026-08-01", cut: date = CUT) -> dict[str, float]:
        rows = live_rows(school, [cut])
        found = label(school, rows, named("refund_14d"), day_number(date.fromisoformat(until)))
        return dict(zip(rows["enrolment_id"], found.tolist(), strict=True))

    return ask


def test_cases(answers):
    told = answers()
    expected = {name: answer for name, (_, answer) in CASES.items()}
    assert {name: told[name] for name in CASES} == pytest.approx(expected, nan_ok=True)


def test_it_is_asked_inside_the_window_only(answers):
    assert answers()["bought long before"] == pytest.approx(NOT_ASKED, nan_ok=True)
    assert answers(cut=date(2026, 3, 14))["nothing"] == 0
    assert answers(cut=date(2026, 3, 15))["nothing"] == pytest.approx(NOT_ASKED, nan_ok=True)


def test_the_window_begins_with_the_purchase_and_not_with_the_course(answers):
    assert answers()["own pace"] == 1
    assert answers(cut=date(2026, 3, 16))["own pace"] == pytest.approx(NOT_ASKED, nan_ok=True)


def test_the_answer_is_known_when_the_window_of_each_is_over(answers):
    assert answers("2026-03-14")["given back"] == pytest.approx(NOT_ASKED, nan_ok=True)
    assert answers("2026-03-15")["given back"] == 1
    assert answers("2026-03-15")["nothing"] == 0


def test_a_payment_is_about_the_enrolment_that_it_names_or_else_about_its_student(answers):
    told = answers()
    assert (told["first of two"], told["second of two"], told["of the person"]) == (0, 1, 1)


def test_a_payment_under_another_name_is_the_students_own(answers):
    assert answers()["by the name in the CRM"] == 1
