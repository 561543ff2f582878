"""What the school does to its students, whatever they do: late replies, failing payments, teaching they dislike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.business_hours import BusinessHours
from features.synthetic.billing import Payments, draw_payments
from features.synthetic.habits import Habits
from features.synthetic.people import NEVER, Calendar, Courses, Enrolments

PRIORITIES = ("P1", "P2", "P3")
CATEGORIES = ("access", "payment", "functionality", "content", "feedback", "presale")
_AT_FIRST, _LATER, _WHEN_UNHAPPY = (
    np.array(shares)
    for shares in ((0.5, 0.15, 0.2, 0.1, 0.05), (0.1, 0.1, 0.3, 0.35, 0.15), (0.05, 0.05, 0.15, 0.35, 0.4))
)
"""How often each of the first five categories is what is asked about."""
REFUND_DAYS = 14
"""Days after buying in which leaving can be a refund, and in which a purchase is doubted."""
FADES = 14.0
"""Days in which a late reply or a failed payment is felt 37 % as much."""


@dataclass(frozen=True)
class Tickets:
    """(m,) arrays of tickets; moments in seconds since 1970.

    Attributes:
        late: whether the first reply came after its limit.
    """

    enrolment: np.ndarray
    day: np.ndarray
    priority: np.ndarray
    category: np.ndarray
    opened: np.ndarray
    responded: np.ndarray
    resolved: np.ndarray
    late: np.ndarray


@dataclass(frozen=True)
class Friction:
    """All of it, and what it weighs.

    Attributes:
        unhappy: (t, n) bool, the student dislikes the teaching on the day.
        blows: (t, n) float32, what is still felt of late replies and failed payments.
        weight: (t, n) float32, added to the logarithm of the daily chance of withdrawing.
    """

    tickets: Tickets
    payments: Payments
    unhappy: np.ndarray
    blows: np.ndarray
    weight: np.ndarray


def draw_friction(
    enrolments: Enrolments,
    courses: Courses,
    habits: Habits,
    calendar: Calendar,
    settings: Mapping[str, Any],
    seed: int,
) -> Friction:
    """Draws the tickets, the payments and the unhappy spells of every enrolment, as if nobody ever left."""
    rng = np.random.default_rng([seed, 3])
    felt = settings["withdrawal"]
    blows = np.zeros((calendar.days, len(enrolments)), dtype=np.float32)
    payments = draw_payments(enrolments, courses, habits, calendar, settings["payments"], rng)
    _strike(blows, payments.day, payments.enrolment, payments.failed * felt["payment_failed"])
    unhappy = _unhappy(enrolments, calendar.days, rng)
    tickets, felt_on = _tickets(enrolments, payments, unhappy, calendar, settings["support"], rng)
    _strike(blows, felt_on, tickets.enrolment, tickets.late * felt["sla_breach"])
    keeps = np.float32(np.exp(-1 / FADES))
    for day in range(1, calendar.days):
        blows[day] += keeps * blows[day - 1]
    age = np.arange(calendar.days)[:, None] - enrolments.enrolled
    regrets = (age >= 0) & (age < REFUND_DAYS)
    weight = blows + np.float32(felt["low_ratings"]) * unhappy + np.float32(felt["regret"]) * regrets
    return Friction(tickets, payments, unhappy, blows, weight)


def _strike(blows: np.ndarray, day: np.ndarray, enrolment: np.ndarray, weight: np.ndarray) -> None:
    inside = (day >= 0) & (day < len(blows))
    np.add.at(blows, (day[inside], enrolment[inside]), weight[inside])


def _unhappy(enrolments: Enrolments, days: int, rng: np.random.Generator) -> np.ndarray:
    n = len(enrolments)
    length = enrolments.last - enrolments.first
    begins = np.where(rng.random(n) < 0.12, enrolments.first + (rng.random(n) * length * 0.8).astype(int), NEVER)
    ends = begins + rng.integers(21, 50, n)
    day = np.arange(days)[:, None]
    return (begins <= day) & (day < ends)


def _tickets(
    enrolments: Enrolments,
    payments: Payments,
    unhappy: np.ndarray,
    calendar: Calendar,
    support: Mapping[str, Any],
    rng: np.random.Generator,
) -> tuple[Tickets, np.ndarray]:
    """The tickets, and the day on which each first reply became late (or would have)."""
    every_day = np.arange(calendar.days)[:, None]
    studying = (enrolments.first <= every_day) & (every_day < enrolments.latest)
    sorts = (
        _usual(enrolments, unhappy, studying, rng),
        _unpaid(payments, calendar.days, rng),
        _struck(calendar, studying, support, rng),
    )
    opened_on, enrolment, second, priority, category = map(np.concatenate, zip(*sorts, strict=True))
    m = len(opened_on)
    opened = calendar.moments(opened_on, second)
    respond = np.array([support["respond"][p] for p in PRIORITIES])[priority]
    resolve = np.array([support["resolve"][p] for p in PRIORITIES])[priority]
    busy = np.isin(opened_on // 7, rng.choice(calendar.days // 7 + 1, max(calendar.days // 70, 1), replace=False))
    flooded = np.where(priority == 0, 3.0, np.where(busy, 3.0, 1.0))  # a mass incident always is more than they can do
    late = rng.random(m) < flooded * support["breach_share"]
    reply = respond * np.where(late, rng.uniform(1.1, 3.5, m), rng.uniform(0.03, 0.9, m))
    solve = np.maximum(resolve * rng.uniform(0.05, 0.95, m), reply + 0.05)
    hours = BusinessHours(calendar.zone, support["opens"], support["closes"], frozenset(range(5)), frozenset())
    tickets = Tickets(
        enrolment=enrolment,
        day=opened_on,
        priority=priority,
        category=category,
        opened=opened,
        responded=_after(hours, opened, reply),
        resolved=_after(hours, opened, solve),
        late=late,
    )
    return tickets, calendar.days_of(_after(hours, opened, respond))


_Questions = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Day, enrolment, second of the day, priority and category of what is asked."""


