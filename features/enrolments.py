"""Enrolments as they were known at a moment: who is live, since when and until when."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from features.contracts.tables import CLOSING_OUTCOMES
from features.identity import Identities
from features.lake import Lake

NO_DAY = np.iinfo("int32").max
"""Stands for a day that is not known to come: an open end, no closing."""

Facts = dict[str, np.ndarray]
"""What is known of some enrolments, column by column."""

_NUMBERS = ("prior_attempts", "study_load", "price_minor")
_OF_COURSE = ("starts_day", "ends_day", "lessons", "hours")


class Enrolments:
    """All enrolments of a lake, with their versions.

    Args:
        lake: where they are.
        students: only of these people.

    Attributes:
        ids: their ids in ascending order; a position in it names an enrolment elsewhere.
        versions: rows of the lake, the versions of an enrolment together, older ones first.
    """

    def __init__(self, lake: Lake, students: Sequence[str] | None = None) -> None:
        self._identities = Identities.of(lake)
        self._asked = students
        wanted = None if students is None else ("student_id", self._identities.names(students))
        rows = self._identities.versions(lake.read("enrolments", wanted), "enrolment_id")
        self.ids = pd.Index(np.sort(rows["enrolment_id"].unique()), name="enrolment_id")
        rows = rows.assign(_at=self.ids.get_indexer(rows["enrolment_id"]))
        self.versions = rows.sort_values(["_at", "known_day", "known_at"], kind="stable", ignore_index=True)
        self._at = self.versions.pop("_at").to_numpy("int64")
        self._known_day = self.versions["known_day"].to_numpy("int64")
        courses = lake.read("courses").sort_values(["known_day", "known_at"], kind="stable")
        course_ids = pd.Index(pd.unique(pd.concat([courses["course_id"], self.versions["course_id"]])))
        self._courses = courses.assign(_at=course_ids.get_indexer(courses["course_id"]))
        self._course_count = len(course_ids)
        self._course = course_ids.get_indexer(self.versions["course_id"])
        outcomes = lake.read("outcomes", None if students is None else ("enrolment_id", list(self.ids)))
        self.outcomes = outcomes[outcomes["kind"].isin(CLOSING_OUTCOMES)]
        self._closed_at = self.ids.get_indexer(self.outcomes["enrolment_id"])
        self._columns = {
            "enrolled_day": self.versions["day"].to_numpy("float64"),
            "starts_day": _floats(self.versions["starts_day"]),
            "ends_day": _floats(self.versions["ends_day"]),
            **{name: _floats(self.versions[name]) for name in _NUMBERS},
        }

    def facts(self, day: int) -> Facts:
        """What is known of every enrolment at a cut-off, in the order of `ids`.

        Args:
            day: the cut-off, a day number.

        Returns:
            (n,) each: `known` (whether anything is; elsewhere the others say nothing), `live`, `version` (the row of
            `versions` in force), `course` (a number that stands for it), `self_paced` (whether it begins on a day of
            its own), `start_day`, `end_day` (the day after the last; NO_DAY when open), `closed_day` (NO_DAY when not
            closed), `enrolled_day`, and float64 with NaN for what is unknown: `lessons`, `hours`, `prior_attempts`,
            `study_load`, `price_minor`.
        """
        known = np.zeros(len(self.ids), dtype=bool)
        version = np.zeros(len(self.ids), dtype="int64")
        seen = np.flatnonzero(self._known_day < day)
        at = self._at[seen]
        last = np.append(at[1:] != at[:-1], True) if len(at) else np.zeros(0, dtype=bool)
        known[at[last]], version[at[last]] = True, seen[last]
        if self._asked is not None and known.any():  # an enrolment may have been known under another name then
            asked = self.versions["student_id"].isin(self._identities.known_before(day, self._asked))
            known &= asked.to_numpy(bool)[version]
        course = self._course_facts(day, self._course[version])
        own = {name: values[version] for name, values in self._columns.items()}
        enrolled = np.where(known, own["enrolled_day"], NO_DAY).astype("int64")
        start = _first_known(own["starts_day"], course["starts_day"], own["enrolled_day"])
        start_day = np.maximum(np.where(known, start, NO_DAY).astype("int64"), enrolled)
        end_day = _first_known(own["ends_day"], course["ends_day"], np.full(len(known), float(NO_DAY))).astype("int64")
        closed_day = np.full(len(known), NO_DAY, dtype="int64")
        told = (self.outcomes["known_day"].to_numpy("int64") < day) & (self._closed_at >= 0)
        np.minimum.at(closed_day, self._closed_at[told], self.outcomes["day"].to_numpy("int64")[told])
        return {
            "known": known,
            "live": known & (start_day <= day) & (day < end_day) & (closed_day >= day),
            "version": version,
            "course": self._course[version],
            "self_paced": ~np.isnan(own["starts_day"]) | np.isnan(course["starts_day"]),
            "start_day": start_day,
            "end_day": end_day,
            "closed_day": closed_day,
            "enrolled_day": enrolled,
            **{name: course[name] for name in ("lessons", "hours")},
            **{name: own[name] for name in _NUMBERS},
        }

    def _course_facts(self, day: int, course: np.ndarray) -> Facts:
        """Facts of the courses known at a cut-off, for (n,) numbers of them."""
        known = self._courses[self._courses["known_day"] < day].drop_duplicates("_at", keep="last")
        found = {}
        for name in _OF_COURSE:
            by_course = np.full(self._course_count, np.nan)
            by_course[known["_at"].to_numpy()] = _floats(known[name])
            found[name] = by_course[course]
        return found

    def of_students(self, students: Sequence[str]) -> np.ndarray:
        """The positions of everything that some people are enrolled in, in ascending order."""
        found = [self._of_student[name] for name in dict.fromkeys(students) if name in self._of_student]
        return np.sort(np.concatenate(found)) if found else np.zeros(0, dtype="int64")

    def owners(self, positions: np.ndarray) -> list[str]:
        """Whose some enrolments are, by their newest versions."""
        return self._owners[positions].tolist()

    @cached_property
    def _owners(self) -> np.ndarray:
        newest = np.append(self._at[1:] != self._at[:-1], True)[: len(self._at)]
        return self.versions["student_id"].to_numpy("object")[newest]

    @cached_property
    def _of_student(self) -> dict[str, np.ndarray]:
        """Positions by student."""
        names = self._owners
        order = np.argsort(names, kind="stable")
        starts = np.flatnonzero(np.append(True, names[order][1:] != names[order][:-1])[: len(order)])
        return dict(zip(names[order][starts], np.split(order, starts[1:])[: len(starts)], strict=True))

    def text(self, column: str, version: np.ndarray) -> Any:
        """A text column (student_id, course_id) of some rows of `versions`."""
        return self.versions[column].array.take(version)

    def at(self, day: int) -> pd.DataFrame:
        """What is known of every enrolment at a cut-off, as a table.

        Args:
            day: the cut-off, a day number.

        Returns:
            One row per enrolment known by then, indexed by `enrolment_id`: `student_id`, `course_id` and the columns of
            `facts`.
        """
        facts = self.facts(day)
        rows = np.flatnonzero(facts.pop("known"))
        version = facts.pop("version")[rows]
        del facts["course"]
        names = {name: self.text(name, version) for name in ("student_id", "course_id")}
        return pd.DataFrame(names | {name: values[rows] for name, values in facts.items()}, index=self.ids[rows])


def _floats(column: pd.Series) -> np.ndarray:
    return column.to_numpy("float64", na_value=np.nan)


def _first_known(*choices: np.ndarray) -> np.ndarray:
    found = choices[0]
    for other in choices[1:]:
        found = np.where(np.isnan(found), other, found)
    return found
