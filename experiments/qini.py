"""Qini: how much more is gained when a limited budget goes to whom a ranking names, for one action or for several.

One definition for all of the house. A *ranking* is a value for each row and action, above doing nothing. With a budget
of so much a row, actions are given in the order of value per cost: of each row only those on the upper hull of value
over cost, each step up the hull by itself, and none whose value is not above 0 (Sverdrup, Wu, Athey and Wager,
arXiv 2306.11979, section 2). The *curve* is what was really gained, as the doubly robust scores of
`experiments.decision_log.scores` say, over the budget spent; both are means over all rows, treated or not. With one
action of cost 1 it is the Qini curve of the ranking over the treated share (Radcliffe 2007).
The *area* is its mean height over the budgets up to ``most``, less that of the best that can be done without looking
at anybody: budget given at random, actions by their mean gain.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

_EPSILON = 1e-12


@dataclass(frozen=True)
class Curve:
    """What is gained over what is spent.

    Attributes:
        spent: (m + 1,) rising from 0, mean cost of a row.
        gained: (m + 1,) from 0, mean gain of a row.
    """

    spent: np.ndarray
    gained: np.ndarray

    def at(self, budget: float) -> float:
        """The gain at a budget; a row that the budget does not reach wholly counts in part."""
        return float(np.interp(budget, self.spent, self.gained))

    def height(self, most: float) -> float:
        """Mean gain over the budgets from 0 to ``most``; where the ranking stops spending, the gain stays."""
        inside = self.spent < most
        spent = np.append(self.spent[inside], most)
        gained = np.append(self.gained[inside], self.at(most))
        return float(np.trapezoid(gained, spent)) / most


@dataclass(frozen=True)
class Ranking:
    """The order in which a ranking gives actions, as steps from a cheaper action of a row to a dearer one.

    Attributes:
        row: (m,) whose step it is.
        before, after: (m,) columns of the actions; -1 is doing nothing.
        cost: (m,) of the step.
    """

    row: np.ndarray
    before: np.ndarray
    after: np.ndarray
    cost: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray, costs: np.ndarray) -> Ranking:
        """The order by value per cost.

        Args:
            values: (n, a) of each action above doing nothing, as predicted.
            costs: (a,) or (n, a), above 0; minutes, money, or 1.

        Raises:
            ValueError: a value is not finite, or a cost is not above 0.
        """
        costs = np.broadcast_to(np.asarray(costs, "float64"), values.shape)
        if not np.isfinite(values).all() or not (np.isfinite(costs) & (costs > 0)).all():
            raise ValueError("values must be finite and costs above 0")
        now, last = np.full(len(values), -1), np.full(len(values), np.inf)
        found = []
        while True:
            slope = _rises(values, costs, now)
            best = slope.argmax(axis=1)
            # Rounding must not make a later step of a row look steeper than its earlier one.
            last = np.minimum(slope[np.arange(len(values)), best], last)
            (row,) = np.nonzero(last > 0)
            found.append((row, now[row], best[row], last[row]))
            if not len(row):
                break
            now = now.copy()
            now[row] = best[row]
        row, before, after, steep = (np.concatenate(one) for one in zip(*found, strict=True))
        order = np.argsort(-steep, kind="stable")
        row, before, after = row[order], before[order], after[order]
        return cls(row, before, after, _steps(costs, row, before, after))

    def gain(self, gains: np.ndarray) -> np.ndarray:
        """(m,) what each step really gains; ``gains`` are the (n, a) scores of the actions less that of none."""
        return _steps(gains, self.row, self.before, self.after)

    def curve(self, gain: np.ndarray, weights: np.ndarray) -> Curve:
        """What is gained over what is spent.

        Args:
            gain: (m,) of the steps.
            weights: (n,) how often each row counts.
        """
        share = weights[self.row] / weights.sum()
        return Curve(*(np.concatenate([[0.0], np.cumsum(one * share)]) for one in (self.cost, gain)))


def _rises(values: np.ndarray, costs: np.ndarray, now: np.ndarray) -> np.ndarray:
    """(n, a) value per cost of going from the action that each row has to a dearer one; -inf where it is no dearer.

    Taking the steepest one each time walks along the upper hull.
    """
    at = np.arange(len(values))
    held = now >= 0
    value = np.where(held, values[at, now], 0.0)[:, None]
    cost = np.where(held, costs[at, now], 0.0)[:, None]
    dearer = costs > cost + _EPSILON
    return np.where(dearer, (values - value) / np.where(dearer, costs - cost, 1.0), -np.inf)


def _steps(table: np.ndarray, row: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    return table[row, after] - np.where(before >= 0, table[row, before], 0.0)


def unseeing(gains: np.ndarray, costs: np.ndarray, weights: np.ndarray) -> Curve:
    """The best that can be done without looking at anybody: the curve of the actions' means.

    Args:
        gains: (n, a) scores of the actions less that of doing nothing.
        costs: (a,) or (n, a).
        weights: (n,) how often each row counts.
    """
    means = np.average(gains, axis=0, weights=weights)[None]
    prices = np.average(np.broadcast_to(costs, gains.shape), axis=0, weights=weights)[None]
    ranking = Ranking.of(means, prices)
    return ranking.curve(ranking.gain(means), np.ones(1))


@dataclass(frozen=True)
class Figure:
    """A figure and its draws, so that two of them made with the same draws can be subtracted, paired.

    Attributes:
        value: of all rows.
        draws: (d,) of the bootstrap's.
    """

    value: float
    draws: np.ndarray

    def __sub__(self, other: Figure) -> Figure:
        return Figure(self.value - other.value, self.draws - other.draws)

    @property
    def error(self) -> float:
        """Standard error."""
        return float(self.draws.std(ddof=1))

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Normal, with the bootstrap's standard error."""
        half = NormalDist().inv_cdf((1 + confidence) / 2) * self.error
        return self.value - half, self.value + half


