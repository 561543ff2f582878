"""People and courses as they were known at a moment: names, zones, and who looks after whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

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

    Args:
        lake: where they are.
        day: the cut-off, a day number; newer versions are not seen.
        students: only these.
    """

    def __init__(self, lake: Lake, day: int, students: Sequence[str] | None = None) -> None:
        self._zone = lake.zone
        only = None if students is None else ("student_id", list(students))
        self._students = _newest(lake.read("students", only), "student_id", day)
        self._courses = _newest(lake.read("courses"), "course_id", day)

    def person(self, student_id: str, course_id: str) -> Person:
        """The student, with the course's curator where the student has none."""
        known = self._students.get(student_id, {})
        curator = _text(known.get("curator")) or _text(self._courses.get(course_id, {}).get("curator"))
        zone = _text(known.get("time_zone")) or self._zone
        return Person(student_id, _text(known.get("display_name")), zone, curator)

    def course_title(self, course_id: str) -> str | None:
        """The course's title; None when the school did not say."""
        return _text(self._courses.get(course_id, {}).get("title"))


def is_known(lake: Lake, student_id: str) -> bool:
    """Whether the school has this student at all."""
    wanted = ("student_id", [student_id])
    return bool(len(lake.read("enrolments", wanted)) or len(lake.read("students", wanted)))


def _newest(rows: pd.DataFrame, key: str, day: int) -> dict[Any, dict[str, Any]]:
    known = rows[rows["known_day"] < day].sort_values(["known_day", "known_at"], kind="stable")
    return known.drop_duplicates(key, keep="last").set_index(key).to_dict("index")  # type: ignore[return-value]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
