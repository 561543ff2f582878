from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from features.config import School
from features.errors import BadConfig, BadInput
from features.importers import csv, csv_file
from features.lake import Lake

Rows = Callable[[str], pd.DataFrame]
Import = Callable[..., object]

VISITS = """
[[table]]
name = "activity"
file = "visits.csv"
time_zone = "Europe/Moscow"
id_from = ["Course", "Student", "When", "What"]
copy = { known_at = "occurred_at" }
columns = { enrolment_id = ["Course", "Student"], occurred_at = "When", kind = "What" }
values = { kind = { "Вход" = "login", "Урок" = "lesson" } }
"""
HEADING = "Course,Student,When,What\n"
THREE = HEADING + "m,1,2026-03-01 09:00,Вход\nm,1,2026-03-01 09:00,Вход\nm,2,2026-03-02 10:00,quiz\n"


@pytest.fixture
def load(school: School, tmp_path: Path) -> Callable:
    """load(mapping, file_name=text or bytes ...): writes them side by side and imports."""

    def run(mapping: str = VISITS, progress: Callable | None = None, **files: str | bytes):
        for name, text in files.items():
            data = text.encode() if isinstance(text, str) else text
            (tmp_path / (name.replace("__", "-") + ".csv")).write_bytes(data)
        (tmp_path / "mapping.toml").write_text(mapping, "utf-8")
        return csv.load(school, tmp_path / "mapping.toml", progress)

    return run


def refused(load: Callable, words: str, mapping: str = VISITS, **files: str | bytes) -> BadInput:
    with pytest.raises(BadInput, match=re.escape(words)) as caught:
        load(mapping, **files)
    return caught.value


def test_rows_become_facts_with_meanings_zone_and_joined_names(load: Callable, rows: Rows) -> None:
    report = load(visits=THREE)
    assert report.kept == {"activity": 3}
    table = rows("activity").sort_values(["occurred_at", "event_id"])
    assert table["enrolment_id"].tolist() == ["m:1", "m:1", "m:2"]
    assert table["kind"].tolist() == ["login", "login", "quiz"]
    assert table["occurred_at"].iloc[0] == pd.Timestamp("2026-03-01T06:00:00Z")
    assert table["known_at"].equals(table["occurred_at"])
    assert table["event_id"].is_unique


def test_a_file_of_excel_in_russia(load: Callable, rows: Rows) -> None:
    mapping = """
    [[table]]
    name = "payments"
    file = "p.csv"
    encoding = "cp1251"
    delimiter = ";"
    decimal = ","
    time_zone = "Europe/Moscow"
    time_format = ["%d.%m.%Y %H:%M", "%d.%m.%Y"]
    id_from = ["Дата", "Ученик", "Сумма"]
    constants = { kind = "paid" }
    columns = { student_id = "Ученик", amount_minor = "Сумма", occurred_at = "Дата", known_at = "Дата" }
    multiply = { amount_minor = 100 }
    """
    text = 'Дата;Ученик;Сумма;Примечание\r\n01.03.2026 09:30;7;"1 990,50";"о;й"\r\n02.03.2026; 8 ;5;\r\n;;;\r\n'
    report = load(mapping, p=text.encode("cp1251"))
    assert (report.kept, report.ignored) == ({"payments": 2}, {"p.csv: an empty row": 1})
    table = rows("payments").sort_values("occurred_at")
    assert table["amount_minor"].tolist() == [199050, 500]
    assert table["student_id"].tolist() == ["7", "8"]
    assert table["occurred_at"].iloc[1] == pd.Timestamp("2026-03-01T21:00:00Z")


