"""Live classes: held, attended, and what was said in them."""

from __future__ import annotations

from typing import Any

from features.panes.counted import Counted, Sum, where
from features.panes.relations import Tables, ones, per_day

live = Counted(
    "live",
    {
        "spoken": Sum(("quantity",), where=where(kind=["spoke"])),
        "written": Sum(("quantity",), where=where(kind=["wrote"])),
    },
)


def classes(tables: Tables) -> Any:
    """Different classes held and attended; who left one and came back attended it once."""
    events = tables["live"].filter(lambda t: t.kind.isin(["held", "attended"]))
    once = events.group_by("enrolment_id", "class_id", "kind", "day").agg(known_day=events.known_day.min())
    return per_day(
        once,
        classes_held=ones(once.kind == "held").sum(),
        classes_attended=ones(once.kind == "attended").sum(),
    )
