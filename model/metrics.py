"""How good a risk is: figures on later time, with intervals that resample whole students."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from model.dataset import Dataset

_CHUNK = 4_000_000  # numbers held at once while resampling: 32 MB


@dataclass(frozen=True)
class Figure:
    """A number and its 95 % interval; without one, ``low`` and ``high`` are NaN."""

    value: float
    low: float = float("nan")
    high: float = float("nan")

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "unknown"
        return f"{self.value:.3f}" if np.isnan(self.low) else f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class MetricSettings:
    """See configs/model.toml."""

    draws: int = 500
    top_share: float = 0.10


@dataclass(frozen=True)
class Resampling:
    """Bootstrap of whole students: the rows of one student are kin, so they are drawn together.

    Args:
        students: (n,) ids, one for each row.
        draws: how many samples.
        seed: of the draws.

    Source: Field and Welsh (2007), Bootstrapping clustered data, JRSS B 69:369-390.
    """

    students: np.ndarray
    draws: int
    seed: int

    @cached_property
    def _student(self) -> np.ndarray:
        return np.unique(self.students, return_inverse=True)[1]

    @cached_property
    def _counts(self) -> np.ndarray:
        """How often each student is drawn, (draws + 1, students); the first row is the sample itself."""
        size = int(self._student.max()) + 1
        drawn = np.random.default_rng(self.seed).multinomial(size, np.full(size, 1 / size), size=self.draws)
        return np.vstack([np.ones(size, drawn.dtype), drawn]).astype("float64")

    def sums(self, *columns: np.ndarray) -> list[np.ndarray]:
        """The sum of each column (n,) in the sample and in every draw: (draws + 1,) each."""
        return [self._counts @ np.bincount(self._student, column, self._counts.shape[1]) for column in columns]

    def weights(self, order: np.ndarray) -> Iterator[np.ndarray]:
        """Row weights in the order given, chunk by chunk of draws: (chunk, n) each; the sample itself comes first."""
        rows = self._student[order]
        step = max(1, _CHUNK // max(1, len(rows)))
        for start in range(0, len(self._counts), step):
            yield self._counts[start : start + step][:, rows]


def figure(values: np.ndarray) -> Figure:
    """Value and percentile interval of (draws + 1,) values whose first is the sample's own."""
    drawn = values[1:][np.isfinite(values[1:])]
    low, high = np.percentile(drawn, [2.5, 97.5]) if len(drawn) else (np.nan, np.nan)
    return Figure(float(values[0]), float(low), float(high))


def auc(y: np.ndarray, score: np.ndarray, resampling: Resampling, within: np.ndarray | None = None) -> np.ndarray:
    """Area under the ROC curve in the sample and in every draw, ties counting half.

    Args:
        y: (n,) 0 or 1.
        score: (n,) finite, larger is riskier.
        resampling: the draws.
        within: (n,) groups; when given, only pairs of one group are compared (e.g. of the same night's list).

    Returns:
        (draws + 1,); NaN where a draw lacks cases or non-cases.
    """
    group = np.zeros(len(y), "int64") if within is None else np.unique(within, return_inverse=True)[1]
    order = np.lexsort((score, group))
    y, score, group = y[order], score[order], group[order]
    new_group = np.r_[True, group[1:] != group[:-1]]
    tie = np.cumsum(new_group | np.r_[True, score[1:] != score[:-1]]) - 1
    case = np.flatnonzero(y == 1)
    bounds = [np.searchsorted(runs, runs[case], side) for runs in (tie, group) for side in ("left", "right")]
    found = []
    for weight in resampling.weights(order):
        others = np.zeros((len(weight), len(y) + 1))
        np.cumsum(weight * (y == 0), axis=1, out=others[:, 1:])
        tie_from, tie_to, group_from, group_to = (others[:, bound] for bound in bounds)
        won = weight[:, case] * ((tie_from + tie_to) / 2 - group_from)
        pairs = weight[:, case] * (group_to - group_from)
        found.append(_ratio(won.sum(axis=1), pairs.sum(axis=1)))
    return np.concatenate(found)


def average_precision(y: np.ndarray, score: np.ndarray, resampling: Resampling) -> np.ndarray:
    """Area under the precision-recall curve by steps, in the sample and in every draw: (draws + 1,)."""
    order = np.argsort(-score, kind="stable")
    y, score = y[order], score[order]
    tie = np.cumsum(np.r_[True, score[1:] != score[:-1]]) - 1
    case = np.flatnonzero(y == 1)
    upto = np.searchsorted(tie, tie[case], "right") - 1
    found = []
    for weight in resampling.weights(order):
        drawn = np.cumsum(weight, axis=1)[:, upto]
        hits = np.cumsum(weight[:, case], axis=1)[:, np.searchsorted(case, upto, "right") - 1]
        precision = _ratio(hits, drawn)
        found.append(_ratio(np.nansum(weight[:, case] * precision, axis=1), weight[:, case].sum(axis=1)))
    return np.concatenate(found)


def top_of_each_day(score: np.ndarray, day: np.ndarray, share: float) -> np.ndarray:
    """Which rows are in the top share of their day's list, (n,) bool; of equal scores the first row wins."""
    order = np.lexsort((-score, day))
    _, start, size = np.unique(day[order], return_index=True, return_counts=True)
    place = np.arange(len(day)) - np.repeat(start, size)
    chosen = np.zeros(len(day), bool)
    chosen[order] = place < np.repeat(np.ceil(share * size), size)
    return chosen


