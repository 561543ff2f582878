from __future__ import annotations

import gzip
import hashlib
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from features.config import School
from features.errors import BadConfig, BadInput
from features.importers import edx
from features.lake import Lake

Rows = Callable[[str], pd.DataFrame]
COURSE = "course-v1:edX+Demo+2026"


def said(
    what: str, at: str, details: Any = None, *, user: Any = 7, source: str = "browser", **more: Any
) -> dict[str, Any]:
    """One event in short."""
    context = {"user_id": user, "course_id": COURSE, "org_id": "edX", "path": "/event", **more.pop("context", {})}
    text = json.dumps(details) if source in ("browser", "mobile") and isinstance(details, dict) else details or {}
    return {
        "event_type": what,
        "event_source": source,
        "time": at if "T" not in at or "+" in at else f"{at}.000000+00:00",
        "username": f"name{user}",
        "session": "s1" if source == "browser" else "",
        "ip": "10.0.0.1",
        "context": context,
        "event": text,
        **more,
    }


def written(file: Path, *events: dict[str, Any] | bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = b"".join((e if isinstance(e, bytes) else json.dumps(e).encode()) + b"\n" for e in events)
    file.write_bytes(gzip.compress(text, mtime=0) if file.suffix == ".gz" else text)
    return file


def day(date: str = "2026-03-01") -> list[dict[str, Any]]:
    """Seven watches, skips and leaves a video, answers, asks; eight enrols, comes and goes."""
    video = {"id": "v1", "duration": 500}
    answer = {"problem_id": "p1", "grade": 1, "max_grade": 2, "attempts": 1}
    return [
        said(f"/courses/{COURSE}/", f"{date}T09:00:00", source="server"),
        said(f"/courses/{COURSE}/courseware/w1/a/", f"{date}T09:00:05", source="server"),
        said("load_video", f"{date}T09:00:10", video),
        said("play_video", f"{date}T09:00:20", video | {"currentTime": 0}),
        said("seek_video", f"{date}T09:01:20", video | {"old_time": 60, "new_time": 260, "type": "onSlideSeek"}),
        said(
            "speed_change_video",
            f"{date}T09:02:20",
            video | {"current_time": 320, "old_speed": "1.50", "new_speed": "2.0"},
        ),
        said("pause_video", f"{date}T09:02:30", video | {"currentTime": 340}),
        said("problem_check", f"{date}T10:00:00", "input_1=2"),
        said("problem_check", f"{date}T10:00:01", answer, source="server"),
        said("edx.forum.thread.created", f"{date}T11:00:00", {"id": "t1"}, source="server"),
        said("edx.course.enrollment.activated", f"{date}T12:00:00", {"user_id": 8}, user=1, source="server"),
        said("seq_next", f"{date}T22:30:00", {"id": "s1"}, user=8),
        said("edx.course.enrollment.deactivated", f"{date}T23:00:00", {"user_id": 8}, user=8, source="server"),
    ]


def lines(rows: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    return sorted(rows[list(columns)].itertuples(index=False, name=None))


@pytest.mark.parametrize("name", ["tracking.log", "tracking.log.gz"])
def test_a_day_of_a_course(school: School, tmp_path: Path, rows: Rows, name: str) -> None:
    report = edx.load(school, written(tmp_path / name, *day()))
    activity = rows("activity")
    kinds = activity.groupby(["enrolment_id", "kind"]).size().to_dict()
    seven, eight = f"{COURSE}:7", f"{COURSE}:8"
    assert kinds == {
        (seven, "login"): 1,
        (seven, "lesson"): 6,
        (seven, "quiz"): 1,
        (seven, "forum"): 1,
        (eight, "lesson"): 1,
    }
    videos = [(row.kind, row.seconds) for row in rows("videos").sort_values(["occurred_at", "kind"]).itertuples()]
    assert videos == [
        ("opened", 0), ("skipped", 200), ("watched", 60), ("watched", 60), ("left", 0), ("watched", 20)
    ]  # fmt: skip
    assert rows("videos").set_index("kind")["progress"]["left"] == 340 / 500
    watched = rows("videos").query("kind == 'watched'").sort_values("occurred_at")
    assert watched["speed"].fillna(0).tolist() == [0, 1.5, 2.0]  # the first stretch: nothing is told
    assert lines(rows("submissions"), "enrolment_id", "assignment_id", "score") == [(seven, "p1", 50.0)]
    assert lines(rows("outcomes"), "enrolment_id", "kind") == [(eight, "withdrawal")]
    began = rows("enrolments").set_index("enrolment_id")["occurred_at"]
    assert began[eight] == pd.Timestamp("2026-03-01T12:00:00Z")
    assert began[seven] == pd.Timestamp("2026-03-01T09:00:00Z")
    assert set(rows("students")["student_id"]) == {"7", "8"}  # who enrolled the student is no student
    assert rows("students")["display_name"].isna().all()
    assert report.ignored == {"event problem_check": 1}


def test_no_name_and_no_address_is_stored(school: School, tmp_path: Path) -> None:
    edx.load(school, written(tmp_path / "a.log", *day(), b'{"username": "secret-name", "x'))
    lake = Lake(school.lake, school.zone)
    tables = "".join(lake.read(t).to_string() for t in ("students", "enrolments", "activity", "videos", "submissions"))
    for text in (tables, lake.rejects().to_string()):
        assert "name7" not in text
        assert "secret-name" not in text
        assert "10.0.0.1" not in text


def test_students_by_their_login_name(school: School, tmp_path: Path, rows: Rows) -> None:
    configured(school, 'person = "username"\nnot_students = ["name9"]')
    report = edx.load(school, written(tmp_path / "a.log", *day(), said("seq_next", "2026-03-01T09:00:00", user=9)))
    assert set(rows("students")["student_id"]) == {"name7", "name8"}
    assert report.ignored["of people who are no students, by importers.toml"] == 1
    assert report.ignored["of nobody who was logged in"] == 1  # enrolled by another: only the number is told


def configured(school: School, text: str) -> None:
    (school.home / "configs").mkdir(exist_ok=True)
    (school.home / "configs" / "importers.toml").write_text(f"[edx]\n{text}\n")


def test_a_log_is_known_when_it_is_fetched(school: School, tmp_path: Path, rows: Rows) -> None:
    configured(school, "known_after_hours = 24")
    offline = {"received_at": "2026-03-05T00:00:00+00:00"}
    early = {"received_at": "2026-03-01T08:00:00+00:00"}
    edx.load(
        school,
        written(
            tmp_path / "a.log",
            said("seq_next", "2026-03-01T12:00:00+03:00", {"id": "plain"}),
            said("seq_next", "2026-03-01T09:00:00", {"id": "offline"}, source="mobile", context=offline),
            said("seq_next", "2026-03-01T09:00:00", {"id": "fast clock"}, source="mobile", context=early),
            said("seq_next", "2013-03-01T09:00:00.5", {"id": "no offset"}) | {"time": "2013-03-01T09:00:00.5"},
        ),
    )
    times = rows("activity").set_index("object_id")[["occurred_at", "known_at"]].map(lambda t: t.strftime("%d %H"))
    assert times.loc["plain"].tolist() == ["01 09", "02 09"]
    assert times.loc["offline"].tolist() == ["01 09", "05 00"]
    assert times.loc["fast clock"].tolist() == ["01 08", "02 08"]
    assert times.loc["no offset"].tolist() == ["01 09", "02 09"]


def content(school: School) -> dict[str, list[str]]:
    lake = Lake(school.lake, school.zone)
    tables = ("students", "courses", "enrolments", "submissions", "activity", "videos", "outcomes")
    return {t: sorted("|".join(map(str, row)) for row in lake.read(t).itertuples(index=False)) for t in tables}


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_lines_changes_nothing(school: School, tmp_path: Path, seed: int) -> None:
    edx.load(school, written(tmp_path / "a.log", *day()))
    other = School(tmp_path / "other")
    shuffled = random.Random(seed).sample(day(), len(day()))
    edx.load(other, written(tmp_path / "b.log", *shuffled))
    assert content(other) == content(school)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_where_the_chunks_are_cut_changes_nothing(
    school: School, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    file = written(tmp_path / "a.log", *day())
    edx.load(school, file)
    monkeypatch.setattr(edx, "CHUNK_LINES", size)
    other = School(tmp_path / "other")
    edx.load(other, file)
    assert content(other) == content(school)


def test_new_files_of_a_folder_are_added_without_reading_the_old(school: School, tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    written(folder / "org-events-2026-03-01.log.gz", *day("2026-03-01"))
    written(folder / "org-events-2026-03-02.log", *day("2026-03-02"))
    (folder / "org-events-2026-03-03.log").touch()
    (folder / "README.txt").write_text("about these files")
    first = edx.load(school, folder)
    assert first.kept["activity"] == 2 * 10
    assert "a file that was imported before" not in first.ignored
    assert len(Lake(school.lake, school.zone).batches()) == 2
    again = edx.load(school, folder)
    assert again.repeated
    written(folder / "org-events-2026-03-03.log", *day("2026-03-03"))
    third = edx.load(school, folder)
    assert (third.kept["activity"], third.read["activity"]) == (10, 10)
    assert third.kept["enrolments"] == 0
    assert third.ignored["a file that was imported before"] == 2
    assert len(Lake(school.lake, school.zone).batches()) == 3


def test_a_stretch_that_crosses_the_end_of_a_file_counts_up_to_it(school: School, tmp_path: Path, rows: Rows) -> None:
    video = {"id": "v1", "duration": 500}
    written(
        tmp_path / "logs" / "1.log",
        said("play_video", "2026-03-01T23:58:00", video | {"currentTime": 0}),
        said("speed_change_video", "2026-03-01T23:59:00", video | {"current_time": 60}),
    )
    written(tmp_path / "logs" / "2.log", said("pause_video", "2026-03-02T00:02:00", video | {"currentTime": 240}))
    edx.load(school, tmp_path / "logs")
    assert lines(rows("videos"), "kind", "seconds") == [("left", 0), ("left", 0), ("watched", 60)]


def test_a_grown_file_adds_only_what_is_new(school: School, tmp_path: Path) -> None:
    edx.load(school, written(tmp_path / "tracking.log", *day()))
    report = edx.load(school, written(tmp_path / "tracking.log", *day(), said("seq_next", "2026-03-01T23:30:00")))
    assert (report.kept["activity"], report.already_known["activity"]) == (1, 10)
    assert (report.kept["videos"], report.kept["outcomes"], report.kept["submissions"]) == (0, 0, 0)


def test_the_same_line_twice_is_one_event(school: School, tmp_path: Path, rows: Rows) -> None:
    once = day()
    report = edx.load(school, written(tmp_path / "a.log", *once, *once))
    assert len(rows("activity")) == 10
    assert report.ignored["the same line again"] == 12
    assert (rows("videos")["kind"] == "watched").sum() == 3


def test_importing_again_into_a_new_lake_gives_the_same_bytes(tmp_path: Path) -> None:
    file = written(tmp_path / "a.log", *day())
    found = []
    for name in ("one", "two"):
        school = School(tmp_path / name)
        edx.load(school, file)
        parts = sorted(school.lake.glob("batches/*/*.parquet"))
        found.append([(path.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in parts])
    assert found[0]
    assert found[0] == found[1]


def test_broken_lines_are_set_aside_and_the_rest_goes_on(school: School, tmp_path: Path, rows: Rows) -> None:
    file = written(
        tmp_path / "a.log",
        *day(),
        b'{"event_type": "seq_next", "time"',
        'caf\xe9 {"event_type":1}'.encode("latin-1"),
        b'{"hello": "world"}',
        said("seq_next", "yesterday"),
        said("seq_next", "1970-01-01T00:00:00", user=66),
        said("edx.course.enrollment.activated", "1970-01-01T00:00:00", {"user_id": 67}, source="server"),
    )
    report = edx.load(school, file)
    assert [(f["row"], f["column"], f["reason"]) for f in sorted(report.faults, key=lambda f: int(f["row"]))] == [
        ("14", "", "is not sound JSON"),
        ("15", "", "is not UTF-8 text"),
        ("16", "", "is not a tracking event"),
        ("17", "time", "is not a moment"),
        ("18", "occurred_at", "is before 1990"),
        ("18", "known_at", "is before 1990"),
        ("19", "occurred_at", "is before 1990"),
        ("19", "known_at", "is before 1990"),
    ]
    assert all(fault["mend"] and fault["file"] == "a.log" for fault in report.faults)
    assert set(rows("students")["student_id"]) == {"7", "8"}
    for table in report.read:
        assert report.read[table] == report.kept[table] + report.set_aside[table] + report.already_known[table]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "the file is empty. Export it again"),
        (b" \n \n", "is empty. Give the tracking log itself"),
        (b"id,time\n1,2\n", "holds no tracking event: line 1 is not sound JSON. Give the tracking log itself"),
        (b'{"verb": {"id": "x"}, "actor": {}}\n', "holds no tracking event: line 1 is not a tracking event"),
        (gzip.compress(b'{"event_type": "x", "time": "y"}\n' * 2000)[:-12], "is cut after line"),
    ],
)
def test_a_file_that_is_no_log_adds_nothing(school: School, tmp_path: Path, text: bytes, words: str) -> None:
    (tmp_path / "tracking.log").write_bytes(text)
    with pytest.raises(BadInput, match=re.escape(words)):
        edx.load(school, tmp_path / "tracking.log")
    assert Lake(school.lake, school.zone).is_empty
    assert Lake(school.lake, school.zone).batches() == []


def test_a_broken_file_of_a_folder_leaves_those_before_it(school: School, tmp_path: Path) -> None:
    written(tmp_path / "logs" / "1.log", *day())
    written(tmp_path / "logs" / "2.log.gz", *day("2026-03-02"))
    packed = (tmp_path / "logs" / "2.log.gz").read_bytes()
    (tmp_path / "logs" / "2.log.gz").write_bytes(packed[:-12])
    with pytest.raises(BadInput, match=r"2\.log\.gz: the gzip file is cut"):
        edx.load(school, tmp_path / "logs")
    assert len(Lake(school.lake, school.zone).batches()) == 1
    (tmp_path / "logs" / "2.log.gz").write_bytes(packed)
    assert edx.load(school, tmp_path / "logs").kept["activity"] == 10


def test_a_folder_without_logs(school: School, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "events.log.gz.gpg").write_bytes(b"x")
    with pytest.raises(BadInput, match=r"logs: holds no tracking log\. Point to a log"):
        edx.load(school, tmp_path / "logs")


def test_the_schools_own_lists_stay_in_force(school: School, tmp_path: Path, rows: Rows) -> None:
    known = pd.Timestamp("2026-01-01T00:00:00Z")
    with Lake(school.lake, school.zone).adding("lists", "x") as batch:
        batch.write("students", pd.DataFrame({"student_id": ["7"], "curator": ["olga"], "known_at": [known]}))
        batch.write("courses", pd.DataFrame({"course_id": [COURSE], "title": ["Demo"], "known_at": [known]}))
    report = edx.load(school, written(tmp_path / "a.log", *day()))
    assert (report.kept["students"], report.kept["courses"], report.kept["enrolments"]) == (1, 0, 2)
    assert rows("students").set_index("student_id")["curator"]["7"] == "olga"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("known_after_hours = -1", "known_after_hours = -1. Write a number from 0 on"),
        ("known_after_hours = nan", "known_after_hours = nan"),
        ("fastest_speed = 0.5", "fastest_speed = 0.5. Write a number from 1 on"),
        ("fastest_speed = true", "fastest_speed = True"),
        ("person = 'email'", """person = 'email'. Write "user_id" or "username\""""),
        ("not_students = [4]", "not_students is not a list of texts"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(school: School, tmp_path: Path, settings: str, words: str) -> None:
    configured(school, settings)
    with pytest.raises(BadConfig, match=re.escape(words)):
        edx.load(school, written(tmp_path / "a.log", *day()))


def test_progress_ends_at_the_whole(school: School, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    written(tmp_path / "logs" / "1.log.gz", *day())
    last = written(tmp_path / "logs" / "2.log", *day("2026-03-02"))
    edx.load(school, tmp_path / "logs", lambda done, total, what: told.append((done, total, what)))
    size = sum(file.stat().st_size for file in (tmp_path / "logs").iterdir())
    assert told[-1] == (size, size, last.name)
