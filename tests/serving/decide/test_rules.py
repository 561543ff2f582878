from __future__ import annotations

import pytest

from features.errors import BadConfig
from serving.decide import EnrolmentCase
from serving.decide.config import LANGUAGES


def _holds(make_policy, condition: str, **values: float | None) -> bool:
    """Whether a condition holds; `risk` and `band` are among the values."""

    def change(files: dict) -> None:
        files["rules"]["rule"] = {"T": {**files["rules"]["rule"]["R1"], "when": [condition]}}

    one = EnrolmentCase("e1", "c1", values.pop("risk", None), values.pop("band", None), values)
    return make_policy(change).rules["T"].holds(one)


@pytest.mark.parametrize(
    ("condition", "value", "holds"),
    [
        ("days_without_login >= 7", 7, True),
        ("days_without_login >= 7", 6.99, False),
        ("days_without_login > 7", 7, False),
        ("days_without_login<=7", 7, True),
        ("days_without_login < 7", 7, False),
        ("  days_without_login  =  -1.5 ", -1.5, True),
        ("days_without_login >= 7", None, False),
        ("days_without_login <= 7", None, False),
        ("days_without_login = 7", float("nan"), False),
    ],
)
def test_a_condition_on_a_feature(make_policy, condition: str, value: float | None, holds: bool) -> None:
    assert _holds(make_policy, condition, days_without_login=value) is holds


def test_a_feature_that_was_not_given_makes_it_not_hold(make_policy) -> None:
    assert not _holds(make_policy, "days_without_login >= 0")


def test_all_conditions_of_a_rule_must_hold(make_policy) -> None:
    both = ["days_without_login >= 7", "video_skip_share_28d > 0.5"]
    rule = make_policy(lambda files: files["rules"]["rule"]["R1"].update(when=both)).rules["R1"]
    held = [
        rule.holds(EnrolmentCase("e1", "c1", None, None, {"days_without_login": days, "video_skip_share_28d": share}))
        for days, share in ((7, 0.6), (7, 0.5), (6, 0.6), (6, 0.5), (None, 0.6))
    ]
    assert held == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("condition", "risk", "band", "holds"),
    [
        ("risk >= 0.3", 0.3, "high", True),
        ("risk >= 0.3", None, None, False),
        ('band = "high"', 0.3, "high", True),
        ("band = high", 0.3, "high", True),
        ('band = "high"', 0.3, "medium", False),
        ('band = "high"', None, None, False),
    ],
)
def test_a_condition_on_risk_or_band(make_policy, condition: str, risk, band, holds: bool) -> None:
    assert _holds(make_policy, condition, risk=risk, band=band) is holds


@pytest.mark.parametrize(
    ("condition", "says"),
    [
        ("days_without_logn >= 7", "Did you mean days_without_login?"),
        ("moon_phase >= 7", "The features are listed in the reference"),
        ("days_without_login >= seven", "does not compare with a number"),
        ("days_without_login >= 7 days", "is not a condition"),
        ("days_without_login => 7", "is not a condition"),
        ("days_without_login == 7", "is not a condition"),
        ("days_without_login >= 1e9", "does not compare with a number"),
        ("days_without_login >= nan", "does not compare with a number"),
        ("7 <= days_without_login", "is not a condition"),
        ("days_without_login >= 7 or risk > 0", "is not a condition"),
        ("__import__('os')", "is not a condition"),
        ("", "is not a condition"),
        (7, "is not a condition"),
        ("band = purple", "Write band = and one of high, medium, low"),
        ("band >= high", "Write band = and one of high, medium, low"),
    ],
)
def test_a_condition_that_cannot_be_used_is_quoted_with_its_mend(make_policy, condition: object, says: str) -> None:
    with pytest.raises(BadConfig) as caught:
        make_policy(lambda files: files["rules"]["rule"]["R1"].update(when=[condition]))
    assert "rules.toml, rule R1, when" in str(caught.value)
    assert repr(condition) in str(caught.value)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"when": []}, "rule R1, when: is empty"),
        ({"actions": []}, "rule R1, actions: is empty"),
        ({"actions": ["fireworks"]}, "'fireworks' is not an action"),
        ({"priority": 0}, "rule R1, priority"),
        ({"say": "text"}, "rule R1, say"),
        ({"wehn": ["x"]}, "wehn: is not a known key"),
        ({"follow_up": [{"action": "mentor_call"}]}, "rule R1, follow_up, after_hours"),
        ({"follow_up": [{"action": "no_action", "after_hours": 5}]}, "does not contact anybody"),
        ({"follow_up": ["mentor_call"]}, "rule R1, follow_up: is 'mentor_call', not a table"),
    ],
)
def test_a_rule_that_cannot_be_used_says_where_and_why(make_policy, change: dict, says: str) -> None:
    with pytest.raises(BadConfig) as caught:
        make_policy(lambda files: files["rules"]["rule"]["R1"].update(change))
    assert says in str(caught.value)


def test_the_default_rules(policy) -> None:
    assert set(policy.rules) == {"R10", "R3", "R1", "R2", "H1"}
    assert policy.rules.features == {
        "days_without_login",
        "video_skip_share_28d",
        "ratings_below_3_in_a_row",
        "cancel_requested_30d",
    }
    for rule in policy.rules.values():
        for words in (rule.name, rule.say, *((rule.ask,) if rule.ask else ())):
            assert len({words[language] for language in LANGUAGES}) == len(LANGUAGES)


def test_the_features_of_the_default_rules_are_in_the_catalogue(policy) -> None:
    catalogue = pytest.importorskip("features.catalogue")
    assert policy.rules.features <= set(catalogue.FEATURES)


def test_a_rule_can_be_switched_off_but_is_still_checked(make_policy) -> None:
    assert "R3" not in make_policy(lambda files: files["rules"]["rule"]["R3"].update(on=False)).rules
    with pytest.raises(BadConfig):
        make_policy(lambda files: files["rules"]["rule"]["R3"].update(on=False, when=["?"]))


def test_rules_are_tried_by_priority_then_risk_then_id(policy) -> None:
    def one(id_: str, risk: float | None, **values: float) -> EnrolmentCase:
        return EnrolmentCase(id_, "c", risk, "low", values)

    silent = {"days_without_login": 9.0}
    ones = [one("b", None, **silent), one("c", 0.1, **silent), one("a", 0.1, **silent), one("d", 0.9, **silent)]
    ones += [one("e", 0.2, cancel_requested_30d=1, days_without_login=0)]
    assert [(rule.id, about.enrolment_id) for rule, about in policy.rules.fired(ones)] == [
        ("R10", "e"),
        ("R1", "d"),
        ("R1", "a"),
        ("R1", "c"),
        ("R1", "b"),
    ]


def test_a_fallback_counts_only_when_nothing_else_holds(policy) -> None:
    high = EnrolmentCase("a", "c", 0.9, "high", {})
    silent = EnrolmentCase("b", "c", 0.1, "low", {"days_without_login": 9})
    assert [rule.id for rule, _ in policy.rules.fired([high])] == ["H1"]
    assert [rule.id for rule, _ in policy.rules.fired([high, silent])] == ["R1"]
    assert [rule.id for rule, _ in policy.rules.fired([high, EnrolmentCase("c", "c", 0.8, "high", {})])] == ["H1", "H1"]
