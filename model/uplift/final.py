"""The final stage: the share of leavers that an action keeps, and how it differs between students.

The effect is written as tau(x) = r * (S + d(x)), with r the risk of leaving: no action keeps more than would leave.
S is the share of leavers kept on average, d(x) how a student differs. With d = 0 this is "risk x average effect", so
that each step of the ladder is shrunk towards the one below it. Rows are weighted by what they tell: r^2 over the
noise of their score; that is little where the logged propensity was small.

Sources: Kennedy (2023), Electronic J. Statistics 17:3008-3049 (regressing doubly robust scores); Nie & Wager (2021),
Biometrika 108:299-319 (weights by overlap); MacKay (1992), Neural Computation 4:415-447 (ridge averaged by evidence);
Morris (1983), JASA 78:47-55 (intervals of shrunk estimates, right on average over the students); Kwon & Sun (2025),
arXiv:2510.05454 (intervals under a bound on how much effects differ, because no data of this size tells it).
"""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm
import numpy as np

from model.uplift.scores import grown, regress
from model.uplift.settings import TreeSettings

SPREADS = (0.0, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
"""How much the share kept may differ between students, as a standard deviation; equally likely before the data."""
_FAR = 4.0  # standard deviations from the mean, beyond which a value counts as so far


@dataclass(frozen=True)
class Scale:
    """How rows become columns of about the same size: median for unknown, and a column that says it was unknown.

    Attributes:
        middle, mean, deviation: (f + 1,) of each feature and, last, of the risk; a deviation of 0 leaves it out.
        missing: features with a column of their own for being unknown, as places.
        missing_mean: (m,) how often each is unknown.
    """

    middle: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray
    missing: np.ndarray
    missing_mean: np.ndarray

    @classmethod
    def of(cls, x: np.ndarray, risk: np.ndarray) -> Scale:
        """From the rows of a trial, without looking at what became of them."""
        table = np.column_stack([x, risk])
        unknown = np.isnan(table)
        share = unknown.mean(axis=0)
        middle = np.array(
            [np.median(column[~gap]) if (~gap).any() else 0.0 for column, gap in zip(table.T, unknown.T, strict=True)]
        )
        filled = np.where(unknown, middle, table)
        missing = np.flatnonzero((share >= 0.01) & (share <= 0.99))
        deviation = filled.std(axis=0)
        deviation[deviation <= 1e-9 * (1 + np.abs(middle))] = 0.0
        return cls(middle, filled.mean(axis=0), deviation, missing, share[missing])

    def __call__(self, x: np.ndarray, risk: np.ndarray) -> np.ndarray:
        """Rows as columns, (n, f + 1 + m) float64."""
        table = np.column_stack([x, risk])
        unknown = np.isnan(table)
        filled = np.where(unknown, self.middle, table)
        by = np.where(self.deviation > 0, self.deviation, 1.0)
        scaled = np.where(self.deviation > 0, (filled - self.mean) / by, 0.0)
        return np.column_stack([np.clip(scaled, -_FAR, _FAR), unknown[:, self.missing] - self.missing_mean])


@dataclass(frozen=True)
class Rows:
    """What one action's final stage learns from.

    Attributes:
        columns: (n, p) scaled features.
        x: (n, f + 1) features and risk as they are, for trees.
        scale: (n,) the risk, not below the least one; what the share is multiplied with.
        difference: (n,) score of the action less that of none.
        noise: (n,) variance of that.
        cluster: (n,) students.
    """

    columns: np.ndarray
    x: np.ndarray
    scale: np.ndarray
    difference: np.ndarray
    noise: np.ndarray
    cluster: np.ndarray

    @property
    def weight(self) -> np.ndarray:
        """What each row tells of the share, (n,), 1 on average."""
        told = self.scale**2 / self.noise
        return told / told.mean()

    @property
    def share(self) -> np.ndarray:
        """What each row says of the share, (n,); very noisy."""
        return self.difference / self.scale

    def where(self, chosen: np.ndarray) -> Rows:
        """Some of them."""
        return Rows(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))


@dataclass(frozen=True)
class Kept:
    """The share of leavers kept on average: S and its variance."""

    share: float
    variance: float


def kept(rows: Rows) -> Kept:
    """The projection of the effect on the risk alone; variance by student."""
    found, covariance = regress(rows.scale[:, None], rows.difference, 1 / rows.noise, rows.cluster)
    return Kept(float(found[0]), float(covariance[0, 0]))


