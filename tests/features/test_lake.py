import os
import signal
import subprocess
import sys
import textwrap

import pandas as pd
import pyarrow.parquet as pq
import pytest

from features.errors import BadConfig, BadInput, Unavailable
from features.lake import Lake

NOON = "2026-03-01T12:00:00+03:00"


def logins(*ids: str, kind: str = "login") -> pd.DataFrame:
    return pd.DataFrame({"event_id": ids, "enrolment_id": "ann", "kind": kind, "occurred_at": NOON, "known_at": NOON})


def add(lake: Lake, digest: str, table: str, frame: pd.DataFrame):
    with lake.adding("test", digest) as batch:
        batch.write(table, frame, file="f.csv")
    return batch.report


def test_rows_come_back_typed_with_the_schools_days(tmp_path):
    lake = Lake(tmp_path, "Asia/Vladivostok")
    add(lake, "1", "activity", logins("a", "b"))
    found = Lake(tmp_path, "Asia/Vladivostok").read("activity")
    assert found["event_id"].to_list() == ["a", "b"]
    assert set(found["day"]) == {20513}
    assert add(
        lake,
        "2",
        "activity",
        logins("c").assign(occurred_at="2026-03-01T23:00:00+03:00", known_at="2026-03-01T23:00:00+03:00"),
    ).kept == {"activity": 1}
    assert lake.read("activity")["day"].to_list() == [20513, 20513, 20514]


def test_the_same_rows_again_add_nothing(tmp_path):
    lake = Lake(tmp_path, "UTC")
    add(lake, "1", "activity", logins("a", "b"))
    version = lake.version
    report = add(lake, "2", "activity", logins("b", "a", "a"))
    assert (report.kept["activity"], report.already_known["activity"]) == (0, 3)
    assert lake.version == version
    assert add(lake, "3", "activity", logins("b", "c")).kept["activity"] == 1


def test_a_row_twice_in_one_import_is_kept_once(tmp_path):
    report = add(Lake(tmp_path, "UTC"), "1", "activity", logins("a", "a", "b"))
    assert (report.kept["activity"], report.already_known["activity"]) == (2, 1)


def test_an_entity_with_other_content_is_a_newer_version(tmp_path):
    lake = Lake(tmp_path, "UTC")
    ann = pd.DataFrame({"student_id": ["ann"], "curator": ["olga"], "known_at": [NOON]})
    add(lake, "1", "students", ann)
    assert add(lake, "2", "students", ann.assign(known_at="2026-03-05T12:00:00Z")).kept["students"] == 0
    assert add(lake, "3", "students", ann.assign(curator="wei", known_at="2026-03-05T12:00:00Z")).kept["students"] == 1
    assert lake.read("students")["curator"].to_list() == ["olga", "wei"]


def test_an_entity_may_go_back_to_what_it_was(tmp_path):
    lake = Lake(tmp_path, "UTC")
    days = ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04")
    history = pd.DataFrame(
        {
            "student_id": "ann",
            "curator": ["olga", "wei", "olga", "olga"],
            "known_at": [f"{day}T12:00:00Z" for day in days],
        }
    )
    for number, (_, row) in enumerate(history.iterrows()):
        add(lake, str(number), "students", row.to_frame().T)
    assert lake.read("students")["curator"].to_list() == ["olga", "wei", "olga"]
    assert add(lake, "again", "students", history).kept["students"] == 0


def test_of_two_imports_at_once_the_later_one_is_refused_and_nothing_is_lost(tmp_path):
    lake = Lake(tmp_path, "UTC")
    with pytest.raises(Unavailable, match="another import"), lake.adding("test", "slow") as batch:  # noqa: PT012
        batch.write("activity", logins("a"))
        add(Lake(tmp_path, "UTC"), "quick", "activity", logins("b"))
    assert lake.read("activity")["event_id"].to_list() == ["b"]
    assert add(lake, "slow", "activity", logins("a")).kept["activity"] == 1


