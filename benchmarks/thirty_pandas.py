"""Thirty features of the catalogue in pandas, written as a data scientist who knows pandas would write them.

Events are read once, with dictionary-coded ids and only the columns that are needed, and summed by enrolment, day and
day of knowing; windows are then sums over the days of those sums, cut-off by cut-off, and totals are carried on from
cut-off to cut-off. Nothing looks at an event twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from features.contracts.tables import CLOSING_OUTCOMES
from features.lake import Lake

FEATURES = (
    "active_days_7d",
    "active_days_14d",
    "active_days_28d",
    "days_without_login",
    "clicks_7d",
    "clicks_28d",
    "activity_trend",
    "activity_against_habit",
    "longest_gap_28d",
    "forum_clicks_28d",
    "video_skip_share_28d",
    "video_watched_minutes_28d",
    "video_completed_share_28d",
    "homework_submitted_share",
    "homework_overdue_now",
    "homework_late_share",
    "homework_mean_delay",
    "days_since_submission",
    "tickets_open_now",
    "tickets_28d",
    "cancel_requested_30d",
    "refund_requested_30d",
    "payment_failures_30d",
    "touches_28d",
    "days_since_touch",
    "course_elapsed_share",
    "days_to_end",
    "days_since_start",
    "enrolled_ahead_days",
    "prior_attempts",
)
_MOVES = {"opened": 0, "resolved": 1, "reopened": 2}


def thirty(lake: Lake, days: Sequence[int]) -> pd.DataFrame:
    """The features of every live enrolment at each cut-off.

    Args:
        lake: the events.
        days: cut-offs in ascending order, day numbers.

    Returns:
        `day`, `enrolment_id` and `FEATURES`, in order of day and enrolment.
    """
    tables = _Tables(lake)
    clicks, seconds = tables.clicks(), tables.seconds()
    tickets, payments, touches = tables.of_people("tickets"), tables.of_people("payments"), tables.of_people("touches")
    submissions = tables.submissions()
    assignments = tables.assignments
    total, last = pd.Series(dtype="float64"), pd.Series(dtype="float64")
    parts, before = [], -1
    for day in days:
        x = _enrolled(tables, day)
        new = clicks[(clicks["known_day"] >= before) & (clicks["known_day"] < day)]
        new = new[new["day"].to_numpy() >= x["start"].reindex(new["enrolment_id"]).to_numpy()]
        by_enrolment = new.groupby("enrolment_id")
        total = total.add(by_enrolment["clicks"].sum(), fill_value=0)
        last = pd.concat([last, by_enrolment["day"].max()]).groupby(level=0).max()
        before = day
        x = x[x["live"]]
        _activity(x, _window(clicks, day, 28), day, total, last)
        _videos(x, _window(seconds, day, 28))
        _homework(x, submissions[submissions["known_day"] < day], assignments[assignments["known_day"] < day], day)
        _support(x, tickets[tickets["known_day"] < day], day)
        failed = _window(payments, day, 30)
        _count(x, "payment_failures_30d", failed[failed["kind"] == "failed"])
        _contacts(x, touches[touches["known_day"] < day], day)
        parts.append(x.assign(day=day))
    table = pd.concat(parts).rename_axis("enrolment_id").reset_index()
    table["enrolment_id"] = tables.ids.take(table["enrolment_id"])
    return table[["day", "enrolment_id", *FEATURES]].sort_values(["day", "enrolment_id"], ignore_index=True)


class _Tables:
    """The tables, in which numbers stand for the ids of enrolments and tasks: grouping by numbers is much faster."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        rows = lake.read("enrolments").sort_values("known_at", kind="stable")
        self.ids = pd.Index(sorted(rows["enrolment_id"].unique()))
        self.enrolments = self._numbered(rows)
        tasks = lake.read("assignments").sort_values("known_at", kind="stable")
        self._tasks = pd.Index(tasks["assignment_id"].unique())
        self.assignments = tasks.assign(assignment_id=pd.Categorical(tasks["assignment_id"], self._tasks).codes)
        self.courses = lake.read("courses").sort_values("known_at", kind="stable")
        outcomes = self._numbered(lake.read("outcomes"))
        self.closings = outcomes[outcomes["kind"].isin(CLOSING_OUTCOMES)]
        newest = self.enrolments.drop_duplicates("enrolment_id", keep="last")
        self._people = newest[["student_id", "enrolment_id"]].rename(columns={"enrolment_id": "own"})

    def _numbered(self, rows: pd.DataFrame) -> pd.DataFrame:
        return rows.assign(enrolment_id=pd.Categorical(rows["enrolment_id"], self.ids).codes)

    def clicks(self) -> pd.DataFrame:
        rows = _read(self._lake.paths("activity"), ["enrolment_id", "kind", "quantity", "day", "known_day"])
        rows["forum"] = rows["quantity"].where(rows["kind"] == "forum", 0)
        rows = rows.rename(columns={"quantity": "clicks"})
        return self._by_day(rows, ["clicks", "forum"])

    def seconds(self) -> pd.DataFrame:
        rows = _read(self._lake.paths("videos"), ["enrolment_id", "kind", "seconds", "day", "known_day"])
        for kind in ("watched", "skipped"):
            rows[kind] = rows["seconds"].where(rows["kind"] == kind, 0.0)
        for kind in ("opened", "completed"):
            rows[kind] = (rows["kind"] == kind).astype("float64")
        return self._by_day(rows, ["watched", "skipped", "opened", "completed"])

    def of_people(self, table: str) -> pd.DataFrame:
        """Facts of a person without an enrolment are facts of all enrolments of the person."""
        rows = self._numbered(self._lake.read(table)).merge(self._people, on="student_id")
        rows = rows[(rows["enrolment_id"] == -1) | (rows["enrolment_id"] == rows["own"])]
        return rows.drop(columns="enrolment_id").rename(columns={"own": "enrolment_id"}).sort_values("known_at")

    def submissions(self) -> pd.DataFrame:
        rows = self._numbered(self._lake.read("submissions"))
        rows["assignment_id"] = pd.Categorical(rows["assignment_id"], self._tasks).codes
        return rows.sort_values(["enrolment_id", "assignment_id", "occurred_at", "submission_id"])

    def _by_day(self, rows: pd.DataFrame, measures: list[str]) -> pd.DataFrame:
        keys = ["enrolment_id", "day", "known_day"]
        rows["enrolment_id"] = rows["enrolment_id"].cat.set_categories(self.ids).cat.codes
        sums = rows.groupby(keys, sort=False)[measures].sum().reset_index()
        return sums.sort_values(["enrolment_id", "day"], ignore_index=True)


