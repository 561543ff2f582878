"""Policy value: what another way of deciding would have brought, from a log of decisions drawn by known probabilities.

Rows are decisions; the rows of one student hang together, so that every interval is clustered by student.
The value is that of one decision made otherwise, with everything after it as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist
from typing import Any, Literal, NamedTuple

import numpy as np

from experiments.decision_log import SUM, Log
from features.errors import BadConfig

_WHERE = "experiments.toml [policy_value]"


class Estimate(NamedTuple):
    """A figure with its interval.

    Attributes:
        value: in units of the reward, per decision.
        low, high: its interval.
        error: its standard error.
    """

    value: float
    low: float
    high: float
    error: float


@dataclass(frozen=True)
class Limits:
    """What a log has to offer before a figure is made of it.

    Attributes:
        confidence: of the intervals.
        least_ess: students, after weighting, below which nothing is told.
        least_propensity: what was done less often than that counts as never done.
        clip: weights are cut off here.
    """

    confidence: float
    least_ess: float
    least_propensity: float
    clip: float

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> Limits:
        """From the contents of `configs/experiments.toml`.

        Raises:
            BadConfig: a value is missing or cannot be.
        """
        try:
            limits = cls(**settings["policy_value"])
        except (KeyError, TypeError) as error:
            mend = f"The keys are: {', '.join(cls.__dataclass_fields__)}"
            raise BadConfig("lacks a key or has an unknown one", where=_WHERE, mend=mend) from error
        for key, fits in (
            ("confidence", 0 < limits.confidence < 1),
            ("least_ess", limits.least_ess >= 2),
            ("least_propensity", 0 < limits.least_propensity < 1),
            ("clip", limits.clip > 1),
        ):
            if not fits:
                raise BadConfig(
                    f"{key} = {getattr(limits, key)} cannot be", where=_WHERE, mend="See the comments there"
                )
        return limits


@dataclass(frozen=True)
class Value:
    """What a policy would have brought, per decision; of two policies, how much more.

    Attributes:
        ips: inverse propensity score.
        snips: self-normalised.
        dr: doubly robust; None without expected outcomes.
        ess: effective sample size in students.
        largest_weight: before it was cut off.
        clipped: share of the rows whose weight was cut off, 0-1.
        rows, students: in the log.
    """

    ips: Estimate
    snips: Estimate
    dr: Estimate | None
    ess: float
    largest_weight: float
    clipped: float
    rows: int
    students: int

    @property
    def best(self) -> Estimate:
        """The figure to go by: doubly robust where there is one."""
        return self.dr or self.snips


@dataclass(frozen=True)
class Unsupported:
    """Why the log cannot tell.

    Attributes:
        reason: which limit it is.
        why: what is missing, in words.
        mend: what would make it there.
    """

    reason: Literal["never_done", "few_students", "small_sample", "no_variation", "not_recorded"]
    why: str
    mend: str


def value(log: Log, target: np.ndarray, limits: Limits) -> Value | Unsupported:
    """What a policy would have brought.

    With weights w = target / propensity of what was done, cut off at ``limits.clip``, and m the expected outcomes:

    - IPS: mean of w r (Horvitz and Thompson 1952; Dudik, Langford and Li 2011, arXiv 1103.4601, section 2.2);
    - SNIPS: sum of w r over sum of w (Swaminathan and Joachims 2015, NIPS, equation 9);
    - DR: mean of sum_a target_a m_a + w (r - m_done) (Dudik, Langford and Li 2011, equation 1);
    - effective sample size: (sum of W)^2 / sum of W^2 (Kish 1965), W the sums of w by student, so that ten rows of
      one student do not count as ten students.

    Standard errors are those of the estimators' influence functions summed by student, with the factor G / (G - 1).

    Args:
        log: the decisions.
        target: (n, k) probabilities with which the policy would take each action.
        limits: what the log has to offer.

    Raises:
        ValueError: the target is not an (n, k) table of probabilities.
    """
    return _lacking(log, target, limits) or _told(log, _parts(log, target, limits), _weights(log, target), limits)


def difference(log: Log, target: np.ndarray, baseline: np.ndarray, limits: Limits) -> Value | Unsupported:
    """How much more one policy would have brought than another, paired on the same rows.

    Args:
        log, limits: as in `value`.
        target, baseline: (n, k) probabilities.

    Returns:
        The differences; sample size and weights are those of the policy that the log knows less of.
    """
    if lacking := _lacking(log, target, limits) or _lacking(log, baseline, limits):
        return lacking
    ours, theirs = _parts(log, target, limits), _parts(log, baseline, limits)
    parts = {name: (ours[name][0] - theirs[name][0], ours[name][1] - theirs[name][1]) for name in ours}
    weights = min((_weights(log, one) for one in (target, baseline)), key=lambda one: _ess(log, one, limits))
    return _told(log, parts, weights, limits)


def _weights(log: Log, target: np.ndarray) -> np.ndarray:
    return log.taken(target) / log.taken(log.propensities)


def _ess(log: Log, weights: np.ndarray, limits: Limits) -> float:
    sums = np.bincount(log.clusters, np.minimum(weights, limits.clip))
    return float(sums.sum() ** 2 / max((sums**2).sum(), 1e-300))


def _parts(log: Log, target: np.ndarray, limits: Limits) -> dict[str, tuple[float, np.ndarray]]:
    """Each estimator's figure and its (n,) influence function, whose mean is 0."""
    w = np.minimum(_weights(log, target), limits.clip)
    ips = w * log.reward
    snips = ips.sum() / w.sum()
    parts = {
        "ips": (float(ips.mean()), ips - ips.mean()),
        "snips": (float(snips), w * (log.reward - snips) / w.mean()),
    }
    if log.outcome is not None:
        dr = (target * log.outcome).sum(axis=1) + w * (log.reward - log.taken(log.outcome))
        parts["dr"] = float(dr.mean()), dr - dr.mean()
    return parts


