"""What holds for every label."""

from __future__ import annotations

import math
import re
from datetime import date

import pytest

from features.clock import day_number
from features.errors import BadInput
from features.labels import LABELS, label, named
from tests.features.small_school import SmallSchool, live_rows


def test_a_label_that_does_not_exist_names_those_that_do():
    with pytest.raises(BadInput, match=re.escape(", ".join(LABELS))):
        named("churn")


@pytest.mark.parametrize("one", LABELS.values(), ids=LABELS)
def test_a_label_says_what_it_means_in_three_languages(one):
    assert one is named(one.name)
    assert set(one.words) == {"en", "ru", "zh"}
    assert all(one.words.values())
    assert one.version >= 1
    assert one.text.endswith(".")
    days = re.search(r"_(\d+)d$", one.name)
    assert days is None or int(days[1]) == one.horizon_days


@pytest.fixture(scope="module")
def school(tmp_path_factory):
    """A year of a student of whom everything that a label may ask comes true."""
    made = SmallSchool()
    made.add("courses", course_id="c", starts_at="2026-03-02", ends_at="2026-04-02", known="2026-02-01")
    made.enrol("ann", "2026-03-01 12:00")
    made.add("payments", "2026-03-05", student_id="ann", kind="failed")
    made.add("payments", "2026-03-08", student_id="ann", kind="refunded")
    made.add("outcomes", "2026-03-20", enrolment_id="ann", kind="withdrawal")
    return made.write(tmp_path_factory.mktemp("labels") / "home")


@pytest.mark.parametrize("one", LABELS.values(), ids=LABELS)
def test_an_answer_is_there_when_the_longest_horizon_is_over_and_not_within_the_first_days(school, one):
    cut = date(2026, 3, 3)
    rows = live_rows(school, [cut])
    assert math.isnan(label(school, rows, one, day_number(cut) + 6)[0])
    assert label(school, rows, one, day_number(cut) + one.horizon_days)[0] in (0, 1)


def test_nobody_asked_is_nobody_answered(school):
    rows = live_rows(school, [date(2026, 3, 3)]).iloc[:0]
    for one in LABELS.values():
        assert label(school, rows, one, day_number(date(2026, 9, 1))).shape == (0,)


def test_the_answers_stand_in_the_order_of_the_rows(school):
    rows = live_rows(school, [date(2026, 3, day) for day in (3, 9, 17)])
    until = day_number(date(2026, 9, 1))
    for one in LABELS.values():
        mixed = rows.iloc[[2, 0, 1]].set_axis([7, 7, 7])
        found = label(school, rows, one, until)
        assert label(school, mixed, one, until).tolist() == pytest.approx(found[[2, 0, 1]].tolist(), nan_ok=True)
