"""Fresh events: a student's kept panes, with what the lake does not hold yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from features.clock import day_start, local_day
from features.config import School
from features.contracts import TABLES
from features.identity import Identities
from features.lake import Lake, day_column
from features.panes.activity import QUARTER
from features.panes.counted import Counted
from features.panes.kept import Pane
from features.panes.queries import CHANGED_BY, COUNTED, PANES, READ, reads
from features.panes.school import of_students

Fresh = Mapping[str, pd.DataFrame]
"""Checked rows that are not in the lake, by table."""
Event = dict[str, Any]
"""A row as plain values, with the school's day of each moment; what is missing is None."""

_QUARTER = timedelta(microseconds=QUARTER)
_READS = {name: reads(name) for name in PANES}


class FreshEvents:
    """Puts fresh events into panes.

    Args:
        school: whose lake the events are not in; what the lake holds now is looked up once.
    """

    def __init__(self, school: School) -> None:
        lake = Lake(school.lake, school.zone)
        self._school, self._identities = school, Identities.of(lake)
        self._last_known_day = {table: lake.last_known_day(table) or 0 for table in READ}

    def panes(
        self, kept: Mapping[str, Pane], ids: Sequence[str], owners: Sequence[str], fresh: Fresh
    ) -> dict[str, Pane]:
        """Panes of some people that fresh events change.

        A sum over single events is added to the kept one without a query, if the events are newer than everything that
        the lake knows; every other pane is built again from the people's own rows.

        Args:
            kept: their panes.
            ids: (n,) their enrolments.
            owners: (n,) whose they are.
            fresh: rows of theirs.

        Returns:
            By name, the panes that replace the kept ones.
        """
        events = {table: self._events(table, rows) for table, rows in fresh.items() if len(rows)}
        newer = {
            table: all(event["known_day"] > self._last_known_day[table] for event in found)
            for table, found in events.items()
            if table in self._last_known_day
        }
        found: dict[str, Pane] = {}
        again: list[str] = []
        for name, tables in _READS.items():
            changing = [table for table in tables if table in events and _changes(name, events[table])]
            if not changing:
                continue
            if name in COUNTED and newer[changing[0]]:
                by_place = _by_place(events[changing[0]], ids, owners)
                if by_place:
                    found[name] = _added(kept.get(name), COUNTED[name], by_place)
            else:
                again.append(name)
        if again:
            index = pd.Index(ids, name="enrolment_id")
            built = of_students(self._school, index, sorted(set(owners)), fresh, again)
            found |= built.of(np.arange(len(ids)))
        return found

    def _events(self, table: str, rows: pd.DataFrame) -> list[Event]:
        """For so few rows pandas' own overhead would be most of the cost."""
        names, zone = list(rows.columns), self._school.zone
        moments = [name for name, column in TABLES[table].columns.items() if column.kind == "time"]
        events: list[Event] = []
        for row in rows.to_numpy("object").tolist():
            event: Event = {name: None if pd.isna(value) else value for name, value in zip(names, row, strict=True)}
            for name in moments:
                moment = event[name] and event[name].to_pydatetime()
                event |= {name: moment, day_column(name): moment and local_day(moment, zone)}
            if "student_id" in event:
                event["student_id"] = self._identities.student(event["student_id"])
            if table == "activity":
                event["quarter"] = min((event["occurred_at"] - day_start(event["day"], zone)) // _QUARTER, 3)
            events.append(event)
        return events


def _changes(pane: str, events: Iterable[Event]) -> bool:
    """Whether events of a table can change a pane at all."""
    wanted = CHANGED_BY.get(pane, {})
    return all(any(event[column] in values for event in events) for column, values in wanted.items())


def _by_place(events: Iterable[Event], ids: Sequence[str], owners: Sequence[str]) -> dict[int, list[Event]]:
    """The events by position of their enrolment; a fact of a person is one of each of the person's enrolments."""
    places = {id_: place for place, id_ in enumerate(ids)}
    found: dict[int, list[Event]] = {}
    for event in events:
        if event["enrolment_id"] is None:
            own = [at for at, owner in enumerate(owners) if owner == event["student_id"]]
        else:
            own = [places[event["enrolment_id"]]] if event["enrolment_id"] in places else []
        for at in own:
            found.setdefault(at, []).append(event)
    return found


def _added(kept: Pane | None, counted: Counted, events: Mapping[int, list[Event]]) -> Pane:
    """A kept pane and the sums of some events, by position of their enrolment."""
    new = [(at, days, sums) for at, found in events.items() for days, sums in counted.of(found).items()]
    at = np.array([one[0] for one in new])
    day, known_day = np.array([one[1] for one in new]).T
    measures = {name: np.array([one[2][name] for one in new]) for name in counted.measures}
    if kept is not None:
        at, day, known_day = (
            np.concatenate(pair) for pair in ((kept.at, at), (kept.day, day), (kept.known_day, known_day))
        )
        measures = {name: np.concatenate([kept.measures[name], values]) for name, values in measures.items()}
    order = np.lexsort((day, at))
    return Pane(at, day, known_day, measures).rows(order, at[order])
