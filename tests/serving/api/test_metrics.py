"""What a monitor reads: figures of the app and of the school, and no one's name."""

from __future__ import annotations

import sqlite3
from datetime import date

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from features.freshness import FEEDS
from handrail import journeys
from handrail.serving_app import app_of
from serving.store.health import Health
from tests.conftest import settings_of

Figures = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def read(client: TestClient) -> Figures:
    answer = client.get("/metrics", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def of(figures: Figures, name: str, **labels: str) -> float | None:
    return figures.get((name, tuple(sorted(labels.items()))))


def labelled(figures: Figures, name: str) -> dict[tuple[str, ...], float]:
    return {tuple(value for _, value in labels): figure for (own, labels), figure in figures.items() if own == name}


def test_requests_are_counted_by_template_and_status_and_never_by_path(caller):
    student = caller.list()[0]["student_id"]
    before = read(caller.client)
    assert caller.client.get(f"/v1/students/{student}").status_code == 200
    assert caller.client.get("/v1/students/nobody").status_code == 404
    caller.client.request("BREW", "/v1/students/nobody")
    caller.client.get("/v1/nothing/s00001")
    after = read(caller.client)

    def more(method: str, route: str, status: str) -> float:
        name = "handrail_request_seconds_count"
        found = [of(one, name, method=method, route=route, status=status) or 0.0 for one in (after, before)]
        return found[0] - found[1]

    assert more("GET", "/v1/students/{student_id}", "200") == 1
    assert more("GET", "/v1/students/{student_id}", "404") == 1
    assert more("other", "/v1/students/{student_id}", "405") == 1
    assert more("GET", "none", "404") == 1
    labels = {value for _, named in after for _, value in named}
    assert student not in labels
    assert "nobody" not in " ".join(labels)


def test_answers_are_counted_by_model_action_and_arm(caller):
    rows = [row for row in caller.list() if row["risk"] is not None][:3]
    before = read(caller.client)
    told = [caller.score(row["student_id"]).json() for row in rows[:2]]
    told += caller.client.post("/v1/score/batch", json={"students": [rows[2]["student_id"], "nobody"]}).json()[
        "answers"
    ]
    after = read(caller.client)
    risks = [one["risk"] for answer in told for one in answer["enrolments"] if one["risk"] is not None]
    model = {"label": "withdrawal_28d", "model_version": told[0]["model_version"]}

    def more(name: str, **labels: str) -> float:
        return (of(after, name, **labels) or 0.0) - (of(before, name, **labels) or 0.0)

    assert more("handrail_predictions_total", **model) == len(risks)
    assert more("handrail_predicted_risk_sum", **model) == pytest.approx(sum(risks))
    assert more("handrail_predicted_risk_bucket", le="0.5", **model) == sum(risk <= 0.5 for risk in risks)
    decided = {(answer["decision"]["action"], answer["decision"]["arm"]) for answer in told}
    assert sum(more("handrail_decisions_total", action=action, arm=arm) for action, arm in decided) == 3


def test_the_last_night_and_the_data_are_told(caller):
    figures, listed = read(caller.client), caller.list()
    assert (of(figures, "handrail_lake_up"), of(figures, "handrail_store_up")) == (1, 1)
    ages = labelled(figures, "handrail_newest_fact_age_seconds")
    assert {table for (table,) in ages} == set(FEEDS)
    assert all(age > 0 for age in ages.values())
    assert 0 < (of(figures, "handrail_night_age_seconds", label="withdrawal_28d") or 0) < 24 * 3600
    bands = labelled(figures, "handrail_night_enrolments")
    assert {band: sum(row["band"] == band for row in listed) for band in ("high", "medium", "low")} == {
        band: count for (band, _), count in bands.items()
    }
    decided = labelled(figures, "handrail_night_decisions")
    assert sum(decided.values()) == len({row["student_id"] for row in listed})
    assert decided["no_action", "control"] > 0
    risks = [row["risk"] for row in listed if row["risk"] is not None]
    night = {"label": "withdrawal_28d"}
    assert of(figures, "handrail_night_risk_bucket", le="0.1", **night) == sum(risk <= 0.1 for risk in risks)
    assert of(figures, "handrail_night_risk_gcount", **night) == len(risks)
    assert labelled(figures, "handrail_stale_days") == {}
    assert of(figures, "handrail_night_held") == 0


def test_the_newest_check_of_the_data_is_told(own_caller):
    assert labelled(read(own_caller.client), "handrail_data_health") == {}
    findings = [
        {"kind": "features", "name": "all", "figure": 0.25, "verdict": "red", "words": ""},
        {"kind": "features", "name": "video", "figure": 0.5, "verdict": "red", "words": ""},
    ]
    store = journeys.store(own_caller.home.settings)
    store.put_health(Health(date(2026, 6, 8), "withdrawal_28d", "withdrawal_28d-1", "red", findings))
    figures = read(own_caller.client)
    verdicts = {verdict: value for (_, verdict), value in labelled(figures, "handrail_data_health").items()}
    assert verdicts == {"green": 0, "amber": 0, "red": 1}
    assert of(figures, "handrail_drift_share", label="withdrawal_28d") == 0.25
    assert (of(figures, "handrail_data_health_age_days", label="withdrawal_28d") or 0) > 0


def test_a_monitor_does_not_fall_silent_with_the_database(own_caller):
    with sqlite3.connect(own_caller.home.settings.home / "handrail.db") as db:
        db.execute("ALTER TABLE night RENAME TO another_night")
    figures = read(own_caller.client)
    assert (of(figures, "handrail_lake_up"), of(figures, "handrail_store_up")) == (1, 0)
    assert labelled(figures, "handrail_night_enrolments") == {}
    assert labelled(figures, "handrail_newest_fact_age_seconds")


def test_a_school_without_anything_has_metrics_and_two_apps_count_apart(tmp_path):
    clients = [TestClient(app_of(settings_of(tmp_path / name))) for name in ("a", "b")]
    clients[0].get("/healthz")
    counts = [labelled(read(client), "handrail_request_seconds_count") for client in clients]
    assert [len(one) for one in counts] == [1, 0]
