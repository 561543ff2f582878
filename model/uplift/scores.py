"""Doubly robust scores: what each student would have done under each action, right on average whatever the trees say.

Sources: Robins, Rotnitzky & Zhao (1994), JASA 89:846-866 (the score); Chernozhukov et al. (2018), Econometrics Journal
21:C1-C68 (cross-fitting); Semenova & Chernozhukov (2021), Econometrics Journal 24:264-289 (averages and projections).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import lightgbm
import numpy as np

from model.uplift.settings import TreeSettings
from model.uplift.trial import Trial

_FEW = 20  # outcomes of an arm: with fewer no standard error means anything
_SURE = 0.02  # probabilities nearer to 0 or 1 are held to be so near when noise is told from them


@dataclass(frozen=True)
class Scores:
    """Scores of one trial.

    Attributes:
        fold: (n,) the fold of each row; all rows of a student are in one.
        mu: (n, k) chance of staying under each action, foretold by trees that saw no row of the student.
        gamma: (n, k) doubly robust scores; their mean is the share retained had everybody been given the action.
            NaN where the action was not allowed.
        noise: (n, k) variance of `gamma` about the student's own chance; NaN as there.
    """

    fold: np.ndarray
    mu: np.ndarray
    gamma: np.ndarray
    noise: np.ndarray


@dataclass(frozen=True)
class Average:
    """A mean over students with its interval; clusters are students.

    Attributes:
        rows: that it is of.
        value: the mean; NaN where there are too few outcomes for any interval.
        error: its standard error, widened where it is itself estimated from few outcomes.
        low, high: its interval.
    """

    rows: int
    value: float
    error: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:+.2%} ({self.low:+.2%} to {self.high:+.2%})"

    def as_dict(self) -> dict[str, float]:
        """Plain values."""
        return {"value": self.value, "low": self.low, "high": self.high, "error": self.error, "rows": self.rows}


def score(trial: Trial, folds: int, trees: TreeSettings, seed: int) -> Scores:
    """Scores every row with trees that saw no row of its student.

    Args:
        trial: what was done and what became of it.
        folds: number of folds.
        trees: how the nuisance trees are grown.
        seed: of folds and trees.
    """
    fold = folds_of(trial.cluster, folds, seed)
    mu = np.empty(trial.propensities.shape)
    for number in range(folds):
        own = fold == number
        if own.any():
            mu[own] = _foretold(trial, ~own, own, trees, seed)
    gamma, noise = aipw(mu, trial.propensities, trial.action, trial.y)
    return Scores(fold, mu, gamma, noise)


def aipw(mu: np.ndarray, propensities: np.ndarray, action: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores and their noise, from logged propensities: these are never estimated.

    Args:
        mu: (n, k) foretold chances, probabilities and never log-odds.
        propensities: (n, k) as logged.
        action: (n,) what was done.
        y: (n,) 0 or 1.

    Returns:
        gamma (n, k) and noise (n, k), NaN where the propensity is 0.

    Raises:
        ValueError: a foretold chance is no probability.
    """
    if not ((mu >= 0) & (mu <= 1)).all():
        raise ValueError("a foretold chance of staying is not between 0 and 1: log-odds are not chances")
    possible = propensities > 0
    pi = np.where(possible, propensities, 1.0)
    done = action[:, None] == np.arange(mu.shape[1])
    chance = np.clip(mu, _SURE, 1 - _SURE)
    gamma = np.where(possible, mu + done / pi * (y[:, None] - mu), np.nan)
    return gamma, np.where(possible, chance * (1 - chance) / pi, np.nan)


