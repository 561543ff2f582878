"""What the school writes down about its students: support, money, messages, consents, decisions and endings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.friction import CATEGORIES, PRIORITIES, enrolled_at
from features.synthetic.people import NEVER
from features.synthetic.programme import ACTION, NOTHING, STATUSES, Programme
from features.synthetic.writing import Rows, numbered, spelled

HOUR = 3600
REFUND_DAYS = 14
"""Days after buying in which leaving can be a refund."""


def outcomes(world: World, life: Life, end: Ending, seed: int) -> tuple[Rows, np.ndarray]:
    """What became of the enrolments, and which of them got their money back; (n,) bool."""
    rng = np.random.default_rng([seed, 12])
    n, calendar, courses = len(world.enrolments), world.calendar, world.courses
    soon = life.left < world.enrolments.enrolled + REFUND_DAYS
    refunded = end.withdrew & soon & (rng.random(n) < 0.4)
    done = np.where(end.alive, life.completed, 0).sum(axis=0) / courses.lessons[world.enrolments.course]
    ran_out = (end.closes == world.enrolments.last) & ~end.withdrew
    completed = (life.finished < end.closes) | (ran_out & (done >= 0.7))
    kind = np.select([refunded, end.withdrew, completed], [1, 0, 2], -1)
    at = np.flatnonzero(kind >= 0)
    day = np.where(end.withdrew, life.left, end.closes - 1)[at]
    second = np.where(end.withdrew[at], rng.integers(10 * HOUR, 22 * HOUR, len(at)), 23 * HOUR + 1800)
    slow = np.where(rng.random(len(at)) < 0.1, rng.integers(4 * HOUR, 20 * HOUR, len(at)), 300)

    money = world.friction.payments
    lost = np.flatnonzero(money.failed & (money.retried == NEVER) & (money.day + 5 < end.closes[money.enrolment]))
    occurred = np.concatenate([calendar.moments(day, second), calendar.moments(money.day[lost] + 5, 9 * HOUR)])
    rows: Rows = {
        "enrolment_id": spelled(world.enrolments.ids, np.concatenate([at, money.enrolment[lost]])),
        "kind": spelled(
            ("withdrawal", "refund", "completion", "payment_failure"),
            np.concatenate([kind[at], np.full(len(lost), 3)]),
        ),
        "occurred_at": occurred,
        "known_at": occurred + np.concatenate([slow, np.full(len(lost), 300)]),
    }
    return rows, refunded


def tickets(world: World, life: Life, end: Ending, refunded: np.ndarray, seed: int) -> Rows:
    """The history of the tickets, those that ask to cancel or for the money back among them."""
    rng = np.random.default_rng([seed, 13])
    usual = world.friction.tickets
    told = np.flatnonzero(usual.day < end.closes[usual.enrolment])
    asking, asked_on = _asks_to_leave(world, life, end, refunded, rng)
    asked_at = world.calendar.moments(asked_on, rng.integers(10 * HOUR, 16 * HOUR, len(asking)))
    m, k = len(told), len(asking)

    enrolment = np.concatenate([usual.enrolment[told], asking])
    priority = np.concatenate([usual.priority[told], np.full(k, 2)])
    category = np.concatenate([usual.category[told], np.full(k, CATEGORIES.index("payment"))])
    opened = np.concatenate([usual.opened[told], asked_at])
    responded = np.concatenate([usual.responded[told], asked_at + 2 * HOUR])
    resolved = np.concatenate([usual.resolved[told], asked_at + 30 * HOUR])
    late = np.concatenate([usual.late[told], np.zeros(k, bool)])
    everyone, asks = np.arange(m + k), np.arange(m + k) >= m
    back = np.concatenate([np.zeros(m, bool), refunded[asking]])
    again = everyone[~asks & (rng.random(m + k) < 0.06)]
    rated = everyone[rng.random(m + k) < 0.3]
    events = [
        ("opened", everyone, opened),
        ("cancel_requested", everyone[asks & ~back], opened + 60),
        ("refund_requested", everyone[asks & back], opened + 60),
        ("responded", everyone, responded),
        ("resolved", everyone, resolved),
        ("reopened", again, resolved + 20 * HOUR),
        ("resolved", again, resolved + 50 * HOUR),
        ("rated", rated, resolved + 51 * HOUR),
    ]
    row = np.concatenate([event[1] for event in events])
    what = np.repeat(np.arange(len(events)), [len(event[1]) for event in events])
    score = np.clip(np.round(rng.normal(np.where(late, 2.4, 4.4), 0.8)), 1, 5)[row]
    occurred = np.concatenate([event[2][event[1]] for event in events])
    return {
        "ticket_id": numbered("t", m + k).take(row),
        "student_id": spelled(world.students.ids, world.enrolments.student[enrolment[row]]),
        "enrolment_id": spelled(world.enrolments.ids, enrolment[row]),
        "event": spelled([event[0] for event in events], what),
        "category": spelled(CATEGORIES, category[row]),
        "priority": spelled(PRIORITIES, priority[row]),
        "score": np.where(what == len(events) - 1, score, np.nan),
        "occurred_at": occurred,
        "known_at": occurred,
    }


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


def payments(world: World, life: Life, end: Ending, refunded: np.ndarray, seed: int) -> Rows:
    """Money that came, came later, did not come, or went back; and cards about to expire."""
    rng = np.random.default_rng([seed, 14])
    due, calendar, n = world.friction.payments, world.calendar, len(world.enrolments)
    told = (due.number == 0) | (due.day < end.closes[due.enrolment])
    came = np.flatnonzero(told & ~due.failed)
    failed = np.flatnonzero(told & due.failed)
    later = failed[(due.day + due.retried)[failed] < end.closes[due.enrolment[failed]]]
    back = np.flatnonzero(refunded)
    expiring = np.flatnonzero((rng.random(n) < 0.04) & end.alive.any(axis=0))
    on = world.enrolments.first + (rng.random(n) * (end.closes - world.enrolments.first)).astype(np.int64)
    renews = world.courses.own_pace[world.enrolments.course][due.enrolment] & (due.number > 0)
    parts = [  # kind, enrolment, day, second, amount
        (renews[came] * 1, due.enrolment[came], due.day[came], due.second[came], due.amount[came]),
        (np.full(len(failed), 2), due.enrolment[failed], due.day[failed], due.second[failed], due.amount[failed]),
        (renews[later] * 1, due.enrolment[later], (due.day + due.retried)[later], due.second[later], due.amount[later]),
        (np.full(len(back), 3), back, life.left[back] + 1, np.full(len(back), 12 * HOUR), _first_amount(world)[back]),
        (
            np.full(len(expiring), 4),
            expiring,
            on[expiring],
            np.full(len(expiring), 7 * HOUR),
            np.zeros(len(expiring), int),
        ),
    ]
    kind, enrolment, day, second, amount = (np.concatenate(column) for column in zip(*parts, strict=True))
    occurred = calendar.moments(day, second)
    return {
        "student_id": spelled(world.students.ids, world.enrolments.student[enrolment]),
        "enrolment_id": spelled(world.enrolments.ids, enrolment),
        "kind": spelled(("paid", "renewed", "failed", "refunded", "card_expiring"), kind),
        "amount_minor": amount,
        "occurred_at": occurred,
        "known_at": occurred,
    }


def _first_amount(world: World) -> np.ndarray:
    due = world.friction.payments
    amount = np.zeros(len(world.enrolments), dtype=np.int64)
    amount[due.enrolment[due.number == 0]] = due.amount[due.number == 0]
    return amount


def consents(world: World, seed: int) -> Rows:
    """Consents given at the first purchase, withdrawn later by some, and pauses."""
    rng = np.random.default_rng([seed, 15])
    people, calendar = world.students, world.calendar
    bought = np.full(len(people.ids), np.iinfo(np.int64).max)
    np.minimum.at(bought, world.enrolments.student, enrolled_at(world.friction, calendar, len(world.enrolments)))
    service, marketing = np.flatnonzero(people.consent > 0), np.flatnonzero(people.consent > 1)
    ended = np.flatnonzero(people.withdrew < calendar.days)
    paused = np.flatnonzero(people.paused < calendar.days)
    early = 5 * HOUR  # before the programme looks, so that a word given that day counts
    ended_at = calendar.moments(people.withdrew[ended], rng.integers(HOUR, early, len(ended)))
    paused_at = calendar.moments(people.paused[paused], rng.integers(HOUR, early, len(paused)))
    open_end = people.resumed[paused] >= NEVER
    until = np.where(open_end, -1, calendar.moments(np.where(open_end, 0, people.resumed[paused]), 0))
    parts = [  # students, purpose, state, source, moment, until
        (service, 1, 0, 0, bought[service], np.full(len(service), -1)),
        (marketing, 2, 0, 0, bought[marketing], np.full(len(marketing), -1)),
        (ended, 0, 1, 1, ended_at, np.full(len(ended), -1)),
        (paused, 0, 2, 2, paused_at, until),
    ]
    repeat = [len(part[0]) for part in parts]
    occurred = np.concatenate([part[4] for part in parts])
    return {
        "student_id": spelled(people.ids, np.concatenate([part[0] for part in parts])),
        "purpose": spelled(("any", "service", "marketing"), np.repeat([part[1] for part in parts], repeat)),
        "state": spelled(("given", "withdrawn", "paused"), np.repeat([part[2] for part in parts], repeat)),
        "until_at": np.concatenate([part[5] for part in parts]),
        "source": spelled(
            ("checkout", "unsubscribe link", "student's request"), np.repeat([part[3] for part in parts], repeat)
        ),
        "occurred_at": occurred,
        "known_at": occurred,
    }


def decided(life: Life, days: int) -> np.ndarray:
    """The enrolments on which the programme acted while they were live, in order of time; (m,) indices."""
    at = np.flatnonzero((life.decided < days) & (life.decided <= life.left))
    return at[np.argsort(life.decided[at], kind="stable")]


def decisions(world: World, life: Life, end: Ending, programme: Programme, rules: Mapping[str, Any]) -> Rows:
    """What the programme decided.

    `propensity` is the chance that the hold-out's draw put the student into the arm the row names: nothing else
    about these decisions was left to chance.
    """
    at = decided(life, world.calendar.days)
    out = programme.held_out[at]
    share = rules["holdout_share"]
    occurred = world.calendar.moments(life.decided[at], 6 * HOUR)
    return {
        "decision_id": numbered("d", len(at)),
        "student_id": spelled(world.students.ids, world.enrolments.student[at]),
        "enrolment_id": spelled(world.enrolments.ids, at),
        "experiment": spelled([rules["experiment"]], np.zeros(len(at), int)),
        "arm": spelled(("treatment", "control"), out * 1),
        "action": spelled((ACTION, NOTHING), out * 1),
        "propensity": np.where(out, share, 1 - share),
        "occurred_at": occurred,
        "known_at": occurred,
    }


def touches(world: World, life: Life, end: Ending, programme: Programme, seed: int) -> Rows:
    """The care messages, and the letters that everybody gets: a welcome, and reminders of late homework."""
    rng = np.random.default_rng([seed, 16])
    calendar, enrolments = world.calendar, world.enrolments
    at = decided(life, calendar.days)
    sent = np.flatnonzero(~programme.held_out[at])
    cared = at[sent]
    hour = rng.uniform(13, 18, len(cared)) - world.students.shift[enrolments.student[cared]]
    care_at = calendar.moments(life.decided[cared], (np.maximum(hour, 6.2) * HOUR).astype(np.int64))
    welcome_at = enrolled_at(world.friction, calendar, len(enrolments)) + 600
    reminded, on = _reminders(world, life, end, rng)
    reminded_at = calendar.moments(on, rng.integers(11 * HOUR, 15 * HOUR, len(reminded)))

    enrolment = np.concatenate([cared, np.arange(len(enrolments)), reminded])
    letters = len(enrolments) + len(reminded)
    is_care = (np.arange(len(enrolment)) < len(cared)).astype(np.int64)
    decision_ids = numbered("d", len(at)).to_pylist()
    status = np.concatenate([programme.status[cared], rng.choice(4, letters, p=[0.45, 0.5, 0.03, 0.02])])
    occurred = np.concatenate([care_at, welcome_at, reminded_at])
    # What became of a message is written into its row hours later, so the row is known only then.
    seen_after = np.where(np.isin(status, (1, 2)), rng.integers(600, 5 * HOUR, len(status)), 60)
    return {
        "student_id": spelled(world.students.ids, enrolments.student[enrolment]),
        "enrolment_id": spelled(enrolments.ids, enrolment),
        "channel": spelled(("email", "sms"), is_care),
        "status": spelled(STATUSES, status),
        "action": spelled((ACTION,), is_care - 1),
        "decision_id": spelled(decision_ids, np.concatenate([sent, np.full(letters, -1)])),
        "occurred_at": occurred,
        "known_at": occurred + seen_after,
    }


def _reminders(world: World, life: Life, end: Ending, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Enrolments reminded of homework three days late, and the day; a quarter of those who may be written to."""
    enrolments = world.enrolments
    due = world.courses.due[enrolments.course]
    handed = np.full(due.shape, NEVER)
    handed[life.handed[:, 1], life.handed[:, 2]] = life.handed[:, 0]
    late = (due >= enrolments.first[:, None]) & (due + 3 < end.closes[:, None]) & (handed > due + 2)
    enrolment, task = np.nonzero(late & (rng.random(due.shape) < 0.25))
    day = due[enrolment, task] + 3
    people, student = world.students, enrolments.student[enrolment]
    pause = (people.paused[student] <= day) & (day < people.resumed[student])
    may = (people.withdrew[student] > day) & ~pause
    return enrolment[may], day[may]
