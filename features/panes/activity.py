"""Activity: clicks by kind and by time of day, and different lessons done."""

from __future__ import annotations

from typing import Any

import ibis

from features.panes.counted import Counted, Flags, Sum, where
from features.panes.relations import Tables, known_first, per_day

RESOURCES = ("content", "lesson", "forum", "quiz", "homework", "live")
"""Kinds of activity that are a kind of resource of a course."""
QUARTER = 6 * 3_600_000_000  # microseconds; quarters of the school's day are counted from midnight on
_QUARTERS = (0, 1, 2, 3)
SEEN_RESOURCES = tuple(1 << i for i in range(len(RESOURCES)))
SEEN_QUARTERS = tuple(1 << i for i in range(len(RESOURCES), len(RESOURCES) + len(_QUARTERS)))

activity = Counted(
    "activity",
    {
        "clicks": Sum(("quantity",)),
        "forum_clicks": Sum(("quantity",), where=where(kind=["forum"])),
        "quiz_clicks": Sum(("quantity",), where=where(kind=["quiz"])),
        "seen": Flags((("kind", RESOURCES), ("quarter", _QUARTERS))),
    },
)


def lessons(tables: Tables) -> Any:
    """Different lessons done; a lesson that nobody named is one of its own."""
    events = tables["activity"]
    done = events.kind == "lesson_completed"
    # Two scans, because the events' own ids are long to read and hardly ever needed.
    named = events.filter(done & events.object_id.notnull()).mutate(lesson=events.object_id)
    others = events.filter(done & events.object_id.isnull()).mutate(lesson=events.event_id)
    each = [known_first(rows).select("enrolment_id", "lesson", "day") for rows in (named, others)]
    done = ibis.union(*each)
    first = done.group_by("enrolment_id", "lesson").agg(day=done.day.min())
    first = first.mutate(known_day=first.day)
    return per_day(first, lessons_done=first.count())
