"""Learning uplift from what a school has: past programmes and stored decisions, to effects in force."""

from __future__ import annotations

import json
from collections import Counter
from datetime import date

import numpy as np
import pytest

from features.clock import day_number
from features.lake import Lake
from handrail import journeys, uplift
from handrail.trials import first_of_episodes, trial_of
from model.uplift import served
from model.uplift.files import folder_of

LABEL = "withdrawal_28d"
UNTIL = date(2025, 12, 20)


@pytest.fixture(scope="module")
def home(made_home, tmp_path_factory):
    home = made_home.copy(tmp_path_factory.mktemp("uplift") / "home")
    (home.settings.home / "configs").mkdir(exist_ok=True)
    return home


@pytest.fixture(scope="module")
def report(home):
    return uplift.train(home.settings, None, UNTIL, 1, quiet=True)


def test_a_small_school_goes_on_with_its_rules_and_says_why(home, report):
    assert report.learnt.level == "L0"
    assert "not enough data" in report.words()
    assert "care_sms" in report.words()
    assert served(home.settings.home, LABEL) is None
    pointed = json.loads((home.settings.home / "bundles" / "effects.json").read_text("utf-8"))[LABEL]
    assert pointed == {"level": "L0", "version": report.version}
    card = (folder_of(home.settings.home, LABEL, report.version) / "CARD.md").read_text("utf-8")
    assert "level L0" in card
    assert f"{report.rows:,} first decisions of episodes" in card
    json.dumps(report.as_dict(), allow_nan=False)


def test_every_decision_is_learnt_from_or_counted(home, report):
    decisions = Lake(home.school.lake, home.school.zone).read("decisions")
    known = decisions[decisions["known_day"] < day_number(UNTIL)]
    assert report.rows + sum(report.left_out.values()) == len(known)
    assert report.rows > 50


def test_the_run_is_written_down(home, report):
    from model.registry.door import open_mlflow

    run = open_mlflow().MlflowClient(f"sqlite:///{home.settings.home / 'mlflow.db'}").get_run(report.run_id)
    assert run.data.tags["level"] == "L0"
    assert run.data.tags["effects"] == report.version
    assert run.data.metrics["rows"] == report.rows
    assert run.data.params["ladder.arm_outcomes"] == "300"


def test_what_the_evidence_supports_is_put_in_force(home):
    wanted = "[ladder]\narm_outcomes = 10\n[evidence]\nconfidence = 0.51\n"
    (home.settings.home / "configs" / "uplift.toml").write_text(wanted, "utf-8")
    found = uplift.train(home.settings, None, UNTIL, 1, quiet=True)
    (home.settings.home / "configs" / "uplift.toml").unlink()
    step = found.learnt.ladder[0]
    assert step.taken is not None
    effects = served(home.settings.home, LABEL)
    assert (effects is not None) == bool(step.taken)
    assert found.learnt.level == ("L1" if step.taken else "L0")


def test_the_trial_has_the_logged_chances_and_nobodys_own_future(home):
    trial, _ = trial_of(home.settings, journeys.served_label(home.school), UNTIL, 1, quiet=True)
    assert trial.actions == ("no_action", "care_sms")
    np.testing.assert_allclose(trial.propensities, np.tile([0.1, 0.9], (len(trial), 1)))
    assert (trial.day + 28 <= day_number(UNTIL)).all()
    assert 0.02 < trial.risk.mean() < 0.6


def record(day: str, *, action: str = "no_action", channel: str | None = None, **more: object) -> dict:
    enrolments = [
        {"enrolment_id": "a", "risk": 0.2},
        {"enrolment_id": "b", "risk": 0.4},
        {"enrolment_id": "c", "risk": None},
    ]
    return {
        "student_id": "s1",
        "decision_date": day,
        "action": action,
        "channel": channel,
        "holdout": False,
        "in_scope": True,
        "level": "L0",
        "a_star": "no_action",
        "propensities": {"no_action": 0.94, "care_sms": 0.06},
        "case": {"enrolments": enrolments},
        **more,
    }


def test_only_the_first_decision_of_a_stage_with_a_lot_counts():
    left_out: Counter[str] = Counter()
    records = [
        record("2026-01-01", propensities={"no_action": 1.0}),
        record("2026-01-02", holdout=True),
        record("2026-01-03", in_scope=False),
        record("2026-01-04", case={"enrolments": []}),
        record("2026-01-05"),
        record("2026-01-06", action="care_sms", channel="sms"),  # ends the stage
        record("2026-01-07"),
        record("2026-01-08"),
        record("2026-02-04", a_star="care_sms"),  # a horizon after the 7th
        record("2026-02-03", student_id="s2", level="L1"),
    ]
    found = first_of_episodes(records, 28, left_out)
    assert [(one.student_id, one.day - day_number(date(2026, 1, 1)), one.enrolment_id) for one in found] == [
        ("s1", 4, "b"),
        ("s1", 6, "b"),
        ("s1", 34, "b"),
        ("s2", 33, "b"),
    ]
    assert [one.usual for one in found] == ["no_action", "no_action", "care_sms", None], "known where the rules decided"
    assert found[0].risk == 0.4
    assert sum(left_out.values()) == len(records) - len(found)
    assert left_out["not the first decision of its episode"] == 2
