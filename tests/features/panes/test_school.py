"""The panes of a school are kept once for each state of its lake and its promises, and do not depend on any order."""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.build import snapshot
from features.config import School
from features.enrolments import Enrolments
from features.errors import BadConfig
from features.lake import Lake
from features.panes import Panes, of_school
from features.panes.queries import PANES
from features.panes.school import in_force
from tests.features.kinds import KINDS, OF_A_PERSON
from tests.features.small_school import SmallSchool, empty, put

CUT = date(2026, 3, 30)
NEWER = {
    "courses": ["hours"],
    "videos": ["speed"],
    "payments": ["expires_at", "discount_minor", "expires_day"],
    "touches": ["by"],
}
"""Columns that lakes of earlier releases lack."""


@pytest.fixture
def made() -> SmallSchool:
    """Two students to whom something of every kind has happened."""
    school = SmallSchool()
    school.add("courses", course_id="c", starts_at="2026-02-16", known_at="2026-02-01", lessons=4, hours=20)
    school.add("assignments", assignment_id="a", course_id="c", due_at="2026-03-16", known_at="2026-02-01")
    for name in ("ann", "bob"):
        school.enrol(name, "2026-02-02")
        for number, kind in enumerate(kind for kind in KINDS if kind.table != "outcomes"):
            who = {"student_id": name} if kind.table in OF_A_PERSON else {"enrolment_id": name}
            school.add(kind.table, f"2026-03-{1 + number % 20:02d}T11:00", **who, **kind.row)
    touch = school.rows["touches"][0]
    school.rows["touches"].append(touch | {"status": "answered", "known_at": school.at("2026-03-25")})
    return school


def panes_of(school: School) -> Panes:
    return of_school(school, Enrolments(Lake(school.lake, school.zone)).ids)


def kept(school: School) -> Path:
    [folder] = (school.home / "cache").glob("panes-*")
    return folder


def content(school: School) -> dict[str, bytes]:
    """The panes; `files.json` says beside them what they were made of."""
    panes_of(school)
    return {path.name: path.read_bytes() for path in kept(school).iterdir() if path.name != "files.json"}


def test_panes_are_built_once_for_a_state(made, tmp_path):
    school = made.write(tmp_path / "home")
    first = panes_of(school)
    assert set(first.panes) == set(PANES)
    before = {path: path.stat().st_mtime_ns for path in kept(school).iterdir()}
    again = panes_of(school)
    assert {path: path.stat().st_mtime_ns for path in kept(school).iterdir()} == before
    assert again.size == first.size == 2


def test_an_import_makes_them_anew_and_the_old_ones_go(made, tmp_path):
    school = made.write(tmp_path / "home")
    before = panes_of(school).panes["activity"].measures["clicks"].sum()
    old = kept(school)
    more = SmallSchool()
    more.add("activity", "2026-03-28T12:00", event_id="more", enrolment_id="ann", kind="login", quantity=5)
    with Lake(school.lake, school.zone).adding("test", "2") as batch:
        put(batch, more.rows)
    assert panes_of(school).panes["activity"].measures["clicks"].sum() == before + 5
    assert kept(school) != old


def settle(school: School, text: str) -> None:
    (school.home / "configs" / "school.toml").write_text(f'time_zone = "{school.zone}"\n{text}', "utf-8")


def test_other_promises_make_them_anew_and_other_settings_do_not(made, tmp_path):
    school = made.write(tmp_path / "home")

    def broken() -> int:
        return int(panes_of(school).panes["late_resolutions"].measures["resolve_by_broken"].sum())

    before = broken()
    old = kept(school)
    settle(school, "[bands]\nhigh = 0.2\n")
    assert (broken(), kept(school)) == (before, old)
    settle(school, "[support.sla]\n" + "".join(f"P{n} = {{ respond = 900, resolve = 9000 }}\n" for n in (1, 2, 3)))
    assert broken() < before
    assert kept(school) != old


def test_what_a_killed_build_left_is_no_obstacle_and_goes_when_it_is_old(made, tmp_path):
    school = made.write(tmp_path / "home")
    expected = content(school)
    cache = school.home / "cache"
    for name in (".making-old", ".making-now"):
        (cache / name / "panes").mkdir(parents=True)
        (cache / name / "panes" / "panes.json").write_text("half", "utf-8")
    os.utime(cache / ".making-old", (0, 0))
    shutil.rmtree(kept(school))
    assert content(school) == expected
    assert sorted(path.name for path in cache.iterdir()) == [".making-now", kept(school).name]


