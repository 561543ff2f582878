"""Withdrawal within 28 days, drawn case by case."""

from __future__ import annotations

import math
from datetime import date, timedelta
from pathlib import Path

import pytest

from features.clock import day_number
from features.config import School
from features.labels import label, named
from tests.features.small_school import SmallSchool, live_rows

CUT = date(2026, 3, 15)


def school(home: Path, left: str | None, known: str | None = None) -> School:
    """Ann and Bob study from 1 March on; Ann leaves."""
    made = SmallSchool()
    made.add("courses", course_id="c", starts_at="2026-03-01", ends_at="2026-05-30", known="2026-02-09")
    for name in ("ann", "bob"):
        made.enrol(name, "2026-02-09")
    if left is not None:
        made.add("outcomes", left, known, enrolment_id="ann", kind="withdrawal")
    return made.write(home)


def answers(school: School, until: date, cut: date = CUT) -> dict[str, float]:
    rows = live_rows(school, [cut])
    found = label(school, rows, named("withdrawal_28d"), day_number(until))
    return dict(zip(rows["enrolment_id"], found, strict=True))


@pytest.mark.parametrize(("left", "answer"), [("2026-03-15", 1), ("2026-04-11 23:59", 1), ("2026-04-12", 0), (None, 0)])
def test_a_withdrawal_counts_within_its_half_open_horizon(tmp_path, left, answer):
    assert answers(school(tmp_path, left), date(2026, 6, 1)) == {"ann": answer, "bob": 0}


def test_a_withdrawal_that_is_reported_late_is_not_known_before(tmp_path):
    made = school(tmp_path, "2026-03-21", known="2026-05-30")
    assert answers(made, date(2026, 4, 15))["ann"] == 0
    assert answers(made, date(2026, 5, 30))["ann"] == 0
    assert answers(made, date(2026, 5, 31))["ann"] == 1


def test_who_has_left_before_the_cut_off_is_not_asked_about(tmp_path):
    assert set(answers(school(tmp_path, "2026-03-14 23:59"), date(2026, 6, 1))) == {"bob"}


def test_a_horizon_that_is_not_over_has_no_answer_even_when_it_happened(tmp_path):
    made = school(tmp_path, "2026-03-21")
    assert math.isnan(answers(made, CUT + timedelta(days=27))["ann"])
    assert answers(made, CUT + timedelta(days=28))["ann"] == 1
