"""The inventory of a lake: what is in it, whose it is, which features it fills and what would fill the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path

import duckdb
import pandas as pd

from features import clock
from features.build import Progress, snapshot
from features.catalogue import FEATURES, Feature
from features.config import School
from features.contracts import TABLES
from features.enrolments import Enrolments
from features.identity import MADE_HERE
from features.lake import Lake

ANY_TABLE = ("csv", "database")
"""The doors by which rows of every table come in, through a mapping."""

GIVEN_BY: dict[str, tuple[str, ...]] = {
    "activity": ("oulad", "xapi", "edx", "moodle", "getcourse", "kdd2015"),
    "assignments": ("oulad",),
    "submissions": ("oulad", "edx", "moodle"),
    "videos": ("xapi", "edx"),
    "tickets": ("zendesk", "usedesk"),
    "payments": ("getcourse",),
    "touches": ("bitrix24",),
}
"""Tables that features are made of, and the doors of their own kinds of sources."""

_STEP = 7  # days between the cut-offs at which somebody live is looked for


@dataclass(frozen=True)
class Stock:
    """What the lake holds of a table.

    Attributes:
        first, last: days of the first and the last fact; of entities, the days on which they became known.
        known_at: when the newest row was known.
        unfilled: columns of numbers, moments and flags in which no row holds anything.
    """

    table: str
    rows: int
    first: date
    last: date
    known_at: datetime
    unfilled: tuple[str, ...]


@dataclass(frozen=True)
class Names:
    """Names of people in one source's rows that are nobody's: no student, no enrolment, no identity.

    Attributes:
        kind: of the names: `email` or `mbox_sha1sum`, or `id` for what the source itself gave.
        names: how many different ones.
        rows: how many rows are under them.
    """

    source: str
    table: str
    kind: str
    names: int
    rows: int


@dataclass(frozen=True)
class FamilyState:
    """What the lake gives to a family of features.

    Attributes:
        name: the family's.
        known: by feature, the share of live enrolments with a known value.
        empty: features without a value, or with the same one for everybody.
        lacking: their tables that hold no row.
        unfilled: columns of their other tables that hold nothing, such as `courses.lessons`.
        newest: when the newest row of its tables was known; None when there is none.
        stale: whether that is longer ago than the family may be old.
    """

    name: str
    known: dict[str, float]
    empty: tuple[str, ...]
    lacking: tuple[str, ...]
    unfilled: tuple[str, ...]
    newest: datetime | None
    stale: bool

    @property
    def is_empty(self) -> bool:
        """Whether no feature of it says anything."""
        return len(self.empty) == len(self.known)


def stock(lake: Lake) -> list[Stock]:
    """The tables of a lake that hold rows, in the contracts' order."""
    return [_counted(table, paths) for table in TABLES if (paths := lake.paths(table))]


def _counted(table: str, paths: Sequence[Path]) -> Stock:
    columns = TABLES[table].columns
    day = "day" if "occurred_at" in columns else "known_day"
    files = [str(path) for path in paths]
    with duckdb.connect() as engine:
        there = set(engine.read_parquet(files, union_by_name=True).columns)  # an older lake lacks newer columns
        optional = [
            name for name, one in columns.items() if not one.required and one.kind not in ("id", "text", "zone")
        ]
        filled = "".join(f", count({name})" if name in there else ", 0" for name in optional)
        asked = f"SELECT count(*), min({day}), max({day}), epoch_us(max(known_at)){filled} FROM "
        found = engine.execute(asked + "read_parquet(?, union_by_name = true)", [files]).fetchall()[0]
    rows, first, last, known, *counts = found
    known_at = pd.Timestamp(known, unit="us", tz="UTC").to_pydatetime()
    unfilled = tuple(name for name, count in zip(optional, counts, strict=True) if not count)
    return Stock(table, rows, clock.date_of(first), clock.date_of(last), known_at, unfilled)


