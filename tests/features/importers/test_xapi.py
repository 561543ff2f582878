from __future__ import annotations

import gzip
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.config import School
from features.errors import BadConfig, BadInput
from features.identity import email_alias
from features.importers import xapi
from features.lake import Lake

Rows = Callable[[str], pd.DataFrame]
Say = Callable[..., dict[str, Any]]
Write = Callable[..., Path]


KEY = "0123456789abcdef" * 4


@pytest.fixture
def school(school: School) -> School:
    """With a key, for the actors that have e-mail addresses."""
    return School(school.home, KEY)


@pytest.fixture
def lesson(said: Say) -> list[dict[str, Any]]:
    """Ann watches, skips and leaves; Bob completes."""
    bob = {"mbox": "mailto:Bob@Example.org"}
    return [
        said("initialized", "2025-03-01T09:00:00Z"),
        said("played", "2025-03-01T09:00:10Z", time=0),
        said("seeked", "2025-03-01T09:01:10Z", time_from=60, time_to=260, progress=0.5),
        said("paused", "2025-03-01T09:02:10Z", time=320, progress=0.6),
        said("initialized", "2025-03-02T22:30:00Z", actor=bob, session="s2"),
        said("played", "2025-03-02T22:30:01Z", actor=bob, session="s2", time=0),
        said("completed", "2025-03-02T22:40:01Z", actor=bob, session="s2", time=600, progress=1),
    ]


def summary(videos: pd.DataFrame) -> list[tuple[str, str, float]]:
    return sorted((row.enrolment_id[:8], row.kind, row.seconds) for row in videos.itertuples())


EXPECTED = [
    ("c1:email", "completed", 0.0),
    ("c1:email", "opened", 0.0),
    ("c1:email", "watched", 600.0),
    ("c1:https", "left", 0.0),
    ("c1:https", "opened", 0.0),
    ("c1:https", "skipped", 200.0),
    ("c1:https", "watched", 60.0),
    ("c1:https", "watched", 60.0),
]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz"])
def test_a_lesson_becomes_video_facts(
    school: School, lesson: list, statements_file: Write, rows: Rows, name: str
) -> None:
    xapi.load(school, statements_file(*lesson, name=name))
    assert summary(rows("videos")) == EXPECTED
    assert list(rows("students")["student_id"]) == ["https://lms.example:ann"], "an address is nobody's own name"
    bob = email_alias("bob@example.org", KEY)
    assert set(rows("enrolments")["student_id"]) == {"https://lms.example:ann", bob}
    left = rows("videos").query("kind == 'left'").iloc[0]
    assert (left["progress"], left["video_id"]) == (0.6, "v1")


def test_no_address_is_stored_anywhere(school: School, lesson: list, statements_file: Write) -> None:
    broken = b'{"actor": {"mbox": "mailto:bob@example.org"}, "verb"'
    xapi.load(school, statements_file(*lesson, broken))
    stored = b"".join(path.read_bytes() for path in school.lake.rglob("*") if path.is_file())
    tables = " ".join(
        Lake(school.lake, school.zone).read(t).to_string() for t in ("students", "enrolments", "activity", "videos")
    )
    assert b"bob@" not in stored.lower()
    assert "bob@" not in tables.lower()
    assert "bob@" not in Lake(school.lake, school.zone).rejects().to_string().lower()


def test_every_statement_makes_its_student_active(
    school: School, lesson: list, statements_file: Write, said: Say, rows: Rows
) -> None:
    lesson.append(said("interacted", "2025-03-05T09:00:00Z"))
    lesson.append(said("http://id.tincanapi.com/verb/downloaded", "2025-03-06T09:00:00Z", id="d"))
    xapi.load(school, statements_file(*lesson))
    activity = rows("activity").set_index("event_id")
    assert len(activity) == 9
    assert activity["kind"]["d"] == "content"
    assert set(activity["kind"].drop("d")) == {"lesson"}
    bobs = activity[~activity["enrolment_id"].str.contains("lms.example")]
    assert {str(pd.Timestamp(day, unit="D").date()) for day in bobs["day"]} == {"2025-03-03"}  # 01:30 in Moscow


