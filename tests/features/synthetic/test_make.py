from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
import pandas as pd
import pytest

from experiments.assign import in_holdout
from features.config import School
from features.contracts import TABLES
from features.importers import csv
from features.lake import Lake
from features.synthetic import make


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def small(tmp_path, made_settings):
    def _small(name: str, seed: int, **more):
        how = {"students": 60, "weeks": 12, "settings": made_settings, "in_holdout": lambda student: False} | more
        return make(tmp_path / name, seed=seed, **how)

    return _small


def test_the_same_seed_gives_the_same_bytes(small):
    one, same, other = small("one", 1), small("same", 1), small("other", 2)
    assert digests(one.folder) == digests(same.folder)
    assert digests(one.folder)["activity.csv"] != digests(other.folder)["activity.csv"]


def test_the_importer_reads_every_table_and_sets_nothing_aside(made, tmp_path):
    school = School(tmp_path)
    report = csv.load(school, made.mapping)
    assert report.kept == made.rows
    assert not any(report.set_aside.values())
    assert set(made.rows) == set(TABLES)
    assert all(made.rows.values())
    lake = Lake(school.lake, school.zone)
    last = lake.read("activity")["known_at"].max()
    assert last < pd.Timestamp(made.end, tz=school.zone)
    assert last > pd.Timestamp(made.end, tz=school.zone) - pd.Timedelta("3h")


def test_nothing_is_known_after_the_end(made, tables):
    end = pd.Timestamp(made.end, tz="Europe/Moscow")
    assert made.end == date(2026, 6, 8)
    for name, rows in tables.items():
        assert rows["known_at"].max() < end, name
        if "occurred_at" in rows:
            assert (rows["occurred_at"] <= rows["known_at"]).all(), name
    assert tables["submissions"]["score_known_at"].max() < end
    marked = tables["submissions"]["score_known_at"].notna()
    assert (marked == tables["submissions"]["score"].notna()).all()
    assert not marked.all()


def test_ids_name_rows_of_the_register(tables):
    enrolled, students = set(tables["enrolments"]["enrolment_id"]), set(tables["students"]["student_id"])
    assert set(tables["enrolments"]["student_id"]) == students
    for name, rows in tables.items():
        if "enrolment_id" in rows:
            assert set(rows["enrolment_id"].dropna()) <= enrolled, name
        if "student_id" in rows:
            other = rows["student_id"].str.match("crm:|email:")
            assert set(rows.loc[~other, "student_id"]) <= students, name
            assert name in ("tickets", "payments") or not other.any(), name
            assert "enrolment_id" not in rows or rows.loc[other, "enrolment_id"].isna().all(), name
    assert set(tables["submissions"]["assignment_id"]) <= set(tables["assignments"]["assignment_id"])
    assert set(tables["touches"]["decision_id"].dropna()) <= set(tables["decisions"]["decision_id"])


def test_nobody_studies_before_the_first_day_or_after_leaving(tables):
    outcomes = tables["outcomes"]
    assert not outcomes.duplicated(["enrolment_id", "kind"]).any()
    twice = outcomes[outcomes.duplicated("enrolment_id", keep=False)]
    assert set(twice["kind"]) == {"completion", "nonrenewal"}
    closed = outcomes.drop_duplicates("enrolment_id").set_index("enrolment_id")
    for name in ("activity", "activity_offline", "videos", "videos_offline", "submissions", "ratings", "live", "nps"):
        rows = tables[name].join(closed["day"].rename("closed"), on="enrolment_id")
        assert not (rows["day"] > rows["closed"]).any(), name
    begun = tables["activity"].groupby("enrolment_id")["occurred_at"].min()
    known = tables["enrolments"].drop_duplicates("enrolment_id").set_index("enrolment_id")["known_at"]
    assert (begun.dt.floor("D") >= known.reindex(begun.index).dt.floor("D")).all()


def test_some_facts_come_late(tables):
    late = tables["activity_offline"]
    assert (late["known_at"] - late["occurred_at"] >= pd.Timedelta("6h")).all()
    assert 0.005 < len(late) / len(tables["activity"]) < 0.05


def test_enrolments_are_live_at_all_stages_at_the_end(made, tables):
    end = pd.Timestamp(made.end, tz="Europe/Moscow")
    newest = tables["enrolments"].drop_duplicates("enrolment_id", keep="last")
    rows = newest.merge(tables["courses"], on="course_id", suffixes=("", "_run"))
    starts = rows["starts_at"].fillna(rows["starts_at_run"])
    ends = rows["ends_at"].fillna(rows["ends_at_run"])
    closed = set(tables["outcomes"]["enrolment_id"])
    live = (starts < end) & (end < ends) & ~rows["enrolment_id"].isin(closed)
    through = ((end - starts) / (ends - starts))[live]
    assert live.sum() > 0.15 * 700
    assert set(pd.cut(through, [0, 0.33, 0.67, 1]).cat.codes) == {0, 1, 2}


