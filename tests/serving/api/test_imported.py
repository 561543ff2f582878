"""What is imported after the night is heard like what is reported: at once, with the same words, on every way out."""

from __future__ import annotations

import re

import pandas as pd
import pytest

from features import clock
from features.lake import Lake
from handrail import journeys
from tests.serving.api.conftest import Caller


def add(caller: Caller, table: str, **row) -> None:
    """Imports one row, known since a moment ago."""
    school = caller.home.school
    lake = Lake(school.lake, school.zone)
    moment = clock.now().isoformat()
    with lake.adding("crm", str(len(lake.batches()))) as batch:
        assert not batch.write(table, pd.DataFrame([{"occurred_at": moment, "known_at": moment, **row}])).rejected


@pytest.fixture
def caller(own_caller) -> Caller:
    return own_caller


def written_to(caller: Caller) -> list[dict]:
    """The entries of students to whom a message is recommended, with one course each."""
    return [row for row in caller.list() if row["action"] == "care_sms"]


def sign_in(caller: Caller) -> None:
    """Makes the caller a head of curators too, who may read the page."""
    password = journeys.create_user(caller.home.settings, "olga", "head", "en")
    token = re.search(r'name="csrf" value="([^"]+)"', caller.client.get("/login").text)
    assert token
    caller.client.post("/login", data={"login": "olga", "password": password, "csrf": token[1]})


def page_of(caller: Caller, student_id: str) -> str:
    """What the page says of a student."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", caller.client.get(f"/students/{student_id}").text))


def test_an_imported_word_holds_back_what_the_night_decided_like_a_reported_one(caller) -> None:
    first, second, third = (row["student_id"] for row in written_to(caller)[:3])
    seen = caller.client.get("/v1/risk-list", params={"limit": 1000}).headers["ETag"]
    sign_in(caller)
    assert "Do not contact" not in page_of(caller, first)
    add(caller, "consents", event_id="i1", student_id=first, state="withdrawn")
    add(caller, "flags", event_id="i2", student_id=third, kind="bereavement")
    said = {"event_id": "r1", "student_id": second, "state": "withdrawn", "occurred_at": clock.now().isoformat()}
    caller.client.post("/v1/consents", json={"consents": [said]})

    listed = caller.client.get("/v1/risk-list", params={"limit": 1000}, headers={"If-None-Match": seen})
    assert listed.status_code == 200, "the list is another one now"
    actions = {row["student_id"]: row["action"] for row in listed.json()["entries"]}
    assert [actions[student] for student in (first, second, third)] == [None] * 3
    imported, reported = (caller.score(student).json()["decision"] for student in (first, second))
    assert (imported["action"], reported["action"]) == ("no_action",) * 2
    texts = [[no["text"] for no in one["blocked"] if no["action"] == "care_sms"] for one in (imported, reported)]
    assert texts[0] == texts[1] != []
    flagged = caller.score(third).json()["decision"]
    assert (flagged["action"], flagged["contact"]) == ("route_to_human", "head")
    words = [re.search(r"Do not contact [A-Z][a-z ]+", page_of(caller, student)) for student in (first, second, third)]
    assert all(words)
    assert words[0][0] == words[1][0] != words[2][0]
    for student in (first, third):
        again = [caller.score(student).content for _ in range(2)]
        assert again[0] == again[1]


def test_an_imported_contact_stops_a_second_one_and_the_report_of_our_own_does_not(caller) -> None:
    called, written = written_to(caller)[:2]
    add(caller, "touches", touch_id="i1", student_id=called["student_id"], channel="call", status="answered")
    own = {"touch_id": "i2", "student_id": written["student_id"], "channel": "sms"}
    add(caller, "touches", **own, decision_id=written["decision_id"])
    told = caller.score(called["student_id"]).json()["decision"]
    assert told["action"] == "no_action"
    assert "G3" in {no["gate"] for no in told["blocked"]}
    assert caller.score(written["student_id"]).json()["decision"]["decision_id"] == written["decision_id"]
