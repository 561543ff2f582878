from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from features.clock import date_of
from features.errors import BadConfig
from model import bundle, risk
from model.dataset import Dataset, Split
from model.judging import one_horizon_earlier
from model.learning import Recipe
from model.metrics import MetricSettings, Resampling, by_group, evaluate
from model.promotion import (
    Gate,
    GateSettings,
    beats_baseline,
    beats_champion,
    beats_logistic,
    bundle_loads,
    calibration,
    from_dicts,
    latency,
    loses_skill_when_shifted,
    no_suspicious_feature,
    shap_additivity,
    shuffled_labels,
    subgroups,
    timeless,
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
    made_bundle: Path,
    monotone: Mapping[str, int],
) -> None:
    champion = bundle.load(made_bundle)

    def asked(
        test: Dataset, own: np.ndarray, one: bundle.Bundle | str | None, recipe: np.ndarray | None = None
    ) -> Gate:
        def anew(_: bundle.Bundle) -> np.ndarray:
            assert recipe is not None, "its recipe was not to be asked"
            return recipe

        return beats_champion(test, own, one, anew, SETTINGS, lambda part: Resampling(part.students, 200, 1))

    def until(day: int) -> bundle.Bundle:
        return replace(champion, meta={**champion.meta, "trained_until": date_of(day).isoformat()})

    never_seen, seen = until(int(test_part.day.min())), until(int(test_part.day.max()))
    same = asked(test_part, log_odds, never_seen)
    assert (same.passed, same.figure) == (True, 0.0)
    assert "on what came after it" in same.words
    assert asked(test_part, test_part.x[:, -1], never_seen).passed is False
    anew = asked(test_part, log_odds, seen, recipe=test_part.x[:, -1])
    assert anew.passed
    assert "the champion's recipe, learnt on the same past" in anew.words
    assert asked(test_part, test_part.x[:, -1], seen, recipe=log_odds).passed is False
    assert asked(test_part, log_odds, None).passed is None
    assert asked(test_part, log_odds, "booster.txt is damaged").passed is False

    def other_release(_: bundle.Bundle) -> np.ndarray:
        raise BadConfig("leafs is not a setting")

    draws = Resampling(test_part.students, 2, 1)
    gate = beats_champion(test_part, log_odds, seen, other_release, SETTINGS, lambda _: draws)
    assert gate.passed is False
    assert "cannot be had: leafs is not a setting" in gate.words
    narrow = Dataset(test_part.rows, tuple(monotone)[:3], "withdrawal_28d", 1, 28)
    gone = asked(narrow, log_odds, champion)
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


def test_additivity(test_part: Dataset, risk_model: RiskModel) -> None:
    assert shap_additivity(risk_model, test_part, SETTINGS).passed

    class Wrong(RiskModel):
        def contributions(self, x: np.ndarray) -> np.ndarray:
            return super().contributions(x) + 1e-5

    wrong = Wrong(risk_model.booster, risk_model.features, risk_model.calibration)
    assert shap_additivity(wrong, test_part, SETTINGS).passed is False


def test_a_logistic_regression_must_not_be_clearly_better(
    test_part: Dataset, log_odds: np.ndarray, resampling: Resampling
) -> None:
    assert beats_logistic(test_part, log_odds, log_odds * 2, resampling, SETTINGS).passed
    noise = np.random.default_rng(1).normal(size=len(log_odds))
    assert beats_logistic(test_part, noise, log_odds, resampling, SETTINGS).passed is False


def test_a_fact_of_the_future_gives_itself_away(parts: Split, recipe: Recipe) -> None:
    whole = parts.whole
    now, before = one_horizon_earlier(whole, parts.test)
    earlier = whole.where(before)
    assert set(parts.test.day[now] - earlier.day) == {whole.horizon_days}
    part = parts.test.where(now)
    assert (part.rows["enrolment_id"].to_numpy() == earlier.rows["enrolment_id"].to_numpy()).all()
    resampling = Resampling(part.students, 200, 1)

    honest = recipe.learn(parts.fit).model
    gate = loses_skill_when_shifted(part, honest.log_odds(part.x), honest.log_odds(earlier.x), resampling, SETTINGS)
    assert gate.passed
    assert gate.figure is not None
    assert gate.figure > 0.02
    # Who will ever leave, told on every day: as good one horizon ago, when nobody knew it.
    ever = set(whole.rows.loc[whole.y == 1, "enrolment_id"])
    told = [rows["enrolment_id"].isin(ever).to_numpy("float64") for rows in (part.rows, earlier.rows)]
    leak = loses_skill_when_shifted(part, *told, resampling, SETTINGS)
    assert leak.passed is False
    nobody, nothing = part.where(np.zeros(len(part), "bool")), np.empty(0)
    unknown = loses_skill_when_shifted(nobody, nothing, nothing, Resampling(nobody.students, 2, 1), SETTINGS)
    assert (unknown.passed, unknown.figure) == (None, None)
    assert "no enrolment of the test period has a cut-off one horizon earlier" in unknown.words


def test_a_single_feature_that_knows_the_answer_is_named(test_part: Dataset) -> None:
    assert no_suspicious_feature(test_part, SETTINGS).passed
    rows = test_part.rows.assign(noise=-test_part.y)
    told = no_suspicious_feature(replace(test_part, rows=rows), SETTINGS)
    assert told.passed is False
    assert "noise" in told.words


def test_groups_of_people_are_held_against_the_limits(test_part: Dataset, log_odds: np.ndarray) -> None:
    half = test_part.rows["student_id"].map(lambda one: "F" if int(one.split("-")[1]) % 2 else "M")
    grouped = replace(test_part, rows=test_part.rows.assign(gender=half), groups=("gender",))

    def asked(served: np.ndarray) -> Gate:
        metrics = evaluate(grouped, served, Resampling(grouped.students, 50, 1), MetricSettings())
        groups = by_group(grouped, served, MetricSettings(draws=100))
        return subgroups(replace(metrics, groups=groups), replace(SETTINGS, group_cases=10))

    is_f = (grouped.rows["gender"] == "F").to_numpy()
    assert asked(log_odds).passed
    unfair = asked(log_odds + 1.5 * is_f)
    assert unfair.passed is False
    assert "gender F: expected/observed" in unfair.words
    blind = asked(np.where(is_f, -log_odds - 6, log_odds))
    assert "gender F: AUC" in blind.words
    nobody = evaluate(test_part, log_odds, Resampling(test_part.students, 50, 1), MetricSettings())
    assert subgroups(nobody, SETTINGS).passed is None


def test_latency_is_asked_of_single_rows_and_kept_out_of_the_bundle(test_part: Dataset, risk_model: RiskModel) -> None:
    slow = latency(risk_model, test_part.x[:20], replace(SETTINGS, row_ms=1e-9))
    assert slow.passed is False
    fine = latency(risk_model, test_part.x[:20], replace(SETTINGS, row_ms=1e9))
    assert fine.passed
    assert fine.figure is not None
    assert timeless(fine).figure is None
    assert timeless(slow).passed is False


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