def test_own_pace_has_no_deadlines_and_runs_have(tables):
    own = tables["assignments"]["course_id"] == "english-own-pace"
    assert tables["assignments"].loc[own, "due_at"].isna().all()
    assert tables["assignments"].loc[~own, "due_at"].notna().all()
    newest = tables["assignments"].drop_duplicates("assignment_id", keep="last")
    due = tables["submissions"].merge(newest, on="assignment_id", suffixes=("", "_set"))
    late = (due["occurred_at"] > due["due_at"])[due["due_at"].notna()]
    assert 0.05 < late.mean() < 0.6


def test_curators_own_whole_groups_and_a_few_students_have_none(tables):
    people = tables["students"]
    assert set(people["curator"].dropna()) == {"anna", "boris", "wei"}
    assert (people.groupby("group")["curator"].nunique() <= 1).all()
    assert people.groupby("group").size().max() <= 25
    assert 0 < people["curator"].isna().mean() < 0.08


def test_names_are_written_as_their_people_write_them(tables):
    people = tables["students"]
    chinese = people.query("time_zone == 'Asia/Shanghai'")["display_name"]
    assert chinese.str.len().isin((2, 3)).all()
    assert all("\u4e00" <= sign <= "\u9fff" for sign in "".join(chinese))
    russian = people.query("time_zone == 'Europe/Moscow'")
    feminine = russian["display_name"].str.endswith("а")
    assert (feminine == (russian["gender"] == "f")).all()


def test_support_keeps_the_promises_of_the_school_settings(tmp_path, made_settings):
    support, settings = School(tmp_path).config("school")["support"], made_settings["support"]
    assert settings["opens"] == support["hours"]["opens"]
    assert settings["closes"] == support["hours"]["closes"]
    assert settings["respond"] == {name: row["respond"] for name, row in support["sla"].items()}
    assert settings["resolve"] == {name: row["resolve"] for name, row in support["sla"].items()}


def test_a_student_of_every_word_on_being_contacted(tables):
    consents = tables["consents"]
    assert set(consents["state"]) == {"given", "withdrawn", "paused"}
    silent = set(tables["students"]["student_id"]) - set(consents["student_id"])
    assert 0.02 < len(silent) / len(tables["students"]) < 0.15


def test_it_tells_how_far_it_has_come(small):
    told: list[str] = []
    small("told", 1, progress=told.append)
    assert told[0] == "living day 28 of 84"
    assert told[-1].startswith("writing")


def test_a_week_with_a_handful_of_students_can_be_made(small):
    made = small("tiny", 1, students=5, weeks=1)
    assert made.rows["students"] == 5


def test_the_hold_out_is_asked_once_for_each_student(small):
    asked: list[str] = []
    small("asked", 1, in_holdout=lambda student: bool(asked.append(student)))
    assert len(asked) == len(set(asked)) == 60


def test_a_larger_school_reads_like_a_real_one(tmp_path, made_settings):
    made = make(
        tmp_path / "large",
        students=1500,
        weeks=40,
        seed=1,
        in_holdout=lambda student: in_holdout(student, "made", 0.1),
        settings=made_settings,
    )
    hazards = pd.read_parquet(made.truth / "hazards.parquet")
    assert 2 * made.rows["students"] < made.rows["submissions"]
    assert 100 < made.rows["activity"] / made.rows["enrolments"] < 175
    assert 0.0015 < hazards["hazard"].mean() < 0.004
    assert np.isfinite(hazards["hazard"]).all()


def test_people_flag_a_few_students_for_a_while(tables):
    flags, students = tables["flags"], set(tables["students"]["student_id"])
    placed = flags[flags["state"] == "set"].set_index("student_id")
    assert 0 < len(placed) < 0.06 * len(students)
    assert placed.index.is_unique
    cleared = flags[flags["state"] == "cleared"].set_index("student_id")
    assert set(cleared.index) < set(placed.index) <= students
    began = placed.loc[cleared.index]
    assert (cleared["occurred_at"] > began["occurred_at"]).all()
    assert (cleared["kind"] == began["kind"]).all()
    assert began["until_at"].isna().all()
    ends = placed["until_at"].dropna()
    assert (ends > placed.loc[ends.index, "occurred_at"]).all()
