"""Drawn tables of the features of homework."""

from __future__ import annotations

from tests.spec.drawn import Drawn

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

VERSIONS = """
enrolment_id | submission_id | assignment_id | occurred_at | known_at   | score | score_known_at
ann          | s1            | a1            | 2026-03-04  | 2026-03-04 |       |
ann          | s1            | a1            | 2026-03-04  | 2026-03-08 | 60    | 2026-03-08
ann          | s1            | a1            | 2026-03-04  | 2026-03-10 | 80    | 2026-03-10
bob          | s2            | a1            | 2026-03-04  | 2026-03-06 | 40    | 2026-03-06
bob          | s2            | a1            | 2026-03-04  | 2026-03-15 | 90    | 2026-03-15
cat          | s3            | a1            | 2026-03-04  | 2026-03-04 |       |
cat          | s3            | a1            | 2026-03-04  | 2026-03-15 | 70    | 2026-03-15
"""


def homework(feature: str, says: str, expect: str, submissions: str = HANDED_IN, assignments: str = TASKS) -> Drawn:
    return Drawn(feature, says, {"assignments": assignments, "submissions": submissions}, expect)


DRAWN = [
    homework("homework_submitted_share", "of the tasks due so far", "ann | 1\nbob | 0.5\ncat | 0"),
    homework("homework_overdue_now", "not handed in and past its deadline", "ann | 0\nbob | 1\ncat | 2"),
    homework(
        "homework_overdue_now",
        "a deadline counts as it is known: a1 was put off, of a2's putting off nobody knows yet",
        "ann | 1",
        """
enrolment_id | assignment_id | occurred_at
ann          | a3            | 2026-03-10
""",
        """
assignment_id | due_at              | known_at
a1            | 2026-03-05 23:59:59 | 2026-02-01
a1            | 2026-03-25 23:59:59 | 2026-03-04
a2            | 2026-03-12 23:59:59 | 2026-02-01
a2            | 2026-03-25 23:59:59 | 2026-03-16
a3            | 2026-03-20 23:59:59 | 2026-02-01
""",
    ),
    homework("homework_late_share", "of those handed in", "ann | 0.5\nbob | 1\ncat | -"),
    homework("homework_mean_delay", "early is below 0", "ann | 0.5\nbob | 2\ncat | -"),
    homework("homework_last_delay", "of the last one", "ann | 2\nbob | 2\ncat | -"),
    homework("homework_mean_score", "a score counts when it is known", "ann | 70\nbob | -\ncat | -"),
    homework("homework_last_score", "the last one known", "ann | 60\nbob | -\ncat | -"),
    homework("days_since_submission", "yesterday is 0", "ann | 0\nbob | 7\ncat | -"),
    homework("next_deadline_days", "of 20 March, 5 days after the cut-off", "ann | 5\nbob | 5\ncat | 5"),
    homework(
        "next_deadline_days",
        "today is 0; a deadline put off is where it was put to, one taken away is none",
        "ann | 0",
        "enrolment_id | assignment_id | occurred_at\nann          | a1            | 2026-03-02",
        """
assignment_id | due_at              | known_at
a1            | 2026-03-12 23:59:59 | 2026-02-01
a1            | 2026-03-15 23:59:59 | 2026-03-10
a2            | 2026-03-15 10:00    | 2026-02-01
a2            |                     | 2026-03-10
""",
    ),
    homework(
        "homework_score_change",
        "60 against a mean of 70; a score that nobody knows yet changes nothing",
        "ann | -10\nbob | -\ncat | 0",
        """
enrolment_id | assignment_id | occurred_at | score | score_known_at
ann          | a1            | 2026-03-04  | 80    | 2026-03-08
ann          | a2            | 2026-03-10  | 60    | 2026-03-12
ann          | a3            | 2026-03-13  | 0     | 2026-03-15
bob          | a1            | 2026-03-04  |       |
cat          | a1            | 2026-03-04  | 90    | 2026-03-05
""",
    ),
    homework(
        "homework_early_share",
        "on the day of the deadline is in time, but not early",
        "ann | 2/3\nbob | 0\ncat | -",
        """
enrolment_id | assignment_id | occurred_at
ann          | a1            | 2026-03-04 23:00
ann          | a2            | 2026-03-12
ann          | a3            | 2026-03-14
bob          | a1            | 2026-03-07
""",
    ),
    homework(
        "homework_resubmissions",
        "the first of each task is none; a result of an earlier run is no effort",
        "ann | 1\nbob | 0\ncat | -",
        """
enrolment_id | assignment_id | occurred_at | carried_over
ann          | a1            | 2026-03-04  |
ann          | a1            | 2026-03-06  |
ann          | a1            | 2026-03-07  |
ann          | a2            | 2026-03-12  |
bob          | a1            | 2026-03-05  |
bob          | a1            | 2026-03-01  | true
cat          | a1            | 2026-03-01  | true
""",
    ),
    homework(
        "homework_submitted_28d",
        "of any task, in time or not, once it is known",
        "ann | 2\nbob | 0\ncat | 0",
        """
enrolment_id | assignment_id | occurred_at | known_at
ann          | a1            | 2026-03-07  |
ann          | a4            | 2026-03-08  |
bob          | a1            | 2026-03-07  | 2026-03-15
bob          | a2            | 2026-02-14  |
""",
    ),
    homework(
        "homework_mean_score",
        "a score may come as a newer version of the submission, and be put right by one more; "
        "what comes on the cut-off's own day is not known yet",
        "ann | 80\nbob | 40\ncat | -",
        VERSIONS,
    ),
    homework(
        "homework_submitted_28d",
        "a newer version is no other submission, and does not move the day of handing in",
        "ann | 1\nbob | 1\ncat | 1",
        VERSIONS,
    ),
    homework(
        "homework_last_score",
        "work handed in again is marked again",
        "ann | 90",
        """
enrolment_id | assignment_id | occurred_at | score | score_known_at
ann          | a1            | 2026-03-04  | 40    | 2026-03-05
ann          | a1            | 2026-03-06  | 90    | 2026-03-07
""",
    ),
]
