from __future__ import annotations

import tomllib
from dataclasses import replace
from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.decision_log import Log, expected, scores
from experiments.policy_value import Limits, Unsupported, Value, difference, value
from features.errors import BadConfig, Refused
from tests.thorough import examples

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = tomllib.loads((ROOT / "configs" / "experiments.toml").read_text("utf-8"))
LIMITS = Limits.of(SETTINGS)
FEW = replace(LIMITS, least_ess=1)
Z = 1.959963984540054

#   student | action | pi(none) pi(sms) | reward | expected none, sms
DRAWN = """
    anna    | sms    | 0.5   0.5        | 1      | 0.6  0.8
    anna    | none   | 0.8   0.2        | 0      | 0.6  0.8
    boris   | sms    | 0.75  0.25       | 1      | 0.5  0.5
    wei     | none   | 0.5   0.5        | 1      | 0.9  0.9
"""
SMS = np.array([[0.0, 1.0]] * 4)
NONE = np.array([[1.0, 0.0]] * 4)


def drawn(text: str = DRAWN) -> Log:
    rows = [[part.strip() for part in line.split("|")] for line in text.strip().splitlines()]
    table = lambda at: np.array([row[at].split() for row in rows], "float64")  # noqa: E731
    return Log(
        actions=("none", "sms"),
        action=np.array([("none", "sms").index(row[1]) for row in rows]),
        propensities=table(2),
        reward=table(3)[:, 0],
        student=np.array([row[0] for row in rows]),
        outcome=table(4),
    )


def test_the_figures_are_those_found_by_hand():
    found = value(drawn(), SMS, FEW)
    # Weights: 1/.5 = 2, 0, 1/.25 = 4, 0.
    assert found.ips.value == pytest.approx((2 * 1 + 4 * 1) / 4)
    assert found.snips.value == pytest.approx((2 * 1 + 4 * 1) / 6)
    # Expected .8 .8 .5 .9, corrected by 2 (1 - .8) and 4 (1 - .5).
    assert found.dr.value == pytest.approx((0.8 + 2 * 0.2 + 0.8 + 0.5 + 4 * 0.5 + 0.9) / 4)
    assert found.ess == pytest.approx((2 + 4) ** 2 / (2**2 + 4**2))
    assert (found.largest_weight, found.clipped, found.rows, found.students) == (4, 0, 4, 3)


def test_errors_are_those_found_by_hand_and_add_up_a_students_rows():
    found = value(drawn(), SMS, FEW)
    # IPS: terms 2 0 4 0 less their mean 1.5; by student .5 - 1.5 = -1, 2.5, -1.5; times 3 / 2.
    error = sqrt(3 / 2 * (1 + 2.5**2 + 1.5**2)) / 4
    assert found.ips.error == pytest.approx(error)
    assert (found.ips.low, found.ips.high) == pytest.approx((1.5 - Z * error, 1.5 + Z * error))
    # SNIPS: all rewards that count are 1, so that nothing varies.
    assert found.snips.error == 0
    # DR: terms 1.2 .8 2.5 .9, mean 1.35; by student -.7, 1.15, -.45.
    assert found.dr.error == pytest.approx(sqrt(3 / 2 * (0.7**2 + 1.15**2 + 0.45**2)) / 4)


def test_the_difference_is_paired():
    log = drawn()
    found = difference(log, SMS, NONE, FEW)
    one, other = value(log, SMS, FEW), value(log, NONE, FEW)
    for name in ("ips", "snips", "dr"):
        apart = getattr(one, name).value - getattr(other, name).value
        assert getattr(found, name).value == pytest.approx(apart)
    # IPS of none: 0 0 0 2; the terms' differences 2 0 4 -2, less 1: by student 0, 3, -3.
    assert found.ips.error == pytest.approx(sqrt(3 / 2 * (3**2 + 3**2)) / 4)
    assert found.ess == min(one.ess, other.ess)


def test_a_policy_is_no_better_than_itself():
    found = difference(drawn(), SMS, SMS, FEW)
    assert found.dr == found.ips == (0, 0, 0, 0)


def test_weights_are_cut_off_and_their_share_is_told():
    found = value(drawn(), SMS, replace(FEW, clip=3))
    assert found.ips.value == pytest.approx((2 + 3) / 4)
    assert (found.largest_weight, found.clipped) == (4, 0.25)


def test_without_expected_outcomes_there_is_no_doubly_robust_figure():
    found = value(replace(drawn(), outcome=None), SMS, FEW)
    assert found.dr is None
    assert found.best == found.snips


def test_scores_average_to_the_doubly_robust_figure():
    log = drawn()
    for target in (SMS, NONE, np.full((4, 2), 0.5)):
        assert (target * scores(log)).sum(axis=1).mean() == pytest.approx(value(log, target, FEW).dr.value)


