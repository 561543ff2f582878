from __future__ import annotations

import csv
import gzip
import hashlib
import random
import re
import sqlite3
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from features.config import School
from features.errors import BadConfig, BadInput, Unavailable
from features.importers import moodle, plain_csv
from features.lake import Lake

Rows = Callable[[str], pd.DataFrame]

# As in install.xml of logstore_standard, with `anonymous`, which came later.
TABLE = (
    *("id", "eventname", "component", "action", "target", "objecttable", "objectid", "crud", "edulevel", "contextid"),
    *("contextlevel", "contextinstanceid", "userid", "courseid", "relateduserid", "anonymous", "other", "timecreated"),
    *("origin", "ip", "realuserid"),
)
NUMBERS = ("id", "objectid", "edulevel", "contextid", "contextlevel", "contextinstanceid", "userid", "courseid")
NINE = 1772355600  # 2026-03-01T09:00:00Z


class Log:
    """Rows of the table; `at` is seconds after nine o'clock."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(self, event: str, at: int, **more: Any) -> None:
        component, _, name = event.strip("\\").partition("\\event\\")
        target, _, action = name.rpartition("_")
        row = dict.fromkeys(TABLE) | {
            "id": len(self.rows) + 1,
            "eventname": event,
            "component": component,
            "action": action,
            "target": target,
            "crud": "r",
            "edulevel": 2,
            "contextid": 900,
            "contextlevel": 50,
            "userid": 5,
            "contextinstanceid": 17,
            "courseid": 17,
            "anonymous": 0,
            "other": "null",
            "timecreated": NINE + at,
            "origin": "web",
            "ip": "10.0.0.1",
        }
        module = {"contextlevel": 70, "contextinstanceid": more.pop("cm")} if "cm" in more else {}
        self.rows.append(row | module | more)


@pytest.fixture
def log() -> Log:
    """Five works, hands in and is graded; six enrols and leaves; the rest is noise."""
    log = Log()
    log.add("\\core\\event\\user_loggedin", 0, courseid=0, contextlevel=10, contextinstanceid=0)
    log.add("\\core\\event\\course_viewed", 10)
    log.add("\\mod_page\\event\\course_module_viewed", 20, cm=101)
    log.add("\\mod_forum\\event\\discussion_viewed", 30, cm=102)
    log.add("\\mod_assign\\event\\course_module_viewed", 40, cm=103)
    log.add("\\assignsubmission_file\\event\\submission_created", 50, cm=103, other='{"submissionstatus":"draft"}')
    log.add("\\mod_assign\\event\\assessable_submitted", 60, cm=103, other='{"submission_editable":false}')
    log.add(
        "\\mod_quiz\\event\\attempt_submitted", 70, cm=104, relateduserid=5, other='{"submitterid":"5","quizid":"1"}'
    )
    graded = '{"itemid":"8","overridden":false,"finalgrade":"80.00000"}'
    log.add("\\core\\event\\user_graded", 5000, userid=3, relateduserid=5, edulevel=1, other=graded)
    done = '{"relateduserid":5,"overrideby":null,"completionstate":%s}'
    log.add("\\core\\event\\course_module_completion_updated", 80, cm=101, relateduserid=5, other=done % 1)
    log.add("\\core\\event\\course_module_completion_updated", 90, cm=104, relateduserid=5, other=done % 3)
    enrolled = {"userid": 0, "relateduserid": 6, "origin": "cli", "edulevel": 0, "other": '{"enrol":"cohort"}'}
    log.add("\\core\\event\\user_enrolment_created", 100, **enrolled)
    log.add("\\core\\event\\course_viewed", 110, userid=6, origin="ws")
    one = '{"userenrolment":{"id":"3","lastenrol":%s},"enrol":"cohort"}'
    log.add("\\core\\event\\user_enrolment_deleted", 120, **(enrolled | {"other": one % "false"}))
    log.add("\\core\\event\\user_enrolment_deleted", 130, **(enrolled | {"other": one % "true"}))
    log.add("\\core\\event\\course_completed", 140, userid=0, relateduserid=7, origin="cli")
    log.add("\\core\\event\\course_viewed", 150, userid=7, realuserid=2)
    log.add("\\core\\event\\course_viewed", 160, userid=0)
    log.add("\\core\\event\\course_viewed", 170, userid=1)
    log.add("\\core\\event\\course_viewed", 180, courseid=1)
    log.add("\\mod_assign\\event\\grading_table_viewed", 190, userid=3, edulevel=1, cm=103)
    log.add("\\mod_page\\event\\course_module_viewed", 200, origin="restore", cm=101)
    return log


ITEMS = [("8", "103", "160.00000")]


def exported(file: Path, rows: list[dict[str, Any]], *, nothing: str = "", delimiter: str = ",") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    opened = gzip.open if file.suffix == ".gz" else open
    with opened(file, "wt", newline="", encoding="utf-8") as out:  # type: ignore[operator]
        writer = csv.writer(out, delimiter=delimiter)
        writer.writerow(TABLE)
        writer.writerows([[nothing if row[name] is None else row[name] for name in TABLE] for row in rows])
    return file


def folder(tmp_path: Path, rows: list[dict[str, Any]], items: list[tuple[str, str, str]] | None = None) -> Path:
    place = tmp_path / "export"
    exported(place / "mdl_logstore_standard_log.csv", rows)
    lines = [",".join(item) for item in [("itemid", "cmid", "grademax"), *(ITEMS if items is None else items)]]
    (place / "grade_items.csv").write_text("\n".join(lines) + "\n")
    return place


def lines(rows: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(rows[list(columns)].itertuples(index=False, name=None))


ACTIVITY = [
    ("17:5", "content", "101"),
    ("17:5", "forum", "102"),
    ("17:5", "homework", "103"),
    ("17:5", "homework", "103"),
    ("17:5", "homework", "103"),
    ("17:5", "lesson_completed", "101"),
    ("17:5", "login", ""),
    ("17:5", "quiz", "104"),
    ("17:6", "login", ""),
]
IGNORED = {
    "of no course": 1,
    "of the front page": 1,
    "of nobody who was logged in": 1,
    "of people who are no students, by importers.toml": 1,
    "logged in as somebody else": 1,
    "made by a script": 1,
    "teaching": 1,
    "one way of enrolment ended, another goes on": 1,
    "an activity that is not complete, or failed": 1,
}


@pytest.mark.parametrize("name", ["log.csv", "log.csv.gz"])
def test_a_log_becomes_facts(school: School, tmp_path: Path, log: Log, rows: Rows, name: str) -> None:
    report = moodle.load(school, exported(tmp_path / name, log.rows))
    activity = rows("activity").fillna({"object_id": ""})
    assert lines(activity, "enrolment_id", "kind", "object_id") == ACTIVITY
    assert lines(rows("outcomes"), "enrolment_id", "kind") == [("17:6", "withdrawal"), ("17:7", "completion")]
    assert lines(rows("submissions"), "enrolment_id", "assignment_id") == [("17:5", "103"), ("17:5", "104")]
    assert rows("submissions")["score"].isna().all()
    assert report.ignored == IGNORED | {"a grade of which the log does not tell the assignment": 1}
    assert set(rows("students")["student_id"]) == {"5", "6", "7"}
    enrolments = rows("enrolments").set_index("enrolment_id")["occurred_at"]
    assert enrolments["17:6"] == pd.Timestamp(NINE + 100, unit="s", tz="UTC")


def test_grades_of_a_grade_item(school: School, tmp_path: Path, log: Log, rows: Rows) -> None:
    log.add("\\mod_assign\\event\\assessable_submitted", 6000, cm=103)  # once more, after the grade
    grade = '{"itemid":"8","overridden":false,"finalgrade":%s}'
    for at, other in ((5500, grade % '"10"'), (9000, grade % "160.0"), (9500, grade % "null")):
        log.add("\\core\\event\\user_graded", at, userid=3, relateduserid=5, edulevel=1, other=other)
    log.add("\\core\\event\\user_graded", 9600, userid=3, relateduserid=6, edulevel=1, other=grade % "9")
    report = moodle.load(school, folder(tmp_path, log.rows))
    found = rows("submissions").sort_values("occurred_at").fillna({"score": -1.0})
    seconds = (found["score_known_at"] - pd.Timestamp(NINE, unit="s", tz="UTC")).dt.total_seconds().fillna(-1)
    assert list(zip(found["assignment_id"], found["score"], seconds, strict=True)) == [
        ("103", 50.0, 5000.0),  # the first grade after it; the later one changes nothing
        ("104", -1.0, -1.0),
        ("103", 100.0, 9000.0),
    ]
    assert report.ignored["a grade of what was not handed in within this import"] == 1
    assert report.ignored["a grade that was taken away"] == 1


def test_the_form_of_older_versions(school: School, tmp_path: Path, rows: Rows) -> None:
    log = Log()
    done = 'a:2:{s:13:"relateduserid";i:5;s:15:"completionstate";i:2;}'
    log.add("\\core\\event\\course_module_completion_updated", 0, cm=101, relateduserid=5, other=done)
    gone = 'a:1:{s:13:"userenrolment";a:2:{s:2:"id";s:1:"3";s:9:"lastenrol";b:0;}}'
    log.add("\\core\\event\\user_enrolment_deleted", 1, relateduserid=5, other=gone)
    log.add("\\mod_assign\\event\\assessable_submitted", 2, cm=103)
    graded = 'a:2:{s:6:"itemid";s:1:"8";s:10:"finalgrade";s:8:"40.00000";}'
    log.add("\\core\\event\\user_graded", 3, relateduserid=5, other=graded)
    report = moodle.load(school, folder(tmp_path, log.rows))
    assert "lesson_completed" in set(rows("activity")["kind"])
    assert rows("submissions")["score"].tolist() == [25.0]
    assert report.ignored == {"one way of enrolment ended, another goes on": 1}


def test_no_address_is_stored(school: School, tmp_path: Path, log: Log) -> None:
    log.rows[2] |= {"id": "x", "other": '{"name":"secret-name"}'}
    moodle.load(school, exported(tmp_path / "log.csv", log.rows))
    lake = Lake(school.lake, school.zone)
    tables = "".join(lake.read(t).to_string() for t in ("students", "enrolments", "activity", "submissions"))
    for text in (tables, lake.rejects().to_string()):
        assert "10.0.0.1" not in text
        assert "secret-name" not in text


def content(school: School) -> dict[str, list[str]]:
    lake = Lake(school.lake, school.zone)
    tables = ("students", "courses", "enrolments", "submissions", "activity", "outcomes")
    return {t: sorted("|".join(map(str, row)) for row in lake.read(t).itertuples(index=False)) for t in tables}


@pytest.mark.parametrize("size", [1, 3])
def test_the_order_of_rows_and_the_chunks_change_nothing(
    school: School, tmp_path: Path, log: Log, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    moodle.load(school, folder(tmp_path, log.rows))
    expected = content(school)
    monkeypatch.setattr(plain_csv, "CHUNK_ROWS", size)
    other = School(tmp_path / "other")
    moodle.load(other, folder(tmp_path / "b", random.Random(size).sample(log.rows, len(log.rows))))
    assert content(other) == expected


@pytest.mark.parametrize(("nothing", "delimiter"), [("NULL", ";"), ("\\N", "\t")])
def test_as_other_databases_export(
    school: School, tmp_path: Path, log: Log, rows: Rows, nothing: str, delimiter: str
) -> None:
    moodle.load(school, exported(tmp_path / "log.csv", log.rows, nothing=nothing, delimiter=delimiter))
    assert len(rows("activity")) == len(ACTIVITY)
    assert set(rows("students")["student_id"]) == {"5", "6", "7"}


def test_the_same_export_again_and_a_longer_one(school: School, tmp_path: Path, log: Log) -> None:
    file = exported(tmp_path / "log.csv", log.rows)
    moodle.load(school, file)
    before = content(school)
    assert moodle.load(school, file).repeated
    assert content(school) == before
    log.add("\\mod_page\\event\\course_module_viewed", 9000, cm=101)
    report = moodle.load(school, exported(file, log.rows))
    assert (report.kept["activity"], report.already_known["activity"]) == (1, len(ACTIVITY))
    assert report.kept["submissions"] == report.kept["outcomes"] == 0


def test_importing_again_into_a_new_lake_gives_the_same_bytes(tmp_path: Path, log: Log) -> None:
    place, found = folder(tmp_path, log.rows), []
    for name in ("one", "two"):
        school = School(tmp_path / name)
        moodle.load(school, place)
        parts = sorted(school.lake.glob("batches/*/*.parquet"))
        found.append([(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in parts])
    assert found[0]
    assert found[0] == found[1]


def test_rows_that_cannot_be_read_are_set_aside(school: School, tmp_path: Path, log: Log, rows: Rows) -> None:
    log.rows[1] |= {"id": "x"}
    log.rows[2] |= {"timecreated": "yesterday"}
    log.rows[3] |= {"timecreated": 5, "userid": 66}
    file = exported(tmp_path / "log.csv", log.rows)
    file.write_text(file.read_text() + "1,2,3\n")
    report = moodle.load(school, file)
    assert [(f["row"], f["column"], f["reason"]) for f in sorted(report.faults, key=lambda f: int(f["row"]))] == [
        ("3", "id", "is not the number of a row"),
        ("4", "timecreated", "is not a moment in seconds from 1970"),
        ("5", "occurred_at", "is before 1990"),
        ("5", "known_at", "is before 1990"),
        ("24", "", "has 3 cells, not the 21 of the first line"),
    ]
    assert all(fault["mend"] and fault["file"] == "log.csv" for fault in report.faults)
    assert "66" not in set(rows("students")["student_id"])
    for table in report.read:
        assert report.read[table] == report.kept[table] + report.set_aside[table] + report.already_known[table]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "the file is empty"),
        (b"a,b\n1,2\n", "lacks the columns id, eventname, component"),
        (gzip.compress(",".join(TABLE).encode() + b"\n" + b"," * 20 + b"\n" * 999)[:-9], "the gzip file is cut"),
    ],
)
def test_a_file_that_is_not_this_table_adds_nothing(school: School, tmp_path: Path, text: bytes, words: str) -> None:
    (tmp_path / "log.csv").write_bytes(text)
    with pytest.raises(BadInput, match=re.escape(words)):
        moodle.load(school, tmp_path / "log.csv")
    assert Lake(school.lake, school.zone).batches() == []


def test_a_folder_without_an_export(school: School, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    (tmp_path / "export" / "grade_items.csv").write_text("itemid,cmid,grademax\n")
    with pytest.raises(BadInput, match=r"holds no CSV file\. Put the CSV export of mdl_logstore_standard_log there"):
        moodle.load(school, tmp_path / "export")


def configured(school: School, text: str) -> None:
    (school.home / "configs").mkdir(exist_ok=True)
    (school.home / "configs" / "importers.toml").write_text(f"[moodle]\n{text}\n")


def test_a_log_is_known_when_it_is_fetched(school: School, tmp_path: Path, log: Log, rows: Rows) -> None:
    configured(school, "known_after_hours = 6\nnot_students = ['6']")
    moodle.load(school, folder(tmp_path, log.rows))
    for table, moment in (("activity", "occurred_at"), ("submissions", "occurred_at"), ("outcomes", "occurred_at")):
        assert ((rows(table)["known_at"] - rows(table)[moment]) == pd.Timedelta(hours=6)).all()
    assert rows("submissions")["score_known_at"].max() == pd.Timestamp(NINE + 5000 + 6 * 3600, unit="s", tz="UTC")
    assert "6" not in set(rows("students")["student_id"])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("known_after_hours = 'x'", "known_after_hours = 'x'. Write a number from 0 on"),
        ("not_students = [1]", 'not_students is not a list of texts. Write [] or a list like ["1", "2"]'),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    school: School, tmp_path: Path, log: Log, settings: str, words: str
) -> None:
    configured(school, settings)
    with pytest.raises(BadConfig, match=re.escape(words)):
        moodle.load(school, exported(tmp_path / "log.csv", log.rows))


def test_progress_ends_at_the_whole(school: School, tmp_path: Path, log: Log) -> None:
    told: list[tuple[int, int, str]] = []
    place = folder(tmp_path, log.rows)
    moodle.load(school, place, lambda done, total, what: told.append((done, total, what)))
    size = (place / "mdl_logstore_standard_log.csv").stat().st_size
    assert told[-1] == (size, size, "mdl_logstore_standard_log.csv")


# --- straight from the database -----------------------------------------------------------------------------------


_names = count()


@pytest.fixture(params=["sqlite", "duckdb"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Callable[[str, list[Any]], None]]]:
    """The URL of an empty Moodle, and how to run SQL in it."""
    path = tmp_path / f"moodle{next(_names)}.db"

    def run(sql: str, rows: list[Any]) -> None:
        db: Any = sqlite3.connect(path) if request.param == "sqlite" else duckdb.connect(str(path))
        db.executemany(sql, rows) if rows else db.execute(sql)
        if request.param == "sqlite":
            db.commit()
        db.close()

    columns = [f"{name} {'bigint' if name in (*NUMBERS, 'timecreated', 'realuserid') else 'text'}" for name in TABLE]
    run(f"CREATE TABLE mdl_logstore_standard_log ({', '.join(columns)})", [])
    run("CREATE TABLE mdl_modules (id bigint, name text)", [])
    run("INSERT INTO mdl_modules VALUES (?, ?)", [(1, "assign"), (2, "quiz")])
    run("CREATE TABLE mdl_course_modules (id bigint, module bigint, instance bigint)", [])
    run("INSERT INTO mdl_course_modules VALUES (?, ?, ?)", [(103, 1, 55), (104, 2, 55)])
    run(
        "CREATE TABLE mdl_grade_items (id bigint, itemtype text, itemmodule text, iteminstance bigint, "
        "itemnumber bigint, gradetype bigint, grademax decimal(10, 5))",
        [],
    )
    run("INSERT INTO mdl_grade_items VALUES (?, ?, ?, ?, ?, ?, ?)", [(8, "mod", "assign", 55, 0, 1, 160)])
    return f"{request.param}:///{path}", run


def filled(run: Callable[[str, list[Any]], None], rows: list[dict[str, Any]]) -> None:
    marks = ", ".join("?" * len(TABLE))
    run(f"INSERT INTO mdl_logstore_standard_log VALUES ({marks})", [tuple(row[name] for name in TABLE) for row in rows])


def test_the_table_itself_gives_what_its_export_gives(
    school: School, tmp_path: Path, log: Log, database: tuple[str, Any]
) -> None:
    url, run = database
    filled(run, log.rows)
    (tmp_path / "moodle.toml").write_text('source = "moodle"\nprefix = "mdl_"\n')
    straight = School(tmp_path / "straight", sources={"moodle": url})
    told: list[tuple[int, int, str]] = []
    report = moodle.load(straight, tmp_path / "moodle.toml", lambda *said: told.append(said))
    moodle.load(school, folder(tmp_path, log.rows))
    assert content(straight) == content(school)
    assert report.ignored == IGNORED
    assert told[-1] == (1, 1, "moodle, 22 rows")


def test_the_table_is_asked_only_for_what_is_new(
    tmp_path: Path, log: Log, database: tuple[str, Any], rows: Rows
) -> None:
    url, run = database
    filled(run, log.rows)
    (tmp_path / "moodle.toml").write_text('source = "moodle"\n')
    school = School(tmp_path / "straight", sources={"moodle": url})
    (school.home / "configs").mkdir(parents=True)
    (school.home / "configs" / "importers.toml").write_text("[database]\noverlap_numbers = 3\n")
    moodle.load(school, tmp_path / "moodle.toml")
    before = content(school)
    again = moodle.load(school, tmp_path / "moodle.toml")
    assert again.kept.get("activity") == 0
    assert content(school) == before
    log.add("\\mod_page\\event\\course_module_viewed", 9000, cm=101)
    filled(run, log.rows[-1:])
    told: list[str] = []
    report = moodle.load(school, tmp_path / "moodle.toml", lambda done, total, what: told.append(what))
    assert report.kept["activity"] == 1
    assert told[-1] == "moodle, 5 rows"  # the new one, the last one before, and three back


def test_a_database_that_is_not_moodle(tmp_path: Path) -> None:
    duckdb.connect(str(tmp_path / "x.db")).close()
    (tmp_path / "moodle.toml").write_text('source = "moodle"\n')
    school = School(tmp_path / "school", sources={"moodle": f"duckdb:///{tmp_path / 'x.db'}"})
    with pytest.raises(BadInput, match="the query fails"):
        moodle.load(school, tmp_path / "moodle.toml")
    assert Lake(school.lake, school.zone).batches() == []


@pytest.mark.parametrize(
    "text",
    [
        'prefix = "mdl_"',
        "source = 3",
        'source = "a b"',
        'source = "m"\nprefix = "mdl; DROP"',
        'source = "m"\ntable = "x"',
    ],
)
def test_a_place_that_cannot_be_used(school: School, tmp_path: Path, text: str) -> None:
    (tmp_path / "moodle.toml").write_text(text)
    with pytest.raises(BadConfig, match="does not say where Moodle's tables are"):
        moodle.load(school, tmp_path / "moodle.toml")


def test_a_source_without_its_url(school: School, tmp_path: Path) -> None:
    (tmp_path / "moodle.toml").write_text('source = "moodle"')
    with pytest.raises((BadConfig, Unavailable), match="HANDRAIL_SOURCE_MOODLE"):
        moodle.load(school, tmp_path / "moodle.toml")
