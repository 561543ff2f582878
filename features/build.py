"""The build: panes and enrolments in, one row of features per live enrolment and cut-off out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date
from functools import cache, cached_property, lru_cache

import numpy as np
import pandas as pd

from features import panes as panes_of
from features import peers
from features.catalogue import COMPARED, FEATURES, FOLDED, Feature
from features.clock import date_of, day_number
from features.config import School
from features.enrolments import Enrolments, Facts
from features.errors import BadInput, NotReady
from features.grid import Grid, measures_read
from features.lake import Lake
from features.measures import Workspace
from features.panes import FreshEvents, Pane, Panes
from features.profile import Profile
from features.rows import FeatureVector, KeptRows, Rows

KEYS = ("enrolment_id", "student_id", "course_id", "day", "enough_data")
_TRACES = (
    *("clicks", "submitted", "video_events", "opened", "cancel_asked", "refund_asked", "ratings", "nps_answers"),
    *("classes_attended", "spoken", "written"),
)
"""Measures of which any shows that the student has done something."""
_CELLS = 700_000  # of one array of a grid; bounds the memory of a chunk of enrolments
_FEW = 4  # enrolments up to which each by itself costs less than all in one grid
_KEPT_DAYS, _KEPT_COURSES = 4, 256
_KEPT_ROWS = 200_000  # of courses whose students were asked about one by one: some 160 MB

Progress = Callable[[int, int, str], None]


def snapshot(
    school: School,
    cuts: Sequence[date],
    *,
    students: Sequence[str] | None = None,
    fresh: Mapping[str, pd.DataFrame] | None = None,
    gone: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Features of every live enrolment at each cut-off.

    Args:
        school: whose lake is read.
        cuts: the as-of dates; at each of them everything known before that local midnight is known.
        students: only of these people; who has no live enrolment has no row.
        fresh: checked rows that are not in the lake, by table; with ``students`` only.
        gone: also of enrolments whose student has left before their end; only to show what counting them flatters.
        progress: told (done, all, what) after each chunk.

    Returns:
        (rows, 5 + features): `enrolment_id`, `student_id`, `course_id`, `day` (the cut-off's day number),
        `enough_data`, then the catalogue's features as float64 (NaN is unknown), ordered by day and enrolment.

    Raises:
        NotReady: the lake is empty.
        BadInput: the same cut-off is asked for twice.
    """
    return Snapshots(school, gone=gone).at(cuts, students=students, fresh=fresh, progress=progress)