def test_what_is_set_aside_is_kept_with_its_reason(tmp_path):
    lake = Lake(tmp_path, "UTC")
    report = add(lake, "1", "activity", pd.concat([logins("a"), logins("b", kind="dancing")]))
    assert report.read["activity"] == report.kept["activity"] + report.set_aside["activity"] == 2
    assert report.reasons == {"kind: is not one of the allowed values": 1}
    assert lake.rejects()["value"].to_list() == ["dancing"]


def test_an_import_that_fails_in_the_middle_leaves_the_lake_as_it_was(tmp_path):
    lake = Lake(tmp_path, "UTC")
    add(lake, "1", "activity", logins("a"))
    before = lake.version
    with pytest.raises(BadInput), lake.adding("test", "2") as batch:  # noqa: PT012
        batch.write("activity", logins("b"))
        batch.write("activity", logins("c").drop(columns="kind"))
    assert (lake.version, len(lake.read("activity"))) == (before, 1)
    assert not lake.already_added("2")


def test_a_killed_import_leaves_the_lake_as_it_was_and_can_be_done_again(tmp_path):
    lake = Lake(tmp_path, "UTC")
    add(lake, "1", "activity", logins("a"))
    program = f"""
        import os, signal, pandas as pd
        from pathlib import Path
        from features.lake import Lake
        with Lake(Path({str(tmp_path)!r}), "UTC").adding("test", "2") as batch:
            batch.write("activity", pd.DataFrame({{"event_id": ["b"], "enrolment_id": "ann", "kind": "login",
                                                  "occurred_at": {NOON!r}, "known_at": {NOON!r}}}))
            os.kill(os.getpid(), signal.SIGKILL)
    """
    ended = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], cwd=os.getcwd(), timeout=300, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert lake.read("activity")["event_id"].to_list() == ["a"]
    assert add(lake, "2", "activity", logins("b")).kept["activity"] == 1


def test_the_zone_is_fixed_by_the_first_import(tmp_path):
    add(Lake(tmp_path, "UTC"), "1", "activity", logins("a"))
    with pytest.raises(BadConfig, match="time_zone 'UTC'"):
        Lake(tmp_path, "Europe/Moscow")


def test_an_empty_lake_has_empty_tables_of_the_right_types(tmp_path):
    lake = Lake(tmp_path, "UTC")
    assert lake.is_empty
    assert lake.last_known_day() is None
    found = lake.read("activity")
    assert (len(found), str(found["occurred_at"].dtype)) == (0, "datetime64[us, UTC]")


def test_a_lake_of_an_older_version_is_read_and_added_to(tmp_path):
    lake = Lake(tmp_path, "UTC")
    row = {"course_id": "c1", "known_at": "2026-03-01T12:00:00Z", "lessons": 5}
    with lake.adding("test", "1") as batch:
        batch.write("courses", pd.DataFrame([row]))
    (path,) = lake.paths("courses")
    pq.write_table(pq.read_table(path).drop_columns(["hours"]), path)
    assert lake.read("courses")["hours"].isna().all()
    with lake.adding("test", "2") as batch:
        batch.write("courses", pd.DataFrame([row, {**row, "course_id": "c2", "hours": 7}]))
    assert batch.report.kept == {"courses": 1}, "what is known is known in spite of the newer columns"
    assert list(lake.read("courses")["hours"].fillna(-1)) == [-1, 7]
    assert lake.read("courses").dtypes.equals(lake.read("courses", ("course_id", [])).dtypes)


def test_marks_are_kept_with_what_was_added_and_the_newest_counts(tmp_path):
    lake = Lake(tmp_path, "UTC")
    assert lake.marks() == {}
    for name, marks in (("1", {"a": 1, "b": 1}), ("2", {}), ("3", {"a": 2})):
        with lake.adding("test", name) as batch:
            batch.marks |= marks
    with pytest.raises(RuntimeError), lake.adding("test", "4") as batch:  # noqa: PT012 - the import is what fails
        batch.marks["a"] = 3
        raise RuntimeError
    assert Lake(tmp_path, "UTC").marks() == {"a": 2, "b": 1}
