"""Scoring: rows of features to a risk, a band and the reasons for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.catalogue import FEATURES
from model.bundle import Bundle
from model.explain import reasons, strength


@dataclass(frozen=True)
class Scored:
    """What is believed of one live enrolment at one cut-off.

    Attributes:
        state: `scored`, or `not_enough_data`: then there is no risk and no reason.
        risk: probability of the label within its horizon, 0-1.
        band: `high`, `medium` or `low`, by where the risk would stand among those of the model's test period.
        reasons: what raises the risk most, strongest first, as plain values.
        strength: what lowers it most.
        values: every feature; None is unknown.
    """

    enrolment_id: str
    student_id: str
    course_id: str
    state: Literal["scored", "not_enough_data"]
    risk: float | None
    band: str | None
    reasons: list[dict[str, Any]]
    strength: dict[str, Any] | None
    values: dict[str, float | None]


def score(
    rows: pd.DataFrame,
    week_ago: pd.DataFrame,
    norms: pd.DataFrame,
    bundle: Bundle,
    bands: Mapping[str, float],
) -> list[Scored]:
    """Scores live enrolments at one cut-off.

    Args:
        rows: a snapshot, as `features.build.snapshot` gives it.
        week_ago: the snapshot of seven days earlier; enrolments may be missing.
        norms: what is usual in each course, as `features.norms.norms` gives it.
        bundle: the served model.
        bands: `high` and `medium`, as the share of the model's test period that is at least so risky.

    Returns:
        One answer per row, in the order of the rows.
    """
    x = np.ascontiguousarray(rows[list(bundle.features)].to_numpy("float64"))
    known = rows["enough_data"].to_numpy(bool)
    risk = np.full(len(rows), np.nan)
    parts = np.zeros((len(rows), len(bundle.features) + 1))
    if known.any():
        risk[known], parts[known] = bundle.score(x[known]), bundle.contributions(x[known])
    # The calendar moves the risk of a whole course: it is part of the number, but no reason about one student.
    said = parts[:, :-1] * [FEATURES[name].is_reason for name in bundle.features]
    before = week_ago.set_index("enrolment_id")[list(bundle.features)]
    past = before.reindex(rows["enrolment_id"]).to_numpy("float64")
    usual = {
        course: dict(zip(own["feature"], own[["low", "usual", "high"]].itertuples(index=False), strict=True))
        for course, own in norms.groupby("course_id")
    }
    limits = band_limits(bundle, bands)
    found = []
    values = rows[list(FEATURES)].to_numpy("float64")
    keys = rows[["enrolment_id", "student_id", "course_id"]].itertuples(index=False)
    for at, (enrolment_id, student_id, course_id) in enumerate(keys):
        told: dict[str, Any] = {
            "families": bundle.families,
            "usual": usual.get(course_id),
            "week_ago": dict(zip(bundle.features, past[at], strict=True)),
        }
        best = strength(said[at], x[at], bundle.features, **told) if known[at] else None
        found.append(
            Scored(
                enrolment_id=enrolment_id,
                student_id=student_id,
                course_id=course_id,
                state="scored" if known[at] else "not_enough_data",
                risk=float(risk[at]) if known[at] else None,
                band=_band(risk[at], limits) if known[at] else None,
                reasons=[one.as_dict() for one in reasons(said[at], x[at], bundle.features, **told)]
                if known[at]
                else [],
                strength=best.as_dict() if best else None,
                values=_plain(values[at]),
            )
        )
    return found


def band_limits(bundle: Bundle, bands: Mapping[str, float]) -> dict[str, float]:
    """The lowest risk of each band but the last, the highest band first."""
    percentiles = bundle.meta["risk_percentiles"]
    return {name: float(np.interp(100 * (1 - bands[name]), range(101), percentiles)) for name in ("high", "medium")}


def _band(risk: float, limits: Mapping[str, float]) -> str:
    return next((name for name, limit in limits.items() if risk >= limit), "low")


def _plain(values: Sequence[float]) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else float(value) for name, value in zip(FEATURES, values, strict=True)}
