"""Silence of 7, 14 and 30 days, drawn case by case."""

from __future__ import annotations

from datetime import date

import pytest

from features.clock import day_number
from features.labels import label, named
from tests.features.small_school import SmallSchool, live_rows

CUT = date(2026, 3, 15)
OVER = date(2026, 8, 1)
CASES = {
    # the moments at which the student came, and the answers for 7, 14 and 30 days
    "never": ([], (1, 1, 1)),
    "only before": (["2026-03-14 23:59:59"], (1, 1, 1)),
    "at the cut-off": (["2026-03-15 00:00"], (0, 0, 0)),
    "on the 7th day": (["2026-03-21 23:59:59"], (0, 0, 0)),
    "on the 8th day": (["2026-03-22 00:00"], (1, 0, 0)),
    "on the 14th day": (["2026-03-28 23:59:59"], (1, 0, 0)),
    "on the 15th day": (["2026-03-29 00:00"], (1, 1, 0)),
    "on the 30th day": (["2026-04-13 23:59:59"], (1, 1, 0)),
    "on the 31st day": (["2026-04-14 00:00"], (1, 1, 1)),
}


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    made = SmallSchool()
    made.add("courses", course_id="c", starts_at="2026-03-01", ends_at="2026-05-30", known="2026-02-09")
    made.add("courses", course_id="own pace", known="2026-02-09")
    for name, (came, _) in CASES.items():
        made.enrol(name, "2026-02-09")
        for moment in came:
            made.add("activity", moment, enrolment_id=name, kind="login")
    made.enrol("gave up", "2026-02-09")
    made.add("outcomes", "2026-03-16", enrolment_id="gave up", kind="withdrawal")
    made.enrol("late", "2026-02-09")
    made.add("activity", "2026-03-20", "2026-05-01", enrolment_id="late", kind="login")
    made.enrol("open end", "2026-02-09", course="own pace")
    made.enrol("own end", "2026-02-09", course="own pace", ends_at="2026-03-28")
    return made.write(tmp_path_factory.mktemp("silence") / "home")


def answers(school, days: int, until: date = OVER, cut: date = CUT) -> dict[str, float]:
    rows = live_rows(school, [cut])
    found = label(school, rows, named(f"inactivity_{days}d"), day_number(until))
    return dict(zip(rows["enrolment_id"], found, strict=True))


@pytest.mark.parametrize(("place", "days"), [(0, 7), (1, 14), (2, 30)])
def test_silence_is_no_activity_in_the_half_open_horizon(school, place, days):
    told = answers(school, days)
    assert {name: told[name] for name in CASES} == {name: expected[place] for name, (_, expected) in CASES.items()}


def test_who_gives_up_without_coming_back_was_silent(school):
    assert answers(school, 14)["gave up"] == 1


@pytest.mark.parametrize(("days", "answer"), [(7, 1), (14, None), (30, None)])
def test_silence_is_not_asked_beyond_an_end_of_ones_own(school, days, answer):
    assert answers(school, days)["own end"] == pytest.approx(float("nan") if answer is None else answer, nan_ok=True)


def test_an_open_end_never_cuts_the_question_short(school):
    assert answers(school, 30)["open end"] == 1


def test_silence_is_not_asked_of_a_course_that_ends_first(school):
    told = answers(school, 14, cut=date(2026, 5, 17))
    assert told["never"] == pytest.approx(float("nan"), nan_ok=True)
    assert answers(school, 14, cut=date(2026, 5, 16))["never"] == 1


def test_a_visit_that_becomes_known_later_breaks_the_silence_only_then(school):
    assert answers(school, 7, until=date(2026, 5, 1))["late"] == 1
    assert answers(school, 7, until=date(2026, 5, 2))["late"] == 0


@pytest.mark.parametrize("days", [7, 14, 30])
def test_a_horizon_that_is_not_over_has_no_answer(school, days):
    over = date.fromordinal(CUT.toordinal() + days)
    before = date.fromordinal(over.toordinal() - 1)
    assert answers(school, days, until=before)["at the cut-off"] == pytest.approx(float("nan"), nan_ok=True)
    assert answers(school, days, until=over)["at the cut-off"] == 0
