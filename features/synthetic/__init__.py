"""The made school: an online school's history, written as the exports a school has, with effects that are known."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from features.synthetic.behaviour import World, as_it_went, draw_temper, ending, live_through
from features.synthetic.friction import draw_friction
from features.synthetic.habits import draw_habits
from features.synthetic.people import Calendar, draw_students, enrol, open_courses
from features.synthetic.programme import plan
from features.synthetic.register import write_all
from features.synthetic.timetable import draw_timetable
from features.synthetic.truth import write_truth
from features.synthetic.writing import Exports


@dataclass(frozen=True)
class MadeSchool:
    """What was written.

    Attributes:
        folder: holds the CSV files.
        mapping: the file for the csv importer.
        truth: the folder of what no school knows: `students`, `decisions`, `hazards` and `renewals` in Parquet.
            Only tests and benchmarks read it.
        start, end: the first day of the history and the day after the last one; nothing is known from ``end`` on.
        rows: written per table.
    """

    folder: Path
    mapping: Path
    truth: Path
    start: date
    end: date
    rows: dict[str, int]


def make(
    folder: Path,
    *,
    students: int,
    weeks: int,
    seed: int,
    in_holdout: Callable[[str], bool],
    settings: Mapping[str, Any],
    progress: Callable[[str], None] | None = None,
) -> MadeSchool:
    """Makes a school.

    Args:
        folder: where the exports go; made when it is not there.
        students: how many people.
        weeks: how long the history is.
        seed: the same one gives the same bytes.
        in_holdout: whether the care programme of the past left this student alone.
        settings: `configs/synthetic.toml`.
        progress: told, in words, how far it has come.

    Returns:
        Where everything is.
    """
    tell = progress or (lambda text: None)
    calendar = Calendar(settings["start"], weeks * 7, settings["time_zone"])
    courses = open_courses(settings, weeks)
    enrolments = enrol(students, courses, calendar.days, settings, seed)
    persons = draw_students(students, enrolments, courses, calendar.days, settings, seed)
    habits = draw_habits(persons, settings, seed)
    world = World(
        calendar=calendar,
        courses=courses,
        students=persons,
        habits=habits,
        enrolments=enrolments,
        friction=draw_friction(enrolments, courses, habits, calendar, settings, seed),
        timetable=draw_timetable(enrolments, courses, persons.shift[enrolments.student], calendar, settings),
        temper=draw_temper(persons, enrolments, courses, calendar.days, seed),
        rules=settings["withdrawal"],
        renewal=settings["renewal"],
    )
    programme = plan(persons, enrolments, in_holdout, settings, seed)
    with_care = live_through(world, programme, seed, written_to=True, progress=lambda text: tell(f"living {text}"))
    without = live_through(world, programme, seed, written_to=False, progress=lambda text: None)
    life = as_it_went(programme, with_care, without)
    end = ending(world, life)

    exports = Exports(folder, calendar)
    write_all(exports, world, life, end, programme, settings, seed, tell)
    truth = write_truth(folder / "truth", world, (with_care, without, life), end, programme, settings)
    last = calendar.start + timedelta(days=calendar.days)
    return MadeSchool(folder, exports.finish(), truth, calendar.start, last, exports.rows)
