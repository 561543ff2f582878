"""Reasons for people: a few contributions, each with the student's value, the usual one and last week's."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

MOST_OF_A_FAMILY = 2
LEAST_STRENGTH = 0.05  # log-odds; what lowers the risk by less is not worth opening a talk with
_WINDOW = re.compile(r"_\d+d(?=_|$)")


@dataclass(frozen=True)
class Reason:
    """One factor of a risk.

    Attributes:
        feature: its name in the catalogue.
        family: its family in the catalogue.
        value: the student's value; None when unknown.
        usual_low, usual, usual_high: what is usual among course-mates; None when not given.
        week_ago: the student's value a week ago; None when unknown.
        contribution: in served log-odds.
        direction: ``raises`` or ``lowers`` the risk.
    """

    feature: str
    family: str
    value: float | None
    usual_low: float | None
    usual: float | None
    usual_high: float | None
    week_ago: float | None
    contribution: float
    direction: str

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def reasons(
    contributions: Sequence[float],
    values: Sequence[float],
    features: Sequence[str],
    *,
    families: Mapping[str, str],
    usual: Mapping[str, tuple[float, float, float]] | None = None,
    week_ago: Mapping[str, float | None] | None = None,
    most: int = 3,
) -> list[Reason]:
    """What raises the risk most, strongest first, each telling something new.

    Windows of one measure (``clicks_7d``, ``clicks_28d``) share their credit, so only the strongest speaks; a family
    speaks at most twice, unless nothing else is left. A value that all course-mates share (``days_to_end``) says
    nothing of this student and comes last. An unknown value is a reason only when no known one raises the risk.

    Args:
        contributions: (f,) or (f + 1,) served log-odds; a base at the end is left out.
        values: (f,) the student's values, NaN when unknown.
        features: (f,) names.
        families: feature -> family.
        usual: feature -> (low, middle, high) among course-mates.
        week_ago: feature -> the student's value a week ago.
        most: how many reasons at most.
    """
    raising = [at for at in range(len(features)) if contributions[at] > 0]
    known = [at for at in raising if not math.isnan(values[at])]

    def rank(at: int) -> tuple[bool, float]:
        return _is_shared(values[at], (usual or {}).get(features[at])), -contributions[at]

    chosen = sorted(_different(sorted(known or raising, key=rank), features, families)[:most], key=rank)
    return [_reason(at, contributions, values, features, families, usual, week_ago) for at in chosen]


def strength(
    contributions: Sequence[float],
    values: Sequence[float],
    features: Sequence[str],
    *,
    families: Mapping[str, str],
    usual: Mapping[str, tuple[float, float, float]] | None = None,
    week_ago: Mapping[str, float | None] | None = None,
) -> Reason | None:
    """What lowers the risk most, among known values; None when nothing does by `LEAST_STRENGTH`.

    Arguments and order as `reasons`.
    """
    lowering = [
        at for at in range(len(features)) if contributions[at] <= -LEAST_STRENGTH and not math.isnan(values[at])
    ]
    if not lowering:
        return None
    strongest = min(
        lowering, key=lambda at: (_is_shared(values[at], (usual or {}).get(features[at])), contributions[at])
    )
    return _reason(strongest, contributions, values, features, families, usual, week_ago)


def _different(ranked: Sequence[int], features: Sequence[str], families: Mapping[str, str]) -> list[int]:
    """One of each measure; of a family first the strongest two, and its others after all families have spoken."""
    measures: set[str] = set()
    spoken: Counter[str] = Counter()
    first: list[int] = []
    spare: list[int] = []
    for at in ranked:
        measure, family = _WINDOW.sub("", features[at]), families.get(features[at], "")
        if measure in measures:
            continue
        measures.add(measure)
        spoken[family] += 1
        (first if spoken[family] <= MOST_OF_A_FAMILY else spare).append(at)
    return [*first, *spare]


def _is_shared(value: float, usual: tuple[float, float, float] | None) -> bool:
    return usual is not None and usual[0] == usual[2] == value


def _reason(
    at: int,
    contributions: Sequence[float],
    values: Sequence[float],
    features: Sequence[str],
    families: Mapping[str, str],
    usual: Mapping[str, tuple[float, float, float]] | None,
    week_ago: Mapping[str, float | None] | None,
) -> Reason:
    name, contribution = features[at], float(contributions[at])
    low, middle, high = (usual or {}).get(name, (math.nan, math.nan, math.nan))
    return Reason(
        feature=name,
        family=families.get(name, ""),
        value=_known(values[at]),
        usual_low=_known(low),
        usual=_known(middle),
        usual_high=_known(high),
        week_ago=_known((week_ago or {}).get(name, math.nan)),
        contribution=contribution,
        direction="raises" if contribution > 0 else "lowers",
    )


def _known(value: float | None) -> float | None:
    return None if value is None or math.isnan(value) else float(value)
