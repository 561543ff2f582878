"""The kinds of events that a school may tell of: at least one for every event table and way in which it counts."""

from __future__ import annotations

from typing import Any, NamedTuple


class Kind(NamedTuple):
    """A kind of event, and what has to be there before it makes sense."""

    table: str
    row: dict[str, Any]
    before: tuple[tuple[str, dict[str, Any]], ...] = ()

    @property
    def name(self) -> str:
        told = [str(self.row[key]) for key in ("kind", "event", "value", "channel", "carried_over") if key in self.row]
        return " ".join([self.table, *told])


TICKET = ("tickets", {"ticket_id": "t", "event": "opened", "priority": "P2", "category": "payment"})
RESOLVED = ("tickets", {"ticket_id": "t", "event": "resolved", "priority": "P2"})
LESSON = ("videos", {"video_id": "v", "kind": "left", "progress": 0.7})
KINDS = [
    Kind("activity", {"kind": "login"}),
    Kind("activity", {"kind": "forum", "quantity": 2}),
    Kind("activity", {"kind": "quiz"}),
    Kind("activity", {"kind": "lesson_completed", "object_id": "l1"}),
    Kind("videos", {"video_id": "v", "kind": "opened"}),
    Kind("videos", {"video_id": "v", "kind": "watched", "seconds": 600, "speed": 1.5}),
    Kind("videos", {"video_id": "v", "kind": "skipped", "seconds": 60}),
    Kind("videos", {"video_id": "v", "kind": "rewatched", "seconds": 60}),
    Kind("videos", {"video_id": "v", "kind": "completed"}, (LESSON,)),
    Kind("videos", {"video_id": "v", "kind": "left", "progress": 0.7}),
    Kind("submissions", {"assignment_id": "a", "score": 80}),
    Kind("submissions", {"assignment_id": "a", "score": 80, "carried_over": True}),
    Kind("tickets", {"ticket_id": "t", "event": "opened", "priority": "P1", "category": "access"}),
    Kind("tickets", {"ticket_id": "t", "event": "responded", "priority": "P2"}, (TICKET,)),
    Kind("tickets", {"ticket_id": "t", "event": "resolved", "priority": "P2"}, (TICKET,)),
    Kind("tickets", {"ticket_id": "t", "event": "reopened", "priority": "P2"}, (TICKET, RESOLVED)),
    Kind("tickets", {"ticket_id": "t", "event": "rated", "score": 2, "priority": "P2"}, (TICKET,)),
    Kind("tickets", {"ticket_id": "t", "event": "cancel_requested"}),
    Kind("tickets", {"ticket_id": "t", "event": "refund_requested"}),
    Kind("ratings", {"value": 2}),
    Kind("ratings", {"value": 5}, (("ratings", {"value": 1}),)),
    Kind("nps", {"value": 3}),
    Kind("live", {"class_id": "k", "kind": "held"}),
    Kind("live", {"class_id": "k", "kind": "attended"}, (("live", {"class_id": "k", "kind": "held"}),)),
    Kind("live", {"class_id": "k", "kind": "spoke", "quantity": 3}),
    Kind("live", {"class_id": "k", "kind": "wrote", "quantity": 3}),
    Kind("payments", {"kind": "paid", "amount_minor": 900, "discount_minor": 100}),
    Kind("payments", {"kind": "failed"}),
    Kind("payments", {"kind": "renewed"}),
    Kind("payments", {"kind": "card_expiring", "expires_at": "2027-01-01"}),
    Kind("touches", {"channel": "sms"}),
    Kind("touches", {"channel": "call", "status": "answered", "by": "anna"}),
    Kind("touches", {"channel": "email", "status": "opened"}),
    Kind("outcomes", {"kind": "withdrawal"}),
    Kind("outcomes", {"kind": "refund"}),
    Kind("outcomes", {"kind": "nonrenewal"}),
    Kind("outcomes", {"kind": "completion"}),
]
OF_A_PERSON = {"tickets", "ratings", "nps", "payments", "touches"}
"""Tables whose facts are about a student, and may name an enrolment."""
