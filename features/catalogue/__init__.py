"""The catalogue: every feature, one file per family; the order here is the order of the columns."""

from features.catalogue import activity, contacts, homework, payments, progress, support, video
from features.catalogue.feature import Feature

_FAMILIES = (activity, homework, video, support, progress, contacts, payments)

FEATURES: dict[str, Feature] = {feature.name: feature for room in _FAMILIES for feature in room.FAMILY.features}

__all__ = ["FEATURES", "Feature"]