def _usual(enrolments: Enrolments, unhappy: np.ndarray, studying: np.ndarray, rng: np.random.Generator) -> _Questions:
    """Everyday questions: more in the first days, and more, of the teaching, by the unhappy."""
    begun = np.arange(len(studying))[:, None] < enrolments.first + 14
    chance = (np.where(begun, 0.014, 0.005) + 0.008 * unhappy) * studying
    day, enrolment = np.nonzero(rng.random(chance.shape) < chance)
    early, sad = begun[day, enrolment], unhappy[day, enrolment]
    mix = np.select([sad[:, None], early[:, None]], [_WHEN_UNHAPPY, _AT_FIRST], _LATER).cumsum(axis=1)
    category = (rng.random((len(day), 1)) > mix[:, :-1]).sum(axis=1)
    priority = 1 + (rng.random(len(day)) < 0.86)
    return day, enrolment, rng.integers(8 * 3600, 23 * 3600, len(day)), priority, category


def _unpaid(payments: Payments, days: int, rng: np.random.Generator) -> _Questions:
    """Some whose payment failed ask on the same day."""
    at = np.flatnonzero(payments.failed & (payments.day >= 0) & (payments.day < days))
    at = at[rng.random(len(at)) < 0.4]
    second = rng.integers(9 * 3600, 21 * 3600, len(at))
    about = np.full(len(at), CATEGORIES.index("payment"))
    return payments.day[at], payments.enrolment[at], second, np.ones(len(at), np.int64), about


def _struck(
    calendar: Calendar, studying: np.ndarray, support: Mapping[str, Any], rng: np.random.Generator
) -> _Questions:
    """The days on which the platform is down, and those who write of it."""
    workdays = np.flatnonzero((calendar.start.weekday() + np.arange(calendar.days)) % 7 < 5)
    down = rng.choice(workdays, min(support["incidents"], len(workdays)), replace=False)
    strikes = np.isin(np.arange(calendar.days), down)[:, None] & studying
    day, enrolment = np.nonzero(strikes & (rng.random(studying.shape) < support["struck_share"]))
    about = rng.choice([CATEGORIES.index("access"), CATEGORIES.index("functionality")], len(day))
    return day, enrolment, rng.integers(11 * 3600, 14 * 3600, len(day)), np.zeros(len(day), np.int64), about


def _after(hours: BusinessHours, moments: np.ndarray, working: np.ndarray) -> np.ndarray:
    """Seconds since 1970 when so many working hours have gone by."""
    stamps = pd.Series(moments.astype("datetime64[s]").astype("datetime64[us]")).dt.tz_localize("UTC")
    return hours.add(stamps, working).astype("int64").to_numpy() // 1_000_000
