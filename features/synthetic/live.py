"""What happened in the live classes: who was invited, came, spoke and wrote, as reported in the night."""

from __future__ import annotations

import numpy as np

from features.synthetic.behaviour import Ending, World
from features.synthetic.coursework import sigmoid
from features.synthetic.study import HOUR, Sessions
from features.synthetic.writing import Rows, spelled

REPORTED = 3 * HOUR
"""Second of the next day on which the school learns of it."""


def classes(world: World, end: Ending, of: Sessions, seed: int) -> tuple[Rows, tuple[np.ndarray, np.ndarray]]:
    """The table, and the sessions of those who attended with the seconds from their beginning to the class.

    Who comes on a day with a class attends it by will and by how the teaching is liked, unless it is then night.
    """
    rng = np.random.default_rng([seed, 22])
    table = world.timetable
    day, enrolment = np.nonzero(table.held & end.alive)
    session = of.on(enrolment, day)
    came = np.flatnonzero(session >= 0)
    came = came[of.delay[session[came]] == 0]
    will, who = of.engagement[session[came]], enrolment[came]
    own = world.courses.own_pace[world.enrolments.course[who]]
    minus = 0.9 * world.friction.unhappy[day[came], who] + 2.5 * table.at_night[who] + 1.3 * own
    here = rng.random(len(came)) < sigmoid(1.1 + 0.7 * will - minus)
    came, will, who = came[here], will[here], who[here]
    begins = table.hour[enrolment] * HOUR
    late = np.clip(rng.normal(60, 240, len(came)) - 90 * will, -600, 1500).astype(np.int64)

    wordy = np.exp(0.9 * world.habits.talks[world.enrolments.student[who]] + 0.3 * will)
    spoke, wrote = rng.poisson(0.5 * wordy), rng.poisson(1.4 * wordy)
    parts = [  # kind, class of an enrolment, quantity, seconds after the class began
        ("held", np.arange(len(day)), np.ones(len(day), np.int64), np.zeros(len(day), np.int64)),
        ("attended", came, np.ones(len(came), np.int64), late),
        ("spoke", came[spoke > 0], spoke[spoke > 0], late[spoke > 0] + 1500),
        ("wrote", came[wrote > 0], wrote[wrote > 0], late[wrote > 0] + 1200),
    ]
    row = np.concatenate([part[1] for part in parts])
    what = np.repeat(np.arange(len(parts)), [len(part[1]) for part in parts])
    after = np.concatenate([part[3] for part in parts])
    group, width = table.group[enrolment[row]], int(table.group.max(initial=0)) + 1
    names = [f"{course}-g{at + 1:02d}" for course in world.courses.ids for at in range(width)]
    rows: Rows = {
        "enrolment_id": spelled(world.enrolments.ids, enrolment[row]),
        "class_id": _class_ids(names, world.enrolments.course[enrolment[row]] * width + group, day[row], world),
        "kind": spelled([part[0] for part in parts], what),
        "quantity": np.concatenate([part[2] for part in parts]),
        "occurred_at": world.calendar.moments(day[row], begins[row] + after),
        "known_at": world.calendar.moments(day[row] + 1, REPORTED),
    }
    return rows, (session[came], begins[came] + late - of.second[session[came]])


def _class_ids(groups: list[str], group: np.ndarray, day: np.ndarray, world: World) -> object:
    """Names like python-autumn-g03-day-045, which all the invited share."""
    days = world.calendar.days
    pairs, place = np.unique(group * days + day, return_inverse=True)
    return spelled([f"{groups[pair // days]}-day-{pair % days + 1:03d}" for pair in pairs.tolist()], place)
