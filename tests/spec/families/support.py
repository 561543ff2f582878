"""Drawn tables of the features of support."""

from __future__ import annotations

from tests.spec.drawn import Drawn

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
BY_KIND = """
student_id | ticket_id | event     | priority | category      | occurred_at      | known_at
ann        | t1        | opened    | P1       | payment       | 2026-03-02       |
ann        | t2        | opened    | P2       | access        | 2026-03-03       |
ann        | t2        | resolved  | P2       | access        | 2026-03-04       |
ann        | t3        | opened    | P3       | functionality | 2026-03-05       |
ann        | t4        | opened    | P3       | content       | 2026-03-05       |
bob        | t5        | opened    | P1       | payment       | 2026-03-02       |
bob        | t5        | resolved  | P1       | payment       | 2026-03-03       |
bob        | t5        | reopened  | P3       | access        | 2026-03-04       |
cat        | t6        | opened    | P1       | payment       | 2026-03-02       |
cat        | t6        | resolved  | P1       | payment       | 2026-03-03       | 2026-03-15
cat        | t7        | opened    | P1       | access        | 2026-03-14       | 2026-03-15
"""
OVER_A_WEEKEND = """
student_id | ticket_id | event     | occurred_at      | known_at
ann        | t1        | opened    | 2026-03-06 18:00 |
ann        | t1        | responded | 2026-03-09 11:00 |
ann        | t1        | resolved  | 2026-03-10 12:00 |
ann        | t2        | opened    | 2026-03-10 10:00 |
ann        | t2        | responded | 2026-03-10 14:00 |
ann        | t2        | responded | 2026-03-10 18:00 |
ann        | t2        | resolved  | 2026-03-10 16:00 |
ann        | t2        | reopened  | 2026-03-10 17:00 |
ann        | t2        | resolved  | 2026-03-12 16:00 |
bob        | t3        | opened    | 2026-03-07 12:00 |
bob        | t3        | resolved  | 2026-03-09 15:00 |
cat        | t4        | opened    | 2026-03-10 10:00 |
cat        | t4        | responded | 2026-03-10 11:00 | 2026-03-15
cat        | t4        | resolved  | 2026-03-10 11:00 | 2026-03-15
dan        | t5        | opened    | 2025-12-01 10:00 |
dan        | t5        | resolved  | 2025-12-01 11:00 |
"""


def _support(feature: str, says: str, expect: str, tickets: str = TICKETS, **tables: str) -> Drawn:
    return Drawn(feature, says, tables | {"tickets": tickets}, expect)


DRAWN = [
    _support("tickets_open_now", "resolved twice is resolved once", "ann | 1\nbob | 0\ncat | 0"),
    _support(
        "tickets_open_now",
        "reopened is open; a solution told of after the reopening does not close it again",
        "ann | 1\nbob | 1",
        """
student_id | ticket_id | event    | occurred_at | known_at
ann        | t1        | opened   | 2026-03-02  |
ann        | t1        | resolved | 2026-03-03  |
ann        | t1        | reopened | 2026-03-05  |
bob        | t2        | opened   | 2026-03-02  |
bob        | t2        | resolved | 2026-03-03  | 2026-03-10
bob        | t2        | reopened | 2026-03-05  |
""",
    ),
    _support("tickets_28d", "a request inside a ticket opens none", "ann | 2\nbob | 1\ncat | 0"),
    _support(
        "tickets_28d",
        "a person's ticket is one of each of the person's enrolments, unless it names one",
        "maths   | 2\nphysics | 1",
        """
student_id | enrolment_id | ticket_id | event  | occurred_at
ann        |              | t1        | opened | 2026-03-09
ann        | maths        | t2        | opened | 2026-03-10
""",
        enrolments="""
enrolment_id | student_id | occurred_at
maths        | ann        | 2026-02-20
physics      | ann        | 2026-02-20
""",
    ),
    _support(
        "sla_breaches_90d",
        "P3 promises an answer in 8 working hours: Monday 10:00 to Monday 18:00; "
        "P2 of Friday 18:30 falls due on Monday, after the cut-off",
        "ann | 1\nbob | 0\ncat | 0",
    ),
    _support("cancel_requested_30d", "asked to cancel", "ann | 0\nbob | 1\ncat | 0"),
    _support("refund_requested_30d", "asked for money back", "ann | 0\nbob | 1\ncat | 0"),
    _support(
        "tickets_urgent_now",
        "P1 and P2; one opened again is what it is then; what is told of later still counts as it was",
        "ann | 1\nbob | 0\ncat | 1\ndan | 0",
        BY_KIND,
    ),
    _support(
        "tickets_p1_now",
        "P1 alone, open; one opened again is what it is then",
        "ann | 1\nbob | 0\ncat | 0\ndan | 1",
        """
student_id | ticket_id | event    | priority | occurred_at
ann        | t1        | opened   | P1       | 2026-03-02
ann        | t2        | opened   | P2       | 2026-03-03
bob        | t3        | opened   | P2       | 2026-03-02
cat        | t4        | opened   | P1       | 2026-03-02
cat        | t4        | resolved | P1       | 2026-03-03
dan        | t5        | opened   | P2       | 2026-03-02
dan        | t5        | resolved | P2       | 2026-03-03
dan        | t5        | reopened | P1       | 2026-03-04
""",
    ),
    _support("tickets_payment_now", "of this category, and open", "ann | 1\nbob | 0\ncat | 1\ndan | 0", BY_KIND),
    _support(
        "tickets_technical_now", "access and functionality, and open", "ann | 1\nbob | 1\ncat | 0\ndan | 0", BY_KIND
    ),
    _support("tickets_reopened_90d", "solved, and opened again", "ann | 0\nbob | 1\ncat | 0\ndan | 0", BY_KIND),
    _support(
        "first_response_hours_90d",
        "an hour of Friday and one of Monday, and 4 of a Tuesday; on a Saturday no hour passes; "
        "a solution answers too; an answer told of later is not known",
        "ann | 3\nbob | 5\ncat | -\ndan | -",
        OVER_A_WEEKEND,
    ),
    _support(
        "resolution_hours_90d",
        "1 + 9 + 2 hours from Friday to Tuesday, and 6 of a Tuesday: the first solution is meant",
        "ann | 9\nbob | 5\ncat | -\ndan | -",
        OVER_A_WEEKEND,
    ),
    _support(
        "last_csat",
        "the last one with stars, as far as known",
        "ann | 2\nbob | 5\ncat | -",
        """
student_id | ticket_id | event     | score | occurred_at | known_at
ann        | t1        | rated     | 5     | 2026-03-02  |
ann        | t2        | rated     | 2     | 2026-03-10  |
ann        | t3        | rated     |       | 2026-03-12  |
bob        | t4        | rated     | 5     | 2026-03-02  |
bob        | t5        | rated     | 1     | 2026-03-10  | 2026-03-15
cat        | t6        | responded |       | 2026-03-10  |
""",
    ),
    _support(
        "days_since_ticket",
        "since it was opened, not since its answer or a request inside it",
        "ann | 1\nbob | 2\ncat | -",
    ),
]
