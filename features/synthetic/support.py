"""The helpdesk's history: questions, replies, marks, and those who ask to leave or are not here yet."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.friction import CATEGORIES, PRIORITIES
from features.synthetic.identities import Aliases
from features.synthetic.people import NEVER
from features.synthetic.study import HOUR
from features.synthetic.writing import Rows, numbered, spelled


def tickets(world: World, life: Life, end: Ending, refunded: np.ndarray, aliases: Aliases, seed: int) -> Rows:
    """The history of the tickets, those that ask to cancel or for the money back among them.

    A ticket that came by e-mail carries the address's alias and no enrolment.
    """
    rng = np.random.default_rng([seed, 13])
    every = _all(world, life, end, refunded, aliases, rng)
    count, unasked = len(every.opened), ~every.leaves & (every.enrolment >= 0)
    everyone = np.arange(count)
    again = everyone[unasked & (rng.random(count) < 0.04 + 0.08 * every.late + 0.06 * every.unhappy)]
    rated = everyone[rng.random(count) < 0.3]
    events = [
        ("opened", everyone, every.opened),
        ("cancel_requested", everyone[every.leaves & ~every.back], every.opened + 60),
        ("refund_requested", everyone[every.back], every.opened + 60),
        ("responded", everyone, every.responded),
        ("resolved", everyone, every.resolved),
        ("reopened", again, every.resolved + 20 * HOUR),
        ("resolved", again, every.resolved + 50 * HOUR),
        ("rated", rated, every.resolved + 51 * HOUR),
    ]
    row = np.concatenate([event[1] for event in events])
    what = np.repeat(np.arange(len(events)), [len(event[1]) for event in events])
    score = np.clip(np.round(rng.normal(np.where(every.late, 2.4, 4.4) - 0.8 * every.unhappy, 0.8)), 1, 5)
    occurred = np.concatenate([event[2][event[1]] for event in events])
    named = np.where(every.enrolment < 0, aliases.mail_of(every.student), aliases.by_mail(every.student, rng))
    enrolment = np.where(named == every.student, every.enrolment, -1)
    return {
        "ticket_id": numbered("t", count).take(row),
        "student_id": spelled(aliases.ids, named[row]),
        "enrolment_id": spelled(world.enrolments.ids, enrolment[row]),
        "event": spelled([event[0] for event in events], what),
        "category": spelled(CATEGORIES, every.category[row]),
        "priority": spelled(PRIORITIES, every.priority[row]),
        "score": np.where(what == len(events) - 1, score[row], np.nan),
        "occurred_at": occurred,
        "known_at": occurred,
    }


class _Tickets(NamedTuple):
    """(k,) arrays of all tickets: the usual ones, those that ask to leave, those from before the first purchase.

    Attributes:
        enrolment: -1 before the first purchase.
        leaves, back: whether it asks to cancel or for the money back, and which of the two.
    """

    enrolment: np.ndarray
    student: np.ndarray
    priority: np.ndarray
    category: np.ndarray
    opened: np.ndarray
    responded: np.ndarray
    resolved: np.ndarray
    late: np.ndarray
    unhappy: np.ndarray
    leaves: np.ndarray
    back: np.ndarray


def _all(
    world: World, life: Life, end: Ending, refunded: np.ndarray, aliases: Aliases, rng: np.random.Generator
) -> _Tickets:
    usual, owner, lowest = world.friction.tickets, world.enrolments.student, PRIORITIES.index("P3")
    told = np.flatnonzero(usual.day < end.closes[usual.enrolment])
    sad = world.friction.unhappy[usual.day[told], usual.enrolment[told]]
    asking, asked_on = _asks_to_leave(world, life, end, refunded, rng)
    asked_at = world.calendar.moments(asked_on, rng.integers(10 * HOUR, 16 * HOUR, len(asking)))
    before, wondered_at = _before_buying(world, aliases, rng)

    def rows(value: int | bool, like: np.ndarray) -> np.ndarray:
        return np.full(len(like), value)

    parts = [
        (
            *(usual.enrolment[told], owner[usual.enrolment[told]], usual.priority[told], usual.category[told]),
            *(usual.opened[told], usual.responded[told], usual.resolved[told], usual.late[told], sad),
            *(rows(False, told), rows(False, told)),
        ),
        (
            *(asking, owner[asking], rows(lowest, asking), rows(CATEGORIES.index("payment"), asking)),
            *(asked_at, asked_at + 2 * HOUR, asked_at + 30 * HOUR, rows(False, asking), rows(False, asking)),
            *(rows(True, asking), refunded[asking]),
        ),
        (
            *(rows(-1, before), before, rows(lowest, before), rows(CATEGORIES.index("presale"), before)),
            *(wondered_at, wondered_at + HOUR, wondered_at + 3 * HOUR, rows(False, before), rows(False, before)),
            *(rows(False, before), rows(False, before)),
        ),
    ]
    return _Tickets(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _asks_to_leave(
    world: World, life: Life, end: Ending, refunded: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Enrolments that asked to leave and the day: some of those who did, all who got money back, a few who stayed."""
    n = len(world.enrolments)
    leavers = np.flatnonzero(end.withdrew & (refunded | (rng.random(n) < 0.25)))
    before = life.left[leavers] - np.where(refunded[leavers], 1, rng.integers(1, 13, len(leavers)))
    first = world.enrolments.first
    stayers = np.flatnonzero(~end.withdrew & (rng.random(n) < 0.03) & (end.closes > first + 2))
    day = first[stayers] + 1 + (rng.random(len(stayers)) * (end.closes - first - 1)[stayers]).astype(np.int64)
    return np.concatenate([leavers, stayers]), np.concatenate([np.maximum(before, first[leavers]), day])


def _before_buying(world: World, aliases: Aliases, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Who wrote an e-mail with a question in the fortnight before the first purchase, and the moment."""
    people, zero = world.students, world.calendar.moments(np.zeros(1, np.int64), 0)[0]
    bought = np.full(len(people.ids), NEVER)
    np.minimum.at(bought, world.enrolments.student, world.enrolments.enrolled)
    who = np.flatnonzero(aliases.writes & (rng.random(len(people.ids)) < 0.25))
    day = bought[who] - rng.integers(1, 15, len(who))
    moment = world.calendar.moments(day, rng.integers(10 * HOUR, 16 * HOUR, len(who)))
    return who[moment >= zero], moment[moment >= zero]
