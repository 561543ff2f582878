"""Every feature says what its drawn table expects, for a school at once, for one student, and with fresh events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pandas as pd
import pytest

from features.build import Snapshots
from features.catalogue import FEATURES
from features.clock import day_number
from features.contracts import TABLES, check
from tests.spec.drawn import Drawn, imported, moment, one_school
from tests.spec.families.contacts import LEARNED
from tests.spec.features_drawn import DRAWN

PLAN = ("students", "courses", "enrolments", "assignments", "outcomes")
"""Tables of which a platform sends no events."""
IDS = [f"{drawn.feature}-{number}" for number, drawn in enumerate(DRAWN)]
EVERY = pytest.mark.parametrize("drawn", DRAWN, ids=IDS)
# What mates have is as of the last import: their ranks are not made anew with every fresh event.
SHOWN_FRESH = [one for one in DRAWN if set(one.tables) - set(PLAN) and FEATURES[one.feature].family != "peers"]
WITH_EVENTS = pytest.mark.parametrize("drawn", SHOWN_FRESH, ids=lambda drawn: IDS[DRAWN.index(drawn)])
FIRSTS = list({FEATURES[one.feature].tables: one for one in reversed(SHOWN_FRESH)}.values())
"""The first drawn table of each family."""
Told = Callable[[str, date], pd.DataFrame]
"""The features of a student at a cut-off: many drawn tables share their people, who need to be asked about once."""


@pytest.fixture(scope="module")
def school():
    return one_school(DRAWN)


@pytest.fixture(scope="module")
def snapshots(school, tmp_path_factory):
    return Snapshots(imported(tmp_path_factory.mktemp("all"), school[1]))


@pytest.fixture(scope="module")
def everyone(snapshots):
    cuts = {date.fromisoformat(drawn.as_of) for drawn in DRAWN}
    return snapshots.at(sorted(cuts | {cut - timedelta(days=7) for cut in cuts}))


@pytest.fixture(scope="module")
def one_student(snapshots) -> Told:
    return cache(lambda student, cut: snapshots.at([cut], students=[student]))


@pytest.fixture(scope="module")
def with_fresh_events(school, tmp_path_factory) -> Told:
    return told_with_fresh(tmp_path_factory.mktemp("plan"), school[1], tuple(school[0].values()))


@pytest.fixture(scope="module")
def with_events_told_late(school, tmp_path_factory) -> Told:
    return told_with_fresh(tmp_path_factory.mktemp("others"), school[1], tuple(school[0][one.scene] for one in FIRSTS))


def told_with_fresh(home: Path, tables: dict[str, pd.DataFrame], fresh: tuple[str, ...]) -> Told:
    """Features by a lake that lacks the events whose ids begin with one of ``fresh``, and by those as fresh ones."""
    events = {table: check(table, rows).rows for table, rows in tables.items() if table not in PLAN}
    held = {table: rows[~rows[TABLES[table].key[0]].str.startswith(fresh)] for table, rows in events.items()}
    before = Snapshots(imported(home, {table: tables[table] for table in PLAN} | held))

    @cache
    def told(student: str, cut: date) -> pd.DataFrame:
        # Where a table does not say the student, the one enrolment has the same name.
        own = {table: rows[rows.get("student_id", rows["enrolment_id"]) == student] for table, rows in events.items()}
        return before.at([cut], students=[student], fresh=own)

    return told


def expect(rows: pd.DataFrame, drawn: Drawn, begin: str) -> None:
    own = rows[rows["enrolment_id"].str.startswith(begin)]
    names = own["enrolment_id"].str.removeprefix(begin)
    assert dict(zip(names, own[drawn.feature], strict=True)) == pytest.approx(drawn.expected, nan_ok=True)


def expect_of_each(told: Told, drawn: Drawn, school) -> None:
    begins, tables = school
    begin = begins[drawn.scene]
    students = tables["enrolments"]["student_id"]
    asked = students[students.str.startswith(begin)].unique()
    answers = [told(student, date.fromisoformat(drawn.as_of)) for student in asked]
    for student, rows in zip(asked, answers, strict=True):
        assert set(rows["student_id"]) <= {student}
    expect(pd.concat(answers), drawn, begin)


@EVERY
def test_a_whole_school_at_once(drawn, school, everyone):
    cut = day_number(date.fromisoformat(drawn.as_of))
    expect(everyone[everyone["day"] == cut], drawn, school[0][drawn.scene])


@EVERY
def test_one_student(drawn, school, one_student):
    expect_of_each(one_student, drawn, school)


@WITH_EVENTS
def test_one_student_with_events_that_are_not_in_the_lake_yet(drawn, school, with_fresh_events):
    expect_of_each(with_fresh_events, drawn, school)


@pytest.mark.parametrize("drawn", FIRSTS, ids=lambda drawn: drawn.feature)
def test_one_student_with_events_that_are_told_after_newer_ones_of_others(drawn, school, with_events_told_late):
    expect_of_each(with_events_told_late, drawn, school)


def test_every_feature_is_drawn():
    assert {drawn.feature for drawn in DRAWN} == set(FEATURES)


def test_every_feature_has_its_words_in_three_languages():
    for feature in FEATURES.values():
        assert set(feature.meaning) == {"en", "ru", "zh"}, feature.name
        assert all(text.strip() for text in feature.meaning.values()), feature.name


def test_moment_of_a_drawn_day_is_noon_in_the_schools_zone():
    assert str(moment("2026-03-10")) == "2026-03-10 09:00:00+00:00"


def test_a_newer_version_that_is_not_in_the_lake_yet(tmp_path):
    drawn = Drawn("touches_answered_share_90d", "", {"touches": LEARNED}, "ann | 1/4\nbob | 0\ncat | -")
    begins, tables = one_school([drawn])
    rows = check("touches", tables["touches"]).rows
    first = rows["known_at"] == rows["occurred_at"]
    before = Snapshots(imported(tmp_path, tables | {"touches": rows[first]}))

    def told(student: str, cut: date) -> pd.DataFrame:
        return before.at([cut], students=[student], fresh={"touches": rows[~first & (rows["student_id"] == student)]})

    expect_of_each(told, drawn, (begins, tables))
