"""The oracle for what a student does: activity, homework, video, live classes and progress."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from itertools import groupby
from statistics import linear_regression

from tests.features.oracle_past import DAY, UNKNOWN, Past, Row, mean, of_kind, share

RESOURCES = ("content", "lesson", "forum", "quiz", "homework", "live")


def clicks(rows: list[Row]) -> float:
    return sum(r["quantity"] for r in rows)


def active_days(past: Past) -> set[date]:
    return {past.day(r["occurred_at"]) for r in past.own("activity")}


def activity(past: Past) -> dict[str, float]:
    events, active = past.own("activity"), active_days(past)
    cut, start, age = past.cut, past.start, (past.cut - past.start).days

    def days(first: date, end: date) -> int:
        return sum(first <= day < end for day in active)

    seen = [day for day in active if day >= start]
    this_week = past.lately(events, 7)
    before = [r for r in events if r not in this_week and past.day(r["occurred_at"]) >= start]
    first_week = [r for r in events if start <= past.day(r["occurred_at"]) < start + 7 * DAY]
    weeks = [days(cut - 7 * (n + 1) * DAY, cut - 7 * n * DAY) for n in range(7, -1, -1)]
    fortnights = [days(cut - 28 * DAY, cut - 14 * DAY), days(cut - 14 * DAY, cut)]
    return {
        "active_days_7d": days(cut - 7 * DAY, cut),
        "active_days_14d": fortnights[1],
        "active_days_28d": sum(fortnights),
        "active_days_share": share(days(start, cut), age),
        "days_without_login": past.ago(max(seen)) if seen else age,
        "clicks_7d": clicks(this_week),
        "clicks_28d": clicks(past.lately(events, 28)),
        "activity_trend": fortnights[1] - fortnights[0],
        "activity_slope_56d": linear_regression(range(8), weeks).slope if age >= 56 else UNKNOWN,
        "activity_against_habit": share(clicks(this_week), clicks(before) / ((age - 7) / 7)) if age > 7 else UNKNOWN,
        **_gaps(past, active),
        "weekday_regularity_28d": _same_weekdays(past, active),
        "hour_regularity_28d": _same_quarter(past, past.lately(events, 28)),
        "resource_kinds_28d": len({r["kind"] for r in past.lately(events, 28)} & set(RESOURCES)),
        "first_week_active_days": days(start, start + 7 * DAY) if age >= 7 else UNKNOWN,
        "first_week_clicks": clicks(first_week) if age >= 7 else UNKNOWN,
        "forum_clicks_28d": clicks(of_kind(past.lately(events, 28), "forum")),
        "quiz_clicks_28d": clicks(of_kind(past.lately(events, 28), "quiz")),
    }


def _gaps(past: Past, active: set[date]) -> dict[str, float]:
    window = [past.cut - n * DAY for n in range(28, 0, -1) if past.cut - n * DAY >= past.start]
    gaps = [len(list(run)) for is_active, run in groupby(day in active for day in window) if not is_active]
    return {"longest_gap_28d": max(gaps, default=0), "breaks_28d": sum(gap >= 3 for gap in gaps)}


def _same_weekdays(past: Past, active: set[date]) -> float:
    """In how many of the other whole weeks, of four at most, a student was active on the weekday of each active day."""
    weeks = min((past.cut - past.start).days // 7, 4)
    days = {day for day in active if past.ago(day) < 7 * weeks}
    if weeks < 2 or len(days) < 2:
        return UNKNOWN
    others = [n for n in range(1 - weeks, weeks) if n]
    return mean([sum(day + 7 * n * DAY in days for n in others) / (weeks - 1) for day in days])


def _same_quarter(past: Past, events: list[Row]) -> float:
    by_day: dict[date, set[int]] = {}
    for row in events:
        day = past.day(row["occurred_at"])
        midnight = datetime.combine(day, time(), past.zone).astimezone(UTC)
        hours = (row["occurred_at"] - midnight).total_seconds() / 3600
        by_day.setdefault(day, set()).add(min(int(hours // 6), 3))
    return share(max(sum(quarter in seen for seen in by_day.values()) for quarter in range(4)), len(by_day))


def _owed(past: Past) -> dict[str, date]:
    """The course's tasks with a deadline that is not before the student's own beginning."""
    since = max(past.day(past.enrolment["starts_at"]) or past.enrolled, past.enrolled)
    tasks = [versions[-1] for versions in past.versions("assignments", "assignment_id").values()]
    mine = [task for task in tasks if task["course_id"] == past.enrolment["course_id"] and task["due_at"]]
    return {r["assignment_id"]: past.day(r["due_at"]) for r in mine if past.day(r["due_at"]) >= since}


def _due_at(past: Past, assignment_id: str) -> datetime | None:
    task = past.entity("assignments", "assignment_id", assignment_id)
    return task["due_at"] if task else None


def _first_of_each_task(submissions: list[Row]) -> dict[str, Row]:
    first: dict[str, Row] = {}
    for row in sorted(submissions, key=lambda r: (r["occurred_at"], r["submission_id"])):
        first.setdefault(row["assignment_id"], row)
    return first


def _of_the_last_day(values: list[tuple[date, float]]) -> list[float]:
    return [value for day, value in values if day == max(values)[0]]


def homework(past: Past) -> dict[str, float]:
    handed_in = past.submissions()
    own_work = [r for r in handed_in if not r["carried_over"]]
    closed, owed = _first_of_each_task(handed_in), _owed(past)
    due = [name for name, day in owed.items() if day < past.cut]
    effort = _first_of_each_task(own_work).values()
    timed = [(r, due_at) for r in effort if (due_at := _due_at(past, r["assignment_id"]))]
    delays = [(past.day(r["occurred_at"]), (past.day(r["occurred_at"]) - past.day(at)).days) for r, at in timed]
    scores = [
        (max(past.day(r["score_known_at"]), past.day(r["known_at"])), r["score"])
        for r in own_work
        if r["score"] is not None and r["score_known_at"] and past.day(r["score_known_at"]) < past.cut
    ]
    mean_score, last_score = mean([score for _, score in scores]), mean(_of_the_last_day(scores))
    return {
        "homework_submitted_share": share(sum(name in closed for name in due), len(due)),
        "homework_overdue_now": sum(name not in closed for name in due),
        "homework_late_share": mean([float(r["occurred_at"] > at) for r, at in timed]),
        "homework_mean_delay": mean([delay for _, delay in delays]),
        "homework_last_delay": mean(_of_the_last_day(delays)),
        "homework_mean_score": mean_score,
        "homework_last_score": last_score,
        "days_since_submission": past.since_last(own_work),
        "next_deadline_days": min(((day - past.cut).days for day in owed.values() if day >= past.cut), default=UNKNOWN),
        "homework_score_change": last_score - mean_score,
        "homework_early_share": mean([float(delay < 0) for _, delay in delays]),
        "homework_resubmissions": share(len(own_work) - len(effort), len(effort)),
        "homework_submitted_28d": len(past.lately(own_work, 28)),
    }


def _seconds(rows: list[Row], kind: str) -> float:
    return sum(r["seconds"] for r in rows if r["kind"] == kind)


def video(past: Past) -> dict[str, float]:
    events = past.own("videos")
    lately, fortnight = past.lately(events, 28), past.lately(events, 14)
    watched, skipped, again = (_seconds(lately, kind) for kind in ("watched", "skipped", "rewatched"))
    opened, completed = (len(of_kind(lately, kind)) for kind in ("opened", "completed"))
    left_late = {r["video_id"] for r in of_kind(events, "left") if (r["progress"] or 0) >= 0.6}
    finished = {r["video_id"] for r in of_kind(events, "completed")}
    timed = [r for r in of_kind(lately, "watched") if r["speed"] is not None]
    before = [r for r in lately if r not in fortnight]
    return {
        "video_skip_share_28d": share(skipped, skipped + watched),
        "video_watched_minutes_28d": watched / 60,
        "video_completed_share_28d": min(completed / opened, 1.0) if opened else UNKNOWN,
        "video_abandoned_now": len(left_late - finished),
        "video_rewatch_share_28d": share(again, again + watched),
        "video_speed_28d": share(sum(r["seconds"] * r["speed"] for r in timed), _seconds(timed, "watched")),
        "video_trend": (_seconds(fortnight, "watched") - _seconds(before, "watched")) / 60,
        "days_since_video": past.since_last(events),
    }


def live(past: Past) -> dict[str, float]:
    events = past.own("live")
    lately = past.lately(events, 28)
    lately_held, came = (_classes(past, of_kind(lately, kind)) for kind in ("held", "attended"))
    missed = past.after_the_last(of_kind(events, "held"), of_kind(events, "attended"))
    return {
        "live_attended_share_28d": min(came / lately_held, 1.0) if lately_held else UNKNOWN,
        "live_missed_in_a_row": _classes(past, missed),
        "live_spoken_28d": clicks(of_kind(lately, "spoke")),
        "live_written_28d": clicks(of_kind(lately, "wrote")),
    }


def _classes(past: Past, rows: list[Row]) -> int:
    """Different classes; one of the same name on another day is another one."""
    return len({(r["class_id"], past.day(r["occurred_at"])) for r in rows})


def _lessons_done(past: Past) -> list[date]:
    """The day of each different lesson's first end that was known; a lesson that nobody named is one of its own."""
    first: dict[str, date] = {}
    for row in of_kind(past.own("activity"), "lesson_completed"):
        name = f"event {row['event_id']}" if row["object_id"] is None else row["object_id"]
        first[name] = min(first.get(name, date.max), past.day_known(row))
    return list(first.values())


