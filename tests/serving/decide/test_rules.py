from __future__ import annotations

import pytest

from features.catalogue import FEATURES
from features.config import School
from features.errors import BadConfig
from serving.decide import EnrolmentCase
from serving.decide.conditions import conditions
from serving.decide.config import LANGUAGES, Faults, Table
from serving.policies import policy_of


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
        ("days_to_end in 2..3, 28..30", 2, True),
        ("days_to_end in 2..3, 28..30", 30, True),
        ("days_to_end in 2..3, 28..30", 4, False),
        ("days_to_end in 2..3, 28..30", 27.9, False),
        ("days_to_end in 30,7,3", 7, True),
        ("days_to_end in 30,7,3", 6, False),
        ("days_to_end in 2..3", None, False),
        ("card_expires_in_days in -14..-1.5", -1.5, True),
        ("card_expires_in_days in -14..-1.5", -1, False),
    ],
)
def test_a_condition_on_a_feature(make_policy, condition: str, value: float | None, holds: bool) -> None:
    assert _holds(make_policy, condition, **{condition.split()[0].partition("<")[0]: value}) is holds


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
        ("band in high", "Write band = and one of high, medium, low"),
        ("days_to_end in", "is not a condition"),
        ("days_to_end in 7..5", "does not name ranges from low to high"),
        ("days_to_end in 5-7", "does not name ranges from low to high"),
        ("days_to_end in 5..7,", "does not name ranges from low to high"),
        ("days_to_end in 1..2..3", "does not name ranges from low to high"),
        ("days_to_end in soon", "does not name ranges from low to high"),
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
        ({"actions": ["fireworks"]}, "'fireworks' is not an action. Use one of actions.toml: no_action"),
        ({"actions": ["mentor_cal"]}, "'mentor_cal' is not an action. Did you mean mentor_call?"),
        ({"campaign": "carre"}, "rule R1, campaign: is 'carre'. Use one of: onboarding"),
        ({"duty": "yes"}, "rule R1, duty"),
        ({"shadow": 1}, "rule R1, shadow"),
        ({"most_share": 1.5}, "rule R1, most_share: is 1.5. Write a number from 0 to 1"),
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


DEFAULTS = {
    "R10": ({"cancel_requested_30d": 1}, {"cancel_requested_30d": 0}),
    "R11": ({"payments_failed_now": 1}, {"payments_failed_now": 0}),
    "R11_card": ({"card_expires_in_days": 7}, {"card_expires_in_days": 8}),
    "R12": ({"sla_breaches_90d": 1, "tickets_open_now": 1}, {"sla_breaches_90d": 0}, {"tickets_open_now": 0}),
    "R3": ({"ratings_below_3_in_a_row": 2}, {"ratings_below_3_in_a_row": 1}),
    "R1": ({"days_without_login": 7}, {"days_without_login": 6}),
    "R5": (
        {"days_without_login": 21, "progress_share": 0.01},
        {"days_without_login": 6},
        {"days_without_login": 22},
        {"progress_share": 0},
    ),
    "H2": ({"days_without_login": 21}, {"days_without_login": 20}),
    "R2": ({"video_skip_share_28d": 0.51}, {"video_skip_share_28d": 0.5}),
    "R4": ({"progress_gap": 0.2}, {"progress_gap": 0.19}),
    "R8": ({"homework_overdue_now": 1, "days_since_submission": 7}, {"days_since_submission": 6}),
    "R8_started": (
        {"homework_overdue_now": 1, "quiz_clicks_28d": 1, "homework_submitted_28d": 0},
        {"homework_overdue_now": 0},
        {"quiz_clicks_28d": 0},
        {"homework_submitted_28d": 1},
    ),
    "R9": ({"video_abandoned_now": 1, "days_since_video": 2}, {"video_abandoned_now": 0}, {"days_since_video": 1}),
    "R7": ({"days_since_start": 13}, {"days_since_start": 14}, {"days_since_start": -1}),
    "R6": (
        {"progress_share": 0.8, "homework_submitted_share": 0.8, "homework_mean_score": 60, "quiz_clicks_28d": 1},
        {"progress_share": 0.59},
        {"progress_share": 0.81},
        {"homework_submitted_share": 0.7},
        {"homework_mean_score": 59},
        {"quiz_clicks_28d": 0},
    ),
    "R13_top": ({"days_to_end": 30, "homework_mean_score": 80}, {"days_to_end": 31}, {"homework_mean_score": 79}),
    "R13_price": ({"days_to_end": 7, "discount_share": 0.2}, {"days_to_end": 8}, {"discount_share": 0.1}),
    "R13_next": ({"days_to_end": 3, "progress_share": 0.8}, {"days_to_end": 1}, {"progress_share": 0.7}),
    "R14": (
        {"homework_mean_score": 80, "homework_overdue_now": 0, "progress_gap": 0, "active_days_14d": 6},
        {"homework_mean_score": 79},
        {"homework_overdue_now": 1},
        {"progress_gap": 0.01},
        {"active_days_14d": 5},
    ),
}
"""Of each default rule what just makes it hold, then single changes that just do not."""


