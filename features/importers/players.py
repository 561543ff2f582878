"""What the video players of Open edX said, as stretches of video with the speed at which they were watched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import pandas as pd

from features.importers.video import Statement, facts

SAID = (
    *("event_id", "line", "enrolment_id", "object_id", "verb", "session", "day", "occurred_at", "known_at"),
    *("position", "target", "duration", "old_speed", "new_speed"),
)
"""The columns of events that `watched` uses; see `features.importers.tracking.Event`."""

FACT = (
    *("enrolment_id", "video_id", "event_id", "line", "kind", "seconds", "progress", "speed"),
    *("occurred_at", "known_at"),
)
_STATEMENT = (
    *("statement_id", "line", "verb", "session", "day", "occurred_at", "known_at", "position", "target", "progress"),
)


def watched(rows: pd.DataFrame, fastest_speed: float) -> Iterator[tuple[Any, ...]]:
    """The stretches of all students and videos.

    Args:
        rows: (n, `SAID`) events of players, ordered by enrolment, video and moment.
        fastest_speed: the fastest playing speed, 1 is normal.

    Yields:
        One tuple per row of `videos`, with the names `FACT`.
    """
    own: Iterator[tuple[Any, ...]] = _statements(rows).itertuples(index=False, name=None)
    for (enrolment, video), group in groupby(own, itemgetter(0, 1)):
        said = list(group)
        statements = [Statement(**dict(zip(_STATEMENT, row[4:], strict=True))) for row in said]
        speeds = _speeds(said)
        for fact in facts(statements, fastest_speed):
            speed = speeds.get(fact.event_id.removesuffix(":watched")) if fact.kind == "watched" else None
            about = (fact.event_id, fact.line, fact.kind, fact.seconds, fact.progress, speed)
            yield enrolment, video, *about, fact.occurred_at, fact.known_at


def _speeds(said: Sequence[tuple[Any, ...]]) -> dict[str, float]:
    """The speed of the stretch that an event ends, as far as the player told it: players remember an earlier choice."""
    chosen: dict[str, float] = {}
    found = {}
    for _, _, old, new, statement, _, _, session, *_ in said:
        speed = chosen.get(session) if old is None else old
        if speed is not None and 0.1 <= speed <= 16:
            found[statement] = speed
        if new is not None:
            chosen[session] = new
    return found


def _statements(rows: pd.DataFrame) -> pd.DataFrame:
    """Events as statements: a change of speed ends a stretch and begins one, as a seek to the same place."""
    changed = rows["verb"] == "speed"
    target = rows["target"].mask(changed, rows["position"])
    place = target.where(rows["verb"] == "seeked", rows["position"])
    frame = pd.DataFrame(
        {
            "enrolment_id": rows["enrolment_id"],
            "video_id": rows["object_id"],
            "old_speed": rows["old_speed"],
            "new_speed": rows["new_speed"],
            "statement_id": rows["event_id"],
            "line": rows["line"],
            "verb": rows["verb"].mask(changed, "seeked"),
            "session": rows["session"].fillna(""),
            "day": rows["day"],
            "occurred_at": rows["occurred_at"],
            "known_at": rows["known_at"],
            "position": rows["position"],
            "target": target,
            "progress": (place / rows["duration"].where(rows["duration"] > 0)).clip(0.0, 1.0),
        }
    )
    numbers = ["old_speed", "new_speed", "position", "target", "progress"]
    frame = frame.astype(dict.fromkeys(numbers, "object"))
    frame[numbers] = frame[numbers].where(frame[numbers].notna(), None)
    return frame
