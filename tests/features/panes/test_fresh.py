"""Fresh events count as if they had been imported: for every table, whether or not they are newer than the lake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from features.build import Snapshots
from features.config import School
from features.contracts import check
from features.enrolments import Enrolments
from features.lake import Lake
from features.panes import FreshEvents, Pane, of_school
from features.panes.queries import COUNTED, PANES, READ
from tests.features.kinds import KINDS, OF_A_PERSON, Kind
from tests.features.small_school import SmallSchool, put, typed

TOLD = [kind for kind in KINDS if kind.table in READ]
CUTS = [date(2026, 3, 20), date(2026, 4, 3)]
BEFORE, NOW, MUCH_LATER = "2026-03-10T11:00", "2026-03-18T15:30", "2026-03-30T12:00"


class Twice(NamedTuple):
    """A school that has been told of the events, and one that has not, whose fresh events they are."""

    told: School
    untold: School
    rows: dict[str, list[dict[str, Any]]]


def name_of(number: int) -> str:
    return f"s{number:02d}"


def town(*, newest: bool) -> tuple[SmallSchool, dict[str, list[dict[str, Any]]]]:
    """A student for each kind of event, with what comes before it, and the events; others may know of later ones."""
    school = SmallSchool()
    school.add("courses", course_id="c", starts_at="2026-02-16", known_at="2026-02-01", lessons=4, hours=20)
    school.add("assignments", assignment_id="a", course_id="c", due_at="2026-03-16", known_at="2026-02-01")
    if not newest:
        school.enrol("other", "2026-02-02")
        for kind in TOLD:
            mine = {"student_id": "other"} if kind.table in OF_A_PERSON else {"enrolment_id": "other"}
            school.add(kind.table, MUCH_LATER, **mine, **kind.row)
    events = SmallSchool()
    for number, kind in enumerate(TOLD):
        student = name_of(number)
        school.enrol(student, "2026-02-02", starts_at="2026-02-16T00:00")
        school.enrol(f"{student}-too", "2026-02-03", student=student)
        who = {"student_id": student} if kind.table in OF_A_PERSON else {"enrolment_id": student}
        for table, row in kind.before:
            school.add(table, BEFORE, **who, **row)
        school.add("activity", BEFORE, enrolment_id=student, kind="login")
        events.add(kind.table, NOW, **who, **kind.row)
    for table, rows in events.rows.items():
        key = next(iter(rows[0]))
        for row in rows:
            row[key] = f"new-{row[key]}-{table}"
    return school, events.rows


@pytest.fixture(scope="module", params=[True, False], ids=["newer than the lake", "older than the newest"])
def twice(request, tmp_path_factory) -> Twice:
    home: Callable[[str], Path] = lambda name: tmp_path_factory.mktemp("fresh") / name  # noqa: E731
    school, rows = town(newest=request.param)
    told, untold = school.write(home("told")), school.write(home("untold"))
    with Lake(told.lake, told.zone).adding("test", "2") as batch:
        put(batch, rows)
    return Twice(told, untold, rows)


@pytest.fixture(scope="module")
def tables(twice) -> tuple[pd.DataFrame, Snapshots]:
    return Snapshots(twice.told).at(CUTS), Snapshots(twice.untold)


def checked(table: str, rows: list[dict[str, Any]]) -> dict[str, pd.DataFrame]:
    found = check(table, typed(table, rows))
    assert not found.rejected
    return {table: found.rows}


def fresh_of(twice: Twice, number: int) -> dict[str, pd.DataFrame]:
    kind, student = TOLD[number], name_of(number)
    who = "student_id" if kind.table in OF_A_PERSON else "enrolment_id"
    return checked(kind.table, [row for row in twice.rows[kind.table] if row[who] == student])


@pytest.mark.parametrize("number", range(len(TOLD)), ids=[kind.name for kind in TOLD])
def test_a_fresh_event_counts_like_an_imported_one(twice, tables, number):
    expected, snapshots = tables
    student = name_of(number)
    found = snapshots.at(CUTS, students=[student], fresh=fresh_of(twice, number))
    own = expected[expected["student_id"] == student].reset_index(drop=True)
    assert len(own) == 4  # two enrolments at two cut-offs
    ranks = [name for name in own.columns if name.endswith("_rank")]  # the mates' are those of the lake
    pd.testing.assert_frame_equal(found.drop(columns=ranks), own.drop(columns=ranks), check_exact=True)


def rows_of(pane: Pane) -> dict[tuple[int, ...], tuple[int, ...]]:
    """Measures by position, day and day of knowing; rows of the same keys are one."""
    frame = pd.DataFrame({"at": pane.at, "day": pane.day, "known": pane.known_day, **pane.measures})
    flags = [name for name in pane.measures if name == "seen"]
    joined = {name: np.bitwise_or.reduce if name in flags else "sum" for name in pane.measures}
    sums = frame.groupby(["at", "day", "known"]).agg(joined)
    return {row[0]: row[1:] for row in sums.itertuples(name=None)}


@pytest.fixture(scope="module")
def built(twice) -> tuple[pd.Index, list[Any]]:
    """The enrolments, and the panes of the school that has been told and of the one that has not."""
    ids = Enrolments(Lake(twice.told.lake, twice.told.zone)).ids
    return ids, [of_school(school, ids) for school in (twice.told, twice.untold)]


@pytest.mark.parametrize("number", range(len(TOLD)), ids=[kind.name for kind in TOLD])
def test_the_panes_that_it_changes_are_those_of_a_build(twice, built, number):
    ids, panes = built
    at = ids.get_indexer([name_of(number), f"{name_of(number)}-too"])
    expected, kept = (one.of(at) for one in panes)
    events = FreshEvents(twice.untold)
    replaced = events.panes(kept, ids[at], [name_of(number)] * 2, fresh_of(twice, number))
    found = kept | replaced
    assert {name: rows_of(pane) for name, pane in found.items() if len(pane.at)} == {
        name: rows_of(pane) for name, pane in expected.items()
    }
    assert any(rows_of(replaced[name]) != rows_of(kept[name]) for name in replaced if name in kept) or set(
        replaced
    ) - set(kept)


@pytest.fixture(scope="module")
def told(twice) -> Snapshots:
    return Snapshots(twice.told)


@pytest.mark.parametrize("table", sorted({kind.table for kind in TOLD}))
def test_an_event_that_the_lake_has_is_not_counted_twice(twice, told, table):
    for number in [i for i, kind in enumerate(TOLD) if kind.table == table][:2]:
        student = name_of(number)
        pd.testing.assert_frame_equal(
            told.at(CUTS, students=[student], fresh=fresh_of(twice, number)),
            told.at(CUTS, students=[student]),
            check_exact=True,
        )


def test_events_of_several_tables_and_people_count_together(twice, tables):
    expected, snapshots = tables
    chosen = {kind.table: number for number, kind in enumerate(TOLD) if kind.table not in OF_A_PERSON}.values()
    students = [name_of(number) for number in chosen]
    fresh = {table: rows for number in chosen for table, rows in fresh_of(twice, number).items()}
    assert len(fresh) > 3
    found = snapshots.at(CUTS, students=students, fresh=fresh)
    own = expected[expected["student_id"].isin(students)].reset_index(drop=True)
    ranks = [name for name in own.columns if name.endswith("_rank")]
    pd.testing.assert_frame_equal(found.drop(columns=ranks), own.drop(columns=ranks), check_exact=True)


def alone(tmp_path: Path, *names: str) -> tuple[SmallSchool, Snapshots]:
    made = SmallSchool()
    for name in names:
        made.enrol(name, "2026-03-02")
    return made, Snapshots(made.write(tmp_path / "home"))


def test_a_fact_of_one_of_several_people_is_not_the_others(tmp_path):
    made, snapshots = alone(tmp_path, "ann", "bob")
    times = dict.fromkeys(("occurred_at", "known_at"), made.at(NOW))
    fresh = checked("ratings", [{"event_id": "r", "student_id": "ann", "value": 5, **times}])
    found = snapshots.at(CUTS, students=["ann", "bob"], fresh=fresh)
    assert found["last_rating"].notna().tolist() == [True, False] * 2


@pytest.mark.parametrize("table", ["activity", "ratings"])
def test_a_fact_of_an_enrolment_that_nobody_knows_is_a_fact_of_none(tmp_path, table):
    made, snapshots = alone(tmp_path, "ann")
    row = {"activity": {"kind": "login"}, "ratings": {"student_id": "ann", "value": 5}}[table]
    row |= dict.fromkeys(("occurred_at", "known_at"), made.at(NOW)) | {"event_id": "x", "enrolment_id": "other"}
    found = snapshots.at(CUTS, students=["ann"], fresh=checked(table, [row]))
    pd.testing.assert_frame_equal(found, snapshots.at(CUTS, students=["ann"]))


@pytest.mark.parametrize("kind", ["failed", "card_expiring"])
def test_a_fact_under_another_name_of_the_student_counts(tmp_path, kind):
    made = SmallSchool()
    made.enrol("ann", "2026-03-02")
    made.add("identities", alias="crm-7", student_id="ann", known_at="2026-03-03")
    snapshots = Snapshots(made.write(tmp_path / "home"))
    row = {"event_id": "x", "student_id": "crm-7", "kind": kind, "expires_at": made.at("2026-05-01")}
    row |= dict.fromkeys(("occurred_at", "known_at"), made.at(NOW))
    found = snapshots.at(CUTS, students=["ann"], fresh=checked("payments", [row]))
    told = "payment_failures_30d" if kind == "failed" else "card_expires_in_days"
    assert (found[told] > 0).all()


def test_every_pane_that_is_counted_and_one_that_is_not_is_tried():
    assert {counted.table for counted in COUNTED.values()} <= {kind.table for kind in TOLD}
    assert set(COUNTED) < set(PANES)
    assert all(isinstance(kind, Kind) for kind in TOLD)


def test_what_is_known_after_the_cut_off_does_not_count(twice, tables):
    _, snapshots = tables
    late = twice.rows["activity"][0] | {"event_id": "late", "known_at": pd.Timestamp("2026-03-25", tz="UTC")}
    student = late["enrolment_id"]
    found = snapshots.at(CUTS, students=[student], fresh=checked("activity", [late]))
    plain = snapshots.at(CUTS, students=[student])
    first = found["day"] == found["day"].min()
    pd.testing.assert_frame_equal(found[first], plain[first], check_exact=True)
    assert found["clicks_28d"].tolist() != plain["clicks_28d"].tolist()
    assert (CUTS[1] - CUTS[0]) < timedelta(days=28)
