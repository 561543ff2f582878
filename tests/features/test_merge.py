"""A merge that is learned of later changes nothing of an earlier day, for enrolments and facts under any name."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from features.build import snapshot
from features.config import School
from features.lake import Lake

START = date(2026, 3, 2)
MERGED = 20
CUTS = [START + timedelta(days=n) for n in (6, 13, 20, 21, 27)]


def at(day: int) -> str:
    return (datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(days=day)).isoformat()


def times(day: int) -> dict[str, str]:
    return {"occurred_at": at(day), "known_at": at(day)}


def made(home, *, merged: bool) -> School:
    """Ann studies under her own id and, in another course, under her address; each name has a ticket of its own."""
    school = School(home)
    enrolments = [
        {"enrolment_id": f"e:{name}", "student_id": name, "course_id": name, **times(0)} for name in ("ann", "email:a")
    ]
    tickets = [
        {
            "event_id": f"t{n}",
            "ticket_id": f"t{n}",
            "student_id": name,
            "event": "opened",
            "priority": "P2",
            **times(day),
        }
        for n, (name, day) in enumerate([("ann", 2), ("email:a", 3), ("email:a", 4), ("crm:7", 5)])
    ]
    names = [{"alias": name, "student_id": "ann", "known_at": at(MERGED)} for name in ("email:a", "crm:7")]
    with Lake(school.lake, school.zone).adding("test", "1") as batch:
        batch.write("enrolments", pd.DataFrame(enrolments))
        batch.write("tickets", pd.DataFrame(tickets))
        if merged:
            batch.write("identities", pd.DataFrame(names))
    return school


def told(school: School, **only) -> pd.DataFrame:
    rows = snapshot(school, CUTS, **only)
    rows["cut"] = [(day - rows["day"].min()) + 6 for day in rows["day"]]
    return rows.set_index(["cut", "enrolment_id"])[["student_id", "tickets_open_now"]]


@pytest.fixture
def merged(tmp_path) -> School:
    return made(tmp_path / "merged", merged=True)


def test_before_the_merge_everything_is_as_if_it_never_came(merged, tmp_path):
    never = told(made(tmp_path / "never", merged=False))
    before = [6, 13, 20]
    pd.testing.assert_frame_equal(told(merged).loc[before], never.loc[before])
    assert list(never.loc[13, "tickets_open_now"]) == [1, 2]


def test_from_the_merge_on_every_enrolment_has_all_tickets(merged):
    after = told(merged).loc[[21, 27]]
    assert set(after["student_id"]) == {"ann"}
    assert list(after["tickets_open_now"]) == [4, 4, 4, 4]


def test_one_student_alone_has_the_same(merged):
    everybody = told(merged)
    for names in (["ann"], ["ann", "email:a", "crm:7"]):
        alone = told(merged, students=names)
        pd.testing.assert_frame_equal(alone, everybody.loc[alone.index])
        assert len(alone.loc[[21, 27]]) == 4
