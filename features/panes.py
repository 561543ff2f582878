"""Panes: raw events reduced to one row per enrolment and day of additive measures, by Ibis (the only room that has it).

Every family's query is a plain filter, join and group-by, so that any engine gives the same rows. A row keeps
the day on which its facts became known (`known_day`); it may be later than `day`, or earlier for a deadline.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import duckdb
import ibis
import pandas as pd
import pyarrow as pa

from features.business_hours import BusinessHours
from features.config import School
from features.contracts import TABLES
from features.contracts.check import empty
from features.errors import BadConfig
from features.lake import Lake, day_column, with_days

Tables = Mapping[str, Any]
"""Ibis tables by the name of their contract."""

KEYS = ("enrolment_id", "day", "known_day")
ABANDONED_FROM = 0.6  # a lesson left from this share on is abandoned, before it it was only looked at
LOW_RATING = 3  # stars below this are a low rating


def _per_day(events: Any, **measures: Any) -> Any:
    return events.group_by(*KEYS).agg(**measures)


def _count(condition: Any) -> Any:
    return condition.cast("float64").sum()


def _of_enrolments(events: Any, enrolments: Any) -> Any:
    """Facts about a person are facts about each of the person's enrolments, unless they name one."""
    people = enrolments.select(student="student_id", enrolment="enrolment_id").distinct()
    joined = events.rename(named="enrolment_id").join(people, events.student_id == people.student)
    joined = joined.filter(joined.named.isnull() | (joined.named == joined.enrolment))
    return joined.rename(enrolment_id="enrolment").drop("named", "student")


def _known_first(events: Any) -> Any:
    """The day from which a fact counts where its own day does not matter: the day it was known."""
    return events.mutate(day=ibis.greatest(events.day, events.known_day)).mutate(known_day=lambda t: t.day)


def activity(tables: Tables) -> Any:
    """Clicks, and lessons done."""
    events = tables["activity"]
    return _per_day(
        events,
        clicks=events.quantity.sum(),
        lessons_done=_count(events.kind == "lesson_completed"),
        forum_clicks=(events.kind == "forum").ifelse(events.quantity, 0.0).sum(),
        content_clicks=events.kind.isin(["content", "lesson", "quiz"]).ifelse(events.quantity, 0.0).sum(),
    )


def videos(tables: Tables) -> Any:
    """Seconds of video by what was done with them, and lessons left late and not finished since."""
    events = tables["videos"]
    seconds = {
        kind: (events.kind == kind).ifelse(events.seconds, 0.0).sum() for kind in ("watched", "skipped", "rewatched")
    }
    watched = _per_day(
        events,
        **seconds,
        videos_opened=_count(events.kind == "opened"),
        videos_completed=_count(events.kind == "completed"),
    ).mutate(abandoned=0.0)

    facts = _known_first(events)
    per_video = facts.group_by("enrolment_id", "video_id").agg(
        left=facts.day.min(where=(facts.kind == "left") & (facts.progress >= ABANDONED_FROM)),
        done=facts.day.min(where=facts.kind == "completed"),
    )
    left = per_video.filter(per_video.left.notnull() & (per_video.done.isnull() | (per_video.done > per_video.left)))
    steps = left.select("enrolment_id", day=left.left, step=ibis.literal(1.0)).union(
        left.filter(left.done.notnull()).select("enrolment_id", day=left.done, step=ibis.literal(-1.0))
    )
    changes = steps.group_by("enrolment_id", "day").agg(abandoned=steps.step.sum())
    zeros = {name: ibis.literal(0.0) for name in (*seconds, "videos_opened", "videos_completed")}
    both = watched.union(changes.mutate(known_day=changes.day, **zeros).select(*watched.columns))
    return _per_day(both, **{name: both[name].sum() for name in both.columns if name not in KEYS})


