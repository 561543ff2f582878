"""Learning: trees on all that is known, calibrated on forecasts that were made ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from features.errors import BadConfig, NotReady
from model.dataset import Dataset, Split, forward_folds
from model.learning import Learnt, Recipe, signs
from model.metrics import plain_auc
from model.risk import RiskSettings, grow


def log_loss(y: np.ndarray, log_odds: np.ndarray) -> float:
    return float(np.mean(np.logaddexp(0, log_odds) - y * log_odds))


def test_the_trees_know_all_rows_and_forecasts_only_what_came_before(
    learnt: Learnt, parts: Split, recipe: Recipe
) -> None:
    known = parts.fit
    whole = grow(known, known.y, recipe.risk, recipe.seed, recipe.monotone)
    assert learnt.model.booster.model_to_string() == whole.booster.model_to_string()
    folds = forward_folds(known, recipe.split)
    assert len(folds) == 4
    for number, fold in enumerate(folds):
        own = learnt.forecasts.stretch == number
        assert np.array_equal(learnt.forecasts.rows[own], fold.later)
        past = known.where(fold.past)
        assert past.known_until <= known.day[fold.later].min()
        trees = grow(past, past.y, recipe.held_back(len(past) / len(known)), recipe.seed, recipe.monotone)
        assert np.array_equal(learnt.forecasts.raw[own], trees.raw_log_odds(known.x[fold.later]))
    assert np.array_equal(learnt.forecasts.log_odds, learnt.model.calibration(learnt.forecasts.raw))


def test_a_later_label_moves_the_trees_and_no_earlier_forecast(parts: Split, recipe: Recipe, learnt: Learnt) -> None:
    known = parts.fit
    last = forward_folds(known, recipe.split)[-1]
    unknown = known.day + known.horizon_days > known.day[last.later].min()
    other = recipe.learn(replace(known, rows=known.rows.assign(y=np.where(unknown, 1 - known.y, known.y))))
    assert np.array_equal(other.forecasts.raw, learnt.forecasts.raw)
    assert not np.array_equal(other.model.raw_log_odds(known.x), learnt.model.raw_log_odds(known.x))


def test_calibration_mends_trees_that_are_too_sure(parts: Split, recipe: Recipe) -> None:
    sure = RiskSettings(rounds=200, learning_rate=0.15, depth=5, leaves=24, l2=0.0, feature_share=1.0, row_share=1.0)
    model = replace(recipe, risk=sure).learn(parts.fit).model
    y, x = parts.test.y, parts.test.x
    assert log_loss(y, model.log_odds(x)) < log_loss(y, model.raw_log_odds(x)) - 0.005


def test_withholding_the_newest_rows_would_cost(parts: Split, recipe: Recipe, learnt: Learnt) -> None:
    known = parts.fit
    withheld = known.where(known.day <= np.quantile(known.day, 0.4))
    less = grow(withheld, withheld.y, recipe.risk, 1, recipe.monotone)
    own = plain_auc(parts.test.y, learnt.model.log_odds(parts.test.x))
    assert own > plain_auc(parts.test.y, less.raw_log_odds(parts.test.x))


def test_the_same_rows_make_the_same_model(parts: Split, recipe: Recipe, learnt: Learnt) -> None:
    again = recipe.learn(parts.fit)
    assert again.model.calibration == learnt.model.calibration
    assert np.array_equal(again.forecasts.log_odds, learnt.forecasts.log_odds)


def test_too_few_cases_are_not_enough_data(make_dataset: Callable[..., Dataset], recipe: Recipe) -> None:
    few = make_dataset(enrolments=60, weeks=30, rate=0.004)
    assert few.cases < recipe.split.least_cases
    with pytest.raises(NotReady, match=rf"not enough data: {few.cases} cases of withdrawal .* at least 30 of them"):
        recipe.learn(few)


def test_a_school_may_lay_its_own_signs_over_the_catalogue() -> None:
    found = signs({"monotone": {"active_days_7d": 0, "days_to_end": -1}})
    assert (found["active_days_7d"], found["days_to_end"], found["homework_overdue_now"]) == (0, -1, 1)
    assert signs({})["active_days_7d"] == -1


@pytest.mark.parametrize(
    ("own", "words"),
    [({"mood": 1}, "mood: is no feature"), ({"clicks_7d": 2}, "is 2"), ({"clicks_7d": True}, "is True")],
)
def test_signs_that_cannot_be_are_told(own: dict[str, object], words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        signs({"monotone": own})
