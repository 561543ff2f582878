"""Drawn tables of the features of contacts."""

from __future__ import annotations

from tests.spec.drawn import Drawn

TOUCHES = """
student_id | channel | status   | occurred_at
ann        | sms     | answered | 2026-03-05
ann        | call    | sent     | 2026-03-13
ann        | email   | failed   | 2026-03-14
bob        | sms     | sent     | 2026-01-02
"""
LEARNED = """
student_id | touch_id | channel | status   | occurred_at | known_at
ann        | m1       | email   | sent     | 2026-03-09  |
ann        | m1       | email   | opened   | 2026-03-09  | 2026-03-10
ann        | m2       | email   | sent     | 2026-03-10  |
ann        | m2       | email   | opened   | 2026-03-10  | 2026-03-11
ann        | m2       | email   | answered | 2026-03-10  | 2026-03-12
ann        | m3       | call    | sent     | 2026-03-11  |
ann        | m4       | sms     | sent     | 2026-03-12  |
bob        | m5       | email   | sent     | 2026-03-09  |
bob        | m5       | email   | answered | 2026-03-09  | 2026-03-15
cat        | m6       | call    | sent     | 2026-03-12  |
cat        | m6       | call    | failed   | 2026-03-12  | 2026-03-13
"""


def _contacts(feature: str, says: str, expect: str, touches: str = TOUCHES) -> Drawn:
    return Drawn(feature, says, {"touches": touches}, expect)


DRAWN = [
    _contacts("touches_7d", "a failed one did not happen", "ann | 1\nbob | 0\ncat | 0"),
    _contacts("touches_28d", "a failed one did not happen", "ann | 2\nbob | 0\ncat | 0"),
    _contacts(
        "touches_28d",
        "what is learned of a contact later is no other contact; one that turns out to have failed is none",
        "ann | 4\nbob | 1\ncat | 0",
        LEARNED,
    ),
    _contacts("calls_28d", "in the channel `call`, and not failed", "ann | 1\nbob | 0\ncat | 0", LEARNED),
    _contacts("days_since_touch", "yesterday is 0", "ann | 1\nbob | 71\ncat | -"),
    _contacts("days_since_touch", "one that turned out to have failed was none", "ann | 2\nbob | 5\ncat | -", LEARNED),
    _contacts(
        "days_since_personal_contact",
        "whatever somebody's login stands beside, and every call that went through",
        "ann | 4\nbob | 2\ncat | -",
        """
student_id | channel | by    | status | occurred_at
ann        | email   | maria | sent   | 2026-03-10
ann        | sms     |       | sent   | 2026-03-13
ann        | email   | maria | failed | 2026-03-14
bob        | call    |       | sent   | 2026-03-12
cat        | call    | maria | failed | 2026-03-14
cat        | push    |       | opened | 2026-03-14
""",
    ),
    _contacts(
        "touches_opened_share_90d",
        "an answered one was opened; what is told on the cut-off's own day is not known yet",
        "ann | 1/2\nbob | 0\ncat | -",
        LEARNED,
    ),
    _contacts("touches_answered_share_90d", "of those that went out", "ann | 0.5\nbob | 0\ncat | -"),
    _contacts("touches_answered_share_90d", "once the answer is known", "ann | 1/4\nbob | 0\ncat | -", LEARNED),
    _contacts(
        "touches_unanswered_in_a_row",
        "since the last that was answered, as far as known; one that failed could not be",
        "ann | 2\nbob | 1\ncat | 0",
        LEARNED,
    ),
]
