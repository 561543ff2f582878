"""What a student did with a video, drawn: one line is `session day hh:mm:ss verb numbers` -> the facts expected."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from features.importers.video import Statement, facts

START = datetime(2025, 3, 1, tzinfo=UTC)


def drawn(table: str) -> list[Statement]:
    """Lines of `session day clock verb [position] [>target] [progress%]`."""
    found = []
    for line, text in enumerate(table.strip().splitlines(), 1):
        session, day, clock, verb, *rest = text.split()
        hours, minutes, seconds = map(int, clock.split(":"))
        at = START + timedelta(days=int(day), hours=hours, minutes=minutes, seconds=seconds)
        numbers = [float(n) for n in rest if n[0] not in ">" and n[-1] != "%"]
        target = next((float(n[1:]) for n in rest if n[0] == ">"), None)
        progress = next((float(n[:-1]) / 100 for n in rest if n[-1] == "%"), None)
        place = numbers[0] if numbers else None
        found.append(Statement(f"id{line}", line, verb, session, int(day), at, at, place, target, progress))
    return found


def told(table: str, fastest_speed: float = 2.0) -> list[str]:
    return [
        f"{fact.event_id} {fact.seconds:g}" + ("" if fact.progress is None else f" {fact.progress:.0%}")
        for fact in facts(drawn(table), fastest_speed)
    ]


CASES = {
    "play and pause is watched; the last place is left": (
        """
        a 0 10:00:00 initialized
        a 0 10:00:01 played 0
        a 0 10:01:41 paused 100 40%
        """,
        ["id1:opened 0", "id3:watched 100 40%", "id3:left 0 40%"],
    ),
    "completed is not left": (
        """
        a 0 10:00:00 played 0
        a 0 10:03:20 completed 200 100%
        a 0 10:03:21 terminated 200 100%
        """,
        ["id2:watched 200 100%", "id2:completed 0 100%"],
    ),
    "a seek forward skips, and the video plays on behind it": (
        """
        a 0 10:00:00 played 0
        a 0 10:00:10 seeked 10 >70 70%
        a 0 10:00:20 paused 80 80%
        """,
        ["id2:watched 10 70%", "id2:skipped 60 70%", "id3:watched 10 80%", "id3:left 0 80%"],
    ),
    "a seek while paused watches nothing": (
        """
        a 0 10:00:00 played 0
        a 0 10:00:10 paused 10 10%
        a 0 10:05:00 seeked 10 >90 10%
        a 0 10:09:00 paused 90 10%
        """,
        ["id2:watched 10 10%", "id3:skipped 80 10%", "id4:left 0 10%"],
    ),
    "a seek back is watched again": (
        """
        a 0 10:00:00 played 50
        a 0 10:00:10 seeked 60 >20
        """,
        ["id2:watched 10", "id2:rewatched 40"],
    ),
    "a seek to the same place is nothing": ("a 0 10:00:00 seeked 60 >60", []),
    "play after play starts anew: a statement between was lost": (
        """
        a 0 10:00:00 played 0
        a 0 10:10:00 played 300
        a 0 10:10:30 paused 330
        """,
        ["id3:watched 30"],
    ),
    "no longer than the clock allows": (
        """
        a 0 10:00:00 played 0
        a 0 10:00:10 paused 500
        """,
        ["id2:watched 21"],
    ),
    "time that runs back is not watched": (
        """
        a 0 10:00:00 played 100
        a 0 10:00:10 paused 40
        """,
        [],
    ),
    "sessions do not mix": (
        """
        a 0 10:00:00 played 0
        b 0 10:00:05 paused 300
        a 0 10:00:10 paused 10
        """,
        ["id3:watched 10"],
    ),
    "left once a day, at its last place; a seek tells a place too": (
        """
        a 0 10:00:00 paused 10 10%
        a 0 11:00:00 terminated 30 30%
        a 1 10:00:00 paused 50 50%
        b 1 12:00:00 seeked 50 >60 60%
        """,
        ["id4:skipped 10 60%", "id2:left 0 30%", "id4:left 0 60%"],
    ),
    "left on one day and completed on the next are both true": (
        """
        a 0 10:00:00 paused 60 60%
        a 1 10:00:00 completed 100 100%
        a 2 10:00:00 paused 10 10%
        """,
        ["id2:completed 0 100%", "id1:left 0 60%"],
    ),
    "numbers that are missing give no stretch": (
        """
        a 0 10:00:00 played
        a 0 10:00:10 paused 10
        a 0 10:00:20 seeked 10
        a 0 10:00:30 played 5
        a 0 10:00:40 terminated
        """,
        [],
    ),
}


@pytest.mark.parametrize("case", CASES, ids=lambda name: name)
def test_drawn(case: str) -> None:
    table, expected = CASES[case]
    assert told(table) == expected


def test_a_stretch_is_known_when_both_its_ends_are() -> None:
    start, end = drawn("a 0 10:00:00 played 0\na 0 10:00:10 paused 10")
    late = replace(start, known_at=start.known_at + timedelta(days=2))
    (watched,) = facts([late, end], 2.0)
    assert watched.known_at == late.known_at
    assert watched.occurred_at == end.occurred_at