def nobodys(lake: Lake) -> list[Names]:
    """Names in rows about people that stand for no student, by source and table.

    An enrolment under an address is somebody's, but of the school's students only with an identity.
    """
    source_of = {str(batch["id"]): str(batch["source"]) for batch in lake.batches()}
    found: list[Names] = []
    with duckdb.connect() as engine:
        for table, column in _PEOPLE.items():
            files = [str(path) for path in lake.paths(table)]
            rows = (
                f"SELECT DISTINCT {column} AS name FROM read_parquet($files)" if files else "SELECT '' AS name LIMIT 0"
            )
            engine.execute(f"CREATE TEMP TABLE {table} AS {rows}", {"files": files} if files else {})
        engine.execute("CREATE TEMP VIEW told AS FROM students UNION ALL FROM identities")
        engine.execute("CREATE TEMP VIEW somebody AS FROM told UNION ALL FROM enrolments")
        for table, contract in TABLES.items():
            if "student_id" not in contract.columns or table in ("students", "identities"):
                continue
            files_of: dict[str, list[str]] = {}
            for path in lake.paths(table):
                files_of.setdefault(source_of.get(path.parent.name, "?"), []).append(str(path))
            for source, files in sorted(files_of.items()):
                found += _unknown(engine, source, table, files)
    return found


_PEOPLE = {"students": "student_id", "enrolments": "student_id", "identities": "alias"}
_MADE_HERE = f"^({'|'.join(MADE_HERE)})"


def _unknown(engine: duckdb.DuckDBPyConnection, source: str, table: str, files: list[str]) -> Iterator[Names]:
    whose = "told" if table == "enrolments" else "somebody"
    made = "regexp_matches(student_id, $made)"
    counted = engine.execute(
        f"SELECT CASE WHEN {made} THEN split_part(student_id, ':', 1) ELSE 'id' END, "
        f"count(DISTINCT student_id), count(*) FROM read_parquet($files) ANTI JOIN {whose} ON name = student_id "
        f"WHERE {made} OR {table != 'enrolments'} GROUP BY 1 ORDER BY 1",
        {"files": files, "made": _MADE_HERE},
    )
    for kind, names, rows in counted.fetchall():
        yield Names(source, table, kind, names, rows)


def last_cut(lake: Lake) -> date | None:
    """The last cut-off, at most a day after the newest fact, at which an enrolment is live; None if there is none."""
    last = lake.last_known_day()
    enrolments = Enrolments(lake)
    if last is None or not len(enrolments.ids):
        return None
    first = int(enrolments.versions["day"].min())
    for day in range(last + 1, first - _STEP, -_STEP):
        if enrolments.facts(day)["live"].any():
            return clock.date_of(day)
    return None


def families(
    school: School, stocks: Sequence[Stock], cut: date | None, progress: Progress | None = None
) -> list[FamilyState]:
    """What each family of features says at a cut-off.

    Args:
        stocks: of the school's lake.
        cut: the cut-off; None when no enrolment is ever live, and nothing is known.
    """
    held = {one.table: one for one in stocks}
    rows = pd.DataFrame() if cut is None else snapshot(school, [cut], progress=progress)
    by_family = groupby(sorted(FEATURES.values(), key=lambda one: one.family), lambda one: one.family)
    states = {name: _state(name, list(features), rows, held) for name, features in by_family}
    return [states[name] for name in dict.fromkeys(one.family for one in FEATURES.values())]


def _state(name: str, features: list[Feature], rows: pd.DataFrame, held: dict[str, Stock]) -> FamilyState:
    known = {one.name: float(rows[one.name].notna().mean()) if len(rows) else 0.0 for one in features}
    empty = tuple(one.name for one in features if not len(rows) or rows[one.name].nunique() < 2)
    needed = dict.fromkeys(table for one in features for table in one.tables)
    there = [held[table] for table in needed if table in held]
    facts = [one for one in there if not TABLES[one.table].versioned] or there
    newest = max((one.known_at for one in facts), default=None)
    hours = min(one.freshness_hours for one in features)
    return FamilyState(
        name=name,
        known=known,
        empty=empty,
        lacking=tuple(table for table in needed if table not in held),
        unfilled=tuple(f"{one.table}.{column}" for one in there for column in one.unfilled),
        newest=newest,
        stale=newest is not None and (clock.now() - newest).total_seconds() > hours * 3600,
    )