def homework(tables: Tables) -> Any:
    """Tasks due, tasks closed (handed in, counted from their deadline on), and how they were handed in."""
    tasks = tables["assignments"].select("assignment_id", "course_id", "due_at", "due_day", task_known="known_day")
    people = tables["enrolments"].select("enrolment_id", "course_id", since=ibis.coalesce(*_starts(tables)))
    own = people.join(tasks.filter(tasks.due_day.notnull()), "course_id").filter(lambda t: t.due_day >= t.since)
    due = own.select(
        "enrolment_id", day=own.due_day, known_day=own.task_known, measure=ibis.literal("due"), value=ibis.literal(1.0)
    )

    handed = tables["submissions"].join(tasks.drop("course_id"), "assignment_id", how="left")
    first = handed.mutate(
        nth=ibis.row_number().over(
            group_by=["enrolment_id", "assignment_id"], order_by=["occurred_at", "submission_id"]
        )
    )
    first = first.filter(first.nth == 0)
    counted = first.join(own.select("enrolment_id", "assignment_id"), ["enrolment_id", "assignment_id"])
    # A task handed in before its deadline was never overdue: it closes on the deadline's day.
    closed = _measure(counted, "closed", 1.0, day=ibis.greatest(counted.day, counted.due_day))
    effort = first.filter(~first.carried_over.fill_null(False))
    timed = effort.filter(effort.due_at.notnull())
    scored = effort.filter(effort.score.notnull() & effort.score_known_day.notnull())
    score = {"day": scored.score_known_day, "known": scored.score_known_day}
    facts = [
        due,
        closed,
        _measure(effort, "submitted", 1.0),
        _measure(timed, "timed", 1.0),
        _measure(timed, "late", (timed.occurred_at > timed.due_at).cast("float64")),
        _measure(timed, "delay", (timed.day - timed.due_day).cast("float64")),
        _measure(scored, "scored", 1.0, **score),
        _measure(scored, "score", scored.score, **score),
    ]
    return _wide(facts, "due", "closed", "submitted", "timed", "late", "delay", "scored", "score")


def _starts(tables: Tables) -> tuple[Any, ...]:
    enrolments = tables["enrolments"]
    return enrolments.starts_day, enrolments.day


def _measure(facts: Any, name: str, value: Any, *, day: Any = None, known: Any = None) -> Any:
    value = ibis.literal(value) if isinstance(value, float) else value
    day = facts.day if day is None else day
    known = facts.known_day if known is None else known
    return facts.select("enrolment_id", day=day, known_day=known, measure=ibis.literal(name), value=value)


def _wide(facts: list[Any], *measures: str) -> Any:
    """Long facts (measure, value) to one column per measure."""
    long = ibis.union(*facts)
    return _per_day(long, **{name: (long.measure == name).ifelse(long.value, 0.0).sum() for name in measures})


def tickets(tables: Tables) -> Any:
    """Tickets opened and open, promises broken, and what was asked for."""
    events = _known_first(_of_enrolments(tables["tickets"], tables["enrolments"]))
    moves = events.filter(events.event.isin(["opened", "reopened", "resolved"]))
    moves = moves.mutate(is_open=(moves.event != "resolved").cast("float64"))
    line = ibis.window(group_by=["enrolment_id", "ticket_id"], order_by=["day", "occurred_at", "event_id"])
    moves = moves.mutate(was_open=moves.is_open.lag().over(line).fill_null(0.0))
    facts = [
        _measure(moves, "open_change", moves.is_open - moves.was_open),
        _measure(events, "opened", (events.event == "opened").cast("float64")),
        _measure(events, "cancel_asked", (events.event == "cancel_requested").cast("float64")),
        _measure(events, "refund_asked", (events.event == "refund_requested").cast("float64")),
        *(_breaches(events, promise, answers) for promise, answers in _PROMISES.items()),
    ]
    return _wide(facts, "open_change", "opened", "cancel_asked", "refund_asked", "sla_breached")


_PROMISES = {"respond_by": ("responded", "resolved"), "resolve_by": ("resolved",)}


