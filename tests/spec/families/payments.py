"""Drawn tables of the features of payments."""

from __future__ import annotations

from tests.spec.drawn import Drawn

PAYMENTS = """
student_id | kind     | amount_minor | discount_minor | occurred_at | known_at
ann        | paid     | 9000         | 1000           | 2026-02-20  |
ann        | failed   |              |                | 2026-03-05  |
ann        | paid     | 6000         | 4000           | 2026-03-06  |
ann        | failed   |              |                | 2026-03-10  |
bob        | renewed  | 5000         |                | 2025-12-01  |
bob        | renewed  | 5000         |                | 2026-01-02  |
bob        | failed   |              |                | 2026-02-12  |
bob        | failed   |              |                | 2026-03-08  |
bob        | refunded | 5000         | 500            | 2026-03-09  |
cat        | failed   |              |                | 2026-03-10  |
cat        | renewed  | 5000         | 5000           | 2026-03-12  |
cat        | renewed  | 5000         |                | 2026-03-13  | 2026-03-15
"""


def _payments(feature: str, says: str, expect: str, payments: str = PAYMENTS) -> Drawn:
    return Drawn(feature, says, {"payments": payments}, expect)


DRAWN = [
    _payments("payment_failures_30d", "failed, mended since or not", "ann | 2\nbob | 1\ncat | 1\ndan | 0"),
    _payments(
        "payments_failed_now",
        "a later payment or renewal mends all before it; money given back mends none",
        "ann | 1\nbob | 2\ncat | 0\ndan | 0",
    ),
    _payments(
        "card_expires_in_days",
        "on the last day it is 0; the nearest of several",
        "ann | 16\nbob | 0\ncat | -\ndan | -",
        """
student_id | kind          | expires_at       | occurred_at | known_at
ann        | card_expiring | 2026-03-31       | 2026-03-01  |
ann        | card_expiring | 2026-04-30       | 2026-03-01  |
bob        | card_expiring | 2026-03-15 23:00 | 2026-03-10  |
cat        | card_expiring | 2026-03-31       | 2026-03-14  | 2026-03-15
dan        | card_expiring |                  | 2026-03-10  |
""",
    ),
    _payments("days_since_payment", "yesterday is 0; a renewal is a payment", "ann | 8\nbob | 71\ncat | 2\ndan | -"),
    _payments("renewals", "however long ago, once they are known", "ann | 0\nbob | 2\ncat | 1\ndan | 0"),
    _payments(
        "discount_share",
        "5000 off 20000; where nobody speaks of a discount there was none",
        "ann | 1/4\nbob | 0\ncat | 1/2\ndan | -",
    ),
]
