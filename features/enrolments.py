"""Enrolments as they were known at a moment: who is live, since when and until when."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from features.contracts.tables import CLOSING_OUTCOMES
from features.lake import Lake

NO_DAY = np.iinfo("int32").max
"""Stands for a day that is not known to come: an open end, no closing."""


class Enrolments:
    """All enrolments of a lake, with their versions.

    Args:
        lake: where they are.
        students: only of these people.
    """

    def __init__(self, lake: Lake, students: Sequence[str] | None = None) -> None:
        rows = lake.read("enrolments", None if students is None else ("student_id", list(students)))
        self._versions = rows.sort_values(["known_day", "known_at"], kind="stable")
        self._courses = lake.read("courses").sort_values(["known_day", "known_at"], kind="stable")
        self.ids = pd.Index(np.sort(rows["enrolment_id"].unique()), name="enrolment_id")
        outcomes = lake.read("outcomes", None if students is None else ("enrolment_id", list(self.ids)))
        self.outcomes = outcomes[outcomes["kind"].isin(CLOSING_OUTCOMES)]

    def at(self, day: int) -> pd.DataFrame:
        """What is known of every enrolment at a cut-off.

        Args:
            day: the cut-off, a day number.

        Returns:
            One row per enrolment known by then, indexed by `enrolment_id`: `student_id`, `course_id`, `enrolled_day`,
            `start_day`, `end_day` (the day after the last; NO_DAY when open), `closed_day` (NO_DAY when not closed),
            `lessons`, `prior_attempts`, `study_load`, `live`.
        """
        known = self._versions[self._versions["known_day"] < day].drop_duplicates("enrolment_id", keep="last")
        courses = self._courses[self._courses["known_day"] < day].drop_duplicates("course_id", keep="last")
        courses = courses.set_index("course_id")[["starts_day", "ends_day", "lessons"]].rename(
            columns={"starts_day": "course_start", "ends_day": "course_end"}
        )
        rows = known.set_index("enrolment_id").sort_index().join(courses, on="course_id")
        closed = self.outcomes[self.outcomes["known_day"] < day].groupby("enrolment_id")["day"].min()
        start = rows["starts_day"].fillna(rows["course_start"]).fillna(rows["day"])
        facts = pd.DataFrame(
            {
                "student_id": rows["student_id"],
                "course_id": rows["course_id"],
                "enrolled_day": rows["day"].astype("int64"),
                "start_day": np.maximum(start.astype("int64"), rows["day"].astype("int64")),
                "end_day": rows["ends_day"].fillna(rows["course_end"]).fillna(NO_DAY).astype("int64"),
                "closed_day": closed.reindex(rows.index).fillna(NO_DAY).astype("int64"),
                "lessons": rows["lessons"].astype("float64"),
                "prior_attempts": rows["prior_attempts"].astype("float64"),
                "study_load": rows["study_load"].astype("float64"),
            }
        )
        live = (facts["start_day"] <= day) & (day < facts["end_day"]) & (facts["closed_day"] >= day)
        return facts.assign(live=live)
