"""The register: people, courses and enrolments as tables, and the order in which all the tables are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from features.synthetic import contact, homework, live, money, office, opinions, study, support
from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.billing import enrolled_at, first_payment
from features.synthetic.habits import regions
from features.synthetic.identities import draw_aliases, identities
from features.synthetic.people import AGE_BANDS, CHANNELS, NEVER
from features.synthetic.programme import Programme
from features.synthetic.writing import Exports, Rows, spelled

ANNOUNCED = 60
"""Days before its first one on which a course is announced."""
MOVED = 3
"""Days before a deadline on which the school says that it has moved."""


def students(world: World, settings: Mapping[str, Any]) -> Rows:
    """The people, known from their first purchase on."""
    persons, enrolments = world.students, world.enrolments
    known = np.full(len(persons.ids), np.iinfo(np.int64).max)
    np.minimum.at(known, enrolments.student, enrolled_at(world.friction.payments, world.calendar))
    return {
        "student_id": spelled(persons.ids, np.arange(len(persons.ids))),
        "display_name": spelled(persons.names, np.arange(len(persons.ids))),
        "time_zone": spelled([row["zone"] for row in settings["zones"]], persons.zone),
        "curator": spelled(settings["curators"], persons.curator),
        "group": spelled(persons.group, np.arange(len(persons.ids))),
        "is_minor": spelled(("false", "true"), (persons.age == 0) * 1),
        "acquisition_channel": spelled(CHANNELS, persons.channel),
        "gender": spelled(("f", "m"), (persons.genders == "m") * 1),
        "age_band": spelled(AGE_BANDS, persons.age),
        "region": spelled(regions(settings), world.habits.region),
        "known_at": known,
    }


def courses(world: World) -> Rows:
    """The courses, known well before they begin."""
    offered, calendar = world.courses, world.calendar
    everyone, begins = np.arange(len(offered.ids)), np.where(offered.own_pace, 0, offered.first)
    return {
        "course_id": spelled(offered.ids, everyone),
        "title": spelled(offered.titles, everyone),
        "starts_at": np.where(offered.own_pace, -1, calendar.moments(begins, 0)),
        "ends_at": np.where(offered.own_pace, -1, calendar.moments(begins + offered.length, 0)),
        "lessons": offered.lessons,
        "hours": offered.hours,
        "known_at": calendar.moments(begins - ANNOUNCED, 12 * 3600),
    }


def enrolments(world: World, life: Life, end: Ending) -> Rows:
    """Who takes what; at one's own pace with an own first day and end.

    What is bought later moves the end of a subscription, and what is not paid for ends that day: newer versions.
    """
    rows, calendar = world.enrolments, world.calendar
    own = world.courses.own_pace[rows.course]
    enrolled, everyone = enrolled_at(world.friction.payments, calendar), np.arange(len(rows))
    on, more = life.renewed[own[life.renewed[:, 1]] & (life.renewed[:, 0] < end.closes[life.renewed[:, 1]])].T
    unpaid = np.flatnonzero(end.unpaid)
    enrolment = np.concatenate([everyone, more, unpaid])
    ends = np.concatenate([np.where(own, rows.last, NEVER), on + 1 + world.renewal["days"], end.closes[unpaid]])
    known = np.concatenate(
        [enrolled, calendar.moments(on, 20 * 3600), calendar.moments(end.closes[unpaid], 9 * 3600 + 300)]
    )
    begins = np.where(own, calendar.moments(rows.first, 0), -1)[enrolment]
    runs = ends == NEVER
    return {
        "enrolment_id": spelled(rows.ids, enrolment),
        "student_id": spelled(world.students.ids, rows.student[enrolment]),
        "course_id": spelled(world.courses.ids, rows.course[enrolment]),
        "occurred_at": enrolled[enrolment],
        "starts_at": begins,
        "ends_at": np.where(runs, -1, calendar.moments(np.where(runs, 0, ends), 0)),
        "price_minor": _price(world)[enrolment],
        "known_at": known,
    }


def _price(world: World) -> np.ndarray:
    """What all the parts of a run cost, and what the first month of a subscription costs; (n,) minor units."""
    due, first = world.friction.payments, first_payment(world.friction.payments)
    total = np.bincount(due.enrolment, due.amount).astype(np.int64)
    return np.where(world.courses.own_pace[world.enrolments.course], first, total)


def assignments(world: World) -> Rows:
    """The homework; at one's own pace it has no deadline, and a deadline that moved has two versions."""
    offered, calendar = world.courses, world.calendar
    course, task = np.nonzero(np.arange(offered.due.shape[1]) < offered.tasks[:, None])
    begins = np.where(offered.own_pace, 0, offered.first)[course]
    moved = np.flatnonzero((offered.due != offered.announced)[course, task])
    day = np.concatenate([offered.announced[course, task], offered.due[course, task][moved]])
    told_on = np.concatenate([begins - ANNOUNCED, offered.announced[course, task][moved] - MOVED])
    course, task = np.append(course, course[moved]), np.append(task, task[moved])
    open_end = day == NEVER
    return {
        "assignment_id": spelled(homework.assignment_ids(world), course * offered.due.shape[1] + task),
        "course_id": spelled(offered.ids, course),
        "title": spelled([f"Homework {at + 1}" for at in range(offered.due.shape[1])], task),
        "due_at": np.where(open_end, -1, calendar.moments(np.where(open_end, 0, day), 86_340)),
        "weight": np.round(100 / offered.tasks[course], 2),
        "known_at": calendar.moments(told_on, 12 * 3600),
    }


def write_all(
    exports: Exports,
    world: World,
    life: Life,
    end: Ending,
    programme: Programme,
    settings: Mapping[str, Any],
    seed: int,
    tell: Callable[[str], None],
) -> None:
    """Writes every table of the contracts."""
    tell("writing the register")
    aliases = draw_aliases(world.students, settings["identities"], seed)
    exports.write("students", students(world, settings))
    exports.write("identities", identities(aliases, world.enrolments, world.friction.payments, world.calendar))
    exports.write("courses", courses(world))
    exports.write("enrolments", enrolments(world, life, end))
    exports.write("assignments", assignments(world))
    of = study.sessions(world, life, end, seed)
    handed, at = homework.submissions(world, life, end, of, seed)
    exports.write("submissions", handed, prefix="h")
    tell("writing activity")
    held, attended = live.classes(world, end, of, seed)
    exports.write("live", held, prefix="l")
    for table, (prompt, later) in (
        ("activity", study.activity(world, of, at, attended, seed)),
        ("videos", study.videos(world, of, seed)),
    ):
        exports.write(table, prompt, prefix=table[0])
        exports.write(table, later, prefix=f"{table[0]}x", file=f"{table}_offline")
    exports.write("ratings", opinions.ratings(world, of, seed), prefix="r")
    exports.write("nps", opinions.nps(world, of, end, settings["surveys"], seed), prefix="n")
    tell("writing support, payments and messages")
    became, refunded = office.outcomes(world, life, end, seed)
    exports.write("tickets", support.tickets(world, life, end, refunded, aliases, seed), prefix="k")
    exports.write("payments", money.payments(world, life, end, refunded, aliases, settings["renewal"]), prefix="p")
    exports.write("touches", contact.touches(world, life, end, programme, settings["curators"], seed))
    exports.write("consents", office.consents(world, seed), prefix="c")
    exports.write("flags", office.flags(world, seed), prefix="f")
    exports.write("outcomes", became, prefix="o")
    exports.write("decisions", office.decisions(world, life, end, programme, settings["programme"]))
