from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from features import clock
from features.config import School
from features.enrolments import Enrolments
from features.errors import BadConfig, BadInput
from features.importers import kdd2015, plain_csv
from features.lake import Lake

Rows = Callable[[str], pd.DataFrame]

# The published layout: the two halves in folders of their own, the truth without headings.
FILES = {
    "train/enrollment_train.csv": "enrollment_id,username,course_id\n1,ann,c1\n3,bob,c1\n4,ann,c2\n5,eve,c2\n",
    "train/log_train.csv": "enrollment_id,time,source,event,object\n"
    "1,2014-06-14T09:38:29,server,navigate,home\n"
    "1,2014-06-14T09:38:39,server,access,chapter\n"
    "1,2014-06-14T09:41:49,browser,problem,p1\n"
    "1,2014-06-14T09:41:49,browser,problem,p1\n"
    "1,2014-06-14T09:41:49,browser,problem,p1\n"
    "3,2014-06-12T00:10:00,browser,video,v1\n"
    "3,2014-06-12T00:11:00,browser,page_close,v1\n"
    "4,2014-07-01T10:00:00,server,discussion,d1\n"
    "4,2014-07-01T10:01:00,server,wiki,w1\n",
    "train/truth_train.csv": "1,0\n3,1\n4,1\n5,1\n",
    "test/enrollment_test.csv": "enrollment_id,username,course_id\n2,zoe,c1\n",
    "test/log_test.csv": "enrollment_id,time,source,event,object\n2,2014-06-20T23:59:59,server,access,page\n",
    "object.csv": "course_id,module_id,category,children,start\nc1,home,course,chapter,null\n"
    "c1,chapter,chapter,p1 v1,2014-06-12T00:00:00\nc1,page,html,,null\nc1,p1,problem,,null\n",
    "date.csv": "course_id,from,to\nc1,2014-06-12,2014-07-11\nc2,2014-06-19,2014-07-18\n",
}


def published(folder: Path, **changes: str | bytes | None) -> Path:
    """Writes the set; keyword arguments (file name without folder and .csv) replace a file, None leaves it out."""
    for place, text in FILES.items():
        new = changes.get(Path(place).stem, text)
        if new is not None:
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_bytes(new.encode() if isinstance(new, str) else new)
    return folder


def lines(rows: pd.DataFrame, *columns: str) -> list[tuple]:
    return sorted(rows[list(columns)].itertuples(index=False, name=None))


def test_the_set_becomes_facts(school: School, tmp_path: Path, rows: Rows) -> None:
    report = kdd2015.load(school, published(tmp_path / "kdd"))
    assert lines(rows("activity"), "enrolment_id", "kind", "object_id") == [
        ("1", "lesson", "chapter"),
        ("1", "login", "home"),
        ("1", "quiz", "p1"),
        ("1", "quiz", "p1"),
        ("1", "quiz", "p1"),
        ("2", "content", "page"),
        ("3", "lesson", "v1"),
        ("3", "other", "v1"),
        ("4", "content", "w1"),
        ("4", "forum", "d1"),
    ]
    assert lines(rows("enrolments"), "enrolment_id", "student_id", "course_id") == [
        ("1", "ann", "c1"),
        ("2", "zoe", "c1"),
        ("3", "bob", "c1"),
        ("4", "ann", "c2"),
    ]
    assert set(rows("students")["student_id"]) == {"ann", "bob", "zoe"}
    began = rows("enrolments").set_index("enrolment_id")["occurred_at"]
    assert began["3"] == pd.Timestamp("2014-06-12T00:10:00+08:00")
    assert report.ignored["an enrolment without a row in the log"] == 1
    assert report.kept["activity"] == 10


