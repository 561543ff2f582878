"""The drawn tables of the feature catalogue: one row of evidence for each feature, and for the traps."""

from __future__ import annotations

from tests.spec.drawn import Drawn

LOGINS = """
enrolment_id | occurred_at
ann          | 2026-03-05
ann          | 2026-03-10
ann          | 2026-03-10
bob          | 2026-03-14
"""
TASKS = """
assignment_id | due_at
a1            | 2026-03-05 23:59:59
a2            | 2026-03-12 23:59:59
a3            | 2026-03-20 23:59:59
a4            | 2026-04-20 23:59:59
"""
HANDED_IN = """
enrolment_id | assignment_id | occurred_at | score | score_known_at
ann          | a1            | 2026-03-04  | 80    | 2026-03-08
ann          | a2            | 2026-03-14  | 60    | 2026-03-14
bob          | a1            | 2026-03-07  | 50    | 2026-03-20
"""
VIDEOS = """
enrolment_id | video_id | kind      | seconds | progress | occurred_at
ann          | v1       | opened    | 0       |          | 2026-03-10
ann          | v1       | watched   | 300     |          | 2026-03-10
ann          | v1       | skipped   | 900     |          | 2026-03-10
ann          | v1       | left      | 0       | 0.7      | 2026-03-10
ann          | v2       | opened    | 0       |          | 2026-03-11
ann          | v2       | watched   | 300     |          | 2026-03-11
ann          | v2       | left      | 0       | 0.8      | 2026-03-11
ann          | v2       | completed | 0       | 1        | 2026-03-12
bob          | v1       | left      | 0       | 0.3      | 2026-03-12
bob          | v1       | watched   | 60      |          | 2026-01-20
"""
TICKETS = """
student_id | ticket_id | event            | priority | occurred_at
ann        | t1        | opened           | P3       | 2026-03-09 10:00
ann        | t1        | responded        | P3       | 2026-03-11 12:00
ann        | t1        | resolved         | P3       | 2026-03-12 12:00
ann        | t2        | opened           | P2       | 2026-03-13 18:30
bob        | t3        | opened           | P3       | 2026-03-12 10:00
bob        | t3        | responded        | P3       | 2026-03-12 11:00
bob        | t3        | resolved         | P3       | 2026-03-12 12:00
bob        | t3        | resolved         | P3       | 2026-03-13 12:00
bob        | t4        | cancel_requested | P3       | 2026-03-12 10:00
bob        | t4        | refund_requested | P3       | 2026-03-12 10:00
"""
RATINGS = """
student_id | value | occurred_at
ann        | 5     | 2026-03-02
ann        | 2     | 2026-03-05
ann        | 1     | 2026-03-09
bob        | 1     | 2026-03-05
bob        | 4     | 2026-03-09
"""
TOUCHES = """
student_id | channel | status   | occurred_at
ann        | sms     | answered | 2026-03-05
ann        | call    | sent     | 2026-03-13
ann        | email   | failed   | 2026-03-14
bob        | sms     | sent     | 2026-01-02
"""


def _activity(feature: str, says: str, expect: str, events: str = LOGINS, **more: object) -> Drawn:
    return Drawn(feature, says, {"activity": events}, expect, **more)  # type: ignore[arg-type]


def _homework(feature: str, says: str, expect: str) -> Drawn:
    return Drawn(feature, says, {"assignments": TASKS, "submissions": HANDED_IN}, expect)