@dataclass(frozen=True)
class Ridge:
    """A linear d(x), averaged over how much students may differ, weighted by the evidence for each.

    What is served leans towards "all alike", and evidence alone would have the interval lean as well. So the interval
    takes for given how much students differ: half of it along lines, which data narrow down, half as no line tells.

    Attributes:
        centre: (p,) weighted means of the columns: there d is 0.
        slope: (p,) posterior mean.
        root: (q, p) a root of the covariance of slopes, students differing as much as is taken for given.
        beyond: variance of what no line tells.
    """

    centre: np.ndarray
    slope: np.ndarray
    root: np.ndarray
    beyond: float

    def __call__(self, columns: np.ndarray) -> np.ndarray:
        """How rows differ, (n,)."""
        # Not a matrix product: those round differently for one row and for many.
        return ((columns - self.centre) * self.slope).sum(axis=1)

    def parts(self, columns: np.ndarray) -> np.ndarray:
        """What each column adds to that, (n, p)."""
        return (columns - self.centre) * self.slope

    def variance(self, columns: np.ndarray) -> np.ndarray:
        """How far a student's own d may be from that, squared, on average over students; (n,)."""
        found = np.full(len(columns), self.beyond)
        away = columns - self.centre
        for direction in self.root:
            found += ((away * direction).sum(axis=1)) ** 2
        return found


def ridge(rows: Rows, average: Kept, apart: float) -> Ridge:
    """Fits d to what the average leaves over.

    Args:
        rows: of one action.
        average: of the same rows.
        apart: how much students differ, for the interval: standard deviation of the share kept.
    """
    weight = rows.weight
    centre = (rows.columns * weight[:, None]).sum(axis=0) / weight.sum()
    left = rows.share - average.share
    away = rows.columns - centre
    noise = float((weight * left**2).sum() / max(1, len(left) - 1))
    usual = noise / weight.sum()
    noise *= max(1.0, average.variance / usual)  # rows of one student are alike
    size, turned = np.linalg.eigh(away.T @ (away * weight[:, None]))
    size = np.maximum(size, 0.0)
    pull = turned.T @ (away.T @ (weight * left))
    spread = float(size.sum() / weight.sum())  # of d, for slopes of variance 1
    slopes, evidence = [], []
    for deviation in SPREADS:
        prior = deviation**2 / max(spread, 1e-12) / noise
        shrunk = prior / (1 + prior * size)
        slopes.append(shrunk * pull)
        evidence.append(-0.5 * (np.log1p(prior * size).sum() - (shrunk * pull**2).sum() / noise))
    belief = np.exp(np.array(evidence) - max(evidence))
    slope = turned @ (belief / belief.sum() @ np.array(slopes))
    half = apart**2 / 2
    prior = half / max(spread, 1e-12) / noise
    variance = noise * prior / (1 + prior * size)
    return Ridge(centre, slope, np.ascontiguousarray((turned * np.sqrt(variance)).T), half)


@dataclass(frozen=True)
class Trees:
    """A d(x) of small trees.

    Attributes:
        booster: LightGBM, on features and risk as they are.
        mean: of its predictions over the rows it learnt from, by weight.
    """

    booster: lightgbm.Booster
    mean: float

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """How rows differ, (n,)."""
        return np.asarray(self.booster.predict(x, num_threads=1)) - self.mean if len(x) else np.empty(0)

    def parts(self, x: np.ndarray) -> np.ndarray:
        """Exact TreeSHAP of that, (n, f + 2); the last is the base."""
        if not len(x):
            return np.empty((0, x.shape[1] + 1))
        parts = np.array(self.booster.predict(x, pred_contrib=True, num_threads=1))
        parts[:, -1] -= self.mean
        return parts


def trees(rows: Rows, average: Kept, settings: TreeSettings, seed: int) -> Trees:
    """Grows trees on what the average leaves over; arguments as `ridge`."""
    weight = rows.weight
    params = grown(settings, seed) | {"objective": "regression", "boost_from_average": False}
    table = lightgbm.Dataset(rows.x, rows.share - average.share, weight=weight, params={"verbosity": -1})
    booster = lightgbm.train(params, table, settings.rounds)
    return Trees(booster, float(np.average(booster.predict(rows.x, num_threads=1), weights=weight)))
