"""Tickets: what is open, how fast the school answered, promises broken, and what was asked for."""

from __future__ import annotations

from typing import Any

import ibis

from features.panes.counted import Counted, Sum, where
from features.panes.relations import Tables, first_known, known_first, of_enrolments, ones, per_day, with_take_backs

HOUR = 100  # hundredths of a working hour
STAR = 100  # hundredths of a point of satisfaction
MASS = "P1"
URGENT = (MASS, "P2")
TECHNICAL = ("access", "functionality")
_MOVES = ("opened", "resolved", "reopened")  # in the order that they have when they happen at one moment
_PROMISES = {"respond_by": ("responded", "resolved"), "resolve_by": ("resolved",)}

tickets = Counted(
    "tickets",
    {
        "opened": Sum(where=where(event=["opened"])),
        "reopened": Sum(where=where(event=["reopened"])),
        "cancel_asked": Sum(where=where(event=["cancel_requested"])),
        "refund_asked": Sum(where=where(event=["refund_requested"])),
        "rated": Sum(where=where(event=["rated"], score=None)),
        "csat": Sum(("score",), STAR, where(event=["rated"])),
    },
)


def own_tickets(tables: Tables) -> Any:
    """Events of tickets by enrolment."""
    return of_enrolments(tables["tickets"], tables["enrolments"])


def open_now(tables: Tables) -> Any:
    """What opened or closed a ticket; a move learned of after a later one changes nothing any more.

    The kind of an open ticket is what its last opening said, so that a ticket sorted anew changes only from then on.
    """
    ticket = ["enrolment_id", "ticket_id"]
    events = known_first(tables["own_tickets"])
    moves = events.filter(events.event.isin(_MOVES))
    rank = ibis.cases(*((moves.event == move, i) for i, move in enumerate(_MOVES)))
    is_open = moves.event != "resolved"
    states = {
        "open": ones(is_open),
        "urgent": ones(is_open & moves.priority.isin(URGENT)),
        "mass": ones(is_open & (moves.priority == MASS)),
        "payment": ones(is_open & (moves.category == "payment")),
        "technical": ones(is_open & moves.category.isin(TECHNICAL)),
    }
    moves = moves.mutate(rank=rank, **states)
    happened = ibis.window(group_by=ticket, order_by=["occurred_at", "rank", "event_id"])
    moves = moves.mutate(nth=ibis.row_number().over(happened))
    learned = ibis.cumulative_window(group_by=ticket, order_by=["day", "nth"])
    moves = moves.filter(moves.nth == moves.nth.max().over(learned))
    before = ibis.window(group_by=ticket, order_by="nth")
    moves = moves.mutate(**{f"was_{name}": moves[name].lag().over(before).fill_null(0) for name in states})
    return per_day(moves, **{f"{name}_change": (moves[name] - moves[f"was_{name}"]).sum() for name in states})


def _answers(tables: Tables, events: tuple[str, ...]) -> Any:
    """The first answer of these kinds to each opening, as it was known, with the working hours that it took."""
    all_events = tables["own_tickets"]
    opened = all_events.filter(all_events.event == "opened").select(
        "enrolment_id", "ticket_id", opening="event_id", opened_at="occurred_at", since="work", asked="known_day"
    )
    told = all_events.filter(all_events.event.isin(events)).select(
        "enrolment_id", "ticket_id", "event_id", "occurred_at", "day", "known_day", "work"
    )
    pairs = opened.join(told, ["enrolment_id", "ticket_id"])
    pairs = pairs.filter(pairs.occurred_at >= pairs.opened_at)
    pairs = pairs.mutate(known_day=ibis.greatest(pairs.known_day, pairs.asked), hours=pairs.work - pairs.since)
    return with_take_backs(first_known(pairs, ["enrolment_id", "opening"], ["occurred_at", "event_id"]))


def first_responses(tables: Tables) -> Any:
    """Tickets answered for the first time, and after how many working hours."""
    rows = _answers(tables, _PROMISES["respond_by"])
    return per_day(rows, responded=rows.sign.sum(), response_hours=(rows.sign * rows.hours).sum())


def resolutions(tables: Tables) -> Any:
    """Tickets resolved for the first time, and after how many working hours."""
    rows = _answers(tables, _PROMISES["resolve_by"])
    return per_day(rows, resolved=rows.sign.sum(), resolution_hours=(rows.sign * rows.hours).sum())


def _breaches(tables: Tables, promise: str) -> Any:
    """A promise is broken on the day it falls due, until an answer that had kept it is known."""
    events = tables["own_tickets"]
    opened = events.filter(events.event == "opened").select(
        "enrolment_id", "ticket_id", "event_id", "known_day", by=events[promise], day=events[f"{promise}_day"]
    )
    opened = opened.mutate(known_day=ibis.greatest(opened.day, opened.known_day))
    answered = events.filter(events.event.isin(_PROMISES[promise])).select(
        "enrolment_id", "ticket_id", answered_at="occurred_at", answer_known="known_day"
    )
    kept = opened.join(answered, ["enrolment_id", "ticket_id"])
    kept = kept.filter(kept.answered_at <= kept.by)
    kept = kept.group_by("enrolment_id", "event_id").agg(until_day=kept.answer_known.min())
    broken = opened.left_join(kept, ["enrolment_id", "event_id"])
    broken = broken.filter(broken.until_day.isnull() | (broken.until_day > broken.known_day))
    rows = with_take_backs(broken.select("enrolment_id", "day", "known_day", "until_day"))
    return per_day(rows, **{f"{promise}_broken": rows.sign.sum()})


def late_responses(tables: Tables) -> Any:
    """First answers that came later than promised, or did not come."""
    return _breaches(tables, "respond_by")


def late_resolutions(tables: Tables) -> Any:
    """Solutions that came later than promised, or did not come."""
    return _breaches(tables, "resolve_by")
