"""People and courses as they were known at a moment: names, zones, and who looks after whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from features.config import School
from features.errors import BadConfig
from features.identity import Identities
from features.lake import Lake


@dataclass(frozen=True)
class Person:
    """A student as the school knows one.

    Attributes:
        display_name: as the student writes it; None when the school did not say.
        time_zone: the student's own zone; the school's when it is not known.
        curator: login of the curator; None when nobody was named.
    """

    student_id: str
    display_name: str | None
    time_zone: str
    curator: str | None


class People:
    """Everybody known at a cut-off.

    Who looks after a student, the most special word first: the student's own curator in the data, the group's and the
    course's in `curators.toml`, the course's in the data.

    Args:
        school: whose people.
        day: the cut-off, a day number; newer versions are not seen.
        students: only these.

    Raises:
        BadConfig: curators.toml does not name a login for each group or course.
    """

    def __init__(self, school: School, day: int, students: Sequence[str] | None = None) -> None:
        lake = Lake(school.lake, school.zone)
        self._zone = lake.zone
        self._of_group, self._of_course = _owners(school)
        only = None if students is None else ("student_id", list(students))
        self._students = _newest(lake.read("students", only), "student_id", day)
        self._courses = _newest(lake.read("courses"), "course_id", day)

    def person(self, student_id: str, course_id: str) -> Person:
        """The student, with the one who looks after them in this course."""
        known = self._students.get(student_id, {})
        words = (
            known.get("curator"),
            self._of_group.get(_text(known.get("group")) or ""),
            self._of_course.get(course_id),
            self._courses.get(course_id, {}).get("curator"),
        )
        curator = next((login for login in map(_text, words) if login), None)
        zone = _text(known.get("time_zone")) or self._zone
        return Person(student_id, _text(known.get("display_name")), zone, curator)

    def course_title(self, course_id: str) -> str | None:
        """The course's title; None when the school did not say."""
        return _text(self._courses.get(course_id, {}).get("title"))


def _owners(school: School) -> tuple[dict[str, str], dict[str, str]]:
    """Logins by group and by course, as the school has settled them."""
    settings = school.config("curators")
    tables = (settings.get("group", {}), settings.get("course", {}))
    for table in tables:
        for name, login in table.items():
            if not _text(login):
                raise BadConfig(f"{name} has no login", where="curators.toml", mend=f'Write it like "{name}" = "anna"')
    return tables


def is_known(lake: Lake, student_id: str) -> bool:
    """Whether the school has this student at all, under this name or another."""
    identities = Identities.of(lake)
    wanted = ("student_id", identities.names([identities.student(student_id)]))
    return bool(len(lake.read("enrolments", wanted)) or len(lake.read("students", wanted)))


def _newest(rows: pd.DataFrame, key: str, day: int) -> dict[Any, dict[str, Any]]:
    known = rows[rows["known_day"] < day].sort_values(["known_day", "known_at"], kind="stable")
    return known.drop_duplicates(key, keep="last").set_index(key).to_dict("index")  # type: ignore[return-value]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
