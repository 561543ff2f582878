"""The oracle of the labels: each answer for one enrolment at one cut-off, counted from the raw rows in a plain way.

It shares nothing with `features.labels`. A row counts when it was known before `until`; a question has no answer while
its horizon is not over by then.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

from tests.features.oracle import CLOSING, UNKNOWN, Past, Row, Rows

_DAY = timedelta(days=1)


class Hindsight:
    """One enrolment at a cut-off, as it was known then and as it is known at `until`."""

    def __init__(self, rows: Rows, enrolment_id: str, cut: date, zone: str, until: date) -> None:
        self.rows, self.zone, self.cut, self.until = rows, zone, cut, until
        self.then = Past(rows, enrolment_id, cut, zone)
        self.now = Past(rows, enrolment_id, until, zone)

    def day(self, row: Row) -> date:
        return self.then.day(row["occurred_at"])

    def had(self, table: str, kinds: str, start: date, end: date) -> bool:
        return any(r["kind"] in kinds.split() and start <= self.day(r) < end for r in self.now.own(table))

    @property
    def closings(self) -> list[Row]:
        return [r for r in self.now.own("outcomes") if r["kind"] in CLOSING]

    @property
    def had_left(self) -> bool:
        """Whether it turned out that the enrolment was closed by the cut-off."""
        return any(self.day(r) < self.cut for r in self.closings)

    def was_lost(self, row: Row) -> bool:
        """Whether a failed payment was not made up for within a week."""
        return row["kind"] == "failed" and not any(
            r["kind"] in ("paid", "renewed")
            and r["occurred_at"] >= row["occurred_at"]
            and self.day(r) <= self.day(row) + 7 * _DAY
            for r in self.now.own("payments")
        )

    def lost_money(self, start: date, end: date) -> bool:
        lost = [r for r in self.now.own("payments") if self.was_lost(r)]
        lost += [r for r in self.now.own("outcomes") if r["kind"] == "payment_failure"]
        while_here = [r for r in lost if not any(c["occurred_at"] < r["occurred_at"] for c in self.closings)]
        return any(start <= self.day(r) < end for r in while_here)

    def next_places(self, end: date) -> list[date]:
        """When each enrolment of the student that goes on after the end was bought."""
        names = {r["enrolment_id"] for r in self.rows["enrolments"]} - {self.now.id}
        others = [Past(self.rows, name, self.until, self.zone) for name in names]
        return [
            other.enrolled
            for other in others
            if other.enrolment is not None
            and other.enrolment["student_id"] == self.then.enrolment["student_id"]
            and other.start >= end - 30 * _DAY
            and (other.end is None or other.end > end)
        ]


def withdrawal(one: Hindsight) -> float:
    over = one.cut + 28 * _DAY
    if over > one.until:
        return UNKNOWN
    first = min((one.day(r) for r in one.now.own("outcomes") if r["kind"] == "withdrawal"), default=date.max)
    return float(one.cut <= first < over)


def inactivity(one: Hindsight, days: int) -> float:
    over = one.cut + days * _DAY
    if over > one.until or (one.now.end is not None and one.now.end < over):
        return UNKNOWN
    return float(not any(one.cut <= one.day(r) < over for r in one.now.own("activity")))


def refund(one: Hindsight) -> float:
    bought = one.then.enrolled
    over = bought + 14 * _DAY
    before = date.min, one.cut
    has_money_back = one.had("outcomes", "refund", *before) or one.had("payments", "refunded", *before)
    if over > one.until or one.cut >= over or has_money_back or one.had_left:
        return UNKNOWN
    return float(
        one.had("outcomes", "refund", one.cut, over) or one.had("payments", "refunded", one.cut, over),
    )


def payment_failure(one: Hindsight) -> float:
    if one.cut + 35 * _DAY > one.until or one.had_left:
        return UNKNOWN
    return float(one.lost_money(one.cut, one.cut + 28 * _DAY))


def nonrenewal(one: Hindsight) -> float:
    end = one.then.end
    if end is None or (end - one.cut).days > 30 or end + 14 * _DAY > one.until or one.had_left:
        return UNKNOWN
    over = end + 14 * _DAY
    places = one.next_places(end)
    if any(bought < one.cut for bought in places):
        return UNKNOWN
    after = Past(one.rows, one.now.id, over, one.zone)
    own_end = after.day(after.enrolment["ends_at"])
    if one.had("payments", "renewed", end - _DAY, over) or (own_end and own_end > end) or any(b < over for b in places):
        return 0.0
    if one.had("outcomes", "nonrenewal withdrawal refund", one.cut, over):
        return 1.0
    did_not_end = after.end is None or after.end > end
    return UNKNOWN if did_not_end or one.lost_money(one.cut, over - 7 * _DAY) else 1.0


ANSWERS: dict[str, Callable[[Hindsight], float]] = {
    "withdrawal_28d": withdrawal,
    "inactivity_14d": lambda one: inactivity(one, 14),
    "inactivity_7d": lambda one: inactivity(one, 7),
    "inactivity_30d": lambda one: inactivity(one, 30),
    "refund_14d": refund,
    "nonrenewal": nonrenewal,
    "payment_failure": payment_failure,
}
