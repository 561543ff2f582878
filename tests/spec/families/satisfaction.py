"""Drawn tables of the features of satisfaction."""

from __future__ import annotations

from tests.spec.drawn import Drawn

RATINGS = """
student_id | value | occurred_at
ann        | 5     | 2026-03-02
ann        | 2     | 2026-03-05
ann        | 1     | 2026-03-09
bob        | 1     | 2026-03-05
bob        | 4     | 2026-03-09
dan        | 5     | 2025-12-01
"""


def _ratings(feature: str, says: str, expect: str, **tables: str) -> Drawn:
    return Drawn(feature, says, tables or {"ratings": RATINGS}, expect)


DRAWN = [
    _ratings("ratings_below_3_in_a_row", "a fair rating ends the row", "ann | 2\nbob | 0\ncat | 0\ndan | 0"),
    _ratings("mean_rating_90d", "each star is one point", "ann | 8/3\nbob | 5/2\ncat | -\ndan | -"),
    _ratings("last_rating", "however long ago", "ann | 1\nbob | 4\ncat | -\ndan | 5"),
    _ratings(
        "last_rating",
        "a rating of one enrolment says nothing of another; one told of later is not known",
        "maths   | 2\nphysics | 5",
        enrolments="""
enrolment_id | student_id | occurred_at
maths        | ann        | 2026-02-20
physics      | ann        | 2026-02-20
""",
        ratings="""
student_id | enrolment_id | value | occurred_at | known_at
ann        |              | 5     | 2026-03-02  |
ann        | maths        | 2     | 2026-03-05  |
ann        |              | 1     | 2026-03-09  | 2026-03-15
""",
    ),
    _ratings(
        "last_nps",
        "0 is an answer; no answer is unknown",
        "ann | 9\nbob | 0\ncat | -",
        nps="""
student_id | value | occurred_at
ann        | 3     | 2026-03-02
ann        | 9     | 2026-03-05
bob        | 10    | 2026-03-02
bob        | 0     | 2026-03-09
""",
    ),
]
