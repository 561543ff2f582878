import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from features import clock
from features.config import School
from features.contracts import TABLES
from features.errors import BadConfig, BadInput
from features.importers import oulad
from features.lake import Lake

Rows = Callable[[str], pd.DataFrame]
Folder = Callable[..., Path]
MOSCOW = "Europe/Moscow"


def local(moment: pd.Timestamp) -> str:
    return moment.tz_convert(MOSCOW).strftime("%Y-%m-%d %H:%M:%S")


def test_every_row_of_the_seven_tables_is_read(school: School, oulad_folder: Folder) -> None:
    report = oulad.load(school, oulad_folder())
    assert report.kept == {
        "courses": 2,
        "assignments": 4,
        "students": 3,
        "enrolments": 4,
        "outcomes": 1,
        "submissions": 4,
        "activity": 10,
    }
    assert not any(report.set_aside.values())
    assert report.faults == []


def test_exact_duplicates_of_the_click_log_are_real_rows(school: School, oulad_folder: Folder, rows: Rows) -> None:
    oulad.load(school, oulad_folder())
    same = rows("activity").query("enrolment_id == 'AAA-2013J-1' and object_id == '902'")
    assert sorted(same["event_id"]) == [
        "AAA-2013J-1:-5:902:1:0",
        "AAA-2013J-1:-5:902:1:1",
        "AAA-2013J-1:-5:902:1:2",
        "AAA-2013J-1:-5:902:2:0",
    ]
    assert same["quantity"].sum() == 5


