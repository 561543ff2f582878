"""What players said -> stretches with their speed; drawn: `session seconds verb numbers`."""

from __future__ import annotations

import pandas as pd
import pytest

from features.importers.players import FACT, SAID, watched


def drawn(table: str) -> pd.DataFrame:
    """Lines of `session seconds verb position [>target] [old->new]`."""
    rows = []
    for line, text in enumerate(table.strip().splitlines(), 1):
        session, seconds, verb, place, *rest = text.split()
        at = pd.Timestamp("2026-03-01T09:00:00Z") + pd.Timedelta(seconds=int(seconds))
        target = next((float(n[1:]) for n in rest if n[0] == ">"), None)
        old, new = next((n.split("->") for n in rest if "->" in n), ("", ""))
        about = (f"id{line}", line, "c:1", "v", verb, session, 0, at, at, float(place), target, 100.0)
        rows.append((*about, float(old) if old else None, float(new) if new else None))
    numbers = dict.fromkeys(("position", "target", "duration", "old_speed", "new_speed"), "float64")
    return pd.DataFrame(rows, columns=list(SAID)).astype(numbers)


def told(table: str) -> list[str]:
    facts = [dict(zip(FACT, fact, strict=True)) for fact in watched(drawn(table), 2.0)]
    return [f"{f['event_id']} {f['seconds']:g}" + (f" x{f['speed']:g}" if f["speed"] else "") for f in facts]


CASES = {
    "a change of speed ends a stretch and begins one": (
        """
        a 0 played 0
        a 10 speed 10 1.0->1.5
        a 30 paused 40
        """,
        ["id2:watched 10 x1", "id3:watched 30 x1.5", "id3:left 0"],
    ),
    "without a word on it the speed is not known": ("a 0 played 0\na 10 paused 10", ["id2:watched 10", "id2:left 0"]),
    "a choice stays for the session, through a seek": (
        """
        a 0 speed 0 1.0->2.0
        a 0 played 0
        a 10 seeked 20 >60
        a 15 paused 70
        """,
        ["id3:watched 20 x2", "id3:skipped 40", "id4:watched 10 x2", "id4:left 0"],
    ),
    "another session may have another speed": (
        """
        a 0 speed 0 1.0->2.0
        b 1 played 0
        b 11 paused 10
        """,
        ["id3:watched 10", "id3:left 0"],
    ),
    "a speed that cannot be is not told": (
        "a 0 played 0\na 10 speed 10 99->1",
        ["id2:watched 10", "id2:left 0"],
    ),
}


@pytest.mark.parametrize("case", CASES, ids=lambda name: name)
def test_drawn(case: str) -> None:
    table, expected = CASES[case]
    assert told(table) == expected


def test_the_place_is_a_share_of_the_length() -> None:
    rows = drawn("a 0 played 0\na 10 seeked 10 >250\na 20 paused 40")
    rows.loc[2, "duration"] = float("nan")
    shares = {fact[FACT.index("event_id")]: fact[FACT.index("progress")] for fact in watched(rows, 2.0)}
    assert shares == {"id2:watched": 1.0, "id2:skipped": 1.0, "id2:left": 1.0}
