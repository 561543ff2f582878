"""What the school writes down of its students: what became of them, their word on being written to, and decisions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.billing import enrolled_at
from features.synthetic.friction import REFUND_DAYS
from features.synthetic.people import NEVER
from features.synthetic.programme import ACTION, NOTHING, Programme
from features.synthetic.study import HOUR
from features.synthetic.writing import Rows, numbered, spelled

KINDS = ("withdrawal", "refund", "completion", "nonrenewal", "payment_failure")
FLAGGED = 0.03  # share of students about whom only people decide for a while
FLAGS = {"complaint": 0.25, "dispute": 0.15, "conversation": 0.3, "wellbeing": 0.15, "medical": 0.1, "objection": 0.05}


def outcomes(world: World, life: Life, end: Ending, seed: int) -> tuple[Rows, np.ndarray]:
    """What became of the enrolments, and which of them got their money back; (n,) bool.

    Who completes a course and does not go on has two rows: a completion and a nonrenewal.
    """
    rng = np.random.default_rng([seed, 12])
    n, calendar, courses = len(world.enrolments), world.calendar, world.courses
    soon = life.left < world.enrolments.enrolled + REFUND_DAYS
    refunded = end.withdrew & soon & (rng.random(n) < 0.8)
    done = np.where(end.alive, life.completed, 0).sum(axis=0) / courses.lessons[world.enrolments.course]
    ran_out = (end.closes == life.last) & ~end.withdrew & ~end.unpaid
    completed = (life.finished < end.closes) | (ran_out & (done >= 0.7))
    which = [end.withdrew & ~refunded, refunded, completed, end.lapsed, end.unpaid]
    kind, at = np.nonzero(which)
    # People leave by day; what ends by itself ends with the last day, and what was not paid in the morning.
    day = np.select([kind < 2, kind < 4], [life.left[at], end.closes[at] - 1], end.closes[at])
    second = np.select([kind < 2, kind < 4], [rng.integers(10 * HOUR, 22 * HOUR, len(at)), 23 * HOUR + 1800], 9 * HOUR)
    slow = np.where((kind < 4) & (rng.random(len(at)) < 0.1), rng.integers(4 * HOUR, 20 * HOUR, len(at)), 300)
    occurred = calendar.moments(day, second)
    rows: Rows = {
        "enrolment_id": spelled(world.enrolments.ids, at),
        "kind": spelled(KINDS, kind),
        "occurred_at": occurred,
        "known_at": occurred + slow,
    }
    return rows, refunded


def consents(world: World, seed: int) -> Rows:
    """Consents given at the first purchase, withdrawn later by some, and pauses."""
    rng = np.random.default_rng([seed, 15])
    people, calendar = world.students, world.calendar
    bought = np.full(len(people.ids), np.iinfo(np.int64).max)
    np.minimum.at(bought, world.enrolments.student, enrolled_at(world.friction.payments, calendar))
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


def flags(world: World, seed: int) -> Rows:
    """Flags that people set on a few students; half of them end by themselves, the others are cleared."""
    rng = np.random.default_rng([seed, 24])
    people, calendar = world.students, world.calendar
    joined = np.full(len(people.ids), NEVER)
    np.minimum.at(joined, world.enrolments.student, world.enrolments.first)
    kind = rng.choice(len(FLAGS), len(people.ids), p=list(FLAGS.values()))
    begins, ends = joined + rng.integers(3, 150, len(people.ids)), rng.integers(5, 60, len(people.ids))
    ends += begins
    by_itself = rng.random(len(people.ids)) < 0.5
    flagged = np.flatnonzero((rng.random(len(people.ids)) < FLAGGED) & (begins < calendar.days))
    cleared = flagged[~by_itself[flagged] & (ends[flagged] < calendar.days)]
    who = np.concatenate([flagged, cleared])
    hours = rng.integers(9 * HOUR, 18 * HOUR, len(who))
    occurred = calendar.moments(np.concatenate([begins[flagged], ends[cleared]]), hours)
    lasting = np.where(by_itself[flagged], calendar.moments(ends[flagged], 18 * HOUR), -1)
    return {
        "student_id": spelled(people.ids, who),
        "kind": spelled(tuple(FLAGS), kind[who]),
        "state": spelled(("set", "cleared"), np.repeat([0, 1], [len(flagged), len(cleared)])),
        "until_at": np.append(lasting, np.full(len(cleared), -1)),
        "source": spelled(("curator",), np.zeros(len(who), dtype=np.int64)),
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
