"""The drawn tables of the feature catalogue, family by family: evidence for each feature, and for the traps."""

from __future__ import annotations

from tests.spec.families import (
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

_FAMILIES = (activity, homework, video, live, support, satisfaction, progress, contacts, payments, profile, peers)

DRAWN = [drawn for family in _FAMILIES for drawn in family.DRAWN]
