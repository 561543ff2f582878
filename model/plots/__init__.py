"""Plots: what a data scientist looks at before trusting a model; each function gives a matplotlib figure of its own.

Save one with ``figure.savefig("x.png", dpi=150)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np

from model import metrics
from model.metrics import Resampling
from model.plots.contributions import shap_dependence, shap_summary
from model.plots.ranking import (
    LEAST_CASES,
    auc_by_group,
    lift_at_capacity,
    precision_recall,
    reliability,
    score_distribution,
)
from model.risk import probability

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from model.dataset import Dataset

__all__ = [
    "about",
    "auc_by_group",
    "lift_at_capacity",
    "of_test_part",
    "precision_recall",
    "reliability",
    "score_distribution",
    "shap_dependence",
    "shap_summary",
]

MOST_POINTS = 3000  # rows that are drawn one by one


def of_test_part(
    test: Dataset,
    log_odds: np.ndarray,
    contributions: Callable[[np.ndarray], np.ndarray],
    beside: Mapping[str, np.ndarray],
    resampling: Resampling,
    share: float,
) -> dict[str, Figure]:
    """Every plot of a test part, by name, as they are kept with a run.

    Args:
        test: later rows of live enrolments.
        log_odds: (n,) served log-odds.
        contributions: gives (m, f + 1) exact contributions of rows (m, f); asked for `MOST_POINTS` rows at most.
        beside: other orders of the same rows to compare with, (n,) each, larger is riskier: the champion's
            log-odds, a simple rule.
        resampling: of the rows' students.
        share: of each day's list that curators get round to.
    """
    risk, told = probability(log_odds), about(test)
    some = np.sort(np.random.default_rng(0).permutation(len(test))[:MOST_POINTS])
    x = np.ascontiguousarray(test.x[some])
    parts = contributions(x)
    found = {
        "reliability": reliability(test.y, risk, test.students, told),
        "lift_at_capacity": lift_at_capacity(test.y, {"model": log_odds, **beside}, test.day, share, resampling, told),
        "score_distribution": score_distribution(test.y, risk, told),
        "shap_summary": shap_summary(parts, x, test.features, told),
        "shap_dependence": shap_dependence(parts, x, test.features, told),
    }
    if "days_since_start" in test.features:
        weeks = metrics.weeks(test.x[:, test.features.index("days_since_start")])
        scores = {"model": log_odds, **beside}
        found["precision_recall_by_week"] = precision_recall(test.y, risk, weeks, told)
        found["auc_by_week"] = auc_by_group(*_areas(test, scores, weeks, resampling), told, "weeks since the start")
    return found


def about(test: Dataset) -> str:
    """What lies behind a plot, in words: rows, students, cases and days."""
    first, last = (np.datetime64(int(day), "D") for day in (test.day.min(), test.day.max()))
    return (
        f"{len(test):,} rows of {len(set(test.students)):,} students still enrolled, {first} to {last}; "
        f"{test.cases:,} cases of {test.event} within {test.horizon_days} days"
    )


def _areas(
    test: Dataset, scores: Mapping[str, np.ndarray], groups: np.ndarray, resampling: Resampling
) -> tuple[list[str], list[int], dict[str, list[metrics.Figure]]]:
    """The AUC of each order in each group that has cases enough; see `auc_by_group`."""
    kept: list[str] = []
    cases: list[int] = []
    areas: dict[str, list[metrics.Figure]] = {name: [] for name in scores}
    for group in sorted(set(groups)):
        rows = np.flatnonzero(groups == group)
        found = len(set(test.rows["enrolment_id"].to_numpy()[rows][test.y[rows] == 1]))
        if found < LEAST_CASES:
            continue
        kept.append(str(group))
        cases.append(found)
        own = Resampling(test.students[rows], resampling.draws, resampling.seed)
        for name, score in scores.items():
            areas[name].append(metrics.figure(metrics.auc(test.y[rows], score[rows], own)))
    return kept, cases, areas
