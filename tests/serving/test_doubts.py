"""A feed dies: the night names it, nothing automatic rests on it, and all is decided anew when the data is back."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta

import pytest
from fastapi.testclient import TestClient

from features.freshness import stale
from features.lake import Lake
from handrail import journeys
from handrail.serving_app import app_of
from serving.doubts import Doubts
from serving.nightly import NightReport
from serving.store.health import Health
from tests.conftest import MadeHome
from tests.features.feeds import cut

LABEL, STOPPED = "withdrawal_28d", date(2026, 6, 4)


@pytest.fixture(scope="module")
def dead(made_home, tmp_path_factory) -> tuple[MadeHome, NightReport]:
    """The made school, whose platform has told nothing since a Thursday, and its night."""
    home = made_home.copy(tmp_path_factory.mktemp("dead") / "home")
    cut(Lake(home.school.lake, home.school.zone), ["activity"], STOPPED)
    return home, journeys.nightly(home.settings, home.as_of, quiet=True)


def decisions(home: MadeHome) -> dict[str, dict]:
    store = journeys.store(home.settings)
    night = store.last_night(LABEL)
    assert night
    records = [store.decision(entry.decision_id or "") for entry in store.entries(night.night_id)]
    return {record["student_id"]: record for record in records if record}


def caller(home: MadeHome) -> TestClient:
    client = TestClient(app_of(home.settings))
    client.headers["Authorization"] = f"Bearer {journeys.create_key(home.settings, ['score', 'read'], 'tests', None)}"
    return client


def test_the_night_names_the_dead_feed_and_what_waits(dead):
    _, report = dead
    [found] = report.stale
    assert (found["table"], found["last_day"], found["age_days"]) == ("activity", "2026-06-03", 5)
    assert (report.holds, report.data_health) == ("automatic", None)
    assert report.held > 50, "everybody looks as if they had not logged in for a week"
    assert "OLD DATA: activity, the last of 2026-06-03" in report.words()
    assert json.loads(json.dumps(report.as_dict()))["stale"] == report.stale


def test_no_message_rests_on_the_dead_feed_and_what_does_not_goes_on(made_home, dead):
    before, after = (Counter(record["action"] for record in decisions(home).values()) for home in (made_home, dead[0]))
    assert before["care_sms"] > 5
    assert after["care_sms"] == 0
    for action in ("pause_offer", "supervisor_call"):
        assert after[action] == before[action] > 0
    muted = set(dead[1].book["muted"])
    for record in decisions(dead[0]).values():
        asked = record["in_scope"] and {one["rule"] for one in record["fired"]} - muted
        assert record["action"] != "no_action" or not asked or record["blocked"]


def test_every_decision_on_old_data_can_be_made_again(dead):
    home = dead[0]
    for record in decisions(home).values():
        assert {"days_without_login", "risk"} <= set(record["case"]["stale"][0]["feeds"])
    replayed = journeys.replay(home.settings, home.as_of)
    assert replayed.same
    assert replayed.decisions > len(decisions(home)), "the decisions of before the feed died are of this day too"


def test_the_list_carries_it_in_the_callers_language_and_a_single_call_agrees(dead):
    client = caller(dead[0])
    told = {
        lang: client.get("/v1/risk-list", params={"limit": 1000}, headers={"Accept-Language": lang}).json()
        for lang in ("en", "ru", "zh")
    }
    [en], [ru], [zh] = (one["night"]["stale"] for one in told.values())
    assert en["text"] == "Data of activity is 5 days old (last: Wednesday, 3 June 2026)."
    assert ru["text"].startswith("Данным 5\u00a0дней: активность (последние: среда, 3\u00a0июня 2026")
    assert zh["text"].startswith("学习活动数据已")
    held = [row for row in told["en"]["entries"] if row["action"] == "no_action" and row["band"] == "high"]
    for row in held[:3]:
        decided = client.post("/v1/score", json={"student_id": row["student_id"]}).json()["decision"]
        assert decided["decision_id"] == row["decision_id"]
        texts = {no["text"] for no in decided["blocked"] if no["gate"] == "G11"}
        assert texts <= {"the data it rests on is 5 days old: activity"}


def test_a_call_that_brings_fresh_events_of_the_table_is_not_held_back_by_it(dead):
    home, _ = dead
    client = caller(home)
    enrolment = next(row for row in client.get("/v1/risk-list").json()["entries"] if row["band"] == "high")
    row = {"event_id": "f", "enrolment_id": enrolment["enrolment_id"], "kind": "login"}
    asked = {"table": "activity", "row": row | {"occurred_at": "2026-06-08T09:00:00+03:00"}}
    body = {"student_id": enrolment["student_id"], "events": [asked]}
    decided = client.post("/v1/score", json=body).json()["decision"]
    record = client.get(f"/v1/decisions/{decided['decision_id']}").json()
    assert "stale" not in record["case"]
    assert "G11" not in {no["gate"] for no in record["blocked"]}


def test_when_the_data_is_back_the_day_is_decided_anew(made_home, dead, tmp_path):
    home = dead[0].copy(tmp_path / "home")
    manifest = (made_home.settings.home / "lake" / "manifest.json").read_bytes()
    (home.settings.home / "lake" / "manifest.json").write_bytes(manifest)
    report = journeys.nightly(home.settings, home.as_of, quiet=True)
    assert (report.stale, report.holds, report.held) == ([], None, 0)
    assert decisions(home) == decisions(made_home)
    held = {record["decision_id"] for record in decisions(dead[0]).values()}
    assert held.isdisjoint(record["decision_id"] for record in decisions(home).values())


def doubts(
    home: MadeHome, *findings: tuple[str, str], model: str | None = None, to: str = "red", days_later: int = 0
) -> Doubts:
    """The doubts about a home of which a check with these findings (kind, verdict) is the newest."""
    from serving.advise import Adviser

    store = journeys.store(home.settings)
    adviser = Adviser.open(home.school, journeys.served_label(home.school), store)
    found = [
        {"kind": kind, "name": "all", "verdict": verdict, "figure": 0.4, "words": ""} for kind, verdict in findings
    ]
    store.put_health(Health(home.as_of, LABEL, model or adviser.bundle.version, to, found))
    return adviser.doubts(home.as_of + timedelta(days=days_later))


def test_a_red_check_counts_but_for_sources_and_other_models(made_home, tmp_path):
    home = made_home.copy(tmp_path / "home")
    assert doubts(home, ("volume", "red"), ("score", "green")).health == "red"
    assert doubts(home, ("source", "red"), ("score", "amber")).health == "amber"
    assert doubts(home, ("volume", "red"), model="withdrawal_28d-0").health is None
    assert doubts(home, to="green").health == "green"


def test_an_old_check_says_nothing_any_more(made_home, tmp_path):
    home = made_home.copy(tmp_path / "home")
    assert [doubts(home, ("score", "red"), days_later=days).health for days in (7, 8)] == ["red", None]


def test_a_red_check_holds_back_the_night(made_home, tmp_path):
    home = made_home.copy(tmp_path / "home")
    doubts(home, ("volume", "red"))
    report = journeys.nightly(home.settings, home.as_of, quiet=True)
    assert (report.data_health, report.holds, report.stale) == ("red", "automatic", [])
    catalogue = journeys.policy(home.settings).catalogue
    for action in set(report.actions) - {"no_action"}:
        assert catalogue[action].performer == "person" or catalogue[action].holdout_exempt
    assert "handrail drift" in report.words()


def test_a_day_of_doubt_is_another_request_than_the_same_day_without():
    lake_says = Doubts((), None)
    red = replace(lake_says, health="red")
    assert lake_says.digest("", ()) == ""
    assert len({"", red.digest("", ()), red.digest("x", ()), lake_says.digest("x", ())}) == 4


def test_the_made_school_is_sound(made_home):
    assert stale(Lake(made_home.school.lake, made_home.school.zone), made_home.as_of) == []
