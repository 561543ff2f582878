"""What a model learns from: labelled snapshots of live enrolments, and their split by time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
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

    Raises:
        BadInput: a column is missing, a row is there twice, a label is not 0 or 1, a feature is infinite.
    """

    rows: pd.DataFrame
    features: tuple[str, ...]
    label: str
    label_version: int
    horizon_days: int

    def __post_init__(self) -> None:
        wanted = [*KEYS, *self.features, "y"]
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
        """The rows where ``chosen`` (n,) is true."""
        return Dataset(self.rows[chosen], self.features, self.label, self.label_version, self.horizon_days)


@dataclass(frozen=True)
class SplitSettings:
    """How much of the history the parts get; see configs/model.toml."""

    test_cases: int = 40
    calibrate_cases: int = 60
    least_fit_cases: int = 20
    least_calibrate_cases: int = 5
    least_share: float = 0.15
    most_share: float = 0.40

    def __post_init__(self) -> None:
        if not 0 < self.least_share <= self.most_share < 1:
            raise BadConfig("least_share and most_share must be 0 < least <= most < 1", where="model.toml [split]")
        if min(self.test_cases, self.calibrate_cases, self.least_fit_cases, self.least_calibrate_cases) < 1:
            raise BadConfig("numbers of cases must be at least 1", where="model.toml [split]")


@dataclass(frozen=True)
class Split:
    """Three parts in the order of time, each with its labels known before the next one's first cut-off."""

    fit: Dataset
    calibrate: Dataset
    test: Dataset

    @property
    def parts(self) -> Mapping[str, Dataset]:
        """The parts by name, in the order of time."""
        return {"fit": self.fit, "calibrate": self.calibrate, "test": self.test}


def split(dataset: Dataset, settings: SplitSettings) -> Split:
    """Cuts the history into fit, calibrate and test, by cut-off day, with an embargo of one horizon between them.

    The test part is walked back from the last cut-off until it holds the wanted cases (and its least share of the
    cut-off days); then the calibration part, from the last cut-off whose labels were known when the test began.
    Where that leaves too little to fit on, fewer cases are wanted, half as many each time.

    Raises:
        NotReady: the history is too short or has too few cases for three parts; says the counts.
    """
    halvings = max(settings.test_cases, settings.calibrate_cases).bit_length()
    for halving in range(halvings):
        parts = _parts(dataset, halving, settings)
        if parts is not None:
            return parts
    raise NotReady(
        f"the history holds {dataset.cases} cases of {dataset.event} over {len(np.unique(dataset.day))} cut-off days, "
        f"too little to fit (at least {settings.least_fit_cases} cases), to calibrate (at least "
        f"{settings.least_calibrate_cases}) and to test (at least 1), with {dataset.horizon_days} days between",
        where=dataset.label,
        mend="Import more history or choose a later --until",
    )


def _parts(dataset: Dataset, halving: int, settings: SplitSettings) -> Split | None:
    days = np.unique(dataset.day)
    test_from = _walk_back(dataset, days, len(days), settings.test_cases >> halving, settings)
    if test_from is None:
        return None
    before = int(np.searchsorted(days, test_from - dataset.horizon_days, side="right"))
    calibrate_from = _walk_back(dataset, days, before, settings.calibrate_cases >> halving, settings)
    if calibrate_from is None:
        return None
    known = dataset.day + dataset.horizon_days
    chosen = (
        known <= calibrate_from,
        (dataset.day >= calibrate_from) & (known <= test_from),
        dataset.day >= test_from,
    )
    fit, calibrate, test = (dataset.where(rows) for rows in chosen)
    enough = (settings.least_fit_cases, settings.least_calibrate_cases, 1)
    parts = Split(fit, calibrate, test)
    return parts if all(part.cases >= least for part, least in zip(parts.parts.values(), enough, strict=True)) else None


def _walk_back(dataset: Dataset, days: np.ndarray, end: int, wanted: int, settings: SplitSettings) -> int | None:
    """The first day of a part that ends before ``days[end]``; None where there is no day left."""
    least, most = (max(1, round(share * len(days))) for share in (settings.least_share, settings.most_share))
    is_case = dataset.y == 1
    day, enrolment = dataset.day[is_case], dataset.rows["enrolment_id"].to_numpy()[is_case]
    if end < least:
        return None
    inside = day <= days[end - 1]
    for start in range(end - least, end - most - 1, -1):
        if start < 0:
            return None
        if len(set(enrolment[inside & (day >= days[start])])) >= wanted:
            return int(days[start])
    return int(days[max(0, end - most)])
