"""What is known later changes nothing now; the order in which facts are told changes nothing ever."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from features.build import KEYS, snapshot
from features.clock import day_number, day_start
from features.config import School
from features.errors import NotReady
from features.labels import LABELS, label
from features.lake import Lake
from tests.features.kinds import KINDS, OF_A_PERSON
from tests.features.small_school import MOSCOW, Rows, SmallSchool, empty, live_rows, put, written
from tests.thorough import examples

TODAY = date(2026, 3, 15)
CUTS = [TODAY - timedelta(days=days) for days in (12, 4, 0)]
ENROLMENTS = ["e0", "e1", "e2", "e3", "e4", "e5", "own"]
"""Six of one course, enough to be compared with each other; `own` is another one of the last student's."""

WHO = st.integers(0, len(ENROLMENTS) - 1)
DAY = st.sampled_from([-13, -12, -5, -4, -1, 0]) | st.integers(-45, 20)
"""Days after today; often the days before and after a cut-off."""
MINUTE = st.sampled_from([0, 1, 9 * 60, 12 * 60, 20 * 60, 23 * 60 + 59])
LATER = st.sampled_from([0, 0, 0, 1, 90, 24 * 60, 5 * 24 * 60, 20 * 24 * 60])
"""Minutes until it is known."""
CALLED = st.sampled_from(["enrolment", "student", "alias"])
"""By which name a fact of a person says whose it is."""
FACT = st.tuples(st.integers(0, len(KINDS) - 1), WHO, CALLED, DAY, MINUTE, LATER)
CHANGE = st.tuples(
    st.sampled_from(["course", "enrolment", "assignment", "touch", "student", "identity"]),
    WHO,
    st.integers(-20, 30),
    DAY,
)
"""What becomes otherwise: of what, by how much, and when that is known."""


class Drawn:
    """A school as it was drawn; a fact has its id from its place in the drawing, wherever it is told."""

    def __init__(self, facts: list[tuple], changes: list[tuple]) -> None:
        self.school = SmallSchool(MOSCOW)
        self._base()
        for fact in facts:
            self._fact(*fact)
        for place, change in enumerate(changes):
            self._change(place, *change)

    @property
    def rows(self) -> Rows:
        return self.school.rows

    def at(self, days: int, minutes: float = 0) -> Any:
        return day_start(TODAY + timedelta(days=days), MOSCOW) + timedelta(minutes=minutes)

    def student(self, who: int) -> str:
        return f"s{min(who, 5)}"

    def _base(self) -> None:
        long_ago = self.at(-70)
        add = self.school.add
        add("courses", course_id="c", starts_at=self.at(-50), ends_at=self.at(25), known=long_ago)
        add("courses", course_id="own pace", lessons=3, known=long_ago)
        for place, days in enumerate((-30, -8, 6)):
            add("assignments", assignment_id=f"a{place}", course_id="c", due_at=self.at(days, 1439), known=long_ago)
        for who in range(3):
            add("students", student_id=self.student(who), gender="f", age_band=f"{who}0-{who}9", known=long_ago)
        for who, name in enumerate(ENROLMENTS):
            course = "own pace" if name == "own" else "c"
            self.school.enrol(name, self.at(-60, who), student=self.student(who), course=course)
            add("touches", self.at(-20), touch_id=f"letter {who}", student_id=self.student(who), channel="email")

    def _fact(self, kind: int, who: int, called: str, day: int, minute: int, later: int) -> None:
        table, row, _ = KINDS[kind]
        happened, known = self.at(day, minute), self.at(day, minute + later)
        if table in OF_A_PERSON:
            row = row | {"student_id": f"crm-{self.student(who)}" if called == "alias" else self.student(who)}
        if table not in OF_A_PERSON or called == "enrolment":
            row = row | {"enrolment_id": ENROLMENTS[who]}
        if table == "tickets":
            row = row | {"ticket_id": f"{row['student_id']} {kind % 2}"}
        if table == "submissions":
            row = row | {"assignment_id": f"a{day % 3}", "score_known_at": known + timedelta(minutes=2 * later)}
        self.school.add(table, happened, known, **row)

    def _change(self, place: int, what: str, who: int, by: int, day: int) -> None:
        known = self.at(day, 600 + place)
        add = self.school.add
        if what == "course":
            ends, lessons = self.at(25 + by, place), (None, None, 5)[by % 3]
            add("courses", course_id="c", starts_at=self.at(-50), ends_at=ends, lessons=lessons, known=known)
        elif what == "enrolment":
            row = {"student": self.student(who), "starts_at": self.at(-52 + by % 9, place), "ends_at": None}
            course = ("c", "own pace")[by % 2]
            self.school.enrol(ENROLMENTS[who], self.at(-60, who), known=known, course=course, **row)
        elif what == "assignment":
            due = self.at(by, 1439 - place)
            add("assignments", assignment_id=f"a{who % 3}", course_id="c", due_at=due, known=known)
        elif what == "touch":
            row = {"touch_id": f"letter {who}", "student_id": self.student(who), "channel": "email"}
            status = ("opened", "answered", "failed")[by % 3]
            add("touches", self.at(-20), max(known, self.at(-19, place)), **row, status=status, action=f"a{place}")
        elif what == "student":
            row = {"gender": "mfx"[by % 3], "region": f"r{by % 2}", "disability": ("yes", None)[by % 2]}
            row |= {"acquisition_channel": f"a{by % 4}", "display_name": f"name {place}", "is_minor": by % 2 == 0}
            add("students", student_id=self.student(who), **row, known=known)
        elif f"crm-{self.student(who)}" not in {row["alias"] for row in self.rows.get("identities", [])}:
            add("identities", alias=f"crm-{self.student(who)}", student_id=self.student(who), known=known)