class Snapshots:
    """A school's features, for one state of its lake: made once, asked often.

    Args:
        school: whose lake is read.
        gone: see `snapshot`.

    Attributes:
        version: the state of the lake that it speaks of.

    Raises:
        NotReady: the lake is empty.
    """

    def __init__(self, school: School, *, gone: bool = False) -> None:
        self._gone = gone
        self._school, self._lake = school, Lake(school.lake, school.zone)
        if self._lake.is_empty:
            raise NotReady("there is no data yet", where=str(school.home), mend="Import some: handrail import --help")
        self.version = self._lake.version
        self._min_days = int(school.config("school")["not_enough_data"]["min_days"])
        self._enrolments = Enrolments(self._lake)
        self._panes = panes_of.of_school(school, self._enrolments.ids)
        self._profile = Profile(school, self._lake, self._enrolments)
        self._facts = lru_cache(_KEPT_DAYS)(self._facts_at)
        self._usual = lru_cache(_KEPT_COURSES)(self._usual_of_course)
        self._kept = KeptRows(_KEPT_ROWS)
        self._fresh = FreshEvents(school)

    def at(
        self,
        cuts: Sequence[date],
        *,
        students: Sequence[str] | None = None,
        fresh: Mapping[str, pd.DataFrame] | None = None,
        progress: Progress | None = None,
    ) -> pd.DataFrame:
        """Features at some cut-offs; see `snapshot`."""
        days = sorted(day_number(cut) for cut in cuts)
        if len(set(days)) < len(days):
            raise BadInput("the same cut-off is asked for twice", where="features")
        if students is None:
            rows = self._fold(days, np.arange(len(self._enrolments.ids)), progress=progress)
            for day in days:
                own = rows.of(day)
                _rank(rows, own, peers.usual(_compared(rows.values[:, own]), rows.mates[own]))
            return self._table(rows)
        return self._table(self._of_students(days, students, fresh))

    def of_student(
        self, student: str, cut: date, fresh: Mapping[str, pd.DataFrame] | None = None
    ) -> list[FeatureVector]:
        """What `at` gives for one student at one cut-off, by enrolment and without a table: for whoever waits for it.

        Args:
            student: whose.
            cut: the cut-off.
            fresh: checked rows of the student's that are not in the lake, by table.
        """
        rows = self._of_students([day_number(cut)], [student], fresh)
        enrolment_id, student_id, course_id = self._names
        return [
            FeatureVector(enrolment_id[at], student_id[version], course_id[version], day, enough, values)
            for at, version, day, enough, values in zip(
                rows.at, rows.version, rows.day.tolist(), rows.enough.tolist(), rows.values.T, strict=True
            )
        ]

    @cached_property
    def _names(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids of enrolments by position, and of students and courses by version."""
        versions = self._enrolments.versions
        by_version = (versions[name].to_numpy("object") for name in ("student_id", "course_id"))
        return self._enrolments.ids.to_numpy("object"), *by_version

    def _of_students(
        self, days: Sequence[int], students: Sequence[str], fresh: Mapping[str, pd.DataFrame] | None
    ) -> Rows:
        positions = self._enrolments.of_students(students)
        rows = self._fold(days, positions, *(self._panes_with(positions, fresh) if fresh else ()))
        for day in days:
            own = rows.of(day)
            courses = set(self._facts(day)["course"][rows.at[own]].tolist())
            _rank(rows, own, {group: known for one in courses for group, known in self._usual(day, one).items()})
        return rows

    def active_days(
        self, students: Sequence[str], cut: date, days: int, fresh: Mapping[str, pd.DataFrame] | None = None
    ) -> dict[str, list[date]]:
        """The days on which students studied, in any of their courses, as known at a cut-off.

        Args:
            students: whose.
            cut: the cut-off; that day is not looked at any more.
            days: how many days before it are.
            fresh: checked rows of theirs that are not in the lake, by table.

        Returns:
            By student, the days in order; who did not study is left out.
        """
        day = day_number(cut)
        positions = self._enrolments.of_students(students)
        owners = self._enrolments.owners(positions)
        found: dict[str, set[int]] = {}
        panes = self._panes_with(positions, fresh)[0].panes if fresh else self._panes.of(positions)
        for pane in panes.values():
            if _STUDY not in pane.measures:
                continue
            seen = (pane.day >= day - days) & (pane.day < day) & (pane.known_day < day) & (pane.measures[_STUDY] > 0)
            for at, one in zip(pane.at[seen].tolist(), pane.day[seen].tolist(), strict=True):
                found.setdefault(owners[at], set()).add(one)
        return {student: [date_of(one) for one in sorted(came)] for student, came in found.items()}

    def _panes_with(self, positions: np.ndarray, fresh: Mapping[str, pd.DataFrame]) -> tuple[Panes, set[str]]:
        """The panes of some enrolments, by their places, with fresh events in them, and the measures they change."""
        kept, ids = self._panes.of(positions), self._names[0][positions].tolist()
        replaced = self._fresh.panes(kept, ids, self._enrolments.owners(positions), fresh)
        changed = {measure for pane in replaced.values() for measure in pane.measures}
        return Panes(len(ids), kept | replaced), changed

    def _facts_at(self, day: int) -> Facts:
        facts = self._enrolments.facts(day)
        if self._gone:
            facts["live"] = facts["known"] & (facts["start_day"] <= day) & (day < facts["end_day"])
        return facts | self._profile.facts(day, facts["version"]) | {"mates": peers.groups(day, facts)}

    def _usual_of_course(self, day: int, course: int) -> peers.Usual:
        """What the mates of a course have at a cut-off, without fresh events."""
        rows = self._fold([day], np.flatnonzero(self._facts(day)["live"] & (self._facts(day)["course"] == course)))
        self._kept.keep(day, course, rows)
        return peers.usual(_compared(rows.values), rows.mates)

    def _fold(
        self,
        days: Sequence[int],
        positions: np.ndarray,
        panes: Panes | None = None,
        changed: Collection[str] = (),
        progress: Progress | None = None,
    ) -> Rows:
        """Folds the panes of some enrolments.

        Args:
            days: the cut-offs.
            positions: the enrolments.
            panes: theirs, by place, where they are not the kept ones.
            changed: the measures that are not the kept ones then.
            progress: see `snapshot`.
        """
        facts = {day: self._facts(day) for day in days}
        # Whoever is live at none of the cut-offs costs nothing.
        asked = np.any([facts[day]["live"][positions] for day in days], axis=0) if days else []
        wanted, places = positions[asked], np.flatnonzero(asked)
        live = {day: positions[facts[day]["live"][positions]] for day in days}
        size = sum(map(len, live.values()))
        rows = Rows(
            at=np.concatenate([live[day] for day in days]),
            day=np.repeat(days, [len(live[day]) for day in days]),
            version=np.concatenate([facts[day]["version"][live[day]] for day in days]),
            mates=np.concatenate([facts[day]["mates"][live[day]] for day in days]),
            enough=np.zeros(size, dtype=bool),
            values=np.empty((len(FEATURES), size)),
        )
        width = max(days[-1] - (days[-1] if self._panes.first_day is None else self._panes.first_day), 1)
        step = 1 if len(wanted) <= _FEW else max(_CELLS // width, 1)
        space = Workspace()
        for start in range(0, len(wanted), step):
            chunk, own = wanted[start : start + step], places[start : start + step]
            folded = _EVERY
            if step == 1 and self._recall(rows, int(chunk[0]), facts):
                folded = [(i, feature) for i, feature in _EVERY if not _read(i).isdisjoint(changed)]
            if folded:
                theirs = self._panes.of(chunk) if panes is None else panes.of(own)
                self._fold_chunk(rows, theirs, chunk, facts, folded, space)
            if progress:
                progress(min(start + step, len(wanted)), len(wanted), "features")
        return rows

    def _fold_chunk(
        self,
        rows: Rows,
        panes: Mapping[str, Pane],
        chunk: np.ndarray,
        facts: Mapping[int, Facts],
        folded: Sequence[tuple[int, Feature]],
        space: Workspace,
    ) -> None:
        """Fills the rows of some enrolments, given in ascending order: at each cut-off they lie side by side."""
        days = [day for day, known in facts.items() if known["live"][chunk].any()]
        if not days:
            return
        grid = Grid(panes, len(chunk), days, space)
        which = int(chunk[0]) if len(chunk) == 1 else chunk  # of one enrolment a grid has numbers
        for day in days:
            own = {name: values[which] for name, values in facts[day].items()}
            live = np.flatnonzero(own["live"])
            first = rows.place(day, chunk[live[0]])
            place = slice(first, first + len(live))
            grid.seek(day, own)
            traces = sum(grid.total(measure) for measure in _TRACES)
            rows.enough[place] = np.atleast_1d((day - own["start_day"] >= self._min_days) & (traces > 0))[live]
            with np.errstate(divide="ignore", invalid="ignore"):
                for i, feature in folded:
                    found = feature.fold(grid)  # type: ignore[misc]
                    rows.values[i, place] = found[live] if len(chunk) > 1 else found

    def _recall(self, rows: Rows, position: int, facts: Mapping[int, Facts]) -> bool:
        """Fills the rows of an enrolment with what its courses' rows have; False where one of them is not kept."""
        for day, known in facts.items():
            if known["live"][position]:
                kept = self._kept.of(day, int(known["course"][position]))
                if kept is None:
                    return False
                to, place = rows.place(day, position), kept.place(day, position)
                rows.values[:, to], rows.enough[to] = kept.values[:, place], kept.enough[place]
        return True

    def _table(self, rows: Rows) -> pd.DataFrame:
        table = pd.DataFrame(rows.values.T, columns=list(FEATURES), copy=False)
        keys = {
            "enrolment_id": self._enrolments.ids.array.take(rows.at),
            "student_id": self._enrolments.text("student_id", rows.version),
            "course_id": self._enrolments.text("course_id", rows.version),
            "day": rows.day.astype("int64"),
            "enough_data": rows.enough,
        }
        return pd.concat([pd.DataFrame(keys), table], axis=1)


_STUDY = "clicks"  # the measure that says that a student came
_EVERY = list(enumerate(FOLDED))

_COMPARED = [list(FEATURES).index(name) for name in COMPARED]


@cache
def _read(folded: int) -> frozenset[str]:
    """The measures that a folded feature reads: while they are the same, so is its value."""
    return measures_read(FOLDED[folded].fold)  # type: ignore[arg-type]


def _compared(values: np.ndarray) -> list[np.ndarray]:
    return [values[i] for i in _COMPARED]


def _rank(rows: Rows, own: slice, among: peers.Usual) -> None:
    """Fills the ranks of some rows, which come after the folded features, in the order of `COMPARED`."""
    found = peers.ranks(_compared(rows.values[:, own]), rows.mates[own], among)
    for i, ranked in enumerate(found, len(FOLDED)):
        rows.values[i, own] = ranked
