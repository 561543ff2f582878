from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from serving.decide import Decision, EnrolmentCase, Touch, decide, decision_id

SILENT = {"days_without_login": 8.0}
NIGHT = datetime(2025, 3, 10, 2, tzinfo=UTC)


@pytest.fixture
def decision(policy, make_case) -> Decision:
    return decide(make_case(risk=0.4, band="high", values=SILENT), policy, NIGHT)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"propensities": {"care_sms": 0.9, "no_action": 0.0}}, "sum to 1"),
        ({"propensities": {"care_sms": 1.0, "no_action": 1e-9}}, "sum to 1"),
        ({"propensities": {"care_sms": 1.5, "no_action": -0.5}}, "sum to 1"),
        ({"propensities": {"care_sms": float("nan"), "no_action": 1.0}}, "sum to 1"),
        ({"propensities": {}}, "sum to 1"),
        ({"propensities": {"care_sms": 0.0, "no_action": 1.0}}, "propensity 0"),
        ({"action": "mentor_call"}, "propensity 0"),
        ({"eligible": ("no_action",)}, "not eligible"),
        ({"propensities": {"care_sms": 0.5, "mentor_call": 0.5}}, "not eligible"),
        ({"eligible": ("care_sms",), "propensities": {"care_sms": 1.0}}, "always eligible"),
    ],
)
def test_a_decision_that_contradicts_itself_cannot_be_made(decision, change: dict, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        replace(decision, **change)


def test_a_record_that_contradicts_itself_is_refused(decision) -> None:
    with pytest.raises(ValueError, match="sum to 1"):
        Decision.from_record({**decision.to_record(), "propensities": {"care_sms": 0.5}})


def test_a_drawn_choice_is_possible(decision) -> None:
    drawn = replace(decision, propensities={"care_sms": 0.1, "no_action": 0.9})
    assert drawn.propensities["care_sms"] == 0.1


def test_a_record_survives_json(policy, make_case) -> None:
    case = make_case(
        risk=1 / 3,
        values={**SILENT, "x": None},
        touches=(Touch("t1", "email", datetime(2025, 3, 9, 12, tzinfo=UTC)),),
    )
    decision = decide(case, policy, NIGHT)
    assert decision.blocked
    record = json.loads(json.dumps(decision.to_record()))
    assert Decision.from_record(record) == decision
    assert Decision.from_record(record).to_record() == record


def test_the_record_names_its_key(decision) -> None:
    record = decision.to_record()
    assert (decision.student_id, decision.decision_date, decision.model_version) == ("s1", date(2025, 3, 10), "m1")
    names = ("student_id", "decision_date", "request_digest", "model_version", "policy_version")
    assert record["decision_id"] == decision_id(
        *(date.fromisoformat(record[name]) if name == "decision_date" else record[name] for name in names)
    )


def test_every_part_of_the_key_is_in_the_id() -> None:
    day = date(2025, 3, 10)
    keys = [
        ("s1", day, "", "m1", "p1"),
        ("s2", day, "", "m1", "p1"),
        ("s1", date(2025, 3, 11), "", "m1", "p1"),
        ("s1", day, "x", "m1", "p1"),
        ("s1", day, "", "m2", "p1"),
        ("s1", day, "", "m1", "p2"),
        ("s1", day, "m", "1", "p1"),
        ("s1", day, "", "m1p", "1"),
        ('s1", "', day, "", "m1", "p1"),
    ]
    ids = {decision_id(*key) for key in keys}
    assert len(ids) == len(keys)
    assert all(len(id_) == 34 and id_.startswith("d_") for id_ in ids)


def test_the_id_does_not_change_between_releases() -> None:
    assert decision_id("s1", date(2025, 3, 10), "", "m1", "p1") == "d_2d627c2643c729272c400e2446b88583"


def test_what_it_was_made_from_does_not_change_the_id(policy, make_case, decision) -> None:
    other = decide(make_case(enrolments=(EnrolmentCase("e9", "c9", None, None, {}),)), policy, NIGHT)
    assert other.decision_id == decision.decision_id
    assert other != decision
