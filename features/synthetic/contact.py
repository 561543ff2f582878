"""Every contact with a student and what was learnt of it later: care messages, letters, reminders, offers, calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from features.synthetic.behaviour import Ending, Life, World
from features.synthetic.billing import enrolled_at
from features.synthetic.coursework import sigmoid
from features.synthetic.office import decided
from features.synthetic.people import NEVER
from features.synthetic.programme import ACTION, STATUSES, Programme
from features.synthetic.study import HOUR
from features.synthetic.writing import Rows, numbered, spelled

CHANNELS = ("email", "sms", "call", "messenger")
SENT, OPENED, ANSWERED, FAILED = range(4)
OFFERED = (30, 7, 3)
"""Days before the end on which the next stage is offered."""


class _Touches(NamedTuple):
    """Contacts of one sort; (k,) arrays.

    Attributes:
        occurred: seconds since 1970.
        status: what it came to in the end, an index into `STATUSES`.
        decision: place among the programme's decisions, -1 for none.
        by_curator: whether a person made it.
    """

    channel: str
    enrolment: np.ndarray
    occurred: np.ndarray
    status: np.ndarray
    decision: np.ndarray
    by_curator: bool = False


@dataclass(frozen=True)
class _Desk:
    """What everyone who writes to students looks at, and what comes of it."""

    world: World
    life: Life
    end: Ending
    rng: np.random.Generator

    def sort(
        self, channel: str, enrolment: np.ndarray, occurred: np.ndarray, status: np.ndarray, by_curator: bool = False
    ) -> _Touches:
        return _Touches(channel, enrolment, occurred, status, np.full(len(enrolment), -1), by_curator)

    def read(self, enrolment: np.ndarray, day: np.ndarray, answers: float) -> np.ndarray:
        """What letters come to: opened by those who open letters and have the will, answered by a few; (k,)."""
        people, rng = self.world.habits, self.rng
        opens = rng.random(len(day)) < sigmoid(
            0.4 + 0.8 * people.reads[self._student(enrolment)] + self._will(enrolment, day)
        )
        status = np.where(opens, np.where(rng.random(len(day)) < answers, ANSWERED, OPENED), SENT)
        return np.where(rng.random(len(day)) < 0.02, FAILED, status)

    def rung(self, enrolment: np.ndarray, day: np.ndarray) -> np.ndarray:
        """What calls come to: taken or not; (k,)."""
        takes = sigmoid(0.6 + 0.5 * self.world.habits.reads[self._student(enrolment)] + self._will(enrolment, day))
        return np.where(self.rng.random(len(day)) < takes, ANSWERED, FAILED)

    def may(self, enrolment: np.ndarray, day: np.ndarray) -> np.ndarray:
        """Who neither withdrew consent nor asked for a pause that lasts on the day; (k,) bool."""
        people, student = self.world.students, self._student(enrolment)
        return (people.withdrew[student] > day) & ~((people.paused[student] <= day) & (day < people.resumed[student]))

    def moments(self, day: np.ndarray, first: int, last: int) -> np.ndarray:
        return self.world.calendar.moments(day, self.rng.integers(first * HOUR, last * HOUR, len(day)))

    def workday(self, day: np.ndarray) -> np.ndarray:
        """The day, or the Monday after it; (k,)."""
        weekday = (self.world.calendar.start.weekday() + day) % 7
        return day + np.array([0, 0, 0, 0, 0, 2, 1])[weekday]

    def _student(self, enrolment: np.ndarray) -> np.ndarray:
        return self.world.enrolments.student[enrolment]

    def _will(self, enrolment: np.ndarray, day: np.ndarray) -> np.ndarray:
        return np.asarray(0.4 * self.life.engagement[np.clip(day, 0, self.world.calendar.days - 1), enrolment])


def touches(world: World, life: Life, end: Ending, programme: Programme, curators: Sequence[str], seed: int) -> Rows:
    """Every version of every contact: a letter is sent, then seen to be opened, then answered, each known in its time.

    None of them but the care message changes anything: they are sent for a reason, so they go with risk all the same.
    """
    desk = _Desk(world, life, end, np.random.default_rng([seed, 16]))
    parts = [*_letters(desk, programme), *_calls(desk)]
    enrolment, occurred, status, decision = (np.concatenate([part[place] for part in parts]) for place in (1, 2, 3, 4))
    count = [len(part.enrolment) for part in parts]
    channel = np.repeat([CHANNELS.index(part.channel) for part in parts], count)
    student = world.enrolments.student[enrolment]
    by = np.where(np.repeat([part.by_curator for part in parts], count), world.students.curator[student], -1)
    order = np.lexsort((channel, enrolment, occurred))
    name = np.empty(len(order), np.int64)
    name[order] = np.arange(len(order))

    row, now, known = _versions(occurred, status, channel == CHANNELS.index("call"), desk.rng)
    return {
        "touch_id": numbered("m", len(order)).take(name[row]),
        "student_id": spelled(world.students.ids, student[row]),
        "enrolment_id": spelled(world.enrolments.ids, enrolment[row]),
        "channel": spelled(CHANNELS, channel[row]),
        "status": spelled(STATUSES, now),
        "action": spelled((ACTION,), np.where(decision[row] >= 0, 0, -1)),
        "decision_id": spelled(numbered("d", int(decision.max(initial=-1)) + 1).to_pylist(), decision[row]),
        "by": spelled(curators, by[row]),
        "occurred_at": occurred[row],
        "known_at": known,
    }


def _versions(
    occurred: np.ndarray, status: np.ndarray, call: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What is known of each contact and when: the contact, its status, the moment.

    How a call went is known when it is over; of the rest it is known at first only that it was sent.
    """
    seen = occurred + np.maximum(rng.exponential(5 * HOUR, len(occurred)), 120).astype(np.int64)
    replied = seen + rng.integers(300, 4 * HOUR, len(occurred))
    every = np.arange(len(occurred))
    letters, spoken = every[~call], every[call]
    opened, answered, failed = (letters[np.isin(status[letters], which)] for which in ([1, 2], [2], [3]))
    parts = [
        (spoken, status[spoken], occurred[spoken] + rng.integers(60, 1200, len(spoken))),
        (letters, np.full(len(letters), SENT), occurred[letters] + 60),
        (opened, np.full(len(opened), OPENED), seen[opened]),
        (answered, np.full(len(answered), ANSWERED), replied[answered]),
        (failed, np.full(len(failed), FAILED), occurred[failed] + 300),
    ]
    row, now, known = (np.concatenate(column) for column in zip(*parts, strict=True))
    return row, now, known


