"""What is told beside a risk: its reasons, a strength, the families it comes from, and what would lower it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.catalogue import FEATURES
from features.errors import BadConfig
from model.bundle import Bundle
from model.explain import family_sums, reasons, strength
from model.what_if import what_ifs

BACKGROUND = "background"  # a family of its own: calendar and enrolment, which are no reasons about one student
_LOOKED_AT = ("high", "medium")  # bands whose cards people open to see what to do
_OWN_DOING = ("activity", "homework", "video", "live", "progress")  # families of what a student does oneself

_STEPS = {name: feature.step for name, feature in FEATURES.items() if feature.step}
_WORSE = {name: feature.monotone for name, feature in FEATURES.items() if feature.monotone}
_STANDINGS = [name for name, feature in FEATURES.items() if feature.ranks]
_PRAISED = {name: sign for name, sign in _WORSE.items() if FEATURES[name].family in _OWN_DOING}

Usual = Mapping[str, Mapping[str, tuple[float, float, float]]]
"""By course and feature: the low end of what is usual, the middle and the high end."""


@dataclass(frozen=True)
class Telling:
    """How steady reasons are and which steps are worth telling; see configs/school.toml.

    Raises:
        BadConfig: a value is out of its bounds.
    """

    keeps: float
    least_fall: float

    def __post_init__(self) -> None:
        if not (0 < self.keeps <= 1 and 0 < self.least_fall < 1):
            raise BadConfig(
                f"keeps is {self.keeps}, least_fall is {self.least_fall}",
                where="school.toml [explanations]",
                mend="Let keeps be above 0 and up to 1, and least_fall between 0 and 1",
            )

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Telling:
        """Reads it from the table of the file.

        Raises:
            BadConfig: a name is missing or not known, or a value is out of its bounds.
        """
        if set(config) != set(cls.__dataclass_fields__):
            names = ", ".join(cls.__dataclass_fields__)
            raise BadConfig(f"holds {', '.join(config)}", where="school.toml [explanations]", mend=f"Name {names}")
        try:
            return cls(**{name: float(value) for name, value in config.items()})
        except (TypeError, ValueError) as error:
            raise BadConfig(f"is not a number: {error}", where="school.toml [explanations]") from error


@dataclass(frozen=True)
class Explained:
    """What is told of one risk, as plain values.

    Attributes:
        reasons: what raises it most, strongest first; see `model.explain.reasons`.
        strength: what lowers it most and can be said to the student.
        families: what each family of features adds to its log-odds; with the base, the last one, they make it up.
        what_ifs: what would lower it most, for the bands that people look at; see `model.what_if.what_ifs`.
    """

    reasons: list[dict[str, Any]]
    strength: dict[str, Any] | None
    families: list[dict[str, Any]]
    what_ifs: list[dict[str, Any]]


def explain(
    who: pd.DataFrame,
    x: np.ndarray,
    week_ago: pd.DataFrame,
    norms: pd.DataFrame,
    bundle: Bundle,
    bands: Sequence[str],
    telling: Telling,
    told: Mapping[str, Sequence[str]],
) -> list[Explained]:
    """Explains the risks of enrolments that have enough data.

    Args:
        who: `enrolment_id` and `course_id` of each.
        x: (n, f) float64, their features in the order of the bundle's.
        week_ago: the snapshot of seven days earlier; enrolments may be missing.
        norms: what is usual in each course, as `features.norms.norms` gives it.
        bundle: the served model.
        bands: (n,) the band of each row.
        telling: see there.
        told: enrolment -> features of the reasons that the list before gave.

    Returns:
        One for each row.
    """
    parts = bundle.contributions(x)
    # The calendar moves the risk of a whole course: it is part of the number, but no reason about one student.
    said = parts[:, :-1] * [FEATURES[name].is_reason for name in bundle.features]
    past = week_ago.set_index("enrolment_id")[list(bundle.features)].reindex(who["enrolment_id"]).to_numpy("float64")
    usual = _usual(norms)
    homes = {name: _family(name) for name in bundle.features}
    families = family_sums(parts, list(homes.values()))
    lower = _what_ifs(list(who["course_id"]), x, said, bands, usual, bundle, telling)
    found = []
    for at, (enrolment_id, course_id) in enumerate(zip(who["enrolment_id"], who["course_id"], strict=True)):
        beside: dict[str, Any] = {
            "families": homes,
            "usual": usual.get(course_id),
            "week_ago": dict(zip(bundle.features, past[at], strict=True)),
        }
        last_time = told.get(enrolment_id, ())
        why = reasons(said[at], x[at], bundle.features, before=last_time, keeps=telling.keeps, **beside)
        best = strength(said[at], x[at], bundle.features, worse=_PRAISED, **beside)
        found.append(
            Explained(
                reasons=[one.as_dict() for one in why],
                strength=best.as_dict() if best else None,
                families=[{"family": name, "contribution": float(sums[at])} for name, sums in families.items()],
                what_ifs=lower[at],
            )
        )
    return found


def _family(name: str) -> str:
    """The family that people know a feature by; a rank belongs to what it ranks."""
    feature = FEATURES[FEATURES[name].ranks or name]
    return feature.family if feature.is_reason or feature.sensitive else BACKGROUND


def _usual(norms: pd.DataFrame) -> Usual:
    return {
        str(course): dict(zip(own["feature"], own[["low", "usual", "high"]].itertuples(index=False), strict=True))
        for course, own in norms.groupby("course_id")
    }


def _what_ifs(
    courses: Sequence[str],
    x: np.ndarray,
    said: np.ndarray,
    bands: Sequence[str],
    usual: Usual,
    bundle: Bundle,
    telling: Telling,
) -> list[list[dict[str, Any]]]:
    """What would lower the risks that people look at, by row; for the others nothing is asked of the model."""
    looked_at = [at for at, band in enumerate(bands) if band in _LOOKED_AT]
    goals = {course: _goals(own, bundle.features) for course, own in usual.items()}
    unknown = np.full(len(bundle.features), np.nan)
    wanted = [goals.get(courses[at], unknown) for at in looked_at]
    found = what_ifs(
        bundle.score,
        x[looked_at],
        said[looked_at],
        np.array(wanted).reshape(-1, len(bundle.features)),
        bundle.features,
        steps=_STEPS,
        worse=_WORSE,
        standings=_STANDINGS,
        least_fall=telling.least_fall,
    )
    lower: list[list[dict[str, Any]]] = [[] for _ in courses]
    for at, steps in zip(looked_at, found, strict=True):
        lower[at] = [one.as_dict() for one in steps]
    return lower


def _goals(usual: Mapping[str, tuple[float, float, float]], features: Sequence[str]) -> np.ndarray:
    """(f,) the middle of what is usual; where half a lesson makes no sense, the whole number that promises less."""
    goals = np.full(len(features), np.nan)
    for column, name in enumerate(features):
        if name in usual:
            is_whole, sign = FEATURES[name].unit in ("days", "count"), _WORSE.get(name, 0)
            middle = usual[name][1]
            goals[column] = sign * np.ceil(sign * middle) if is_whole and sign else middle
    return goals
