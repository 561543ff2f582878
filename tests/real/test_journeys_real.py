"""The journeys on real data: OULAD from its files to an answer with a stored decision, xAPI to video features."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from features.build import snapshot
from handrail import journeys
from handrail.serving_app import app_of
from tests.conftest import settings_of

DATA = os.environ.get("HANDRAIL_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="real data is not here: make test-real DATA=DIR")
AS_OF = date(2014, 11, 5)


@pytest.fixture(scope="module")
def oulad(tmp_path_factory):
    settings = settings_of(tmp_path_factory.mktemp("oulad") / "home")
    journeys.import_data(settings, "oulad", Path(str(DATA)) / "oulad", quiet=True)
    return settings


@pytest.mark.parametrize("label", ["withdrawal_28d", "inactivity_14d"])
def test_a_model_of_earlier_runs_ranks_later_students_better_than_silence_alone(oulad, label):
    result = journeys.train(oulad, label, date(2014, 6, 1), 1, quiet=True)
    gates = {gate.name: gate for gate in result.gates}
    assert gates["beats_baseline"].passed
    assert gates["shap_additivity"].passed
    assert gates["shuffled_labels"].passed


def test_the_list_of_a_later_run_and_an_answer_for_each_of_its_first(oulad):
    journeys.promote(oulad, "withdrawal_28d", None, "real data, in a test")
    night = journeys.nightly(oulad, AS_OF, quiet=True)
    client = TestClient(app_of(oulad))
    client.headers["Authorization"] = f"Bearer {journeys.create_key(oulad, ['score', 'read'], 'test', 1)}"
    rows = client.get("/v1/risk-list", params={"limit": 1000}).json()["entries"]
    assert len(rows) == night.enrolments
    assert {row["course_id"] for row in rows} == {"AAA-2014J"}
    risks = [row["risk"] for row in rows if row["risk"] is not None]
    assert risks == sorted(risks, reverse=True)
    for row in rows[:10]:
        assert len(row["reasons"]) == 3
        told = client.post("/v1/score", json={"student_id": row["student_id"]}).json()
        mine = told["enrolments"][0]
        assert (mine["risk"], mine["reasons"]) == (row["risk"], row["reasons"])
        assert (told["decision"]["action"], told["decision"]["decision_id"]) == (row["action"], row["decision_id"])


def test_xapi_statements_become_video_features(tmp_path):
    settings = settings_of(tmp_path)
    journeys.import_data(settings, "xapi", Path(str(DATA)) / "xapi" / "statements.json.gz", quiet=True)
    rows = snapshot(settings.school, [date(2021, 12, 6)])
    shares = rows["video_skip_share_28d"].dropna()
    assert len(shares) > 300
    assert shares.between(0, 1).all()
    assert 0.01 < shares.mean() < 0.5
    assert rows["video_watched_minutes_28d"].sum() > 1000