@pytest.mark.parametrize("id_", DEFAULTS)
def test_a_default_rule_holds_for_whom_it_is_about_and_nobody_else(policy, id_: str) -> None:
    holding, *changes = DEFAULTS[id_]
    rule = policy.rules[id_]
    assert rule.rests_on == set(holding)
    assert rule.holds(EnrolmentCase("e", "c", None, None, holding))
    assert [one for one in changes if rule.holds(EnrolmentCase("e", "c", None, None, {**holding, **one}))] == []
    unknown = [dict.fromkeys((name,)) for name in holding]
    assert [one for one in unknown if rule.holds(EnrolmentCase("e", "c", None, None, {**holding, **one}))] == []


def test_the_default_rules(policy) -> None:
    assert set(policy.rules) == {*DEFAULTS, "H1"}
    assert policy.rules.features <= set(FEATURES)
    assert {id_ for id_, rule in policy.rules.items() if rule.duty} == {"R10", "R11", "R11_card", "R12", "R3"}
    assert [id_ for id_, rule in policy.rules.items() if rule.duty and rule.campaign != "service"] == []
    assert len({rule.priority for rule in policy.rules.values()}) == len(policy.rules)
    for rule in policy.rules.values():
        for words in (rule.name, rule.say, *((rule.ask,) if rule.ask else ())):
            assert len({words[language] for language in LANGUAGES}) == len(LANGUAGES)


def test_a_week_of_silence_is_a_care_sms_and_a_call_task(policy) -> None:
    rule = policy.rules["R1"]
    assert rule.actions == ("care_sms",)
    assert [(step.action, step.after_hours) for step in rule.follow_up] == [("mentor_call", 72)]


def test_small_steps_come_on_days_0_3_and_7_and_check_ins_on_days_3_and_10(policy) -> None:
    steps = {id_: [step.after_hours / 24 for step in policy.rules[id_].follow_up] for id_ in ("R5", "R7")}
    assert steps == {"R5": [3, 7], "R7": [3, 10]}


def test_a_follow_up_is_another_action_so_that_it_is_told_from_the_first(policy) -> None:
    for rule in policy.rules.values():
        later = [step.action for step in rule.follow_up]
        assert len({*rule.actions, *later}) == len(rule.actions) + len(later), rule.id


def test_a_condition_is_written_as_it_is_read(policy) -> None:
    for rule in policy.rules.values():
        written = {"when": [str(condition) for condition in rule.when]}
        with Faults() as faults:
            assert conditions(Table("rules.toml", written, faults), "when", FEATURES) == rule.when


def test_a_fault_names_the_file_and_the_line(tmp_path) -> None:
    own = tmp_path / "configs" / "rules.toml"
    own.parent.mkdir()
    own.write_text(
        '[rule.R5]\nwhen = [\n    "progress_share > 0",\n    "days_without_logn in 7..21",\n]\n'
        '[rule.R1]\nfollow_up = [{ action = "mentor_call" }]\n[rule.MINE]\npriority = 5\nactions = ["care_sms"]\n'
        'name = { en = "Mine" }\nsay = { en = "Mine" }\n',
        "utf-8",
    )
    (own.parent / "gates.toml").write_text('[quiet_hours]\nends = "9"\n', "utf-8")
    with pytest.raises(BadConfig) as caught:
        policy_of(School(tmp_path))
    faults = str(caught.value).splitlines()[1:]
    gates = own.parent / "gates.toml"
    assert sorted(faults, key=lambda fault: int(fault.split(" line ")[1].split(":")[0])) == [
        f"- {gates} line 2: quiet_hours, ends: is '9'. Write a time of the day like \"21:00\"",
        f"- {own} line 4: rule R5, when: 'days_without_logn in 7..21' uses days_without_logn, which is not a feature. "
        "Did you mean days_without_login?",
        f"- {own} line 7: rule R1, follow_up, after_hours: is missing. Write a number from 1 to 1440",
        f"- {own} line 8: rule MINE, when: is empty. Give it at least one entry",
    ]


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


def test_a_rule_in_shadow_fires_but_takes_nothing_from_a_fallback(make_policy) -> None:
    rules = make_policy(lambda files: files["rules"]["rule"]["R1"].update(shadow=True)).rules
    silent = EnrolmentCase("a", "c", 0.9, "high", {"days_without_login": 9})
    assert [(rule.id, rule.shadow) for rule, _ in rules.fired([silent])] == [("R1", True), ("H1", False)]
