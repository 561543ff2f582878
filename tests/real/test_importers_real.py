"""The importers on the real sets: as many rows as the sets are known to have, and shares that make sense."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from features.config import School
from features.importers import oulad, xapi
from features.lake import ImportReport, Lake

DATA = os.environ.get("HANDRAIL_TEST_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="HANDRAIL_TEST_DATA does not name the folder of the real sets")


@pytest.fixture(scope="module")
def data() -> Path:
    return Path(str(DATA))


@pytest.fixture(scope="module")
def open_university(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[School, ImportReport]:
    school = School(tmp_path_factory.mktemp("oulad"))
    return school, oulad.load(school, data / "oulad")


@pytest.fixture(scope="module")
def mooc(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[School, ImportReport]:
    school = School(tmp_path_factory.mktemp("xapi"))
    return school, xapi.load(school, data / "xapi" / "statements.json.gz")


def test_oulad_comes_whole(open_university: tuple[School, ImportReport]) -> None:
    _, report = open_university
    assert report.kept == {
        "courses": 3,
        "assignments": 24,
        "students": 2480,  # 35 people studied twice with nothing changed
        "enrolments": 2515,
        "outcomes": 631,
        "submissions": 14405,
        "activity": 753564,
    }
    assert not any(report.set_aside.values())
    assert report.ignored == {}


def test_oulads_rows_that_look_alike_are_all_there(open_university: tuple[School, ImportReport], data: Path) -> None:
    school, _ = open_university
    activity = Lake(school.lake, school.zone).read("activity")
    raw = pd.read_csv(data / "oulad" / "studentVle.csv")
    assert activity["event_id"].is_unique
    assert activity["quantity"].sum() == raw["sum_click"].sum()
    assert (activity["day"] == activity["known_day"]).all()
    alike = activity.duplicated(["enrolment_id", "object_id", "day", "quantity"], keep=False).sum()
    assert alike == raw.duplicated(keep=False).sum() > 50_000
    assert set(activity["kind"]) == {"login", "content", "forum", "quiz", "live"}


def test_oulads_withdrawals_fall_on_their_days(open_university: tuple[School, ImportReport], data: Path) -> None:
    school, _ = open_university
    lake = Lake(school.lake, school.zone)
    left = lake.read("outcomes").set_index("enrolment_id")["day"]
    runs = lake.read("courses").set_index("course_id")["starts_day"]
    raw = pd.read_csv(data / "oulad" / "studentRegistration.csv").dropna(subset="date_unregistration")
    course = raw["code_module"] + "-" + raw["code_presentation"]
    names = course + "-" + raw["id_student"].astype("str")
    days = runs.reindex(course).to_numpy() + raw["date_unregistration"].to_numpy("int64")
    assert (left.reindex(names).to_numpy() == days).all()


def test_oulad_again_adds_nothing(open_university: tuple[School, ImportReport], data: Path) -> None:
    school, _ = open_university
    version = Lake(school.lake, school.zone).version
    assert oulad.load(school, data / "oulad").repeated
    assert Lake(school.lake, school.zone).version == version


def test_xapi_comes_whole(mooc: tuple[School, ImportReport]) -> None:
    _, report = mooc
    assert report.kept["activity"] == 22000
    assert (report.kept["students"], report.kept["courses"]) == (1452, 2)
    assert not any(report.set_aside.values())
    assert report.ignored == {}


def test_skipped_shares_of_real_videos_make_sense(mooc: tuple[School, ImportReport]) -> None:
    school, _ = mooc
    videos = Lake(school.lake, school.zone).read("videos")
    counts = videos["kind"].value_counts()
    assert (counts["opened"], counts["completed"], counts["skipped"]) == (1348, 636, 1143)
    assert videos["seconds"].between(0, 2 * 3600).all()
    assert videos["progress"].dropna().between(0, 1).all()
    seconds = videos.pivot_table(index="enrolment_id", columns="kind", values="seconds", aggfunc="sum").fillna(0)
    share = seconds["skipped"].sum() / (seconds["skipped"] + seconds["watched"]).sum()
    assert 0.05 < share < 0.15  # most of what is played is watched
    assert (seconds["skipped"] > 0).mean() < 0.5  # and most people skip nothing


def test_xapi_again_adds_nothing(mooc: tuple[School, ImportReport], data: Path) -> None:
    school, _ = mooc
    assert xapi.load(school, data / "xapi" / "statements.json.gz").repeated