def progress(past: Past) -> dict[str, float]:
    days_in = (past.cut - past.start).days
    elapsed = days_in / max((past.end - past.start).days, 1) if past.end else UNKNOWN
    owed, lessons, ended = _owed(past), past.course["lessons"], _lessons_done(past)
    since = max([past.start, *(day + DAY for day in ended)])
    stuck = float(sum(day >= since for day in active_days(past)))
    if lessons is not None and len(ended) >= lessons:
        stuck = 0.0
    if lessons is None:
        handed_in = {r["assignment_id"] for r in past.own("submissions")}
        done = mean([float(name in handed_in) for name in owed])
        plan, stuck = mean([float(day < past.cut) for day in owed.values()]), UNKNOWN
    else:
        done, plan = min(len(ended) / lessons, 1.0), elapsed
    load, attempts, hours = past.enrolment["study_load"], past.enrolment["prior_attempts"], past.course["hours"]
    return {
        "progress_share": done,
        "progress_gap": plan - done,
        "course_elapsed_share": elapsed,
        "days_to_end": (past.end - past.cut).days if past.end else UNKNOWN,
        "days_since_start": days_in,
        "enrolled_ahead_days": (past.start - past.enrolled).days,
        "prior_attempts": UNKNOWN if attempts is None else attempts,
        "study_load": UNKNOWN if load is None else load,
        "lessons_done_14d": sum(past.ago(day) < 14 for day in ended),
        "stuck_active_days": stuck,
        "hours_left": UNKNOWN if hours is None else hours * (1 - done),
    }
