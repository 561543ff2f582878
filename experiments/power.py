"""Power: how small a difference between two shares a number of students can show, and how many students it takes.

Everything here is about the test that `experiments.readout` makes: the difference of two shares with its own
variance in each group, normal approximation with the continuity correction (Fleiss, Levin and Paik, Statistical
Methods for Rates and Proportions, 2003, chapters 3 and 4), two-sided.
"""

from __future__ import annotations

from math import ceil, sqrt
from statistics import NormalDist
from typing import NamedTuple

from features.errors import BadInput

_NORMAL = NormalDist()


class Groups(NamedTuple):
    """Students needed in each group."""

    control: int
    treatment: int


def power(base: float, effect: float, control: float, treatment: float, *, confidence: float = 0.95) -> float:
    """The chance that the interval leaves out 0, on the side of the true effect.

    Args:
        base: share in control, 0-1.
        effect: true difference, treatment minus control.
        control, treatment: students in each group.
        confidence: of the interval.

    Returns:
        0-1.
    """
    other = min(max(base + effect, 0.0), 1.0)
    spread = sqrt(base * (1 - base) / control + other * (1 - other) / treatment)
    seen = abs(effect) - (1 / control + 1 / treatment) / 2
    if spread == 0:
        return float(seen > 0)
    return _NORMAL.cdf(seen / spread - _NORMAL.inv_cdf((1 + confidence) / 2))


def smallest_detectable(
    base: float, control: float, treatment: float, *, confidence: float = 0.95, wanted: float = 0.8
) -> float | None:
    """The smallest rise over ``base`` that the groups show with the wanted power.

    Args:
        base: share in control, 0-1.
        control, treatment: students in each group.
        confidence: of the interval.
        wanted: power, 0-1.

    Returns:
        A difference of shares; None when even the largest possible rise, to 1, is too small to be shown.
    """
    low, high = 0.0, 1 - base
    if power(base, high, control, treatment, confidence=confidence) < wanted:
        return None
    while high - low > 1e-9:
        middle = (low + high) / 2
        if power(base, middle, control, treatment, confidence=confidence) < wanted:
            low = middle
        else:
            high = middle
    return high


def sample_size(
    base: float, effect: float, control_share: float, *, confidence: float = 0.95, wanted: float = 0.8
) -> Groups:
    """The students it takes to show an effect with the wanted power.

    Args:
        base: share in control, strictly between 0 and 1.
        effect: difference of shares, not 0.
        control_share: share of all students that are in control, strictly between 0 and 1.
        confidence: of the interval.
        wanted: power, 0-1.

    Raises:
        BadInput: no number of students could show it.
    """
    if effect == 0 or not 0 <= base + effect <= 1 or not 0 < control_share < 1:
        raise BadInput(
            f"no number of students shows a change of {effect:+g} from {base:g}, control share {control_share:g}",
            mend="The effect must not be 0, the share after it must lie between 0 and 1, and both groups need students",
        )
    low, high = 1.0, 2.0

    def enough(count: float) -> bool:
        groups = count * control_share, count * (1 - control_share)
        return power(base, effect, *groups, confidence=confidence) >= wanted

    while not enough(high):
        low, high = high, 2 * high
    while high - low > 0.5:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return Groups(ceil(high * control_share), ceil(high * (1 - control_share)))
