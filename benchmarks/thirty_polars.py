"""Thirty features of the catalogue in Polars, written as a data scientist who knows Polars would write them.

The plan is the one of the pandas version: lazy scans summed by enrolment, day and day of knowing with the streaming
engine; then windows over the days of those sums, cut-off by cut-off, and totals carried on from one to the next.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
from polars import col

from benchmarks.thirty_pandas import FEATURES
from features.contracts.tables import CLOSING_OUTCOMES
from features.lake import Lake

_MOVES = {"opened": 0, "resolved": 1, "reopened": 2}
_AT = "enrolment_id"


def thirty(lake: Lake, days: Sequence[int]) -> pl.DataFrame:
    """The features of every live enrolment at each cut-off; see `benchmarks.thirty_pandas.thirty`."""
    tables = _Tables(lake)
    clicks, seconds = tables.clicks(), tables.seconds()
    tickets, payments, touches = tables.of_people("tickets"), tables.of_people("payments"), tables.of_people("touches")
    submissions, assignments = tables.submissions(), tables.assignments
    so_far = pl.DataFrame(schema={_AT: pl.UInt32, "total": pl.Int64, "last": pl.Int32})
    parts, before = [], -1
    for day in days:
        x = tables.enrolled(day)
        new = clicks.filter(col("known_day").is_between(before, day - 1)).join(x.select(_AT, "start"), on=_AT)
        new = new.filter(col("day") >= col("start")).select(_AT, total="clicks", last="day")
        so_far = pl.concat([so_far, new]).group_by(_AT).agg(col("total").sum(), col("last").max())
        before = day
        x = x.filter(col("live"))
        known = submissions.lazy().filter(col("known_day") < day)
        failed = _window(payments, day, 30).filter(col("kind") == "failed")
        found = [
            _activity(x, _window(clicks, day, 28), so_far.lazy(), day),
            _videos(_window(seconds, day, 28)),
            _homework(x, known, assignments.lazy().filter(col("known_day") < day), day),
            _support(tickets.lazy().filter(col("known_day") < day), day),
            failed.group_by(_AT).agg(pl.len().alias("payment_failures_30d")),
            _contacts(touches.lazy().filter(col("known_day") < day), day),
        ]
        for table in pl.collect_all(found):
            x = x.join(table, on=_AT, how="left", maintain_order="left")
        columns = [pl.lit(day).alias("day"), _AT, *(col(name).cast(pl.Float64) for name in FEATURES)]
        parts.append(_filled(x.sort(_AT)).select(columns))
    table = pl.concat(parts).join(tables.ids, on=_AT, how="left", maintain_order="left")
    return table.select("day", col("id").alias(_AT), *FEATURES)


def _scan(lake: Lake, table: str) -> pl.LazyFrame:
    return pl.scan_parquet([str(path) for path in lake.paths(table)])


class _Tables:
    """The tables, in which numbers stand for the ids of enrolments and tasks: grouping by numbers is faster."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self.ids = _scan(lake, "enrolments").select(id=_AT).unique().sort("id").with_row_index(_AT).collect()
        self._enrolments = self.numbered("enrolments").sort("known_at", maintain_order=True).collect()
        self._people = self._enrolments.unique(_AT, keep="last").select("student_id", own=_AT).lazy()
        self._tasks = _scan(lake, "assignments").select("assignment_id").unique().with_row_index("task").collect()
        self.assignments = self._of_tasks(_scan(lake, "assignments").sort("known_at", maintain_order=True)).collect()
        self._courses = _scan(lake, "courses").sort("known_at", maintain_order=True).collect()
        self._closings = self.numbered("outcomes").filter(col("kind").is_in(CLOSING_OUTCOMES)).collect()

    def numbered(self, table: str) -> pl.LazyFrame:
        rows = _scan(self._lake, table).rename({_AT: "id"})
        return rows.join(self.ids.lazy(), on="id", how="left", maintain_order="left").drop("id")

    def _of_tasks(self, rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.join(self._tasks.lazy(), on="assignment_id", maintain_order="left").drop("assignment_id")

    def submissions(self) -> pl.DataFrame:
        rows = self._of_tasks(self.numbered("submissions"))
        return rows.sort(_AT, "task", "occurred_at", "submission_id").collect()

    def clicks(self) -> pl.DataFrame:
        forum = pl.when(col("kind") == "forum").then(col("quantity")).otherwise(0)
        return self._by_day("activity", clicks=col("quantity").sum(), forum=forum.sum())

    def seconds(self) -> pl.DataFrame:
        def of(kind: str) -> pl.Expr:
            return pl.when(col("kind") == kind).then(col("seconds")).otherwise(0.0).sum()

        def count(kind: str) -> pl.Expr:
            return (col("kind") == kind).sum()

        measures = {"watched": of("watched"), "skipped": of("skipped")}
        return self._by_day("videos", **measures, opened=count("opened"), completed=count("completed"))

    def _by_day(self, table: str, **measures: pl.Expr) -> pl.DataFrame:
        sums = _scan(self._lake, table).group_by(_AT, "day", "known_day").agg(**measures).rename({_AT: "id"})
        sums = sums.join(self.ids.lazy(), on="id").drop("id")
        return sums.collect(engine="streaming").sort(_AT, "day")

    def of_people(self, table: str) -> pl.DataFrame:
        """Facts of a person without an enrolment are facts of all enrolments of the person."""
        rows = self.numbered(table).join(self._people, on="student_id")
        rows = rows.filter(col(_AT).is_null() | (col(_AT) == col("own"))).drop(_AT).rename({"own": _AT})
        return rows.sort("known_at", maintain_order=True).collect()

    def enrolled(self, day: int) -> pl.DataFrame:
        """What is known of every enrolment at a cut-off, with the features that come from that alone."""
        known = self._enrolments.filter(col("known_day") < day).unique(_AT, keep="last", maintain_order=True)
        courses = self._courses.filter(col("known_day") < day).unique("course_id", keep="last", maintain_order=True)
        courses = courses.select("course_id", course_start="starts_day", course_end="ends_day")
        gone = self._closings.filter(col("known_day") < day)
        x = known.join(courses, on="course_id", how="left").with_columns(
            start=pl.max_horizontal(pl.coalesce("starts_day", "course_start", "day"), "day"),
            since=pl.max_horizontal(pl.coalesce("starts_day", "day"), "day"),
            end=pl.coalesce("ends_day", "course_end"),
        )
        over = (col("end") <= day).fill_null(False) | col(_AT).is_in(gone[_AT].implode())
        return x.select(
            _AT,
            "course_id",
            "start",
            "since",
            (col("start") <= day).and_(~over).alias("live"),
            ((day - col("start")) / (col("end") - col("start")).clip(1)).alias("course_elapsed_share"),
            (col("end") - day).alias("days_to_end"),
            (day - col("start")).alias("days_since_start"),
            (col("start") - col("day")).alias("enrolled_ahead_days"),
            "prior_attempts",
        )


def _window(rows: pl.DataFrame, day: int, days: int) -> pl.LazyFrame:
    return rows.lazy().filter(col("day").is_between(day - days, day - 1) & (col("known_day") < day))


def _share(part: pl.Expr, whole: pl.Expr) -> pl.Expr:
    return pl.when(whole > 0).then(part / whole)


def _activity(x: pl.DataFrame, rows: pl.LazyFrame, so_far: pl.LazyFrame, day: int) -> pl.LazyFrame:
    days = rows.group_by(_AT, "day").agg(col("clicks").sum(), col("forum").sum()).sort(_AT, "day")
    opens = x.lazy().select(_AT, "start", opens=pl.max_horizontal("start", pl.lit(day - 28)))
    week = col("day") >= day - 7
    sums = days.group_by(_AT).agg(
        week.sum().alias("active_days_7d"),
        (col("day") >= day - 14).sum().alias("active_days_14d"),
        pl.len().alias("active_days_28d"),
        col("clicks").filter(week).sum().alias("clicks_7d"),
        col("clicks").sum().alias("clicks_28d"),
        col("forum").sum().alias("forum_clicks_28d"),
    )
    seen = days.join(opens.drop("start"), on=_AT, maintain_order="left").filter(col("day") >= col("opens"))
    previous = pl.when(col(_AT) == col(_AT).shift()).then(col("day").shift()).otherwise(col("opens") - 1)
    gaps = seen.with_columns(gap=col("day") - previous - 1).group_by(_AT)
    gaps = gaps.agg(pl.max_horizontal(col("gap").max(), day - 1 - col("day").max()).alias("gap"))
    both = opens.join(sums, on=_AT, how="left").join(gaps, on=_AT, how="left").join(so_far, on=_AT, how="left")
    both = both.with_columns(pl.selectors.matches("_days_|clicks").fill_null(0))
    weeks_before = (day - 7 - col("start")) / 7
    habit = (col("total").fill_null(0) - col("clicks_7d")) / weeks_before
    return both.select(
        pl.selectors.matches(f"^{_AT}$|_days_|clicks"),
        (2 * col("active_days_14d").cast(pl.Int32) - col("active_days_28d").cast(pl.Int32)).alias("activity_trend"),
        pl.when((weeks_before > 0) & (habit > 0)).then(col("clicks_7d") / habit).alias("activity_against_habit"),
        (day - 1 - col("last").fill_null(col("start") - 1)).alias("days_without_login"),
        col("gap").fill_null(day - col("opens")).alias("longest_gap_28d"),
    )


def _videos(rows: pl.LazyFrame) -> pl.LazyFrame:
    sums = rows.group_by(_AT).agg(pl.col("watched", "skipped", "opened", "completed").sum())
    return sums.select(
        _AT,
        _share(col("skipped"), col("skipped") + col("watched")).alias("video_skip_share_28d"),
        (col("watched") / 60).alias("video_watched_minutes_28d"),
        _share(col("completed"), col("opened")).clip(upper_bound=1).alias("video_completed_share_28d"),
    )


def _homework(x: pl.DataFrame, submissions: pl.LazyFrame, assignments: pl.LazyFrame, day: int) -> pl.LazyFrame:
    task = (col(_AT).cast(pl.UInt64) * 2**32 + col("task")).alias("own_task")  # one column joins much faster than two
    tasks = assignments.unique("task", keep="last", maintain_order=True).drop_nulls("due_at")
    tasks = tasks.select("task", "course_id", "due_at", "due_day")
    owed = x.lazy().select(_AT, "course_id", "since").join(tasks.filter(col("due_day") < day), on="course_id")
    first = submissions.select(task).unique().with_columns(handed_in=pl.lit(True))
    owed = owed.filter(col("due_day") >= col("since")).with_columns(task).join(first, on="own_task", how="left")
    due = owed.group_by(_AT).agg(pl.len().alias("due"), col("handed_in").sum().alias("closed"))
    own_work = submissions.filter(~col("carried_over"))
    timed = own_work.group_by(task).agg(col(_AT, "task", "occurred_at", "day").first()).join(tasks, on="task")
    means = timed.group_by(_AT).agg(
        (col("occurred_at") > col("due_at")).mean().alias("homework_late_share"),
        (col("day") - col("due_day")).mean().alias("homework_mean_delay"),
    )
    last = own_work.group_by(_AT).agg((day - 1 - col("day").max()).alias("days_since_submission"))
    both = x.lazy().select(_AT).join(due, on=_AT, how="left").join(means, on=_AT, how="left")
    return both.join(last, on=_AT, how="left").select(
        _AT,
        (col("closed") / col("due")).alias("homework_submitted_share"),
        (col("due").cast(pl.Int32) - col("closed").cast(pl.Int32)).alias("homework_overdue_now"),
        "homework_late_share",
        "homework_mean_delay",
        "days_since_submission",
    )


def _support(tickets: pl.LazyFrame, day: int) -> pl.LazyFrame:
    moves = tickets.filter(col("event").is_in(list(_MOVES)))
    rank = col("event").replace_strict(_MOVES, return_dtype=pl.Int8)
    state = moves.sort("occurred_at", rank, "event_id").unique([_AT, "ticket_id"], keep="last", maintain_order=True)
    is_open = state.group_by(_AT).agg((col("event") != "resolved").sum().alias("tickets_open_now"))

    def count(event: str, days: int) -> pl.Expr:
        return ((col("event") == event) & (col("day") >= day - days)).sum()

    asked = tickets.group_by(_AT).agg(
        count("opened", 28).alias("tickets_28d"),
        count("cancel_requested", 30).alias("cancel_requested_30d"),
        count("refund_requested", 30).alias("refund_requested_30d"),
    )
    return asked.join(is_open, on=_AT, how="left")


def _contacts(touches: pl.LazyFrame, day: int) -> pl.LazyFrame:
    newest = touches.unique([_AT, "touch_id"], keep="last", maintain_order=True)
    sent = newest.filter(col("status") != "failed")
    return sent.group_by(_AT).agg(
        (col("day") >= day - 28).sum().alias("touches_28d"), (day - 1 - col("day").max()).alias("days_since_touch")
    )


_ZERO_WITHOUT_ROWS = (
    "video_watched_minutes_28d",
    "homework_overdue_now",
    "tickets_open_now",
    "tickets_28d",
    "cancel_requested_30d",
    "refund_requested_30d",
    "payment_failures_30d",
    "touches_28d",
)


def _filled(x: pl.DataFrame) -> pl.DataFrame:
    return x.with_columns(col(name).fill_null(0) for name in _ZERO_WITHOUT_ROWS)
