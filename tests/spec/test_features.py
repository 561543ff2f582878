"""Every feature says what its drawn table expects, for a school at once, for one student, and with fresh events."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from features.build import snapshot
from features.catalogue import FEATURES
from features.config import School
from tests.spec.drawn import Drawn, frame, lake_of, moment
from tests.spec.features_drawn import DRAWN

IDS = [f"{drawn.feature}-{i}" for i, drawn in enumerate(DRAWN)]


def values(table, drawn: Drawn, cut: date) -> dict[str, float]:
    from features.clock import day_number

    at = table[table["day"] == day_number(cut)].set_index("enrolment_id")
    return {name: at.loc[name, drawn.feature] for name in drawn.expected}


@pytest.mark.parametrize("drawn", DRAWN, ids=IDS)
def test_a_whole_school_at_once(drawn, tmp_path):
    lake_of(tmp_path, drawn)
    cut = date.fromisoformat(drawn.as_of)
    table = snapshot(School(tmp_path), [cut - timedelta(days=7), cut])
    assert values(table, drawn, cut) == pytest.approx(drawn.expected, nan_ok=True)


@pytest.mark.parametrize("drawn", DRAWN, ids=IDS)
def test_one_student(drawn, tmp_path):
    lake_of(tmp_path, drawn, shuffled=True)
    cut = date.fromisoformat(drawn.as_of)
    for name, expected in drawn.expected.items():
        table = snapshot(School(tmp_path), [cut], students=[name])
        assert list(table["enrolment_id"]) == [name]
        assert table[drawn.feature].to_list() == pytest.approx([expected], nan_ok=True)


@pytest.mark.parametrize(
    "drawn", [d for d in DRAWN if d.events], ids=[i for i, d in zip(IDS, DRAWN, strict=True) if d.events]
)
def test_one_student_with_events_that_are_not_in_the_lake_yet(drawn, tmp_path):
    old = Drawn(drawn.feature, drawn.says, {}, drawn.expect, drawn.as_of, drawn.enrolment, drawn.course)
    tables = {name: frame(name, text) for name, text in drawn.events.items()}
    lake = lake_of(tmp_path, old)
    if "assignments" in tables:  # a course's plan is never an event
        with lake.adding("drawn", "tasks") as batch:
            batch.write("assignments", tables.pop("assignments"))
    from features.contracts import check

    cut = date.fromisoformat(drawn.as_of)
    for name, expected in drawn.expected.items():
        mine = {
            t: rows[rows["enrolment_id" if "enrolment_id" in rows else "student_id"] == name]
            for t, rows in tables.items()
        }
        fresh = {table: check(table, rows).rows for table, rows in mine.items()}
        table = snapshot(School(tmp_path), [cut], students=[name], fresh=fresh)
        assert table[drawn.feature].to_list() == pytest.approx([expected], nan_ok=True)


def test_every_feature_is_drawn():
    assert {drawn.feature for drawn in DRAWN} == set(FEATURES)


def test_every_feature_has_its_words_in_three_languages():
    for feature in FEATURES.values():
        assert set(feature.meaning) == {"en", "ru", "zh"}, feature.name
        assert all(text.strip() for text in feature.meaning.values()), feature.name


def test_moment_of_a_drawn_day_is_noon_in_the_schools_zone():
    assert str(moment("2026-03-10")) == "2026-03-10 09:00:00+00:00"
