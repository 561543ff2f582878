"""Not going on when the course ends, drawn case by case; the course ends with 31 March."""

from __future__ import annotations

from datetime import date

import pytest

from features.clock import day_number
from features.labels import label, named
from tests.features.small_school import SmallSchool, live_rows

CUT = date(2026, 3, 10)
NOT_ASKED = float("nan")
CASES = {
    # facts (table, what, at, known at), and the answer
    "nothing": ([], 1),
    "written down": ([("outcomes", "nonrenewal", "2026-04-01", None)], 1),
    "an instalment before the end": ([("payments", "renewed", "2026-03-30 23:59:59", None)], 1),
    "renewed on the last day": ([("payments", "renewed", "2026-03-31 00:00", None)], 0),
    "renewed on the last day of grace": ([("payments", "renewed", "2026-04-14 23:59:59", None)], 0),
    "renewed after the grace": ([("payments", "renewed", "2026-04-15 00:00", None)], 1),
    "a mere payment": ([("payments", "paid", "2026-04-02", None)], 1),
    "renewed, as is told too late": ([("payments", "renewed", "2026-04-02", "2026-08-01 00:00")], 1),
    "renewed after all": (
        [("outcomes", "nonrenewal", "2026-04-01", None), ("payments", "renewed", "2026-04-05", None)],
        0,
    ),
    "withdrew": ([("outcomes", "withdrawal", "2026-03-20", None)], 1),
    "got a refund": ([("outcomes", "refund", "2026-03-20", None)], 1),
    "completed": ([("outcomes", "completion", "2026-03-30", None)], 1),
    "completed and renewed": (
        [("outcomes", "completion", "2026-03-30", None), ("payments", "renewed", "2026-04-01", None)],
        0,
    ),
    "the money did not come": ([("payments", "failed", "2026-03-31", None)], NOT_ASKED),
    "the money came later": (
        [("payments", "failed", "2026-03-31", None), ("payments", "renewed", "2026-04-03", None)],
        0,
    ),
    "the money did not come, written down as no renewal": (
        [("payments", "failed", "2026-03-31", None), ("outcomes", "nonrenewal", "2026-04-10", None)],
        1,
    ),
    "a loss written down": ([("outcomes", "payment_failure", "2026-04-02", None)], NOT_ASKED),
    "had left, as is told after the cut-off": ([("outcomes", "withdrawal", "2026-03-09", "2026-03-12")], NOT_ASKED),
}
NEXT = {
    # bought, begins, ends, known; and the answer about the enrolment of March
    "the next one": ("2026-03-20", "2026-04-20", "2026-06-01", None, 0),
    "the next one, on the last day of grace": ("2026-04-14 23:59", "2026-05-01", "2026-06-01", None, 0),
    "the next one, too late": ("2026-04-15 00:00", "2026-05-01", "2026-06-01", None, 1),
    "the next one, long before": ("2026-02-10", "2026-04-01", "2026-06-01", None, NOT_ASKED),
    "the next one, just before the cut-off": ("2026-03-09 23:59", "2026-04-01", "2026-06-01", None, NOT_ASKED),
    "the next one, told after the cut-off": ("2026-03-09", "2026-04-01", "2026-06-01", "2026-03-12", NOT_ASKED),
    "another course at the same time": ("2026-02-20", "2026-02-21", "2026-06-01", None, 1),
    "a short one before the end": ("2026-03-15", "2026-03-16", "2026-03-25", None, 1),
    "an open one": ("2026-03-20", "2026-03-21", None, None, 0),
}


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    made = SmallSchool()
    dates = {"starts_at": "2026-01-10", "ends_at": "2026-04-01"}
    made.add("courses", course_id="c", **dates, known="2026-01-01")
    made.add("courses", course_id="own pace", known="2026-01-01")
    for name, (facts, _) in CASES.items():
        made.enrol(name, "2026-01-05")
        for table, kind, at, known in facts:
            who = {"student_id": name} if table == "payments" else {}
            made.add(table, at, known, enrolment_id=name, kind=kind, **who)
    for name, (bought, begins, ends, known, _) in NEXT.items():
        made.enrol(name, "2026-01-05")
        made.enrol(
            f"{name}: next", bought, known=known, student=name, course="own pace", starts_at=begins, ends_at=ends
        )

    made.add("courses", course_id="prolonged", **dates, known="2026-01-01")
    made.add("courses", course_id="prolonged", **dates | {"ends_at": "2026-04-08"}, known="2026-03-25")
    made.enrol("prolonged", "2026-01-05", course="prolonged")
    for told, end in (("2026-01-05", "2026-04-01"), ("2026-04-01", "2026-05-01")):
        for name, known in (("moved on", told), ("moved on too late", told.replace("04-01", "04-15"))):
            made.enrol(name, "2026-01-05", known=known, course="own pace", starts_at="2026-01-06", ends_at=end)
    made.enrol("open end", "2026-01-05", course="own pace")
    return made.write(tmp_path_factory.mktemp("renewal") / "home")


@pytest.fixture(scope="module")
def answers(school):
    def ask(until: str = "2026-08-01", cut: date = CUT) -> dict[str, float]:
        rows = live_rows(school, [cut])
        found = label(school, rows, named("nonrenewal"), day_number(date.fromisoformat(until)))
        return dict(zip(rows["enrolment_id"], found.tolist(), strict=True))

    return ask


def test_what_the_student_and_the_school_did(answers):
    told = answers()
    expected = {name: answer for name, (_, answer) in CASES.items()}
    assert {name: told[name] for name in CASES} == pytest.approx(expected, nan_ok=True)


def test_a_next_enrolment_is_going_on(answers):
    told = answers()
    expected = {name: answer for name, (*_, answer) in NEXT.items()}
    assert {name: told[name] for name in NEXT} == pytest.approx(expected, nan_ok=True)


def test_it_is_asked_from_30_days_before_the_end_on(answers):
    assert answers(cut=date(2026, 3, 1))["nothing"] == pytest.approx(NOT_ASKED, nan_ok=True)
    assert answers(cut=date(2026, 3, 2))["nothing"] == 1
    assert answers(cut=date(2026, 3, 31))["nothing"] == 1


def test_it_is_never_asked_of_an_open_end(answers):
    assert answers()["open end"] == pytest.approx(NOT_ASKED, nan_ok=True)


def test_an_end_of_ones_own_that_is_moved_on_in_time_is_a_renewal(answers):
    told = answers()
    assert (told["moved on"], told["moved on too late"]) == (0, 1)


def test_a_course_that_is_prolonged_has_not_ended(answers):
    assert answers()["prolonged"] == pytest.approx(NOT_ASKED, nan_ok=True)
    assert answers(cut=date(2026, 3, 26))["prolonged"] == 1


def test_the_answer_is_known_when_the_grace_is_over(answers):
    assert answers("2026-04-14")["nothing"] == pytest.approx(NOT_ASKED, nan_ok=True)
    assert answers("2026-04-15")["nothing"] == 1
    assert answers("2026-04-15")["renewed on the last day"] == 0
