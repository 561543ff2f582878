"""Panes that are brought up from import to import are those that are built from nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.config import School
from features.contracts import TABLES
from features.enrolments import Enrolments
from features.lake import Lake
from features.panes import Panes, of_school
from tests.features.kinds import OF_A_PERSON
from tests.features.random_schools import Made, busy_parts
from tests.features.small_school import MOSCOW, Rows, SmallSchool, empty, put
from tests.thorough import examples


def panes_of(school: School) -> Panes:
    return of_school(school, Enrolments(Lake(school.lake, school.zone)).ids)


def kept(school: School) -> Path:
    [folder] = (school.home / "cache").iterdir()
    return folder


def tell(school: School, number: int, rows: Rows) -> None:
    with Lake(school.lake, school.zone).adding("test", str(number)) as batch:
        put(batch, {table: found for table, found in rows.items() if found})


def bytes_of(panes: Panes) -> dict[str, bytes]:
    found = {}
    for name, pane in panes.panes.items():
        for key, values in {"at": pane.at, "day": pane.day, "known": pane.known_day, **pane.measures}.items():
            found[f"{name} {key} {values.dtype}"] = values.tobytes()
    return found


def from_nothing(school: School) -> Panes:
    shutil.rmtree(school.home / "cache")
    return panes_of(school)


def same_as_from_nothing(school: School) -> None:
    brought_up = bytes_of(panes_of(school))
    expected = bytes_of(from_nothing(school))
    assert brought_up.keys() == expected.keys()
    assert not [name for name in expected if brought_up[name] != expected[name]]


def with_other_names(rows: Rows, chance: Random) -> Rows:
    """The rows with some people under a name that is known to be theirs only later; its rows are anywhere too."""
    people = sorted({row["student_id"] for row in rows["enrolments"]})
    for table in (*OF_A_PERSON, "enrolments"):
        rows[table] = [
            row | {"student_id": f"zendesk:{row['student_id']}"} if chance.random() < 0.3 else row
            for row in rows[table]
        ]
    known = [row["known_at"] for row in rows["activity"]]
    named = [{"alias": f"zendesk:{one}", "student_id": one, "known_at": chance.choice(known)} for one in people]
    return rows | {"identities": named}


def imports(seed: int) -> list[Rows]:
    """The rows of a busy school in imports of any order: the plans and most of the rest in the first."""
    chance = Random(seed)
    rows = with_other_names(Made(MOSCOW, busy_parts(seed)).rows, chance)
    found: list[Rows] = [{} for _ in range(4)]
    for table, told in rows.items():
        for row in told:
            number = 0 if table == "assignments" else chance.choice([0] * 12 + [1, 2, 3])
            found[number].setdefault(table, []).append(row)
    return found


@pytest.mark.parametrize("seed", range(examples(3)))
def test_after_every_import_they_are_those_of_a_build_from_nothing(tmp_path, seed):
    school = empty(tmp_path / "home", MOSCOW)
    for number, rows in enumerate(imports(seed)):
        tell(school, number, rows)
        before = bytes_of(panes_of(school))
    assert bytes_of(from_nothing(school)) == before


@pytest.fixture
def told(tmp_path) -> School:
    """Three students of whom much is known, with panes of it."""
    made = SmallSchool()
    made.add("courses", course_id="c", starts_at="2026-02-16", known_at="2026-02-01")
    made.add("assignments", assignment_id="a", course_id="c", due_at="2026-03-16", known_at="2026-02-01")
    for name in ("ann", "bob", "cat"):
        made.enrol(name, "2026-02-02")
        made.add("activity", "2026-03-02T12:00", enrolment_id=name, kind="login", quantity=3)
        made.add("activity", "2026-03-02T13:00", enrolment_id=name, kind="lesson_completed", object_id="l1")
        made.add("ratings", "2026-03-02T13:00", student_id=name, value=2)
        made.add("submissions", "2026-03-03T13:00", enrolment_id=name, assignment_id="a", score=50)
    school = made.write(tmp_path / "home")
    panes_of(school)
    return school


def falsify(school: School) -> None:
    """Changes what is kept of everybody: who is worked out anew is right again."""
    for name in ("activity.m-clicks", "lessons.m-lessons_done", "ratings.m-ratings", "submitted.m-submitted"):
        path = kept(school) / f"{name}.npy"
        np.save(path, np.load(path) + 100)


def totals(school: School) -> pd.DataFrame:
    """Sums by measure and enrolment."""
    ids, panes = Enrolments(Lake(school.lake, school.zone)).ids, panes_of(school).panes
    chosen = {"clicks": "activity", "lessons_done": "lessons", "ratings": "ratings", "submitted": "submitted"}
    sums = {m: np.bincount(panes[p].at, panes[p].measures[m], len(ids)).astype(int) for m, p in chosen.items()}
    return pd.DataFrame(sums, index=list(ids))


def news(school: School, number: int, table: str, at: str, **row: Any) -> None:
    more = SmallSchool()
    more.add(table, at, **row)
    tell(school, number, more.rows)


NEWS = {
    "a click adds to the sum": ("activity", {"enrolment_id": "bob", "kind": "login"}, [105, 101, 101, 101]),
    "a lesson": (
        "activity",
        {"enrolment_id": "bob", "kind": "lesson_completed", "object_id": "l2"},
        [105, 2, 1, 1],
    ),
    "a person's fact": ("ratings", {"student_id": "bob", "value": 5}, [104, 1, 2, 1]),
    "homework": ("submissions", {"enrolment_id": "bob", "assignment_id": "a"}, [104, 1, 1, 2]),
    "what no pane is made of": ("outcomes", {"enrolment_id": "bob", "kind": "refund"}, [104, 101, 101, 101]),
}


@pytest.mark.parametrize("what", NEWS)
def test_only_who_has_news_is_worked_out_anew(told, what):
    falsify(told)
    table, row, bob = NEWS[what]
    key = TABLES[table].key[0]
    news(told, 2, table, "2026-03-05T12:00", **{key: "new"}, **row)
    found = totals(told)
    assert found.loc["bob"].tolist() == bob
    assert found.loc[["ann", "cat"]].to_numpy().tolist() == [[104, 101, 101, 101]] * 2


def test_another_deadline_is_everybodys(told):
    falsify(told)
    more = SmallSchool()
    more.add("assignments", assignment_id="a", course_id="c", due_at="2026-03-20", known_at="2026-03-05")
    tell(told, 2, more.rows)
    assert totals(told).to_numpy().tolist() == [[4, 1, 1, 1]] * 3


def test_what_was_done_before_the_enrolment_was_known_counts(told):
    for number, table in enumerate(("activity", "videos", "live"), 2):
        how = {"activity": {"kind": "login"}, "videos": {"video_id": "v", "kind": "opened"}}
        how["live"] = {"class_id": "k", "kind": "spoke"}
        news(told, number, table, "2026-03-04T12:00", event_id="new", **how[table], enrolment_id="a-new-one")
    panes_of(told)
    more = SmallSchool()
    more.enrol("a-new-one", "2026-03-01", student="ann")
    tell(told, 5, more.rows)
    assert totals(told).loc["a-new-one"].tolist() == [1, 0, 1, 0]  # a rating of Ann's is one of each of her courses
    same_as_from_nothing(told)


def test_a_name_learned_later_takes_its_facts_along(told):
    news(told, 2, "ratings", "2026-03-04T12:00", event_id="r-new", student_id="zendesk:1", value=1)
    panes_of(told)
    more = SmallSchool()
    more.add("identities", alias="zendesk:1", student_id="ann", known_at="2026-03-08")
    tell(told, 3, more.rows)
    assert totals(told)["ratings"].tolist() == [2, 1, 1]
    same_as_from_nothing(told)


def test_work_that_turns_out_to_be_of_somebody_else_is_no_longer_the_firsts(told):
    row = {"submission_id": "submissions-000", "assignment_id": "a", "score": 70}
    news(told, 2, "submissions", "2026-03-03T13:00", known="2026-03-09T10:00", enrolment_id="bob", **row)
    same_as_from_nothing(told)


def test_another_file_in_the_place_of_one_is_noticed(told):
    falsify(told)
    [path] = Lake(told.lake, told.zone).paths("ratings")
    pd.read_parquet(path).iloc[:2].to_parquet(path)
    news(told, 2, "activity", "2026-03-05T12:00", event_id="new", enrolment_id="bob", kind="login")
    assert totals(told).to_numpy().tolist() == [[4, 1, 1, 1], [5, 1, 1, 1], [4, 1, 0, 1]]


def test_what_a_killed_sweep_left_is_swept_and_never_begun_with(told):
    half = kept(told)
    half.rename(half.with_name(f".gone-{half.name}"))
    news(told, 2, "activity", "2026-03-05T12:00", event_id="new", enrolment_id="bob", kind="login")
    assert totals(told)["clicks"].tolist() == [4, 5, 4]
    assert [path.name for path in (told.home / "cache").iterdir()] == [kept(told).name]


def test_a_lake_that_is_deleted_and_imported_again_has_the_same_panes(tmp_path):
    school = empty(tmp_path / "home", MOSCOW)
    found = []
    for _ in range(2):
        shutil.rmtree(school.lake, ignore_errors=True)
        for number, name in enumerate(("ann", "bob")):
            one = SmallSchool()
            one.enrol(name, "2026-02-02")
            one.add("activity", "2026-03-02T12:00", event_id=name, enrolment_id=name, kind="login")
            tell(school, number, one.rows)
            last = panes_of(school)
        found.append(bytes_of(last))
    assert found[0] == found[1]