def _letters(desk: _Desk, programme: Programme) -> list[_Touches]:
    """The programme's messages, a welcome to everybody, reminders of late homework, offers near the end."""
    world, calendar = desk.world, desk.world.calendar
    at = decided(desk.life, calendar.days)
    sent = np.flatnonzero(~programme.held_out[at])
    cared = at[sent]
    hour = desk.rng.uniform(13, 18, len(cared)) - world.students.shift[world.enrolments.student[cared]]
    care_at = calendar.moments(desk.life.decided[cared], (np.maximum(hour, 6.2) * HOUR).astype(np.int64))
    everyone = np.arange(len(world.enrolments))
    reminded, remind_on = _late_homework(desk)
    offered, offer_on = _near_the_end(desk)
    welcome_at = enrolled_at(world.friction.payments, calendar) + 600
    return [
        _Touches("sms", cared, care_at, programme.status[cared], sent),
        desk.sort("email", everyone, welcome_at, desk.read(everyone, world.enrolments.enrolled, 0.03)),
        desk.sort("email", reminded, desk.moments(remind_on, 11, 15), desk.read(reminded, remind_on, 0.05)),
        desk.sort("email", offered, desk.moments(offer_on, 10, 12), desk.read(offered, offer_on, 0.04)),
    ]


def _late_homework(desk: _Desk) -> tuple[np.ndarray, np.ndarray]:
    """Enrolments reminded of homework three days late, and the day; a quarter of those who may be written to."""
    enrolments = desk.world.enrolments
    due = desk.world.courses.due[enrolments.course]
    handed = np.full(due.shape, NEVER)
    handed[desk.life.handed[:, 1], desk.life.handed[:, 2]] = desk.life.handed[:, 0]
    late = (due >= enrolments.first[:, None]) & (due + 3 < desk.end.closes[:, None]) & (handed > due + 2)
    enrolment, task = np.nonzero(late & (desk.rng.random(due.shape) < 0.25))
    day = due[enrolment, task] + 3
    may = desk.may(enrolment, day)
    return enrolment[may], day[may]


def _near_the_end(desk: _Desk) -> tuple[np.ndarray, np.ndarray]:
    """Enrolments offered the next stage, and the day; of those who agreed to offers."""
    agreed = desk.world.students.consent[desk.world.enrolments.student] == 2
    enrolment = np.repeat(np.flatnonzero(agreed), len(OFFERED))
    day = desk.life.last[enrolment] - np.tile(OFFERED, int(agreed.sum()))
    studies = (desk.world.enrolments.first[enrolment] <= day) & (day < desk.end.closes[enrolment])
    told = studies & desk.may(enrolment, day)
    return enrolment[told], day[told]


def _calls(desk: _Desk) -> list[_Touches]:
    """Curators call after the first days and when a student is unhappy, once more if in vain, and then they write."""
    world, alive, rng = desk.world, desk.end.alive, desk.rng
    owned = world.students.curator[world.enrolments.student] >= 0
    greeted = np.flatnonzero(owned & (rng.random(len(owned)) < 0.6))
    sad = world.friction.unhappy & alive
    worried = np.flatnonzero(owned & sad.any(axis=0) & (rng.random(len(owned)) < 0.6))
    enrolment = np.append(greeted, worried)
    day = np.append(world.enrolments.first[greeted] + 3, sad[:, worried].argmax(axis=0) + 6)

    def told(enrolment: np.ndarray, day: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        day = desk.workday(day)
        can = (day < desk.end.closes[enrolment]) & desk.may(enrolment, day)
        return enrolment[can], day[can]

    enrolment, day = told(enrolment, day)
    first = desk.rung(enrolment, day)
    again, again_on = told(enrolment[first == FAILED], day[first == FAILED] + 1)
    second = desk.rung(again, again_on)
    written, written_on = told(again[second == FAILED], again_on[second == FAILED] + 1)
    return [
        desk.sort("call", enrolment, desk.moments(day, 12, 18), first, True),
        desk.sort("call", again, desk.moments(again_on, 12, 18), second, True),
        desk.sort("messenger", written, desk.moments(written_on, 11, 16), desk.read(written, written_on, 0.45), True),
    ]
