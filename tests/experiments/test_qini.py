from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.decision_log import Log, scores
from experiments.qini import Judge, Ranking, unseeing
from tests.thorough import examples


def curve(values, gains, costs):
    values, gains = (np.array(one, "float64") for one in (values, gains))
    ranking = Ranking.of(values, np.array(costs, "float64"))
    return ranking.curve(ranking.gain(gains), np.ones(len(values)))


def judge(gains, costs=(1.0,), *, capacity=0.5, most=1.0, student=None, draws=50) -> Judge:
    gains = np.array(gains, "float64")
    student = np.arange(len(gains)) if student is None else student
    return Judge(gains, np.array(costs), student, capacity, most, draws)


def test_one_action_is_given_in_the_order_of_the_ranking():
    found = curve([[0.1], [0.4], [-0.2], [0.3]], [[1], [2], [5], [4]], [1])
    # The second row first, then the fourth, then the first; the third is thought to be harmed and gets nothing.
    assert found.spent == pytest.approx([0, 0.25, 0.5, 0.75])
    assert found.gained == pytest.approx([0, 0.5, 1.5, 1.75])
    assert found.at(0.375) == pytest.approx(1.0)
    assert found.at(1) == pytest.approx(1.75)
    # Trapezoids of .25: .25, 1, 1.625, and 1.75 to the end.
    assert found.height(1.0) == pytest.approx((0.25 + 1.0 + 1.625 + 1.75) / 4)


def test_the_area_is_above_giving_at_random():
    found = judge([[1], [2], [5], [4]]).qini(np.array([[0.1], [0.4], [-0.2], [0.3]]))
    assert found.area.value == pytest.approx((0.25 + 1.0 + 1.625 + 1.75) / 4 - 3 / 2)
    assert found.gain.value == pytest.approx(1.5)


def test_of_several_actions_a_row_climbs_its_hull():
    # Costs 1, 2, 3. Row 0: 4, then 6 (2 more for 1), then 7. Row 1: the second lies below the line from nothing to
    # the third and is skipped. Row 2: only the cheapest is worth anything.
    values = [[4, 6, 7], [1, 1.5, 4.5], [3, 2, 1]]
    ranking = Ranking.of(np.array(values, "float64"), np.array([1.0, 2, 3]))
    assert ranking.row.tolist() == [0, 2, 0, 1, 0]
    assert ranking.before.tolist() == [-1, -1, 0, -1, 1]
    assert ranking.after.tolist() == [0, 0, 1, 2, 2]
    found = curve(values, [[40, 60, 70], [10, 15, 45], [30, 20, 10]], [1, 2, 3])
    assert found.spent * 3 == pytest.approx([0, 1, 2, 3, 6, 7])
    assert found.gained * 3 == pytest.approx([0, 40, 70, 90, 135, 145])


def test_costs_may_differ_by_row():
    ranking = Ranking.of(np.array([[2.0], [2.0]]), np.array([[4.0], [1.0]]))
    assert ranking.row.tolist() == [1, 0]


def test_the_unseeing_choice_is_the_hull_of_the_means():
    gains = np.array([[3.0, 2.0], [1.0, 4.0]])
    found = unseeing(gains, np.array([1.0, 2.0]), np.ones(2))
    assert found.spent == pytest.approx([0, 1, 2])
    assert found.gained == pytest.approx([0, 2, 3])
    assert unseeing(-gains, np.array([1.0, 2.0]), np.ones(2)).gained.tolist() == [0]


def best(values, costs, budget) -> float:
    """The most that a budget buys, by linear programming."""
    from scipy.optimize import linprog

    n, k = values.shape
    rows = np.kron(np.eye(n), np.ones(k))
    bounds = np.concatenate([np.ones(n), [budget * n]])
    return -linprog(-values.ravel() / n, A_ub=np.vstack([rows, costs.ravel()]), b_ub=bounds).fun


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 10_000), st.floats(0, 3))
def test_what_is_known_for_sure_is_spent_best(seed, budget):
    rng = np.random.default_rng(seed)
    values, costs = rng.normal(0.3, 1, (5, 3)), rng.uniform(0.2, 3, (5, 3))
    assert curve(values, values, costs).at(budget) == pytest.approx(best(values, costs, budget), abs=1e-9)


