from __future__ import annotations

import pytest

from features.config import DEFAULTS, read_toml
from features.errors import BadConfig
from serving.decide import Effect, EnrolmentCase, Margins, uses
from serving.decide.worth import measured, points, priced, told_apart

VALUE = read_toml(DEFAULTS / "value.toml")


def _one(risk: float | None = 0.4, **fields) -> EnrolmentCase:
    return EnrolmentCase("e1", "c1", risk, "high", {}, **fields)


def test_value_is_what_it_brings_less_what_it_costs_and_harms(policy) -> None:
    call = policy.catalogue["mentor_call"]
    offer = measured(call, _one(curator="anna", margin_minor=1_000_000), Effect(0.05, 0.01, 0.09), policy.worth, 0.0)
    assert offer.gain == pytest.approx(50_000)
    assert offer.cost == call.unit_cost_minor + call.minutes * policy.worth.minute_minor
    assert offer.value == offer.gain - offer.cost - call.harm_minor
    assert offer.uses == {"budget": float(call.unit_cost_minor), "minutes:anna": call.minutes}


def test_a_harmful_action_is_worth_less_than_nothing(policy) -> None:
    sms = policy.catalogue["care_sms"]
    assert measured(sms, _one(margin_minor=10**6), Effect(-0.02, -0.05, 0.0), policy.worth, 0.5).value < 0


def test_while_nothing_is_measured_the_order_of_the_rules_decides_whatever_the_risks() -> None:
    risky, calm = _one(0.9), EnrolmentCase("e0", "c0", 0.1, "low", {})
    worths = [points((calm, risky), place) for place in range(3)]
    assert worths == sorted(worths, reverse=True)
    assert worths[0] == 0.9
    assert points((_one(None),), 0) == 0.5
    assert points((_one(0.0),), 0) > 0, "what a rule proposes is worth something for everybody"


def test_prices_are_taken_off_in_one_order() -> None:
    taken = {"budget": 3.0, "minutes:anna": 15.0, "sms": 1.0}
    prices = {"sms": 0.1, "minutes:anna": 0.2, "budget": 0.3, "minutes:boris": 9.0}
    assert priced(10.0, taken, prices) == ((10.0 - 0.3 * 3.0) - 0.2 * 15.0) - 0.1 * 1.0
    assert priced(10.0, taken, {}) == 10.0


def test_equals_are_told_apart_by_a_millionth_part_at_most() -> None:
    assert told_apart(1000.0, 0.0) == 1000.0
    assert 1000.0 < told_apart(1000.0, 0.7) < 1000.001


def test_an_action_takes_the_time_of_the_one_who_looks_after_the_student(policy) -> None:
    assert "minutes:boris" in uses(policy.catalogue["mentor_call"], "boris")
    assert uses(policy.catalogue["no_action"], "boris") == {}
    assert "sms" in uses(policy.catalogue["care_sms"], None)


@pytest.mark.parametrize(
    ("course", "elapsed", "margin"),
    [("c1", 0.25, 750_000), ("c1", None, 1_000_000), ("c1", 1.5, 0), ("c1", -1.0, 1_000_000), ("dear", 0.0, 5_000_000)],
)
def test_a_margin_falls_with_what_is_still_to_come(course: str, elapsed: float | None, margin: int) -> None:
    config = {**VALUE, "margin": {**VALUE["margin"], "course": {"dear": 9_000_000}}}
    assert Margins.from_config(config).of(course, elapsed) == margin


def test_a_margin_may_be_the_same_to_the_end() -> None:
    config = {**VALUE, "margin": {**VALUE["margin"], "falls_with_course": False}}
    assert Margins.from_config(config).of("c1", 0.9) == 1_000_000


@pytest.mark.parametrize(
    ("table", "key", "value", "words"),
    [
        ("margin", "minor", -1, "margin, minor"),
        ("margin", "profit", 1, "not a known key"),
        ("effort", "minute_minor", 1.5, "whole number"),
        ("exploration", "share", 0.9, "number from 0 to 0.5"),
        ("exploration", "bands", ["hot"], "hot"),
    ],
)
def test_what_cannot_be_used_is_named(make_policy, table: str, key: str, value: object, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        make_policy(lambda files: files["value"][table].update({key: value}))


def test_an_effect_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="care_sms is not a number"):
        _one(effects={"care_sms": Effect(float("nan"), 0.0, 0.1)})


def test_an_effect_that_is_not_on_the_probability_scale_is_refused() -> None:
    with pytest.raises(ValueError, match="care_sms is not on the probability scale"):
        _one(effects={"care_sms": Effect(2.3, 2.0, 2.6)})