def test_one_row_per_ticket_gives_its_events(load: Callable, rows: Rows) -> None:
    block = """
    [[table]]
    name = "tickets"
    file = "t.csv"
    where_present = "{heading}"
    id_from = ["No"]
    constants = {{ event = "{event}" }}
    copy = {{ known_at = "occurred_at" }}
    columns = {{ ticket_id = "No", student_id = "Who", occurred_at = "{heading}", priority = "P" }}
    """
    events = [("Opened", "opened"), ("Answered", "responded"), ("Solved", "resolved")]
    mapping = "".join(block.format(heading=heading, event=event) for heading, event in events)
    text = "No,Who,P,Opened,Answered,Solved\n"
    text += "1,a,P1,2026-03-01T09:00Z,2026-03-01T10:00Z,2026-03-02T09:00Z\n2,b,,2026-03-03T09:00Z,,\n"
    report = load(mapping, t=text)
    assert report.kept == {"tickets": 4}
    assert report.ignored == {"t.csv: no Answered": 1, "t.csv: no Solved": 1}
    table = rows("tickets")
    assert sorted(zip(table["ticket_id"], table["event"], table["priority"], strict=True)) == [
        ("1", "opened", "P1"),
        ("1", "resolved", "P1"),
        ("1", "responded", "P1"),
        ("2", "opened", "P3"),
    ]
    assert table["event_id"].is_unique


@pytest.mark.parametrize("size", [1, 4])
def test_chunks_change_nothing(
    load: Callable, content: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    lines = ["m,1,2026-03-01 09:00,Вход", "m,1,2026-03-01 09:00,Вход", ",,,", "m,2,x,Урок", "m,2,2026-03-01,Урок,more"]
    text = HEADING + "\n".join(lines * 3) + "\nm,2,2026-03-01 09:00,Урок\n"
    whole = load(visits=text)
    expected = content()
    monkeypatch.setattr(csv_file, "CHUNK_ROWS", size)
    other = School(tmp_path / "chunked")
    report = csv.load(other, tmp_path / "mapping.toml")
    monkeypatch.undo()
    activity = Lake(other.lake, other.zone).read("activity")
    assert sorted("|".join(map(str, row)) for row in activity.itertuples(index=False)) == expected["activity"]
    assert (report.kept, report.set_aside, report.ignored) == (whole.kept, whole.set_aside, whole.ignored)
    assert report.reasons == whole.reasons
    assert report.kept == {"activity": 7}


def test_the_same_import_again_adds_nothing(load: Callable, content: Callable) -> None:
    load(visits=THREE)
    before = content()
    again = load(visits=THREE)
    assert again.repeated
    assert content() == before


def test_a_comment_in_the_mapping_makes_no_other_import(load: Callable) -> None:
    load(visits=THREE)
    assert load(VISITS + "# a comment\n", visits=THREE).repeated


def test_a_grown_export_adds_only_what_is_new(load: Callable) -> None:
    load(visits=THREE)
    report = load(visits=THREE + "m,1,2026-03-01 09:00,Вход\nm,3,2026-03-05 09:00,Урок\n")
    assert (report.kept, report.already_known) == ({"activity": 2}, {"activity": 3})


def test_equal_rows_in_two_files_are_one_row_exported_twice(load: Callable) -> None:
    report = load(VISITS.replace("visits.csv", "v-*.csv"), v__1=THREE, v__2=THREE + "m,9,2026-03-09,quiz\n")
    assert (report.kept, report.already_known) == ({"activity": 4}, {"activity": 3})


def test_a_row_that_cannot_be_used_is_set_aside_with_line_reason_and_mend(load: Callable) -> None:
    text = THREE + 'm,4,01.03.2026,quiz\nm,5,2026-03-01,dance\n"m" x,6,2026-03-01,quiz\nm,7,2026-03-01,"a\nb"\nm,8,2026'
    report = load(visits=text)
    assert (report.kept, report.set_aside) == ({"activity": 3}, {"activity": 5})
    faults = sorted(report.faults, key=lambda fault: int(fault["row"]))
    assert [(f["row"], f["column"], f["reason"], f["value"]) for f in faults] == [
        ("5", "occurred_at", "is not a moment in ISO 8601", "01.03.2026"),
        ("6", "kind", "is not one of the allowed values", "dance"),
        ("7", "", "has wrong quotes", ""),
        ("8", "kind", "is not one of the allowed values", "a\nb"),
        ("10", "", "has fewer cells than the 4 headings", "m,8,2026"),
    ]
    assert faults[0]["mend"] == "Write time_format as the file has it, in table block 1 of mapping.toml"
    assert "was cut" in faults[4]["mend"]
    assert report.read["activity"] == 8


def test_a_file_that_was_cut_in_a_quote(load: Callable) -> None:
    report = load(visits=THREE + 'm,4,"2026')
    assert (report.kept, report.set_aside) == ({"activity": 3}, {"activity": 1})


def test_an_open_quote_that_swallows_rows_is_refused(load: Callable, school: School) -> None:
    refused(
        load,
        "visits.csv (table block 1 of mapping.toml): a quote that opens in line 5 is not closed in it, and the rows "
        "after it cannot be told apart. Close or remove that quote",
        visits=THREE + 'm,4,"2026-03-01,quiz\n' + "m,5,2026-03-01,quiz\n" * 3,
    )
    refused(
        load, "a quote that opens in line 5", visits=THREE + 'm,4,"2026-03-01,quiz\nm,5,2026,"quiz\nm,6,2026,quiz\n'
    )
    refused(load, "a quote that opens in line 5", visits=THREE + 'm,4,"x,quiz\n' + "m,5,2026-03-01,quiz\n" * 9_000)
    refused(load, "a quote that opens in line 5", visits=THREE + 'm,"4\nm,5",2026-03-01\n')
    assert Lake(school.lake, school.zone).is_empty


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Вход".encode("cp1251"), 'line 2 is not utf-8 text. Write encoding = "cp1251" in that block'),
        ("Вход на урок".encode("koi8-r"), 'line 2 is not utf-8 text. Write encoding = "koi8-r" in that block'),
        ("вход на урок".encode("cp866"), 'line 2 is not utf-8 text. Write encoding = "cp866" in that block'),
        ("登录课程".encode("gb18030"), 'line 2 is not utf-8 text. Write encoding = "gb18030" in that block'),
        ("café très".encode("latin-1"), 'line 2 is not utf-8 text. Write encoding = "latin-1" in that block'),
        ("Вход".encode()[:-1], "line 2 is not utf-8 text"),
    ],
)
def test_another_encoding_is_named(load: Callable, school: School, text: bytes, words: str) -> None:
    error = refused(load, words, visits=HEADING.encode() + b"m,1,2026-03-01," + text)
    assert error.where == "visits.csv (table block 1 of mapping.toml)"
    assert Lake(school.lake, school.zone).is_empty


