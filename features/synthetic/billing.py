"""What is due and when: parts, discounts, cards that end, payments that fail, unpaid enrolments that are closed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.synthetic.habits import Habits
from features.synthetic.people import NEVER, Calendar, Courses, Enrolments

MONTH = 30
GRACE = 5
"""Days after a failed payment on which the school gives up trying and closes the enrolment."""
NOTICE = 14
"""Days before a card's end on which the bank's notice of it comes."""


@dataclass(frozen=True)
class Payments:
    """(m,) arrays of money that was due; `second` is the local second of the day.

    Attributes:
        number: 0 for the first one of the enrolment.
        amount, discount: minor units; the discount is already taken off the amount.
        failed: whether it did not go through at once.
        retried: days until it did, `NEVER` when it did not.
        card_ends: (n,) day on which the card of an enrolment that is paid more than once ends, else `NEVER`.
        stops: (n,) day from which an enrolment is closed for want of payment, or `NEVER`.
    """

    enrolment: np.ndarray
    number: np.ndarray
    day: np.ndarray
    second: np.ndarray
    amount: np.ndarray
    discount: np.ndarray
    failed: np.ndarray
    retried: np.ndarray
    card_ends: np.ndarray
    stops: np.ndarray


def draw_payments(
    enrolments: Enrolments,
    courses: Courses,
    habits: Habits,
    calendar: Calendar,
    rules: Mapping[str, Any],
    rng: np.random.Generator,
) -> Payments:
    """A subscription of a month at one's own pace; a run is paid at once or in three parts."""
    n, thrifty = len(enrolments), habits.thrifty[enrolments.student]
    own = courses.own_pace[enrolments.course]
    in_parts = rng.random(n) < np.where(thrifty, rules["parts_share_thrifty"], rules["parts_share"])
    parts = np.where(own, (enrolments.latest - enrolments.enrolled) // MONTH + 1, np.where(in_parts, 3, 1))
    enrolment = np.repeat(np.arange(n), parts)
    number = np.arange(len(enrolment)) - np.repeat(parts.cumsum() - parts, parts)
    day = enrolments.enrolled[enrolment] + MONTH * number

    price = np.where(own, courses.price[enrolments.course], courses.price[enrolments.course] // parts)[enrolment]
    discounted = ~own[enrolment] | (number == 0)  # of a subscription only the first month
    off = _discount(enrolments, thrifty, rules, rng)[enrolment] * discounted
    discount = (price * off).round().astype(np.int64)
    card_ends, failed, retried = _failures(enrolment, number, day, parts, rules, rng)
    lost = failed & (retried == NEVER)
    stops = np.full(n, NEVER)
    np.minimum.at(stops, enrolment[lost], day[lost] + GRACE)
    return Payments(
        enrolment=enrolment,
        number=number,
        day=day,
        second=np.where(number == 0, rng.integers(9 * 3600, 22 * 3600, len(enrolment)), 8 * 3600),
        amount=price - discount,
        discount=discount,
        failed=failed,
        retried=retried,
        card_ends=card_ends,
        stops=stops,
    )


def _discount(
    enrolments: Enrolments, thrifty: np.ndarray, rules: Mapping[str, Any], rng: np.random.Generator
) -> np.ndarray:
    """Share of the list price taken off: for buying early, or for those who wait for an offer; (n,)."""
    early = enrolments.first - enrolments.enrolled >= rules["early_days"]
    offer = thrifty & (rng.random(len(enrolments)) < 0.7)
    return np.where(offer, rng.choice([0.15, 0.20, 0.30], len(enrolments)), np.where(early, rules["early_off"], 0.0))


def _failures(
    enrolment: np.ndarray,
    number: np.ndarray,
    day: np.ndarray,
    parts: np.ndarray,
    rules: Mapping[str, Any],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """When each enrolment's card ends (n,), which payments fail (m,), and after how many days they are mended (m,)."""
    n, m = len(parts), len(enrolment)
    card_ends = np.where(parts > 1, rng.integers(-30, rules["card_days"], n) + day[number == 0], NEVER)
    replaced = rng.random(n) < rules["card_replaced"]
    after_end = (number > 0) & (day >= card_ends[enrolment])
    first_after = after_end & (day - MONTH < card_ends[enrolment])  # a mended one is paid by a new card
    by_card = first_after & ~replaced[enrolment]
    often = rng.gamma(0.4, 2.5, n)  # 1 on average: most hardly ever fail, a few again and again
    failed = by_card | ((number > 0) & (rng.random(m) < rules["fails"] * often[enrolment]))
    mended = rng.random(m) < np.where(by_card, rules["mended_card"], rules["mended"])
    return card_ends, failed, np.where(mended, rng.integers(1, GRACE, m), NEVER)


def enrolled_at(payments: Payments, calendar: Calendar) -> np.ndarray:
    """The moment of enrolling: that of the first payment; (n,) seconds since 1970."""
    first = payments.number == 0
    moment = np.empty(len(payments.stops), dtype=np.int64)
    moment[payments.enrolment[first]] = calendar.moments(payments.day[first], payments.second[first])
    return moment


def first_payment(payments: Payments) -> np.ndarray:
    """What was paid on enrolling; (n,) minor units."""
    return payments.amount[payments.number == 0]
