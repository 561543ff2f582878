"""Fresh events: a student's kept panes, with what the lake does not hold yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from features.clock import midnights
from features.config import School
from features.contracts import TABLES
from features.identity import Identities
from features.lake import Lake, with_days
from features.panes.activity import QUARTER
from features.panes.counted import Counted
from features.panes.kept import Pane
from features.panes.queries import CHANGED_BY, COUNTED, PANES, reads
from features.panes.school import of_students

Fresh = Mapping[str, pd.DataFrame]
"""Checked rows that are not in the lake, by table."""


def with_fresh(
    school: School, kept: Mapping[str, Pane], ids: pd.Index, owners: Sequence[str], fresh: Fresh
) -> dict[str, Pane]:
    """Panes of some people that fresh events change.

    A sum over single events is added to the kept one without a query, if the events are newer than everything that the
    lake knows; every other pane is built again from the people's own rows.

    Args:
        kept: their panes.
        ids: (n,) their enrolments.
        owners: (n,) whose they are.
        fresh: rows of theirs.

    Returns:
        By name, the panes that replace the kept ones.
    """
    lake = Lake(school.lake, school.zone)
    known = Identities.of(lake)
    rows = {
        name: with_days(known.named(found) if "student_id" in found else found, school.zone)
        for name, found in fresh.items()
        if len(found)
    }
    newer = {name: bool((found["known_day"] > (lake.last_known_day(name) or 0)).all()) for name, found in rows.items()}
    found: dict[str, Pane] = {}
    again: list[str] = []
    for name in PANES:
        changing = [table for table in reads(name) if table in rows and _changes(name, rows[table])]
        if not changing:
            continue
        if name in COUNTED and newer[changing[0]]:
            counted = COUNTED[name]
            events = _events(counted, rows[changing[0]], ids, owners, school.zone)
            if events:
                found[name] = _added(kept.get(name), counted, events)
        else:
            again.append(name)
    if again:
        built = of_students(school, ids, sorted(set(owners)), fresh, again)
        found |= built.of(np.arange(len(ids)))
    return found


def _changes(pane: str, rows: pd.DataFrame) -> bool:
    """Whether rows of a table can change a pane at all."""
    return all(rows[column].isin(values).any() for column, values in CHANGED_BY.get(pane, {}).items())


def _events(
    counted: Counted, rows: pd.DataFrame, ids: pd.Index, owners: Sequence[str], zone: str
) -> dict[int, list[dict[str, Any]]]:
    """The events by position of their enrolment; a fact of a person is one of each of the person's enrolments."""
    if counted.table == "activity":
        since = rows["occurred_at"].astype("int64").to_numpy() - midnights(rows["day"].to_numpy(), zone)
        rows = rows.assign(quarter=np.minimum(since // QUARTER, 3))
    found: dict[int, list[dict[str, Any]]] = {}
    of_person = "student_id" in TABLES[counted.table].columns
    for row in rows.astype("object").where(rows.notna(), None).to_dict("records"):
        if of_person and row["enrolment_id"] is None:
            places = [at for at, owner in enumerate(owners) if owner == row["student_id"]]
        else:
            places = [at for at in ids.get_indexer(pd.Index([row["enrolment_id"]])).tolist() if at >= 0]
        for at in places:
            found.setdefault(at, []).append({str(name): value for name, value in row.items()})
    return found


def _added(kept: Pane | None, counted: Counted, events: Mapping[int, list[dict[str, Any]]]) -> Pane:
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
    return Pane(at, day, known_day, measures)
