"""Policies valued from decisions that the real `decide` drew by lot, in a school whose effects are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from experiments.assign import unit_interval
from features.errors import BadInput, NotReady, Refused
from features.lake import Lake
from handrail import journeys, policies
from handrail.settings import Settings
from serving.decide import Case, EnrolmentCase, Policy, decide
from serving.policies import policy_of

FIRST = date(2026, 3, 2)
DAYS = (FIRST, FIRST + timedelta(days=7))
STUDENTS = 1000
# Chance of leaving within 28 days when nothing is done, and when a care SMS is sent.
LEAVES = {"no_action": 0.40, "care_sms": 0.20}
LOT = "[exploration]\nshare = 0.5\n"


@dataclass
class Made:
    settings: Settings
    policy: Policy
    records: list[dict[str, Any]]

    def configure(self, name: str, text: str) -> None:
        folder = self.settings.home / "configs"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.toml").write_text(text, "utf-8")

    def evaluate(self, first: date | None = None, last: date | None = None, level: str | None = None) -> Any:
        return policies.evaluate(self.settings, first, last, level, quiet=True)


def at(day: date, hour: int = 9) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def case(student: str, day: date, features: Iterable[str]) -> Case:
    values = dict.fromkeys(features) | {"days_without_login": 9.0}
    one = EnrolmentCase(f"{student}-e", "c", round(0.2 + 0.4 * unit_interval("risk", student), 3), "high", values)
    return Case(student, day, "Europe/Moscow", (one,), (), (), "m1")


def make(home: Path, *, value: str = LOT, students: int = STUDENTS) -> Made:
    made = Made(Settings(home, f"sqlite:///{home / 'handrail.db'}", None), None, [])  # type: ignore[arg-type]
    home.mkdir()
    made.configure("value", value)
    made.policy = policy_of(made.settings.school)
    ended = []
    for number in range(students):
        student = f"s{number:04d}"
        for day in DAYS:
            decision = decide(case(student, day, made.policy.features), made.policy, at(day))
            made.records.append(decision.to_record())
        # What is done on the first day counts for the whole month, so that both days tell of it a little.
        done = made.records[-2]["action"]
        if unit_interval("leaves", student) < LEAVES.get(done, LEAVES["no_action"]):
            ended.append((f"{student}-e", FIRST + timedelta(days=10)))
    fill(made, students, ended)
    journeys.store(made.settings).put_decisions(made.records)
    return made


def fill(made: Made, students: int, ended: list[tuple[str, date]]) -> None:
    start = at(FIRST - timedelta(days=40)).isoformat()
    names = [f"s{number:04d}" for number in range(students)] + ["late"]
    enrolments = pd.DataFrame({"student_id": names, "course_id": "c", "occurred_at": start, "known_at": start})
    ended = [*ended, ("late-e", FIRST + timedelta(days=60))]  # when that is known, all horizons are over
    when = [at(day).isoformat() for _, day in ended]
    gone = pd.DataFrame({"enrolment_id": [one for one, _ in ended], "occurred_at": when, "known_at": when})
    lake = Lake(made.settings.school.lake, made.settings.school.zone)
    with lake.adding("drawn", "0" * 64) as batch:
        batch.write("enrolments", enrolments.assign(enrolment_id=[f"{name}-e" for name in names]))
        batch.write("outcomes", gone.assign(event_id=[f"o{at}" for at in gone.index], kind="withdrawal"))


@pytest.fixture(scope="module")
def school(tmp_path_factory) -> Made:
    return make(tmp_path_factory.mktemp("policies") / "home")


@pytest.fixture(scope="module")
def whole(school) -> Any:
    """All days, by the school as it is."""
    return school.evaluate()


@pytest.fixture
def changed(school) -> Callable[[str, str], None]:
    """Changes a configuration file of the school until the test is over."""
    before = {path: path.read_text("utf-8") for path in (school.settings.home / "configs").iterdir()}
    yield school.configure
    for path in (school.settings.home / "configs").iterdir():
        path.write_text(before[path], "utf-8") if path in before else path.unlink()


def told(found: Any) -> dict[str, Any]:
    return {one.name: one for one in found.policies}


def test_what_was_done_nobody_and_the_best_are_valued(school):
    found = school.evaluate(FIRST, FIRST)
    by_name = told(found)
    drawn = [one for one in school.records if one["decision_date"] == FIRST.isoformat() and not one["holdout"]]
    assert found.decisions == found.students == len(drawn)
    assert {one["a_star"] for one in drawn} == {"care_sms"}, "days without login: the rules choose the SMS"
    for name, truth in (("nobody", 0.6), ("without the lot", 0.8)):
        best = by_name[name].value.best
        # Who is drawn changes with any word of the configs, so that an interval would miss it once in twenty.
        assert best.value == pytest.approx(truth, abs=4 * best.error), name
        assert best.high - best.low < 0.2
    assert by_name["as it was"].more is None
    assert by_name["nobody"].more.best.high < 0
    assert by_name["nobody"].acts == 0
    assert by_name["without the lot"].acts == 1
    assert found.supported


def test_the_policy_that_decided_is_valued_by_what_came_of_it(whole):
    now = told(whole)["in force now"]
    assert now.more.best == (0, 0, 0, 0)
    assert now.value.largest_weight == pytest.approx(1)


def test_control_group_and_rest_are_counted(school, whole):
    found = whole
    held = sum(one["holdout"] for one in school.records)
    assert found.left_out["control group"] == held > 0
    assert found.decisions + sum(found.left_out.values()) == len(school.records)
    assert found.students < found.decisions


def test_another_policy_is_valued_before_it_is_in_force(school, changed):
    # Nothing is proposed any more, so that only the lot sends messages.
    changed("rules", "[rule.R1]\non = false\n[rule.H1]\non = false\n")
    now = told(school.evaluate(FIRST, FIRST))["in force now"]
    assert now.supported
    assert now.more.best.high < 0
    assert now.acts < 0.5


def test_what_the_log_never_did_is_refused(school, changed):
    changed("rules", '[rule.R1]\nactions = ["pause_offer"]\n')
    found = school.evaluate(FIRST, FIRST)
    now = told(found)["in force now"]
    assert not found.supported
    assert now.value.reason == "never_done"
    assert "pause_offer" in found.words()
    assert "exploration" in found.words()


def test_a_policy_that_looks_at_more_than_was_stored_is_refused(tmp_path):
    made = make(tmp_path / "home", students=3)
    for record in made.records:
        for one in record["case"]["enrolments"]:
            del one["values"]["days_without_login"]
    again = policies.Again(made.policy, journeys.store(made.settings))
    assert again(made.records[0]) is None
    assert again.lacking == "days_without_login"


def test_levels_are_kept_apart(school, whole):
    assert school.evaluate(FIRST, DAYS[1], level="L0").policies == whole.policies
    with pytest.raises(Refused, match="no decision of level L2 was drawn by lot"):
        school.evaluate(level="L2")
    with pytest.raises(BadInput, match="there is no level 'L9'"):
        school.evaluate(level="L9")


def test_without_a_lot_nothing_can_be_learnt(tmp_path):
    made = make(tmp_path / "home", value="[exploration]\nshare = 0.0\n", students=30)
    with pytest.raises(Refused, match="no decision was drawn by lot") as refusal:
        made.evaluate()
    assert "[exploration] of value.toml" in refusal.value.mend


def test_too_few_students_are_refused_policy_by_policy(tmp_path):
    found = make(tmp_path / "home", students=60).evaluate()
    assert not any(one.supported for one in found.policies)
    assert "200 are needed" in found.words()


def test_before_any_horizon_is_over_it_says_when(school):
    with pytest.raises(NotReady, match="there are no decisions in that span"):
        school.evaluate(last=FIRST - timedelta(days=1))
    with pytest.raises(BadInput, match="is before"):
        school.evaluate(DAYS[1], DAYS[0])


def test_a_second_decision_of_a_day_does_not_count_twice(tmp_path):
    made = make(tmp_path / "home", students=250)
    before = made.evaluate(FIRST, FIRST)
    # A second contact beside the first would not be stored; a second "do nothing" is.
    record = next(one for one in made.records[::2] if not one["holdout"] and one["channel"] is None)
    later = {**record, "decision_id": "d_again", "request_digest": "again", "decided_at": at(FIRST, 15).isoformat()}
    journeys.store(made.settings).put_decisions([later])
    after = made.evaluate(FIRST, FIRST)
    assert after.left_out["a later one of the same day"] == 1
    assert after.policies == before.policies


def test_the_document_is_plain_and_the_words_have_a_row_for_each(whole):
    found = whole
    document = json.loads(json.dumps(found.as_dict(), default=str))
    names = ["as it was", "nobody", "without the lot", "in force now"]
    assert [one["name"] for one in document["policies"]] == names
    assert document["policies"][0]["value"]["dr"].keys() == {"value", "low", "high", "error"}
    assert document["policies"][0]["supported"] is True
    lines = found.words().splitlines()
    assert [name for name in names if any(line.startswith(name) for line in lines)] == names
