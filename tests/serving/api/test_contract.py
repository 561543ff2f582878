"""The contract of the night and the single call: one decision, whoever asks, with prices, lots and measured effects."""

from __future__ import annotations

import json
import sqlite3

import numpy as np
import pytest

from features.config import DEFAULTS, read_toml
from handrail import journeys
from model.uplift import NO_ACTION, Trial, learn, serve
from tests.serving.api.conftest import Caller

LABEL = "withdrawal_28d"
MEASURED = (NO_ACTION, "care_sms", "mentor_call", "advanced_materials")
MINUTES, SMS = 45, 12


def _trial(features: tuple[str, ...]) -> Trial:
    """An experiment in which a message helps those who are silent, and a call everybody a little."""
    rng = np.random.default_rng(7)
    n = 3000
    x = rng.normal(size=(n, len(features)))
    risk = rng.uniform(0.05, 0.6, n)
    action = rng.integers(0, 4, n)
    x[:, 0] = rng.integers(0, 15, n)
    helps = np.array([0.0, 0.05, 0.3, 0.1])[action] * risk + (action == 1) * 0.04 * x[:, 0] * risk
    retained = rng.random(n) < 1 - risk + helps
    return Trial(
        x=x,
        features=features,
        action=action,
        propensities=np.full((n, 4), 0.25),
        y=retained.astype(float),
        risk=risk,
        student=np.array([f"s{at}" for at in range(n)]),
        day=np.zeros(n, dtype=int),
        actions=MEASURED,
    )


@pytest.fixture(scope="module")
def measuring(made_home, tmp_path_factory) -> Caller:
    """The made school at level L2, short of time and messages, with a lot, and its night."""
    home = made_home.copy(tmp_path_factory.mktemp("measuring") / "home")
    trial = _trial(("days_without_login", "homework_overdue_now", "progress_gap"))
    learnt = learn(trial, read_toml(DEFAULTS / "uplift.toml"), seed=1, level="L2")
    serve(home.settings.home, LABEL, learnt.effects, "a made experiment")
    configs = home.settings.home / "configs"
    configs.mkdir(exist_ok=True)
    (configs / "capacity.toml").write_text(f"[day]\nminutes = {MINUTES}\nsms = {SMS}\n")
    (configs / "value.toml").write_text("[exploration]\nshare = 0.3\n")
    journeys.nightly(home.settings, home.as_of, quiet=True)
    return Caller(home)


def _records(caller: Caller) -> dict[str, dict]:
    with sqlite3.connect(caller.home.settings.home / "handrail.db") as db:
        rows = db.execute(
            "SELECT record FROM decision WHERE policy_version = (SELECT version FROM policy"
            " ORDER BY in_force_at DESC LIMIT 1)"
        )
        return {record["student_id"]: record for record in map(json.loads, (row for (row,) in rows))}


def test_the_night_keeps_every_limit_and_serves_those_who_gain_most(measuring) -> None:
    records = _records(measuring)
    used: dict[str, float] = {}
    for record in records.values():
        assert record["level"] == "L2"
        for resource, amount in record["uses"].items():
            used[resource] = used.get(resource, 0) + amount
    assert used["sms"] <= SMS
    assert {name for name in used if name.startswith("minutes:")}
    assert all(amount <= MINUTES for name, amount in used.items() if name.startswith("minutes:"))
    carried = [no for record in records.values() for no in record["blocked"] if no["gate"] == "G9"]
    assert carried, "the school is short of time"
    assert any(record["explored"] for record in records.values())
    assert any(
        record["case"]["enrolments"][0].get("effects", {}).get("care_sms", {}).get("why") for record in records.values()
    )


def test_a_whole_night_through_http_is_the_same(measuring, tmp_path) -> None:
    night = _records(measuring)
    alone = Caller(measuring.home.copy(tmp_path / "home"))
    with sqlite3.connect(alone.home.settings.home / "handrail.db") as db:
        for table in ("night_entry", "night", "decision"):
            db.execute(f"DELETE FROM {table}")
        db.execute("UPDATE capacity SET used = 0")
    students = sorted(night)
    told: dict[str, dict] = {}
    for start in range(0, len(students), 100):
        body = {"students": students[start : start + 100], "as_of": "2026-06-08"}
        answered = alone.client.post("/v1/score/batch", json=body).json()
        told |= {one["student_id"]: one["decision"] for one in answered["answers"]}
    assert set(told) == set(night)
    names = (
        "decision_id",
        "action",
        "rule",
        "not_before",
        "propensities",
        "eligible",
        "offers",
        "explored",
        "u",
        "book_id",
        "uses",
        "in_scope",
        "level",
        "fired",
        "follow_ups",
    )
    different = [
        student
        for student, record in night.items()
        if any(told[student][name] != record[name] for name in names if name != "offers")
        or [offer["net"] for offer in told[student]["offers"]] != [offer["net"] for offer in record["offers"]]
    ]
    limits = {resource for record in night.values() for resource in record["uses"] if resource != "budget"}
    assert len(different) <= len(limits), "at most one row for each limit may fall out otherwise"


def test_every_decision_of_the_night_is_made_again_bit_for_bit(measuring) -> None:
    replayed = journeys.replay(measuring.home.settings, measuring.home.as_of)
    assert replayed.same
    assert "bit for bit" in replayed.words()


def test_an_answer_tells_what_an_action_does_costs_and_what_would_change_it(measuring) -> None:
    records = _records(measuring)
    student, action = next(
        (id_, one["action"])
        for id_, one in records.items()
        for offer in one["offers"]
        if offer["action"] == one["action"] == one["a_star"] and offer.get("effect")
    )
    told = measuring.score(student).json()["decision"]
    offer = next(offer for offer in told["offers"] if offer["action"] == action)
    assert offer["value"] == pytest.approx(offer["gain"] - offer.get("cost", 0) - offer.get("harm", 0), rel=1e-5)
    assert offer["net"] == pytest.approx(offer["value"] - offer["price"])
    assert offer["effect"]["low"] <= offer["effect"]["tau"] <= offer["effect"]["high"]
    assert told["next_best"]["short_by"] >= 0
    assert told["next_best"]["action"] != action