def _told(log: Log, parts: Mapping[str, tuple[float, np.ndarray]], weights: np.ndarray, limits: Limits) -> Value:
    students = int(log.clusters.max()) + 1
    z = NormalDist().inv_cdf((1 + limits.confidence) / 2)

    def estimate(figure: float, influence: np.ndarray) -> Estimate:
        sums = np.bincount(log.clusters, influence)
        error = sqrt(students / (students - 1) * float((sums**2).sum())) / len(influence)
        return Estimate(figure, figure - z * error, figure + z * error, error)

    told = {name: estimate(*part) for name, part in parts.items()}
    return Value(
        ips=told["ips"],
        snips=told["snips"],
        dr=told.get("dr"),
        ess=_ess(log, weights, limits),
        largest_weight=float(weights.max()),
        clipped=float((weights > limits.clip).mean()),
        rows=len(weights),
        students=students,
    )


def _lacking(log: Log, target: np.ndarray, limits: Limits) -> Unsupported | None:
    """What the log lacks for this policy."""
    if target.shape != log.propensities.shape or (target < 0).any() or (np.abs(target.sum(axis=1) - 1) > SUM).any():
        raise ValueError("the target is not a table of probabilities, one row a decision and one column an action")
    students = int(log.clusters.max(initial=-1)) + 1
    if students < limits.least_ess:
        why = f"the log has {students:,} students with a choice and a known outcome; {limits.least_ess:,.0f} are needed"
        return Unsupported("few_students", why, "Wait for more of them, or take a longer span")
    strange = (target > log.propensities) & (log.propensities < limits.least_propensity)
    if strange.any():
        return _never_done(strange, log.actions, limits)
    if log.reward.min() == log.reward.max():
        why = "all decisions ended alike, so that no policy can look better than another"
        return Unsupported("no_variation", why, "Wait for more outcomes, or take a longer span")
    ess = _ess(log, _weights(log, target), limits)
    if ess < limits.least_ess:
        why = (
            f"what was done agrees with it so seldom that {students:,} students say as much as {ess:,.0f} would; "
            f"{limits.least_ess:,.0f} are needed"
        )
        return Unsupported("small_sample", why, f"About {limits.least_ess / max(ess, 1):.1f} times as many are needed")
    return None


def _never_done(strange: np.ndarray, actions: Sequence[str], limits: Limits) -> Unsupported:
    rows, by_action = int(strange.any(axis=1).sum()), strange.sum(axis=0)
    why = (
        f"in {rows:,} of {len(strange):,} decisions ({rows / len(strange):.1%}) it would do what was never done there "
        f"(or with a probability below {limits.least_propensity:g}), most often {actions[int(by_action.argmax())]}"
    )
    mend = "Let a share of the decisions be drawn (exploration), and ask again when their outcomes are known"
    return Unsupported("never_done", why, mend)
