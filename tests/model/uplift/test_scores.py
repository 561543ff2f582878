from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.decisions.coverage_uplift import draw
from model.uplift import learn
from model.uplift.scores import aipw, average, folds_of


def ate_only(settings: dict) -> dict:
    return settings | {"ladder": {"randomised_rows": 1_000_000}}


def test_a_score_by_hand():
    mu = np.array([[0.5, 0.8], [0.5, 0.8]])
    pi = np.array([[0.75, 0.25], [1.0, 0.0]])
    gamma, noise = aipw(mu, pi, np.array([1, 0]), np.array([1.0, 0.0]))
    np.testing.assert_allclose(gamma, [[0.5, 0.8 + 0.2 / 0.25], [0.0, np.nan]])
    np.testing.assert_allclose(noise, [[0.25 / 0.75, 0.16 / 0.25], [0.25, np.nan]])


def test_log_odds_are_not_taken_for_chances():
    with pytest.raises(ValueError, match="log-odds are not chances"):
        aipw(np.array([[1.2, 0.3]]), np.array([[0.5, 0.5]]), np.array([0]), np.array([1.0]))


def test_logged_propensities_undo_that_those_at_risk_were_treated_more(settings):
    """The policy called those about to leave: plain shares say that calls harm."""
    drawn = draw(8000, 3, "same for all", "logged")
    trial, expected = drawn.trial, drawn.tau[drawn.trial.compared(2), 1].mean()
    found = learn(trial, ate_only(settings), seed=1, level="L0").ate["mentor_call"]
    assert found.low <= expected <= found.high
    assert expected > 0.05
    plain = trial.y[trial.action == 2].mean() - trial.y[trial.action == 0].mean()
    assert plain < 0


def test_propensities_are_used_as_logged_and_not_estimated(settings):
    """Where the outcome says nothing about who is like whom, wrong propensities must show in the answer."""
    random = np.random.default_rng(0)
    linear = draw(3000, 4, "no effect", "launch").trial
    two = np.repeat([[0.5, 0.5, 0.0, 0.0]], len(linear), axis=0)
    action = random.integers(0, 2, len(linear))
    trial = replace(linear, propensities=two, action=action)
    wrong = np.where(trial.y[:, None] == 1, [[0.2, 0.8, 0.0, 0.0]], two)  # as if those who stay had been treated more
    assert abs(learn(trial, ate_only(settings), seed=1, level="L0").ate["care_sms"].value) < 0.05
    misled = learn(replace(trial, propensities=wrong), ate_only(settings), seed=1, level="L0").ate["care_sms"]
    assert misled.high < -0.05


def test_rows_of_one_student_are_one_cluster_and_in_one_fold():
    values = np.random.default_rng(0).normal(size=200)
    alone = average(values, np.arange(200), 1.96)
    copied = average(np.tile(values, 4), np.tile(np.arange(200), 4), 1.96)
    assert copied.value == pytest.approx(alone.value)
    assert copied.error == pytest.approx(alone.error, rel=1e-9)
    cluster = np.tile(np.arange(200), 4)
    fold = folds_of(cluster, 5, 1)
    assert all(len(set(fold[cluster == one])) == 1 for one in range(200))
    assert np.bincount(fold).tolist() == [160] * 5


def test_averages_by_quarter_of_the_risk_cover_the_truth(linear, of_linear):
    row = of_linear.groups["mentor_call"]
    quarter = np.argsort(np.argsort(linear.trial.risk)) // 1000
    expected = [linear.tau[quarter == one, 1].mean() for one in range(4)]
    assert [one.rows for one in row] == [1000] * 4
    assert sum(one.low <= true <= one.high for one, true in zip(row, expected, strict=True)) >= 3
    assert row[3].value > row[0].value
