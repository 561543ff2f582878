"""One student: the same answer as the night's, stored before it is told, and never against a student's word."""

from __future__ import annotations

import math
import sqlite3
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from features import clock
from features.errors import BadInput
from serving.advise import check_begun
from serving.api.documents import Advice, Batch

TOLD = ("risk", "band", "reasons", "strength", "families", "what_ifs", "state")


def forget_the_night(home) -> None:
    """As if nothing had been decided or published yet."""
    with sqlite3.connect(home.settings.home / "handrail.db") as db:
        for table in ("night_entry", "night", "decision"):
            db.execute(f"DELETE FROM {table}")


def test_the_night_and_a_single_call_give_the_same_answer(caller, own_caller):
    listed = caller.list()
    forget_the_night(own_caller.home)
    chosen = listed[:12] + listed[len(listed) // 2 :: 40] + listed[-3:]
    for row in chosen:
        alone = own_caller.score(row["student_id"], as_of="2026-06-08").json()
        mine = next(one for one in alone["enrolments"] if one["enrolment_id"] == row["enrolment_id"])
        assert {name: mine[name] for name in TOLD} == {name: row[name] for name in TOLD}
        assert alone["decision"]["decision_id"] == row["decision_id"]
        assert alone["decision"]["action"] == row["action"]
        assert alone["decision"]["not_before"] == row["not_before"]


def test_the_list_is_ranked_and_the_answer_of_the_night_is_found_again(caller):
    listed = caller.list()
    risks = [row["risk"] for row in listed if row["risk"] is not None]
    assert risks == sorted(risks, reverse=True)
    assert len(risks) > 50
    top = caller.score(listed[0]["student_id"]).json()
    assert top["as_of"] == "2026-06-08"
    assert top["decision"]["decision_id"] == listed[0]["decision_id"]
    assert 1 <= len(top["enrolments"][0]["reasons"]) <= 3
    assert all(reason["text"] for reason in top["enrolments"][0]["reasons"])


def test_the_families_make_up_the_risk(caller):
    for row in caller.list():
        if row["risk"] is not None:
            whole = sum(family["contribution"] for family in row["families"])
            assert whole == pytest.approx(math.log(row["risk"] / (1 - row["risk"])), abs=1e-9)
            assert row["families"][-1]["family"] == "base"


def test_what_would_lower_the_risk_is_told_to_those_who_look_at_it(caller):
    listed = caller.list()
    assert not [row for row in listed if row["band"] in ("low", None) and row["what_ifs"]]
    looked_at = [row for row in listed if row["band"] in ("high", "medium")]
    assert sum(bool(row["what_ifs"]) for row in looked_at) > len(looked_at) / 2
    for row in looked_at:
        risks = [step["risk"] for step in row["what_ifs"]]
        assert risks == sorted(risks)
        assert len(risks) <= 3
        assert all(risk <= 0.9 * row["risk"] for risk in risks)
        for step in row["what_ifs"]:
            assert step["from"] != step["to"]
            assert step["unit"] not in ("days", "count") or step["to"].is_integer()


def test_every_answer_is_as_it_is_described(caller):
    students = [row["student_id"] for row in caller.list()]
    gone = caller.score(students[0], as_of="2020-01-01").json()
    for told in (caller.score(students[0]).json(), caller.score(students[-1]).json(), gone):
        Advice.model_validate(told)
    Batch.model_validate(caller.client.post("/v1/score/batch", json={"students": ["nobody", students[1]]}).json())
    paths = caller.client.get("/openapi.json").json()["paths"]
    described = paths["/v1/score"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert described == {"$ref": "#/components/schemas/Advice"}


def test_a_reason_carries_its_change_and_its_unit(caller):
    told = [reason for row in caller.list() for reason in row["reasons"]]
    assert {reason["direction"] for reason in told} == {"raises"}
    known = [reason for reason in told if reason["change"] is not None]
    assert len(known) > len(told) / 2
    assert all(reason["change"] == reason["value"] - reason["week_ago"] for reason in known)
    assert all(reason["unit"] for reason in told)


def test_the_same_request_again_gives_the_same_bytes_and_one_row(own_caller):
    student = own_caller.list()[3]["student_id"]
    answers = {own_caller.score(student, as_of="2026-06-07").content for _ in range(3)}
    assert len(answers) == 1
    with sqlite3.connect(own_caller.home.settings.home / "handrail.db") as db:
        found = db.execute(
            "SELECT count(*) FROM decision WHERE student_id = ? AND decision_date = '2026-06-07'", [student]
        )
        assert found.fetchone() == (1,)


def test_a_told_decision_is_stored_whole_and_can_be_made_again(caller):
    decided = caller.score(caller.list()[0]["student_id"]).json()["decision"]
    record = caller.client.get(f"/v1/decisions/{decided['decision_id']}").json()
    assert {name: record[name] for name in ("action", "rule", "arm", "propensities", "blocked")} == {
        "action": decided["action"],
        "rule": decided["rule"],
        "arm": decided["arm"],
        "propensities": decided["propensities"],
        "blocked": [{k: v for k, v in one.items() if k != "text"} for one in decided["blocked"]],
    }
    again = caller.client.post(f"/v1/decisions/{decided['decision_id']}/replay").json()
    assert again == {"decision_id": decided["decision_id"], "same": True, "differs": []}


def contacted(caller) -> dict:
    return next(row for row in caller.list() if row["action"] == "care_sms")


def test_a_refusal_after_the_list_was_made_stops_the_action_at_once(own_caller):
    row = contacted(own_caller)
    word = {
        "event_id": "w1",
        "student_id": row["student_id"],
        "state": "withdrawn",
        "occurred_at": clock.now().isoformat(),
    }
    seen = own_caller.client.get("/v1/risk-list", params={"limit": 1000}).headers["ETag"]
    assert own_caller.client.post("/v1/consents", json={"consents": [word]}).json()["added"] == ["w1"]
    listed = own_caller.client.get("/v1/risk-list", params={"limit": 1000}, headers={"If-None-Match": seen})
    assert listed.status_code == 200, "the list is another one now"
    told = next(one for one in listed.json()["entries"] if one["decision_id"] == row["decision_id"])
    assert (told["action"], told["not_before"]) == (None, None)
    told = own_caller.score(row["student_id"]).json()["decision"]
    assert told["action"] == "no_action"
    assert "G1" in {blocked["gate"] for blocked in told["blocked"]} | {"G2"} & {b["gate"] for b in told["blocked"]}
    assert own_caller.score(row["student_id"]).json()["decision"]["decision_id"] == told["decision_id"]


def test_a_flag_after_the_list_was_made_leaves_the_student_to_people(own_caller):
    row = contacted(own_caller)
    flag = {"event_id": "f1", "student_id": row["student_id"], "kind": "bereavement"}
    flag["occurred_at"] = clock.now().isoformat()
    report = [own_caller.client.post("/v1/flags", json={"flags": [flag]}).json() for _ in range(2)]
    assert [one["added"] for one in report] == [["f1"], []]
    told = own_caller.score(row["student_id"]).json()["decision"]
    assert (told["action"], told["in_scope"], told["contact"]) == ("route_to_human", False, "head")
    assert told["blocked"][0]["text"] == "a person looks after this student; ask the head of curators"
    assert "bereavement" not in told["blocked"][0]["text"]
    assert own_caller.score(row["student_id"]).json()["decision"]["decision_id"] == told["decision_id"]


@pytest.mark.parametrize(
    "change",
    [{"kind": "grumpy"}, {"state": "on"}, {"until_at": "2020-01-01T00:00:00Z"}, {"note": "x"}, {"occurred_at": None}],
)
def test_a_flag_that_says_nothing_sound_is_refused(caller, change):
    flag = {"event_id": "f", "student_id": "s", "kind": "dispute", "occurred_at": clock.now().isoformat()}
    assert caller.client.post("/v1/flags", json={"flags": [flag | change]}).status_code == 422


def test_a_contact_by_somebody_else_stops_a_second_one(own_caller):
    row = contacted(own_caller)
    call = {
        "touch_id": "t1",
        "student_id": row["student_id"],
        "channel": "call",
        "status": "answered",
        "occurred_at": clock.now().isoformat(),
    }
    report = [own_caller.client.post("/v1/touches", json={"touches": [call]}).json() for _ in range(2)]
    assert [one["added"] for one in report] == [["t1"], []]
    told = own_caller.score(row["student_id"]).json()["decision"]
    assert told["action"] == "no_action"
    assert {blocked["gate"] for blocked in told["blocked"]} >= {"G3"}


def test_the_report_that_the_action_was_carried_out_does_not_change_the_answer(own_caller):
    row = contacted(own_caller)
    sent = {
        "touch_id": "t1",
        "student_id": row["student_id"],
        "channel": "sms",
        "decision_id": row["decision_id"],
        "occurred_at": clock.now().isoformat(),
    }
    own_caller.client.post("/v1/touches", json={"touches": [sent]})
    assert own_caller.score(row["student_id"]).json()["decision"]["decision_id"] == row["decision_id"]


def nobody_wrote_lately(caller, row) -> bool:
    touches = caller.client.get(f"/v1/students/{row['student_id']}").json()["touches"]
    return row["action"] == "no_action" and all(one["occurred_at"] < "2026-06-01" for one in touches)


def test_fresh_events_are_seen_and_decided_about_on_their_own(caller):
    row = next(one for one in caller.list() if one["band"] == "low" and nobody_wrote_lately(caller, one))
    asked = {
        "table": "tickets",
        "row": {
            "event_id": "fresh-1",
            "ticket_id": "fresh",
            "student_id": row["student_id"],
            "event": "cancel_requested",
            "occurred_at": "2026-06-08T10:00:00+03:00",
        },
    }
    before = caller.score(row["student_id"]).json()
    told = caller.score(row["student_id"], events=[asked]).json()
    assert told["as_of"] == "2026-06-08"
    assert told["decision"]["action"] == "pause_offer"
    assert told["decision"]["rule"] == "R10"
    assert told["decision"]["decision_id"] != before["decision"]["decision_id"]
    harmless = {"table": "tickets", "row": asked["row"] | {"event": "rated", "event_id": "fresh-2"}}
    assert (
        told["enrolments"][0]["risk"]
        >= caller.score(row["student_id"], events=[harmless]).json()["enrolments"][0]["risk"]
    )
    assert caller.score(row["student_id"], events=[asked]).json() == told
    assert caller.score(row["student_id"]).json() == before


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"event": "exploded"}, "allowed values"),
        ({"occurred_at": "2026-06-08 10:00"}, "no time zone"),
        ({"colour": "red"}, "unknown column colour"),
    ],
)
def test_a_fresh_event_that_is_not_sound_is_refused_with_its_fault(caller, row, says):
    sound = {
        "event_id": "e",
        "ticket_id": "t",
        "student_id": "s",
        "event": "opened",
        "occurred_at": "2026-06-08T10:00:00Z",
    }
    answer = caller.score(caller.list()[0]["student_id"], events=[{"table": "tickets", "row": sound | row}])
    assert answer.status_code == 422
    assert says in answer.json()["detail"]


