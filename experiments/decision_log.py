"""The log: decisions drawn by known probabilities, what came of them, and what was to be expected of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from features.errors import Refused

SUM = 1e-9
"""How far probabilities may be from summing to 1."""


@dataclass(frozen=True)
class Log:
    """Decisions and what came of them.

    Attributes:
        actions: (k,) names, in the order of the columns below.
        action: (n,) which of them was taken.
        propensities: (n, k) float64, with which probability each would have been; 0 where it was not allowed.
        reward: (n,) what came of it, such as 1 retained and 0 lost.
        student: (n,) whom it was about.
        outcome: (n, k) what was to be expected of each action, by a model that has not seen the student; see
            `expected`. None: there is no doubly robust figure.

    Raises:
        Refused: the propensities cannot be those of a policy that made these decisions.
        ValueError: the shapes do not fit.
    """

    actions: tuple[str, ...]
    action: np.ndarray
    propensities: np.ndarray
    reward: np.ndarray
    student: np.ndarray
    outcome: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = (len(self.action), len(self.actions))
        tables = (self.propensities, self.propensities if self.outcome is None else self.outcome)
        if any(one.shape != shape for one in tables) or not len(self.action) == len(self.reward) == len(self.student):
            raise ValueError(f"the log's arrays do not fit {shape[0]} decisions over {shape[1]} actions")
        taken = self.propensities[np.arange(shape[0]), self.action]
        for faulty, what in (
            (~np.isfinite(self.propensities).all(axis=1) | (self.propensities < 0).any(axis=1), "are no probabilities"),
            (np.abs(self.propensities.sum(axis=1) - 1) > SUM, "do not sum to 1"),
            (taken <= 0, "say that what was done could not be done"),
        ):
            if faulty.any():
                raise Refused(
                    f"the propensities of {faulty.sum():,} of {shape[0]:,} decisions {what} "
                    f"(the first is row {int(np.argmax(faulty))})",
                    where="the log",
                    mend="A figure made of them would be made up. Find what wrote these rows, or leave out their days",
                )
        if not np.isfinite(self.reward).all() or not (self.outcome is None or np.isfinite(self.outcome).all()):
            raise ValueError("a reward or an expected outcome is not finite")

    @cached_property
    def clusters(self) -> np.ndarray:
        """(n,) int: the number of each row's student, from 0."""
        return np.unique(self.student, return_inverse=True)[1].reshape(-1)

    def taken(self, table: np.ndarray) -> np.ndarray:
        """(n,) of an (n, k) table: the column of what was done."""
        return table[np.arange(len(self.action)), self.action]


def scores(log: Log) -> np.ndarray:
    """(n, k) doubly robust scores (AIPW): m_a, and on what was done also (r - m_a) / propensity.

    The mean of a column is the mean outcome if everybody got that action; `experiments.qini` averages them over the
    students that a ranking picks (Robins, Rotnitzky and Zhao 1994; Athey and Wager 2021, Econometrica 89(1)).

    Raises:
        ValueError: the log has no expected outcomes.
    """
    if log.outcome is None:
        raise ValueError("scores need expected outcomes")
    found = log.outcome.copy()
    found[np.arange(len(found)), log.action] += (log.reward - log.taken(log.outcome)) / log.taken(log.propensities)
    return found


def expected(
    action: np.ndarray,
    reward: np.ndarray,
    student: np.ndarray,
    x: np.ndarray,
    actions: int,
    *,
    folds: int = 5,
    ridge: float = 10.0,
) -> np.ndarray:
    """Expected outcomes of every action, for each row by a model that has not seen its student.

    A ridge regression of the reward on x, the action and their products. It need not be right: with the logged
    propensities the doubly robust figure holds whatever this says, it only becomes sharper.

    Args:
        action, reward, student: (n,), as in `Log`.
        x: (n, f) what was known before the decision, finite.
        actions: k.
        folds: students are dealt into so many.
        ridge: of the actions and their products with x, in rows; it is 1 for x itself.

    Returns:
        (n, k), within the range of the rewards.
    """
    spread = x.std(axis=0)
    x = (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    codes = np.unique(student, return_inverse=True)[1].reshape(-1)
    fold = np.random.default_rng(0).permutation(codes.max() + 1)[codes] % folds
    designs = [_design(x, np.full(len(x), one), actions) for one in range(actions)]
    done = _design(x, action, actions)
    penalty = np.diag([0.0] + [1.0] * x.shape[1] + [ridge] * (done.shape[1] - 1 - x.shape[1]))
    found = np.empty((len(x), actions))
    for one in range(folds):
        here, rest = fold == one, fold != one
        weights = np.linalg.solve(done[rest].T @ done[rest] + penalty, done[rest].T @ reward[rest])
        found[here] = np.column_stack([design[here] @ weights for design in designs])
    return found.clip(reward.min(), reward.max())


def _design(x: np.ndarray, action: np.ndarray, actions: int) -> np.ndarray:
    own = [np.column_stack([np.ones(len(x)), x]) * (action == one)[:, None] for one in range(1, actions)]
    return np.column_stack([np.ones(len(x)), x, *own])
