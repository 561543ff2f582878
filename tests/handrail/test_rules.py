"""Changing rules: they are checked, tried on a student and simulated on everybody before they are believed."""

from __future__ import annotations

import json
import sqlite3
import sys
from collections import Counter

import pytest

from features.errors import BadConfig, BadInput, NotFound, NotReady
from handrail import cli, rule_trial, rules
from tests.conftest import settings_of

CHANGED = """
[rule.R1]
shadow = true

[rule.ALL]
priority = 31
when = ["risk >= 0"]
actions = ["mentor_call"]
name = { en = "All" }
say = { en = "All" }

[rule.NOBODY]
priority = 33
when = ["days_without_login > 1000"]
actions = ["mentor_call"]
name = { en = "Nobody" }
say = { en = "Nobody" }
"""


def _stored(home) -> dict[str, list]:
    """Every row of the school's database."""
    with sqlite3.connect(home / "handrail.db") as database:
        tables = [name for (name,) in database.execute("select name from sqlite_master where type = 'table'")]
        return {table: database.execute(f"select * from {table}").fetchall() for table in tables}


@pytest.fixture(scope="module")
def night(made_home) -> dict[str, dict]:
    """The decisions of the night, by student."""
    decisions = _stored(made_home.settings.home)["decision"]
    records = [json.loads(next(cell for cell in row if isinstance(cell, str) and cell[:1] == "{")) for row in decisions]
    return {record["student_id"]: record for record in records}


@pytest.fixture(scope="module")
def simulated(made_home) -> rules.Simulated:
    before = _stored(made_home.settings.home)
    found = rules.simulate(made_home.settings, made_home.as_of, quiet=True)
    assert _stored(made_home.settings.home) == before
    return found


@pytest.fixture(scope="module")
def changed(made_home, tmp_path_factory) -> rules.Checked:
    """A draft: R1 in shadow, a rule for everybody and one for nobody."""
    draft = tmp_path_factory.mktemp("draft")
    (draft / "rules.toml").write_text(CHANGED, "utf-8")
    before = _stored(made_home.settings.home)
    found = rules.check(made_home.settings, draft, quiet=True)
    assert _stored(made_home.settings.home) == before
    return found


def _reach(found: rules.Simulated) -> dict[str, rules.Reach]:
    return {one.rule.id: one for one in found.reach}


def test_a_simulated_day_is_what_the_night_decided(simulated, night) -> None:
    assert simulated.students == len(night)
    assert simulated.actions == Counter(record["action"] for record in night.values())
    assert simulated.drawn == sum(record["explored"] for record in night.values())
    for id_, one in _reach(simulated).items():
        fired = [record for record in night.values() if any(fired["rule"] == id_ for fired in record["fired"])]
        assert one.students == len(fired), id_
        assert one.chosen == sum(record["rule"] == id_ for record in night.values()), id_


def test_a_simulation_says_what_the_day_takes(simulated) -> None:
    catalogue = simulated.policy.catalogue
    called = simulated.actions.get("supervisor_call", 0)
    assert simulated.minutes.get("supervisor_call", 0) == called * catalogue["supervisor_call"].minutes
    assert sum(simulated.actions.values()) == simulated.students
    assert simulated.gates["G8 control_group"] > 0
    words = simulated.words()
    assert "nothing was stored" in words
    assert all(id_ in words for id_ in simulated.policy.rules)
    told = json.loads(json.dumps(simulated.as_dict()))
    assert [one["rule"] for one in told["rules"]] == [one.rule.id for one in simulated.reach]


def test_every_default_rule_is_told_in_words(changed) -> None:
    words = changed.words()
    assert "Days in a row without logging in: 7 days or more" in words
    assert (
        "Days to the end of the course: from 28 days to 30 days or from 6 days to 7 days or from 2 days to 3 days"
        in words
    )
    assert "Homework overdue now: 0" in words
    assert "Band of risk: high" in words
    assert "Care SMS; after 3 days, if it still holds, Mentor's call" in words
    assert {one["rule"] for one in changed.as_dict()["rules"]} == set(changed.policy.rules)


