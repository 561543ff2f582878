"""The oracle: every feature of every enrolment at one cut-off, recounted from the raw rows in the plainest way.

It shares nothing with panes, grid and folds. It reads the rows of the contracts as a person reads a log, one
enrolment and one cut-off at a time, and is as slow as that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from math import isclose, isnan
from typing import Any

from tests.features import oracle_office as office
from tests.features import oracle_study as study
from tests.features.oracle_past import CLOSING, UNKNOWN, Past, Row, Rows

__all__ = ["CLOSING", "UNKNOWN", "Past", "Row", "Rows", "snapshot"]

COMPARED = (
    "active_days_14d",
    "days_without_login",
    "clicks_28d",
    "resource_kinds_28d",
    "homework_submitted_share",
    "homework_mean_score",
    "video_watched_minutes_28d",
    "progress_share",
)
PROFILE = ("acquisition_channel", "gender", "age_band", "region", "disability")
FEWEST = 5
"""Course-mates whose value has to be known."""


def snapshot(rows: Rows, cut: date, school: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """By live enrolment, whether there is enough data, and every feature.

    Args:
        school: the settings of school.toml.
    """
    ids = dict.fromkeys(row["enrolment_id"] for row in rows["enrolments"])
    pasts = {name: past for name in ids if (past := Past(rows, name, cut, school["time_zone"])).is_live}
    found = {name: _row(past, school) for name, past in pasts.items()}
    for name, past in pasts.items():
        for feature in COMPARED:
            mates = [found[other][feature] for other, theirs in pasts.items() if theirs.mates == past.mates]
            found[name][f"{feature}_rank"] = _rank(found[name][feature], mates)
    return found


def _row(past: Past, school: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "enough_data": _enough_data(past, school["not_enough_data"]["min_days"]),
        **study.activity(past),
        **study.homework(past),
        **study.video(past),
        **study.live(past),
        **study.progress(past),
        **office.support(past, school["support"]),
        **office.satisfaction(past),
        **office.contacts(past),
        **office.payments(past),
        **{f"profile_{name}": _place(past, name, school.get("profile", {})) for name in PROFILE},
    }


def _place(past: Past, attribute: str, listed: Mapping[str, list[str]]) -> float:
    """Where a student's value stands in the school's list."""
    student = past.entity("students", "student_id", past.enrolment["student_id"])
    places = {value: place for place, value in enumerate(listed.get(attribute, []))}
    return places.get(student.get(attribute), UNKNOWN) if student else UNKNOWN


def _rank(own: float, mates: list[float]) -> float:
    """The share of course-mates below; equal ones, and oneself, count half."""
    known = [value for value in mates if not isnan(value)]
    if isnan(own) or len(known) < FEWEST:
        return UNKNOWN
    equal = sum(isclose(value, own, rel_tol=1e-12) for value in known)
    below = sum(value < own and not isclose(value, own, rel_tol=1e-12) for value in known)
    return (below + equal / 2) / len(known)


def _enough_data(past: Past, min_days: int) -> bool:
    """Old enough, and the student has done anything at all: came, handed in, watched, wrote to support, rated."""
    asked = ("opened", "cancel_requested", "refund_requested")
    did = [row for table in ("activity", "videos", "ratings", "nps") for row in past.own(table)]
    did += [r for r in past.own("submissions") if not r["carried_over"]]
    did += [r for r in past.own("tickets") if r["event"] in asked]
    did += [r for r in past.own("live") if r["kind"] != "held"]
    return (past.cut - past.start).days >= min_days and bool(did)