def test_several_processes_may_make_them_at_once(made, tmp_path):
    school = made.write(tmp_path / "home")
    expected, table = content(school), snapshot(school, [CUT])
    shutil.rmtree(school.home / "cache")
    with ProcessPoolExecutor(3, get_context("spawn")) as pool:
        for found in [pool.submit(snapshot, school, [CUT]) for _ in range(3)]:
            pd.testing.assert_frame_equal(found.result(), table)
    assert content(school) == expected
    assert [path.name for path in (school.home / "cache").iterdir()] == [kept(school).name]


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_the_bytes_are_the_same_in_whatever_order_files_come(made, tmp_path, order):
    school = empty(tmp_path / "home", made.zone)
    for number in order:
        with Lake(school.lake, school.zone).adding("test", str(number)) as batch:
            put(batch, {table: rows[number::3] for table, rows in made.rows.items() if rows[number::3]})
    assert content(school) == content(made.write(tmp_path / "other"))


def test_a_lake_without_newer_columns_still_works(made, tmp_path):
    new, old = made.write(tmp_path / "new"), made.write(tmp_path / "old")
    for table, columns in NEWER.items():
        for path in Lake(old.lake, old.zone).paths(table):
            pq.write_table(pq.read_table(path).drop_columns(columns), path)
    rows = [snapshot(school, [CUT]).set_index("enrolment_id") for school in (new, old)]
    lost = {"hours_left", "video_speed_28d", "card_expires_in_days"}
    assert all(rows[0][name].notna().all() and rows[1][name].isna().all() for name in lost)
    assert (rows[0]["discount_share"] > 0).all()
    assert (rows[1]["discount_share"] == 0).all()
    rest = [frame.drop(columns=[*lost, "discount_share", "days_since_personal_contact"]) for frame in rows]
    pd.testing.assert_frame_equal(*rest)


def test_a_lake_without_most_of_the_tables_still_works(tmp_path):
    made = SmallSchool()
    made.enrol("ann", "2026-03-02")
    school = made.write(tmp_path / "home")
    assert panes_of(school).first_day is None
    row = snapshot(school, [CUT]).iloc[0]
    assert (row["days_without_login"], row["tickets_open_now"]) == (28, 0)


def versions(*rows: tuple[str, int, int, str]) -> pd.DataFrame:
    """Versions (key, day and hour of knowing, content)."""
    frame = pd.DataFrame(rows, columns=["key", "known_day", "hour", "is"])
    since = pd.to_timedelta(frame["known_day"], unit="D") + pd.to_timedelta(frame.pop("hour"), unit="h")
    return frame.assign(known_at=pd.Timestamp("2026-01-01") + since)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([("a", 1, 0, "x"), ("b", 2, 0, "y")], {"x": None, "y": None}),
        ([("a", 1, 0, "old"), ("a", 5, 0, "new")], {"old": 5, "new": None}),
        ([("a", 5, 0, "new"), ("a", 1, 0, "old")], {"old": 5, "new": None}),  # told in another order
        ([("a", 1, 3, "noon"), ("a", 1, 9, "evening")], {"evening": None}),  # nobody could see the first
        ([("a", 1, 9, "evening"), ("a", 1, 3, "noon")], {"evening": None}),
        ([("a", 1, 3, "first"), ("a", 1, 3, "told last")], {"told last": None}),
        ([("a", 1, 0, "1"), ("a", 4, 0, "2"), ("a", 4, 1, "3"), ("b", 2, 0, "4")], {"1": 4, "3": None, "4": None}),
    ],
)
def test_a_version_is_in_force_until_the_day_on_which_another_is_known(rows, expected):
    found = in_force(versions(*rows), "key")
    until = found["until_day"].astype("object").where(found["until_day"].notna(), None)
    assert dict(zip(found["is"], until, strict=True)) == expected


def test_panes_hold_whole_numbers_in_the_order_of_the_enrolments(made, tmp_path):
    for pane in panes_of(made.write(tmp_path / "home")).panes.values():
        assert {column.dtype.kind for column in (pane.at, pane.day, pane.known_day, *pane.measures.values())} == {"i"}
        places = list(zip(pane.at.tolist(), pane.day.tolist(), pane.known_day.tolist(), strict=True))
        assert places == sorted(set(places))


def test_hours_that_leave_no_time_are_refused(made, tmp_path):
    school = made.write(tmp_path / "home")
    settle(school, "[support.hours]\ndays = []\n")
    with pytest.raises(BadConfig, match="no working time"):
        panes_of(school)
