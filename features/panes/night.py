"""Panes of an earlier state of the lake, brought up to a later one: only what new files can change is worked out anew.

The lake only grows: its files never change, and no row is in two of them. So a pane that is counted is the earlier one
and what the new files add. Any other pane has rows of an enrolment from nothing but the enrolment's own rows, its
student's and the plans of its course; those whom nothing new was told of keep them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.contracts import TABLES
from features.identity import Identities
from features.lake import Lake
from features.panes.engine import Source, build, joined
from features.panes.kept import Pane, Panes
from features.panes.queries import CHANGED_BY, COUNTED, PANES, READ, VERSIONED, counts_by_id, reads

Files = dict[str, list[Path]]
"""By table."""

_OF_PEOPLE = {
    name: ("student_id",) for name in READ if "student_id" in TABLES[name].columns and name != "enrolments"
} | {"identities": ("alias", "student_id")}
"""Tables that tell of people, and where they name them."""
_SUMS = [name for name in PANES if counts_by_id(name)]
_OTHERS = [name for name in PANES if not counts_by_id(name)]


def files_of(lake: Lake) -> Files:
    """The files that panes are made of."""
    return {name: lake.paths(name) for name in (*READ, "identities")}


def note(folder: Path, files: Files, ids: pd.Index) -> None:
    """Writes down beside panes what they were made of."""
    pq.write_table(pa.table({"enrolment_id": pa.array(ids, pa.string())}), folder / "ids.parquet")
    (folder / "files.json").write_text(json.dumps(sorted(_marks(files))), "utf-8")


def _marks(files: Files) -> dict[str, Path]:
    """Each file by a name that another one in its place would not have."""
    found = [(path, path.stat()) for paths in files.values() for path in paths]
    return {f"{path.parent.name}/{path.name} {is_.st_size} {is_.st_mtime_ns}": path for path, is_ in found}


@dataclass(frozen=True)
class Earlier:
    """Panes of an earlier state of the lake.

    Attributes:
        panes: they.
        ids: their enrolments.
        files: by table, what they were made of.
        new: by table, what came since.
    """

    panes: Panes
    ids: pd.Index
    files: Files
    new: Files

    @classmethod
    def of(cls, folders: Sequence[Path], lake: Lake) -> Earlier | None:
        """The panes with the most of a lake's files in them; None where none can be brought up to its state."""
        files = files_of(lake)
        marks = _marks(files)
        noted = [(folder, set(json.loads((folder / "files.json").read_text("utf-8")))) for folder in folders]
        usable = [(len(had), folder, had) for folder, had in noted if had <= marks.keys()]
        if not usable:
            return None
        _, folder, had = max(usable)
        known = {marks[mark] for mark in had}
        old = {name: [path for path in paths if path in known] for name, paths in files.items()}
        new = {name: [path for path in paths if path not in known] for name, paths in files.items()}
        if new["assignments"]:  # plans are everybody's
            return None
        ids = pd.Index(pq.read_table(folder / "ids.parquet")["enrolment_id"].to_pandas(), name="enrolment_id")
        return cls(Panes.open(folder), ids, old, new)


def touched(lake: Lake, ids: pd.Index, earlier: Earlier) -> np.ndarray:
    """(n,) whether an enrolment is new, or has new rows that change more than a sum."""
    told: set[str] = set(ids.difference(earlier.ids))
    names: set[str] = set()
    with duckdb.connect() as engine:
        for table, paths in earlier.new.items():
            if paths:
                found = names if table in _OF_PEOPLE else told
                for column in _OF_PEOPLE.get(table, ("enrolment_id",)):
                    found.update(_told(engine, table, column, paths, lake.paths(table)))
    if names:
        identities = Identities.of(lake)
        students = {identities.student(name) for name in names}
        owned = identities.named(lake.read("enrolments"))
        told.update(owned.loc[owned["student_id"].isin(students), "enrolment_id"])
    return ids.isin(list(told))


def _told(engine: duckdb.DuckDBPyConnection, table: str, column: str, new: list[Path], every: list[Path]) -> list[str]:
    """What a column says in new rows, and in the earlier versions that they replace."""
    rows = f"SELECT DISTINCT {column} FROM read_parquet(?, union_by_name = true) WHERE {_can_change(table)}"
    if table not in VERSIONED:
        return [name for (name,) in engine.execute(rows, [_names(new)]).fetchall()]
    key = VERSIONED[table]
    rows = f"{rows} AND {key} IN (SELECT {key} FROM read_parquet(?, union_by_name = true))"
    return [name for (name,) in engine.execute(rows, [_names(every), _names(new)]).fetchall()]


def _names(paths: list[Path]) -> list[str]:
    return [str(path) for path in paths]


def _can_change(table: str) -> str:
    """Of rows of a table: whether they can change a pane that is not counted from them."""
    either = []
    for name in _OTHERS:
        if table in reads(name):
            values = CHANGED_BY.get(name, {}) if table == reads(name)[0] else {}
            both = [f"{column} IN ({', '.join(repr(value) for value in found)})" for column, found in values.items()]
            either.append(" AND ".join(both) or "true")
    return f"({' OR '.join(either) or table == 'identities'})"


def brought_up(
    earlier: Earlier, ids: pd.Index, told: np.ndarray, sources: Mapping[str, Source], zone: str, spill: Path
) -> Panes:
    """The panes of the lake's present state.

    Args:
        earlier: panes to begin with.
        ids: enrolments; those of the earlier panes are among them.
        told: (n,) who was touched.
        sources: the tables, with all rows of those who were.
        zone: the school's.
        spill: a folder for what does not fit into memory.
    """
    place = ids.get_indexer(earlier.ids)
    old = {
        name: Pane(place[pane.at].astype("int32"), pane.day, pane.known_day, pane.measures)
        for name, pane in earlier.panes.panes.items()
    }
    parts = {name: [pane] for name, pane in old.items()}
    everybody = np.arange(len(ids))
    _add(parts, ids, everybody, earlier.new, _SUMS, zone, spill)
    came = np.flatnonzero(~ids.isin(earlier.ids))
    if len(came):  # what they did before they were known
        _add(parts, ids, came, earlier.files, _SUMS, zone, spill)
    for name in _OTHERS:
        parts[name] = [old[name].rows(kept := ~told[old[name].at], old[name].at[kept])]
    _add(parts, ids, np.flatnonzero(told), sources, _OTHERS, zone, spill)
    return Panes(len(ids), {name: joined(name, parts[name]) for name in PANES})


def _add(
    parts: dict[str, list[Pane]],
    ids: pd.Index,
    at: np.ndarray,
    sources: Mapping[str, Source],
    panes: Sequence[str],
    zone: str,
    spill: Path,
) -> None:
    """Adds what the enrolments at some positions have in some files."""
    there = [name for name in panes if name not in _SUMS or len(sources[COUNTED[name].table])]
    made = build(sources, ids[at], zone, panes=there, spill=spill)
    for name, pane in made.panes.items():
        parts[name].append(Pane(at[pane.at].astype("int32"), pane.day, pane.known_day, pane.measures))
