from __future__ import annotations

import numpy as np
import pytest

from experiments.power import power, sample_size, smallest_detectable
from features.errors import BadInput


def seen_in_simulation(base: float, effect: float, control: int, treatment: int, times: int = 40_000) -> float:
    """How often the readout's interval lies wholly above 0."""
    rng = np.random.default_rng(5)
    p0 = rng.binomial(control, base, times) / control
    p1 = rng.binomial(treatment, base + effect, times) / treatment
    spread = np.sqrt(p0 * (1 - p0) / control + p1 * (1 - p1) / treatment)
    return float(np.mean(p1 - p0 - 1.959964 * spread - (1 / control + 1 / treatment) / 2 > 0))


@pytest.mark.parametrize(
    ("base", "effect", "control", "treatment"),
    [(0.8, 0.08, 200, 1800), (0.7, 0.15, 80, 720), (0.5, 0.1, 300, 300), (0.9, 0.03, 1000, 4000)],
)
def test_power_is_how_often_the_interval_leaves_out_0(base, effect, control, treatment):
    seen = seen_in_simulation(base, effect, control, treatment)
    # High shares are skewed and control is small, so the formula promises a little less than the test keeps.
    assert -0.005 < seen - power(base, effect, control, treatment) < 0.025


def test_the_smallest_detectable_rise_has_the_wanted_power():
    rise = smallest_detectable(0.8, 200, 1800, wanted=0.8)
    assert power(0.8, rise, 200, 1800) == pytest.approx(0.8, abs=1e-6)
    assert 0.05 < rise < 0.12


def test_more_students_show_smaller_rises():
    rises = [smallest_detectable(0.8, n, 9 * n) for n in (100, 200, 400, 800)]
    assert rises == sorted(rises, reverse=True)


def test_a_tiny_group_can_show_nothing():
    assert smallest_detectable(0.9, 10, 90) is None


def test_nothing_rises_above_everybody():
    assert smallest_detectable(1.0, 1000, 9000) is None


@pytest.mark.parametrize(
    ("base", "effect", "share"), [(0.8, 0.0, 0.1), (0.8, 0.3, 0.1), (0.2, -0.3, 0.5), (0.8, 0.1, 0)]
)
def test_what_no_number_of_students_can_show_is_refused(base, effect, share):
    with pytest.raises(BadInput, match="no number of students"):
        sample_size(base, effect, share)


@pytest.mark.parametrize("control_share", [0.1, 0.3, 0.5])
def test_the_sample_size_shows_the_effect_and_one_less_does_not(control_share):
    groups = sample_size(0.8, 0.08, control_share)
    assert groups.control / sum(groups) == pytest.approx(control_share, abs=0.005)
    assert power(0.8, 0.08, *groups) >= 0.8
    assert power(0.8, 0.08, 0.99 * groups.control, 0.99 * groups.treatment) < 0.8


def test_even_groups_need_the_fewest():
    totals = {share: sum(sample_size(0.5, 0.05, share)) for share in (0.05, 0.1, 0.5)}
    assert totals[0.5] < totals[0.1] < totals[0.05]


def test_a_fall_is_seen_as_well_as_a_rise():
    assert power(0.5, -0.1, 300, 300) == pytest.approx(power(0.5, 0.1, 300, 300))
