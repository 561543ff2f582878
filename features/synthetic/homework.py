"""The homework handed in: early or late as is the student's habit, marked days later, and some of it done again."""

from __future__ import annotations

import numpy as np

from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.study import HOUR, Sessions, moments
from features.synthetic.writing import Rows, spelled

PASSES = 60
"""The score below which some do the work again."""


def submissions(world: World, life: Life, end: Ending, of: Sessions, seed: int) -> tuple[Rows, np.ndarray]:
    """The homework handed in, and the sessions it was handed in at; scores come days later, if they have come yet."""
    rng = np.random.default_rng([seed, 10])
    day, enrolment, task = life.handed[life.handed[:, 0] < end.closes[life.handed[:, 1]]].T
    at = of.on(enrolment, day)
    score = _scores(world, of, at, day > world.courses.due[world.enrolments.course[enrolment], task], rng)
    _, known = moments(world, of, at, np.full(len(at), 2400))
    marked = known + rng.integers(8 * HOUR, 96 * HOUR, len(at))

    # Who did badly and still has the will does it again the next time after the mark.
    wants = (score < PASSES) & (rng.random(len(at)) < 1 / (1 + np.exp(-0.2 - 0.8 * of.engagement[at])))
    again = np.where(wants, of.next_after(enrolment, world.calendar.days_of(marked)), -1)
    second = np.flatnonzero((again >= 0) & (of.day[again] - day < 21))
    better = np.clip(score[second] + np.round(rng.normal(14, 8, len(second))), 0, 100)

    enrolment, task = np.append(enrolment, enrolment[second]), np.append(task, task[second])
    at, score = np.append(at, again[second]), np.append(score, better)
    after = np.repeat([2400, 3000], [len(score) - len(second), len(second)])
    occurred, known = moments(world, of, at, after)
    marked = np.append(marked, known[len(marked) :] + rng.integers(8 * HOUR, 96 * HOUR, len(second)))
    told = marked < world.calendar.end
    course = world.enrolments.course[enrolment]
    rows: Rows = {
        "enrolment_id": spelled(world.enrolments.ids, enrolment),
        "assignment_id": spelled(assignment_ids(world), course * world.courses.due.shape[1] + task),
        "occurred_at": occurred,
        "known_at": known,
        "score": np.where(told, score, np.nan),
        "score_known_at": np.where(told, marked, -1),
    }
    return rows, at


def _scores(world: World, of: Sessions, at: np.ndarray, late: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Marks from 0 to 100: the student's level and slope, the will of that day, and something off for late work."""
    enrolment = of.enrolment[at]
    student, first = world.enrolments.student[enrolment], world.enrolments.first[enrolment]
    through = np.clip((of.day[at] - first) / (world.enrolments.last[enrolment] - first), 0, 1)
    level = 66 + 9 * world.students.level[student] + world.habits.slope[student] * (through - 0.5)
    return np.clip(np.round(level + 5 * of.engagement[at] - 4 * late + rng.normal(0, 11, len(at))), 0, 100)


def assignment_ids(world: World) -> list[str]:
    """The name of each place of `Courses.due`, course by course."""
    return [f"{course}-hw{task + 1:02d}" for course in world.courses.ids for task in range(world.courses.due.shape[1])]