def _breaches(events: Any, promise: str, answers: tuple[str, ...]) -> Any:
    """+1 when a promise falls due unkept; -1 when it is learned later that it had been kept in time."""
    opened = events.filter(events.event == "opened")
    answered = events.filter(events.event.isin(answers))
    kept = answered.group_by("enrolment_id", "ticket_id").agg(
        kept_at=answered.occurred_at.min(), kept_known=answered.day.min()
    )
    both = opened.left_join(kept, ["enrolment_id", "ticket_id"])
    falls_due = ibis.greatest(both[f"{promise}_day"], both.day)
    in_time = both.kept_at.notnull() & (both.kept_at <= both[promise])
    unkept = both.filter(~in_time | (both.kept_known > falls_due))
    learned = both.filter(in_time & (both.kept_known > falls_due))
    due = ibis.greatest(unkept[f"{promise}_day"], unkept.day)
    return _measure(unkept, "sla_breached", 1.0, day=due, known=due).union(
        _measure(learned, "sla_breached", -1.0, day=learned.kept_known, known=learned.kept_known)
    )


def ratings(tables: Tables) -> Any:
    """Low ratings and others."""
    events = _of_enrolments(tables["ratings"], tables["enrolments"])
    return _per_day(
        events, low_ratings=_count(events.value < LOW_RATING), fair_ratings=_count(events.value >= LOW_RATING)
    )


def payments(tables: Tables) -> Any:
    """Payments that failed, cards about to expire, payments made."""
    events = _of_enrolments(tables["payments"], tables["enrolments"])
    return _per_day(
        events,
        payments_failed=_count(events.kind == "failed"),
        cards_expiring=_count(events.kind == "card_expiring"),
        payments_made=_count(events.kind.isin(["paid", "renewed"])),
    )


def touches(tables: Tables) -> Any:
    """Contacts that went out, calls among them, and contacts that were answered."""
    events = _of_enrolments(tables["touches"], tables["enrolments"])
    return _per_day(
        events,
        touches=_count(events.status != "failed"),
        calls=_count((events.channel == "call") & (events.status != "failed")),
        touches_answered=_count(events.status == "answered"),
    )


FAMILIES: dict[str, Callable[[Tables], Any]] = {
    "activity": activity,
    "videos": videos,
    "homework": homework,
    "tickets": tickets,
    "ratings": ratings,
    "payments": payments,
    "touches": touches,
}
_READ = ("enrolments", "assignments", "submissions", "activity", "videos", "tickets", "ratings", "payments", "touches")


def with_promises(tickets: pd.DataFrame, school: School) -> pd.DataFrame:
    """Adds to each opened ticket the moments by which the school promised an answer and a solution.

    Raises:
        BadConfig: a priority has no promise, or the working hours leave no time.
    """
    support = school.config("school")["support"]
    hours = BusinessHours.from_config(support["hours"], school.zone)
    by_priority: dict[str, dict[str, float]] = support["sla"]
    added: dict[str, pd.Series] = {}
    for name, column in (("respond", "respond_by"), ("resolve", "resolve_by")):
        promised = tickets["priority"].map({key: value.get(name) for key, value in by_priority.items()})
        if promised.isna().any():
            lacking = sorted(set(tickets["priority"][promised.isna()]))
            raise BadConfig(
                f"{', '.join(lacking)} has no {name!r} hours", where="school.toml [support.sla]", mend="Add it"
            )
        added[column] = hours.add(tickets["occurred_at"], promised.to_numpy("float64"))
    return with_days(tickets.assign(**added), school.zone)


def build(sources: Mapping[str, list[Path] | pd.DataFrame]) -> dict[str, pd.DataFrame]:
    """Reduces raw tables to panes.

    Args:
        sources: for each table read here, its Parquet files or its rows.

    Returns:
        Per family, rows with `enrolment_id`, `day`, `known_day` and the family's measures (float64), in order of
        these three, so that the order of the input cannot matter.
    """
    with duckdb.connect() as engine:
        for name, source in sources.items():
            if isinstance(source, list):
                engine.read_parquet([str(path) for path in source]).create_view(name)
            else:
                engine.register(name, pa.Table.from_pandas(source, preserve_index=False))
        return {family: _typed(engine.sql(_sql(family)).to_arrow_table()).to_pandas() for family in FAMILIES}


