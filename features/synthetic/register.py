"""The register: people, courses and enrolments as tables, and the order in which all the tables are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from features.synthetic import office, study
from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.friction import enrolled_at
from features.synthetic.people import AGE_BANDS, CHANNELS, NEVER
from features.synthetic.programme import Programme
from features.synthetic.writing import Exports, Rows, spelled

ANNOUNCED = 60
"""Days before its first one on which a course is announced."""


def students(world: World, settings: Mapping[str, Any]) -> Rows:
    """The people, known from their first purchase on."""
    persons, enrolments = world.students, world.enrolments
    known = np.full(len(persons.ids), np.iinfo(np.int64).max)
    np.minimum.at(known, enrolments.student, enrolled_at(world.friction, world.calendar, len(enrolments)))
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
        "known_at": calendar.moments(begins - ANNOUNCED, 12 * 3600),
    }


def enrolments(world: World) -> Rows:
    """Who takes what; at one's own pace with an own first day and end."""
    rows, calendar = world.enrolments, world.calendar
    own = world.courses.own_pace[rows.course]
    enrolled = enrolled_at(world.friction, calendar, len(rows))
    return {
        "enrolment_id": spelled(rows.ids, np.arange(len(rows))),
        "student_id": spelled(world.students.ids, rows.student),
        "course_id": spelled(world.courses.ids, rows.course),
        "occurred_at": enrolled,
        "starts_at": np.where(own, calendar.moments(rows.first, 0), -1),
        "ends_at": np.where(own, calendar.moments(rows.last, 0), -1),
        "price_minor": world.courses.price[rows.course],
        "known_at": enrolled,
    }


def assignments(world: World) -> Rows:
    """The homework; at one's own pace it has no deadline."""
    due = world.courses.due
    course, task = np.nonzero(np.arange(due.shape[1]) < world.courses.tasks[:, None])
    begins = np.where(world.courses.own_pace, 0, world.courses.first)[course]
    day = due[course, task]
    open_end = day == NEVER
    return {
        "assignment_id": spelled(study.assignment_ids(world), course * due.shape[1] + task),
        "course_id": spelled(world.courses.ids, course),
        "title": spelled([f"Homework {at + 1}" for at in range(due.shape[1])], task),
        "due_at": np.where(open_end, -1, world.calendar.moments(np.where(open_end, 0, day), 86_340)),
        "weight": np.round(100 / world.courses.tasks[course], 2),
        "known_at": world.calendar.moments(begins - ANNOUNCED, 12 * 3600),
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
    exports.write("students", students(world, settings))
    exports.write("courses", courses(world))
    exports.write("enrolments", enrolments(world))
    exports.write("assignments", assignments(world))
    of = study.sessions(world, life, end, seed)
    handed, at = study.submissions(world, life, end, of, seed)
    exports.write("submissions", handed, prefix="h")
    tell("writing activity")
    for table, (prompt, later) in (
        ("activity", study.activity(world, of, at, seed)),
        ("videos", study.videos(world, of, seed)),
    ):
        exports.write(table, prompt, prefix=table[0])
        exports.write(table, later, prefix=f"{table[0]}x", file=f"{table}_offline")
    exports.write("ratings", study.ratings(world, of, seed), prefix="r")
    tell("writing support, payments and messages")
    became, refunded = office.outcomes(world, life, end, seed)
    exports.write("tickets", office.tickets(world, life, end, refunded, seed), prefix="k")
    exports.write("payments", office.payments(world, life, end, refunded, seed), prefix="p")
    exports.write("touches", office.touches(world, life, end, programme, seed), prefix="m")
    exports.write("consents", office.consents(world, seed), prefix="c")
    exports.write("outcomes", became, prefix="o")
    exports.write("decisions", office.decisions(world, life, end, programme, settings["programme"]))
