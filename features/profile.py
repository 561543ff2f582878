"""Profile: attributes of students as numbers, only those whose values a school has listed, as known at a cut-off."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from features.config import School
from features.enrolments import Enrolments, Facts
from features.errors import BadConfig
from features.lake import Lake

ATTRIBUTES = ("acquisition_channel", "gender", "age_band", "region", "disability")


def listed(school: School) -> dict[str, list[str]]:
    """The attributes that the school has switched on, each with its values in order.

    Raises:
        BadConfig: an attribute is not known, or its values are not a list of different texts.
    """
    settings: dict[str, Any] = school.config("school").get("profile", {})
    for name, values in settings.items():
        where = f"school.toml [profile] {name}"
        if name not in ATTRIBUTES:
            raise BadConfig("is no attribute", where=where, mend=f"Use {', '.join(ATTRIBUTES)}")
        sound = isinstance(values, list) and values and all(isinstance(value, str) for value in values)
        if not sound or len(set(values)) < len(values):
            raise BadConfig("is not a list of different texts", where=where, mend='Write it like ["0-35", "35-55"]')
    return settings


class Profile:
    """The switched-on attributes of a school's students.

    Args:
        school: whose; see `listed`.
        lake: where the students are.
        enrolments: whose facts are asked for.
    """

    def __init__(self, school: School, lake: Lake, enrolments: Enrolments) -> None:
        self._values, self._enrolments = listed(school), enrolments
        if self._values:
            self._students = lake.read("students").sort_values(["known_day", "known_at"], kind="stable")

    def facts(self, day: int, version: np.ndarray) -> Facts:
        """The attributes at a cut-off.

        Args:
            day: the cut-off, a day number.
            version: (n,) rows of the enrolments' versions in force.

        Returns:
            By attribute (n,) float64, the place of the student's value in the school's list, from 0; NaN where it is
            not in the list, not known or not switched on.
        """
        unknown = np.full(len(version), np.nan)
        found = dict.fromkeys(ATTRIBUTES, unknown)
        if self._values:
            known = self._students[self._students["known_day"] < day].drop_duplicates("student_id", keep="last")
            known = known.set_index("student_id")
            students = pd.Series(self._enrolments.text("student_id", version))
            for name, values in self._values.items():
                places = known[name].map({value: place for place, value in enumerate(values)})
                found[name] = students.map(places).to_numpy("float64", na_value=np.nan)
        return found


def told(lake: Lake, rows: pd.DataFrame) -> pd.DataFrame:
    """What the school says of the students of some rows, to audit a model by: never features.

    Args:
        lake: where the students are.
        rows: `student_id` and `day`, as `features.build.snapshot` gives them.

    Returns:
        (n, attributes) texts as known on the row's day, ``unknown`` where nothing was; only attributes that anything is
        known of.
    """
    columns = ["student_id", "known_day", *ATTRIBUTES]
    students = lake.read("students").sort_values(["known_day", "known_at"], kind="stable")[columns]
    students = students.astype({"known_day": "int64"})
    asked = rows[["student_id", "day"]].assign(before=rows["day"] - 1, at=np.arange(len(rows))).sort_values("before")
    known = pd.merge_asof(asked, students, left_on="before", right_on="known_day", by="student_id")
    known = known.sort_values("at").set_index(rows.index)[list(ATTRIBUTES)]
    return known.fillna("unknown").loc[:, known.notna().any()].astype("str")
