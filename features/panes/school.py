"""The panes of a school: raw tables to panes by DuckDB, built once for each state of the lake and kept beside it."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from features import clock
from features.business_hours import BusinessHours
from features.config import School
from features.contracts import TABLES
from features.contracts.check import empty
from features.errors import BadConfig
from features.identity import Identities
from features.lake import Lake, with_days
from features.panes.engine import Source, build
from features.panes.kept import Panes
from features.panes.night import Earlier, brought_up, files_of, note, touched
from features.panes.queries import PANES, VERSION, VERSIONED, reads

_MAKING = ".making-"
_GIVEN_UP = timedelta(days=1)  # what was begun longer ago was killed


def of_school(school: School, ids: pd.Index) -> Panes:
    """The panes of all enrolments of a school.

    Args:
        ids: enrolments; a position in it names one in the panes.

    Raises:
        BadConfig: the settings of the support cannot be used.
    """
    lake = Lake(school.lake, school.zone)
    settings = _digest(repr((school.config("school")["support"], school.zone, VERSION)))
    root = school.home / "cache"
    folder = root / f"panes-{settings}-{_digest(lake.version)}"
    if not folder.exists():
        root.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=root, prefix=_MAKING) as scratch:  # other processes may be making them too
            making = Path(scratch, "panes")
            making.mkdir()
            earlier = _earlier(root, settings, lake)
            sources, spill = _sources(school, lake), Path(scratch, "spill")
            if earlier is None:
                made = build(sources, ids, school.zone, spill=spill)
            else:
                made = brought_up(earlier, ids, touched(lake, ids, earlier), sources, school.zone, spill)
            made.save(making)
            note(making, files_of(lake), ids)
            try:
                making.replace(folder)
            except OSError:
                if not folder.exists():
                    raise
        _sweep(root, folder)
    return Panes.open(folder)


def _earlier(root: Path, settings: str, lake: Lake) -> Earlier | None:
    try:
        return Earlier.of(list(root.glob(f"panes-{settings}-*")), lake)
    except FileNotFoundError:  # another process swept it meanwhile
        return None


def _sweep(root: Path, keep: Path) -> None:
    """Takes away earlier panes, under another name first: what a kill leaves of them is never taken for whole."""
    given_up = (clock.now() - _GIVEN_UP).timestamp()
    killed = [one for one in root.glob(f"{_MAKING}*") if one.stat().st_mtime < given_up]
    for half in (*root.glob(".gone-*"), *killed):
        shutil.rmtree(half, ignore_errors=True)
    for old in root.glob("panes-*"):
        if old != keep:
            with suppress(OSError):  # another process may sweep too
                shutil.rmtree(old.replace(root / f".gone-{old.name}"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _sources(school: School, lake: Lake) -> dict[str, Source]:
    """The tables of a lake as the panes read them."""
    sources: dict[str, Source] = {
        name: paths or with_days(empty(name), school.zone) for name, paths in files_of(lake).items()
    }
    sources["tickets"] = with_promises(lake.read("tickets"), school)
    for name, key in VERSIONED.items():
        if name == "enrolments" or not lake.is_unique(name, key):
            sources[name] = in_force(_versions(lake, name), key)
    return sources


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
        Those that were the newest one known at any cut-off, with `until_day` (missing for the newest of all), and
        `is_later` where any of them had one before it. Of versions known at one moment the one that the lake was given
        last counts.
    """
    several = versions[key].duplicated(keep=False).to_numpy(bool)
    single = versions[~several].assign(until_day=pd.array([pd.NA] * int((~several).sum()), dtype="Int32"))
    if not several.any():
        return single
    ordered = versions[several].sort_values(["known_day", "known_at"], kind="stable")
    until = ordered.groupby(key)["known_day"].shift(-1).astype("Int32")
    kept = (until.isna() | (until > ordered["known_day"])).to_numpy(bool)
    ordered = ordered.assign(until_day=until)[kept]
    return pd.concat([single.assign(is_later=False), ordered.assign(is_later=ordered[key].duplicated())])
