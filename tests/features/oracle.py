"""The oracle: every feature of one enrolment at one cut-off, recounted from the raw rows in the plainest way.

It shares nothing with panes, grid and folds. It reads the rows of the contracts as a person reads a log, one
enrolment and one cut-off at a time, and is as slow as that.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Rows = Mapping[str, list[Row]]
"""By table, rows as the contracts describe them: aware moments, None where a value is missing, older versions first."""

UNKNOWN = float("nan")
CLOSING = ("withdrawal", "refund", "nonrenewal", "completion")
_DAY = timedelta(days=1)


class Past:
    """What is known of one enrolment at a cut-off.

    Args:
        rows: everything, of all students and all times.
        enrolment_id: whose past.
        cut: the as-of date; a row counts when it was known before that local day.
        zone: IANA name of the school's zone.
    """

    def __init__(self, rows: Rows, enrolment_id: str, cut: date, zone: str) -> None:
        self.cut, self.zone = cut, ZoneInfo(zone)
        self._known = {table: [r for r in found if self.day(r["known_at"]) < cut] for table, found in rows.items()}
        self.enrolment = self.entity("enrolments", "enrolment_id", enrolment_id)

    def day(self, moment: datetime | None) -> date | None:
        return None if moment is None else moment.astimezone(self.zone).date()

    def entity(self, table: str, key: str, value: str) -> Row | None:
        """The newest version known; of versions known at one moment, the one that was told last."""
        versions = [r for r in self._known.get(table, []) if r[key] == value]
        return sorted(versions, key=lambda r: r["known_at"])[-1] if versions else None

    def names(self, table: str, key: str) -> set[str]:
        return {r[key] for r in self._known.get(table, [])}

    def own(self, table: str) -> list[Row]:
        """Rows about the enrolment, in the order in which they happened; facts about the person are about it too."""
        mine = [r for r in self._known.get(table, []) if self._is_mine(r)]
        return sorted(mine, key=lambda r: r["occurred_at"])

    def _is_mine(self, row: Row) -> bool:
        if "student_id" in row:
            return row["student_id"] == self.enrolment["student_id"] and row["enrolment_id"] in (None, self.id)
        return row["enrolment_id"] == self.id

    @property
    def id(self) -> str:
        return self.enrolment["enrolment_id"]

    @property
    def course(self) -> Row:
        found = self.entity("courses", "course_id", self.enrolment["course_id"])
        return found or {"starts_at": None, "ends_at": None, "lessons": None}

    @property
    def enrolled(self) -> date:
        return self.day(self.enrolment["occurred_at"])

    @property
    def start(self) -> date:
        begins = self.day(self.enrolment["starts_at"]) or self.day(self.course["starts_at"]) or self.enrolled
        return max(begins, self.enrolled)

    @property
    def end(self) -> date | None:
        return self.day(self.enrolment["ends_at"]) or self.day(self.course["ends_at"])

    @property
    def is_live(self) -> bool:
        if self.enrolment is None or self.start > self.cut or (self.end is not None and self.end <= self.cut):
            return False
        return not any(r["kind"] in CLOSING for r in self.own("outcomes"))

    def ago(self, day: date) -> int:
        """Whole days between a day and the cut-off: yesterday is 0."""
        return (self.cut - day).days - 1

    def lately(self, rows: list[Row], days: int) -> list[Row]:
        return [r for r in rows if 0 <= self.ago(self.day(r["occurred_at"])) < days]


def snapshot_row(rows: Rows, enrolment_id: str, cut: date, school: Mapping[str, Any]) -> dict[str, Any] | None:
    """Whether there is enough data, and every feature; None if the enrolment is not live.

    Args:
        school: the settings of school.toml.
    """
    past = Past(rows, enrolment_id, cut, school["time_zone"])
    if not past.is_live:
        return None
    return {
        "enough_data": _enough_data(past, school["not_enough_data"]["min_days"]),
        **_activity(past),
        **_homework(past),
        **_video(past),
        **_support(past, school["support"]),
        **_progress(past),
        **_contacts(past),
        "payment_failures_30d": len([r for r in past.lately(past.own("payments"), 30) if r["kind"] == "failed"]),
    }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else UNKNOWN


def _mean(values: list[float]) -> float:
    return _share(sum(values), len(values))


def _enough_data(past: Past, min_days: int) -> bool:
    """Old enough, and the student has done anything at all: came, handed in, watched, wrote to support, rated."""
    asked = ("opened", "cancel_requested", "refund_requested")
    did = past.own("activity") + past.own("videos") + past.own("ratings")
    did += [r for r in past.own("submissions") if not r["carried_over"]]
    did += [r for r in past.own("tickets") if r["event"] in asked]
    return (past.cut - past.start).days >= min_days and bool(did)


def _activity(past: Past) -> dict[str, float]:
    events = past.own("activity")
    active = {past.day(r["occurred_at"]) for r in events}

    def clicks(found: list[Row]) -> float:
        return sum(r["quantity"] for r in found)

    def active_days(days: int) -> int:
        return sum(past.cut - n * _DAY in active for n in range(1, days + 1))

    seen = [day for day in active if day >= past.start]
    this_week = past.lately(events, 7)
    before = [r for r in events if r not in this_week and past.day(r["occurred_at"]) >= past.start]
    weeks_before = ((past.cut - past.start).days - 7) / 7
    window = [past.cut - n * _DAY for n in range(28, 0, -1) if past.cut - n * _DAY >= past.start]
    gaps = [len(list(run)) for is_active, run in groupby(day in active for day in window) if not is_active]
    forum = [r for r in events if r["kind"] == "forum"]
    return {
        "active_days_7d": active_days(7),
        "active_days_14d": active_days(14),
        "active_days_28d": active_days(28),
        "days_without_login": past.ago(max(seen)) if seen else (past.cut - past.start).days,
        "clicks_7d": clicks(this_week),
        "clicks_28d": clicks(past.lately(events, 28)),
        "activity_trend": active_days(14) - (active_days(28) - active_days(14)),
        "activity_against_habit": _share(clicks(this_week), clicks(before) / weeks_before)
        if weeks_before > 0
        else UNKNOWN,
        "longest_gap_28d": max(gaps, default=0),
        "forum_clicks_28d": clicks(past.lately(forum, 28)),
    }


def _owed(past: Past) -> dict[str, date]:
    """The course's tasks with a deadline that is not before the student's own beginning."""
    since = max(past.day(past.enrolment["starts_at"]) or past.enrolled, past.enrolled)
    tasks = [past.entity("assignments", "assignment_id", name) for name in past.names("assignments", "assignment_id")]
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


def _homework(past: Past) -> dict[str, float]:
    handed_in = past.own("submissions")
    own_work = [r for r in handed_in if not r["carried_over"]]
    closed = _first_of_each_task(handed_in)
    owed = _owed(past)
    due = [name for name, day in owed.items() if day < past.cut]
    effort = _first_of_each_task(own_work).values()
    timed = [(r, due_at) for r in effort if (due_at := _due_at(past, r["assignment_id"]))]
    delays = [(past.day(r["occurred_at"]), (past.day(r["occurred_at"]) - past.day(at)).days) for r, at in timed]
    scores = [
        (max(past.day(r["score_known_at"]), past.day(r["known_at"])), r["score"])
        for r in effort
        if r["score"] is not None and r["score_known_at"] and past.day(r["score_known_at"]) < past.cut
    ]

    def of_the_last_day(values: list[tuple[date, float]]) -> list[float]:
        return [value for day, value in values if day == max(values)[0]]

    return {
        "homework_submitted_share": _share(sum(name in closed for name in due), len(due)),
        "homework_overdue_now": sum(name not in closed for name in due),
        "homework_late_share": _mean([float(r["occurred_at"] > at) for r, at in timed]),
        "homework_mean_delay": _mean([delay for _, delay in delays]),
        "homework_last_delay": _mean(of_the_last_day(delays)),
        "homework_mean_score": _mean([score for _, score in scores]),
        "homework_last_score": _mean(of_the_last_day(scores)),
        "days_since_submission": past.ago(past.day(own_work[-1]["occurred_at"])) if own_work else UNKNOWN,
        "next_deadline_days": min(((day - past.cut).days for day in owed.values() if day >= past.cut), default=UNKNOWN),
    }


def _video(past: Past) -> dict[str, float]:
    events = past.own("videos")
    lately = past.lately(events, 28)
    seconds = {kind: sum(r["seconds"] for r in lately if r["kind"] == kind) for kind in ("watched", "skipped")}
    opened, completed = (sum(r["kind"] == kind for r in lately) for kind in ("opened", "completed"))
    left_late = {r["video_id"] for r in events if r["kind"] == "left" and (r["progress"] or 0) >= 0.6}
    finished = {r["video_id"] for r in events if r["kind"] == "completed"}
    return {
        "video_skip_share_28d": _share(seconds["skipped"], seconds["skipped"] + seconds["watched"]),
        "video_watched_minutes_28d": seconds["watched"] / 60,
        "video_completed_share_28d": min(completed / opened, 1.0) if opened else UNKNOWN,
        "video_abandoned_now": len(left_late - finished),
    }


def _support(past: Past, support: Mapping[str, Any]) -> dict[str, float]:
    events = past.own("tickets")
    ratings = past.own("ratings")
    fair = [r["occurred_at"] for r in ratings if r["value"] >= 3]
    in_a_row = [r for r in ratings if r["value"] < 3 and not any(at >= r["occurred_at"] for at in fair)]
    return {
        "tickets_open_now": sum(_is_open(events, ticket) for ticket in {r["ticket_id"] for r in events}),
        "tickets_28d": sum(r["event"] == "opened" for r in past.lately(events, 28)),
        "sla_breaches_90d": sum(0 <= past.ago(past.day(due)) < 90 for due in _broken_promises(past, events, support)),
        "cancel_requested_30d": sum(r["event"] == "cancel_requested" for r in past.lately(events, 30)),
        "refund_requested_30d": sum(r["event"] == "refund_requested" for r in past.lately(events, 30)),
        "ratings_below_3_in_a_row": len(in_a_row),
    }


def _is_open(events: list[Row], ticket: str) -> bool:
    """The last move says it; moves of one moment come in their natural order."""
    order = ["opened", "resolved", "reopened"]
    moves = [
        (r["occurred_at"], order.index(r["event"])) for r in events if r["ticket_id"] == ticket and r["event"] in order
    ]
    return bool(moves) and order[max(moves)[1]] != "resolved"


def _broken_promises(past: Past, events: list[Row], support: Mapping[str, Any]) -> list[datetime]:
    """When each promise of each opened ticket fell due, if nothing is known that kept it."""
    found = []
    for opened in [r for r in events if r["event"] == "opened"]:
        for promise, answers in (("respond", ("responded", "resolved")), ("resolve", ("resolved",))):
            hours = support["sla"][opened["priority"]][promise]
            due = working_hours_later(opened["occurred_at"], hours, support["hours"], past.zone)
            mine = [r for r in events if r["ticket_id"] == opened["ticket_id"] and r["event"] in answers]
            if not any(r["occurred_at"] <= due for r in mine):
                found.append(due)
    return found


def working_hours_later(moment: datetime, hours: float, week: Mapping[str, Any], zone: ZoneInfo) -> datetime:
    """Walks from working day to working day until the hours are used up."""
    left = timedelta(hours=hours)
    now = moment.astimezone(zone).replace(tzinfo=None)
    while True:
        midnight = datetime(now.year, now.month, now.day)
        opens, closes = midnight + timedelta(hours=week["opens"]), midnight + timedelta(hours=week["closes"])
        works = now.weekday() in week["days"] and now.date().isoformat() not in week["holidays"]
        here = max(now, opens)
        if works and here <= closes:
            if here + left <= closes:
                return (here + left).replace(tzinfo=zone)
            left -= closes - here
        now = midnight + _DAY


def _progress(past: Past) -> dict[str, float]:
    days_in = (past.cut - past.start).days
    elapsed = days_in / max((past.end - past.start).days, 1) if past.end else UNKNOWN
    owed = _owed(past)
    lessons = past.course["lessons"]
    if lessons is None:
        handed_in = {r["assignment_id"] for r in past.own("submissions")}
        done = _mean([float(name in handed_in) for name in owed])
        plan = _mean([float(day < past.cut) for day in owed.values()])
    else:
        completed = [r["object_id"] for r in past.own("activity") if r["kind"] == "lesson_completed"]
        different = len(set(completed) - {None}) + completed.count(None)
        done, plan = min(different / lessons, 1.0), elapsed
    load, attempts = past.enrolment["study_load"], past.enrolment["prior_attempts"]
    return {
        "progress_share": done,
        "progress_gap": plan - done,
        "course_elapsed_share": elapsed,
        "days_to_end": (past.end - past.cut).days if past.end else UNKNOWN,
        "days_since_start": days_in,
        "enrolled_ahead_days": (past.start - past.enrolled).days,
        "prior_attempts": UNKNOWN if attempts is None else attempts,
        "study_load": UNKNOWN if load is None else load,
    }


def _contacts(past: Past) -> dict[str, float]:
    went_out = [r for r in past.own("touches") if r["status"] != "failed"]
    lately = past.lately(went_out, 90)
    return {
        "touches_28d": len(past.lately(went_out, 28)),
        "days_since_touch": past.ago(past.day(went_out[-1]["occurred_at"])) if went_out else UNKNOWN,
        "touches_answered_share_90d": _mean([float(r["status"] == "answered") for r in lately]),
    }


def withdrawal(rows: Rows, enrolment_id: str, cut: date, zone: str, horizon: int = 28) -> float:
    """Whether the enrolment withdraws within the horizon; everything about it must be over."""
    left = [r for r in rows.get("outcomes", []) if r["enrolment_id"] == enrolment_id and r["kind"] == "withdrawal"]
    days = [r["occurred_at"].astimezone(ZoneInfo(zone)).date() for r in left]
    return float(any(cut <= day < cut + horizon * _DAY for day in days))


def inactivity(rows: Rows, enrolment_id: str, cut: date, zone: str, until: date, horizon: int = 14) -> float:
    """Whether the student stays away for the horizon; not asked where the course, known at ``until``, ends before."""
    over = cut + horizon * _DAY
    end = Past(rows, enrolment_id, until, zone).end
    if end is not None and end < over:
        return UNKNOWN
    came = [
        r["occurred_at"].astimezone(ZoneInfo(zone)).date()
        for r in rows.get("activity", [])
        if r["enrolment_id"] == enrolment_id
    ]
    return float(not any(cut <= day < over for day in came))