def test_a_course_ends_with_its_window(school: School, tmp_path: Path, rows: Rows) -> None:
    kdd2015.load(school, published(tmp_path / "kdd"))
    course = rows("courses").set_index("course_id").loc["c1"]
    assert course["starts_at"] == pd.Timestamp("2014-06-12T00:00:00+08:00")
    assert course["ends_at"] == pd.Timestamp("2014-07-12T00:00:00+08:00")
    assert course["known_at"] == course["starts_at"]
    at = Enrolments(Lake(school.lake, school.zone)).at(clock.day_number(pd.Timestamp("2014-06-25").date()))
    assert at["live"].to_dict() == {"1": True, "2": True, "3": True}  # four had not begun


def test_the_truth_is_no_outcome_and_can_be_read_apart(school: School, tmp_path: Path, rows: Rows) -> None:
    folder = published(tmp_path / "kdd")
    report = kdd2015.load(school, folder)
    assert rows("outcomes").empty
    assert sum(count for reason, count in report.ignored.items() if reason.startswith("truth")) == 4
    day1, day2 = (clock.day_number(pd.Timestamp(day).date()) for day in ("2014-07-12", "2014-07-19"))
    told = kdd2015.truth(school, folder)
    assert lines(told, "enrolment_id", "day", "dropout") == [
        ("1", day1, False),
        ("3", day1, True),
        ("4", day2, True),
        ("5", day2, True),
    ]
    headed = published(tmp_path / "headed", truth_train="enrollment_id,dropout\n1,1\n")
    assert lines(kdd2015.truth(school, headed), "enrolment_id", "dropout") == [("1", True)]


def test_what_the_truth_needs(school: School, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"lacks date\.csv"):
        kdd2015.truth(school, published(tmp_path / "a", date=None))
    with pytest.raises(BadInput, match=r"lacks truth_train\.csv"):
        kdd2015.truth(school, published(tmp_path / "b", truth_train=None))


def test_without_the_lists_that_may_lack(school: School, tmp_path: Path, rows: Rows) -> None:
    lacking = dict.fromkeys(("object", "date", "truth_train", "enrollment_test", "log_test"))
    kdd2015.load(school, published(tmp_path / "kdd", **lacking))
    assert rows("courses")[["starts_at", "ends_at"]].isna().all(axis=None)
    assert set(rows("activity")["kind"]) == {"content", "lesson", "quiz", "other", "forum"}


def test_the_time_zone_is_a_setting(school: School, tmp_path: Path, rows: Rows) -> None:
    (school.home / "configs").mkdir()
    (school.home / "configs" / "importers.toml").write_text('[kdd2015]\ntime_zone = "UTC"\n')
    kdd2015.load(school, published(tmp_path / "kdd"))
    assert rows("activity")["occurred_at"].max() == pd.Timestamp("2014-07-01T10:01:00Z")
    (school.home / "configs" / "importers.toml").write_text('[kdd2015]\ntime_zone = "China"\n')
    with pytest.raises(BadConfig, match="time_zone 'China' is not a known zone"):
        kdd2015.load(school, tmp_path / "kdd")


def content(school: School) -> dict[str, list[str]]:
    lake = Lake(school.lake, school.zone)
    tables = ("students", "courses", "enrolments", "activity")
    return {t: sorted("|".join(map(str, row)) for row in lake.read(t).itertuples(index=False)) for t in tables}


