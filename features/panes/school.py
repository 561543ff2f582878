"""The panes of a school: raw tables to panes by DuckDB, built once for each state of the lake and kept beside it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from features.business_hours import BusinessHours
from features.clock import midnights
from features.config import School
from features.contracts import TABLES
from features.contracts.check import empty
from features.errors import BadConfig
from features.identity import Identities, told_sql
from features.lake import Lake, with_days
from features.panes.activity import QUARTER
from features.panes.kept import Pane, Panes
from features.panes.queries import (
    PANES,
    READ,
    VERSION,
    VERSIONED,
    counts_by_id,
    reads,
    schema,
    sql,
    steps,
)
from features.panes.relations import KEYS

Source = list[Path] | pd.DataFrame
"""A table as Parquet files or as rows."""

_BATCH = 500_000  # rows of a pane that are in flight


def of_school(school: School, ids: pd.Index) -> Panes:
    """The panes of all enrolments of a school.

    Args:
        ids: enrolments; a position in it names one in the panes.

    Raises:
        BadConfig: the settings of the support cannot be used.
    """
    lake = Lake(school.lake, school.zone)
    settings = repr((school.config("school")["support"], school.zone, VERSION))
    state = hashlib.sha256(f"{lake.version} {settings}".encode()).hexdigest()[:16]
    root = school.home / "cache"
    folder = root / f"panes-{state}"
    if not folder.exists():
        making = root / f".panes-{state}"
        shutil.rmtree(making, ignore_errors=True)
        making.mkdir(parents=True)
        sources: dict[str, Source] = {
            name: lake.paths(name) or with_days(empty(name), school.zone) for name in (*READ, "identities")
        }
        sources["tickets"] = with_promises(lake.read("tickets"), school)
        for name, key in VERSIONED.items():
            if name == "enrolments" or not lake.is_unique(name, key):
                sources[name] = in_force(_versions(lake, name), key)
        build(sources, ids, school.zone, spill=making / "spill").save(making)
        shutil.rmtree(making / "spill", ignore_errors=True)
        for old in root.glob("panes-*"):
            shutil.rmtree(old, ignore_errors=True)
        making.replace(folder)
    return Panes.open(folder)


def of_students(
    school: School,
    ids: pd.Index,
    students: Sequence[str],
    fresh: Mapping[str, pd.DataFrame],
    panes: Collection[str] = PANES,
) -> Panes:
    """Panes of some people, built now from their own rows.

    Args:
        ids: their enrolments.
        students: the people.
        fresh: checked rows of theirs that are not in the lake, by table.
        panes: which ones.
    """
    lake = Lake(school.lake, school.zone)
    people = Identities.of(lake).names(students)
    names = list(panes)
    rows: dict[str, Source] = {"identities": lake.read("identities", ("alias", people))}
    for name in dict.fromkeys(table for pane in names for table in reads(pane)):
        found = _own_rows(lake, name, ids, people)
        new = fresh.get(name)
        if new is not None and len(new):
            new = with_days(new, school.zone)
            known = TABLES[name].key[0]
            if name not in VERSIONED:
                new = new[~new[known].isin(found[known])]
            found = pd.concat([found, new], ignore_index=True)
        if name == "tickets":
            found = with_promises(found, school)
        rows[name] = in_force(found, VERSIONED[name]) if name in VERSIONED else found
    return build(rows, ids, school.zone, panes=names)


def _own_rows(lake: Lake, table: str, ids: pd.Index, people: Sequence[str]) -> pd.DataFrame:
    columns = TABLES[table].columns
    if "enrolment_id" in columns and columns["enrolment_id"].required:
        return _versions(lake, table, ("enrolment_id", list(ids)))
    if "student_id" in columns:
        return lake.read(table, ("student_id", people))
    return lake.read(table)  # every version of every task: one may have come from another course


def _versions(lake: Lake, table: str, only: tuple[str, Sequence[str]] | None = None) -> pd.DataFrame:
    """Rows of a table; of enrolments each with the student whom it was of as far as was known."""
    rows = lake.read(table, only)
    return Identities.of(lake).versions(rows, "enrolment_id") if table == "enrolments" else rows


def with_promises(tickets: pd.DataFrame, school: School) -> pd.DataFrame:
    """Adds to each event of a ticket its moment in working hours, and the moments by which the school had promised.

    Returns:
        The rows with `respond_by` and `resolve_by` (were it opened then), and `work` (hundredths of working hours).

    Raises:
        BadConfig: a priority has no promise, or the working hours leave no time.
    """
    support = school.config("school")["support"]
    hours = BusinessHours.from_config(support["hours"], school.zone)
    by_priority: dict[str, dict[str, float]] = support["sla"]
    widened = hours.corridor(tickets["occurred_at"], support.get("exceptional_days", []))
    added: dict[str, Any] = {"work": (hours.clock(tickets["occurred_at"]) * 100).round().astype("int64")}
    for name, column in (("respond", "respond_by"), ("resolve", "resolve_by")):
        promised = tickets["priority"].map({key: value.get(name) for key, value in by_priority.items()})
        if promised.isna().any():
            lacking = sorted(set(tickets["priority"][promised.isna()]))
            raise BadConfig(
                f"{', '.join(lacking)} has no {name!r} hours", where="school.toml [support.sla]", mend="Add it"
            )
        added[column] = hours.add(tickets["occurred_at"], promised.to_numpy("float64") * widened)
    return with_days(tickets.assign(**added), school.zone)


def in_force(versions: pd.DataFrame, key: str) -> pd.DataFrame:
    """The versions of an entity with the day on which each was replaced.

    Args:
        versions: rows of the lake, in its order.
        key: the column that names the entity.

    Returns:
        Those that were the newest one known at any cut-off, with `until_day` (missing for the newest of all). Of
        versions known at one moment the one that the lake was given last counts.
    """
    if versions[key].is_unique:
        return versions.assign(until_day=pd.array([pd.NA] * len(versions), dtype="Int32"))
    ordered = versions.sort_values(["known_day", "known_at"], kind="stable")
    until = ordered.groupby(key)["known_day"].shift(-1).astype("Int32")
    kept = until.isna() | (until > ordered["known_day"])
    return ordered.assign(until_day=until)[kept.to_numpy(bool)]


def build(
    sources: Mapping[str, Source],
    ids: pd.Index,
    zone: str,
    *,
    panes: Collection[str] = PANES,
    spill: Path | None = None,
) -> Panes:
    """Reduces raw tables to panes.

    Args:
        sources: each table that the panes read, and `identities` where there are any.
        ids: enrolments; rows of others are left out.
        zone: the school's.
        panes: which ones.
        spill: a folder for what does not fit into memory.
    """
    with duckdb.connect() as engine:
        engine.execute("SET preserve_insertion_order = false")
        if spill is not None:
            engine.execute(f"SET temp_directory = '{str(spill).replace(chr(39), chr(39) * 2)}'")
        engine.register(
            "ids", pa.table({"enrolment_id": pa.array(ids, pa.string()), "at": np.arange(len(ids), dtype="int32")})
        )
        engine.execute("CREATE TEMP TABLE positions AS FROM ids")
        for name in sorted(sources, key=lambda name: name != "identities"):  # the others are told through it
            _view(engine, name, sources[name], zone)
        for name in steps(panes):
            engine.execute(f"CREATE TEMP TABLE {name} AS {sql(name)}")
        return Panes(len(ids), {name: _pane(engine, name) for name in panes})


def _view(engine: duckdb.DuckDBPyConnection, name: str, source: Source, zone: str) -> None:
    """A table as the queries see it (`features.panes.queries.schema`), and with the enrolments' ids as `by_id_...`."""
    if isinstance(source, list):
        engine.read_parquet([str(path) for path in source], union_by_name=True).create_view(f"raw_{name}")
    else:
        engine.register(f"raw_{name}", pa.Table.from_pandas(source, preserve_index=False))
    there = set(engine.table(f"raw_{name}").columns)
    # A lake of an earlier release lacks newer columns.
    columns = {column: f'raw."{column}"' if column in there else "NULL" for column in schema(name)}
    if "quarter" in columns:
        columns["quarter"] = _quarter(engine, name, zone)
    rows = f"raw_{name} raw"
    _create(engine, f"by_id_{name}", rows, columns)
    if "enrolment_id" in columns:
        positions = "positions ON positions.enrolment_id = raw.enrolment_id"
        if TABLES[name].columns["enrolment_id"].required:
            rows, columns["enrolment_id"] = f"{rows} JOIN {positions}", "positions.at"
        else:  # a fact of an enrolment that nobody knows is a fact of none
            rows = f"{rows} LEFT JOIN {positions}"
            columns["enrolment_id"] = "CASE WHEN raw.enrolment_id IS NOT NULL THEN coalesce(positions.at, -1) END"
    if "student_id" in columns and name not in ("enrolments", "identities"):
        rows = f"({told_sql(f'raw_{name}')}) {rows.removeprefix(f'raw_{name} ')}"
        columns |= {"student_id": "raw.person_id", "known_as": "raw.student_id", "named_day": "raw.person_day"}
    elif "known_as" in columns and "known_as" not in there:
        columns["known_as"] = "raw.student_id"
    _create(engine, name, rows, columns)


