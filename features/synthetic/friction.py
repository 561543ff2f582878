"""What the school does to its students, whatever they do: late replies, failing payments, teaching they dislike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from features.business_hours import BusinessHours
from features.synthetic.people import NEVER, Calendar, Courses, Enrolments

PRIORITIES = ("P1", "P2", "P3")
CATEGORIES = ("access", "payment", "functionality", "content", "feedback")
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
class Payments:
    """(m,) arrays of money that was due; `second` is the local second of the day.

    Attributes:
        number: 0 for the first one of the enrolment.
        failed: whether it did not go through at once.
        retried: days until it did, `NEVER` when it did not.
    """

    enrolment: np.ndarray
    number: np.ndarray
    day: np.ndarray
    second: np.ndarray
    amount: np.ndarray
    failed: np.ndarray
    retried: np.ndarray


@dataclass(frozen=True)
class Friction:
    """All of it, and what it weighs.

    Attributes:
        unhappy: (t, n) bool, the student dislikes the teaching on the day.
        weight: (t, n) float32, added to the logarithm of the daily chance of withdrawing.
    """

    tickets: Tickets
    payments: Payments
    unhappy: np.ndarray
    weight: np.ndarray


def draw_friction(
    enrolments: Enrolments, courses: Courses, calendar: Calendar, settings: Mapping[str, Any], seed: int
) -> Friction:
    """Draws the tickets, the payments and the unhappy spells of every enrolment, as if nobody ever left."""
    rng = np.random.default_rng([seed, 3])
    felt = settings["withdrawal"]
    blows = np.zeros((calendar.days, len(enrolments)), dtype=np.float32)
    tickets, felt_on = _tickets(enrolments, calendar, settings["support"], rng)
    _strike(blows, felt_on, tickets.enrolment, tickets.late * felt["sla_breach"])
    payments = _payments(enrolments, courses, calendar, rng)
    _strike(blows, payments.day, payments.enrolment, payments.failed * felt["payment_failed"])
    keeps = np.float32(np.exp(-1 / FADES))
    for day in range(1, calendar.days):
        blows[day] += keeps * blows[day - 1]
    unhappy = _unhappy(enrolments, calendar.days, rng)
    return Friction(tickets, payments, unhappy, blows + np.float32(felt["low_ratings"]) * unhappy)


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
    enrolments: Enrolments, calendar: Calendar, support: Mapping[str, Any], rng: np.random.Generator
) -> tuple[Tickets, np.ndarray]:
    """The tickets, and the day on which each first reply became late (or would have)."""
    day = np.arange(calendar.days)[:, None]
    studying = (enrolments.first <= day) & (day < enrolments.last)
    chance = np.where(day < enrolments.first + 14, 0.014, 0.005) * studying
    opened_on, enrolment = np.nonzero(rng.random(chance.shape) < chance)
    m = len(opened_on)
    priority = rng.choice(3, m, p=[0.02, 0.13, 0.85])
    early = opened_on < enrolments.first[enrolment] + 14
    usual = np.where(early[:, None], [0.5, 0.15, 0.2, 0.1, 0.05], [0.1, 0.1, 0.3, 0.35, 0.15]).cumsum(axis=1)
    category = (rng.random((m, 1)) > usual[:, :-1]).sum(axis=1)
    second = rng.integers(8 * 3600, 23 * 3600, m)

    opened = calendar.moments(opened_on, second)
    respond = np.array([support["respond"][p] for p in PRIORITIES])[priority]
    resolve = np.array([support["resolve"][p] for p in PRIORITIES])[priority]
    busy = np.isin(opened_on // 7, rng.choice(calendar.days // 7 + 1, max(calendar.days // 70, 1), replace=False))
    late = rng.random(m) < np.where(busy, 3.0, 1.0) * support["breach_share"]
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


def _after(hours: BusinessHours, moments: np.ndarray, working: np.ndarray) -> np.ndarray:
    """Seconds since 1970 when so many working hours have gone by."""
    stamps = pd.Series(moments.astype("datetime64[s]").astype("datetime64[us]")).dt.tz_localize("UTC")
    return hours.add(stamps, working).astype("int64").to_numpy() // 1_000_000


def _payments(enrolments: Enrolments, courses: Courses, calendar: Calendar, rng: np.random.Generator) -> Payments:
    """A subscription of a month at one's own pace; a run is paid at once or in three parts."""
    n = len(enrolments)
    own = courses.own_pace[enrolments.course]
    parts = np.where(own, courses.length[enrolments.course] // 30 + 1, np.where(rng.random(n) < 0.35, 3, 1))
    enrolment = np.repeat(np.arange(n), parts)
    number = np.arange(len(enrolment)) - np.repeat(parts.cumsum() - parts, parts)
    price = courses.price[enrolments.course]
    amount = np.where(own, price, price // parts)[enrolment]
    failed = (rng.random(len(enrolment)) < 0.05) & (number > 0)
    retried = np.where(rng.random(len(enrolment)) < 0.8, rng.integers(1, 5, len(enrolment)), NEVER)
    return Payments(
        enrolment=enrolment,
        number=number,
        day=enrolments.enrolled[enrolment] + 30 * number,
        second=np.where(number == 0, rng.integers(9 * 3600, 22 * 3600, len(enrolment)), 8 * 3600),
        amount=amount,
        failed=failed,
        retried=retried,
    )


def enrolled_at(friction: Friction, calendar: Calendar, count: int) -> np.ndarray:
    """The moment of enrolling: that of the first payment; (n,) seconds since 1970."""
    first = friction.payments.number == 0
    moment = np.empty(count, dtype=np.int64)
    moment[friction.payments.enrolment[first]] = calendar.moments(
        friction.payments.day[first], friction.payments.second[first]
    )
    return moment
