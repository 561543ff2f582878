from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.decisions.coverage_uplift import draw
from features.errors import BadInput
from model.uplift import learn
from model.uplift.effects import ActionEffect
from model.uplift.final import Kept

LEVELS = ("L1", "L2", "L3")


@pytest.fixture(scope="module")
def new():
    return draw(300, 50, "linear", "launch")


@pytest.mark.parametrize("level", LEVELS)
def test_a_row_alone_gets_what_it_gets_among_others(served_at, new, level):
    effects, x, risk = served_at[level], new.trial.x, new.trial.risk
    whole = effects.of(x, risk)
    for at in range(0, len(x), 7):
        alone = effects.of(x[at : at + 1], risk[at : at + 1])
        assert all((a[0] == b[at]).all() for a, b in zip(alone, whole, strict=True))


@pytest.mark.parametrize("level", LEVELS)
def test_effects_are_on_the_probability_scale(served_at, new, level):
    risk = np.linspace(0, 1, len(new.trial.risk))
    tau, low, high = served_at[level].of(new.trial.x, risk)
    assert ((low <= tau) & (tau <= high)).all()
    assert ((low >= risk[:, None] - 1) & (high <= risk[:, None])).all()
    assert (tau[0] <= 0).all()  # nobody can be kept who does not leave


@pytest.mark.parametrize("level", LEVELS)
def test_their_mean_is_the_average_effect(linear, of_linear, served_at, level):
    """Log-odds or hazards in their place would not be."""
    tau = served_at[level].of(linear.trial.x, linear.trial.risk)[0]
    for at, name in enumerate(linear.trial.actions[1:]):
        assert of_linear.ate[name].low <= tau[:, at].mean() <= of_linear.ate[name].high


@pytest.mark.parametrize("level", LEVELS)
def test_contributions_sum_to_the_effect(served_at, new, level):
    effects, x, risk = served_at[level], new.trial.x, np.full(len(new.trial.risk), 0.4)
    parts, (tau, *_) = effects.contributions(x, risk), effects.of(x, risk)
    inside = (tau > -0.6) & (tau < 0.4)  # not clipped
    assert inside.mean() > 0.9
    np.testing.assert_allclose(parts.sum(axis=2)[inside], tau[inside], atol=1e-12)
    told = np.abs(parts[:, :, : len(effects.features)]).mean(axis=(0, 1))
    if level == "L1":
        assert not parts[:, :, :-1].any()
    elif level == "L2":
        assert np.argmax(told) in (0, 1, 2, 3, 4)  # only they change what an action does
    else:
        assert told.max() > 0


def test_an_effect_is_shrunk_by_its_slope(served_at, new):
    effects, x, risk = served_at["L2"], new.trial.x, np.full(len(new.trial.risk), 0.4)
    name = effects.actions[2]
    one = effects.of_action[name]

    def believed(kappa: float) -> np.ndarray:
        return replace(effects, of_action={**effects.of_action, name: replace(one, kappa=kappa)}).of(x, risk)[0][:, 1]

    average = 0.4 * one.kept.share
    np.testing.assert_allclose(believed(0.0), average)
    np.testing.assert_allclose(believed(0.5) - average, (believed(1.0) - average) / 2, atol=1e-12)
    assert 0 <= one.kappa <= 1


def test_what_cannot_be_saved_is_clipped(served_at):
    effects = served_at["L1"]
    of_action = {
        name: ActionEffect(Kept(share, 0.01)) for name, share in zip(effects.actions[1:], (3.0, -9.0, 0.5), strict=True)
    }
    x = np.zeros((1, len(effects.features)))
    tau, low, high = replace(effects, of_action=of_action).of(x, np.array([0.3]))
    np.testing.assert_allclose(tau, [[0.3, -0.7, 0.15]])
    assert (high <= 0.3).all()
    assert (low >= -0.7).all()


def test_unknown_values_and_risks(served_at):
    for effects in served_at.values():
        x = np.full((2, len(effects.features)), np.nan)
        tau, low, high = effects.of(x, np.array([0.2, np.nan]))
        assert np.isfinite([tau[0], low[0], high[0]]).all()
        assert np.isnan([tau[1], low[1], high[1]]).all()


@pytest.mark.parametrize(
    ("x", "risk"),
    [
        (np.zeros((2, 3)), np.zeros(2)),
        (np.zeros((2, 20)), np.zeros(3)),
        (np.full((2, 20), np.inf), np.zeros(2)),
        (np.zeros((2, 20)), np.array([0.1, 1.5])),
        (np.zeros((2, 20), "float32"), np.zeros(2)),
    ],
)
def test_rows_that_do_not_fit_are_refused(served_at, x, risk):
    with pytest.raises(BadInput):
        served_at["L1"].of(x, risk)


def test_intervals_of_students_cover(served_at, settings):
    """Also where no line tells anything; and they are narrower than "anything between all and nothing"."""
    twisted = learn(draw(4000, 2, "interaction", "launch").trial, settings, seed=1, level="L2").effects
    for world, effects in [*(("linear", one) for one in served_at.values()), ("interaction", twisted)]:
        new = draw(2000, 51, world, "launch")
        _, low, high = effects.of(new.trial.x, new.trial.risk)
        assert ((low <= new.tau) & (new.tau <= high)).mean() > 0.93
        assert (high - low).mean() < 1.2 * new.trial.risk.mean()


def test_intervals_are_no_narrower_than_what_no_line_tells(served_at, new):
    for effects in served_at.values():
        beyond = [effects.of_action[name].ridge.beyond for name in effects.actions[1:]]
        assert beyond == [pytest.approx(0.25**2 / 2)] * 3
        risk = np.full(len(new.trial.risk), 0.4)
        tau, low, high = effects.of(new.trial.x, risk)
        inside = (low > -0.6) & (high < 0.4)  # not clipped
        assert inside.any()
        assert ((high - tau)[inside] >= 1.96 * 0.4 * np.sqrt(beyond[0]) - 1e-4).all()