@pytest.mark.parametrize("size", [1, 3])
def test_chunks_change_nothing(
    school: School, oulad_folder: Folder, content: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    oulad.load(school, oulad_folder())
    whole = content()
    other = School(tmp_path / "chunked")
    monkeypatch.setattr(oulad, "CHUNK_ROWS", size)
    oulad.load(other, oulad_folder())
    monkeypatch.undo()
    lake = Lake(other.lake, other.zone)
    for table, lines in whole.items():
        again = sorted("|".join(map(str, row)) for row in lake.read(table).itertuples(index=False))
        assert again == lines, table


def test_an_order_of_rows_changes_no_id(school: School, oulad_folder: Folder, tmp_path: Path, rows: Rows) -> None:
    oulad.load(school, oulad_folder())
    heading, *lines = oulad_folder.default["studentVle.csv"].splitlines(keepends=True)  # type: ignore[attr-defined]
    other = School(tmp_path / "other")
    oulad.load(other, oulad_folder("other_order", studentVle=heading + "".join(reversed(lines))))
    columns = ["event_id", "quantity", "kind", "day"]
    first, second = (
        table[columns].sort_values("event_id").reset_index(drop=True)
        for table in (rows("activity"), Lake(other.lake, other.zone).read("activity"))
    )
    pd.testing.assert_frame_equal(first, second)


def test_a_click_counts_from_the_next_local_midnight(school: School, oulad_folder: Folder, rows: Rows) -> None:
    oulad.load(school, oulad_folder())
    click = rows("activity").set_index("event_id").loc["AAA-2013J-1:-5:901:7:0"]
    assert local(click["occurred_at"]) == "2013-09-26 12:00:00"
    assert local(click["known_at"]) == "2013-09-26 23:59:59"
    assert click["day"] == click["known_day"] == clock.day_number(pd.Timestamp("2013-09-26").date())
    table = rows("activity")
    assert (table["day"] == table["known_day"]).all()


def test_activity_types_become_kinds(school: School, oulad_folder: Folder, rows: Rows) -> None:
    oulad.load(school, oulad_folder())
    kinds = rows("activity").drop_duplicates("object_id").set_index("object_id")["kind"].to_dict()
    assert kinds == {
        "901": "login",
        "902": "content",
        "903": "forum",
        "904": "quiz",
        "905": "live",
        "906": "other",  # a type never seen before
        "999": "other",  # a site that vle.csv does not have
    }
    assert set(oulad.KINDS.values()) <= set(TABLES["activity"].columns["kind"].choices)


def test_a_run_lasts_its_length_from_its_day_0(school: School, oulad_folder: Folder, rows: Rows) -> None:
    oulad.load(school, oulad_folder())
    runs = rows("courses").set_index("course_id")
    assert local(runs["starts_at"]["AAA-2013J"]) == "2013-10-01 00:00:00"
    assert runs["ends_day"]["AAA-2013J"] - runs["starts_day"]["AAA-2013J"] == 268
    assert local(runs["starts_at"]["BBB-2014B"]) == "2014-02-01 00:00:00"
    assert runs["starts_day"]["BBB-2014B"] - runs["known_day"]["BBB-2014B"] == 365


def test_homework_is_due_at_the_end_of_its_day(school: School, oulad_folder: Folder, rows: Rows) -> None:
    oulad.load(school, oulad_folder())
    tasks = rows("assignments").set_index("assignment_id")
    assert local(tasks["due_at"]["10"]) == "2013-10-20 23:59:59"
    assert pd.isna(tasks["due_at"]["12"])  # an exam
    assert tasks["title"].to_dict() == {"11": "TMA 2", "10": "TMA 1", "12": "Exam 1", "20": "CMA 1"}
    assert tasks["weight"]["12"] == 100
    handed_in_on_the_day = rows("submissions").set_index("submission_id").loc["BBB-2014B-3:20"]
    assert handed_in_on_the_day["occurred_at"] < tasks["due_at"]["20"]


def test_a_score_is_known_two_weeks_after_its_submission(school: School, oulad_folder: Folder, rows: Rows) -> None:
    oulad.load(school, oulad_folder())
    handed = rows("submissions").set_index("submission_id")
    assert handed["day"].equals(handed["known_day"])
    assert handed["score_known_day"]["AAA-2013J-1:10"] - handed["day"]["AAA-2013J-1:10"] == 14
    assert pd.isna(handed["score"]["AAA-2013J-1:11"])
    assert pd.isna(handed["score_known_at"]["AAA-2013J-1:11"])
    assert handed["carried_over"].to_dict() == {
        "AAA-2013J-1:10": False,
        "AAA-2013J-1:11": False,
        "AAA-2013J-2:10": True,
        "BBB-2014B-3:20": False,
    }


def test_enrolments_begin_with_the_registration(school: School, oulad_folder: Folder, rows: Rows) -> None:
    oulad.load(school, oulad_folder())
    own = rows("enrolments").set_index("enrolment_id")
    assert local(own["occurred_at"]["AAA-2013J-1"]) == "2013-04-25 12:00:00"
    assert local(own["occurred_at"]["BBB-2014B-1"]) == "2014-02-01 12:00:00"  # no day of registration: day 0
    assert (own["known_at"] == own["occurred_at"]).all()
    assert (own["student_id"]["AAA-2013J-2"], own["course_id"]["AAA-2013J-2"]) == ("2", "AAA-2013J")
    assert (own["prior_attempts"]["AAA-2013J-2"], own["study_load"]["AAA-2013J-2"]) == (1, 120)


def test_a_student_of_two_runs_is_known_from_the_earlier_registration(
    school: School, oulad_folder: Folder, rows: Rows
) -> None:
    oulad.load(school, oulad_folder())
    people = rows("students").set_index("student_id")
    assert local(people["known_at"]["1"]) == "2013-04-25 12:00:00"
    assert people.loc["2", ["gender", "region", "age_band", "disability"]].tolist() == ["F", "Wales", "0-35", "Y"]


def test_unregistration_is_the_withdrawal(school: School, oulad_folder: Folder, rows: Rows) -> None:
    report = oulad.load(school, oulad_folder())
    (left,) = rows("outcomes").to_dict("records")
    assert (left["enrolment_id"], left["kind"]) == ("AAA-2013J-2", "withdrawal")
    assert local(left["occurred_at"]) == "2013-10-13 12:00:00"
    assert left["day"] == left["known_day"]
    assert report.ignored == {"final_result is Withdrawn and date_unregistration is empty": 1}


def test_the_same_import_again_adds_nothing(school: School, oulad_folder: Folder, content: Callable) -> None:
    oulad.load(school, oulad_folder())
    before = content()
    again = oulad.load(school, oulad_folder())
    assert again.repeated
    assert again.kept == {}
    assert content() == before


def test_a_grown_set_adds_only_what_is_new(school: School, oulad_folder: Folder, rows: Rows) -> None:
    oulad.load(school, oulad_folder())
    text = oulad_folder.default["studentVle.csv"]  # type: ignore[attr-defined]
    report = oulad.load(school, oulad_folder(studentVle=text + "AAA,2013J,1,902,-5,1\nAAA,2013J,1,901,9,1\n"))
    assert not report.repeated
    assert {table: n for table, n in report.kept.items() if n} == {"activity": 2}
    assert report.already_known["activity"] == 10
    assert "AAA-2013J-1:-5:902:1:3" in set(rows("activity")["event_id"])


def test_a_question_mark_is_an_empty_cell(school: School, oulad_folder: Folder, rows: Rows) -> None:
    text = oulad_folder.default["assessments.csv"].replace("Exam,,", "Exam,?,")  # type: ignore[attr-defined]
    oulad.load(school, oulad_folder(assessments=text))
    assert rows("assignments").set_index("assignment_id")["due_at"].isna().to_dict()["12"]


def test_a_cut_or_wrong_row_is_set_aside_with_its_line(school: School, oulad_folder: Folder) -> None:
    clicks = oulad_folder.default["studentVle.csv"] + "AAA,2013J,1,902,soon,1\nAAA,2013J,1,9"  # type: ignore[attr-defined]
    handed = oulad_folder.default["studentAssessment.csv"] + "77,1,18,0,78\n10,1,18,0,101\n"  # type: ignore[attr-defined]
    report = oulad.load(school, oulad_folder(studentVle=clicks, studentAssessment=handed))
    assert (report.kept["activity"], report.set_aside["activity"]) == (10, 2)
    assert (report.kept["submissions"], report.set_aside["submissions"]) == (4, 2)
    found = {(fault["file"], fault["row"]): f"{fault['column']} {fault['reason']}" for fault in report.faults}
    assert found == {
        ("studentVle.csv", "12"): "date is not a whole number",
        ("studentVle.csv", "13"): "date is not a whole number",
        ("studentAssessment.csv", "6"): "id_assessment is not in assessments.csv",
        ("studentAssessment.csv", "7"): "score is not from 0 to 100",
    }
    assert all(fault["mend"] for fault in report.faults)
    for table in report.read:
        assert report.read[table] == report.kept[table] + report.set_aside[table] + report.already_known[table]


def test_registrations_without_or_with_two_people_are_counted(school: School, oulad_folder: Folder) -> None:
    text = oulad_folder.default["studentRegistration.csv"]  # type: ignore[attr-defined]
    report = oulad.load(school, oulad_folder(studentRegistration=text + "AAA,2013J,9,-1,\nAAA,2013J,1,-3,\n"))
    assert report.kept["enrolments"] == 4
    assert report.ignored["studentRegistration.csv: the student is not in studentInfo.csv"] == 1
    assert report.ignored["studentRegistration.csv: a second registration of the same student in the same run"] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"vle": None, "courses": None}, "lacks courses.csv, vle.csv. Point to the folder"),
        ({"courses": ""}, "courses.csv: the file is empty. Export it again"),
        ({"courses": "a,b\n1,2\n"}, "courses.csv: lacks the columns code_module, code_presentation, module_"),
        ({"vle": "id_site,activity_type\n1,caf\xe9\n".encode("latin-1")}, "vle.csv: is not UTF-8 text. Take the file"),
        (
            {"vle": "id_site,activity_type\n1,quiz\n2,quiz,3\n"},
            "vle.csv: is not a sound CSV file: Expected 2 fields in line 3",
        ),
        ({"vle": "\n\n"}, "vle.csv: is not a sound CSV file"),
        (
            {"courses": "code_module,code_presentation,module_presentation_length\nAAA,J2013,268\n"},
            "the presentation 'J2013' is not a year and a letter. Write it like 2013J",
        ),
    ],
)
def test_a_fault_of_a_whole_file_says_what_to_do_and_adds_nothing(
    school: School, oulad_folder: Folder, changes: dict, words: str
) -> None:
    with pytest.raises(BadInput, match=re.escape(words)):
        oulad.load(school, oulad_folder(**changes))
    assert Lake(school.lake, school.zone).is_empty


