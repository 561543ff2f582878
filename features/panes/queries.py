"""Every pane by its name, as a query on the tables of a school: the list that all engines and readers share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import ibis

from features.contracts import TABLES
from features.lake import day_column
from features.panes import activity, contacts, homework, live, payments, satisfaction, tickets, videos
from features.panes.counted import Counted
from features.panes.relations import KEYS, Tables

VERSION = 10  # counts up when a query changes its meaning, so that kept panes are built anew
VERSIONED = {
    "enrolments": "enrolment_id",
    "assignments": "assignment_id",
    "submissions": "submission_id",
    "touches": "touch_id",
}
READ = (
    "enrolments",
    "assignments",
    "submissions",
    "activity",
    "videos",
    "tickets",
    "ratings",
    "nps",
    "live",
    "payments",
    "touches",
)
Query = Callable[[Tables], Any]
STEPS: dict[str, tuple[Query, tuple[str, ...]]] = {
    "owed": (homework.owed, ("enrolments", "assignments")),
    "handed_in": (homework.handed_in, ("submissions",)),
    "first_handed_in": (homework.first_handed_in, ("handed_in",)),
    "first_tries": (homework.first_tries, ("handed_in",)),
    "owed_done": (homework.owed_done, ("owed", "first_handed_in")),
    "own_tickets": (tickets.own_tickets, ("tickets", "enrolments")),
}
"""What several panes are made of: the query and what it reads, in the order of making."""
PANES: dict[str, tuple[Query, tuple[str, ...]]] = {
    "activity": (activity.activity, ("activity",)),
    "lessons": (activity.lessons, ("activity",)),
    "videos": (videos.videos, ("videos",)),
    "abandoned": (videos.abandoned, ("videos",)),
    "due": (homework.due, ("owed",)),
    "done": (homework.done, ("owed_done",)),
    "closed": (homework.closed, ("owed_done",)),
    "submitted": (homework.submitted, ("handed_in",)),
    "tried": (homework.tried, ("first_tries",)),
    "timed": (homework.timed, ("first_tries", "assignments")),
    "scored": (homework.scored, ("submissions",)),
    "tickets": (tickets.tickets, ("tickets", "enrolments")),
    "open_now": (tickets.open_now, ("own_tickets",)),
    "first_responses": (tickets.first_responses, ("own_tickets",)),
    "resolutions": (tickets.resolutions, ("own_tickets",)),
    "late_responses": (tickets.late_responses, ("own_tickets",)),
    "late_resolutions": (tickets.late_resolutions, ("own_tickets",)),
    "ratings": (satisfaction.ratings, ("ratings", "enrolments")),
    "low_ratings": (satisfaction.low_ratings, ("ratings", "enrolments")),
    "nps": (satisfaction.nps, ("nps", "enrolments")),
    "live": (live.live, ("live",)),
    "classes": (live.classes, ("live",)),
    "payments": (payments.payments, ("payments", "enrolments")),
    "cards": (payments.cards, ("payments", "enrolments")),
    "touches": (contacts.touches, ("touches", "enrolments")),
}
"""By name: the query and the tables that it reads."""
COUNTED: dict[str, Counted] = {name: query for name, (query, _) in PANES.items() if isinstance(query, Counted)}
"""Panes that are sums over single events."""

CHANGED_BY: dict[str, dict[str, tuple[str, ...]]] = {
    "lessons": {"kind": ("lesson_completed",)},
    "abandoned": {"kind": ("left", "completed")},
    "open_now": {"event": ("opened", "resolved", "reopened")},
    "first_responses": {"event": ("opened", "responded", "resolved")},
    "resolutions": {"event": ("opened", "resolved")},
    "late_responses": {"event": ("opened", "responded", "resolved")},
    "late_resolutions": {"event": ("opened", "resolved")},
    "classes": {"kind": ("held", "attended")},
    "cards": {"kind": ("card_expiring",)},
}
"""Panes that only some events of their table can change, by column."""

_TYPES = {"time": "timestamp('UTC', 6)", "number": "float64", "integer": "int64", "flag": "boolean"}
_ADDED = {"tickets": {"respond_by": _TYPES["time"], "resolve_by": _TYPES["time"], "work": "int64"}}


def reads(name: str) -> tuple[str, ...]:
    """The tables of the lake that a pane is made of."""
    found: dict[str, None] = {}
    for table in (PANES | STEPS)[name][1]:
        found |= dict.fromkeys(reads(table) if table in STEPS else (table,))
    return tuple(found)


def steps(panes: Iterable[str]) -> list[str]:
    """What has to be worked out before some panes, in order."""
    wanted = {table for name in panes for table in PANES[name][1]}
    for name in reversed(STEPS):
        wanted |= set(STEPS[name][1]) if name in wanted else set()
    return [name for name in STEPS if name in wanted]


@cache
def sql(name: str) -> str:
    """The query of a pane or a step as DuckDB's SQL; the tables have their contracts' types in every school.

    A pane that is counted over events of one enrolment each names them by their ids: to count first and look positions
    up afterwards is cheaper.
    """
    return str(ibis.to_sql(_relation(name), dialect="duckdb"))


@cache
def _relation(name: str) -> Any:
    query, read = (PANES | STEPS)[name]
    tables = {}
    for table in read:
        types = _relation(table).schema() if table in STEPS else schema(table, by_id=counts_by_id(name))
        tables[table] = ibis.table(types, name=table)
    made = query(tables)
    if name in STEPS:
        return made
    return made.mutate(**{measure: made[measure].cast("float64") for measure in made.columns if measure not in KEYS})


def counts_by_id(name: str) -> bool:
    """Whether a pane's query names enrolments by their ids."""
    return name in COUNTED and TABLES[COUNTED[name].table].columns["enrolment_id"].required


def schema(table: str, *, by_id: bool = False) -> dict[str, str]:
    """Names and types of a table as the queries see it: enrolments are named by their position, or by their ids."""
    columns = {name: _TYPES.get(column.kind, "string") for name, column in TABLES[table].columns.items()}
    columns |= _ADDED.get(table, {})
    columns |= {day_column(name): "int32" for name, kind in columns.items() if kind == _TYPES["time"]}
    if table in VERSIONED:
        columns |= {"until_day": "int32", "is_later": "boolean"}
    if table == "activity" and by_id:
        columns["quarter"] = "int32"
    if "enrolment_id" in columns and not by_id:
        columns["enrolment_id"] = "int32"
    if "student_id" in columns:  # the student; the name in the row, and since when it is known to be the student's
        columns |= {"known_as": "string", "named_day": "int32"}
    return columns
