"""Volume: how much each feed delivered in the last seven days, beside the weeks before, each as known at its end."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import duckdb

from features.clock import day_number
from features.enrolments import Enrolments
from features.freshness import FEEDS
from features.lake import Lake

_WEEK = 7


@dataclass(frozen=True)
class Volume:
    """What a table delivered.

    Attributes:
        table: its name.
        events: in the last seven days.
        rate: the same for each live enrolment and day.
        past_events: of each week before, the newest first; only weeks in which it delivered already and somebody was
            live.
        past: their rates.
    """

    table: str
    events: int
    rate: float
    past_events: tuple[int, ...]
    past: tuple[float, ...]


def volumes(lake: Lake, as_of: date, weeks: int) -> list[Volume]:
    """What each feed delivered in the seven days before an as-of day and in so many weeks before.

    A week is seven whole days, so that each is held against the same weekdays. Of each week only what was known at its
    own end is counted: a source that always tells late is not short of the last days.

    Returns:
        In the order of `features.freshness.FEEDS`; a table without a row, or a day with nobody live, has none.
    """
    last = day_number(as_of)
    enrolments = Enrolments(lake)
    ends = [last - _WEEK * back for back in range(weeks + 1)]
    live = [int(enrolments.facts(end)["live"].sum()) for end in ends]
    found = []
    for table in FEEDS:
        if not (paths := lake.paths(table)) or not live[0]:
            continue
        first, counts = _counted([str(path) for path in paths], last, weeks)
        if first is None:
            continue
        usual = [back for back in range(1, weeks + 1) if live[back] and ends[back] - _WEEK >= first]
        rates = {back: counts.get(back, 0) / live[back] / _WEEK for back in (0, *usual)}
        past_events = tuple(counts.get(back, 0) for back in usual)
        found.append(Volume(table, counts.get(0, 0), rates[0], past_events, tuple(rates[back] for back in usual)))
    return found


def _counted(paths: list[str], last: int, weeks: int) -> tuple[int | None, dict[int, int]]:
    """The first day of a table, and its events by how many weeks back they lie."""
    back = f"(($last - 1 - day) // {_WEEK})"
    query = (
        f"SELECT {back} AS back, count(*) FROM read_parquet($paths, union_by_name = true) "
        f"WHERE day < $last AND day >= $last - {_WEEK} * ($weeks + 1) AND known_day < $last - {_WEEK} * {back} "
        "GROUP BY 1"
    )
    with duckdb.connect() as engine:
        first = engine.execute("SELECT min(day) FROM read_parquet(?) WHERE known_day < ?", [paths, last]).fetchall()
        rows = engine.execute(query, {"paths": paths, "last": last, "weeks": weeks}).fetchall()
    return first[0][0], {int(week): int(count) for week, count in rows}
