"""From the statements of one enrolment about one video to what was watched, skipped, watched again and left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

TICK_SECONDS = 1.0  # clocks of player and page need not agree to the second


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing a player said.

    Attributes:
        statement_id: the statement's own id.
        line: where it stands in the file.
        verb: initialized, played, paused, seeked, completed or terminated.
        session: one opening of the player.
        day: the local day, a day number.
        position: place in the video, seconds; where a seek started.
        target: where a seek ended, seconds.
        progress: share of the video reached, 0-1.
    """

    statement_id: str
    line: int
    verb: str
    session: str
    day: int
    occurred_at: datetime
    known_at: datetime
    position: float | None = None
    target: float | None = None
    progress: float | None = None


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of `videos`, without its enrolment and video.

    Attributes:
        line: where the statement that gave it stands in the file.
    """

    event_id: str
    line: int
    kind: str
    seconds: float
    progress: float | None
    occurred_at: datetime
    known_at: datetime


def facts(statements: Sequence[Statement], fastest_speed: float) -> Iterator[Fact]:
    """What one student did with one video.

    A stretch is watched from `played` to the next statement of the session that says where the video stood; it goes
    on behind a seek. It is never longer than the clock allows at the fastest speed, which matters where statements
    were lost. At the end of a day a video that is not completed is *left* at the last place that was told that day.

    Args:
        statements: of one enrolment and one video, in any number of sessions, ordered by `occurred_at`.
        fastest_speed: the fastest playing speed, 1 is normal.
    """
    playing: dict[str, Statement] = {}
    left: dict[int, Statement] = {}
    completed = False
    for now in statements:
        start = playing.pop(now.session, None)
        if now.verb == "initialized":
            yield _fact(now, "opened")
        elif now.verb == "played":
            playing[now.session] = now
        elif start is not None:
            yield from _watched(start, now, fastest_speed)
            if now.verb == "seeked":
                playing[now.session] = _from(now)
        if now.verb == "seeked":
            yield from _sought(now)
        if now.verb == "completed":
            completed = True
            left.pop(now.day, None)
            yield _fact(now, "completed")
        elif now.progress is not None and not completed:
            left[now.day] = now
    for last in left.values():
        yield _fact(last, "left")


def _fact(now: Statement, kind: str, seconds: float = 0.0, known_at: datetime | None = None) -> Fact:
    known = now.known_at if known_at is None else known_at
    return Fact(f"{now.statement_id}:{kind}", now.line, kind, seconds, now.progress, now.occurred_at, known)


def _from(seek: Statement) -> Statement:
    """The same statement as the start of a stretch: the video plays on where the seek ended."""
    return Statement(
        seek.statement_id,
        seek.line,
        "played",
        seek.session,
        seek.day,
        seek.occurred_at,
        seek.known_at,
        position=seek.target,
    )


def _watched(start: Statement, end: Statement, fastest_speed: float) -> Iterator[Fact]:
    if start.position is None or end.position is None:
        return
    clock = (end.occurred_at - start.occurred_at).total_seconds() * fastest_speed + TICK_SECONDS
    seconds = min(end.position - start.position, clock)
    if seconds > 0:
        yield _fact(end, "watched", round(seconds, 3), max(start.known_at, end.known_at))


def _sought(seek: Statement) -> Iterator[Fact]:
    if seek.position is None or seek.target is None or seek.position == seek.target:
        return
    forward = seek.target > seek.position
    yield _fact(seek, "skipped" if forward else "rewatched", round(abs(seek.target - seek.position), 3))
