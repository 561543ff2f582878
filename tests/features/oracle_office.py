"""The oracle for what goes between a student and the school: support, opinions, contacts and money."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.features.oracle_past import DAY, UNKNOWN, Past, Row, mean, of_kind, share

HOUR = timedelta(hours=1)


def support(past: Past, settings: Mapping[str, Any]) -> dict[str, float]:
    events = past.own("tickets")
    moves = [_last_move(events, ticket) for ticket in {r["ticket_id"] for r in events}]
    now_open = [move for move in moves if move is not None and move["event"] != "resolved"]
    opened = of_kind(events, "opened", column="event")
    rated = [r for r in of_kind(events, "rated", column="event") if r["score"] is not None]

    def lately(event: str, days: int) -> int:
        return len(past.lately(of_kind(events, event, column="event"), days))

    return {
        "tickets_open_now": len(now_open),
        "tickets_28d": lately("opened", 28),
        "sla_breaches_90d": sum(0 <= past.ago(past.day(due)) < 90 for due in _broken_promises(past, events, settings)),
        "cancel_requested_30d": lately("cancel_requested", 30),
        "refund_requested_30d": lately("refund_requested", 30),
        "tickets_urgent_now": len(of_kind(now_open, "P1", "P2", column="priority")),
        "tickets_p1_now": len(of_kind(now_open, "P1", column="priority")),
        "tickets_payment_now": len(of_kind(now_open, "payment", column="category")),
        "tickets_technical_now": len(of_kind(now_open, "access", "functionality", column="category")),
        "tickets_reopened_90d": lately("reopened", 90),
        "first_response_hours_90d": _mean_hours(past, events, ("responded", "resolved"), settings["hours"]),
        "resolution_hours_90d": _mean_hours(past, events, ("resolved",), settings["hours"]),
        "last_csat": mean([r["score"] for r in past.on_the_last_day(rated)]),
        "days_since_ticket": past.since_last(opened),
    }


def _last_move(events: list[Row], ticket: str) -> Row | None:
    """What happened to a ticket last; moves of one moment come in their natural order."""
    order = ["opened", "resolved", "reopened"]
    moves = [r for r in events if r["ticket_id"] == ticket and r["event"] in order]
    return max(moves, key=lambda r: (r["occurred_at"], order.index(r["event"]), r["event_id"]), default=None)


def _broken_promises(past: Past, events: list[Row], settings: Mapping[str, Any]) -> Iterator[datetime]:
    """When each promise of each opened ticket fell due, if nothing is known that kept it."""
    for opened in of_kind(events, "opened", column="event"):
        for promise, answers in (("respond", ("responded", "resolved")), ("resolve", ("resolved",))):
            hours = settings["sla"][opened["priority"]][promise] * _widened(past.day(opened["occurred_at"]), settings)
            due = working_hours_later(opened["occurred_at"], hours, settings["hours"], past.zone)
            mine = [r for r in events if r["ticket_id"] == opened["ticket_id"] and r["event"] in answers]
            if not any(r["occurred_at"] <= due for r in mine):
                yield due


def _widened(day: date, settings: Mapping[str, Any]) -> float:
    spells = settings.get("exceptional_days", [])
    return max([1.0, *(s["times"] for s in spells if s["first"] <= day.isoformat() <= s["last"])])


def _mean_hours(past: Past, events: list[Row], answers: tuple[str, ...], week: Mapping[str, Any]) -> float:
    """Working hours from each opening to its first answer, of the answers of 90 days."""
    found = []
    for opened in of_kind(events, "opened", column="event"):
        mine = [r for r in of_kind(events, *answers, column="event") if r["ticket_id"] == opened["ticket_id"]]
        first = min((r["occurred_at"] for r in mine if r["occurred_at"] >= opened["occurred_at"]), default=None)
        if first is not None and past.ago(past.day(first)) < 90:
            found.append(working_hours_between(opened["occurred_at"], first, week, past.zone))
    return mean(found)


def _working_days(moment: datetime, week: Mapping[str, Any], zone: ZoneInfo) -> Iterator[tuple[datetime, datetime]]:
    """When the school opens and closes, by the clock on its wall, from the day of a moment on."""
    wall = moment.astimezone(zone)
    midnight = datetime(wall.year, wall.month, wall.day)
    while True:
        if midnight.weekday() in week["days"] and midnight.date().isoformat() not in week["holidays"]:
            yield midnight + week["opens"] * HOUR, midnight + week["closes"] * HOUR
        midnight += DAY


def working_hours_later(moment: datetime, hours: float, week: Mapping[str, Any], zone: ZoneInfo) -> datetime:
    """Walks from working day to working day until the hours are used up."""
    left, now = hours * HOUR, moment.astimezone(zone).replace(tzinfo=None)
    for opens, closes in _working_days(moment, week, zone):
        here = max(now, opens)
        if here <= closes:
            if here + left <= closes:
                return (here + left).replace(tzinfo=zone)
            left -= closes - here
    raise AssertionError("a week without working days")


def working_hours_between(first: datetime, last: datetime, week: Mapping[str, Any], zone: ZoneInfo) -> float:
    """Adds up the part of each working day that lies between two moments."""
    since, until = (moment.astimezone(zone).replace(tzinfo=None) for moment in (first, last))
    passed = timedelta()
    for opens, closes in _working_days(first, week, zone):
        if opens >= until:
            return passed / HOUR
        passed += max(min(closes, until) - max(opens, since), timedelta())
    raise AssertionError("a week without working days")


def satisfaction(past: Past) -> dict[str, float]:
    ratings, answers = past.own("ratings"), past.own("nps")
    fair = [r["occurred_at"] for r in ratings if r["value"] >= 3]
    in_a_row = [r for r in ratings if r["value"] < 3 and not any(at >= r["occurred_at"] for at in fair)]
    return {
        "ratings_below_3_in_a_row": len(in_a_row),
        "mean_rating_90d": mean([r["value"] for r in past.lately(ratings, 90)]),
        "last_rating": mean([r["value"] for r in past.on_the_last_day(ratings)]),
        "last_nps": mean([r["value"] for r in past.on_the_last_day(answers)]),
    }


def contacts(past: Past) -> dict[str, float]:
    went_out = [r for r in past.touches() if r["status"] != "failed"]
    lately = past.lately(went_out, 90)
    calls = of_kind(went_out, "call", column="channel")
    answered = of_kind(went_out, "answered", column="status")
    return {
        "touches_7d": len(past.lately(went_out, 7)),
        "touches_28d": len(past.lately(went_out, 28)),
        "calls_28d": len(past.lately(calls, 28)),
        "days_since_touch": past.since_last(went_out),
        "days_since_personal_contact": past.since_last([r for r in went_out if r["by"] is not None or r in calls]),
        "touches_opened_share_90d": mean([float(r["status"] in ("opened", "answered")) for r in lately]),
        "touches_answered_share_90d": mean([float(r["status"] == "answered") for r in lately]),
        "touches_unanswered_in_a_row": len(past.after_the_last(went_out, answered)),
    }


def payments(past: Past) -> dict[str, float]:
    events = past.own("payments")
    failed, made = of_kind(events, "failed"), of_kind(events, "paid", "renewed")
    cards = [past.day(r["expires_at"]) for r in of_kind(events, "card_expiring") if r["expires_at"]]
    priced = [r for r in made if r["amount_minor"] is not None]
    discount, paid = (sum(r[name] or 0 for r in priced) for name in ("discount_minor", "amount_minor"))
    return {
        "payment_failures_30d": len(past.lately(failed, 30)),
        "payments_failed_now": len(past.after_the_last(failed, made)),
        "card_expires_in_days": _card_expires(past, cards, [past.day(r["occurred_at"]) for r in made]),
        "days_since_payment": past.since_last(made),
        "renewals": len(of_kind(made, "renewed")),
        "discount_share": share(discount, discount + paid),
    }


def _card_expires(past: Past, cards: list[date], paid: list[date]) -> float:
    """Days to the next expiry; without one, since the last, unless something was paid on a day after it."""
    ahead = [day for day in cards if day >= past.cut]
    if ahead or not cards:
        return (min(ahead) - past.cut).days if ahead else UNKNOWN
    expired = max(cards)
    return UNKNOWN if any(day > expired for day in paid) else (expired - past.cut).days
