"""People, courses and enrolments that a log takes for granted: made from its events where the lake lacks them."""

from __future__ import annotations

import pandas as pd

from features.lake import Batch

_FIRST = {"occurred_at": "min", "known_at": "min", "line": "min"}
_KEYS = ["enrolment_id", "student_id", "course_id"]


class Met:
    """The enrolments met while a log is read, each with its first moments, in memory of one row per enrolment."""

    def __init__(self) -> None:
        self._first = pd.DataFrame()

    def add(self, rows: pd.DataFrame) -> None:
        """Notes the enrolments of some events.

        Args:
            rows: (n, ...) with `enrolment_id`, `student_id`, `course_id`, `occurred_at`, `known_at` and `line`, where
                it stands in the file.
        """
        if len(rows):
            both = pd.concat([self._first, rows[[*_KEYS, *_FIRST]]], ignore_index=True)
            self._first = both.groupby(_KEYS, as_index=False).agg(_FIRST)

    def write(self, batch: Batch, file: str) -> None:
        """Writes those that the lake does not have: an enrolment begins with its first event.

        Args:
            batch: the import.
            file: named in the reasons.
        """
        if self._first.empty:
            return
        for table, key, columns in (
            ("courses", "course_id", ["course_id"]),
            ("students", "student_id", ["student_id"]),
            ("enrolments", "enrolment_id", [*_KEYS, "occurred_at"]),
        ):
            new = self._first[~self._first[key].isin(batch.lake.read(table)[key])]
            new = new.sort_values(["known_at", key], kind="stable").drop_duplicates(key).set_index("line")
            batch.write(table, new[[*columns, "known_at"]].rename_axis(None), file=file)
