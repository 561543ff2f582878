"""Payments: money that came, failed or went back, and cards about to expire."""

from __future__ import annotations

from typing import Any

from features.panes.counted import Counted, Sum, where
from features.panes.relations import Tables, of_enrolments, per_day

_MADE = ("paid", "renewed")

payments = Counted(
    "payments",
    {
        "payments_failed": Sum(where=where(kind=["failed"])),
        "payments_made": Sum(where=where(kind=_MADE)),
        "renewed": Sum(where=where(kind=["renewed"])),
        "paid_amount": Sum(("amount_minor",), where=where(kind=_MADE)),
        "discount": Sum(("discount_minor",), where=where(kind=_MADE, amount_minor=None)),
    },
)


def cards(tables: Tables) -> Any:
    """Cards by the day on which they expire."""
    events = of_enrolments(tables["payments"], tables["enrolments"])
    cards = events.filter((events.kind == "card_expiring") & events.expires_day.notnull())
    cards = cards.mutate(day=cards.expires_day)
    return per_day(cards, cards_expiring=cards.count())
