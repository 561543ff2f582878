"""Scoring: rows of features to a risk, a band and what is told beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any, Literal

import numpy as np
import pandas as pd

from features.catalogue import FEATURES
from model.bundle import Bundle
from model.uplift import Effects
from serving.decide import Effect
from serving.explained import Telling, explain

_MOVES_TOLD = 3


@dataclass(frozen=True)
class Scored:
    """What is believed of one live enrolment at one cut-off.

    Attributes:
        state: `scored`, or `not_enough_data`: then there is no risk and no reason.
        risk: probability of the label within its horizon, 0-1.
        band: `high`, `medium` or `low`, by where the risk would stand among the forecasts of the past that calibrate
            the model.
        reasons, strength, families, what_ifs: as `serving.explained.Explained` has them; empty without a risk.
        values: every feature; None is unknown.
        effects: what each action is measured to do; empty while none is measured, and without a risk.
    """

    enrolment_id: str
    student_id: str
    course_id: str
    state: Literal["scored", "not_enough_data"]
    risk: float | None = None
    band: str | None = None
    reasons: list[dict[str, Any]] = field(default_factory=list)
    strength: dict[str, Any] | None = None
    families: list[dict[str, Any]] = field(default_factory=list)
    what_ifs: list[dict[str, Any]] = field(default_factory=list)
    values: dict[str, float | None] = field(default_factory=dict)
    effects: dict[str, Effect] = field(default_factory=dict)


def score(
    rows: pd.DataFrame,
    week_ago: pd.DataFrame,
    norms: pd.DataFrame,
    bundle: Bundle,
    bands: Mapping[str, float],
    telling: Telling,
    told: Mapping[str, Sequence[str]],
    effects: Effects | None = None,
) -> list[Scored]:
    """Scores live enrolments at one cut-off.

    Args:
        rows: a snapshot, as `features.build.snapshot` gives it.
        week_ago: the snapshot of seven days earlier; enrolments may be missing.
        norms: what is usual in each course, as `features.norms.norms` gives it.
        bundle: the served model; one without features scores nobody.
        bands: `high` and `medium`, as the share of those forecasts that is at least so risky.
        telling: how it is explained.
        told: enrolment -> features of the reasons that the list before gave.
        effects: what actions are measured to do.

    Returns:
        One answer per row, in the order of the rows.
    """
    known = rows["enough_data"].to_numpy(bool) & bool(bundle.features)
    x = np.ascontiguousarray(rows[list(bundle.features)].to_numpy("float64")[known])
    risks = bundle.score(x)
    limits = band_limits(bundle, bands)
    names = [_band(risk, limits) for risk in risks]
    who = rows.loc[known, ["enrolment_id", "course_id"]]
    explained = explain(who, x, week_ago, norms, bundle, names, telling, told) if known.any() else []
    does = _effects(rows[known], risks, effects) if effects is not None else [{} for _ in risks]
    risky = zip(risks, names, explained, does, strict=True)
    values = [_plain(own) for own in rows[list(FEATURES)].to_numpy("float64")]
    found = []
    keys = rows[["enrolment_id", "student_id", "course_id"]].itertuples(index=False)
    for (enrolment_id, student_id, course_id), own, is_known in zip(keys, values, known, strict=True):
        one = Scored(enrolment_id, student_id, course_id, "not_enough_data", values=own)
        if is_known:
            risk, band, told_of, own_effects = next(risky)
            one = replace(one, state="scored", risk=float(risk), band=band, effects=own_effects, **vars(told_of))
        found.append(one)
    return found


def _effects(rows: pd.DataFrame, risks: np.ndarray, effects: Effects) -> list[dict[str, Effect]]:
    """What each action is measured to do for each row; one whose effect is not a number is not measured there."""
    x = np.ascontiguousarray(rows[list(effects.features)].to_numpy("float64"))
    cells = np.stack(effects.of(x, risks), axis=-1)  # (rows, actions, 3)
    parts = effects.contributions(x, risks)[..., :-1]  # without the base, which is what the action does on average
    names = (*effects.features, "risk")
    return [
        {
            action: Effect(tau=own[0], low=own[1], high=own[2], why=_largest(parts[row, at], names))
            for at, (action, own) in enumerate(zip(effects.actions[1:], cells[row].tolist(), strict=True))
            if all(map(isfinite, own))
        }
        for row in range(len(cells))
    ]


def _largest(parts: np.ndarray, names: Sequence[str]) -> tuple[tuple[str, float], ...]:
    """The few features that move an effect most."""
    order = np.argsort(-np.abs(parts), kind="stable")[:_MOVES_TOLD]
    return tuple((names[at], float(parts[at])) for at in order if parts[at])


def band_limits(bundle: Bundle, bands: Mapping[str, float]) -> dict[str, float]:
    """The lowest risk of each band but the last, the highest band first."""
    percentiles = bundle.meta["risk_percentiles"]
    return {name: float(np.interp(100 * (1 - bands[name]), range(101), percentiles)) for name in ("high", "medium")}


def _band(risk: float, limits: Mapping[str, float]) -> str:
    return next((name for name, limit in limits.items() if risk >= limit), "low")


def _plain(values: np.ndarray) -> dict[str, float | None]:
    return {name: None if np.isnan(value) else float(value) for name, value in zip(FEATURES, values, strict=True)}
