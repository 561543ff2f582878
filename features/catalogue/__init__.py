"""The catalogue: every feature, one file per family; the order here is the order of the columns."""

from collections.abc import Collection

from features.catalogue import (
    activity,
    contacts,
    homework,
    live,
    payments,
    peers,
    profile,
    progress,
    satisfaction,
    support,
    video,
)
from features.catalogue.feature import Feature

_FAMILIES = (activity, homework, video, live, support, satisfaction, progress, contacts, payments, profile)

FOLDED: tuple[Feature, ...] = tuple(feature for room in _FAMILIES for feature in room.FAMILY.features)
"""Features of one student alone."""
COMPARED: tuple[str, ...] = tuple(str(feature.ranks) for feature in peers.FEATURES)
"""Features whose rank among course-mates is a feature too, in the order of the ranks, which come last."""
FEATURES: dict[str, Feature] = {feature.name: feature for feature in (*FOLDED, *peers.FEATURES)}


def usable(switched_on: Collection[str] = ()) -> tuple[str, ...]:
    """The features that a model may use: what says who a person is only where it is switched on.

    Args:
        switched_on: attributes of `features.profile.listed`.
    """
    return tuple(
        name
        for name, feature in FEATURES.items()
        if not feature.sensitive or name.removeprefix("profile_") in switched_on
    )


__all__ = ["COMPARED", "FEATURES", "FOLDED", "Feature", "usable"]
