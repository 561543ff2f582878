"""The hours at which nobody is contacted, by the student's own clock (G5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class QuietHours:
    """The time of the day at which nobody is contacted, in the student's own zone.

    Attributes:
        starts, ends: wall-clock times; the night goes over midnight when it starts later than it ends.
            Equal means that there are no quiet hours.
    """

    starts: time
    ends: time

    def cover(self, wall: time) -> bool:
        """Whether a wall-clock time is quiet; the end is not."""
        if self.starts <= self.ends:
            return self.starts <= wall < self.ends
        return wall >= self.starts or wall < self.ends

    def wait(self, at: datetime, zone: str) -> datetime:
        """The moment itself where it is not quiet, otherwise the next end of the quiet hours, in UTC.

        Where a clock change skips that wall-clock time, this is the first moment after the change.
        """
        local = at.astimezone(ZoneInfo(zone))
        wall = local.time()
        if not self.cover(wall):
            return at.astimezone(UTC)
        day = local.date() + timedelta(days=wall >= self.ends)
        return datetime.combine(day, self.ends, ZoneInfo(zone)).astimezone(UTC)
