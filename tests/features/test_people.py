from __future__ import annotations

import pandas as pd
import pytest

from features.config import School
from features.errors import BadConfig
from features.lake import Lake
from features.people import People, is_known

KNOWN = "2026-03-01T12:00:00Z"
LATER = "2026-03-05T12:00:00Z"
DAY = 20520  # 2026-03-08


@pytest.fixture
def school(tmp_path) -> School:
    school = School(tmp_path)
    students = pd.DataFrame(
        {
            "student_id": ["ann", "bob", "cat", "dan", "ann"],
            "display_name": ["Ann", "Bob", None, None, "Ann B."],
            "time_zone": ["Asia/Omsk", None, None, None, "Asia/Omsk"],
            "group": ["g1", "g1", "g2", None, "g1"],
            "curator": ["olga", None, None, None, "wei"],
            "known_at": [KNOWN, KNOWN, KNOWN, KNOWN, LATER],
        }
    )
    courses = pd.DataFrame(
        {"course_id": ["c1", "c2"], "title": ["Python", None], "curator": ["lena", None], "known_at": KNOWN}
    )
    with Lake(school.lake, school.zone).adding("test", "1") as batch:
        batch.write("students", students)
        batch.write("courses", courses)
    return school


def own(school: School, text: str) -> None:
    (school.home / "configs").mkdir()
    (school.home / "configs" / "curators.toml").write_text(text, "utf-8")


def test_the_version_known_by_the_day_counts(school):
    assert People(school, DAY).person("ann", "c1").display_name == "Ann B."
    assert People(school, DAY - 4).person("ann", "c1").curator == "olga"


def test_a_student_without_a_zone_lives_by_the_schools(school):
    people = People(school, DAY)
    assert people.person("ann", "c1").time_zone == "Asia/Omsk"
    assert people.person("bob", "c1").time_zone == "Europe/Moscow"


def test_the_most_special_word_says_who_looks_after_a_student(school):
    own(school, '[group]\ng1 = "igor"\n[course]\nc1 = "vera"\n')
    people = People(school, DAY)
    found = {student: people.person(student, "c1").curator for student in ("ann", "bob", "cat")}
    assert found == {"ann": "wei", "bob": "igor", "cat": "vera"}
    assert people.person("dan", "c2").curator is None


def test_without_settings_the_course_has_a_curator(school):
    people = People(school, DAY)
    assert people.person("bob", "c1").curator == "lena"
    assert (people.course_title("c1"), people.course_title("c2")) == ("Python", None)


def test_a_group_without_a_login_is_refused(school):
    own(school, "[group]\ng1 = 7\n")
    with pytest.raises(BadConfig, match="g1 has no login"):
        People(school, DAY)


def test_who_is_known(school):
    lake = Lake(school.lake, school.zone)
    assert is_known(lake, "ann")
    assert not is_known(lake, "zoe")