def test_enrolments_begin_with_the_first_statement(
    school: School, lesson: list, statements_file: Write, rows: Rows
) -> None:
    xapi.load(school, statements_file(*reversed(lesson)))
    own = rows("enrolments").set_index("student_id").loc["https://lms.example:ann"]
    assert own["enrolment_id"] == "c1:https://lms.example:ann"
    assert own["course_id"] == "c1"
    assert own["occurred_at"] == own["known_at"] == pd.Timestamp("2025-03-01T09:00:00Z")
    assert rows("courses")["course_id"].tolist() == ["c1"]


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_lines_changes_nothing(
    school: School, lesson: list, statements_file: Write, content: Callable, tmp_path: Path, seed: int
) -> None:
    xapi.load(school, statements_file(*lesson))
    expected = content()
    shuffled = random.Random(seed).sample(lesson, len(lesson))
    other = School(tmp_path / "other", KEY)
    xapi.load(other, statements_file(*shuffled, name="other.jsonl"))
    lake = Lake(other.lake, other.zone)
    for table in ("videos", "activity", "enrolments"):
        assert sorted("|".join(map(str, row)) for row in lake.read(table).itertuples(index=False)) == expected[table]


def test_what_was_stored_later_is_known_later(school: School, said: Say, statements_file: Write, rows: Rows) -> None:
    xapi.load(
        school,
        statements_file(
            said("initialized", "2025-03-01T09:00:00Z", id="late", stored="2025-03-04T09:00:00Z"),
            said("initialized", "2025-03-01T09:00:30Z", id="fast clock", stored="2025-03-01T09:00:00Z"),
            said("initialized", "2025-03-01T09:00:00+03:00", id="no stored"),
            said("initialized", None, id="no timestamp", stored="2025-03-02T09:00:00Z"),
        ),
    )
    times = rows("activity").set_index("event_id")[["occurred_at", "known_at"]].map(lambda t: t.strftime("%d %H:%M:%S"))
    assert times.loc["late"].tolist() == ["01 09:00:00", "04 09:00:00"]
    assert times.loc["fast clock"].tolist() == ["01 09:00:00", "01 09:00:00"]
    assert times.loc["no stored"].tolist() == ["01 06:00:00", "01 06:00:00"]
    assert times.loc["no timestamp"].tolist() == ["02 09:00:00", "02 09:00:00"]


def test_without_a_key_addresses_are_refused_and_nothing_is_added(
    school: School, lesson: list, statements_file: Write
) -> None:
    without = School(school.home)
    with pytest.raises(BadConfig, match="HANDRAIL_IDENTITY_KEY"):
        xapi.load(without, statements_file(*lesson))
    assert Lake(without.lake, without.zone).is_empty
    assert xapi.load(without, statements_file(*lesson[:4], name="b")).kept["activity"] == 4


def test_a_voided_statement_never_happened(
    school: School, lesson: list, said: Say, statements_file: Write, rows: Rows
) -> None:
    seek = lesson[2]
    void = said("voided", "2025-03-09T09:00:00Z", id="void") | {
        "object": {"objectType": "StatementRef", "id": seek["id"]}
    }
    report = xapi.load(school, statements_file(void, *lesson))
    assert report.ignored == {"a voiding statement": 1, "a voided statement": 1}
    assert "skipped" not in set(rows("videos")["kind"])
    assert not {seek["id"], "void"} & set(rows("activity")["event_id"])


def test_voiding_what_an_earlier_import_brought_is_said(
    school: School, lesson: list, said: Say, statements_file: Write, rows: Rows
) -> None:
    xapi.load(school, statements_file(*lesson))
    void = said("voided", "2025-03-09T09:00:00Z") | {"object": {"objectType": "StatementRef", "id": lesson[2]["id"]}}
    report = xapi.load(school, statements_file(void, said("played", "2025-03-09T09:00:00Z"), name="more.jsonl"))
    assert report.ignored["voids a statement of an earlier import, which stays"] == 1
    assert lesson[2]["id"] in set(rows("activity")["event_id"])


