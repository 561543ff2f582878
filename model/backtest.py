"""What a model would have been worth: at each origin of the past it learns what was known then, and scores forward."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.clock import date_of
from features.errors import NotReady
from features.labels import Label
from model.baselines import logistic
from model.baselines import rule as rule_order
from model.dataset import KEYS, Dataset
from model.judging import LOGISTIC
from model.metrics import Figure, Metrics, MetricSettings, Resampling, evaluate, figure, plain_auc, ranking, weeks
from model.risk import RiskModel
from model.train import Settings

STEP_DAYS = 7  # between the cut-offs that a model learns from
BESIDE = ("logistic", "previous")

Answers = Callable[[pd.DataFrame, int], np.ndarray]
"""(rows, until_day) -> (n,) 1, 0, or NaN where the horizon is not over; only what was known before that day is used."""


@dataclass(frozen=True)
class Learned:
    """A model and what it learnt from.

    Attributes:
        origin: the day number at which it was made.
        trained_until: the day number by which its last label was known; never after the origin.
        rows, cases: how much it learnt from; a case is an enrolment.
        model: itself.
        calibration: the kind that was chosen.
    """

    origin: int
    trained_until: int
    rows: int
    cases: int
    model: RiskModel
    calibration: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        days = {"origin": date_of(self.origin), "trained_until": date_of(self.trained_until)}
        others = ("rows", "cases", "calibration")
        return {name: day.isoformat() for name, day in days.items()} | {name: getattr(self, name) for name in others}


@dataclass(frozen=True)
class Past:
    """What was scored.

    Attributes:
        rows: one row per live enrolment and origin, ordered by day and enrolment: `enrolment_id`, `student_id`,
            `course_id`, `day`, `enough_data`, the features, `risk` (NaN where there is not enough data, or where too
            little was known to train), `logistic` and `previous` (log-odds of a logistic regression fitted to the same
            past, and of the model before this one, or of this one where it is the first), `outcome` (1, 0 or NaN) and
            `trained_until` (a day number, NaN without a risk).
        models: in the order of time.
        untrained: origin -> why there is no model for it, in words.
    """

    rows: pd.DataFrame
    models: tuple[Learned, ...]
    untrained: dict[int, str]


@dataclass(frozen=True)
class Comparison:
    """Figures on the rows that have a risk and an outcome, beside other orders of the same lists.

    Attributes:
        cut: what the rows are cut by: "all", "course run", "weeks since the start" or a group of the rows.
        group: the group's name in that cut.
        model: every figure of the model.
        beside: by name of the other order, the figures that a mere order can have.
        gain: by name, model less other, with paired intervals.
        expected: the mean risk.
    """

    cut: str
    group: str
    model: Metrics
    beside: dict[str, dict[str, Figure]]
    gain: dict[str, dict[str, Figure]]
    expected: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        plain = {
            side: {other: {name: one.as_dict() for name, one in figures.items()} for other, figures in found.items()}
            for side, found in (("beside", self.beside), ("gain", self.gain))
        }
        return {"cut": self.cut, "group": self.group, "expected": self.expected, **self.model.as_dict(), **plain}


@dataclass(frozen=True)
class Backtest:
    """How one label is followed through the past.

    Args:
        definition: the label.
        answers: finds its answers as they were known on a day.
        features: what the model may see, in its order.
        monotone: feature -> -1, 0 or 1.
        settings: configs/model.toml.
        seed: the same rows, settings and seed give the same risks.
        retrain_days: a model is kept for so many days.
    """

    definition: Label
    answers: Answers
    features: tuple[str, ...]
    monotone: Mapping[str, int]
    settings: Settings
    seed: int
    retrain_days: int

    def learning_days(self, origins: Sequence[int], first_day: int) -> list[int]:
        """The weekly cut-offs to learn from, ``first_day`` and later: those of the first origin, and on to the last.

        Args:
            origins: day numbers in ascending order.
            first_day: the first day on which anything was known.
        """
        newest = origins[0] - self.definition.horizon_days
        before = range(newest, first_day - 1, -STEP_DAYS)
        after = range(newest, origins[-1] - self.definition.horizon_days + 1, STEP_DAYS)
        return sorted({*before, *(day for day in after if day >= first_day)})

    def run(
        self,
        rows: pd.DataFrame,
        origins: Sequence[int],
        until_day: int,
        progress: Callable[[int, int, str], None] | None = None,
    ) -> Past:
        """Scores every origin with what was known then.

        Args:
            rows: as `features.build.snapshot` gives them, at the origins and at the `learning_days`; a row holds only
                what was known at its own day, so one table serves every origin.
            origins: day numbers in ascending order.
            until_day: outcomes known before this day are written beside the risks.
            progress: told (done, all, what).
        """
        models: list[Learned] = []
        line: Callable[[np.ndarray], np.ndarray] | None = None
        untrained: dict[int, str] = {}
        parts: list[pd.DataFrame] = []
        days = self.learning_days(origins, int(rows["day"].min()))
        for done, origin in enumerate(origins):
            now = rows[rows["day"] == origin]
            due = not models or origin - models[-1].origin >= self.retrain_days
            if due and len(now):
                try:
                    known = self.known(rows, origin, days)
                    models.append(self.learn(known, origin))
                    line = logistic(known)
                except NotReady as refusal:
                    untrained[origin] = refusal.what
            parts.append(self._scored(now, models[-2:], line))
            if progress:
                progress(done + 1, len(origins), "origins")
        table = pd.concat(parts, ignore_index=True)
        table["outcome"] = self.answers(table, until_day)
        return Past(table, tuple(models), untrained)

    def known(self, rows: pd.DataFrame, origin: int, days: Sequence[int]) -> Dataset:
        """What was known at an origin: rows with enough data whose horizon was over.

        Args:
            rows: see `run`; later ones are not looked at.
            origin: a day number.
            days: the cut-offs to learn from.
        """
        over = rows["day"] + self.definition.horizon_days <= origin
        known = rows[over & rows["day"].isin(days) & rows["enough_data"]]
        known = known.assign(y=self.answers(known, origin))
        of = (self.definition.name, self.definition.version, self.definition.horizon_days)
        return Dataset(known[known["y"].notna()], self.features, *of)

    def learn(self, known: Dataset, origin: int) -> Learned:
        """A model of what was known at an origin.

        Raises:
            NotReady: too little was known; says the counts.
        """
        learnt = self.settings.recipe(self.monotone, self.seed).learn(known)
        sizes = len(known), known.cases
        return Learned(origin, known.known_until, *sizes, learnt.model, learnt.model.calibration.kind)

    def _scored(
        self, now: pd.DataFrame, models: Sequence[Learned], line: Callable[[np.ndarray], np.ndarray] | None
    ) -> pd.DataFrame:
        columns = {name: np.full(len(now), np.nan) for name in ("risk", *BESIDE, "trained_until")}
        enough = now["enough_data"].to_numpy("bool")
        if models and line and enough.any():
            x = np.ascontiguousarray(now.loc[enough, list(self.features)].to_numpy("float64"))
            previous, newest = models[0], models[-1]
            columns["risk"][enough], columns["trained_until"][enough] = newest.model.score(x), newest.trained_until
            columns["logistic"][enough], columns["previous"][enough] = line(x), previous.model.log_odds(x)
        return now.assign(**columns)


def with_those_gone(past: Past, gone: pd.DataFrame) -> float:
    """AUC when students who have left are scored too, by the model of their day, and counted as foreseen.

    Args:
        past: what was scored.
        gone: rows as `features.build.snapshot` gives them, of enrolments that are no longer live at the origins.

    Returns:
        NaN where there is nothing to measure.
    """
    if not past.models:
        return float("nan")
    rows = past.rows[past.rows["risk"].notna() & past.rows["outcome"].notna()]
    made = np.array([one.origin for one in past.models])
    left = gone[gone["enough_data"] & (gone["day"] >= made[0])]
    which = np.searchsorted(made, left["day"].to_numpy(), side="right") - 1
    x = left[list(past.models[0].model.features)].to_numpy("float64")
    risk = np.empty(len(left))
    for at, one in enumerate(past.models):
        risk[which == at] = one.model.score(np.ascontiguousarray(x[which == at]))
    return plain_auc(np.r_[rows["outcome"], np.ones(len(left))], np.r_[rows["risk"], risk])


def compare(
    past: Past, definition: Label, rule: str, settings: MetricSettings, seed: int, groups: tuple[str, ...] = ()
) -> list[Comparison]:
    """The model beside other orders, on the rows that have a risk and an outcome: all, then cut in several ways.

    Args:
        past: what was scored; the rows hold ``days_since_start``.
        definition: of the label.
        rule: the feature that the simple rule sorts by; who has no value of it comes first.
        settings: draws and the share of a day's list.
        seed: of the draws.
        groups: columns of the rows that tell groups apart.

    Returns:
        Nothing when there is no such row.
    """
    rows = past.rows[past.rows["risk"].notna() & past.rows["outcome"].notna()]
    if not len(rows):
        return []
    # Two names of one feature would be two columns of one name where the rule sorts by what the weeks are cut by.
    told = rows[[*KEYS, *groups, "risk", "days_since_start", *BESIDE]].assign(rule=rows[rule], y=rows["outcome"])
    of = (definition.name, definition.version, definition.horizon_days, groups)
    test = Dataset(told, ("risk", "rule", "days_since_start", *BESIDE), *of)
    cuts = {"course run": test.rows["course_id"].to_numpy(), "weeks since the start": weeks(test.x[:, 2])}
    cuts |= {name: test.rows[name].to_numpy() for name in groups}
    parts = [("all", "all", np.ones(len(test), "bool"))]
    parts += [(cut, str(name), names == name) for cut, names in cuts.items() for name in sorted(set(names))]
    orders = {"rule": rule, "logistic": LOGISTIC, **({"previous": "previous model"} if len(past.models) > 1 else {})}
    return [_comparison(cut, name, test.where(chosen), orders, settings, seed) for cut, name, chosen in parts]


def _comparison(
    cut: str, group: str, test: Dataset, orders: Mapping[str, str], settings: MetricSettings, seed: int
) -> Comparison:
    """Columns of ``test`` beside the risk are called as ``orders`` says."""
    chance = np.clip(test.x[:, 0], 1e-15, 1 - 1e-15)
    log_odds = np.log(chance) - np.log1p(-chance)
    resampling = Resampling(test.students, settings.draws, seed)
    others = {told: rule_order(test, column) for column, told in orders.items()}
    own = ranking(test, log_odds, resampling, settings.top_share)
    ranked = {name: ranking(test, score, resampling, settings.top_share) for name, score in others.items()}
    return Comparison(
        cut,
        group,
        evaluate(test, log_odds, resampling, settings),
        {name: {one: figure(values) for one, values in found.items()} for name, found in ranked.items()},
        {name: {one: figure(own[one] - values) for one, values in found.items()} for name, found in ranked.items()},
        float(chance.mean()),
    )
