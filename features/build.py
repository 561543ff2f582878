"""The build: panes and enrolments in, one row of features per live enrolment and cut-off out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd

from features import panes as panes_of
from features.catalogue import FEATURES
from features.clock import day_number
from features.config import School
from features.enrolments import Enrolments
from features.errors import BadInput, NotReady
from features.grid import Grid
from features.lake import Lake

KEYS = ("enrolment_id", "student_id", "course_id", "day", "enough_data")
_TRACES = ("clicks", "submitted", "video_events", "opened", "cancel_asked", "refund_asked", "ratings")
_CELLS = 3_000_000  # of one dense array; bounds the memory of a chunk of enrolments

Progress = Callable[[int, int, str], None]


def snapshot(
    school: School,
    cuts: Sequence[date],
    *,
    students: Sequence[str] | None = None,
    fresh: Mapping[str, pd.DataFrame] | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Features of every live enrolment at each cut-off.

    Args:
        school: whose lake is read.
        cuts: the as-of dates; at each of them everything known before that local midnight is known.
        students: only of these people; who has no live enrolment has no row.
        fresh: checked rows that are not in the lake, by table; with ``students`` only.
        progress: told (done, all, what) after each chunk.

    Returns:
        (rows, 5 + features): `enrolment_id`, `student_id`, `course_id`, `day` (the cut-off's day number),
        `enough_data`, then the catalogue's features as float64 (NaN is unknown), ordered by day and enrolment.

    Raises:
        NotReady: the lake is empty.
        BadInput: the same cut-off is asked for twice.
    """
    lake = Lake(school.lake, school.zone)
    if lake.is_empty:
        raise NotReady("there is no data yet", where=str(school.home), mend="Import some: handrail import --help")
    days = sorted(day_number(cut) for cut in cuts)
    if len(set(days)) < len(days):
        raise BadInput("the same cut-off is asked for twice", where="features")
    people = None if students is None else list(students)
    enrolments = Enrolments(lake, people)
    panes = panes_of.of_school(school, students=people, fresh=fresh)
    min_days = int(school.config("school")["not_enough_data"]["min_days"])
    return fold(enrolments, panes, days, min_days=min_days, progress=progress)


def fold(
    enrolments: Enrolments,
    panes: Mapping[str, pd.DataFrame],
    days: Sequence[int],
    *,
    min_days: int,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Folds panes into features; see `snapshot`.

    Args:
        panes: per family, rows with `enrolment_id`, `day`, `known_day` and measures.
        days: cut-offs in ascending order, day numbers.
        min_days: an enrolment younger than this has not enough data.
    """
    facts = {day: enrolments.at(day) for day in days}
    live = {day: known.index[known["live"]] for day, known in facts.items()}
    wanted = pd.Index(sorted(set().union(*live.values())), name="enrolment_id")
    first = facts[days[-1]]["start_day"].reindex(wanted).to_numpy()
    # Neighbours in time share a chunk, so that its arrays are no wider than they have to be.
    order = wanted[np.argsort(first, kind="stable")]
    sliced = {family: _by_position(pane, order) for family, pane in panes.items()}
    width = max(days[-1] - min((int(p["day"].min()) for p in panes.values() if len(p)), default=days[-1]), 1)
    size = max(_CELLS // width, 1)
    parts: list[pd.DataFrame] = []
    for start in range(0, len(order), size):
        chunk = order[start : start + size]
        own = {family: _slice(pane, start, start + len(chunk)) for family, pane in sliced.items()}
        grid = Grid(pd.DataFrame(index=chunk), own, days[0], days[-1])
        for day in days:
            rows = np.flatnonzero(chunk.isin(live[day]))
            if len(rows):
                parts.append(_at(grid.seek(day, rows, facts[day].loc[chunk[rows]]), min_days))
        if progress:
            progress(min(start + size, len(order)), len(order), "features")
    columns = [*KEYS, *FEATURES]
    if not parts:
        types = dict.fromkeys(KEYS[:3], "str") | {"day": "int64", "enough_data": "bool"}
        return pd.DataFrame({name: pd.Series(dtype=types.get(name, "float64")) for name in columns})
    table = pd.concat(parts, ignore_index=True).sort_values(["day", "enrolment_id"], kind="stable", ignore_index=True)
    if len(table) != sum(len(ids) for ids in live.values()):
        raise AssertionError("rows in must be rows out: an enrolment was lost or doubled")
    return table[columns]


def _at(grid: Grid, min_days: int) -> pd.DataFrame:
    facts = grid.facts
    traces = sum(grid.total(measure) for measure in _TRACES)
    enough = (grid.day - facts["start_day"].to_numpy() >= min_days) & (traces > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        values = {name: np.asarray(feature.fold(grid), dtype="float64") for name, feature in FEATURES.items()}
    keys = {
        "enrolment_id": facts.index.to_numpy(),
        "student_id": facts["student_id"].to_numpy(),
        "course_id": facts["course_id"].to_numpy(),
        "day": np.full(len(facts), grid.day),
        "enough_data": enough,
    }
    return pd.DataFrame({**keys, **values})


def _by_position(pane: pd.DataFrame, order: pd.Index) -> pd.DataFrame:
    at = order.get_indexer(pd.Index(pane["enrolment_id"]))
    kept = pane.drop(columns="enrolment_id")[at >= 0]
    kept.insert(0, "at", at[at >= 0])
    return kept.sort_values("at", kind="stable")


def _slice(pane: pd.DataFrame, start: int, end: int) -> pd.DataFrame:
    low, high = np.searchsorted(pane["at"].to_numpy(), [start, end])
    own = pane.iloc[low:high]
    return own.assign(at=own["at"] - start)
