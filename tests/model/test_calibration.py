"""Maps from the trees' to the served log-odds: they find what was put in, never turn the order, and add up."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BadInput
from model.calibration import KINDS, NONE, Calibration, CalibrationSettings, choose, fit
from model.risk import probability

SETTINGS = CalibrationSettings()
number = st.floats(-5, 5)


def drawn(truth: Calibration, n: int, seed: int, spread: float = 1.5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Trees' log-odds, answers that follow the truth, and as many students."""
    random = np.random.default_rng(seed)
    z = random.normal(-2, spread, n)
    return z, (random.random(n) < probability(truth(z))).astype("float64"), np.arange(n)


CURVES = {
    "line": Calibration("line", (0.8, -0.5)),
    "beta": Calibration("beta", (0.5, 1.4, -0.3)),
    "isotonic": Calibration("isotonic", (-6.0, -3.0, -1.5, 2.0, -4.5, -4.0, -1.0, -0.5)),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_each_kind_finds_a_curve_of_its_own(kind: str) -> None:
    truth = CURVES[kind]
    z, y, students = drawn(truth, 60_000, 1)
    found = fit(kind, z, y, students, CalibrationSettings(doubt=10.0))
    middle = np.linspace(*np.quantile(z, [0.02, 0.98]), 50)
    assert np.abs(probability(found(middle)) - probability(truth(middle))).max() < 0.05


def test_later_time_chooses_what_fits_and_the_simplest_where_nothing_is_gained() -> None:
    for kind in KINDS:
        z, y, students = drawn(CURVES[kind], 24_000, 2)
        stretch = np.arange(24_000) // 6_000
        made, tried = choose(z, y, stretch, stretch + 1, students, SETTINGS)
        assert [one.kind for one in tried] == list(KINDS)
        assert sum(one.chosen for one in tried) == 1
        assert tried[0].gain == 0
        if kind == "line":
            assert made.kind == "line"
        else:
            gain = max(one.gain for one in tried)
            assert made.kind != "line"
            assert gain > 0
            assert next(one.gain for one in tried if one.chosen) == gain


def test_a_stretch_is_judged_by_answers_that_were_known_before_it() -> None:
    z, y, students = drawn(NONE, 12_000, 7)
    stretch = np.arange(12_000) // 4_000 * 10
    is_late = (stretch == 0) & (np.arange(12_000) % 2 == 1)
    known_day = np.where(is_late, 15, stretch + 5)  # half of the first stretch's answers, while the second one runs
    turned = np.where(is_late, 1 - y, y)
    for last, moved in ((10, False), (20, True)):
        here = stretch <= last
        losses = [
            choose(z[here], one[here], stretch[here], known_day[here], students[here], SETTINGS)[1][0].loss
            for one in (y, turned)
        ]
        assert (losses[0] != losses[1]) == moved


def test_few_cases_are_given_a_line() -> None:
    z, y, students = drawn(CURVES["isotonic"], 600, 3)
    assert 10 < y.sum() < SETTINGS.cases_for_choice
    made, tried = choose(z, y, np.arange(600) // 200, np.arange(600) // 200 + 1, students, SETTINGS)
    assert (made.kind, [one.kind for one in tried]) == ("line", ["line"])


def test_a_change_of_level_in_one_stretch_does_not_become_the_level() -> None:
    z, y, students = drawn(NONE, 8_000, 4)
    flood = np.arange(8_000) >= 6_000
    y = np.where(flood, np.random.default_rng(5).random(8_000) < probability(z + 2), y).astype("float64")
    stretch = np.arange(8_000) // 2_000
    pooled, _ = choose(z, y, stretch, stretch + 1, students, SETTINGS)
    newest = fit("line", z[flood], y[flood], students[flood], SETTINGS)
    assert np.median(pooled(z) - z) < np.median(newest(z) - z) - 0.5


def test_few_cases_move_the_level_and_hardly_the_spread() -> None:
    z, y = np.linspace(-4, 0, 60), np.zeros(60)
    y[[3, 4]] = 1  # two cases where the trees expect none
    slope, intercept = fit("line", z, y, np.arange(60), SETTINGS).numbers
    assert 0.5 < slope < 1.0
    assert intercept < 0


def test_answers_turned_round_make_a_level_and_not_a_turned_list() -> None:
    z, y, students = drawn(NONE, 5_000, 6)
    for kind in KINDS:
        assert (np.diff(fit(kind, z, 1 - y, students, SETTINGS)(np.linspace(-8, 8, 200))) >= 0).all(), kind


@given(
    st.sampled_from(list(KINDS)),
    st.lists(st.tuples(number, number), min_size=2, max_size=6),
    st.lists(st.lists(number, min_size=4, max_size=4), min_size=1, max_size=8),
)
@settings(max_examples=100, deadline=None)
def test_contributions_keep_sign_order_and_shares_and_add_up(
    kind: str, points: list[tuple[float, float]], rows: list[list[float]]
) -> None:
    if kind == "isotonic":
        x, y = (np.cumsum(0.1 + np.abs(side)) for side in np.transpose(points))
        numbers: tuple[float, ...] = (*x, *y)
    else:
        numbers = (abs(points[0][0]), *(abs(p[1]) for p in points[: KINDS[kind] - 2]), points[1][1])
    calibration = Calibration(kind, numbers)
    parts = np.array(rows)
    served = calibration.spread(parts)
    assert np.allclose(served.sum(axis=1), calibration(parts.sum(axis=1)), atol=1e-6)
    assert np.allclose(served[:, -1], calibration(parts[:, -1]))
    stretch = served[:, :-1].sum(axis=1) / np.where(parts[:, :-1].sum(axis=1) == 0, np.nan, parts[:, :-1].sum(axis=1))
    assert not (stretch < -1e-9).any()
    again = Calibration.of(json.loads(json.dumps(calibration.as_dict())))
    assert again == calibration


@pytest.mark.parametrize(
    ("kind", "numbers"),
    [
        ("line", (-1.0, 0.0)),
        ("line", (1.0,)),
        ("beta", (1.0, -0.1, 0.0)),
        ("isotonic", (0.0, 1.0, 1.0, 0.5)),
        ("isotonic", (1.0, 1.0, 0.0, 0.5)),
        ("isotonic", (0.0, 1.0, 2.0)),
        ("line", (float("nan"), 0.0)),
        ("spline", (1.0, 0.0)),
    ],
)
def test_what_turns_the_order_or_is_unknown_is_refused(kind: str, numbers: tuple[float, ...]) -> None:
    with pytest.raises(BadInput, match="no such map"):
        Calibration(kind, numbers)
