"""What a model would have been worth: at each origin of the past it learns what was known then, and scores forward."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.clock import date_of
from features.errors import NotReady
from features.labels import Label
from model import risk
from model.dataset import KEYS, Dataset, Split, SplitSettings
from model.metrics import (
    Figure,
    Metrics,
    MetricSettings,
    Resampling,
    auc,
    average_precision,
    evaluate,
    figure,
    top_of_each_day,
)
from model.risk import RiskModel
from model.train import Settings

STEP_DAYS = 7  # between the cut-offs that a model learns from

Answers = Callable[[pd.DataFrame, int], np.ndarray]
"""(rows, until_day) -> (n,) 1, 0, or NaN where the horizon is not over; only what was known before that day is used."""


@dataclass(frozen=True)
class Learned:
    """A model and what it learnt from.

    Attributes:
        origin: the day number at which it was made.
        trained_until: the day number by which its last label was known; never after the origin.
        fit_rows, fit_cases, calibrate_rows, calibrate_cases: sizes of its two parts; a case is an enrolment.
        model: itself.
    """

    origin: int
    trained_until: int
    fit_rows: int
    fit_cases: int
    calibrate_rows: int
    calibrate_cases: int
    model: RiskModel

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        days = {"origin": date_of(self.origin), "trained_until": date_of(self.trained_until)}
        sizes = ("fit_rows", "fit_cases", "calibrate_rows", "calibrate_cases")
        return {name: day.isoformat() for name, day in days.items()} | {name: getattr(self, name) for name in sizes}


@dataclass(frozen=True)
class Past:
    """What was scored.

    Attributes:
        rows: one row per live enrolment and origin, ordered by day and enrolment: `enrolment_id`, `student_id`,
            `course_id`, `day`, `enough_data`, the features, `risk` (NaN where there is not enough data, or where too
            little was known to train), `outcome` (1, 0 or NaN) and `trained_until` (a day number, NaN without a risk).
        models: in the order of time.
        untrained: origin -> why there is no model for it, in words.
    """

    rows: pd.DataFrame
    models: tuple[Learned, ...]
    untrained: dict[int, str]


@dataclass(frozen=True)
class Comparison:
    """Figures on the rows that have a risk and an outcome, beside a rule that sorts by one feature.

    Attributes:
        cut: what the rows are cut by: "all", "course run" or "weeks since the start".
        group: the group's name in that cut.
        model: every figure of the model.
        rule: those of the rule that a mere order can have.
        gain: model less rule, with paired intervals.
        expected: the mean risk.
    """

    cut: str
    group: str
    model: Metrics
    rule: dict[str, Figure]
    gain: dict[str, Figure]
    expected: float

    def as_dict(self) -> dict[str, Any]:
        """Plain values; NaN becomes None."""
        plain = {
            side: {name: {key: _number(value) for key, value in asdict(one).items()} for name, one in found.items()}
            for side, found in (("rule", self.rule), ("gain", self.gain))
        }
        whole = {"cut": self.cut, "group": self.group, "expected": self.expected}
        return {**whole, "model": self.model.as_dict(), **plain}


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
        untrained: dict[int, str] = {}
        parts: list[pd.DataFrame] = []
        days = self.learning_days(origins, int(rows["day"].min()))
        for done, origin in enumerate(origins):
            now = rows[rows["day"] == origin]
            due = not models or origin - models[-1].origin >= self.retrain_days
            if due and len(now):
                try:
                    models.append(self.learn(rows, origin, days))
                except NotReady as refusal:
                    untrained[origin] = refusal.what
            parts.append(self._scored(now, models[-1] if models else None))
            if progress:
                progress(done + 1, len(origins), "origins")
        table = pd.concat(parts, ignore_index=True)
        table["outcome"] = self.answers(table, until_day)
        return Past(table, tuple(models), untrained)

    def learn(self, rows: pd.DataFrame, origin: int, days: Sequence[int]) -> Learned:
        """A model of what was known at an origin: labels whose horizon was over, calibrated on the newest of them.

        Args:
            rows: see `run`; later ones are not looked at.
            origin: a day number.
            days: the cut-offs to learn from.

        Raises:
            NotReady: too little was known; says the counts.
        """
        over = rows["day"] + self.definition.horizon_days <= origin
        known = rows[over & rows["day"].isin(days) & rows["enough_data"]]
        known = known.assign(y=self.answers(known, origin))
        of = (self.definition.name, self.definition.version, self.definition.horizon_days)
        dataset = Dataset(known[known["y"].notna()], self.features, *of)
        split = fit_and_calibrate(dataset, self.settings.split)
        fit, newest = split.fit, split.calibrate
        model = risk.fit(split, self.settings.risk, self.seed, self.monotone)
        return Learned(origin, dataset.known_until, len(fit), fit.cases, len(newest), newest.cases, model)

    def _scored(self, now: pd.DataFrame, learned: Learned | None) -> pd.DataFrame:
        chance, until = np.full(len(now), np.nan), np.full(len(now), np.nan)
        if learned:
            enough = now["enough_data"].to_numpy("bool")
            x = np.ascontiguousarray(now.loc[enough, list(self.features)].to_numpy("float64"))
            chance[enough], until[enough] = learned.model.score(x), learned.trained_until
        return now.assign(risk=chance, trained_until=until)


def fit_and_calibrate(known: Dataset, settings: SplitSettings) -> Split:
    """Cuts what was known into a part to fit and, one horizon later, the newest part to calibrate; no test part.

    The newest part starts as late as it can while holding the wanted cases, and no earlier than leaves enough to fit.

    Raises:
        NotReady: the history is too short or has too few cases for two parts; says the counts.
    """
    days = np.unique(known.day)
    least, most = (max(1, round(share * len(days))) for share in (settings.least_share, settings.most_share))
    is_case = known.y == 1
    case_day, case = known.day[is_case], known.rows["enrolment_id"].to_numpy()[is_case]
    best: int | None = None
    for start in days[::-1][least - 1 : most]:
        fit_cases = len(set(case[case_day + known.horizon_days <= start]))
        newest_cases = len(set(case[case_day >= start]))
        if fit_cases < settings.least_fit_cases:
            break
        if newest_cases >= settings.least_calibrate_cases:
            best = int(start)
        if newest_cases >= max(settings.calibrate_cases, settings.least_calibrate_cases):
            break
    if best is None:
        raise NotReady(
            f"what was known holds {known.cases} cases of {known.event} over {len(days)} cut-off days, too little to "
            f"fit (at least {settings.least_fit_cases} cases) and to calibrate (at least "
            f"{settings.least_calibrate_cases}), with {known.horizon_days} days between",
            where=known.label,
            mend="Begin later, or import more history",
        )
    fit, newest = known.where(known.day + known.horizon_days <= best), known.where(known.day >= best)
    return Split(fit, newest, known.where(np.zeros(len(known), "bool")))


def compare(past: Past, definition: Label, rule: str, settings: MetricSettings, seed: int) -> list[Comparison]:
    """The model beside the rule, on the rows that have a risk and an outcome: all, by course run, by time in the run.

    Args:
        past: what was scored; the rows hold ``days_since_start``.
        definition: of the label.
        rule: the feature that the rule sorts by; who has no value of it comes first.
        settings: draws and the share of a day's list.
        seed: of the draws.

    Returns:
        Nothing when there is no such row.
    """
    rows = past.rows[past.rows["risk"].notna() & past.rows["outcome"].notna()]
    rows = rows[[*KEYS, "risk", "days_since_start"]].assign(rule=rows[rule], y=rows["outcome"])
    of = (definition.name, definition.version, definition.horizon_days)
    test = Dataset(rows, ("risk", "rule", "days_since_start"), *of)
    if not len(test):
        return []
    cuts = {"course run": test.rows["course_id"].to_numpy(), "weeks since the start": _weeks(test.x[:, 2])}
    groups = [("all", "all", np.ones(len(test), "bool"))]
    groups += [(cut, str(name), names == name) for cut, names in cuts.items() for name in sorted(set(names))]
    return [_comparison(cut, name, test.where(chosen), settings, seed) for cut, name, chosen in groups]


def _weeks(days_since_start: np.ndarray) -> np.ndarray:
    return np.array(["01-04", "05-08", "09-16", "17-26", "27+"])[np.digitize(days_since_start, [28, 56, 112, 182])]


def _comparison(cut: str, group: str, test: Dataset, settings: MetricSettings, seed: int) -> Comparison:
    """The features of ``test`` are the risk and what the rule sorts by."""
    chance, rule = np.clip(test.x[:, 0], 1e-15, 1 - 1e-15), test.x[:, 1]
    rule = np.where(np.isnan(rule), np.nanmax(rule, initial=0.0) + 1, rule)
    log_odds = np.log(chance) - np.log1p(-chance)
    resampling = Resampling(test.students, settings.draws, seed)
    own, other = (_ranking(test, score, resampling, settings.top_share) for score in (log_odds, rule))
    return Comparison(
        cut,
        group,
        evaluate(test, log_odds, resampling, settings),
        {name: figure(values) for name, values in other.items()},
        {name: figure(own[name] - values) for name, values in other.items()},
        float(chance.mean()),
    )


def _ranking(test: Dataset, score: np.ndarray, resampling: Resampling, share: float) -> dict[str, np.ndarray]:
    """What an order alone can be judged by, in the sample and in every draw: (draws + 1,) each."""
    top = top_of_each_day(score, test.day, share)
    rows, seen, listed, hit = resampling.sums(np.ones_like(test.y), test.y, top, top * test.y)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "auc": auc(test.y, score, resampling),
            "auc_same_day": auc(test.y, score, resampling, within=test.day),
            "pr_auc": average_precision(test.y, score, resampling),
            "lift_at_top": (hit / listed) / (seen / rows),
            "recall_at_top": hit / seen,
        }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
