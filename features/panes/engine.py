"""The engine: raw tables, as files of the lake or as rows, reduced to panes by DuckDB."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from features.clock import midnights
from features.contracts import TABLES
from features.identity import told_sql
from features.panes.activity import QUARTER
from features.panes.counted import Flags
from features.panes.kept import Pane, Panes
from features.panes.queries import COUNTED, PANES, counts_by_id, reads, schema, sql, steps
from features.panes.relations import KEYS

Source = list[Path] | pd.DataFrame
"""A table as Parquet files or as rows."""

_BATCH = 500_000  # rows of a pane that are in flight
_TOGETHER = 32 << 20  # bytes of files counted at once: their days are neighbours, so the sums stay in the cache


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
        views = {table for name in panes if not counts_by_id(name) for table in (*reads(name), "identities")}
        for name in sorted(views, key=lambda name: name != "identities"):  # the others are told through it
            _view(engine, name, sources[name], zone)
        for name in steps(panes):
            engine.execute(f"CREATE TEMP TABLE {name} AS {sql(name)}")
        made = {}
        for name in panes:
            queries = _by_file(engine, name, sources, zone) if counts_by_id(name) else [sql(name)]
            made[name] = joined(name, [_rows(engine, query) for query in queries])
        return Panes(len(ids), made)


def _view(engine: duckdb.DuckDBPyConnection, name: str, source: Source, zone: str) -> None:
    """A table as the queries see it (`features.panes.queries.schema`)."""
    columns = _raw(engine, f"raw_{name}", schema(name), source, zone)
    rows = f"raw_{name} raw"
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
    elif columns.get("known_as") == "NULL":
        columns["known_as"] = "raw.student_id"
    engine.execute(f'CREATE VIEW "{name}" AS {_selected(columns, rows)}')


def _raw(
    engine: duckdb.DuckDBPyConnection, view: str, wanted: Collection[str], source: Source, zone: str
) -> dict[str, str]:
    """Makes a view of the rows as they are; says by what expression of ``raw`` each column is had from it."""
    if isinstance(source, list):
        rows = engine.read_parquet([str(path) for path in source], union_by_name=True)
        rows.create_view(view, replace=True)
    else:
        engine.register(view, pa.Table.from_pandas(source, preserve_index=False))
    there = set(engine.table(view).columns)
    # A lake of an earlier release lacks newer columns.
    columns = {column: f'raw."{column}"' if column in there else "NULL" for column in wanted}
    if "quarter" in columns:
        columns["quarter"] = _quarter(engine, view, zone)
    return columns


def _selected(columns: Mapping[str, str], rows: str) -> str:
    chosen = ", ".join(f'{expression} AS "{column}"' for column, expression in columns.items())
    return f"SELECT {chosen} FROM {rows}"


def _quarter(engine: duckdb.DuckDBPyConnection, view: str, zone: str) -> str:
    """The quarter of the school's day: each spell between two changes of the clock has its own distance to UTC."""
    [(first, last)] = engine.sql(f"SELECT min(day), max(day) FROM {view}").fetchall()
    days = np.arange(first or 0, (last or 0) + 1)
    behind = days * 4 * QUARTER - midnights(days, zone)  # what a day that begins with a change has is the day's own
    starts = np.flatnonzero(np.append(True, behind[1:] != behind[:-1]))
    cases = " ".join(f"WHEN raw.day >= {days[start]} THEN {behind[start]}" for start in reversed(starts))
    since = f"epoch_us(raw.occurred_at) + CASE {cases} END - raw.day::BIGINT * {4 * QUARTER}"
    return f"least(greatest(({since}) // {QUARTER}, 0), 3)::INTEGER"


def _by_file(engine: duckdb.DuckDBPyConnection, name: str, sources: Mapping[str, Source], zone: str) -> Iterator[str]:
    """Queries that count the events of a few files each, by the ids of enrolments, and look up positions afterwards."""
    table = COUNTED[name].table
    for source in _few(sources[table]):
        columns = _raw(engine, f"few_{table}", schema(table, by_id=True), source, zone)
        events = _selected(columns, f"few_{table} raw")
        yield (
            f'WITH "{table}" AS ({events}), counted AS ({sql(name)}) '
            "SELECT positions.at AS enrolment_id, counted.* EXCLUDE (enrolment_id) FROM counted "
            "JOIN positions USING (enrolment_id)"
        )


def _few(source: Source) -> Iterator[Source]:
    """Files in their order, as many at once as are not too large together; rows as they are."""
    if not isinstance(source, list):
        yield source
        return
    few: list[Path] = []
    size = 0
    for path in source:
        if few and size + path.stat().st_size > _TOGETHER:
            yield few
            few, size = [], 0
        few.append(path)
        size += path.stat().st_size
    yield few


def _rows(engine: duckdb.DuckDBPyConnection, query: str) -> Pane:
    """What a query finds, a batch of rows at a time, put in order."""
    reader = engine.sql(query).to_arrow_reader(_BATCH)
    columns: dict[str, list[np.ndarray]] = {column: [] for column in reader.schema.names}
    for batch in reader:
        for column, values in zip(reader.schema.names, batch.columns, strict=True):
            columns[column].append(_small(values.to_numpy(zero_copy_only=False)))
    at, day, known_day = (_one(columns.pop(key)).astype("int32", copy=False) for key in KEYS)
    order = np.argsort(_place(at, day, known_day))
    measures = {measure: _one(parts)[order] for measure, parts in columns.items()}
    return Pane(at[order], day[order], known_day[order], measures)


def joined(name: str, parts: Sequence[Pane]) -> Pane:
    """Parts of a pane as one, in order; where rows of a pane that is counted have the same keys they are one row."""
    at, day, known_day = (_one([getattr(part, key) for part in parts]) for key in ("at", "day", "known_day"))
    place = _place(at, day, known_day)
    order = np.argsort(place, kind="stable")  # a merge, because each part is in order
    place = place[order]
    is_first = np.append(True, place[1:] != place[:-1])[: len(place)]
    first, again = order[is_first], order[~is_first]
    rows, which = np.unique(np.cumsum(is_first)[~is_first] - 1, return_inverse=True)
    measures = {}
    for measure in parts[0].measures:
        values = _one([part.measures[measure] for part in parts])
        sums = values[first]
        if len(first) < len(order):
            add = np.bitwise_or if isinstance(COUNTED[name].measures[measure], Flags) else np.add
            changed = sums[rows].astype("int64")
            add.at(changed, which, values[again])
            if _small(changed).dtype != sums.dtype:
                sums = sums.astype("int64")
            sums[rows] = changed
        measures[measure] = sums if sums.dtype == "int32" else _small(sums)
    return Pane(at[first], day[first], known_day[first], measures)


def _place(*keys: np.ndarray) -> np.ndarray:
    """(n,) one number for each combination of keys, in their order; the keys of a pane do not repeat."""
    place = np.zeros(len(keys[0]), dtype="int64")
    for key in keys:
        low = int(key.min(initial=0))
        place = place * (int(key.max(initial=0)) - low + 1) + (key - low)
    return place


def _small(values: np.ndarray) -> np.ndarray:
    """Whole numbers in as few bytes as they need."""
    fits = max(values.max(initial=0), -values.min(initial=0)) <= np.iinfo("int32").max
    return values.astype("int32" if fits else "int64")


def _one(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0, dtype="int32")
