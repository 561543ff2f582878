"""A student under another name: the API answers as under the student's own."""

from __future__ import annotations

import pandas as pd
import pytest

from features import clock
from features.lake import Lake


@pytest.fixture
def named(own_caller):
    """A listed student, and the CRM's name of them, known since long before the list."""
    row = own_caller.list()[0]
    school = own_caller.home.school
    identity = {"alias": "crm:7", "student_id": row["student_id"], "known_at": "2025-01-01T00:00:00Z"}
    with Lake(school.lake, school.zone).adding("crm", "1") as batch:
        batch.write("identities", pd.DataFrame([identity]))
    return own_caller, row


def test_the_answer_under_another_name_is_the_students_own(named):
    caller, row = named
    told, own = caller.score("crm:7").json(), caller.score(row["student_id"]).json()
    assert told["student_id"] == row["student_id"]
    assert told == own
    assert (
        caller.client.get("/v1/students/crm:7").json() == caller.client.get(f"/v1/students/{row['student_id']}").json()
    )


def test_a_contact_under_another_name_counts(named):
    caller, row = named
    call = {"touch_id": "t1", "student_id": "crm:7", "channel": "call", "status": "answered"}
    call["occurred_at"] = clock.now().isoformat()
    assert caller.client.post("/v1/touches", json={"touches": [call]}).json()["added"] == ["t1"]
    card = caller.client.get(f"/v1/students/{row['student_id']}").json()
    assert "t1" in {touch["touch_id"] for touch in card["touches"]}


def test_a_fresh_event_may_name_the_student_either_way(named):
    caller, row = named
    moment = clock.now().isoformat()
    ticket = {"event_id": "f1", "ticket_id": "f1", "event": "opened", "priority": "P2", "occurred_at": moment}
    asked = [{"table": "tickets", "row": {**ticket, "student_id": name}} for name in ("crm:7", row["student_id"])]
    answers = [caller.score(row["student_id"], events=[one]) for one in asked]
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (
        caller.score(
            row["student_id"], events=[{"table": "tickets", "row": {**ticket, "student_id": "zoe"}}]
        ).status_code
        == 422
    )
