from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from model import bundle, risk
from model.dataset import Dataset, Split
from model.metrics import MetricSettings, Resampling, evaluate
from model.promotion import (
    Gate,
    GateSettings,
    beats_baseline,
    beats_champion,
    bundle_loads,
    calibration,
    from_dicts,
    shap_additivity,
    shuffled_labels,
    verdict,
)
from model.risk import RiskModel, RiskSettings

SETTINGS = GateSettings(shuffles=8)


@pytest.fixture(scope="module")
def test_part(parts: Split) -> Dataset:
    return parts.test


@pytest.fixture(scope="module")
def log_odds(test_part: Dataset, risk_model: RiskModel) -> np.ndarray:
    return risk_model.log_odds(test_part.x)


@pytest.fixture(scope="module")
def resampling(test_part: Dataset) -> Resampling:
    return Resampling(test_part.students, 200, 1)


def with_few_cases(part: Dataset, cases: int) -> Dataset:
    having = part.rows.loc[part.y == 1, "enrolment_id"].unique()
    return part.where(~part.rows["enrolment_id"].isin(having[cases:]).to_numpy())


def test_a_model_that_knows_more_beats_the_rule(
    test_part: Dataset, log_odds: np.ndarray, resampling: Resampling
) -> None:
    gate = beats_baseline(test_part, log_odds, resampling, SETTINGS)
    assert gate.passed
    assert gate.figure is not None
    assert gate.figure > 0.05
    assert "of days_without_login alone" in gate.words


def test_the_rule_does_not_beat_itself(test_part: Dataset, resampling: Resampling) -> None:
    rule = np.nan_to_num(test_part.x[:, 0], nan=1e6)
    gate = beats_baseline(test_part, rule, resampling, SETTINGS)
    assert (gate.passed, gate.figure) == (False, 0.0)


def test_want_of_data_is_told_in_plain_words(test_part: Dataset, risk_model: RiskModel) -> None:
    few = with_few_cases(test_part, 9)
    resampling = Resampling(few.students, 100, 1)
    gate = beats_baseline(few, risk_model.log_odds(few.x), resampling, SETTINGS)
    assert gate.passed is False
    assert gate.words.startswith(
        "only 9 cases of withdrawal in the test period: too few to tell (at least 30 are needed); so far AUC"
    )
    one = with_few_cases(test_part, 1)
    assert (
        "only 1 case of withdrawal"
        in beats_baseline(one, risk_model.log_odds(one.x), Resampling(one.students, 20, 1), SETTINGS).words
    )
    metrics = evaluate(few, risk_model.log_odds(few.x), resampling, MetricSettings())
    assert "too few to tell" in calibration(few, metrics, SETTINGS).words
    assert calibration(few, metrics, SETTINGS).passed is False


def test_without_the_rules_feature_the_gate_is_red(
    test_part: Dataset, log_odds: np.ndarray, resampling: Resampling
) -> None:
    gate = beats_baseline(test_part, log_odds, resampling, GateSettings(baseline="phase_of_the_moon"))
    assert gate.passed is False
    assert "phase_of_the_moon" in gate.words


def test_champion(
    test_part: Dataset,
    log_odds: np.ndarray,
    resampling: Resampling,
    made_bundle: Path,
    parts: Split,
    monotone: Mapping[str, int],
) -> None:
    champion = bundle.load(made_bundle)
    same = beats_champion(test_part, log_odds, champion, resampling, SETTINGS)
    assert (same.passed, same.figure) == (True, 0.0)
    worse = beats_champion(test_part, test_part.x[:, -1], champion, resampling, SETTINGS)
    assert worse.passed is False
    nobody = beats_champion(test_part, log_odds, None, resampling, SETTINGS)
    assert nobody.passed is None
    unreadable = beats_champion(test_part, log_odds, "booster.txt is damaged", resampling, SETTINGS)
    assert unreadable.passed is False
    narrow = Dataset(test_part.rows, tuple(monotone)[:3], "withdrawal_28d", 1, 28)
    gone = beats_champion(narrow, log_odds, champion, resampling, SETTINGS)
    assert gone.passed is None
    assert "clicks_28d" in gone.words


def test_shuffled_labels_teach_nothing(parts: Split, quick: RiskSettings) -> None:
    gate = shuffled_labels(parts, quick, 1, SETTINGS)
    assert gate.passed
    assert gate.figure == pytest.approx(0.5, abs=0.1)


def test_a_leak_past_the_shuffling_is_seen(parts: Split, quick: RiskSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = risk.grow
    monkeypatch.setattr(risk, "grow", lambda part, y, *how: honest(part, part.y, *how))
    gate = shuffled_labels(parts, quick, 1, SETTINGS)
    assert gate.passed is False
    assert gate.figure is not None
    assert gate.figure > 0.6


def test_additivity(test_part: Dataset, log_odds: np.ndarray, risk_model: RiskModel) -> None:
    assert shap_additivity(risk_model, test_part, log_odds, SETTINGS).passed
    assert shap_additivity(risk_model, test_part, log_odds + 1e-5, SETTINGS).passed is False


def test_calibration(test_part: Dataset, log_odds: np.ndarray, resampling: Resampling) -> None:
    def asked(served: np.ndarray) -> Gate:
        return calibration(test_part, evaluate(test_part, served, resampling, MetricSettings()), SETTINGS)

    assert asked(log_odds).passed
    assert asked(log_odds + 1.5).passed is False
    spread = (log_odds - log_odds.mean()) * 6 + log_odds.mean()
    assert asked(spread).passed is False


def test_bundle_loads_elsewhere_to_the_same_bytes(
    made_bundle: Path, risk_model: RiskModel, scaled: Callable[[RiskModel, float], RiskModel], parts: Split
) -> None:
    rows = bundle.golden_rows(risk_model.features, bundle.reference_of(parts.fit))
    assert bundle_loads(made_bundle, risk_model, rows, SETTINGS).passed
    assert bundle_loads(made_bundle, scaled(risk_model, 1 + 1e-12), rows, SETTINGS).passed is False


def test_a_bundle_that_does_not_load_is_a_red_gate(bundle_copy: Path, risk_model: RiskModel) -> None:
    (bundle_copy / "meta.json").unlink()
    gate = bundle_loads(bundle_copy, risk_model, np.zeros((1, 8)), SETTINGS)
    assert gate.passed is False
    assert "meta.json is missing" in gate.words


def test_verdict_is_red_when_one_gate_is_and_survives_being_written_down() -> None:
    gates = (Gate("a", True, 0.1, "x", "fine"), Gate("b", None, None, "x", "none"), Gate("c", False, 2.0, "x", "no"))
    judged = verdict(gates)
    assert not judged.passed
    assert [gate.name for gate in judged.red] == ["c"]
    assert verdict(gates[:2]).passed
    assert from_dicts(json.loads(json.dumps([gate.as_dict() for gate in gates]))) == judged