@pytest.mark.parametrize(
    ("table", "of"),
    [
        ("tickets", {"ticket_id": "t", "student_id": "somebody", "event": "opened"}),
        ("activity", {"enrolment_id": "somebody's", "kind": "login"}),
    ],
)
def test_a_fresh_event_of_somebody_else_is_refused(caller, table, of):
    event = {"table": table, "row": {"event_id": "e", "occurred_at": "2026-06-08T10:00:00Z"} | of}
    answer = caller.score(caller.list()[0]["student_id"], events=[event])
    assert answer.status_code == 422
    assert "somebody" in answer.json()["detail"]


def test_a_student_without_enough_data_gets_no_risk(caller):
    row = next(one for one in caller.list() if one["state"] == "not_enough_data")
    told = next(
        one
        for one in caller.score(row["student_id"]).json()["enrolments"]
        if one["enrolment_id"] == row["enrolment_id"]
    )
    assert (told["state"], told["risk"], told["band"], told["reasons"]) == ("not_enough_data", None, None, [])


def test_a_student_who_has_left_is_not_scored(caller):
    from features.lake import Lake

    lake = Lake(caller.home.school.lake, caller.home.school.zone)
    live = {row["student_id"] for row in caller.list()}
    gone = next(student for student in lake.read("students")["student_id"] if student not in live)
    told = caller.score(gone).json()
    assert (told["state"], told["enrolments"], told["decision"]) == ("no_live_enrolment", [], None)


