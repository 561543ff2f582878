from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.dataset import Dataset, Split
from model.metrics import (
    Figure,
    MetricSettings,
    Resampling,
    auc,
    average_precision,
    by_group,
    calibration_line,
    evaluate,
    figure,
    lead_time,
    plain_auc,
    top_of_each_day,
)
from model.risk import RiskModel


def sample(seed: int, n: int = 400, students: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    y = (random.random(n) < 0.2).astype(float)
    return y, np.round(random.normal(size=n) + y, 1), random.integers(0, students, n)


@given(seed=st.integers(0, 1000))
@settings(max_examples=25, deadline=None)
def test_areas_are_those_of_scikit_learn_in_every_draw(seed: int) -> None:
    from sklearn.metrics import average_precision_score, roc_auc_score

    y, score, students = sample(seed)
    resampling = Resampling(students, 3, seed)
    areas, precisions = auc(y, score, resampling), average_precision(y, score, resampling)
    assert areas[0] == pytest.approx(roc_auc_score(y, score), abs=1e-12)
    assert precisions[0] == pytest.approx(average_precision_score(y, score), abs=1e-12)
    weights = np.vstack(list(resampling.weights(np.arange(len(y)))))
    assert (weights[0] == 1).all()
    for area, precision, weight in zip(areas[1:], precisions[1:], weights[1:], strict=True):
        assert area == pytest.approx(roc_auc_score(y, score, sample_weight=weight), abs=1e-12)
        assert precision == pytest.approx(average_precision_score(y, score, sample_weight=weight), abs=1e-12)


def test_auc_within_days_compares_only_students_of_one_day() -> None:
    y = np.array([1, 0, 0, 1.0])
    score = np.array([0.2, 0.1, 0.9, 0.8])
    day = np.array([1, 1, 2, 2])
    nobody = Resampling(np.arange(4), 0, 0)
    assert auc(y, score, nobody, within=day)[0] == 0.5  # right on day 1, wrong on day 2
    assert auc(y, score, nobody)[0] == 0.5
    assert auc(y, np.array([0.2, 0.1, 0.8, 0.9]), nobody, within=day)[0] == 1.0


def test_rows_of_a_student_are_drawn_together() -> None:
    students = np.repeat(np.arange(20), 5)
    for weights in Resampling(students, 10, 1).weights(np.arange(100)):
        assert (weights.reshape(-1, 20, 5) == weights.reshape(-1, 20, 5)[:, :, :1]).all()


def test_interval_of_kin_rows_is_wider_than_that_of_lone_rows() -> None:
    random = np.random.default_rng(0)
    y = np.repeat(random.random(40) < 0.4, 25).astype(float)
    score = np.repeat(random.normal(size=40), 25) + y
    kin = figure(auc(y, score, Resampling(np.repeat(np.arange(40), 25), 300, 1)))
    lone = figure(auc(y, score, Resampling(np.arange(1000), 300, 1)))
    assert kin.value == lone.value
    assert kin.high - kin.low > 2 * (lone.high - lone.low)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    truth, inside = 0.7602, 0  # P(Z + 1 > Z') for two standard normals
    for seed in range(100):
        random = np.random.default_rng(seed)
        y = (random.random(300) < 0.3).astype(float)
        found = figure(auc(y, random.normal(size=300) + y, Resampling(np.arange(300), 200, seed)))
        inside += found.low <= truth <= found.high
    assert 88 <= inside <= 99


def test_paired_difference_is_narrower_than_either() -> None:
    y, score, students = sample(1, n=2000, students=300)
    resampling = Resampling(students, 200, 1)
    first, second = (
        auc(y, score, resampling),
        auc(y, score + np.random.default_rng(2).normal(size=2000) / 5, resampling),
    )
    alone, apart = figure(first), figure(first - second)
    assert apart.high - apart.low < (alone.high - alone.low) / 2


def test_top_of_each_day_is_a_list_per_day() -> None:
    score = np.array([0.9, 0.1, 0.5, 0.2, 0.3, 0.2, 0.2])
    day = np.array([2, 2, 2, 1, 1, 1, 1])
    assert top_of_each_day(score, day, 0.3).tolist() == [True, False, False, True, True, False, False]


def test_calibration_line_finds_what_was_put_in_and_covers_it() -> None:
    random = np.random.default_rng(5)
    log_odds = random.normal(-2, 1, 20_000)
    y = (random.random(20_000) < 1 / (1 + np.exp(-(0.5 * log_odds - 0.3)))).astype(float)
    slope, intercept = calibration_line(y, log_odds, np.arange(20_000))
    assert slope.low < 0.5 < slope.high < 0.65
    assert intercept.low < -0.3 < intercept.high


def test_calibration_line_of_a_constant_says_that_it_cannot_tell() -> None:
    slope, _ = calibration_line(np.array([0, 1.0] * 50), np.zeros(100), np.arange(100))
    assert str(slope) == "unknown"


def test_figures_of_a_test_part(parts: Split, risk_model: RiskModel) -> None:
    test = parts.test
    log_odds = risk_model.log_odds(test.x)
    metrics = evaluate(test, log_odds, Resampling(test.students, 100, 1), MetricSettings(draws=100))
    found, p = metrics.figures, risk_model.score(test.x)
    assert found["brier"].value == pytest.approx(np.mean((p - test.y) ** 2))
    assert found["expected_observed"].value == pytest.approx(p.sum() / test.y.sum())
    assert found["base_rate"].value == pytest.approx(test.y.mean())
    assert found["recall_at_top"].value == pytest.approx(
        found["lift_at_top"].value * top_of_each_day(p, test.day, 0.1).mean()
    )
    for name, one in found.items():
        if not np.isnan(one.low):
            assert one.low <= one.value <= one.high, name
    assert None not in metrics.as_dict()["figures"]["auc"].values()


def test_an_area_without_cases_is_unknown() -> None:
    assert np.isnan(plain_auc(np.zeros(3), np.arange(3.0)))
    assert str(Figure(0.5)) == "0.500"
    assert str(Figure(0.5, 0.4, 0.6)) == "0.500 (0.400 to 0.600)"


def test_groups_hold_every_row_once_in_each_cut(parts: Split, risk_model: RiskModel) -> None:
    test = parts.test
    test = Dataset(test.rows.assign(gender="F"), test.features, test.label, 1, test.horizon_days, ("gender",))
    groups = by_group(test, risk_model.log_odds(test.x), MetricSettings(draws=50))
    assert [one["cut"] for one in groups if one["cut"] in ("course", "gender")] == ["course", "gender"]
    for cut in {one["cut"] for one in groups}:
        own = [one for one in groups if one["cut"] == cut]
        assert sum(one["rows"] for one in own) == len(test)
        assert sum(one["observed"] * one["rows"] for one in own) == pytest.approx(test.y.sum())
    course = groups[0]
    assert course["auc_low"] < course["auc"] < course["auc_high"]
    assert course["ratio"] == pytest.approx(course["expected"] / course["observed"])


def alerts(*told: tuple[str, int, float, bool]) -> tuple[Dataset, np.ndarray]:
    """Rows of (enrolment, week, y, alert), one horizon is 4 weeks."""
    rows = pd.DataFrame(told, columns=["enrolment_id", "week", "y", "alert"])
    rows = rows.assign(
        student_id=rows["enrolment_id"], course_id="c", day=7 * rows["week"], x=rows["alert"].astype(float)
    )
    test = Dataset(rows, ("x",), "withdrawal_28d", 1, 28)
    return test, test.x[:, 0] == 1


@pytest.mark.parametrize(
    ("on", "alerted", "days"),
    [
        ([], 0.0, np.nan),
        ([7], 1.0, 7),  # the last list before the event, which comes in week 8
        ([4, 5, 6, 7], 1.0, 28),
        ([2, 3, 4, 5, 6, 7], 1.0, 42),
        ([2, 4, 6], 1.0, 42),  # one list without an alert is forgiven
        ([1, 4, 5], 1.0, 28),  # two are not: that was another spell
        ([0, 1], 0.0, np.nan),  # long over when the event came
    ],
)
def test_lead_time_is_that_of_the_spell_of_alerts_before_the_event(on: list[int], alerted: float, days: float) -> None:
    leaves = [("leaves", week, float(week >= 4), week in on) for week in range(8)]
    stays = [("stays", week, 0.0, True) for week in range(8)]
    test, alert = alerts(*leaves, *stays)
    share, lead = (values[0] for values in lead_time(test, alert, Resampling(test.students, 0, 1)))
    assert share == alerted
    assert lead == pytest.approx(days, nan_ok=True)


def test_lead_time_of_an_event_soon_after_the_first_list() -> None:
    test, alert = alerts(("soon", 0, 1.0, True), ("soon", 1, 1.0, True), ("stays", 2, 0.0, False))
    share, lead = (values[0] for values in lead_time(test, alert, Resampling(test.students, 0, 1)))
    assert (share, lead) == (1.0, 14.0)
