from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from features.catalogue import FEATURES
from features.config import School
from features.importers.doors import DOORS
from features.inventory import ANY_TABLE, GIVEN_BY, families, last_cut, nobodys, stock
from features.lake import Lake

DAY = date(2026, 3, 2)


def at(day: int, hour: int = 12) -> str:
    return (datetime(2026, 3, 2, hour, tzinfo=UTC) + timedelta(days=day)).isoformat()


@pytest.fixture
def school(tmp_path) -> School:
    return School(tmp_path)


def add(school: School, source: str = "test", **tables: list[dict]) -> Lake:
    lake = Lake(school.lake, school.zone)
    with lake.adding(source, f"{source}{len(lake.batches())}") as batch:
        for table, rows in tables.items():
            batch.write(table, pd.DataFrame(rows))
    return lake


def enrolment(student: str, **more) -> dict:
    fixed = {"enrolment_id": f"c:{student}", "course_id": "c", "occurred_at": at(0), "known_at": at(0)}
    return {**fixed, "student_id": student, **more}


def seen(student: str, *days: int) -> list[dict]:
    return [
        {
            "event_id": f"{student}{d}",
            "enrolment_id": f"c:{student}",
            "kind": "login",
            "occurred_at": at(d),
            "known_at": at(d),
        }
        for d in days
    ]


def ticket(n: int, student: str) -> dict:
    times = {"occurred_at": at(1), "known_at": at(1)}
    return {
        "event_id": f"t{n}",
        "ticket_id": f"t{n}",
        "student_id": student,
        "event": "opened",
        "priority": "P2",
        **times,
    }


def test_an_empty_lake_has_nothing_and_says_so(school):
    lake = Lake(school.lake, school.zone)
    assert (stock(lake), nobodys(lake), last_cut(lake)) == ([], [], None)
    states = families(school, [], None)
    assert {one.name for one in states} == {one.family for one in FEATURES.values()}
    assert all(one.is_empty and one.newest is None and not one.stale for one in states)


def test_tables_are_counted_with_their_first_and_last_day(school):
    lake = add(school, enrolments=[enrolment("ann"), enrolment("bob")], activity=seen("ann", 0, 3))
    enrolled, active = stock(lake)
    assert (enrolled.table, enrolled.rows) == ("enrolments", 2)
    assert (active.table, active.rows, active.first, active.last) == ("activity", 2, DAY, DAY + timedelta(days=3))
    assert active.known_at == datetime(2026, 3, 5, 12, tzinfo=UTC)
    assert {"starts_at", "price_minor"} <= set(enrolled.unfilled)


def test_a_filled_column_is_not_called_unfilled(school):
    (enrolled,) = stock(add(school, enrolments=[enrolment("ann", price_minor=5), enrolment("bob")]))
    assert "price_minor" not in enrolled.unfilled


def test_the_last_cut_off_is_one_at_which_somebody_is_live(school):
    lake = add(school, enrolments=[enrolment("ann", ends_at=at(20))], activity=seen("ann", 0, 90))
    cut = last_cut(lake)
    assert cut is not None
    assert DAY + timedelta(days=13) <= cut < DAY + timedelta(days=20)


def test_the_day_after_the_newest_fact_is_the_last_cut_off_while_somebody_is_live(school):
    assert last_cut(add(school, enrolments=[enrolment("ann")], activity=seen("ann", 0, 9))) == DAY + timedelta(days=10)


def test_a_family_says_what_it_knows_what_it_lacks_and_how_old_it_is(school):
    lake = add(
        school, enrolments=[enrolment("ann"), enrolment("bob")], activity=[*seen("ann", 0, 1, 4), *seen("bob", 0)]
    )
    found = {one.name: one for one in families(school, stock(lake), last_cut(lake))}
    activity, support = found["activity"], found["support"]
    assert activity.known["clicks_28d"] == 1.0
    assert "clicks_28d" not in activity.empty
    assert not activity.is_empty
    assert activity.lacking == ()
    assert activity.stale, "these are facts of years ago"
    assert support.is_empty
    assert support.lacking == ("tickets",)
    assert support.newest is None


def test_what_is_the_same_for_everybody_is_empty(school):
    lake = add(school, enrolments=[enrolment("ann"), enrolment("bob")], activity=[*seen("ann", 0), *seen("bob", 0)])
    (activity,) = [one for one in families(school, stock(lake), last_cut(lake)) if one.name == "activity"]
    assert "clicks_28d" in activity.empty
    assert activity.known["clicks_28d"] == 1.0


def test_names_of_nobody_are_counted_by_source_table_and_kind(school):
    lake = add(school, "lms", students=[{"student_id": "ann", "known_at": at(0)}], enrolments=[enrolment("bob")])
    add(school, "desk", tickets=[ticket(n, one) for n, one in enumerate(["ann", "bob", "crm:7", "crm:7", "email:ab"])])
    found = [(one.source, one.table, one.kind, one.names, one.rows) for one in nobodys(lake)]
    assert found == [("desk", "tickets", "email", 1, 1), ("desk", "tickets", "id", 1, 2)]
    paid = {"event_id": "p1", "student_id": "crm:9", "kind": "paid", "occurred_at": at(1), "known_at": at(1)}
    add(school, "bank", payments=[paid])
    assert [(one.source, one.table, one.kind) for one in nobodys(lake)][-1] == ("bank", "payments", "id")
    add(school, identities=[{"alias": "crm:9", "student_id": "ann", "known_at": at(0)}])
    add(school, identities=[{"alias": "crm:7", "student_id": "ann", "known_at": at(0)}])
    assert [one.kind for one in nobodys(lake)] == ["email"]


def test_an_enrolment_under_an_address_is_nobodys_until_an_identity_says_whose(school):
    lake = add(school, "xapi", enrolments=[enrolment("email:ab"), enrolment("bob")])
    assert [(one.table, one.kind, one.names) for one in nobodys(lake)] == [("enrolments", "email", 1)]
    add(school, identities=[{"alias": "email:ab", "student_id": "bob", "known_at": at(0)}])
    assert nobodys(lake) == []


def test_every_door_and_every_table_of_a_feature_has_its_place():
    named = {door for doors in GIVEN_BY.values() for door in doors} | set(ANY_TABLE)
    assert named == {door.name for door in DOORS}
    needed = {table for one in FEATURES.values() for table in one.tables}
    assert set(GIVEN_BY) <= needed
