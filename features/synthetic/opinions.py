"""What students say when they are asked: stars after a lesson, and whether they would recommend the school."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from features.synthetic.behaviour import Ending, World
from features.synthetic.study import Sessions, moments
from features.synthetic.writing import Rows, spelled


def ratings(world: World, of: Sessions, seed: int) -> Rows:
    """Stars after lessons; the unhappy give few, and give them more often."""
    rng = np.random.default_rng([seed, 11])
    unhappy = world.friction.unhappy[of.day, of.enrolment]
    at = np.flatnonzero((of.completed > 0) & (rng.random(len(of.day)) < np.where(unhappy, 0.5, 0.1)))
    stars = np.where(unhappy[at], rng.choice(3, len(at), p=[0.35, 0.5, 0.15]) + 1, rng.normal(4.4, 0.7, len(at)))
    return _said(world, of, at, np.clip(np.round(stars), 1, 5), np.ones(len(at), bool), 3300, 0)


def nps(world: World, of: Sessions, end: Ending, rules: Mapping[str, Any], seed: int) -> Rows:
    """Answers from 0 to 10 to surveys on fixed days of study; unhappy spells, late replies and low spirits cost points.

    The survey's tool passes them on half an hour later, and a few answers are about the person, not a course.
    """
    rng = np.random.default_rng([seed, 21])
    asked = world.enrolments.first[:, None] + np.array(rules["nps_days"])
    enrolment, wave = np.nonzero((asked >= 0) & (asked < end.closes[:, None]))
    day = asked[enrolment, wave]
    at = of.next_after(enrolment, day - 1)
    answers = rng.random(len(at)) < rules["nps_answers"] * np.where(world.friction.unhappy[day, enrolment], 1.4, 1.0)
    at, day = at[answers & (at >= 0)], day[answers & (at >= 0)]
    at = at[of.day[at] - day < rules["nps_waits_days"]]
    when = (of.day[at], of.enrolment[at])
    unhappy, blows = world.friction.unhappy[when], world.friction.blows[when]
    points = 8.7 + 0.7 * of.engagement[at] - 3.4 * unhappy - 1.2 * blows + rng.normal(0, 1.4, len(at))
    about_course = rng.random(len(at)) < 0.88
    return _said(world, of, at, np.clip(np.round(points), 0, 10), about_course, 200, 1800)


def _said(
    world: World,
    of: Sessions,
    at: np.ndarray,
    value: np.ndarray,
    about_course: np.ndarray,
    after: int,
    known_later: int,
) -> Rows:
    occurred, known = moments(world, of, at, np.full(len(at), after))
    return {
        "student_id": spelled(world.students.ids, world.enrolments.student[of.enrolment[at]]),
        "enrolment_id": spelled(world.enrolments.ids, np.where(about_course, of.enrolment[at], -1)),
        "value": value.astype(np.int64),
        "occurred_at": occurred,
        "known_at": known + known_later,
    }
