"""What would lower a risk: what the model would say if one thing were as is usual among course-mates."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class WhatIf:
    """One thing that a person can change, and the risk that the model would give then.

    It says how the model counts, and promises nothing: those who differ in one thing differ in others too.

    Attributes:
        feature: what is told of it; see `what_ifs`.
        now: the student's value.
        then: what is usual among course-mates.
        risk: what the model would say then, 0-1.
    """

    feature: str
    now: float
    then: float
    risk: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"feature": self.feature, "from": self.now, "to": self.then, "risk": self.risk}


def what_ifs(
    score: Callable[[np.ndarray], np.ndarray],
    x: np.ndarray,
    contributions: np.ndarray,
    usual: np.ndarray,
    features: Sequence[str],
    *,
    steps: Mapping[str, str],
    worse: Mapping[str, int],
    standings: Collection[str],
    least_fall: float,
    most: int = 3,
) -> list[list[WhatIf]]:
    """The steps that would lower each risk most.

    For each step, those of its features where the student is worse off than is usual are set to the usual value, all
    of them together, and the row is scored again. Of these features the one that raises the risk most is told.

    Source: counterfactual explanations (Wachter, Mittelstadt and Russell 2018, Harvard Journal of Law & Technology
    31:841-887). Theirs is the nearest point where the answer changes; ours goes no further than to what is usual, and
    changes together what one step changes together (Karimi, Schoelkopf and Valera 2021, FAccT, 353-362).

    Args:
        score: (k, f) rows -> (k,) risks; it is asked once for each step.
        x: (n, f) values, NaN is unknown and stays so.
        contributions: (n, f) or (n, f + 1), as `model.risk.RiskModel.contributions` gives them.
        usual: (n, f) what is usual among each row's course-mates, NaN where that is not known.
        features: (f,) names.
        steps: feature -> the step that changes it; one that is not named is never changed.
        worse: feature -> 1 where more of it is worse, -1 where less is.
        standings: features that are ranks among course-mates; they move with their step and are not told.
        least_fall: the share of the risk, 0-1, that a step must take off to be told.
        most: steps told for a row.

    Returns:
        For each row up to ``most``, the lowest risk first.
    """
    found: list[list[WhatIf]] = [[] for _ in x]
    if not len(x):
        return found
    risk = score(x)
    is_worse = np.array([worse.get(name, 0) for name in features]) * (x - usual) > 0
    is_told = np.array([name not in standings for name in features])
    for step in dict.fromkeys(steps.values()):
        moved = is_worse & [steps.get(name) == step for name in features]
        rows = np.flatnonzero((moved & is_told).any(axis=1))
        if not len(rows):
            continue
        risks = score(np.where(moved[rows], usual[rows], x[rows]))
        loudest = np.where(moved & is_told, contributions[:, : len(features)], -np.inf).argmax(axis=1)
        for at, then in zip(rows, risks, strict=True):
            if then <= (1 - least_fall) * risk[at]:
                column = loudest[at]
                now, goal = float(x[at, column]), float(usual[at, column])
                found[at].append(WhatIf(features[column], now, goal, float(then)))
    return [sorted(steps_of_row, key=lambda one: one.risk)[:most] for steps_of_row in found]