@pytest.mark.parametrize("size", [1, 2])
def test_the_order_of_rows_and_the_chunks_change_nothing(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    kdd2015.load(school, published(tmp_path / "kdd"))
    monkeypatch.setattr(plain_csv, "CHUNK_ROWS", size)
    head, *log = FILES["train/log_train.csv"].splitlines()
    other = School(tmp_path / "other")
    kdd2015.load(other, published(tmp_path / "b", log_train="\n".join([head, *reversed(log)]) + "\n"))
    assert content(other) == content(school)


def test_the_same_set_again_and_its_other_half(school: School, tmp_path: Path) -> None:
    half = published(tmp_path / "half", enrollment_test=None, log_test=None)
    kdd2015.load(school, half)
    before = content(school)
    assert kdd2015.load(school, half).repeated
    assert content(school) == before
    report = kdd2015.load(school, published(tmp_path / "whole"))
    assert {table: kept for table, kept in report.kept.items() if kept} == {
        "activity": 1,
        "enrolments": 1,
        "students": 1,
    }
    at_once = School(tmp_path / "at_once")
    kdd2015.load(at_once, tmp_path / "whole")
    assert content(at_once) == content(school)


def test_importing_again_into_a_new_lake_gives_the_same_bytes(tmp_path: Path) -> None:
    folder, found = published(tmp_path / "kdd"), []
    for name in ("one", "two"):
        school = School(tmp_path / name)
        kdd2015.load(school, folder)
        parts = sorted(school.lake.glob("batches/*/*.parquet"))
        found.append([(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in parts])
    assert found[0]
    assert found[0] == found[1]


def test_rows_that_cannot_be_used_are_set_aside(school: School, tmp_path: Path, rows: Rows) -> None:
    log = FILES["train/log_train.csv"] + "9,2014-06-14T09:38:29,server,access,x\n1,soon,server,access,x\n1,2014\n"
    people = FILES["train/enrollment_train.csv"] + "1,ann,c1\n6,kim\n"
    report = kdd2015.load(school, published(tmp_path / "kdd", log_train=log, enrollment_train=people))
    assert [(f["file"], f["row"], f["column"], f["reason"]) for f in report.faults] == [
        ("enrollment_train.csv", "7", "", "has 2 cells, not the 3 of the first line"),
        ("log_train.csv", "13", "", "has 2 cells, not the 5 of the first line"),
        ("log_train.csv", "11", "enrollment_id", "is in no enrollment file"),
        ("log_train.csv", "12", "time", "is not a moment"),
    ]
    assert all(fault["mend"] for fault in report.faults)
    assert report.ignored["the same enrolment again"] == 1
    assert len(rows("activity")) == 10
    for table in report.read:
        assert report.read[table] == report.kept[table] + report.set_aside[table] + report.already_known[table]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"log_train": None}, "lacks log_train.csv. Point to the folder with the files of the set"),
        ({"enrollment_test": None}, "lacks enrollment_test.csv"),
        ({"log_train": ""}, "log_train.csv: the file is empty"),
        ({"log_train": "a,b\n"}, "lacks the columns enrollment_id, time, source, event, object"),
        ({"log_train": gzip.compress(FILES["train/log_train.csv"].encode())[:-9]}, "the gzip file is cut"),
        ({"date": "course_id,from,to\nc1,June,2014-07-11\n"}, "line 2 has a day that cannot be read"),
    ],
)
def test_a_set_that_cannot_be_used_adds_nothing(
    school: School, tmp_path: Path, changes: dict[str, str | bytes | None], words: str
) -> None:
    with pytest.raises(BadInput, match=re.escape(words)):
        kdd2015.load(school, published(tmp_path / "kdd", **changes))
    assert Lake(school.lake, school.zone).batches() == []


def test_folders_that_do_not_hold_the_set(school: School, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=r"lacks enrollment_train\.csv, log_train\.csv"):
        kdd2015.load(school, tmp_path / "empty")
    published(tmp_path / "two")
    (tmp_path / "two" / "object.csv").rename(tmp_path / "two" / "train" / "object.csv")
    (tmp_path / "two" / "object.csv").write_text(FILES["object.csv"])
    with pytest.raises(BadInput, match=r"holds object\.csv 2 times\. Leave one of them in the folder"):
        kdd2015.load(school, tmp_path / "two")


def test_packed_files(school: School, tmp_path: Path, rows: Rows) -> None:
    folder = published(tmp_path / "kdd", log_train=None)
    (folder / "log_train.csv.gz").write_bytes(gzip.compress(FILES["train/log_train.csv"].encode()))
    kdd2015.load(school, folder)
    assert len(rows("activity")) == 10


def test_progress_ends_at_the_whole(school: School, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    kdd2015.load(school, published(tmp_path / "kdd"), lambda done, total, what: told.append((done, total)))
    size = sum(len(FILES[name].encode()) for name in FILES if "enrollment" in name or "log" in name)
    assert told[-1] == (size, size)
    assert told == sorted(told)
