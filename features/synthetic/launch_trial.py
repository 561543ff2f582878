"""A launch trial in the closed loop: students at risk get an action by lot, and the lot's chances are kept."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from features.synthetic.closed_loop import ClosedLoop
from features.synthetic.observed import Observed
from features.synthetic.responses import ACTIONS

SHARES = (0.40, 0.25, 0.10, 0.25)
"""How often the lot falls on each of `ACTIONS`."""
EVERY = 7
"""Days between two draws of lots."""
AGAIN = 14
"""Days after which a student may be drawn again: late enough that the trial breaks no cap on contacts."""


@dataclass(frozen=True)
class TrialLog:
    """The rows of a trial, one for each lot, in order of days; arrays of n rows.

    Attributes:
        x: (n, f) float64, what was known; `names` are its columns.
        action: index into `actions`.
        pi: (n, a) the chance of each action; rows sum to 1.
        y: 1 for who had not withdrawn `horizon` days later, else 0.
        risk: the forecast of withdrawing at the draw.
        student: place in the school.
        day: of the draw.
        true_risk, true_tau: what no school knows, (n,) and (n, a); NaN unless asked for.
    """

    x: np.ndarray
    names: tuple[str, ...]
    action: np.ndarray
    actions: tuple[str, ...]
    pi: np.ndarray
    y: np.ndarray
    risk: np.ndarray
    student: np.ndarray
    day: np.ndarray
    true_risk: np.ndarray
    true_tau: np.ndarray


def randomised_log(
    school: ClosedLoop,
    *,
    risk_of: Callable[[Observed], np.ndarray],
    at_risk: float,
    may: Callable[[Observed], np.ndarray] | None = None,
    futures: int = 0,
) -> TrialLog:
    """Runs the trial to the school's last day, in which nothing but the trial is done to anybody.

    Those who are drawn again are at risk again, so an effect is that of acting now and going on as the trial does.

    Args:
        school: lived to its end by this.
        risk_of: the forecast of withdrawing within the horizon, (m,).
        at_risk: from which forecast on a student takes part.
        may: (m, a) bool, which actions are eligible; all of them when it is not given.
        futures: when above 0, the truth is told as well, of so many futures.
    """
    rows: list[tuple[np.ndarray, ...]] = []
    drawn = np.full(len(school), -AGAIN)
    last_draw = school.days - school.horizon
    while school.day < school.days:
        done = np.zeros(len(school), np.int64)
        if school.day % EVERY == 0 and school.day <= last_draw:
            seen = school.observe()
            risk = risk_of(seen)
            takes_part = seen.reachable & (risk >= at_risk) & (school.day - drawn[seen.student] >= AGAIN)
            at = np.flatnonzero(takes_part)
            who = seen.student[at]
            pi = _chances(np.ones((len(seen), len(ACTIONS)), bool) if may is None else may(seen))[at]
            lot = school.lot(who)
            done[who] = (lot[:, None] > pi.cumsum(axis=1)[:, :-1]).sum(axis=1)
            drawn[who] = school.day
            rows.append(
                (seen.x[at], done[who], pi, risk[at], who, np.full(len(at), school.day), *_truth(school, who, futures))
            )
        school.step(done)
    x, action, pi, risk, student, day, true_risk, true_tau = (np.concatenate(part) for part in zip(*rows, strict=True))
    retained = (school.left[student] >= day + school.horizon).astype(float)
    return TrialLog(x, Observed.names, action, ACTIONS, pi, retained, risk, student, day, true_risk, true_tau)


def _chances(may: np.ndarray) -> np.ndarray:
    share = np.array(SHARES) * may
    return share / share.sum(axis=1, keepdims=True)


def _truth(school: ClosedLoop, who: np.ndarray, futures: int) -> tuple[np.ndarray, np.ndarray]:
    if not futures:
        return np.full(len(who), np.nan), np.full((len(who), len(ACTIONS)), np.nan)
    truth = school.truth(who, futures=futures)
    return truth.risk, truth.tau