def test_utf_16_is_named_and_read(load: Callable) -> None:
    refused(load, 'line 1 is not utf-8 text. Write encoding = "utf-16"', visits=THREE.encode("utf-16"))
    report = load(VISITS.replace("time_zone", 'encoding = "utf-16"\ntime_zone'), visits=THREE.encode("utf-16"))
    assert report.kept == {"activity": 3}


def test_utf_8_that_is_called_cp1251_is_named(load: Callable) -> None:
    mapping = VISITS.replace("time_zone", 'encoding = "cp1251"\ntime_zone')
    refused(load, 'is UTF-8, not cp1251. Write encoding = "utf-8" in that block', mapping, visits=THREE)


def test_the_byte_order_mark_of_excel_is_no_part_of_the_heading(load: Callable) -> None:
    assert load(visits=b"\xef\xbb\xbf" + THREE.encode()).kept == {"activity": 3}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty. Export it again"),
        ("\ufeff", "the file is empty. Export it again"),
        (
            "Kurs,Student,Wann,What\nm,1,2026-03-01,quiz\n",
            "lacks the headings Course, When. The headings are: Kurs, Student, Wann, What. Write them in the map",
        ),
        (THREE.replace(",", ";"), "Its first line is 'Course;Student;When;What': write delimiter = \";\""),
        (THREE.replace(",", "\t"), 'write delimiter = "\\t" in that block'),
        ("Course,Student,When,What,When\n", "has the heading When twice. Rename one of them"),
        ('"Course,Student,When,What', "the first line cannot be read"),
        (
            HEADING + "m,1,01.03.2026,quiz\nm,2,02.03.2026,quiz\n",
            "all 2 rows: occurred_at is not a moment in ISO 8601 (row 2 has '01.03.2026'). Write time_format as the "
            "file has it, in table block 1 of mapping.toml",
        ),
        (
            HEADING + "m,1,2026-03-01,x\nm,2,02.03.2026,x\nm,3,2026-03-01\n" * 2,
            None,  # not all for the same reason: set aside one by one
        ),
        (HEADING + "m,1,2026-03-01,x\n", "all 1 rows: kind is not one of the allowed values (row 2 has 'x'). Use"),
        (HEADING + "m,1\nm,2\n", "all 2 rows: has fewer cells than the 4 headings (row 2 has 'm,1'). If the file"),
    ],
)  # fmt: skip
def test_a_fault_of_a_whole_file_says_what_to_do_and_adds_nothing(
    load: Callable, school: School, text: str, words: str | None
) -> None:
    if words is None:
        assert load(visits=text).set_aside == {"activity": 6}
        return
    refused(load, words, visits=text)
    assert Lake(school.lake, school.zone).is_empty
    assert Lake(school.lake, school.zone).batches() == []


