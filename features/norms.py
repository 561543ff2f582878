"""Norms: what is usual among course-mates at a cut-off, for the words beside a student's own value."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

LOW, HIGH = 0.25, 0.75
FEWEST = 5  # course-mates below which "usual" would be about persons, not about a course


def norms(rows: pd.DataFrame, features: Sequence[str]) -> pd.DataFrame:
    """The usual range of each feature, by course.

    Args:
        rows: a snapshot at one cut-off, as `features.build.snapshot` gives it.
        features: the columns to describe.

    Returns:
        One row per course of at least `FEWEST` students and feature with a known value: `course_id`, `feature`,
        `low`, `usual`, `high` (quartiles of the known values), `students` (how many values).
    """
    known = rows[rows["enough_data"]]
    long = known.melt("course_id", list(features), var_name="feature", value_name="value").dropna(subset=["value"])
    grouped = long.groupby(["course_id", "feature"], sort=True)["value"]
    table = pd.DataFrame(
        {
            "low": grouped.quantile(LOW),
            "usual": grouped.median(),
            "high": grouped.quantile(HIGH),
            "students": grouped.size(),
        }
    ).reset_index()
    return table[table["students"] >= FEWEST].reset_index(drop=True)
