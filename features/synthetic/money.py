"""The money as the school's books have it: what came, came late, did not come or went back; cards near their end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.billing import NOTICE, first_payment
from features.synthetic.identities import Aliases
from features.synthetic.study import HOUR
from features.synthetic.writing import Rows, spelled

KINDS = ("paid", "renewed", "failed", "refunded", "card_expiring")


def payments(
    world: World, life: Life, end: Ending, refunded: np.ndarray, aliases: Aliases, rules: Mapping[str, Any]
) -> Rows:
    """All that happened to the students' money; what the CRM handles comes the next morning, under its own name.

    A subscription is renewed month by month, a run once, by buying the next stage on its last day.

    Args:
        rules: the settings' table `renewal`.
    """
    due, calendar, n = world.friction.payments, world.calendar, len(world.enrolments)
    told = (due.number == 0) | (due.day < end.closes[due.enrolment])
    came, failed = np.flatnonzero(told & ~due.failed), np.flatnonzero(told & due.failed)
    later = failed[(due.day + due.retried)[failed] < end.closes[due.enrolment[failed]]]
    back = np.flatnonzero(refunded)
    warned = due.card_ends - NOTICE
    expiring = np.flatnonzero((world.enrolments.enrolled < warned) & (warned < end.closes))
    own = world.courses.own_pace[world.enrolments.course]
    on, bought = life.renewed[(life.renewed[:, 0] < end.closes[life.renewed[:, 1]]) & ~own[life.renewed[:, 1]]].T
    renews = (own[due.enrolment] & (due.number > 0)) * 1
    price = (world.courses.price[world.enrolments.course[bought]] * rules["price_share"]).round().astype(np.int64)
    off = (price * np.where(world.habits.thrifty[world.enrolments.student[bought]], 0.2, 0.1)).round().astype(np.int64)
    nothing, mended = np.zeros(n, np.int64), due.day + due.retried

    def of_plan(kind: np.ndarray | int, at: np.ndarray, day: np.ndarray) -> tuple[Any, ...]:
        kinds = np.broadcast_to(kind, len(due.day))[at]
        return kinds, due.enrolment[at], day[at], due.second[at], due.amount[at], due.discount[at]

    parts = [  # kind, enrolment, day, second, amount, discount
        of_plan(renews, came, due.day),
        of_plan(2, failed, due.day),
        of_plan(renews, later, mended),
        (np.full(len(bought), 1), bought, on, np.full(len(bought), 20 * HOUR), price - off, off),
        (
            np.full(len(back), 3),
            back,
            life.left[back] + 1,
            nothing[back] + 12 * HOUR,
            first_payment(due)[back],
            nothing[back],
        ),
        (
            np.full(len(expiring), 4),
            expiring,
            warned[expiring],
            nothing[expiring] + 7 * HOUR,
            nothing[expiring],
            nothing[expiring],
        ),
    ]
    kind, enrolment, day, second, amount, discount = (np.concatenate(column) for column in zip(*parts, strict=True))
    occurred, in_the_morning = calendar.moments(day, second), calendar.moments(day + 1, 4 * HOUR)
    warns = kind == KINDS.index("card_expiring")
    named = aliases.by_crm(world.enrolments.student[enrolment])
    ends = calendar.moments(np.where(warns, due.card_ends[enrolment], 0), 0)
    return {
        "student_id": spelled(aliases.ids, named),
        "enrolment_id": spelled(world.enrolments.ids, np.where(named < len(world.students.ids), enrolment, -1)),
        "kind": spelled(KINDS, kind),
        "amount_minor": amount,
        "discount_minor": discount,
        "expires_at": np.where(warns, ends, -1),
        "occurred_at": occurred,
        "known_at": np.where(named < len(world.students.ids), occurred, in_the_morning),
    }
