"""Drawn tables of the features of activity."""

from __future__ import annotations

from tests.spec.drawn import Drawn

LOGINS = """
enrolment_id | occurred_at
ann          | 2026-03-05
ann          | 2026-03-10
ann          | 2026-03-10
bob          | 2026-03-14
"""
EIGHT_WEEKS = """
starts_at
2026-01-18 00:00
"""


def _activity(feature: str, says: str, expect: str, activity: str = LOGINS, **tables: str) -> Drawn:
    return Drawn(feature, says, tables | {"activity": activity}, expect)


def _since_january(*names: str) -> dict[str, str]:
    """A course that began 8 weeks before the cut-off, with these people in it."""
    rows = "\n".join(f"{name:12} | 2026-01-10" for name in names)
    return {"courses": EIGHT_WEEKS, "enrolments": f"enrolment_id | occurred_at\n{rows}"}


DRAWN = [
    _activity("active_days_7d", "two logins on one day are one day", "ann | 1\nbob | 1\ncat | 0"),
    _activity("active_days_14d", "the window is [cut-off - 14 days, cut-off)", "ann | 2\nbob | 1\ncat | 0"),
    _activity("active_days_28d", "nobody is lost", "ann | 2\nbob | 1\ncat | 0"),
    _activity(
        "active_days_share",
        "of the 14 days since the start; what was before it does not count",
        "ann | 1/7\nbob | 1/14\ncat | 0",
        """
enrolment_id | occurred_at
ann          | 2026-02-25
ann          | 2026-03-01
ann          | 2026-03-14
bob          | 2026-03-05
""",
    ),
    _activity(
        "active_days_share",
        "who enrolled late started then: 5 days ago",
        "ann | 2/5",
        """
enrolment_id | occurred_at
ann          | 2026-03-10
ann          | 2026-03-12
""",
        enrolments="""
enrolment_id | occurred_at
ann          | 2026-03-10
""",
    ),
    _activity("days_without_login", "yesterday is 0; never is counted from the start", "ann | 4\nbob | 0\ncat | 14"),
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
    _activity("clicks_7d", "every row counts, the same twice too", "ann | 2\nbob | 1\ncat | 0"),
    _activity("clicks_28d", "a row stands for one click unless it says more", "ann | 3\nbob | 1\ncat | 0"),
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
""",
    ),
    _activity("activity_trend", "the last two weeks against the two before", "ann | 2\nbob | 1\ncat | 0"),
    _activity(
        "activity_slope_56d",
        "six days in the 8th week and none before is half a day more each week; the same first and last is no change; "
        "unknown before the 8th week is over",
        "ann | 1/2\nbob | 0\ncat | -1/12\ndan | -",
        """
enrolment_id | occurred_at
ann          | 2026-03-08
ann          | 2026-03-09
ann          | 2026-03-10
ann          | 2026-03-11
ann          | 2026-03-12
ann          | 2026-03-14
ann          | 2026-03-14
bob          | 2026-01-18
bob          | 2026-03-14
cat          | 2026-01-24
dan          | 2026-03-14
""",
        courses=EIGHT_WEEKS,
        enrolments="""
enrolment_id | occurred_at
ann          | 2026-01-10
bob          | 2026-01-10
cat          | 2026-01-18
dan          | 2026-01-19
""",
    ),
    _activity("activity_against_habit", "last week over the mean week before", "ann | 2\nbob | -\ncat | -"),
    _activity("longest_gap_28d", "counted from the start of the course", "ann | 4\nbob | 13\ncat | 14"),
    _activity(
        "breaks_28d",
        "three days of silence are a break, two are not; the silence that goes on is one too",
        "ann | 1\nbob | 2\ncat | 1",
        """
enrolment_id | occurred_at
ann          | 2026-03-01
ann          | 2026-03-04
ann          | 2026-03-08
ann          | 2026-03-10
ann          | 2026-03-12
bob          | 2026-03-03
bob          | 2026-03-07
bob          | 2026-03-10
""",
    ),
    _activity(
        "weekday_regularity_28d",
        "four Mondays in four weeks are always; two Mondays and two Tuesdays come back in one of three other weeks; "
        "one day alone has no habit",
        "ann | 1\nbob | 1/3\ncat | 0\ndan | -",
        """
enrolment_id | occurred_at
ann          | 2026-02-16
ann          | 2026-02-23
ann          | 2026-03-02
ann          | 2026-03-09
bob          | 2026-02-16
bob          | 2026-02-23
bob          | 2026-03-03
bob          | 2026-03-10
cat          | 2026-02-16
cat          | 2026-03-10
dan          | 2026-03-09
dan          | 2026-03-09 20:00
""",
        **_since_january("ann", "bob", "cat", "dan"),
    ),
    _activity(
        "hour_regularity_28d",
        "quarters are of the school's day: 2:00 and 4:00 are both night, whatever day it is in London; "
        "a day with both counts for both",
        "ann | 1\nbob | 2/3\ncat | -",
        """
enrolment_id | occurred_at
ann          | 2026-03-10 02:00
ann          | 2026-03-11 04:00
bob          | 2026-03-10 09:00
bob          | 2026-03-10 19:00
bob          | 2026-03-11 19:00
bob          | 2026-03-12 13:00
""",
    ),
    _activity(
        "resource_kinds_28d",
        "content, lessons, forum, quizzes, homework and live classes; a login uses none",
        "ann | 3\nbob | 0",
        """
enrolment_id | kind    | occurred_at
ann          | content | 2026-03-09
ann          | content | 2026-03-10
ann          | forum   | 2026-03-10
ann          | login   | 2026-03-10
ann          | live    | 2026-02-15
bob          | quiz    | 2026-02-14
bob          | other   | 2026-03-10
""",
    ),
    _activity(
        "first_week_active_days",
        "the week begins with the student's own beginning, and is unknown until it is over",
        "ann | 2\nbob | 0\ncat | 1\ndan | -",
        """
enrolment_id | occurred_at
ann          | 2026-02-27
ann          | 2026-03-01
ann          | 2026-03-07
ann          | 2026-03-07
ann          | 2026-03-08
bob          | 2026-03-08
cat          | 2026-03-14
dan          | 2026-03-10
""",
        enrolments="""
enrolment_id | occurred_at
cat          | 2026-03-08
dan          | 2026-03-09
""",
    ),
    _activity(
        "first_week_clicks",
        "a row stands for its quantity; the 8th day is not in the first week",
        "ann | 5\nbob | 0\ncat | -",
        """
enrolment_id | quantity | occurred_at
ann          | 7        | 2026-02-27
ann          | 2        | 2026-03-01
ann          | 3        | 2026-03-07
ann          | 9        | 2026-03-08
cat          | 4        | 2026-03-10
""",
        enrolments="""
enrolment_id | occurred_at
cat          | 2026-03-09
""",
    ),
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
    _activity(
        "quiz_clicks_28d",
        "only quizzes",
        "ann | 2\nbob | 0",
        """
enrolment_id | kind  | quantity | occurred_at
ann          | quiz  | 2        | 2026-03-10
ann          | forum | 3        | 2026-03-10
bob          | quiz  | 5        | 2026-02-14
""",
    ),
]
