from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from serving.decide import Case, Consent, EnrolmentCase, Touch

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)


def test_what_is_not_known_is_none() -> None:
    one = EnrolmentCase("e1", "c1", float("nan"), None, {"a": float("nan"), "b": 2})
    assert one.risk is None
    assert one.values == {"a": None, "b": 2.0}


@pytest.mark.parametrize("risk", [-0.1, 1.1, float("inf")])
def test_a_risk_is_a_probability(risk: float) -> None:
    with pytest.raises(ValueError, match="not a"):
        EnrolmentCase("e1", "c1", risk, None, {})


def test_an_infinite_value_is_refused() -> None:
    with pytest.raises(ValueError, match="finite"):
        EnrolmentCase("e1", "c1", 0.5, None, {"a": float("-inf")})


def test_moments_are_kept_in_utc_and_naive_ones_refused() -> None:
    there = AT.astimezone(timezone(timedelta(hours=5)))
    assert Touch("t1", "sms", there).at.isoformat() == "2025-03-01T12:00:00+00:00"
    with pytest.raises(ValueError, match="no time zone"):
        Touch("t1", "sms", AT.replace(tzinfo=None))
    with pytest.raises(ValueError, match="no time zone"):
        Consent("sms", "any", "paused", AT, AT.replace(tzinfo=None))


def test_a_recommended_contact_names_its_decision() -> None:
    with pytest.raises(ValueError, match="decision"):
        Touch("t1", "sms", AT, "recommended")


def test_the_order_of_input_does_not_matter(make_case) -> None:
    touches = [Touch(f"t{i}", "sms", AT + timedelta(hours=i % 3)) for i in range(6)]
    consents = [Consent("any", "any", state, AT) for state in ("withdrawn", "given", "resumed", "paused")]
    ones = [EnrolmentCase(f"e{i}", "c", 0.1, "low", {}) for i in range(3)]
    forth = make_case(touches=tuple(touches), consents=tuple(consents), enrolments=tuple(ones))
    back = make_case(touches=tuple(touches[::-1]), consents=tuple(consents[::-1]), enrolments=tuple(ones[::-1]))
    assert forth == back


def test_the_same_touch_twice_is_one(make_case) -> None:
    twice = (Touch("t1", "sms", AT), Touch("t1", "sms", AT), Touch("t2", "sms", AT))
    assert len(make_case(touches=twice).touches) == 2


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../etc/passwd"])
def test_an_unknown_zone_is_refused(make_case, zone: str) -> None:
    with pytest.raises(ValueError, match="time zone"):
        make_case(time_zone=zone)


def test_an_enrolment_given_twice_is_refused(make_case) -> None:
    one = EnrolmentCase("e1", "c", 0.1, "low", {})
    with pytest.raises(ValueError, match="twice"):
        make_case(enrolments=(one, one))


def test_a_case_survives_json() -> None:
    case = Case(
        student_id="s1",
        decision_date=date(2025, 3, 1),
        time_zone="Asia/Shanghai",
        enrolments=(EnrolmentCase("e1", "c1", 1 / 3, "high", {"a": None, "b": 0.1 + 0.2}),),
        consents=(
            Consent("sms", "marketing", "given", AT),
            Consent("any", "any", "paused", AT, AT + timedelta(days=3, microseconds=1)),
        ),
        touches=(
            Touch("t1", "call", AT, "failed", "d_1"),
            Touch("d_2", "sms", AT, "recommended", "d_2", date(2025, 2, 28)),
        ),
        model_version="m1",
        request_digest="abc",
    )
    assert Case.from_record(json.loads(json.dumps(case.to_record()))) == case