def test_what_is_no_video_fact_is_counted(school: School, lesson: list, said: Say, statements_file: Write) -> None:
    exam = said("completed", "2025-03-01T10:00:00Z")
    exam["object"]["definition"]["type"] = "http://adlnet.gov/expapi/activities/assessment"
    other = said("http://adlnet.gov/expapi/verbs/answered", "2025-03-01T10:00:00Z")
    report = xapi.load(school, statements_file(*lesson, lesson[0], other, exam))
    assert report.ignored == {
        "verb http://adlnet.gov/expapi/verbs/answered": 1,
        "about something that is no video": 1,
        "the same statement again": 1,
    }
    assert report.kept["activity"] == 7


def test_a_broken_line_is_set_aside_and_the_rest_goes_on(
    school: School, lesson: list, said: Say, statements_file: Write
) -> None:
    file = statements_file(
        lesson[0],
        b'{"verb": {"id": "x"',
        'caf\xe9 {"verb":1}'.encode("latin-1"),
        said("played", "2025-03-01T10:00:00Z", actor={"objectType": "Group"}, id="g"),
        said("played", "2025-03-01T10:00:00Z", course=None, id="h"),
        said("played", "yesterday", id="i"),
        said("played", "2025-03-01T10:00:00", id="j"),
        said("played", "2025-03-01T10:00:00Z", stored="soon", id="k"),
    )
    report = xapi.load(school, file)
    assert report.kept["activity"] == 1
    assert report.set_aside["videos"] == 7
    assert [(f["row"], f["column"], f["reason"]) for f in sorted(report.faults, key=lambda f: int(f["row"]))] == [
        ("2", "", "is not sound JSON"),
        ("3", "", "is not UTF-8 text"),
        ("4", "actor", "names no student"),
        ("5", "context.contextActivities", "names no course"),
        ("6", "timestamp", "is not a moment with an offset"),
        ("7", "timestamp", "is not a moment with an offset"),
        ("8", "stored", "is not a moment with an offset"),
    ]
    assert all(fault["mend"] and fault["file"] == "statements.jsonl" for fault in report.faults)
    for table in report.read:
        assert report.read[table] == report.kept[table] + report.set_aside[table] + report.already_known[table]


def test_a_statement_that_fails_its_contract_makes_nothing(
    school: School, lesson: list, said: Say, statements_file: Write, rows: Rows
) -> None:
    old = said("paused", "1970-01-01T00:00:00Z", actor="zed", time=5, progress=0.5)
    report = xapi.load(school, statements_file(*lesson, old))
    assert report.set_aside["activity"] == 1
    assert "is before 1990" in report.faults[0]["reason"]
    assert not rows("videos")["enrolment_id"].str.contains("zed").any()
    assert not rows("enrolments")["student_id"].str.contains("zed").any()


def test_statements_of_which_none_is_a_fact(school: School, said: Say, statements_file: Write) -> None:
    exam = said("completed", "2025-03-01T10:00:00Z")
    del exam["object"]["definition"]
    report = xapi.load(school, statements_file(exam))
    assert (report.kept["activity"], report.ignored) == (0, {"about something that is no video": 1})
    report = xapi.load(school, statements_file(said("played", "2025-03-01T10:00:00Z", course=None, actor={}), name="b"))
    assert (report.kept["activity"], report.set_aside["videos"]) == (0, 1)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([b""], "no such"),
        ([b"   "], "statements.jsonl: is empty. Export one JSON statement a line"),
        ([b"[", b"{}", b"]"], "no statement in 3 lines: line 1 is not sound JSON. Export one JSON statement a line"),
        (["{'é'}".encode("latin-1")], "no statement in 1 lines: line 1 is not UTF-8 text"),
    ],
)
def test_a_file_without_a_statement_is_an_error(
    school: School, statements_file: Write, lines: list[bytes], words: str
) -> None:
    file = statements_file(*lines)
    if words == "no such":
        file.unlink()
    with pytest.raises(BadInput, match=re.escape(words)):
        xapi.load(school, file)
    assert Lake(school.lake, school.zone).is_empty


