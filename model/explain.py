"""Reasons for people: a few contributions, each with the student's value, the usual one and last week's."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

MOST_OF_A_FAMILY = 2
BASE = "base"  # of `family_sums`: what the model says of somebody of whom it knows nothing
LEAST = 0.05  # log-odds; what moves the risk up by less is no reason
_WINDOW_OR_RANK = re.compile(r"_\d+d(?=_|$)|_rank$")


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
    before: Collection[str] = (),
    keeps: float = 1.0,
) -> list[Reason]:
    """What raises the risk most and by `LEAST` or more, strongest first, each telling something new.

    Windows of one measure and its rank (``clicks_7d``, ``clicks_28d_rank``) share their credit, so only the strongest
    speaks; a family speaks at most twice, unless nothing else is left. A value that all course-mates share
    (``days_to_end``) says nothing of this student and comes last. An unknown value is a reason only when no known one
    raises the risk.

    A reason told before keeps its place until another is clearly stronger (hysteresis): people who read the list each
    morning would take a change of reasons for a change of the student.

    Args:
        contributions: (f,) or (f + 1,) served log-odds; a base at the end is left out.
        values: (f,) the student's values, NaN when unknown.
        features: (f,) names.
        families: feature -> family.
        usual: feature -> (low, middle, high) among course-mates.
        week_ago: feature -> the student's value a week ago.
        most: how many reasons at most.
        before: features of the reasons told the last time; those that no longer raise the risk are let go.
        keeps: a feature told before stays while it contributes at least this share of what would take its place, 0-1.
    """
    # A reason told before counts for more, so that another has to be clearly stronger.
    weighed = [one / keeps if name in before else one for one, name in zip(contributions, features, strict=False)]
    raising = [at for at, one in enumerate(weighed) if one >= LEAST]
    known = [at for at in raising if not math.isnan(values[at])]

    def rank(at: int) -> tuple[bool, float]:
        return _is_shared(values[at], (usual or {}).get(features[at])), -contributions[at]

    ranked = sorted(known or raising, key=lambda at: (rank(at)[0], -weighed[at]))
    chosen = sorted(_different(ranked, features, families)[:most], key=rank)
    return [_reason(at, contributions, values, features, families, usual, week_ago) for at in chosen]


def strength(
    contributions: Sequence[float],
    values: Sequence[float],
    features: Sequence[str],
    *,
    families: Mapping[str, str],
    worse: Mapping[str, int],
    usual: Mapping[str, tuple[float, float, float]] | None = None,
    week_ago: Mapping[str, float | None] | None = None,
) -> Reason | None:
    """What can be said to the student for good, and lowers the risk most; None when there is nothing.

    To be said as a strength, a good thing must be there, and no less of it than is usual; of a bad thing there must be
    none: six days away are no praise, even where others are away for ten.

    Args:
        contributions, values, features, families, usual, week_ago: as for `reasons`.
        worse: of the student's own doing, feature -> 1 where more of it is worse, -1 where less is; what is not
            named is nothing to praise.
    """
    usual = usual or {}
    lowering = [
        at
        for at, name in enumerate(features)
        if contributions[at] < 0 and _is_good(values[at], worse.get(name, 0), usual.get(name))
    ]
    if not lowering:
        return None
    strongest = min(lowering, key=lambda at: (_is_shared(values[at], usual.get(features[at])), contributions[at]))
    return _reason(strongest, contributions, values, features, families, usual, week_ago)


def family_sums(parts: np.ndarray, families: Sequence[str]) -> dict[str, np.ndarray]:
    """What each family adds to the served log-odds; with the base it is all of them.

    Columns are added one by one, so that a row's sums are the same alone and among others, to the last bit.

    Args:
        parts: (n, f + 1) contributions, the base last.
        families: (f,) the family of each column.

    Returns:
        family -> (n,) log-odds, in the order of the columns, and last `BASE`.
    """
    sums: dict[str, np.ndarray] = {}
    for column, family in zip(parts.T, (*families, BASE), strict=True):
        sums[family] = sums[family] + column if family in sums else column.copy()
    return sums


def _different(ranked: Sequence[int], features: Sequence[str], families: Mapping[str, str]) -> list[int]:
    """One of each measure; of a family first the strongest two, and its others after all families have spoken."""
    measures: set[str] = set()
    spoken: Counter[str] = Counter()
    first: list[int] = []
    spare: list[int] = []
    for at in ranked:
        measure, family = _WINDOW_OR_RANK.sub("", features[at]), families.get(features[at], "")
        if measure in measures:
            continue
        measures.add(measure)
        spoken[family] += 1
        (first if spoken[family] <= MOST_OF_A_FAMILY else spare).append(at)
    return [*first, *spare]


def _is_good(value: float, worse: int, usual: tuple[float, float, float] | None) -> bool:
    if worse > 0:
        return value <= 0
    return worse < 0 and value > 0 and (usual is None or value >= usual[1])


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