@settings(max_examples=examples(100), deadline=None)
@given(st.integers(0, 10_000))
def test_only_the_order_counts_for_one_action(seed):
    rng = np.random.default_rng(seed)
    values, gains = rng.uniform(0.01, 1, (8, 1)), rng.normal(size=(8, 1))
    one, other = curve(values, gains, [1]), curve(np.exp(3 * values), gains, [1])
    assert one.gained == pytest.approx(other.gained)


def test_a_ranking_that_wants_nothing_gains_nothing():
    found = judge([[1.0], [2.0]]).qini(np.array([[-1.0], [0.0]]))
    assert found.gain.value == 0
    assert found.area.value == pytest.approx(-0.75)


@pytest.mark.parametrize(("values", "cost"), [([[np.nan]], 1.0), ([[1.0]], 0.0), ([[1.0]], -1.0)])
def test_what_cannot_be_ranked_is_an_error(values, cost):
    with pytest.raises(ValueError, match="finite"):
        Ranking.of(np.array(values), np.array([cost]))


def test_rankings_are_compared_on_the_same_draws():
    rng = np.random.default_rng(1)
    truth = rng.normal(0.1, 0.3, (400, 1))
    gains = truth + rng.normal(0, 2, (400, 1))
    judged = judge(gains, draws=200)
    good, near = judged.qini(truth + 1), judged.qini(truth + 1 + rng.normal(0, 0.02, truth.shape))
    apart = good.area - near.area
    assert apart.error < good.area.error / 3
    assert (good.area - good.area).interval() == (0, 0)
    again = judge(gains, draws=200).qini(truth + 1)
    assert (again.area.draws == good.area.draws).all()


def test_rows_of_one_student_are_drawn_together():
    rng = np.random.default_rng(2)
    values, gains = rng.uniform(0.1, 1, (100, 1)), rng.normal(1, 1, (100, 1))
    alone = judge(gains, draws=400).qini(values)
    tenfold = judge(np.repeat(gains, 10, axis=0), draws=400, student=np.repeat(np.arange(100), 10)).qini(
        np.repeat(values, 10, axis=0)
    )
    assert tenfold.gain.value == pytest.approx(alone.gain.value)
    assert tenfold.gain.error == pytest.approx(alone.gain.error)


def test_the_interval_is_that_of_new_students():
    rng = np.random.default_rng(3)
    found, errors = [], []
    for _ in range(150):
        x = rng.random(300)
        gains = np.column_stack([x - 0.3, 1.5 * x - 0.6]) + rng.normal(0, 1, (300, 2))
        qini = judge(gains, (1.0, 2.0), most=2.0, draws=40).qini(np.column_stack([x - 0.3, 1.5 * x - 0.6]))
        found.append(qini.gain.value)
        errors.append(qini.gain.error)
    assert np.mean(errors) == pytest.approx(np.std(found), rel=0.2)


def test_the_curve_of_scores_is_that_of_the_truth():
    rng = np.random.default_rng(4)
    x = rng.random(60_000)
    truth = np.column_stack([0.3 + 0 * x, 0.2 + 0.4 * x])
    propensities = np.column_stack([0.2 + 0.6 * x, 0.8 - 0.6 * x])  # who gains most is treated least
    action = (rng.random(len(x)) > propensities[:, 0]).astype(int)
    reward = (rng.random(len(x)) < truth[np.arange(len(x)), action]).astype("float64")
    log = Log(("none", "sms"), action, propensities, reward, np.arange(len(x)), np.full_like(truth, 0.4))
    gained = scores(log)[:, 1:] - scores(log)[:, :1]
    found = judge(gained, capacity=0.5, draws=30).qini(x[:, None])
    # Of the upper half of x the mean of .4 x - .1 is .2; half of all get it. The area: mean over b of
    # b (.1 + .2 (1 - b)) is .0833, less half of the mean effect .1.
    assert found.gain.value == pytest.approx(0.1, abs=4 * found.gain.error)
    assert found.area.value == pytest.approx(1 / 12 - 0.05, abs=4 * found.area.error)
    assert found.area.error < 0.01