@st.composite
def logs(draw) -> Log:
    n, k = draw(st.integers(3, 12)), draw(st.integers(2, 4))
    number = st.floats(0.05, 1, allow_nan=False)
    propensities = np.array([[draw(number) for _ in range(k)] for _ in range(n)])
    propensities /= propensities.sum(axis=1, keepdims=True)
    return Log(
        actions=tuple("abcd"[:k]),
        action=np.array([draw(st.integers(0, k - 1)) for _ in range(n)]),
        propensities=propensities,
        reward=np.array([0.0, 1.0] + [float(draw(st.booleans())) for _ in range(n - 2)]),
        student=np.array([draw(st.integers(0, 3)) for _ in range(n - 1)] + [9]),
        outcome=np.array([[draw(st.floats(0, 1)) for _ in range(k)] for _ in range(n)]),
    )


@settings(max_examples=examples(100), deadline=None)
@given(logs())
def test_by_its_own_propensities_a_log_says_what_came_of_it(log):
    limits = replace(FEW, least_ess=0)
    found = value(log, log.propensities, limits)
    assert found.ips.value == pytest.approx(log.reward.mean())
    assert found.snips.value == pytest.approx(log.reward.mean())
    assert found.largest_weight == 1
    assert found.ess <= found.students + 1e-9


@settings(max_examples=examples(100), deadline=None)
@given(logs())
def test_neither_the_order_of_rows_nor_names_of_students_matter(log):
    limits = replace(FEW, least_ess=0, least_propensity=1e-9)
    target = np.eye(len(log.actions))[log.propensities.argmin(axis=1)]
    if not log.taken(target).any():
        return
    order = np.arange(len(log.action))[::-1]
    mixed = Log(
        log.actions,
        log.action[order],
        log.propensities[order],
        log.reward[order],
        np.array([f"student {9 - one}" for one in log.student[order]]),
        log.outcome[order],
    )
    one, other = value(log, target, limits), value(mixed, target[order], limits)
    assert np.array([one.ips, one.snips, one.dr]) == pytest.approx(np.array([other.ips, other.snips, other.dr]))