DRAWN = st.builds(Drawn, st.lists(FACT, min_size=30, max_size=70), st.lists(CHANGE, min_size=2, max_size=9))
drawing = settings(
    max_examples=examples(3), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def known_before(rows: Rows, cut: date) -> Rows:
    kept = {table: [row for row in found if row["known_at"] < day_start(cut, MOSCOW)] for table, found in rows.items()}
    return {table: found for table, found in kept.items() if found}


def same_bytes(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_exact=True)  # says where
    names = [name for name in one.columns if name not in KEYS]
    assert np.ascontiguousarray(one[names]).tobytes() == np.ascontiguousarray(other[names]).tobytes()


def answers(school: School, until: date, names: Iterable[str] = LABELS) -> pd.DataFrame:
    """Labels of every live enrolment at the cut-offs up to a day, asked on that day."""
    rows = live_rows(school, [cut for cut in CUTS if cut <= until])
    return rows.assign(**{name: label(school, rows, LABELS[name], day_number(until)) for name in names})


def told_in_pieces(home: Path, rows: Rows, random: Random) -> School:
    """The same rows in any order, in three imports, some of them told again."""
    school = empty(home, MOSCOW)
    told = [(table, row) for table, found in rows.items() for row in found]
    random.shuffle(told)
    told += random.sample(told, len(told) // 4)
    ends = sorted(random.sample(range(1, len(told)), 2))
    for number, (start, end) in enumerate(zip([0, *ends], [*ends, len(told)], strict=True)):
        piece: Rows = {}
        for table, row in told[start:end]:
            piece.setdefault(table, []).append(row)
        with Lake(school.lake, MOSCOW).adding("test", str(number)) as batch:
            put(batch, piece)
    return school


def digests(folder: Path) -> dict[str, str]:
    files = sorted(folder.rglob("*.parquet"))
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


@drawing
@given(DRAWN, st.sampled_from(CUTS))
def test_what_is_known_later_changes_nothing_now(drawn, cut):
    """Events of every table and new versions of every entity, for the school, for one student, and for the labels."""
    with tempfile.TemporaryDirectory() as folder:
        later = written(Path(folder) / "later", drawn.rows, MOSCOW)
        then = written(Path(folder) / "then", known_before(drawn.rows, cut), MOSCOW)
        asked = [one for one in CUTS if one <= cut]
        expected = snapshot(then, asked)
        found = snapshot(later, CUTS)
        same_bytes(found[found["day"] <= day_number(cut)].reset_index(drop=True), expected)
        students = [drawn.student(1), drawn.student(5)]
        own = expected[expected["student_id"].isin(students)].reset_index(drop=True)
        same_bytes(snapshot(later, asked, students=students), own)
        pd.testing.assert_frame_equal(answers(later, cut), answers(then, cut), check_exact=True)


@settings(drawing, max_examples=examples(2))
@given(DRAWN, st.randoms(use_true_random=False))
def test_facts_in_any_order_any_imports_and_told_twice_are_the_same_facts(drawn, random):
    with tempfile.TemporaryDirectory() as folder:
        school = written(Path(folder) / "at once", drawn.rows, MOSCOW)
        pieces = told_in_pieces(Path(folder) / "in pieces", drawn.rows, random)
        same_bytes(snapshot(pieces, CUTS), snapshot(school, CUTS))
        of_many_facts = ("nonrenewal", "payment_failure")
        found, expected = (answers(one, TODAY, of_many_facts) for one in (pieces, school))
        pd.testing.assert_frame_equal(found, expected, check_exact=True)
        before = Lake(pieces.lake, MOSCOW).version
        with Lake(pieces.lake, MOSCOW).adding("test", "again") as batch:
            put(batch, drawn.rows)
        assert not sum(batch.report.kept.values())
        assert Lake(pieces.lake, MOSCOW).version == before


@settings(drawing, max_examples=1)
@given(DRAWN, st.randoms(use_true_random=False))
def test_a_lake_that_is_deleted_and_imported_again_is_the_same_to_the_byte(drawn, random):
    with tempfile.TemporaryDirectory() as folder:
        home, state = Path(folder) / "home", random.getstate()
        found = []
        for _ in range(2):
            shutil.rmtree(home, ignore_errors=True)
            random.setstate(state)
            school = told_in_pieces(home, drawn.rows, random)
            table = snapshot(school, CUTS)
            table.to_parquet(home / "features.parquet")
            found.append(digests(home))
        assert found[0] == found[1]
        assert {Path(name).name.split("-")[0] for name in found[0]} >= {"features.parquet", "enrolments", "touches"}


def test_an_empty_lake_says_what_to_do(tmp_path):
    with pytest.raises(NotReady, match="handrail import"):
        snapshot(School(tmp_path), [TODAY])