def test_an_empty_file_is_an_error(school: School, tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    with pytest.raises(BadInput, match=r"x: the file is empty\. Export it again"):
        xapi.load(school, tmp_path / "x")
    (tmp_path / "x.gz").write_bytes(gzip.compress(b""))
    with pytest.raises(BadInput, match=r"x\.gz: is empty"):
        xapi.load(school, tmp_path / "x.gz")


def test_a_cut_gzip_adds_nothing(school: School, lesson: list, statements_file: Write) -> None:
    file = statements_file(*lesson, name="a.gz")
    file.write_bytes(file.read_bytes()[:-20])
    with pytest.raises(BadInput, match="is cut after line"):
        xapi.load(school, file)
    assert Lake(school.lake, school.zone).is_empty


def test_the_same_file_again_adds_nothing(
    school: School, lesson: list, statements_file: Write, content: Callable
) -> None:
    file = statements_file(*lesson)
    xapi.load(school, file)
    before = content()
    assert xapi.load(school, file).repeated
    assert content() == before


def test_a_grown_file_adds_only_the_new_facts(
    school: School, lesson: list, said: Say, statements_file: Write, content: Callable, tmp_path: Path
) -> None:
    later = [
        said("played", "2025-03-05T09:00:00Z", time=320, session="s9"),
        said("completed", "2025-03-05T09:05:00Z", time=620, session="s9", progress=1),
    ]
    xapi.load(school, statements_file(*lesson))
    report = xapi.load(school, statements_file(*lesson, *later, name="grown.jsonl"))
    assert {table: n for table, n in report.kept.items() if n} == {"activity": 2, "videos": 2}
    at_once = School(tmp_path / "at_once", KEY)
    xapi.load(at_once, statements_file(*lesson, *later, name="grown.jsonl"))
    lake = Lake(at_once.lake, at_once.zone)
    for table, lines in content().items():
        assert sorted("|".join(map(str, row)) for row in lake.read(table).itertuples(index=False)) == lines


def test_a_statement_without_an_id_is_the_same_fact_when_read_again(
    school: School, said: Say, statements_file: Write
) -> None:
    nameless = said("played", "2025-03-01T09:00:00Z", time=0)
    del nameless["id"]
    xapi.load(school, statements_file(nameless))
    report = xapi.load(school, statements_file(nameless, said("paused", "2025-03-01T09:00:09Z", time=9), name="b"))
    assert (report.kept["activity"], report.already_known["activity"]) == (1, 1)


def test_the_schools_own_lists_stay_in_force(
    school: School, lesson: list, said: Say, statements_file: Write, rows: Rows
) -> None:
    (school.home / "configs").mkdir()
    (school.home / "configs" / "importers.toml").write_text('[xapi]\nown_home_pages = ["https://lms.example"]\n')
    known = pd.Timestamp("2025-01-01T00:00:00Z")
    lake = Lake(school.lake, school.zone)
    with lake.adding("lists", "x") as batch:
        batch.write("students", pd.DataFrame({"student_id": ["ann"], "curator": ["olga"], "known_at": [known]}))
        batch.write("courses", pd.DataFrame({"course_id": ["c1"], "title": ["Maths"], "known_at": [known]}))
    report = xapi.load(school, statements_file(*lesson))
    assert (report.kept["students"], report.kept["courses"], report.kept["enrolments"]) == (0, 0, 2)
    assert rows("students").set_index("student_id")["curator"]["ann"] == "olga"
    more = said("played", "2025-04-01T09:00:00Z")
    assert xapi.load(school, statements_file(more, name="more")).kept["enrolments"] == 0


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("own_home_pages = 'x'", "own_home_pages is not a list of texts. Write [] or a list"),
        ("fastest_speed = 0.5", "fastest_speed = 0.5. Write a number from 1 on"),
        ("fastest_speed = true", "fastest_speed = True"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    school: School, lesson: list, statements_file: Write, settings: str, words: str
) -> None:
    (school.home / "configs").mkdir()
    (school.home / "configs" / "importers.toml").write_text(f"[xapi]\n{settings}\n")
    with pytest.raises(BadConfig, match=re.escape(words)):
        xapi.load(school, statements_file(*lesson))


def test_progress_ends_at_the_whole(school: School, lesson: list, statements_file: Write) -> None:
    told: list[tuple[int, int, str]] = []
    file = statements_file(*lesson, name="a.gz")
    xapi.load(school, file, lambda done, total, what: told.append((done, total, what)))
    size = file.stat().st_size
    assert told[-1] == (size, size, "a.gz")