def _read(paths: Sequence[Path], columns: list[str]) -> pd.DataFrame:
    coded = [name for name in columns if name in ("enrolment_id", "kind")]
    parts = [pq.read_table(path, columns=columns, read_dictionary=coded) for path in paths]
    return pa.concat_tables(parts).unify_dictionaries().replace_schema_metadata().to_pandas()  # no masked integers


def _window(rows: pd.DataFrame, day: int, days: int) -> pd.DataFrame:
    return rows[(rows["day"] >= day - days) & (rows["day"] < day) & (rows["known_day"] < day)]


def _count(x: pd.DataFrame, name: str, rows: pd.DataFrame) -> None:
    x[name] = rows.groupby("enrolment_id").size().reindex(x.index).fillna(0.0)


def _share(part: pd.Series, whole: pd.Series) -> pd.Series:
    return (part / whole).where(whole > 0)


def _enrolled(tables: _Tables, day: int) -> pd.DataFrame:
    """What is known of every enrolment at a cut-off, with the features that come from that alone."""
    known = tables.enrolments[tables.enrolments["known_day"] < day].drop_duplicates("enrolment_id", keep="last")
    courses = tables.courses[tables.courses["known_day"] < day]
    courses = courses.drop_duplicates("course_id", keep="last").set_index("course_id")
    gone = tables.closings[tables.closings["known_day"] < day]
    x = known.set_index("enrolment_id")
    x = x.join(courses[["starts_day", "ends_day"]].add_prefix("course_"), on="course_id")
    start = x["starts_day"].fillna(x["course_starts_day"]).fillna(x["day"]).astype("float64")
    enrolled = x["day"].astype("float64")
    end = x["ends_day"].fillna(x["course_ends_day"]).astype("float64")
    found = pd.DataFrame({"course_id": x["course_id"], "start": np.maximum(start, enrolled), "end": end})
    found["since"] = np.maximum(x["starts_day"].fillna(x["day"]).astype("float64"), enrolled)
    found["live"] = (found["start"] <= day) & ~(end <= day) & ~found.index.isin(gone["enrolment_id"])
    found["course_elapsed_share"] = (day - found["start"]) / (end - found["start"]).clip(lower=1)
    found["days_to_end"] = end - day
    found["days_since_start"] = day - found["start"]
    found["enrolled_ahead_days"] = found["start"] - enrolled
    found["prior_attempts"] = x["prior_attempts"].astype("float64")
    return found