def test_an_unknown_student_is_not_found(caller):
    answer = caller.score("nobody")
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert "nobody" in answer.json()["detail"]


def test_many_at_once_get_the_answers_they_get_alone(caller):
    students = [row["student_id"] for row in caller.list()[:3]]
    told = caller.client.post("/v1/score/batch", json={"students": [*students, "nobody"]}).json()
    assert told["unknown"] == ["nobody"]
    assert told["answers"] == [caller.score(student).json() for student in students]


def test_words_come_in_the_callers_language(caller):
    student = caller.list()[0]["student_id"]
    texts = {
        lang: caller.client.post("/v1/score", json={"student_id": student}, headers={"Accept-Language": lang}).json()
        for lang in ("en", "ru", "zh")
    }
    said = {lang: told["enrolments"][0]["reasons"][0]["text"] for lang, told in texts.items()}
    assert len(set(said.values())) == 3
    assert any("а" <= letter <= "я" for letter in said["ru"].lower())
    assert any("\u4e00" <= letter <= "\u9fff" for letter in said["zh"])


def test_a_moment_that_is_still_to_come_is_refused(caller):
    later = (clock.now() + timedelta(days=1)).isoformat()
    word = {"event_id": "w", "student_id": "s", "state": "given", "occurred_at": later}
    assert caller.client.post("/v1/consents", json={"consents": [word]}).status_code == 422