def test_a_rule_for_everybody_is_warned_of_and_proposes_nothing(changed) -> None:
    wide = _reach(changed.day)["ALL"]
    assert wide.share > 0.9
    assert wide.too_wide
    assert wide.chosen == 0
    assert any(warning.startswith("ALL holds for") for warning in changed.warnings)


def test_a_rule_for_nobody_is_warned_of(changed) -> None:
    assert "NOBODY holds for nobody on this day" in changed.warnings
    assert not any(warning.startswith(("R1 ", "H1 ")) for warning in changed.warnings)


def test_a_rule_in_shadow_shows_what_it_would_do_and_does_nothing(changed, simulated) -> None:
    shadow, live = _reach(changed.day)["R1"], _reach(simulated)["R1"]
    assert shadow.students == live.students
    assert shadow.chosen > 0
    assert changed.day.actions.get("care_sms", 0) < simulated.actions["care_sms"]
    assert "in shadow" in changed.day.words()


def test_a_trial_of_a_student_is_the_night_of_the_student(made_home, night) -> None:
    called = next(id_ for id_, record in night.items() if record["rule"] == "R1")
    before = _stored(made_home.settings.home)
    trial = rule_trial.attempt(made_home.settings, called, made_home.as_of)
    assert _stored(made_home.settings.home) == before
    assert trial.priced
    made = trial.decision.to_record()
    del made["case"]  # by now the night's own recommendation is among the contacts, where it counts for nothing
    assert made == {key: value for key, value in night[called].items() if key != "case"}
    told = {one["rule"]: one for one in trial.as_dict()["rules"]}
    assert set(told) == set(trial.policy.rules)
    assert told["R1"]["conditions"][0]["holds"]
    assert told["R1"]["actions"][0] == {"action": "care_sms", "verdict": "recommended", "noes": []}
    words = trial.words()
    assert "HOLDS" in words
    assert "recommended: Care SMS (care_sms)" in words
    assert "why: rule R1: Has not logged in for 7 days or more." in words


def test_a_trial_tells_every_gate_that_blocks(made_home, night) -> None:
    held_out = next(id_ for id_, one in night.items() if one["holdout"] and one["blocked"] and one["in_scope"])
    trial = rule_trial.attempt(made_home.settings, held_out, made_home.as_of)
    noes = [no for one in trial.as_dict()["rules"] for action in one["actions"] for no in action["noes"]]
    assert "control_group" in {no["reason"] for no in noes}
    assert "G8: the student is in the control group" in trial.words()
    assert trial.as_dict()["recommended"]["control_group"]


def test_a_school_without_data_can_check_its_rules_and_a_fault_has_its_line(tmp_path) -> None:
    settings = settings_of(tmp_path)
    found = rules.check(settings, quiet=True)
    assert found.day is None
    assert "not held against any students: there is no data yet" in found.words()
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "rules.toml").write_text('\n[rule.R1]\nwhen = ["days_without_logn > 1"]\n', "utf-8")
    with pytest.raises(BadConfig, match=r"configs/rules\.toml line 3: rule R1, when: .*Did you mean"):
        rules.check(settings, quiet=True)
    with pytest.raises(BadConfig):
        rules.simulate(settings, None, quiet=True)
    with pytest.raises(BadInput, match="there is no such folder"):
        rules.check(settings, tmp_path / "nowhere", quiet=True)


def test_a_stranger_and_a_day_without_students_are_refused(made_home) -> None:
    with pytest.raises(NotFound, match="no such student"):
        rule_trial.attempt(made_home.settings, "nobody", made_home.as_of)
    with pytest.raises(NotReady, match="no enrolment is live on 2001-01-01"):
        rules.simulate(made_home.settings, made_home.as_of.replace(year=2001, month=1, day=1), quiet=True)


def test_the_commands_answer_in_words_and_in_json(made_home, night, monkeypatch, capsys) -> None:
    student, day = next(iter(night)), made_home.as_of.isoformat()
    words = ["handrail", "--home", str(made_home.settings.home), "rules", "try", "--student", student, "--as-of", day]

    def answer(*more: str) -> str:
        monkeypatch.setattr(sys, "argv", [*words, *more])
        with pytest.raises(SystemExit, match="0"):
            cli.main()
        return capsys.readouterr().out

    assert f"student {student} at {day}" in answer()
    assert json.loads(answer("--json"))["student_id"] == student