def simulated(rng: np.random.Generator, students: int = 600, epsilon: float = 0.3) -> tuple[Log, np.ndarray, float]:
    """A log of rules with exploration, a policy that it did not follow, and that policy's true value."""
    student = np.repeat(np.arange(students), 2)
    x = rng.random((students, 1))[student]
    truth = np.column_stack([0.5 + 0 * x[:, 0], 0.6 - 0.3 * x[:, 0], 0.3 + 0.5 * x[:, 0]])
    star = (x[:, 0] > 0.8).astype(int)
    propensities = epsilon / 3 + (1 - epsilon) * np.eye(3)[star]
    action = (rng.random(len(x))[:, None] > propensities.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    reward = (rng.random(len(x)) < truth[np.arange(len(x)), action]).astype("float64")
    target = np.eye(3)[np.where(x[:, 0] > 0.4, 2, 1)]
    log = Log(("none", "sms", "call"), action, propensities, reward, student)
    # x is uniform: the mean of .6 - .3 x below .4 and .3 + .5 x above.
    return log, target, 0.6 * 0.4 - 0.15 * 0.16 + 0.3 * 0.6 + 0.25 * (1 - 0.16)


def test_the_figures_are_unbiased_whatever_was_expected():
    rng = np.random.default_rng(3)
    limits = replace(LIMITS, least_ess=50)
    found = {"ips": [], "snips": [], "dr": [], "fitted": []}
    errors = []
    for _ in range(200):
        log, target, truth = simulated(rng)
        nonsense = np.tile([0.9, 0.1, 0.2], (len(log.action), 1))
        one = value(replace(log, outcome=nonsense), target, limits)
        for name in ("ips", "snips", "dr"):
            found[name].append(getattr(one, name).value)
        x = np.zeros((len(log.action), 0))
        log = replace(log, outcome=expected(log.action, log.reward, log.student, x, 3))
        found["fitted"].append(value(log, target, limits).dr.value)
        errors.append(one.ips.error)
    for name, values in found.items():
        assert np.mean(values) == pytest.approx(truth, abs=4 * np.std(values) / sqrt(200)), name
    assert np.mean(errors) == pytest.approx(np.std(found["ips"]), rel=0.2)
    assert np.std(found["fitted"]) < np.std(found["ips"])


def test_forgetting_the_propensities_would_be_wrong():
    """The check above can fail: with even weights the same log says something else."""
    log, _, _ = simulated(np.random.default_rng(4), students=20_000)
    sms = np.eye(3)[np.ones(len(log.action), int)]  # its truth is the mean of .6 - .3 x; the rules chose it for high x
    even = replace(log, propensities=np.full_like(log.propensities, 1 / 3))
    assert value(log, sms, LIMITS).snips.value == pytest.approx(0.45, abs=0.02)
    assert value(even, sms, LIMITS).snips.value < 0.42


def test_what_is_expected_of_a_student_is_not_learnt_from_that_student():
    rng = np.random.default_rng(5)
    student = np.repeat(np.arange(40), 10)
    own = rng.random(40)[student]  # each student has an own level, which x tells apart
    x = np.eye(40)[student]
    seen = expected(np.zeros(400, int), own, student, x, 2)
    assert np.abs(seen[:, 0] - own.mean()).max() < 0.1
    assert np.abs(own - own.mean()).max() > 0.4
    action = (np.arange(400) % 2).astype(int)
    lifted = expected(action, 0.3 + 0.4 * action, student, np.zeros((400, 1)), 2, ridge=1e-6)
    assert lifted == pytest.approx(np.tile([0.3, 0.7], (400, 1)), abs=1e-3)


@pytest.mark.parametrize(
    ("pi", "what"),
    [
        ("0.5 0.4", "do not sum to 1"),
        ("nan 0.5", "are no probabilities"),
        ("1.5 -0.5", "are no probabilities"),
        ("1 0", "could not be done"),
    ],
)
def test_broken_propensities_are_refused(pi, what):
    with pytest.raises(Refused, match=f"of 1 of 4 decisions .*{what}") as refusal:
        drawn(DRAWN.replace("0.5   0.5        | 1      | 0.6", f"{pi}        | 1      | 0.6"))
    assert "leave out their days" in refusal.value.mend


def refusal(log: Log, target: np.ndarray, limits: Limits = LIMITS) -> Unsupported:
    found = value(log, target, limits)
    assert isinstance(found, Unsupported)
    assert isinstance(difference(log, log.propensities, target, limits), Unsupported)
    return found


@pytest.fixture
def large() -> Log:
    return simulated(np.random.default_rng(6), students=2000)[0]


def test_a_policy_that_does_what_was_never_done_is_refused(large):
    target = np.eye(3)[np.full(len(large.action), 2)]
    assert isinstance(value(large, target, LIMITS), Value)
    never = large.propensities.copy()
    rows = np.nonzero(large.action != 2)[0][:12]
    never[rows, large.action[rows]] += never[rows, 2]
    never[rows, 2] = 0
    found = refusal(replace(large, propensities=never), target)
    assert found.reason == "never_done"
    assert "in 12 of 4,000 decisions (0.3%)" in found.why
    assert "call" in found.why
    assert "exploration" in found.mend


def test_a_hardly_ever_counts_as_never_but_for_what_the_log_does_itself(large):
    limits = replace(LIMITS, least_propensity=0.15)
    assert refusal(large, np.eye(3)[np.full(len(large.action), 2)], limits).reason == "never_done"
    assert isinstance(value(large, large.propensities, limits), Value)


def test_too_few_students_are_refused_and_counted(large):
    few = large.student < 199
    log = Log(large.actions, large.action[few], large.propensities[few], large.reward[few], large.student[few])
    assert "199 students" in refusal(log, log.propensities).why


def test_too_small_a_sample_is_refused_and_says_how_much_is_missing(large):
    target = np.eye(3)[np.full(len(large.action), 2)]
    ess = value(large, target, replace(LIMITS, least_ess=2)).ess
    found = refusal(large, target, replace(LIMITS, least_ess=2 * ess))
    assert found.reason == "small_sample"
    assert f"as {ess:,.0f} would" in found.why
    assert "About 2.0 times as many" in found.mend


def test_a_log_that_ended_alike_tells_nothing(large):
    assert refusal(replace(large, reward=np.ones(len(large.reward))), large.propensities).reason == "no_variation"


def test_an_empty_log_is_refused_not_divided_by(large):
    none = Log(large.actions, large.action[:0], large.propensities[:0], large.reward[:0], large.student[:0])
    assert refusal(none, none.propensities).reason == "few_students"


def test_a_target_that_is_no_policy_is_an_error(large):
    with pytest.raises(ValueError, match="not a table of probabilities"):
        value(large, large.propensities * 2, LIMITS)


@pytest.mark.parametrize(("key", "wrong"), [("clip", 0.5), ("least_ess", 0), ("confidence", 1), ("clips", 3)])
def test_settings_that_cannot_be_are_refused(key, wrong):
    with pytest.raises(BadConfig, match=r"policy_value"):
        Limits.of({"policy_value": {**SETTINGS["policy_value"], key: wrong}})


def test_the_interval_holds_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(7)
    trials = examples(150)
    held = np.zeros(3)
    for _ in range(trials):
        log, target, truth = simulated(rng, students=1500)
        log = replace(log, outcome=expected(log.action, log.reward, log.student, np.zeros((len(log.action), 0)), 3))
        found = value(log, target, LIMITS)
        held += [one.low <= truth <= one.high for one in (found.ips, found.snips, found.dr)]
    assert (held / trials > 0.89).all()
