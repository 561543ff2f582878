"""Drawn tables of the ranks among course-mates."""

from __future__ import annotations

from tests.spec.drawn import Drawn
from tests.spec.families.homework import TASKS

FIVE = """
enrolment_id | kind    | quantity | occurred_at
bob          | login   | 2        | 2026-03-10
cat          | content | 2        | 2026-03-11
dan          | content | 3        | 2026-03-10
dan          | quiz    | 5        | 2026-03-12
eve          | content | 1        | 2026-03-10
eve          | quiz    | 1        | 2026-03-11
eve          | forum   | 1        | 2026-03-12
eve          | forum   | 1        | 2026-03-13
"""


def _rank(feature: str, says: str, expect: str, **tables: str) -> Drawn:
    return Drawn(f"{feature}_rank", says, tables or {"activity": FIVE}, expect)


DRAWN = [
    _rank(
        "active_days_14d",
        "0, 1, 1, 2 and 4 days: of five one stands below bob, and he and cat count half",
        "ann | 1/10\nbob | 4/10\ncat | 4/10\ndan | 7/10\neve | 9/10",
    ),
    _rank(
        "active_days_14d",
        "fewer than five say nothing; who has left is no course-mate any more",
        "ann | -\nbob | -\ncat | -\ndan | -",
        activity=FIVE,
        enrolments="""
enrolment_id | occurred_at
eve          | 2026-02-20
""",
        outcomes="""
enrolment_id | kind       | occurred_at
eve          | withdrawal | 2026-03-13
""",
    ),
    _rank(
        "active_days_14d",
        "at one's own pace mates are those in the same week after their own beginning: fay is alone in hers",
        "ann | 1/10\nbob | 4/10\ncat | 4/10\ndan | 7/10\neve | 9/10\nfay | -",
        activity=FIVE + "fay          | login   | 1        | 2026-03-10\n",
        courses="""
starts_at | ends_at
          |
""",
        enrolments="""
enrolment_id | occurred_at
ann          | 2026-03-02
bob          | 2026-03-03
cat          | 2026-03-04
dan          | 2026-03-05
eve          | 2026-03-08
fay          | 2026-03-01
""",
    ),
    _rank(
        "days_without_login",
        "14, 4, 3, 2 and 1 days",
        "ann | 9/10\nbob | 7/10\ncat | 5/10\ndan | 3/10\neve | 1/10",
    ),
    _rank("clicks_28d", "0, 2, 2, 8 and 4 actions", "ann | 1/10\nbob | 4/10\ncat | 4/10\ndan | 9/10\neve | 7/10"),
    _rank("resource_kinds_28d", "0, 0, 1, 2 and 3 kinds", "ann | 2/10\nbob | 2/10\ncat | 5/10\ndan | 7/10\neve | 9/10"),
    _rank(
        "homework_submitted_share",
        "none, half and all of the two due",
        "ann | 1/10\nbob | 4/10\ncat | 4/10\ndan | 8/10\neve | 8/10",
        assignments=TASKS,
        submissions="""
enrolment_id | assignment_id | occurred_at
bob          | a1            | 2026-03-04
cat          | a2            | 2026-03-11
dan          | a1            | 2026-03-04
dan          | a2            | 2026-03-11
eve          | a1            | 2026-03-04
eve          | a2            | 2026-03-11
""",
    ),
    _rank(
        "homework_mean_score",
        "who has no score has no rank and is nobody's measure",
        "ann | -\nbob | 2/10\ncat | 2/10\ndan | 5/10\neve | 7/10\nfay | 9/10",
        assignments=TASKS,
        submissions="""
enrolment_id | assignment_id | occurred_at | score | score_known_at
ann          | a1            | 2026-03-04  | 99    | 2026-03-15
bob          | a1            | 2026-03-04  | 50    | 2026-03-05
cat          | a1            | 2026-03-04  | 50    | 2026-03-05
dan          | a1            | 2026-03-04  | 60    | 2026-03-05
eve          | a1            | 2026-03-04  | 70    | 2026-03-05
fay          | a1            | 2026-03-04  | 80    | 2026-03-05
""",
    ),
    _rank(
        "homework_mean_score",
        "four known scores of five course-mates say nothing",
        "ann | -\nbob | -\ncat | -\ndan | -\neve | -",
        assignments=TASKS,
        submissions="""
enrolment_id | assignment_id | occurred_at | score | score_known_at
ann          | a1            | 2026-03-04  | 40    | 2026-03-05
bob          | a1            | 2026-03-04  | 50    | 2026-03-05
cat          | a1            | 2026-03-04  | 60    | 2026-03-05
dan          | a1            | 2026-03-04  | 70    | 2026-03-05
""",
    ),
    _rank(
        "video_watched_minutes_28d",
        "nothing watched is the lowest, and known",
        "ann | 3/10\nbob | 3/10\ncat | 3/10\ndan | 7/10\neve | 9/10",
        videos="""
enrolment_id | kind    | seconds | occurred_at
cat          | skipped | 900     | 2026-03-10
dan          | watched | 60      | 2026-03-10
eve          | watched | 90      | 2026-03-10
""",
    ),
    _rank(
        "progress_share",
        "0, 1, 1, 2 and 3 lessons of 10",
        "ann | 1/10\nbob | 4/10\ncat | 4/10\ndan | 7/10\neve | 9/10",
        courses="lessons\n10",
        activity="""
enrolment_id | kind             | object_id | occurred_at
bob          | lesson_completed | l1        | 2026-03-10
cat          | lesson_completed | l2        | 2026-03-10
dan          | lesson_completed | l1        | 2026-03-10
dan          | lesson_completed | l2        | 2026-03-10
eve          | lesson_completed | l1        | 2026-03-10
eve          | lesson_completed | l2        | 2026-03-11
eve          | lesson_completed | l3        | 2026-03-12
""",
    ),
]
