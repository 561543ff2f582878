"""A small school for tests: facts put down one by one in the school's own time, and a lake made of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from features.clock import day_number
from features.config import School
from features.contracts import TABLES
from features.enrolments import Enrolments
from features.lake import Batch, Lake

MOSCOW = "Europe/Moscow"
MICROSECOND = timedelta(microseconds=1)

Rows = dict[str, list[dict[str, Any]]]
"""By table, rows of the contracts."""


class SmallSchool:
    """What happened at a school.

    Args:
        zone: its time zone.

    Attributes:
        rows: by table, as the contracts describe them.
    """

    def __init__(self, zone: str = MOSCOW) -> None:
        self.zone = zone
        self.rows: Rows = {}

    def at(self, wall: str, after: timedelta = timedelta()) -> datetime:
        """A moment, so long after a wall clock of the school showed it for the first time."""
        return datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(self.zone)).astimezone(UTC) + after

    def add(
        self, table: str, at: str | datetime | None = None, known: str | datetime | None = None, **row: Any
    ) -> None:
        """Puts down a row that happened ``at`` a moment and was ``known`` then, or at another one; ids are made."""
        found = self.rows.setdefault(table, [])
        columns = TABLES[table].columns
        key = TABLES[table].key[0]
        times = {"occurred_at": at, "known_at": at if known is None else known}
        row = {key: f"{table}-{len(found):03d}"} | {n: m for n, m in times.items() if n in columns} | row
        found.append({name: self._value(name, value) for name, value in row.items() if columns[name]})

    def _value(self, name: str, value: Any) -> Any:
        return self.at(value) if name.endswith("_at") and isinstance(value, str) else value

    def enrol(self, name: str, at: str, *, student: str | None = None, course: str = "c", **row: Any) -> None:
        """Enrols a student, who is called like the enrolment unless another name is given."""
        self.add("enrolments", at, enrolment_id=name, student_id=student or name, course_id=course, **row)

    def write(self, home: Path) -> School:
        """A home with these settings and facts."""
        return written(home, self.rows, self.zone)


def written(home: Path, rows: Rows, zone: str) -> School:
    """A home with the school's zone and a lake of the rows; none may be set aside."""
    school = empty(home, zone)
    with Lake(school.lake, zone).adding("test", "1") as batch:
        put(batch, rows)
    return school


def empty(home: Path, zone: str) -> School:
    """A home with the school's zone and nothing in it."""
    (home / "configs").mkdir(parents=True)
    (home / "configs" / "school.toml").write_text(f'time_zone = "{zone}"\n', "utf-8")
    return School(home)


def put(batch: Batch, rows: Mapping[str, Iterable[dict[str, Any]]]) -> None:
    """Writes rows into an import; none may be set aside."""
    for table, found in rows.items():
        batch.write(table, typed(table, found))
    assert not sum(batch.report.set_aside.values()), batch.report.faults


def typed(table: str, rows: Iterable[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame whose moments are moments, even where all are missing."""
    frame = pd.DataFrame(list(rows))
    for name in frame.columns:
        if TABLES[table].columns[name].kind == "time":
            frame[name] = pd.to_datetime(frame[name], utc=True).dt.as_unit("us")
    return frame


def live_rows(school: School, cuts: Iterable[date]) -> pd.DataFrame:
    """`enrolment_id` and `day` of the enrolments that are live at each cut-off, as a snapshot has them."""
    enrolments = Enrolments(Lake(school.lake, school.zone))
    found = {day: enrolments.at(day).query("live").index for day in map(day_number, cuts)}
    parts = [pd.DataFrame({"enrolment_id": list(ids), "day": day}) for day, ids in found.items()]
    return pd.concat(parts, ignore_index=True)
