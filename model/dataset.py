"""What a model learns from: labelled snapshots of live enrolments, and their split by time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from features.errors import BadConfig, BadInput, NotReady

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

KEYS = ("enrolment_id", "student_id", "course_id", "day")


@dataclass(frozen=True)
class Dataset:
    """Rows (enrolment, cut-off day) with features as of the day and the label of the horizon that follows.

    Rows are put in the order of day and enrolment, so that equal facts make an equal model.

    Args:
        rows: `enrolment_id`, `student_id`, `course_id`, `day` (day number of the cut-off), the features
            (float64, NaN is unknown) and `y` (1.0 for a case, 0.0 for none); other columns are left out.
        features: names of the features, in the model's order.
        label: name of the label, e.g. ``withdrawal_28d``.
        label_version: its version.
        horizon_days: days that the label looks ahead.
        groups: names of columns of text that rows are told apart by when a model is judged; never features.

    Raises:
        BadInput: a column is missing, a row is there twice, a label is not 0 or 1, a feature is infinite.
    """

    rows: pd.DataFrame
    features: tuple[str, ...]
    label: str
    label_version: int
    horizon_days: int
    groups: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        wanted = [*KEYS, *self.groups, *self.features, "y"]
        absent = [name for name in wanted if name not in self.rows.columns]
        if absent:
            raise BadInput(f"no column {', '.join(absent)}", where="dataset", mend="Build the rows with features.build")
        rows = self.rows[wanted].sort_values(["day", "enrolment_id"], ignore_index=True)
        twice = rows.duplicated(["enrolment_id", "day"])
        if twice.any():
            first = rows[twice].iloc[0]
            raise BadInput(
                f"{int(twice.sum())} rows are there twice, the first is {first['enrolment_id']} on day {first['day']}",
                where="dataset",
                mend="Leave one row for each enrolment and cut-off day",
            )
        if not rows["y"].isin([0.0, 1.0]).all():
            raise BadInput(
                "a label is neither 0 nor 1", where="dataset, column y", mend="Leave out rows whose horizon is not over"
            )
        for name in self.features:
            if np.isinf(rows[name].to_numpy("float64")).any():
                raise BadInput("a value is infinite", where=f"dataset, column {name}", mend="Unknown is written as NaN")
        object.__setattr__(self, "rows", rows)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def x(self) -> np.ndarray:
        """The features, (n, f) float64, C order."""
        return np.ascontiguousarray(self.rows[list(self.features)].to_numpy("float64"))

    @cached_property
    def y(self) -> np.ndarray:
        """The labels, (n,) float64, 0 or 1."""
        return self.rows["y"].to_numpy("float64")

    @cached_property
    def day(self) -> np.ndarray:
        """The cut-off days, (n,) int64."""
        return self.rows["day"].to_numpy("int64")

    @property
    def students(self) -> np.ndarray:
        """Student ids, (n,)."""
        return self.rows["student_id"].to_numpy()

    @cached_property
    def cases(self) -> int:
        """How many enrolments have the event: several rows of one enrolment see the same event coming."""
        return int(self.rows.loc[self.y == 1, "enrolment_id"].nunique())

    @property
    def event(self) -> str:
        """The event in words: ``withdrawal`` for the label ``withdrawal_28d``."""
        return self.label.removesuffix(f"_{self.horizon_days}d").replace("_", " ")

    @property
    def known_until(self) -> int:
        """The day number on which the last label was known."""
        return int(self.day.max()) + self.horizon_days

    @cached_property
    def digest(self) -> str:
        """SHA-256 of what is learnt from; equal for equal rows in any order, on any machine."""
        made = hashlib.sha256(repr((self.features, self.label, self.label_version, self.horizon_days)).encode())
        for name in ("enrolment_id", "student_id", "course_id"):
            made.update("\x00".join(map(str, self.rows[name])).encode())
        made.update(self.day.astype("<i8").tobytes())
        made.update(np.where(np.isnan(self.x), np.nan, self.x + 0.0).astype("<f8").tobytes())
        made.update(self.y.astype("<f8").tobytes())
        return made.hexdigest()

    def where(self, chosen: np.ndarray) -> Dataset:
        """The rows where ``chosen`` (n,) is true, or whose numbers it holds."""
        rows = self.rows[chosen] if chosen.dtype == bool else self.rows.iloc[chosen]
        return replace(self, rows=rows)


@dataclass(frozen=True)
class SplitSettings:
    """How much of the history the parts get; see configs/model.toml."""

    test_cases: int = 40
    least_share: float = 0.15
    most_share: float = 0.40
    folds: int = 4
    first_share: float = 0.35
    least_cases: int = 30

    def __post_init__(self) -> None:
        if not 0 < self.least_share <= self.most_share < 1:
            raise BadConfig("least_share and most_share must be 0 < least <= most < 1", where="model.toml [split]")
        if not 0 < self.first_share < 1:
            raise BadConfig("first_share must be between 0 and 1", where="model.toml [split]")
        if min(self.test_cases, self.folds, self.least_cases) < 1:
            raise BadConfig("numbers of cases and folds must be at least 1", where="model.toml [split]")


@dataclass(frozen=True)
class Split:
    """Two parts in the order of time: every label of the first was known before the second's first cut-off.

    Rows of the whole history whose label became known while the second part began are in neither.
    """

    fit: Dataset
    test: Dataset
    whole: Dataset

    @property
    def parts(self) -> Mapping[str, Dataset]:
        """The parts by name, in the order of time."""
        return {"fit": self.fit, "test": self.test}


@dataclass(frozen=True)
class Fold:
    """A stretch of time and what was known before it, as row numbers."""

    past: np.ndarray
    later: np.ndarray


def split(dataset: Dataset, settings: SplitSettings) -> Split:
    """Cuts the history into fit and test, by cut-off day, with an embargo of one horizon between them.

    The test part is walked back from the last cut-off until it holds the wanted cases (and its least share of the
    cut-off days). Where that leaves too little to fit on, fewer cases are wanted, half as many each time.

    Raises:
        NotReady: there is not enough data; says the counts.
    """
    known = dataset.day + dataset.horizon_days
    for halving in range(settings.test_cases.bit_length() if len(dataset) else 0):
        start = _walk_back(dataset, settings.test_cases >> halving, settings)
        parts = Split(dataset.where(known <= start), dataset.where(dataset.day >= start), dataset)
        if parts.test.cases >= 1 and enough(parts.fit, settings):
            return parts
    raise not_enough(dataset, settings)


def enough(known: Dataset, settings: SplitSettings) -> bool:
    """Whether a model may be fitted: cases, and time for at least one fold to calibrate on."""
    return known.cases >= settings.least_cases and bool(forward_folds(known, settings))


def not_enough(dataset: Dataset, settings: SplitSettings) -> NotReady:
    """The refusal, with the counts; until there is more, rules decide."""
    days = len(np.unique(dataset.day)) if len(dataset) else 0
    return NotReady(
        f"not enough data: {dataset.cases} cases of {dataset.event} over {days} cut-off days; fitting needs at least "
        f"{settings.least_cases} of them, with {dataset.horizon_days} days before what they are calibrated on and "
        "before what they are tested on",
        where=dataset.label,
        mend="Import more history; until then the rules decide",
    )


def forward_folds(known: Dataset, settings: SplitSettings) -> list[Fold]:
    """Stretches of time of equally many cut-off days, each with all rows whose labels were known before it.

    The first begins when `first_share` of the days are over. A fold whose past holds fewer than half of `least_cases`
    is left out: trees would learn nothing from it.

    Source: Tashman (2000), Out-of-sample tests of forecasting accuracy, Int. J. Forecasting 16:437-450.
    """
    days = np.unique(known.day)
    if not len(days):
        return []
    first = min(len(days) - 1, max(1, round(settings.first_share * len(days))))
    edges = [int(part[0]) for part in np.array_split(days[first:], settings.folds) if len(part)]
    found = []
    for start, end in zip(edges, [*edges[1:], int(days[-1]) + 1], strict=True):
        past = np.flatnonzero(known.day + known.horizon_days <= start)
        later = np.flatnonzero((known.day >= start) & (known.day < end))
        cases = len(set(known.rows["enrolment_id"].to_numpy()[past[known.y[past] == 1]]))
        if 2 * cases >= settings.least_cases:
            found.append(Fold(past, later))
    return found if any(known.y[fold.later].any() for fold in found) else []


def _walk_back(dataset: Dataset, wanted: int, settings: SplitSettings) -> int:
    """The first cut-off day of a test part with so many cases."""
    days = np.unique(dataset.day)
    least, most = (max(1, round(share * len(days))) for share in (settings.least_share, settings.most_share))
    is_case = dataset.y == 1
    day, enrolment = dataset.day[is_case], dataset.rows["enrolment_id"].to_numpy()[is_case]
    for start in days[::-1][least - 1 : most]:
        if len(set(enrolment[day >= start])) >= wanted:
            return int(start)
    return int(days[::-1][:most][-1])