def _typed(pane: pa.Table) -> pa.Table:
    """Engines type the constants of a query each in their own way (DuckDB as decimals)."""
    return pane.cast(
        pa.schema([(n, pane.schema.field(n).type if n in KEYS else pa.float64()) for n in pane.column_names])
    )


@cache
def _sql(family: str) -> str:
    """A family's query as DuckDB's SQL; the tables have their contracts' types, so it is the same for every school."""
    tables = {name: ibis.table(_schema(name), name=name) for name in _READ}
    # The newest version of a task or an enrolment is the one in force.
    for name, key in (("enrolments", "enrolment_id"), ("assignments", "assignment_id")):
        newest = ibis.row_number().over(group_by=key, order_by=ibis.desc("known_at"))
        tables[name] = tables[name].mutate(version=newest).filter(lambda t: t.version == 0).drop("version")
    query = FAMILIES[family](tables)
    return str(ibis.to_sql(query.order_by(*KEYS), dialect="duckdb"))


_TYPES = {"time": "timestamp('UTC', 6)", "number": "float64", "integer": "int64", "flag": "boolean"}


def _schema(table: str) -> dict[str, str]:
    columns = {name: _TYPES.get(column.kind, "string") for name, column in TABLES[table].columns.items()}
    if table == "tickets":
        columns |= dict.fromkeys(("respond_by", "resolve_by"), _TYPES["time"])
    return columns | {day_column(name): "int32" for name, kind in columns.items() if kind == _TYPES["time"]}


def of_school(
    school: School, *, students: list[str] | None = None, fresh: Mapping[str, pd.DataFrame] | None = None
) -> dict[str, pd.DataFrame]:
    """The panes of a school, built once for each state of its lake and kept beside it.

    Args:
        students: only of these people; then nothing is kept.
        fresh: checked rows that are not in the lake, by table; with ``students`` only.
    """
    lake = Lake(school.lake, school.zone)
    if students is not None:
        return build(_rows_of(school, lake, students, fresh or {}))
    support = repr(school.config("school")["support"])
    state = hashlib.sha256(f"{lake.version} {support} {_VERSION}".encode()).hexdigest()[:16]
    root = school.home / "cache"
    folder = root / f"panes-{state}"
    if not folder.exists():
        sources: dict[str, list[Path] | pd.DataFrame] = {
            name: lake.paths(name) or with_days(empty(name), school.zone) for name in _READ
        }
        sources["tickets"] = with_promises(lake.read("tickets"), school)
        making = root / f".panes-{state}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        for family, pane in build(sources).items():
            pane.to_parquet(making / f"{family}.parquet")
        for old in root.glob("panes-*"):
            shutil.rmtree(old, ignore_errors=True)
        making.replace(folder)
    return {family: pd.read_parquet(folder / f"{family}.parquet") for family in FAMILIES}


_VERSION = 1  # counts up when a query changes its meaning, so that kept panes are built anew


def _rows_of(
    school: School, lake: Lake, students: list[str], fresh: Mapping[str, pd.DataFrame]
) -> dict[str, list[Path] | pd.DataFrame]:
    enrolments = lake.read("enrolments", ("student_id", students))
    mine = list(enrolments["enrolment_id"].unique())
    rows: dict[str, list[Path] | pd.DataFrame] = {"enrolments": enrolments}
    for name in _READ:
        columns = TABLES[name].columns
        if name == "enrolments":
            continue
        if "student_id" in columns:
            old = lake.read(name, ("student_id", students))
        elif "enrolment_id" in columns:
            old = lake.read(name, ("enrolment_id", mine))
        else:
            old = lake.read(name, ("course_id", list(enrolments["course_id"].unique())))
        new = fresh.get(name)
        if new is not None and len(new):
            new = with_days(new, school.zone)
            old = pd.concat([old, new[~new[TABLES[name].key[0]].isin(old[TABLES[name].key[0]])]], ignore_index=True)
        rows[name] = with_promises(old, school) if name == "tickets" else old
    return rows