def average(values: np.ndarray, cluster: np.ndarray, z: float, foretold: float | None = None) -> Average:
    """Mean with an interval that holds when rows of one student are alike (Liang & Zeger 1986).

    A few outcomes of small propensity carry most of the variance; where it is estimated from few, the interval is
    Student's, with degrees of freedom by the spread of the squares (Satterthwaite 1946).

    Args:
        values: (n,).
        cluster: (n,) numbers from 0.
        z: standard errors on each side.
        foretold: variance of a value, where it follows from something else too; the larger one counts, because what
            is seen goes up and down with the mean.
    """
    rows, count = len(values), len(np.unique(cluster))
    if count < 2:
        return NOTHING
    value = float(values.mean())
    squares = np.bincount(cluster, values - value) ** 2
    seen = count / (count - 1) * float(squares.sum()) / rows**2
    if foretold is not None:
        seen *= max(1.0, foretold / (float(values.var()) or 1.0))
    uneven = float((squares**2).sum() - squares.sum() ** 2 / count)
    few = uneven / max(2 * float(squares.sum()) ** 2, 1e-300)  # one over the degrees of freedom
    error = math.sqrt(seen) * (1 + (1 + z * z) / 4 * min(few, 0.2))  # Student's quantile to first order
    return Average(rows, value, error, value - z * error, value + z * error)


NOTHING = Average(0, *[float("nan")] * 4)


def average_effect(trial: Trial, scores: Scores, action: int, z: float, among: np.ndarray | None = None) -> Average:
    """The average effect of an action on the chance of staying, over the rows where it and none were possible.

    Args:
        trial: what was done.
        scores: of the trial.
        action: a place in `trial.actions`.
        z: standard errors on each side.
        among: (n,) bool, only of these rows.
    """
    own = trial.compared(action) & (True if among is None else among)
    if min((trial.action[own] == action).sum(), (trial.action[own] == 0).sum()) < _FEW:
        return NOTHING
    noise = (scores.noise[own, action] + scores.noise[own, 0]).mean()
    foretold = float(noise + (scores.mu[own, action] - scores.mu[own, 0]).var())
    return average(scores.gamma[own, action] - scores.gamma[own, 0], trial.cluster[own], z, foretold)


def folds_of(cluster: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """The fold of each row, (n,); equally many students in each."""
    count = int(cluster.max(initial=-1)) + 1
    return (np.random.default_rng(seed).permutation(count) % folds)[cluster]


def _foretold(trial: Trial, known: np.ndarray, asked: np.ndarray, trees: TreeSettings, seed: int) -> np.ndarray:
    """Chance of staying under each action, (asked, k).

    One model for all arms, with the action among its features: a small arm then leans on what is known of the others,
    and no arm is smoothed more than another.
    """
    x = np.column_stack([trial.x, trial.risk])
    arms = np.eye(len(trial.actions))
    table = np.column_stack([x[known], arms[trial.action[known]]])
    params = grown(trees, seed) | {"objective": "binary"}
    y = trial.y[known]
    if len(np.unique(y)) < 2:
        return np.full((int(asked.sum()), len(arms)), y.mean() if len(y) else 0.5)
    booster = lightgbm.train(params, lightgbm.Dataset(table, y, params={"verbosity": -1}), trees.rounds)
    rows = x[asked]
    return np.column_stack(
        [
            booster.predict(np.column_stack([rows, np.broadcast_to(arm, (len(rows), len(arm)))]), num_threads=1)
            for arm in arms
        ]
    )


def grown(trees: TreeSettings, seed: int) -> dict[str, object]:
    """LightGBM's words for the settings; the same seed and rows give the same bytes."""
    return {
        "num_leaves": trees.leaves,
        "learning_rate": trees.learning_rate,
        "lambda_l2": trees.l2,
        "min_data_in_leaf": trees.least_leaf,
        "feature_fraction": trees.feature_share,
        "bagging_fraction": trees.row_share,
        "bagging_freq": 1,
        "max_bin": 63,
        "seed": seed,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }


def regress(
    design: np.ndarray, y: np.ndarray, weight: np.ndarray, cluster: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares: coefficients (p,), and their covariance (p, p) that holds for clusters.

    Args:
        design: (n, p).
        y: (n,).
        weight: (n,).
        cluster: (n,) numbers from 0.
    """
    bread = np.linalg.pinv(design.T @ (design * weight[:, None]))
    coefficients = bread @ (design.T @ (weight * y))
    pull = design * (weight * (y - design @ coefficients))[:, None]
    sums = np.column_stack([np.bincount(cluster, column) for column in pull.T])
    count = len(np.unique(cluster))
    return coefficients, bread @ (sums.T @ sums) @ bread * count / max(1, count - 1)