@dataclass(frozen=True)
class Qini:
    """What a ranking is worth.

    Attributes:
        area: mean height of the curve above that of `unseeing`, over the budgets up to ``most``.
        gain: at the actual capacity.
    """

    area: Figure
    gain: Figure


@dataclass(frozen=True)
class Judge:
    """Rows that rankings are judged on; all of them by the same bootstrap draws of whole students.

    Attributes:
        gains: (n, a) scores of each action less that of doing nothing.
        costs: (a,) or (n, a), above 0.
        student: (n,) whom each row is about.
        capacity: the actual budget, mean cost of a row.
        most: budgets up to this one count in the area.
        draws: of the bootstrap.
        seed: of the draws.
    """

    gains: np.ndarray
    costs: np.ndarray
    student: np.ndarray
    capacity: float
    most: float
    draws: int = 200
    seed: int = 0

    @cached_property
    def _codes(self) -> np.ndarray:
        return np.unique(self.student, return_inverse=True)[1].reshape(-1)

    def _weights(self) -> Iterator[np.ndarray]:
        """How often each row counts: once, then as drawn."""
        rng, students = np.random.default_rng(self.seed), int(self._codes.max()) + 1
        yield np.ones(len(self._codes))
        for _ in range(self.draws):
            drawn = np.bincount(rng.integers(students, size=students), minlength=students)
            yield drawn[self._codes].astype("float64")

    def qini(self, values: np.ndarray) -> Qini:
        """What the ranking by these values is worth.

        Args:
            values: (n, a) of each action above doing nothing, predicted without these rows' outcomes.
        """
        ranking = Ranking.of(values, self.costs)
        gain = ranking.gain(self.gains)
        areas, found = [], []
        for weights in self._weights():
            curve = ranking.curve(gain, weights)
            areas.append(curve.height(self.most) - unseeing(self.gains, self.costs, weights).height(self.most))
            found.append(curve.at(self.capacity))
        return Qini(*(Figure(one[0], np.array(one[1:])) for one in (areas, found)))