def test_a_day_that_is_still_to_come_is_refused(caller):
    student, day = caller.list()[0]["student_id"], (clock.now() + timedelta(days=2)).date().isoformat()
    answers = [
        caller.score(student, as_of=day),
        caller.client.post("/v1/score/batch", json={"students": [student], "as_of": day}),
    ]
    for answer in answers:
        assert answer.status_code == 422
        told = answer.json()
        assert told["detail"].startswith(f"as_of: {day} has not begun yet: in the school's zone Europe/Moscow it is 20")
        assert told["mend"].endswith("or leave as_of out")
    later = (clock.now() + timedelta(hours=20)).isoformat()
    event = {"table": "tickets", "row": {"event_id": "e", "ticket_id": "t", "student_id": student, "event": "opened"}}
    event["row"]["occurred_at"] = later
    answer = caller.score(student, events=[event])
    assert (answer.status_code, answer.json()["detail"]) == (422, "events (tickets): occurred_at is in the future")


@pytest.mark.parametrize(
    ("zone", "minutes_to_midnight", "refused"),
    [("Asia/Vladivostok", 4, False), ("Asia/Vladivostok", 30, True), ("UTC", 4, True)],
)
def test_a_day_begins_in_the_schools_zone_or_by_a_clock_a_little_ahead(monkeypatch, zone, minutes_to_midnight, refused):
    tomorrow = datetime(2025, 3, 2, tzinfo=ZoneInfo("Asia/Vladivostok"))
    monkeypatch.setattr(clock, "now", lambda: tomorrow.astimezone(UTC) - timedelta(minutes=minutes_to_midnight))
    with pytest.raises(BadInput, match="has not begun") if refused else nullcontext():
        check_begun(tomorrow.date(), zone)
    check_begun(tomorrow.date() - timedelta(days=1), zone)


def test_one_of_two_complaints_is_cleared_and_the_other_stands(own_caller):
    row = contacted(own_caller)
    flag = {"student_id": row["student_id"], "kind": "complaint", "occurred_at": clock.now().isoformat()}

    def say(event_id: str, state: str, reference: str) -> dict:
        told = {**flag, "event_id": event_id, "state": state, "reference": reference}
        assert own_caller.client.post("/v1/flags", json={"flags": [told]}).json()["added"] == [event_id]
        return own_caller.score(row["student_id"]).json()["decision"]

    assert say("f1", "set", "case 1")["action"] == "route_to_human"
    assert say("f2", "set", "case 2")["action"] == "route_to_human"
    flag["occurred_at"] = clock.now().isoformat()
    assert say("f3", "cleared", "case 1")["action"] == "route_to_human", "case 2 is still open"
    assert say("f4", "cleared", "case 2")["action"] == row["action"], "nothing is open any more"


def test_what_becomes_of_a_contact_is_told_later_under_its_id(own_caller):
    row = contacted(own_caller)
    sent = {"touch_id": "t1", "student_id": row["student_id"], "channel": "sms", "decision_id": row["decision_id"]}
    sent |= {"by": "anna", "occurred_at": clock.now().isoformat()}
    opened = {name: value for name, value in sent.items() if name not in ("by", "decision_id")} | {"status": "opened"}
    told = [own_caller.client.post("/v1/touches", json={"touches": [one]}).json() for one in (sent, opened)]
    assert told == [
        {"added": ["t1"], "known": [], "different": []},
        {"added": [], "known": ["t1"], "different": []},
    ]
    card = own_caller.client.get(f"/v1/students/{row['student_id']}").json()
    (touch,) = [one for one in card["touches"] if one["touch_id"] == "t1"]
    assert (touch["status"], touch["by"], touch["decision_id"]) == ("opened", "anna", row["decision_id"])
    assert own_caller.score(row["student_id"]).json()["decision"]["decision_id"] == row["decision_id"]


def test_what_another_policy_decided_in_between_is_known_when_the_first_one_is_back(own_caller):
    row = contacted(own_caller)
    first = own_caller.score(row["student_id"]).json()["decision"]
    configs = own_caller.home.settings.home / "configs"
    configs.mkdir()
    (configs / "rules.toml").write_text('[rule.R1]\nwhen = ["days_without_login >= 5"]\n', "utf-8")
    between = own_caller.score(row["student_id"]).json()["decision"]
    assert between["decision_id"] != first["decision_id"]
    (configs / "rules.toml").unlink()
    told = own_caller.score(row["student_id"]).json()["decision"]
    assert told["policy_version"] == first["policy_version"]
    assert told["decision_id"] not in (first["decision_id"], between["decision_id"])
    record = own_caller.client.get(f"/v1/decisions/{told['decision_id']}").json()
    assert between["action"] == "care_sms"
    assert between["decision_id"] in {touch["decision_id"] for touch in record["case"]["touches"]}
    assert own_caller.score(row["student_id"]).json()["decision"] == told
