"""The monitor: how far two samples of students lie apart, feature by feature. The only file that knows Evidently."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

METHODS = ("wasserstein", "psi", "jensenshannon")
"""Distances of Evidently that are 0 for equal samples and do not grow with their size, as a test's evidence does."""

_TAIL = 0.01  # beyond these quantiles values are moved in: else one outlier sets the scale of a feature
_LEAST_KNOWN = 20
_REACH_WEEKS, _LEAST_MATES = 3, 20  # how far a week of the course may lie, and how few rows are too few


@dataclass(frozen=True)
class Move:
    """How far one column has moved.

    Attributes:
        distance: by the method asked for; None where too few values are known.
        unknown_then, unknown_now: share of unknown values in the reference and in the current sample.
    """

    column: str
    distance: float | None
    unknown_then: float
    unknown_now: float


def moves(
    reference: pd.DataFrame, current: pd.DataFrame, method: str, moved: float, html: Path | None = None
) -> list[Move]:
    """How far each column of a sample lies from the reference.

    Evidently leaves unknown values out, so their shares are told beside its distance.

    Args:
        reference: (m, f) numbers, NaN is unknown.
        current: (n, f) numbers, NaN is unknown.
        method: one of `METHODS`; `wasserstein` is in standard deviations of the reference.
        moved: the distance from which the page calls a column drifted.
        html: where to write Evidently's page; some megabytes, all in one file.
    """
    trimmed = {name: _trimmed(reference[name].to_numpy(), current[name].to_numpy()) for name in reference.columns}
    asked = [name for name, pair in trimmed.items() if all(np.isfinite(side).sum() >= _LEAST_KNOWN for side in pair)]
    then, now = (pd.DataFrame({name: trimmed[name][side] for name in asked}) for side in (0, 1))
    found = _evidently(then, now, method, moved, html) if asked else {}
    unknown = (reference.isna().mean(), current.isna().mean())
    return [
        Move(str(name), found.get(name), float(unknown[0][name]), float(unknown[1][name])) for name in reference.columns
    ]


def _trimmed(reference: np.ndarray, current: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    sides = [side[np.isfinite(side)] for side in (reference, current)]
    if not all(map(len, sides)):
        return reference, current
    ends = np.array([np.quantile(side, [_TAIL, 1 - _TAIL]) for side in sides])
    low, high = ends[:, 0].min(), ends[:, 1].max()  # of both, so that a value never seen before is not moved away
    return np.clip(reference, low, high), np.clip(current, low, high)


def _evidently(then: pd.DataFrame, now: pd.DataFrame, method: str, moved: float, html: Path | None) -> dict[str, float]:
    os.environ.setdefault("DO_NOT_TRACK", "1")
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")  # of numpy.core, litestar and escapes in its own files
        from evidently import DataDefinition, Dataset, Report
        from evidently.metrics import ValueDrift

        kinds = DataDefinition(numerical_columns=list(then.columns))
        report = Report([ValueDrift(column=name, method=method, threshold=moved) for name in then.columns])
        snapshot = report.run(*(Dataset.from_pandas(rows, data_definition=kinds) for rows in (now, then)))
        if html is not None:
            snapshot.save_html(str(html))
        return {one["config"]["column"]: float(one["value"]) for one in snapshot.dict()["metrics"]}


def matched(reference: pd.DataFrame, current: pd.DataFrame, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the reference that stand in the same weeks of their courses as the current ones, in the same proportions.

    Most features grow with the course. Against a whole year of cut-offs every night would be a drift; against students
    in the same week of theirs, only what is new is one.

    Args:
        reference: `enrolment_id`, `day` and `days_since_start`.
        current: the same columns.
        rows: at most so many of the reference; rows of a scarce week come several times.

    Returns:
        Positions in the reference, chosen by a hash of enrolment and day, so that more data does not draw another
        sample; and (n,) whether a current row has mates at all: nobody may have been so far into a course before.
    """
    order = np.argsort(_hashes(reference), kind="stable")
    week_there, week_here = _weeks(reference)[order], _weeks(current)
    has_mates = np.zeros(len(current), bool)
    pools: list[tuple[np.ndarray, int]] = []
    for week, size in zip(*np.unique(week_here, return_counts=True), strict=True):
        for reach in range(_REACH_WEEKS + 1):
            pool = order[np.abs(week_there - week) <= reach]
            if len(pool) >= _LEAST_MATES:
                has_mates |= week_here == week
                pools.append((pool, size))
                break
    each = min(rows, len(reference)) / max(1, int(has_mates.sum()))
    chosen = [pool[np.arange(max(1, int(each * size))) % len(pool)] for pool, size in pools]
    return (np.concatenate(chosen) if chosen else np.zeros(0, "int64")), has_mates


def sampled(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most so many rows, chosen by the same hash as in `matched`, in their order."""
    return rows if len(rows) <= most else rows.iloc[np.sort(np.argsort(_hashes(rows), kind="stable")[:most])]


def _weeks(rows: pd.DataFrame) -> np.ndarray:
    return np.floor(rows["days_since_start"].fillna(-7).to_numpy("float64") / 7)


def _hashes(rows: pd.DataFrame) -> np.ndarray:
    names = rows["enrolment_id"].astype("str") + "|" + rows["day"].astype("str")
    return pd.util.hash_pandas_object(names, index=False).to_numpy()