def _activity(x: pd.DataFrame, rows: pd.DataFrame, day: int, total: pd.Series, last: pd.Series) -> None:
    active = rows.drop_duplicates(["enrolment_id", "day"])
    for days in (7, 14, 28):
        _count(x, f"active_days_{days}d", active[active["day"] >= day - days])
    sums = rows.groupby("enrolment_id")[["clicks", "forum"]].sum().reindex(x.index).fillna(0.0)
    x["clicks_28d"], x["forum_clicks_28d"] = sums["clicks"], sums["forum"]
    week = rows[rows["day"] >= day - 7]
    x["clicks_7d"] = week.groupby("enrolment_id")["clicks"].sum().reindex(x.index).fillna(0.0)
    x["activity_trend"] = 2 * x["active_days_14d"] - x["active_days_28d"]
    weeks_before = (day - 7 - x["start"]) / 7
    habit = (total.reindex(x.index).fillna(0.0) - x["clicks_7d"]) / weeks_before
    x["activity_against_habit"] = (x["clicks_7d"] / habit).where((weeks_before > 0) & (habit > 0))
    x["days_without_login"] = day - 1 - last.reindex(x.index).fillna(x["start"] - 1)
    opens = np.maximum(x["start"], day - 28)
    seen = active[active["day"].to_numpy() >= opens.reindex(active["enrolment_id"]).to_numpy()]
    previous = seen.groupby("enrolment_id")["day"].shift()
    previous = previous.fillna(opens.reindex(seen["enrolment_id"]).set_axis(seen.index) - 1)
    inner = (seen["day"] - previous - 1).groupby(seen["enrolment_id"]).max()
    tail = day - 1 - seen.groupby("enrolment_id")["day"].max()
    gaps = np.maximum(inner, tail).reindex(x.index)
    x["longest_gap_28d"] = gaps.fillna(day - opens)


def _videos(x: pd.DataFrame, rows: pd.DataFrame) -> None:
    measures = ["watched", "skipped", "opened", "completed"]
    sums = rows.groupby("enrolment_id")[measures].sum().reindex(x.index).fillna(0.0)
    x["video_skip_share_28d"] = _share(sums["skipped"], sums["skipped"] + sums["watched"])
    x["video_watched_minutes_28d"] = sums["watched"] / 60
    x["video_completed_share_28d"] = _share(sums["completed"], sums["opened"]).clip(upper=1)


def _homework(x: pd.DataFrame, submissions: pd.DataFrame, assignments: pd.DataFrame, day: int) -> None:
    tasks = assignments.drop_duplicates("assignment_id", keep="last").dropna(subset=["due_at"])
    tasks = tasks[["assignment_id", "course_id", "due_at", "due_day"]]
    owed = x[["course_id", "since"]].reset_index().merge(tasks[tasks["due_day"] < day], on="course_id")
    owed = owed[owed["due_day"] >= owed["since"]]
    first = submissions.drop_duplicates(["enrolment_id", "assignment_id"])
    handed_in = owed.merge(first[["enrolment_id", "assignment_id"]])
    due = owed.groupby("enrolment_id").size().reindex(x.index).fillna(0.0)
    closed = handed_in.groupby("enrolment_id").size().reindex(x.index).fillna(0.0)
    x["homework_submitted_share"] = _share(closed, due)
    x["homework_overdue_now"] = due - closed
    own_work = submissions[~submissions["carried_over"].astype("bool")]
    effort = own_work.drop_duplicates(["enrolment_id", "assignment_id"]).merge(tasks, on="assignment_id")
    effort["late"] = effort["occurred_at"] > effort["due_at"]
    effort["delay"] = (effort["day"] - effort["due_day"]).astype("float64")
    means = effort.groupby("enrolment_id")[["late", "delay"]].mean().reindex(x.index)
    x["homework_late_share"], x["homework_mean_delay"] = means["late"], means["delay"]
    x["days_since_submission"] = day - 1 - own_work.groupby("enrolment_id")["day"].max().reindex(x.index)


def _support(x: pd.DataFrame, tickets: pd.DataFrame, day: int) -> None:
    moves = tickets[tickets["event"].isin(_MOVES)]
    moves = moves.assign(rank=moves["event"].map(_MOVES)).sort_values(["occurred_at", "rank", "event_id"])
    state = moves.drop_duplicates(["enrolment_id", "ticket_id"], keep="last")
    _count(x, "tickets_open_now", state[state["event"] != "resolved"])
    for name, event, days in (
        ("tickets_28d", "opened", 28),
        ("cancel_requested_30d", "cancel_requested", 30),
        ("refund_requested_30d", "refund_requested", 30),
    ):
        _count(x, name, tickets[(tickets["event"] == event) & (tickets["day"] >= day - days)])


def _contacts(x: pd.DataFrame, touches: pd.DataFrame, day: int) -> None:
    newest = touches.drop_duplicates(["enrolment_id", "touch_id"], keep="last")
    sent = newest[newest["status"] != "failed"]
    _count(x, "touches_28d", sent[sent["day"] >= day - 28])
    x["days_since_touch"] = day - 1 - sent.groupby("enrolment_id")["day"].max().reindex(x.index)
