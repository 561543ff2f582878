"""The risk of one label: LightGBM, then a sigmoid fitted on later time, so that the number is a probability."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np

from features.errors import BadConfig, BadInput

if TYPE_CHECKING:
    from model.dataset import Dataset, Split

FEW_ROWS = 256  # up to here one thread is faster than waking the others, and stays fast beside a busy neighbour


@dataclass(frozen=True)
class RiskSettings:
    """How the trees are grown; see configs/model.toml."""

    rounds: int = 200
    learning_rate: float = 0.05
    depth: int = 4
    leaves: int = 16
    l2: float = 10.0
    feature_share: float = 0.7
    least_leaf_share: float = 0.005
    least_leaf_hessian: float = 5.0
    bins: int = 63
    threads: int = 1

    def __post_init__(self) -> None:
        if not (1 <= self.depth <= 5 and 2 <= self.leaves <= 24 and 1 <= self.rounds <= 2000):
            raise BadConfig(
                "depth must be 1-5, leaves 2-24 and rounds 1-2000: deeper trees make exact reasons slow",
                where="model.toml [risk]",
            )


@dataclass(frozen=True)
class RiskModel:
    """Trees and their calibration: served log-odds = slope * trees + intercept.

    The line keeps TreeSHAP additive in the log-odds that are served.
    """

    booster: lightgbm.Booster
    features: tuple[str, ...]
    slope: float
    intercept: float

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """Served log-odds.

        Args:
            x: (n, f) float64 in the order of `features`; NaN is unknown.

        Returns:
            (n,) float64.

        Raises:
            BadInput: the shape or type does not fit, or a value is infinite.
        """
        return self.slope * self._predict(x, raw_score=True) + self.intercept

    def score(self, x: np.ndarray) -> np.ndarray:
        """Probability of the event within the horizon, (n,) float64; arguments and errors as `log_odds`."""
        return _sigmoid(self.log_odds(x))

    def contributions(self, x: np.ndarray) -> np.ndarray:
        """Exact TreeSHAP in served log-odds (Lundberg et al. 2020, Nature Machine Intelligence 2:56-67).

        Costs some hundred times a score: explain what people will read, not everyone.

        Returns:
            (n, f + 1) float64; the last column is the base, and a row sums to its `log_odds`.
        """
        parts = self.slope * self._predict(x, pred_contrib=True)
        parts[:, -1] += self.intercept
        return parts

    def _predict(self, x: np.ndarray, **how: bool) -> np.ndarray:
        if x.ndim != 2 or x.shape[1] != len(self.features) or x.dtype != np.float64:
            raise BadInput(
                f"rows are {x.dtype} of shape {x.shape}, the model wants float64 of shape (n, {len(self.features)})",
                where="score",
            )
        if np.isinf(x).any():
            raise BadInput("a feature is infinite", where="score", mend="Unknown is written as NaN")
        if not len(x):
            return np.empty((0, len(self.features) + 1) if "pred_contrib" in how else 0)
        return np.asarray(self.booster.predict(x, num_threads=1 if len(x) <= FEW_ROWS else 0, **how))


def fit(split: Split, settings: RiskSettings, seed: int, monotone: Mapping[str, int]) -> RiskModel:
    """Grows trees on the fitting part and fits the sigmoid on the calibration part.

    The number of rounds is fixed: with a few dozen cases early stopping is a coin toss, while monotone constraints and
    strong regularisation make more rounds harmless.

    Args:
        split: its test part is not looked at.
        settings: how the trees are grown.
        seed: the same seed and rows give the same bytes, for any number of threads.
        monotone: feature -> 1 (more means more risk), -1 (less) or 0; a feature that is not named is free.
    """
    trees = grow(split.fit, split.fit.y, settings, seed, monotone)
    slope, intercept = _platt(trees.log_odds(split.calibrate.x), split.calibrate.y)
    return replace(trees, slope=slope, intercept=intercept)


def grow(part: Dataset, y: np.ndarray, settings: RiskSettings, seed: int, monotone: Mapping[str, int]) -> RiskModel:
    """Trees without a calibration, on the rows of a part with the labels given; see `fit`."""
    params: dict[str, Any] = {
        "objective": "binary",
        "learning_rate": settings.learning_rate,
        "max_depth": settings.depth,
        "num_leaves": settings.leaves,
        "lambda_l2": settings.l2,
        "feature_fraction": settings.feature_share,
        "min_data_in_leaf": max(20, math.ceil(settings.least_leaf_share * len(part))),
        "min_sum_hessian_in_leaf": settings.least_leaf_hessian,
        "max_bin": settings.bins,
        "monotone_constraints": [int(monotone.get(name, 0)) for name in part.features],
        "monotone_constraints_method": "intermediate",
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": settings.threads,
        "verbosity": -1,
    }
    table = lightgbm.Dataset(part.x, y, feature_name=list(part.features), params={"verbosity": -1})
    return RiskModel(lightgbm.train(params, table, num_boost_round=settings.rounds), part.features, 1.0, 0.0)


def _sigmoid(log_odds: np.ndarray) -> np.ndarray:
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0, small) / (1.0 + small)


def _platt(raw: np.ndarray, y: np.ndarray, doubt: float = 0.25) -> tuple[float, float]:
    """Slope and intercept of a sigmoid with Platt's smoothed targets.

    The slope has a normal prior around 1 with deviation ``doubt``, so that a few cases move the level and hardly the
    spread; it is never negative. Newton's method with a step halved until the loss falls.

    Source: Platt (1999), Probabilistic outputs for support vector machines; Lin, Lin and Weng (2007) for the method.
    """
    cases = float(y.sum())
    others = len(y) - cases
    target = np.where(y == 1, (cases + 1) / (cases + 2), 1 / (others + 2))
    design = np.column_stack([raw, np.ones_like(raw)])
    weight = np.array([1 / doubt**2, 0.0])

    def loss(beta: np.ndarray) -> float:
        z = design @ beta
        return float(np.sum(np.logaddexp(0, z) - target * z) + weight[0] / 2 * (beta[0] - 1) ** 2)

    beta = np.array([1.0, 0.0])
    for _ in range(100):
        p = _sigmoid(design @ beta)
        slope = design.T @ (p - target) + weight * (beta - [1.0, 0.0])
        bend = design.T @ (design * (p * (1 - p))[:, None]) + np.diag(weight) + 1e-9 * np.eye(2)
        step, share = np.linalg.solve(bend, slope), 1.0
        while loss(beta - share * step) > loss(beta) and share > 1e-6:
            share /= 2
        beta = beta - share * step
        if np.abs(share * step).max() < 1e-12:
            break
    return max(0.0, float(beta[0])), float(beta[1])
