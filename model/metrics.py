"""How good a risk is: figures on later time, with intervals that resample whole students."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from features.errors import BadConfig
from model.risk import probability

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

    def as_dict(self) -> dict[str, float | None]:
        """Plain values; NaN becomes None."""
        return {name: _plain(number) for name, number in asdict(self).items()}

    def __str__(self) -> str:
        if np.isnan(self.value):
            return "unknown"
        return f"{self.value:.3f}" if np.isnan(self.low) else f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"


@dataclass(frozen=True)
class MetricSettings:
    """See configs/model.toml."""

    draws: int = 500
    top_share: float = 0.10
    group_cases: int = 10
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.top_share <= 1:
            raise BadConfig("top_share must be above 0 and at most 1", where="model.toml [metrics]")
        if self.draws < 2 or self.group_cases < 1 or self.seed < 0:
            raise BadConfig(
                "draws must be at least 2, group_cases at least 1 and seed not negative", where="model.toml [metrics]"
            )


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
        p = probability(design @ beta)
        bend = design.T @ (design * (p * (1 - p))[:, None]) + 1e-9 * np.eye(2)
        step = np.linalg.solve(bend, design.T @ (y - p))
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    p = probability(design @ beta)
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
        figures: by name; probabilities and areas 0-1, log loss in nats, lead times in days.
        rows: rows of the test part.
        cases: enrolments that had the event.
        students: students.
        top_share: the share of a day's list behind `lift_at_top`, `recall_at_top`, `alerted` and `lead_days`.
        groups: the same test part cut in several ways, as `by_group` gives it; empty where that was not asked.
    """

    figures: dict[str, Figure]
    rows: int
    cases: int
    students: int
    top_share: float
    groups: list[dict[str, Any]] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        plain = asdict(self)
        plain["figures"] = {name: one.as_dict() for name, one in self.figures.items()}
        return plain


def evaluate(test: Dataset, log_odds: np.ndarray, resampling: Resampling, settings: MetricSettings) -> Metrics:
    """All figures of served log-odds (n,) on a test part of live enrolments."""
    y, p = test.y, probability(log_odds)
    loss = np.logaddexp(0, log_odds) - y * log_odds
    rows, seen, expected, squared, log_loss = resampling.sums(np.ones_like(y), y, p, (p - y) ** 2, loss)
    base = seen / rows
    slope, intercept = calibration_line(y, log_odds, test.students)
    figures = {
        **{name: figure(values) for name, values in ranking(test, log_odds, resampling, settings.top_share).items()},
        "base_rate": figure(base),
        "brier": figure(squared / rows),
        "brier_skill": figure(1 - _ratio(squared / rows, base * (1 - base))),
        "log_loss": figure(log_loss / rows),
        "expected_observed": figure(_ratio(expected, seen)),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "ece": figure(_ece(y, p, resampling)),
    }
    return Metrics(figures, len(test), test.cases, len(set(test.students)), settings.top_share)


def ranking(test: Dataset, score: np.ndarray, resampling: Resampling, share: float) -> dict[str, np.ndarray]:
    """What an order alone can be judged by, in the sample and in every draw: (draws + 1,) each.

    Args:
        test: the rows.
        score: (n,) finite, larger is riskier.
        resampling: of the rows.
        share: of a day's list, what curators get round to.
    """
    top = top_of_each_day(score, test.day, share)
    rows, seen, listed, hit = resampling.sums(np.ones_like(test.y), test.y, top, top * test.y)
    alerted, lead = lead_time(test, top, resampling)
    return {
        "auc": auc(test.y, score, resampling),
        "auc_same_day": auc(test.y, score, resampling, within=test.day),
        "pr_auc": average_precision(test.y, score, resampling),
        "lift_at_top": _ratio(_ratio(hit, listed), seen / rows),
        "recall_at_top": _ratio(hit, seen),
        "alerted": alerted,
        "lead_days": lead,
    }


