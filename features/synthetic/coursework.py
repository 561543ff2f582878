"""What lies before each enrolment: its next lesson, its next piece of homework, and what became overdue."""

from __future__ import annotations

import numpy as np

from features.synthetic.people import NEVER, Courses, Enrolments


class Homework:
    """Who has which piece of homework before them, and how many are overdue.

    Args:
        enrolments, courses: all of them.
        lead: (n,) days before a deadline on which it begins to feel near.
    """

    def __init__(self, enrolments: Enrolments, courses: Courses, lead: np.ndarray) -> None:
        self._lead = lead
        self._courses, self._course, self._first = courses, enrolments.course, enrolments.first
        self._own = courses.own_pace[enrolments.course]
        self._tasks, self._every = courses.tasks[enrolments.course], courses.every[enrolments.course]
        self._next = enrolments.base.copy()
        self._skipped = np.zeros(len(enrolments), dtype=np.int64)

    def overdue(self, day: int) -> np.ndarray:
        """Pieces whose deadline has passed and that were not handed in; (n,)."""
        passed = (self._courses.due < day).sum(axis=1)[self._course]
        return self._skipped + np.where(self._own, 0, np.maximum(passed - self._next, 0))

    def do(self, day: int, came: np.ndarray, engagement: np.ndarray, luck: np.ndarray) -> np.ndarray:
        """Lets those who came hand in their next piece, or give it up when it is long overdue.

        Returns:
            (m, 3) rows of `Life.handed`.
        """
        left = self._next < self._tasks
        due = np.where(left, self._courses.due[self._course, np.minimum(self._next, self._tasks - 1)], NEVER)
        elapsed = (day - self._first) // self._every
        able = came & left & np.where(self._own, self._next < elapsed, due - day <= self._every)
        late, near = day > due, (due - self._lead <= day) & (day <= due)
        urge = 1.5 * near + np.where(self._lead == 0, 1.0, 0.5) * late + 0.6 * self._own
        hands = able & (luck[0] < sigmoid(-1.9 + 0.8 * engagement + urge))
        gives_up = able & ~hands & (day > due + 12) & (luck[1] < 0.15)
        at = np.flatnonzero(hands)
        handed = np.column_stack([np.full(len(at), day), at, self._next[at]])
        self._next += hands | gives_up
        self._skipped += gives_up
        return handed


class Lessons:
    """How many lessons each enrolment has before it.

    Attributes:
        finished: (n,) day of the last lesson at one's own pace, or `NEVER`.
    """

    def __init__(self, enrolments: Enrolments, courses: Courses) -> None:
        self._own = courses.own_pace[enrolments.course]
        self._room = courses.lessons[enrolments.course].copy()
        self._all = self._room.copy()
        self.finished = np.full(len(enrolments), NEVER)

    @property
    def share(self) -> np.ndarray:
        """Of the lessons completed; (n,)."""
        return 1 - self._room / self._all

    def do(self, day: int, came: np.ndarray, engagement: np.ndarray, luck: np.ndarray) -> np.ndarray:
        """Lets those who came complete none, one or two lessons; (n,). The last one ends a course at one's own pace."""
        wants = (luck[0] < sigmoid(0.5 * engagement - 0.1)).astype(np.int64) + (luck[1] < 0.12)
        done = np.where(came, np.minimum(wants, self._room), 0)
        self._room -= done
        self.finished[self._own & (self._room == 0) & (self.finished == NEVER)] = day
        return done


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function."""
    return 1 / (1 + np.exp(-x))
