"""The risk of one label: LightGBM, then a calibration chosen by later time, so that the number is a probability."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import lightgbm
import numpy as np

from features.errors import BadConfig, BadInput
from model.calibration import NONE, Calibration

if TYPE_CHECKING:
    from model.dataset import Dataset

FEW_ROWS = 256  # up to here one thread is faster than waking the others, and stays fast beside a busy neighbour


@dataclass(frozen=True)
class RiskSettings:
    """How the trees are grown; see configs/model.toml."""

    rounds: int = 200
    learning_rate: float = 0.05
    depth: int = 3
    leaves: int = 8
    l2: float = 50.0
    feature_share: float = 0.2
    row_share: float = 0.5
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
        shares = (self.feature_share, self.row_share, self.learning_rate)
        if not all(0 < share <= 1 for share in shares):  # NaN is none of these
            raise BadConfig(
                "feature_share, row_share and learning_rate must be above 0 and at most 1", where="model.toml [risk]"
            )
        if not (
            0 <= self.least_leaf_share < 0.5 and 0 <= self.l2 < math.inf and 0 <= self.least_leaf_hessian < math.inf
        ):
            raise BadConfig(
                "least_leaf_share must be from 0 to 0.5, l2 and least_leaf_hessian not negative",
                where="model.toml [risk]",
            )
        if not 2 <= self.bins <= 65_535 or self.threads < 1:
            raise BadConfig("bins must be 2-65535 and threads at least 1", where="model.toml [risk]")


@dataclass(frozen=True)
class RiskModel:
    """Trees, and the map from their log-odds to those that are served."""

    booster: lightgbm.Booster
    features: tuple[str, ...]
    calibration: Calibration

    def log_odds(self, x: np.ndarray) -> np.ndarray:
        """Served log-odds.

        Args:
            x: (n, f) float64 in the order of `features`; NaN is unknown.

        Returns:
            (n,) float64.

        Raises:
            BadInput: the shape or type does not fit, or a value is infinite.
        """
        return self.calibration(self.raw_log_odds(x))

    def raw_log_odds(self, x: np.ndarray) -> np.ndarray:
        """The trees' own log-odds; arguments and errors as `log_odds`."""
        return self._predict(x, raw_score=True)

    def score(self, x: np.ndarray) -> np.ndarray:
        """Probability of the event within the horizon, (n,) float64; arguments and errors as `log_odds`."""
        return probability(self.log_odds(x))

    def contributions(self, x: np.ndarray) -> np.ndarray:
        """Exact TreeSHAP in served log-odds (Lundberg et al. 2020, Nature Machine Intelligence 2:56-67).

        Costs some hundred times a score: explain what people will read, not everyone.

        Returns:
            (n, f + 1) float64; the last column is the base, and a row sums to its `log_odds`.
        """
        return self.calibration.spread(self._predict(x, pred_contrib=True))

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


def grow(part: Dataset, y: np.ndarray, settings: RiskSettings, seed: int, monotone: Mapping[str, int]) -> RiskModel:
    """Trees without a calibration.

    The number of rounds is fixed: with a few dozen cases early stopping is a coin toss, while monotone constraints and
    strong regularisation make more rounds harmless.

    Args:
        part: the rows.
        y: (n,) their labels.
        settings: how the trees are grown.
        seed: the same seed and rows give the same bytes, for any number of threads.
        monotone: feature -> 1 (more means more risk), -1 (less) or 0; a feature that is not named is free.
    """
    params: dict[str, Any] = {
        "objective": "binary",
        "learning_rate": settings.learning_rate,
        "max_depth": settings.depth,
        "num_leaves": settings.leaves,
        "lambda_l2": settings.l2,
        "feature_fraction": settings.feature_share,
        "bagging_fraction": settings.row_share,
        "bagging_freq": 1,
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
    return RiskModel(lightgbm.train(params, table, num_boost_round=settings.rounds), part.features, NONE)


def probability(log_odds: np.ndarray) -> np.ndarray:
    """Of log-odds, without overflow."""
    small = np.exp(-np.abs(log_odds))
    return np.where(log_odds >= 0, 1.0, small) / (1.0 + small)
