"""The lot: a known share of decisions is drawn and not chosen, so that what an action does can be learnt from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import fsum
from typing import NamedTuple

from experiments.assign import unit_interval


class Draw(NamedTuple):
    """What came of the lot.

    Attributes:
        action: that is recommended.
        explored: whether the lot chose it and not its worth.
        u: the number drawn, 0-1; None where there was nothing to draw.
        propensities: the chance that each eligible action had; they sum to 1.
    """

    action: str
    explored: bool
    u: float | None
    propensities: Mapping[str, float]


def draw(
    best: str, eligible: Sequence[str], weights: Sequence[tuple[str, float]], share: float, salt: str, name: str
) -> Draw:
    """Takes the best action, or with a known small chance one by lot.

    pi(a) = (1 - share) [a = best] + share q(a), where q is proportional to the weights. The number drawn depends on
    the salt and the name alone, so that whoever asks again, and how often, gets the same.

    Args:
        best: the action of the highest net worth.
        eligible: every action that may be done.
        weights: of the actions that a lot may choose, all of them eligible; none is no lot.
        share: of decisions that are drawn, 0-1.
        salt: of the school.
        name: of the decision.
    """
    if not weights or not share:
        return Draw(best, False, None, {action: float(action == best) for action in eligible})
    whole = fsum(weight for _, weight in weights)
    q = {action: weight / whole for action, weight in weights}
    pi = {action: (1 - share) * (action == best) + share * q.get(action, 0.0) for action in eligible}
    u = unit_interval(salt, name)
    if u >= share:
        return Draw(best, False, u, pi)
    at, reached = u / share, 0.0
    for action, chance in q.items():
        reached += chance
        if at < reached:
            return Draw(action, True, u, pi)
    return Draw(weights[-1][0], True, u, pi)  # the chances may sum to a hair less than 1