def calibration_line(y: np.ndarray, log_odds: np.ndarray, students: np.ndarray) -> tuple[Figure, Figure]:
    """Slope and intercept of a logistic regression of y on the log-odds, 1 and 0 when calibrated.

    Intervals are Wald's, with a covariance that is robust to kin rows of one student; unknown (NaN) when the log-odds
    do not vary or all rows have one answer.

    Source: Cox (1958), Biometrika 45:562-565; Liang and Zeger (1986), Biometrika 73:13-22.
    """
    if np.ptp(log_odds) < 1e-9 or np.ptp(y) == 0:
        return Figure(float("nan")), Figure(float("nan"))
    design = np.column_stack([log_odds, np.ones_like(log_odds)])
    beta = np.array([1.0, 0.0])
    for _ in range(50):
        p = _probability(design @ beta)
        bend = design.T @ (design * (p * (1 - p))[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, design.T @ (y - p))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    p = _probability(design @ beta)
    bread = np.linalg.inv(design.T @ (design * (p * (1 - p))[:, None]) + 1e-9 * np.eye(2))
    student = np.unique(students, return_inverse=True)[1]
    scores = np.column_stack([np.bincount(student, column * (y - p)) for column in design.T])
    wide = 1.959964 * np.sqrt(np.diag(bread @ (scores.T @ scores) @ bread))
    slope, intercept = (Figure(float(b), float(b - w), float(b + w)) for b, w in zip(beta, wide, strict=True))
    return slope, intercept


@dataclass(frozen=True)
class Metrics:
    """Figures of one model on one test part.

    Attributes:
        figures: by name; probabilities and areas 0-1, log loss in nats.
        groups: the same test part cut by course and by weeks since enrolment: plain rows.
        rows: rows of the test part.
        cases: enrolments that had the event.
        students: students.
        top_share: the share of a day's list behind `lift_at_top` and `recall_at_top`.
    """

    figures: dict[str, Figure]
    groups: list[dict[str, Any]]
    rows: int
    cases: int
    students: int
    top_share: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        plain = asdict(self)
        plain["figures"] = {
            name: {key: None if np.isnan(number) else number for key, number in asdict(one).items()}
            for name, one in self.figures.items()
        }
        return plain


def evaluate(test: Dataset, log_odds: np.ndarray, resampling: Resampling, settings: MetricSettings) -> Metrics:
    """All figures of served log-odds (n,) on a test part of live enrolments."""
    y, p = test.y, _probability(log_odds)
    top = top_of_each_day(p, test.day, settings.top_share)
    loss = np.logaddexp(0, log_odds) - y * log_odds
    columns = (np.ones_like(y), y, p, (p - y) ** 2, loss, top, top * y)
    rows, seen, expected, squared, log_loss, listed, hit = resampling.sums(*columns)
    base = seen / rows
    slope, intercept = calibration_line(y, log_odds, test.students)
    figures = {
        "auc": figure(auc(y, log_odds, resampling)),
        "auc_same_day": figure(auc(y, log_odds, resampling, within=test.day)),
        "pr_auc": figure(average_precision(y, log_odds, resampling)),
        "base_rate": figure(base),
        "lift_at_top": figure(_ratio(_ratio(hit, listed), base)),
        "recall_at_top": figure(_ratio(hit, seen)),
        "brier": figure(squared / rows),
        "brier_skill": figure(1 - _ratio(squared / rows, base * (1 - base))),
        "log_loss": figure(log_loss / rows),
        "expected_observed": figure(_ratio(expected, seen)),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "ece": Figure(_ece(y, p)),
    }
    groups = [*_cut(test, p, "course", test.rows["course_id"].to_numpy())]
    if "days_since_start" in test.features:
        groups += _cut(test, p, "weeks since enrolment", _weeks(test.x[:, test.features.index("days_since_start")]))
    return Metrics(figures, groups, len(test), test.cases, len(set(test.students)), settings.top_share)


def plain_auc(y: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve, ties counting half; NaN without cases or non-cases."""
    return float(auc(y, score, Resampling(np.zeros(len(y), "int64"), 0, 0))[0])


def _cut(test: Dataset, p: np.ndarray, cut: str, groups: np.ndarray) -> list[dict[str, Any]]:
    found = []
    for group in sorted(set(groups)):
        chosen = groups == group
        cases = int(test.rows.loc[chosen & (test.y == 1), "enrolment_id"].nunique())
        area = plain_auc(test.y[chosen], p[chosen]) if cases >= 5 else float("nan")
        found.append(
            {
                "cut": cut,
                "group": str(group),
                "rows": int(chosen.sum()),
                "cases": cases,
                "observed": float(test.y[chosen].mean()),
                "expected": float(p[chosen].mean()),
                "auc": None if np.isnan(area) else area,
            }
        )
    return found


def _weeks(days_since_start: np.ndarray) -> np.ndarray:
    names = np.array(["01-04", "05-08", "09-16", "17-26", "27+", "unknown"])
    week = np.floor(days_since_start / 7) + 1
    return names[np.where(np.isnan(week), 5, np.digitize(np.nan_to_num(week), [5, 9, 17, 27]))]


def _ece(y: np.ndarray, p: np.ndarray, bins: int = 10) -> float:
    """Expected calibration error over bins of equal size (Naeini et al. 2015)."""
    order = np.argsort(p, kind="stable")
    return float(sum(abs((p[part] - y[part]).sum()) for part in np.array_split(order, bins)) / len(y))


def _probability(log_odds: np.ndarray) -> np.ndarray:
    return np.exp(-np.logaddexp(0, -log_odds))


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