DRAWN = [
    _activity("active_days_7d", "two logins on one day are one day", "ann | 1\nbob | 1\ncat | 0"),
    _activity("active_days_14d", "the window is [cut-off - 14 days, cut-off)", "ann | 2\nbob | 1\ncat | 0"),
    _activity("active_days_28d", "nobody is lost", "ann | 2\nbob | 1\ncat | 0"),
    _activity("days_without_login", "yesterday is 0; never is counted from the start", "ann | 4\nbob | 0\ncat | 14"),
    _activity("clicks_7d", "every row counts, the same twice too", "ann | 2\nbob | 1\ncat | 0"),
    _activity("clicks_28d", "a row stands for its quantity", "ann | 3\nbob | 1\ncat | 0"),
    _activity(
        "clicks_28d",
        "an event on the cut-off's own day, or learned of on it, is not known yet",
        "ann | 1\nbob | 0\ncat | 4",
        """
enrolment_id | occurred_at                | known_at         | quantity
ann          | 2026-03-14 23:59:59.999999 |                  | 1
ann          | 2026-03-15 00:00           |                  | 1
bob          | 2026-03-10                 | 2026-03-15 00:00 | 1
cat          | 2026-03-10                 | 2026-03-14 23:00 | 4
""".replace("|                  |", "| 2026-03-15 00:00 |").replace(
            "2026-03-14 23:59:59.999999 | 2026-03-15 00:00", "2026-03-14 23:59:59.999999 | 2026-03-14 23:59:59.999999"
        ),
    ),
    _activity(
        "days_without_login",
        "a login learned of late counts on its own day, once it is known",
        "ann | 3\nbob | 14",
        """
enrolment_id | occurred_at | known_at
ann          | 2026-03-11  | 2026-03-14
bob          | 2026-03-11  | 2026-03-16
""",
    ),
    _activity("activity_trend", "the last two weeks against the two before", "ann | 2\nbob | 1\ncat | 0"),
    _activity("activity_against_habit", "last week over the mean week before", "ann | 2\nbob | -\ncat | -"),
    _activity("longest_gap_28d", "counted from the start of the course", "ann | 4\nbob | 13\ncat | 14"),
    _activity(
        "forum_clicks_28d",
        "only the forum",
        "ann | 3\nbob | 0",
        """
enrolment_id | kind  | quantity | occurred_at
ann          | forum | 3        | 2026-03-10
ann          | login | 5        | 2026-03-10
bob          | quiz  | 5        | 2026-03-10
""",
    ),
    _homework("homework_submitted_share", "of the tasks due so far", "ann | 1\nbob | 0.5\ncat | 0"),
    _homework("homework_overdue_now", "not handed in and past its deadline", "ann | 0\nbob | 1\ncat | 2"),
    _homework("homework_late_share", "of those handed in", "ann | 0.5\nbob | 1\ncat | -"),
    _homework("homework_mean_delay", "early is below 0", "ann | 0.5\nbob | 2\ncat | -"),
    _homework("homework_last_delay", "of the last one", "ann | 2\nbob | 2\ncat | -"),
    _homework("homework_mean_score", "a score counts when it is known", "ann | 70\nbob | -\ncat | -"),
    _homework("homework_last_score", "the last one known", "ann | 60\nbob | -\ncat | -"),
    _homework("days_since_submission", "yesterday is 0", "ann | 0\nbob | 7\ncat | -"),
    _homework("next_deadline_days", "today is 0", "ann | 5\nbob | 5\ncat | 5"),
    Drawn(
        "video_skip_share_28d", "seconds skipped of seconds passed", {"videos": VIDEOS}, "ann | 0.6\nbob | -\ncat | -"
    ),
    Drawn("video_watched_minutes_28d", "skipped time is not watched", {"videos": VIDEOS}, "ann | 10\nbob | 0\ncat | 0"),
    Drawn("video_completed_share_28d", "of the videos opened", {"videos": VIDEOS}, "ann | 0.5\nbob | -\ncat | -"),
    Drawn(
        "video_abandoned_now",
        "left after 60 % and not finished since; left early is only looked at",
        {"videos": VIDEOS},
        "ann | 1\nbob | 0\ncat | 0",
    ),
    Drawn("tickets_open_now", "resolved twice is resolved once", {"tickets": TICKETS}, "ann | 1\nbob | 0\ncat | 0"),
    Drawn("tickets_28d", "a request inside a ticket opens none", {"tickets": TICKETS}, "ann | 2\nbob | 1\ncat | 0"),
    Drawn(
        "sla_breaches_90d",
        "P3 promises an answer in 8 working hours: Monday 10:00 to Monday 18:00; "
        "P2 of Friday 18:30 falls due on Monday, after the cut-off",
        {"tickets": TICKETS},
        "ann | 1\nbob | 0\ncat | 0",
    ),
    Drawn("cancel_requested_30d", "asked to cancel", {"tickets": TICKETS}, "ann | 0\nbob | 1\ncat | 0"),
    Drawn("refund_requested_30d", "asked for money back", {"tickets": TICKETS}, "ann | 0\nbob | 1\ncat | 0"),
    Drawn("ratings_below_3_in_a_row", "a fair rating ends the row", {"ratings": RATINGS}, "ann | 2\nbob | 0\ncat | 0"),
    _homework("progress_share", "where no lessons are counted, of all homework", "ann | 0.5\nbob | 0.25\ncat | 0"),
    _homework("progress_gap", "the homework due by now is the plan there", "ann | 0\nbob | 0.25\ncat | 0.5"),
    _activity(
        "progress_share",
        "lessons done of the lessons planned",
        "ann | 0.2\nbob | 0",
        """
enrolment_id | kind             | occurred_at
ann          | lesson_completed | 2026-03-10
ann          | lesson_completed | 2026-03-11
bob          | lesson           | 2026-03-11
""",
        course={"lessons": "10"},
    ),
    Drawn("course_elapsed_share", "14 of 92 days", {}, "ann | 0.15217391304347827"),
    Drawn("days_to_end", "to the first day after the course", {}, "ann | 78"),
    Drawn("days_since_start", "the first day is 0", {}, "ann | 14"),
    Drawn("enrolled_ahead_days", "enrolled on 20 February", {}, "ann | 9"),
    Drawn("prior_attempts", "as enrolled", {}, "ann | 2", enrolment={"prior_attempts": "2"}),
    Drawn("study_load", "as enrolled", {}, "ann | 60", enrolment={"study_load": "60"}),
    Drawn("touches_28d", "a failed one did not happen", {"touches": TOUCHES}, "ann | 2\nbob | 0\ncat | 0"),
    Drawn("days_since_touch", "yesterday is 0", {"touches": TOUCHES}, "ann | 1\nbob | 71\ncat | -"),
    Drawn("touches_answered_share_90d", "of those that went out", {"touches": TOUCHES}, "ann | 0.5\nbob | 0\ncat | -"),
    Drawn(
        "payment_failures_30d",
        "failed, not made",
        {
            "payments": """
student_id | kind   | occurred_at
ann        | failed | 2026-03-10
ann        | paid   | 2026-03-11
"""
        },
        "ann | 1\nbob | 0",
    ),
]
