"""Effects: what is served; for one student, how much more probable each action makes it that the student stays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np

from features.errors import BadInput
from model.uplift.final import Kept, Ridge, Scale, Trees


@dataclass(frozen=True)
class ActionEffect:
    """What is known of one action.

    Attributes:
        kept: the share of leavers it keeps on average.
        kappa: how much of d is believed, 0-1: its measured slope.
        ridge: d of level L2, and at every level what the interval is made of.
        trees: d of level L3.
    """

    kept: Kept
    kappa: float = 0.0
    ridge: Ridge | None = None
    trees: Trees | None = None


@dataclass(frozen=True)
class Effects:
    """The effect of each action on the probability of staying.

    Attributes:
        level: `L0` nothing is measured, `L1` risk x average effect, `L2` linear, `L3` small trees.
        actions: `no_action` and those that are measured; an action of which too little is known is not among them.
        features: names of the columns of x.
        scale: how rows become columns.
        of_action: by action.
        least_risk: a risk below this counts as so much.
        confidence: of the intervals.
        meta: plain values that go with it: label, why this level, average effects.
        version: name of its content; empty until it is saved.
    """

    level: str
    actions: tuple[str, ...]
    features: tuple[str, ...]
    scale: Scale
    of_action: Mapping[str, ActionEffect]
    least_risk: float
    confidence: float
    meta: Mapping[str, Any] = field(default_factory=dict)
    version: str = ""

    def of(self, x: np.ndarray, risk: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Effects with their intervals; the same for a row alone and among others, to the last bit.

        Args:
            x: (n, f) float64 in the order of `features`; NaN is unknown.
            risk: (n,) chance of leaving; where it is NaN, so is the effect.

        Returns:
            tau, low, high: each (n, k - 1), a column for each of `actions` but the first, between -(1 - risk) and risk.

        Raises:
            BadInput: a shape, type or value does not fit.
        """
        self._refuse(x, risk)
        z = NormalDist().inv_cdf(0.5 + self.confidence / 2)
        scaled, columns = self._scaled(risk), self.scale(x, risk)
        tau, width = np.empty((2, len(x), len(self.actions) - 1))
        for at, name in enumerate(self.actions[1:]):
            one = self.of_action[name]
            apart = one.kappa * self._apart(one, x, risk, columns)
            doubt = one.kept.variance + _doubt(one, columns, apart)
            tau[:, at], width[:, at] = scaled * (one.kept.share + apart), z * scaled * np.sqrt(doubt)
        most, least = risk[:, None], risk[:, None] - 1
        tau, low, high = (np.clip(value, least, most) for value in (tau, tau - width, tau + width))
        return tau, low, high

    def contributions(self, x: np.ndarray, risk: np.ndarray) -> np.ndarray:
        """Exact SHAP of the effects, already shrunk: a row sums to its tau before the clip.

        Args:
            x, risk: as for `of`.

        Returns:
            (n, k - 1, f + 2): what each feature adds, then the risk beyond its share, then the base: the average
            share kept times the student's risk. At L1 all but the base are 0.
        """
        self._refuse(x, risk)
        scaled, columns = self._scaled(risk), self.scale(x, risk)
        width = len(self.features)
        found = np.zeros((len(x), len(self.actions) - 1, width + 2))
        for at, name in enumerate(self.actions[1:]):
            one = self.of_action[name]
            own = found[:, at]
            if self.level == "L3" and one.trees:
                own += one.trees.parts(np.column_stack([x, risk]))
            elif self.level == "L2" and one.ridge:
                parts = one.ridge.parts(columns)
                own[:, : width + 1] += parts[:, : width + 1]
                own[:, self.scale.missing] += parts[:, width + 1 :]
            own *= one.kappa
            own[:, -1] += one.kept.share
            own *= scaled[:, None]
        return found

    def _apart(self, one: ActionEffect, x: np.ndarray, risk: np.ndarray, columns: np.ndarray) -> np.ndarray:
        if self.level == "L3" and one.trees:
            return one.trees(np.column_stack([x, risk]))
        return one.ridge(columns) if self.level == "L2" and one.ridge else np.zeros(len(x))

    def _scaled(self, risk: np.ndarray) -> np.ndarray:
        return np.maximum(risk, self.least_risk)

    def _refuse(self, x: np.ndarray, risk: np.ndarray) -> None:
        if x.ndim != 2 or x.shape[1] != len(self.features) or x.dtype != np.float64 or risk.shape != (len(x),):
            raise BadInput(
                f"rows are {x.dtype} of shape {x.shape} with risks of shape {risk.shape}; wanted are float64 of shape "
                f"(n, {len(self.features)}) and (n,)",
                where="uplift",
            )
        if np.isinf(x).any() or ((risk < 0) | (risk > 1)).any():
            raise BadInput("a feature is infinite or a risk is no probability", where="uplift", mend="Unknown is NaN")


def _doubt(one: ActionEffect, columns: np.ndarray, apart: np.ndarray) -> np.ndarray:
    """How far the student's own share may be from what is served, squared, (n,).

    What the line leaves open and no line tells, and what the line says beyond what is served.
    """
    if one.ridge is None:
        return np.zeros(len(columns))
    return one.ridge.variance(columns) + (one.ridge(columns) - apart) ** 2
