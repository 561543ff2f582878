"""Judging a recipe on later time: its figures, what it is held against, and the flattering number beside the honest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from model.baselines import logistic, rule
from model.learning import Learnt, Recipe
from model.metrics import Figure, Metrics, MetricSettings, Resampling, by_group, evaluate, figure, plain_auc, ranking
from model.risk import grow

if TYPE_CHECKING:
    from model.dataset import Dataset, Split
    from model.train import Settings

LOGISTIC = "logistic regression"
RANDOM_ROWS = "rows drawn at random, so that the future of the same students is known"
GONE = "students who have already left are counted as foreseen"


@dataclass(frozen=True)
class Judged:
    """A recipe on later time.

    Attributes:
        parts: what it learnt from, and what it was tested on.
        learnt: what it made of the first.
        log_odds: (n,) of the test part.
        metrics: of these.
        beside: what it is held against, by name: (n,) scores of the test part.
        flattering: AUC that looks better than it is, by what is wrong with it; None is unknown.
        settings: draws, and the share of a day's list.
        seed: of the draws.
    """

    parts: Split
    learnt: Learnt
    log_odds: np.ndarray
    metrics: Metrics
    beside: dict[str, np.ndarray]
    flattering: dict[str, float | None]
    settings: MetricSettings
    seed: int

    @cached_property
    def resampling(self) -> Resampling:
        """Of the test part."""
        return self.draws(self.parts.test)

    def draws(self, part: Dataset) -> Resampling:
        """Of some rows."""
        return Resampling(part.students, self.settings.draws, self.seed)

    @cached_property
    def compared(self) -> dict[str, dict[str, Figure]]:
        """Figures of what it is held against, and the model's gain over each, with paired intervals."""
        share = self.settings.top_share
        own = ranking(self.parts.test, self.log_odds, self.resampling, share)
        found = {}
        for name, score in self.beside.items():
            other = ranking(self.parts.test, score, self.resampling, share)
            found[name] = {one: figure(values) for one, values in other.items()}
            found[name] |= {f"{one}_gain": figure(own[one] - values) for one, values in other.items()}
        return found

    def beside_as_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        return {name: {one: its.as_dict() for one, its in figures.items()} for name, figures in self.compared.items()}


def judge(parts: Split, recipe: Recipe, settings: Settings, say: Callable[[str], None]) -> Judged:
    """Learns from the first part and measures on the second, beside the simple rule and a logistic regression.

    Raises:
        NotReady: there is not enough data.
    """
    learnt = recipe.learn(parts.fit, say)
    say(f"measuring on {len(parts.test)} later rows with {parts.test.cases} cases")
    log_odds = learnt.model.log_odds(parts.test.x)
    resampling = Resampling(parts.test.students, settings.metrics.draws, recipe.seed)
    metrics = evaluate(parts.test, log_odds, resampling, settings.metrics)
    metrics = replace(metrics, groups=by_group(parts.test, log_odds, settings.metrics))
    baseline = settings.gates.baseline
    beside = {baseline: rule(parts.test, baseline)} if baseline in parts.test.features else {}
    beside[LOGISTIC] = logistic(parts.fit)(parts.test.x)
    flattering = {RANDOM_ROWS: random_rows_auc(parts.whole, recipe)}
    return Judged(parts, learnt, log_odds, metrics, beside, flattering, settings.metrics, recipe.seed)


def random_rows_auc(whole: Dataset, recipe: Recipe) -> float | None:
    """AUC when four fifths of all rows, drawn at random, are fitted and the fifth is measured: the future is known."""
    held_out = np.random.default_rng(recipe.seed).random(len(whole)) < 0.2
    known, rest = whole.where(~held_out), whole.where(held_out)
    trees = grow(known, known.y, recipe.risk, recipe.seed, recipe.monotone)
    area = plain_auc(rest.y, trees.raw_log_odds(rest.x))
    return None if np.isnan(area) else area


def one_horizon_earlier(whole: Dataset, part: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The rows of a part whose enrolment has a row one horizon earlier, or up to a week more, in the whole history.

    Returns:
        Row numbers in the part, and of those earlier rows in the whole: (k,) each.
    """
    places = {key: at for at, key in enumerate(zip(whole.rows["enrolment_id"], whole.day.tolist(), strict=True))}
    now, before = [], []
    for at, (enrolment, day) in enumerate(zip(part.rows["enrolment_id"], part.day.tolist(), strict=True)):
        days = range(day - whole.horizon_days, day - whole.horizon_days - 7, -1)
        found = next((places[enrolment, one] for one in days if (enrolment, one) in places), None)
        if found is not None:
            now.append(at)
            before.append(found)
    return np.array(now, "int64"), np.array(before, "int64")
