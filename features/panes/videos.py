"""Videos: seconds by what was done with them, and lessons left late and not finished since."""

from __future__ import annotations

from typing import Any

from features.panes.counted import Counted, Sum, where
from features.panes.relations import Tables, known_first, per_day, with_take_backs

ABANDONED_FROM = 0.6  # a lesson left from this share on is abandoned, before it it was only looked at
SECOND = 1000  # milliseconds

videos = Counted(
    "videos",
    {
        "watched": Sum(("seconds",), SECOND, where(kind=["watched"])),
        "skipped": Sum(("seconds",), SECOND, where(kind=["skipped"])),
        "rewatched": Sum(("seconds",), SECOND, where(kind=["rewatched"])),
        "timed_watching": Sum(("seconds",), SECOND, where(kind=["watched"], speed=None)),
        "played": Sum(("seconds", "speed"), SECOND, where(kind=["watched"])),
        "videos_opened": Sum(where=where(kind=["opened"])),
        "videos_completed": Sum(where=where(kind=["completed"])),
        "video_events": Sum(),
    },
)


def abandoned(tables: Tables) -> Any:
    """Videos left late, taken back when they are finished."""
    facts = known_first(tables["videos"])
    per_video = facts.group_by("enrolment_id", "video_id").agg(
        day=facts.day.min(where=(facts.kind == "left") & (facts.progress >= ABANDONED_FROM)),
        until_day=facts.day.min(where=facts.kind == "completed"),
    )
    left = per_video.filter(
        per_video.day.notnull() & (per_video.until_day.isnull() | (per_video.until_day > per_video.day))
    )
    both = with_take_backs(left.mutate(known_day=left.day))
    # It is over on the day it was finished, not from the beginning.
    both = both.mutate(day=both.known_day)
    return per_day(both, abandoned=both.sign.sum())
