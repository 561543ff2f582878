"""Drawn tables of the features of progress."""

from __future__ import annotations

from tests.spec.drawn import Drawn
from tests.spec.families.homework import homework

TEN_LESSONS = """
lessons | hours
10      | 40
"""
LESSONS = """
enrolment_id | kind             | object_id | occurred_at | known_at
ann          | lesson_completed | l1        | 2026-03-02  |
ann          | lesson_completed | l2        | 2026-03-08  |
ann          | login            |           | 2026-03-09  |
ann          | lesson_completed | l1        | 2026-03-10  |
ann          | login            |           | 2026-03-10  |
bob          | lesson           | l1        | 2026-03-11  |
bob          | lesson_completed | l1        | 2026-03-12  | 2026-03-16
cat          | lesson_completed | l1        | 2026-02-24  |
cat          | lesson_completed | l1        | 2026-03-12  |
"""
OWN_DAYS = """
enrolment_id | occurred_at | starts_at        | ends_at
bob          | 2026-03-10  |                  |
cat          | 2026-02-20  | 2026-03-05 00:00 | 2026-04-04 00:00
"""


def _lessons(feature: str, says: str, expect: str, courses: str = TEN_LESSONS, activity: str = LESSONS) -> Drawn:
    return Drawn(feature, says, {"courses": courses, "activity": activity}, expect)


def _calendar(feature: str, says: str, expect: str) -> Drawn:
    return Drawn(feature, says, {"enrolments": OWN_DAYS}, expect)


DRAWN = [
    homework("progress_share", "where no lessons are counted, of all homework", "ann | 0.5\nbob | 0.25\ncat | 0"),
    _lessons(
        "progress_share",
        "different lessons done of the lessons planned; one that nobody named is one of its own",
        "ann | 0.3\nbob | 0",
        activity="""
enrolment_id | kind             | object_id | occurred_at
ann          | lesson_completed |           | 2026-03-10
ann          | lesson_completed |           | 2026-03-11
ann          | lesson_completed | l1        | 2026-03-11
ann          | lesson_completed | l1        | 2026-03-12
bob          | lesson           | l1        | 2026-03-11
""",
    ),
    homework("progress_gap", "the homework due by now is the plan there", "ann | 0\nbob | 0.25\ncat | 0.5"),
    _lessons(
        "progress_gap",
        "the calendar is the plan: half of the 28 days are over, and 2 of 10 lessons are done",
        "ann | 0.3\nbob | 0.5\ncat | 0.4",
        """
lessons | starts_at        | ends_at
10      | 2026-03-01 00:00 | 2026-03-29 00:00
""",
    ),
    _calendar("course_elapsed_share", "14 of 92 days, 5 of 83 and 10 of 30", "ann | 14/92\nbob | 5/83\ncat | 1/3"),
    _calendar("days_to_end", "to the first day after it", "ann | 78\nbob | 78\ncat | 20"),
    Drawn(
        "days_to_end",
        "an open end is unknown",
        {"courses": "starts_at        | ends_at\n2026-03-01 00:00 |"},
        "ann | -",
    ),
    _calendar("days_since_start", "the first day is 0; nobody starts before enrolling", "ann | 14\nbob | 5\ncat | 10"),
    _calendar("enrolled_ahead_days", "from the day of enrolling to the first day", "ann | 9\nbob | 0\ncat | 13"),
    Drawn(
        "prior_attempts", "as enrolled", {"enrolments": "enrolment_id | prior_attempts\nann | 2"}, "ann | 2\nbob | -"
    ),
    Drawn("study_load", "as enrolled", {"enrolments": "enrolment_id | study_load\nann | 60"}, "ann | 60\nbob | -"),
    _lessons(
        "lessons_done_14d",
        "a lesson done again is not one more; one told of later is not known",
        "ann | 2\nbob | 0\ncat | 0",
    ),
    _lessons(
        "stuck_active_days",
        "two days were active since the last lesson was done, which was on the 8th; a lesson done again ends nothing",
        "ann | 2\nbob | 1\ncat | 1\ndan | 0",
    ),
    _lessons("stuck_active_days", "unknown where nobody counts lessons", "ann | -\nbob | -", "hours\n40"),
    _lessons("hours_left", "of 40 hours, by lessons", "ann | 32\nbob | 40\ncat | 36"),
    _lessons("hours_left", "unknown where the plan has no hours", "ann | -", "lessons\n10"),
]
