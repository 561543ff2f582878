"""The shadow: another model scores the night too, decides nothing, and is compared with the one that serves."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from features.config import School
from features.errors import BadInput, HandrailError
from model.bundle import Bundle, load
from model.served import shadow_bundle
from serving.score import Scored, band_limits

MOST_DIFFERENT = 10
_log = logging.getLogger("handrail.shadow")


@dataclass(frozen=True)
class Differing:
    """An enrolment of which the two models think differently.

    Attributes:
        risk, band: the champion's.
        shadow_risk, shadow_band: the shadow's.
    """

    enrolment_id: str
    risk: float
    shadow_risk: float
    band: str
    shadow_band: str


@dataclass(frozen=True)
class Disagreement:
    """How far two models are apart on one night's enrolments.

    Attributes:
        model_version: of the shadow.
        enrolments: that have a risk.
        rank_correlation: Spearman's, 1 is the same order; None where one of them gives all the same risk.
        top_share: the share of the list that is looked at.
        top_shared: of the enrolments in the champion's top, the share that is in the shadow's top too.
        mean_difference: mean absolute difference of the risks.
        higher: mean of the shadow's risks less the champion's.
        band_changes: how many would be in another band.
        most_different: those whose risks differ most, the most different first.
    """

    model_version: str
    enrolments: int
    rank_correlation: float | None
    top_share: float
    top_shared: float
    mean_difference: float
    higher: float
    band_changes: int
    most_different: tuple[Differing, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def beside(school: School, label: str, champion: Bundle, scored: Sequence[Scored]) -> dict[str, Any] | None:
    """What the school's shadow thinks of a night; whatever is wrong with it, the night goes on.

    Args:
        school: whose shadow.
        label: what is predicted.
        champion: the model that served the night.
        scored: the night's enrolments, with the value of every feature.

    Returns:
        Plain values of a `Disagreement`; ``{"failed": why}`` where the shadow cannot be used; None without one.
    """
    try:
        folder = shadow_bundle(school.home, label)
        if folder is None:
            return None
        return compare(scored, champion, _loaded(folder, champion), school).as_dict()
    except HandrailError as error:
        words = str(error)
    except Exception as error:  # a night must not be lost to a model that decides nothing
        words = f"{type(error).__name__}: {error}"
        _log.exception("the shadow of %s failed", label)
    return {"failed": words}


def compare(scored: Sequence[Scored], champion: Bundle, shadow: Bundle, school: School) -> Disagreement:
    """Scores the rows of a night with the shadow, from the very values that the champion saw.

    Args:
        scored: the night's enrolments; those without a risk are left out.
        champion: the model that gave the risks.
        shadow: the other one.
        school: says the bands and the share of the list that curators get round to.

    Raises:
        BadInput: the shadow needs a feature that is not made, or nobody has a risk.
    """
    rows = [one for one in scored if one.risk is not None]
    if not rows:
        raise BadInput("no enrolment of this night has a risk to compare with", where="shadow")
    lacking = [name for name in shadow.features if name not in rows[0].values]
    if lacking:
        raise BadInput(
            f"it needs features that are not made any more: {', '.join(lacking)}",
            where="shadow",
            mend="Choose another one: handrail promote --shadow --version N",
        )
    x = np.array([[one.values[name] for name in shadow.features] for one in rows], "float64")  # None becomes NaN
    own, other = np.array([one.risk for one in rows]), shadow.score(x)
    share = float(school.config("model")["metrics"]["top_share"])
    limits = school.config("school")["bands"]
    before, after = (_bands(risk, band_limits(by, limits)) for risk, by in ((own, champion), (other, shadow)))
    apart = np.abs(other - own)
    return Disagreement(
        model_version=shadow.version,
        enrolments=len(rows),
        rank_correlation=_rank_correlation(own, other),
        top_share=share,
        top_shared=_top_shared(own, other, share),
        mean_difference=float(apart.mean()),
        higher=float((other - own).mean()),
        band_changes=int((before != after).sum()),
        most_different=tuple(
            Differing(rows[at].enrolment_id, float(own[at]), float(other[at]), str(before[at]), str(after[at]))
            for at in np.argsort(-apart, kind="stable")[:MOST_DIFFERENT]
            if apart[at] > 0
        ),
    )


def words(found: Mapping[str, Any]) -> list[str]:
    """What `beside` found, for people."""
    if "failed" in found:
        return [f"the shadow could not be used, nothing else was harmed: {found['failed']}"]
    order = "unknown" if found["rank_correlation"] is None else f"{found['rank_correlation']:.3f}"
    return [
        f"beside it the shadow {found['model_version']}, which decides nothing, on {found['enrolments']:,} enrolments: "
        f"rank correlation {order}; of the top {found['top_share']:.0%} of the list it names "
        f"{found['top_shared']:.0%} too; its risks are {100 * found['mean_difference']:.1f} points apart on average "
        f"({100 * found['higher']:+.1f}); {found['band_changes']:,} would be in another band",
        *(
            f"  {one['enrolment_id']}: {one['risk']:.1%} ({one['band']}), "
            f"the shadow says {one['shadow_risk']:.1%} ({one['shadow_band']})"
            for one in found["most_different"]
        ),
    ]


def _loaded(folder: Path, champion: Bundle) -> Bundle:
    found = load(folder)
    theirs, ours = (found.label, found.label_version), (champion.label, champion.label_version)
    if theirs != ours:
        raise BadInput(
            f"it predicts {theirs[0]} version {theirs[1]}, the champion {ours[0]} version {ours[1]}",
            where=f"shadow {folder.name}",
            mend="Choose another one: handrail promote --shadow --version N",
        )
    return found


def _bands(risk: np.ndarray, limits: Mapping[str, float]) -> np.ndarray:
    return np.select([risk >= limit for limit in limits.values()], list(limits), "low")


def _rank_correlation(own: np.ndarray, other: np.ndarray) -> float | None:
    """Spearman's: the correlation of ranks, equal risks sharing one."""
    from scipy.stats import rankdata

    if np.ptp(own) == 0 or np.ptp(other) == 0:
        return None
    return float(np.corrcoef(rankdata(own), rankdata(other))[0, 1])


def _top_shared(own: np.ndarray, other: np.ndarray, share: float) -> float:
    """Of the first rows by one order, the share that is among the first by the other; of equal risks the first wins."""
    size = max(1, int(np.ceil(share * len(own))))
    first, second = (set(np.argsort(-risk, kind="stable")[:size].tolist()) for risk in (own, other))
    return len(first & second) / size