def _create(engine: duckdb.DuckDBPyConnection, name: str, rows: str, columns: Mapping[str, str]) -> None:
    chosen = ", ".join(f'{expression} AS "{column}"' for column, expression in columns.items())
    engine.execute(f'CREATE VIEW "{name}" AS SELECT {chosen} FROM {rows}')


def _quarter(engine: duckdb.DuckDBPyConnection, name: str, zone: str) -> str:
    """The quarter of the school's day: each spell between two changes of the clock has its own distance to UTC."""
    [(first, last)] = engine.sql(f"SELECT min(day), max(day) FROM raw_{name}").fetchall()
    days = np.arange(first or 0, (last or 0) + 1)
    behind = days * 4 * QUARTER - midnights(days, zone)  # what a day that begins with a change has is the day's own
    starts = np.flatnonzero(np.append(True, behind[1:] != behind[:-1]))
    cases = " ".join(f"WHEN raw.day >= {days[start]} THEN {behind[start]}" for start in reversed(starts))
    since = f"epoch_us(raw.occurred_at) + CASE {cases} END - raw.day::BIGINT * {4 * QUARTER}"
    return f"least(greatest(({since}) // {QUARTER}, 0), 3)::INTEGER"


def _pane(engine: duckdb.DuckDBPyConnection, name: str) -> Pane:
    """Runs a pane's query, a batch of rows at a time, and puts its rows in order."""
    query = sql(name)
    if counts_by_id(name):
        table = PANES[name][1][0]
        query = (
            f'WITH "{table}" AS (FROM "by_id_{table}"), counted AS ({query}) '
            "SELECT positions.at AS enrolment_id, counted.* EXCLUDE (enrolment_id) FROM counted "
            "JOIN positions USING (enrolment_id)"
        )
    reader = engine.sql(query).to_arrow_reader(_BATCH)
    columns: dict[str, list[np.ndarray]] = {column: [] for column in reader.schema.names}
    for batch in reader:
        for column, values in zip(reader.schema.names, batch.columns, strict=True):
            columns[column].append(_small(values.to_numpy(zero_copy_only=False)))
    at, day, known_day = (_joined(columns.pop(key)).astype("int32", copy=False) for key in KEYS)
    order = np.argsort(_place(at, day, known_day))
    measures = {column: _joined(columns.pop(column))[order] for column in list(columns)}
    return Pane(at[order], day[order], known_day[order], measures)


def _place(*keys: np.ndarray) -> np.ndarray:
    """(n,) one number for each combination of keys, in their order; the keys of a pane do not repeat."""
    place = np.zeros(len(keys[0]), dtype="int64")
    for key in keys:
        low = int(key.min(initial=0))
        place = place * (int(key.max(initial=0)) - low + 1) + (key - low)
    return place


def _small(values: np.ndarray) -> np.ndarray:
    """Whole numbers in as few bytes as they need."""
    fits = not len(values) or np.abs(values).max() <= np.iinfo("int32").max
    return values.astype("int32" if fits else "int64")


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype="int32")