def test_a_missing_zone_is_asked_for(load: Callable) -> None:
    mapping = VISITS.replace('time_zone = "Europe/Moscow"', "")
    words = "all 3 rows: occurred_at has no time zone (row 2 has '2026-03-01 09:00'). Write time_zone = "
    refused(load, words, mapping, visits=THREE)


def test_a_sound_file_is_not_added_when_a_later_one_is_refused(load: Callable, school: School) -> None:
    refused(
        load, "lacks the heading", VISITS + VISITS.replace("visits.csv", "more.csv"), visits=THREE, more="a,b\n1,2\n"
    )
    assert Lake(school.lake, school.zone).is_empty


def test_an_export_with_headings_and_no_rows_is_sound(load: Callable) -> None:
    assert load(visits=HEADING).kept == {"activity": 0}


def test_a_constant_moment_and_a_missing_one(load: Callable, rows: Rows) -> None:
    mapping = """
    [[table]]
    name = "assignments"
    file = "a.csv"
    time_zone = "Europe/Moscow"
    time_format = "%d.%m.%Y"
    constants = { known_at = "2026-01-01", course_id = "m" }
    columns = { assignment_id = "Id", due_at = "Due" }
    """
    load(mapping, a="Id,Due\n1,05.03.2026\n2,\n")
    table = rows("assignments").set_index("assignment_id")
    assert table["known_at"]["1"] == pd.Timestamp("2025-12-31T21:00:00Z")
    assert table["due_at"]["1"] == pd.Timestamp("2026-03-04T21:00:00Z")
    assert pd.isna(table["due_at"]["2"])


def test_a_name_of_which_a_part_is_missing_is_missing(load: Callable) -> None:
    report = load(visits=THREE + ",1,2026-03-01,quiz\n")
    assert [(fault["column"], fault["reason"]) for fault in report.faults] == [("enrolment_id", "is empty")]


def test_a_mapping_that_cannot_be_used_opens_no_file(load: Callable) -> None:
    with pytest.raises(BadConfig, match="did you mean 'activity'"):
        load(VISITS.replace('"activity"', '"activty"'))


def test_progress_ends_at_the_whole(load: Callable, tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    load(VISITS + VISITS.replace("visits", "more"), lambda *now: told.append(now), visits=THREE, more=THREE)
    size = (tmp_path / "visits.csv").stat().st_size
    assert told == [(size, 2 * size, "visits.csv"), (2 * size, 2 * size, "more.csv")]
