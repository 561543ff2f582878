"""Rows of features: in the making, of one enrolment alone, and those of whole courses that are kept at hand."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import numpy as np


@dataclass(frozen=True)
class FeatureVector:
    """Features of one live enrolment at a cut-off.

    Attributes:
        day: the cut-off's day number.
        values: (features,) float64 in the order of the catalogue; NaN is unknown.
    """

    enrolment_id: str
    student_id: str
    course_id: str
    day: int
    enough_data: bool
    values: np.ndarray


@dataclass
class Rows:
    """Features in the making: by row the enrolment's position and what is known of it; values are (features, rows).

    Rows are ordered by day, and at one cut-off by position.
    """

    at: np.ndarray
    day: np.ndarray
    version: np.ndarray
    mates: np.ndarray
    enough: np.ndarray
    values: np.ndarray

    def of(self, day: int) -> slice:
        """The rows of a cut-off."""
        return slice(*np.searchsorted(self.day, [day, day + 1]))

    def place(self, day: int, position: int) -> int:
        """The row of an enrolment that is live at a cut-off."""
        here = self.of(day)
        return int(here.start + self.at[here].searchsorted(position))


class KeptRows:
    """Folded features of whole courses, those asked for last.

    Args:
        most: rows that may be kept; of a hundred features each takes 800 bytes.
    """

    def __init__(self, most: int) -> None:
        self._most, self._size, self._lock = most, 0, Lock()
        self._kept: dict[tuple[int, int], Rows] = {}

    def keep(self, day: int, course: int, rows: Rows) -> None:
        """Keeps what a course has at a cut-off, in the place of what was not asked for the longest."""
        with self._lock:
            if (day, course) in self._kept or len(rows.at) > self._most:
                return
            self._kept[day, course] = rows
            self._size += len(rows.at)
            while self._size > self._most:
                self._size -= len(self._kept.pop(next(iter(self._kept))).at)

    def of(self, day: int, course: int) -> Rows | None:
        """What a course has at a cut-off; None where it is not kept."""
        with self._lock:
            rows = self._kept.pop((day, course), None)
            if rows is not None:
                self._kept[day, course] = rows  # asked for last
            return rows