def test_an_unknown_letter_asks_for_its_day_0_and_takes_it(school: School, oulad_folder: Folder, rows: Rows) -> None:
    folder = oulad_folder(courses="code_module,code_presentation,module_presentation_length\nAAA,2013K,9\n")
    with pytest.raises(BadConfig, match=r"no day 0 for the letter K of 2013K. Add K = \"MM-DD\" under \[oulad.day0\]"):
        oulad.load(school, folder)
    (school.home / "configs").mkdir()
    (school.home / "configs" / "importers.toml").write_text('[oulad.day0]\nK = "11-05"\n')
    oulad.load(school, folder)
    assert local(rows("courses")["starts_at"][0]) == "2013-11-05 00:00:00"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("[oulad]\nscore_delay_days = -1", "score_delay_days = -1. Write a whole number of days"),
        ('[oulad.day0]\nB = "02-30"', "day0 B = '02-30' is not a day of the year"),
        ('[oulad.day0]\nB = "spring"', "day0 B = 'spring' is not a day of the year"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(
    school: School, oulad_folder: Folder, settings: str, words: str
) -> None:
    (school.home / "configs").mkdir()
    (school.home / "configs" / "importers.toml").write_text(settings)
    with pytest.raises(BadConfig, match=re.escape(words)):
        oulad.load(school, oulad_folder())


def test_other_settings_make_it_another_import(school: School, oulad_folder: Folder, rows: Rows) -> None:
    oulad.load(school, oulad_folder())
    (school.home / "configs").mkdir()
    (school.home / "configs" / "importers.toml").write_text("[oulad]\nscore_delay_days = 7\n")
    assert not oulad.load(school, oulad_folder()).repeated


def test_days_hold_where_a_clock_change_skips_midnight(tmp_path: Path, oulad_folder: Folder) -> None:
    school = School(tmp_path / "sao_paulo")
    (school.home / "configs").mkdir(parents=True)
    (school.home / "configs" / "school.toml").write_text('time_zone = "America/Sao_Paulo"\n')
    # 2013-10-20, day 19, began at 01:00 there
    clicks = "code_module,code_presentation,id_student,id_site,date,sum_click\n"
    clicks += "".join(f"AAA,2013J,1,901,{day},1\n" for day in range(17, 23))
    oulad.load(school, oulad_folder(studentVle=clicks))
    table = Lake(school.lake, school.zone).read("activity")
    day0 = clock.day_number(pd.Timestamp("2013-10-01").date())
    assert (table["day"] - day0).tolist() == list(range(17, 23))
    assert (table["known_day"] == table["day"]).all()


def test_progress_ends_at_the_whole(school: School, oulad_folder: Folder) -> None:
    told: list[tuple[int, int, str]] = []
    folder = oulad_folder()
    oulad.load(school, folder, lambda done, total, what: told.append((done, total, what)))
    total = sum(path.stat().st_size for path in folder.iterdir())
    assert [done for done, _, _ in told] == sorted(done for done, _, _ in told)
    assert told[-1] == (total, total, "studentVle.csv")
    assert {what for _, _, what in told} == {path.name for path in folder.iterdir()}