def lead_time(test: Dataset, alert: np.ndarray, resampling: Resampling) -> tuple[np.ndarray, np.ndarray]:
    """How many events were alerted before they happened, and how long before.

    An enrolment's event is taken to happen one horizon after the first cut-off that saw it coming, or one step after
    the last one if that is sooner: right to a step between cut-offs. Its alert is the first of the spell that goes on
    until then: an earlier one counts only while no two cut-offs in a row were without one.

    Args:
        test: the rows.
        alert: (n,) bool, whether the row was on the list.
        resampling: of the rows.

    Returns:
        The share of events alerted, and the mean days from alert to event among those: (draws + 1,) each.
    """
    step = int(np.median(np.diff(np.unique(test.day)))) if len(np.unique(test.day)) > 1 else 1
    order = np.lexsort((test.day, test.rows["enrolment_id"].to_numpy()))
    found, caught, days = np.zeros(len(test)), np.zeros(len(test)), np.zeros(len(test))
    starts = np.flatnonzero(
        np.r_[True, np.diff(np.unique(test.rows["enrolment_id"], return_inverse=True)[1][order]) > 0]
    )
    for rows in np.split(order, starts[1:]):
        seen = test.day[rows[test.y[rows] == 1]]
        if not len(seen):
            continue
        event = min(seen[0] + test.horizon_days, seen[-1] + step)
        on = test.day[rows[alert[rows] & (test.day[rows] < event)]]
        first = on[np.flatnonzero(np.r_[True, np.diff(on) > 2 * step])[-1]] if len(on) else event
        row = rows[0]
        found[row], caught[row] = 1, float(len(on) > 0 and on[-1] >= event - test.horizon_days - step)
        days[row] = (event - first) * caught[row]
    all_of_them, alerted, lead = resampling.sums(found, caught, days)
    return _ratio(alerted, all_of_them), _ratio(lead, alerted)


def plain_auc(y: np.ndarray, score: np.ndarray) -> float:
    """Area under the ROC curve, ties counting half; NaN without cases or non-cases."""
    return float(auc(y, score, Resampling(np.zeros(len(y), "int64"), 0, 0))[0])


def by_group(test: Dataset, log_odds: np.ndarray, settings: MetricSettings) -> list[dict[str, Any]]:
    """A test part cut by course, by the dataset's own groups, by weeks since the start and by how much is known.

    Returns:
        Plain rows: `cut`, `group`, `rows`, `cases`, `observed` and `expected` rates, `auc` and `ratio` (expected /
        observed), each with `_low` and `_high`; None where there are too few cases.
    """
    p = probability(log_odds)
    cuts = {"course": test.rows["course_id"].to_numpy(), **{name: test.rows[name].to_numpy() for name in test.groups}}
    if "days_since_start" in test.features:
        cuts["weeks since the start"] = weeks(test.x[:, test.features.index("days_since_start")])
    cuts["features known"] = _richness(test.x)
    return [
        _group(test, p, cut, group, groups == group, settings)
        for cut, groups in cuts.items()
        for group in sorted(set(groups))
    ]


def _group(
    test: Dataset, p: np.ndarray, cut: str, group: str, chosen: np.ndarray, settings: MetricSettings
) -> dict[str, Any]:
    y, own, resampling = test.y[chosen], p[chosen], Resampling(test.students[chosen], settings.draws, settings.seed)
    cases = int(test.rows.loc[chosen & (test.y == 1), "enrolment_id"].nunique())
    area = figure(auc(y, own, resampling)) if cases >= settings.group_cases else Figure(float("nan"))
    seen, expected = resampling.sums(y, own)
    level = figure(_ratio(expected, seen)) if cases >= settings.group_cases else Figure(float("nan"))
    return {
        "cut": cut,
        "group": group,
        "rows": int(chosen.sum()),
        "cases": cases,
        "observed": float(y.mean()),
        "expected": float(own.mean()),
        **{f"auc{end}": _plain(value) for end, value in zip(("", "_low", "_high"), astuple(area), strict=True)},
        **{f"ratio{end}": _plain(value) for end, value in zip(("", "_low", "_high"), astuple(level), strict=True)},
    }


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else value


def _richness(x: np.ndarray) -> np.ndarray:
    """How many of the features that are ever known here are known of a row."""
    known = ~np.isnan(x)
    share = known[:, known.any(axis=0)].mean(axis=1) if known.any() else np.zeros(len(x))
    return np.array(["under 60 %", "60-80 %", "over 80 %"])[np.digitize(share, [0.6, 0.8])]


def weeks(days_since_start: np.ndarray) -> np.ndarray:
    """Names of the weeks since the start that days (n,) lie in."""
    names = np.array(["01-04", "05-08", "09-16", "17-26", "27+", "unknown"])
    week = np.floor(days_since_start / 7) + 1
    return names[np.where(np.isnan(week), 5, np.digitize(np.nan_to_num(week), [5, 9, 17, 27]))]


def _ece(y: np.ndarray, p: np.ndarray, resampling: Resampling, bins: int = 10) -> np.ndarray:
    """Expected calibration error over bins of equal size (Naeini et al. 2015, AAAI): (draws + 1,).

    It is never negative, so that a few cases make it look worse than it is: that holds for its interval too.
    """
    at = np.empty(len(y), "int64")
    at[np.argsort(p, kind="stable")] = np.arange(len(y)) * bins // len(y)
    off = resampling.sums(*((p - y) * (at == one) for one in range(bins)))
    return np.abs(off).sum(axis=0) / resampling.sums(np.ones_like(y))[0]


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    return np.divide(above, below, out=np.full(np.shape(above), np.nan), where=below > 0)
