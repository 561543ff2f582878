"""One student asked for alone has the features that one has among all, to the last bit."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import pytest

from features.build import _FEW, Snapshots
from features.catalogue import FEATURES
from features.clock import day_number
from features.config import School
from features.contracts import check
from features.rows import FeatureVector
from tests.features.random_schools import FIRST, Made, busy_parts
from tests.features.small_school import typed, written

CUT = FIRST + timedelta(days=56)


@pytest.fixture(scope="module")
def made() -> Made:
    return Made("Europe/Moscow", busy_parts(11))


@pytest.fixture(scope="module")
def school(made, tmp_path_factory) -> School:
    return written(tmp_path_factory.mktemp("build") / "home", made.rows, made.zone)


@pytest.fixture(scope="module")
def table(school) -> pd.DataFrame:
    found = Snapshots(school).at([CUT - timedelta(days=7), CUT])
    assert found.groupby("day").size().min() > _FEW  # so that these are not folded one by one
    return found


def expect(found: list[FeatureVector], rows: pd.DataFrame) -> None:
    assert len(found) == len(rows)
    for one, (_, row) in zip(found, rows.iterrows(), strict=True):
        assert (one.enrolment_id, one.student_id, one.course_id, one.day, one.enough_data) == tuple(row.iloc[:5])
        assert one.values.tobytes() == row[list(FEATURES)].to_numpy("float64").tobytes()


@pytest.mark.parametrize("room", [0, 10**6], ids=["folded each time", "what mates have is kept"])
def test_one_student_has_the_features_that_one_has_among_all(school, table, room, monkeypatch):
    monkeypatch.setattr("features.build._KEPT_ROWS", room)
    snapshots = Snapshots(school)
    for cut in (CUT, CUT - timedelta(days=7)):
        now = table[table["day"] == day_number(cut)]
        for _ in range(2):
            for student, rows in now.groupby("student_id"):
                expect(snapshots.of_student(str(student), cut), rows)
    own = table[table["student_id"] == table["student_id"].iloc[0]].reset_index(drop=True)
    asked = snapshots.at([CUT - timedelta(days=7), CUT], students=[own["student_id"].iloc[0]])
    pd.testing.assert_frame_equal(asked, own, check_exact=True)


def test_nobody_is_live_under_a_name_that_no_student_has(school):
    assert Snapshots(school).of_student("nobody", CUT) == []


@pytest.mark.parametrize("name", ["activity", "videos", "ratings", "tickets", "payments"])
def test_what_fresh_events_do_not_change_need_not_be_folded_again(made, school, table, name, monkeypatch):
    now = table[table["day"] == day_number(CUT)]
    at, students = made.at(55, 12 * 60), now.set_index("enrolment_id")["student_id"]
    own = [row for row in made.rows[name] if row.get("enrolment_id") in students.index]
    own = [row for row in own if row["enrolment_id"] == own[-1]["enrolment_id"]]
    new = {"occurred_at": at, "known_at": at}
    rows = check(name, typed(name, [row | new | {"event_id": f"new {i}"} for i, row in enumerate(own)])).rows
    student = students[own[-1]["enrolment_id"]]
    found = []
    for room in (0, 10**6):
        monkeypatch.setattr("features.build._KEPT_ROWS", room)
        snapshots = Snapshots(school)
        plain = snapshots.of_student(student, CUT)
        found.append(snapshots.of_student(student, CUT, {name: rows}))
    assert plain
    for every, changed in zip(*found, strict=True):
        assert every.values.tobytes() == changed.values.tobytes()
        assert every.enough_data == changed.enough_data
    assert [one.values.tobytes() for one in plain] != [one.values.tobytes() for one in found[1]]
