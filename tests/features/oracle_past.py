"""What is known of one enrolment at a cut-off, read from the raw rows as a person reads a log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Rows = Mapping[str, list[Row]]
"""By table, rows as the contracts describe them: aware moments, None where a value is missing, older versions first."""

UNKNOWN = float("nan")
CLOSING = ("withdrawal", "refund", "nonrenewal", "completion")
DAY = timedelta(days=1)
NO_COURSE = {"starts_at": None, "ends_at": None, "lessons": None, "hours": None}


class Past:
    """What is known of one enrolment at a cut-off.

    Args:
        rows: everything, of all students and all times.
        enrolment_id: whose past.
        cut: the as-of date; a row counts when it was known before that local day.
        zone: IANA name of the school's zone.
    """

    def __init__(self, rows: Rows, enrolment_id: str, cut: date, zone: str) -> None:
        self.cut, self.zone = cut, ZoneInfo(zone)
        self._known = {table: [r for r in found if self.day(r["known_at"]) < cut] for table, found in rows.items()}
        self.enrolment = self.entity("enrolments", "enrolment_id", enrolment_id)

    def day(self, moment: datetime | None) -> date | None:
        return None if moment is None else moment.astimezone(self.zone).date()

    def day_known(self, row: Row) -> date:
        """The day from which a fact counts where its own day does not matter."""
        return max(self.day(row["occurred_at"]), self.day(row["known_at"]))

    def versions(self, table: str, key: str) -> dict[str, list[Row]]:
        """The known versions of each entity, the older first; of one moment, in the order in which they were told."""
        found: dict[str, list[Row]] = {}
        for row in sorted(self._known.get(table, []), key=lambda r: r["known_at"]):
            found.setdefault(row[key], []).append(row)
        return found

    def entity(self, table: str, key: str, value: str) -> Row | None:
        """The newest version known."""
        return self.versions(table, key).get(value, [None])[-1]

    def own(self, table: str) -> list[Row]:
        """Rows about the enrolment, in the order in which they happened; facts about the person are about it too."""
        return self._own(self._known.get(table, []))

    def touches(self) -> list[Row]:
        """Contacts as they are known to have gone."""
        return self._own(versions[-1] for versions in self.versions("touches", "touch_id").values())

    def submissions(self) -> list[Row]:
        """Homework handed in, with the newest word on its score."""
        told = self.versions("submissions", "submission_id").values()
        score = ("score", "score_known_at", "known_at")
        return self._own(versions[0] | {name: versions[-1][name] for name in score} for versions in told)

    def _own(self, rows: Iterable[Row]) -> list[Row]:
        return sorted((r for r in rows if self._is_mine(r)), key=lambda r: r["occurred_at"])

    def _is_mine(self, row: Row) -> bool:
        if "student_id" in row:
            return row["student_id"] == self.enrolment["student_id"] and row["enrolment_id"] in (None, self.id)
        return row["enrolment_id"] == self.id

    @property
    def id(self) -> str:
        return self.enrolment["enrolment_id"]

    @property
    def course(self) -> Row:
        return self.entity("courses", "course_id", self.enrolment["course_id"]) or NO_COURSE

    @property
    def enrolled(self) -> date:
        return self.day(self.enrolment["occurred_at"])

    @property
    def start(self) -> date:
        begins = self.day(self.enrolment["starts_at"]) or self.day(self.course["starts_at"]) or self.enrolled
        return max(begins, self.enrolled)

    @property
    def end(self) -> date | None:
        return self.day(self.enrolment["ends_at"]) or self.day(self.course["ends_at"])

    @property
    def is_live(self) -> bool:
        if self.enrolment is None or self.start > self.cut or (self.end is not None and self.end <= self.cut):
            return False
        return not any(r["kind"] in CLOSING for r in self.own("outcomes"))

    @property
    def mates(self) -> tuple[str, int | None]:
        """What all whom the student is compared with share: the course, and its week where everybody has their own."""
        own_pace = self.enrolment["starts_at"] is not None or self.course["starts_at"] is None
        return self.enrolment["course_id"], (self.cut - self.start).days // 7 if own_pace else None

    def ago(self, day: date) -> int:
        """Whole days between a day and the cut-off: yesterday is 0."""
        return (self.cut - day).days - 1

    def since_last(self, rows: list[Row]) -> float:
        """Whole days since the last of some facts."""
        return min((self.ago(self.day(r["occurred_at"])) for r in rows), default=UNKNOWN)

    def lately(self, rows: list[Row], days: int) -> list[Row]:
        return [r for r in rows if 0 <= self.ago(self.day(r["occurred_at"])) < days]

    def on_the_last_day(self, rows: list[Row]) -> list[Row]:
        last = max((self.day(r["occurred_at"]) for r in rows), default=None)
        return [r for r in rows if self.day(r["occurred_at"]) == last]

    def after_the_last(self, rows: list[Row], ends: list[Row]) -> list[Row]:
        """The facts on the days after the last of others."""
        last = max((self.day(r["occurred_at"]) for r in ends), default=date.min)
        return [r for r in rows if self.day(r["occurred_at"]) > last]


def share(part: float, whole: float) -> float:
    return part / whole if whole else UNKNOWN


def mean(values: list[float]) -> float:
    return share(sum(values), len(values))


def of_kind(rows: list[Row], *kinds: str, column: str = "kind") -> list[Row]:
    return [r for r in rows if r[column] in kinds]
