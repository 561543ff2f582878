from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from features.errors import BadConfig, BadInput
from model import risk
from model.calibration import Calibration
from model.dataset import Split
from model.metrics import plain_auc
from model.risk import RiskModel, RiskSettings


def test_finds_the_signal_on_later_time(risk_model: RiskModel, parts: Split) -> None:
    assert plain_auc(parts.test.y, risk_model.score(parts.test.x)) > 0.75


def test_same_seed_gives_the_same_text_and_another_seed_another(
    parts: Split, quick: RiskSettings, monotone: Mapping[str, int], risk_model: RiskModel
) -> None:
    again, other = (risk.grow(parts.fit, parts.fit.y, quick, seed, monotone) for seed in (1, 2))
    assert again.booster.model_to_string() == risk_model.booster.model_to_string()
    assert not np.array_equal(other.score(parts.test.x), again.score(parts.test.x))


def test_number_of_threads_changes_nothing(
    parts: Split, quick: RiskSettings, monotone: Mapping[str, int], risk_model: RiskModel
) -> None:
    two = risk.grow(parts.fit, parts.fit.y, replace(quick, threads=2), 1, monotone)
    assert np.array_equal(two.log_odds(parts.test.x), risk_model.raw_log_odds(parts.test.x))


def test_one_row_and_many_rows_get_the_same_bytes(risk_model: RiskModel, parts: Split) -> None:
    rows = parts.test.x[:400]
    assert len(rows) > risk.FEW_ROWS
    together, explained = risk_model.score(rows), risk_model.contributions(rows)
    for at in range(0, 400, 37):
        assert risk_model.score(rows[at : at + 1])[0] == together[at]
        assert np.array_equal(risk_model.contributions(rows[at : at + 1])[0], explained[at])


def test_contributions_sum_to_the_served_log_odds(risk_model: RiskModel, parts: Split) -> None:
    explained = risk_model.contributions(parts.test.x)
    assert explained.shape == (len(parts.test), len(parts.test.features) + 1)
    assert np.abs(explained.sum(axis=1) - risk_model.log_odds(parts.test.x)).max() < 1e-9
    probability = risk_model.score(parts.test.x)
    assert np.allclose(np.log(probability / (1 - probability)), explained.sum(axis=1), atol=1e-9)


@pytest.mark.filterwarnings("ignore")
def test_contributions_are_those_of_the_shap_package(risk_model: RiskModel, parts: Split) -> None:
    import shap

    rows = parts.test.x[:300]
    oracle = shap.TreeExplainer(risk_model.booster)
    base = np.full((len(rows), 1), np.ravel(oracle.expected_value)[0])
    theirs = np.hstack([oracle.shap_values(rows), base])
    for calibration in (risk_model.calibration, Calibration("beta", (1.3, 0.8, 0.2))):
        own = replace(risk_model, calibration=calibration).contributions(rows)
        assert np.abs(own - calibration.spread(theirs)).max() < 1e-9


def test_unknown_values_are_scored(risk_model: RiskModel, parts: Split) -> None:
    nothing_known = np.full((1, len(parts.test.features)), np.nan)
    assert 0 < risk_model.score(nothing_known)[0] < 1
    one_unknown = parts.test.x[:50].copy()
    one_unknown[:, 4] = np.nan
    assert np.isfinite(risk_model.contributions(one_unknown)).all()


def test_risk_goes_the_way_it_must(risk_model: RiskModel, parts: Split, monotone: Mapping[str, int]) -> None:
    for name, way in monotone.items():
        column = parts.test.features.index(name)
        rows = np.repeat(parts.test.x[:40], 25, axis=0)
        rows[:, column] = np.tile(np.linspace(0, 100, 25), 40)
        steps = np.diff(risk_model.log_odds(rows).reshape(40, 25), axis=1)
        assert (way * steps >= -1e-12).all(), name


@pytest.mark.parametrize(
    "rows",
    [np.zeros((2, 3)), np.zeros(8), np.zeros((2, 8), "float32"), np.zeros((2, 8), "int64"), np.full((1, 8), np.inf)],
)
def test_refuses_rows_that_do_not_fit(risk_model: RiskModel, rows: np.ndarray) -> None:
    for asked in (risk_model.score, risk_model.log_odds, risk_model.contributions):
        with pytest.raises(BadInput):
            asked(rows)


def test_no_rows_get_no_answers(risk_model: RiskModel) -> None:
    assert risk_model.score(np.empty((0, 8))).shape == (0,)
    assert risk_model.contributions(np.empty((0, 8))).shape == (0, 9)


def test_deep_trees_are_refused() -> None:
    with pytest.raises(BadConfig, match="depth must be 1-5"):
        RiskSettings(depth=6)
