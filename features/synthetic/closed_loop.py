"""The made school as it is lived forward: a day is decided on, students respond, and the next day is another one."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from features.synthetic.cohort import draw_cohort, season
from features.synthetic.days import LUCK, Mind, School
from features.synthetic.observed import Memory, Observed
from features.synthetic.people import NEVER
from features.synthetic.responses import ACTIONS, Responses

USUAL_MINUTES = 40.0
"""Of study on a day on which a student comes."""


@dataclass(frozen=True)
class Happened:
    """What one day brought; (n,) bool arrays over all students of the school.

    Attributes:
        came: came to study.
        left: withdrew.
        through: got what was done to them; the others could not be reached.
        opted_out: allow no contact from now on.
    """

    came: np.ndarray
    left: np.ndarray
    through: np.ndarray
    opted_out: np.ndarray


@dataclass(frozen=True)
class Truth:
    """What no school knows, of the students asked for.

    Attributes:
        risk: (m,) the chance of withdrawing within the horizon if nothing is done to them from now on.
        tau: (m, a) what each of `ACTIONS` adds to the chance of being retained, if it is done now and nothing after
            it; 0 for the first one. Contacts that fail are counted: it is the effect of the attempt.
    """

    risk: np.ndarray
    tau: np.ndarray


class ClosedLoop:
    """A school that is decided on day by day.

    The luck of a student on a day depends on the seed, the day and the student alone: not on what was done, to this
    one or to others. So two policies on the same seed differ by what they did.

    Args:
        students: how many people.
        seed: the same one, with the same actions, gives the same bytes.
        settings: `configs/synthetic.toml`.

    Attributes:
        day: the one that is decided on next, counted from the settings' `start`. The first is `before_days`: the days
            until then are lived when the school is made.
        days: the day after the last one.
        left: (n,) day of withdrawing, or `NEVER`.
        opted_out: (n,) bool, no contact is allowed any more.
    """

    actions = ACTIONS

    def __init__(self, *, students: int, seed: int, settings: Mapping[str, Any]) -> None:
        loop = settings["loop"]
        self.days = loop["before_days"] + 7 * loop["weeks"]
        self.horizon = int(loop["horizon_days"])
        self._seed, self._luck = seed, seed
        self._cohort = draw_cohort(students, settings, seed)
        self._school = School(settings, season(self.days + self.horizon, settings), Responses.read(settings))
        self._mind = Mind.at_first(self._cohort, self._school, seed)
        self._memory = Memory(students, self.days)
        self.left = np.full(students, NEVER)
        self.opted_out = np.zeros(students, bool)
        self.day = 0
        nothing = np.zeros(students, np.int64)
        while self.day < loop["before_days"]:
            self.step(nothing)

    def __len__(self) -> int:
        return len(self._cohort)

    @property
    def studying(self) -> np.ndarray:
        """Who has begun and has not left, on the morning of `day`; (n,) bool."""
        return (self._cohort.first <= self.day) & (self.left == NEVER)

    def step(self, actions: np.ndarray) -> Happened:
        """Does ``actions`` to the students and lets them live the day.

        Args:
            actions: (n,) int, index into `actions` for every student.

        Raises:
            ValueError: an action for somebody who does not study or allows no contact, or the days are over.
        """
        done = np.asarray(actions)
        if self.day >= self.days:
            raise ValueError(f"the school is lived to its last day, {self.days - 1}")
        if done.shape != (len(self),) or done.min() < 0 or done.max() >= len(ACTIONS):
            raise ValueError(f"actions are one index into {ACTIONS} for each of {len(self)} students")
        wrong = (done > 0) & (~self.studying | self.opted_out)
        if wrong.any():
            raise ValueError(f"student {np.flatnonzero(wrong)[0]} does not study or allows no contact")
        rng = np.random.default_rng([self._luck, 41, self.day])
        luck, noise = rng.random((LUCK + 2, len(self))), rng.standard_normal((3, len(self)))
        through = (done > 0) & (luck[LUCK] >= self._school.responses.fails[done])
        gone = through & (luck[LUCK + 1] < self._school.responses.opts_out(self._cohort.kind, self._mind.felt))
        studying = self.studying
        self._mind.meet(self._cohort, self._school, self.day, done, through)
        came, will, chance = self._mind.live(self._cohort, self._school, self.day, studying, luck, noise[0])
        left = studying & (luck[LUCK - 1] < chance)
        minutes = USUAL_MINUTES * np.exp(0.4 * will + 0.25 * noise[2])
        self._memory.keep(self.day, came, done, self._cohort.skips + 0.1 * noise[1], minutes)
        self.left[left] = self.day
        self.opted_out |= gone
        self.day += 1
        return Happened(came, left, through, gone)

    def observe(self) -> Observed:
        """What the school knows of those who study, on the morning of `day`: facts of the days before it only."""
        who = np.flatnonzero(self.studying)
        known = self._memory.about(who, self.day, self._cohort, self._mind, self._school.loop)
        return Observed(day=self.day, student=who, reachable=~self.opted_out[who], x=known)

    def truth(self, who: np.ndarray, *, futures: int = 8) -> Truth:
        """The true risk and effects over `horizon` days, from the state of the morning of `day`.

        Each of ``futures`` futures is lived once with each action on the same luck, which is not the luck to come.
        A student is not let go in it: the chances of staying are multiplied, so that the draw of leaving adds no
        noise, and what is left of the noise is common to the actions. A contact that fails does nothing, so the effect
        is exactly that of one that gets through, times the chance of it.

        Args:
            who: (m,) students, those of `observe`.
            futures: how many; the error of the mean falls with its root.
        """
        m, arms = len(who), len(ACTIONS)
        rows = np.tile(who, futures * arms)
        cohort, mind = self._cohort.of(rows), self._mind.of(rows)
        action = np.tile(np.repeat(np.arange(arms), m), futures)
        mind.meet(cohort, self._school, self.day, action, action > 0)
        stays = np.zeros(len(rows))
        all_study = np.ones(len(rows), bool)
        for ahead in range(self.horizon):
            rng = np.random.default_rng([self._seed, 42, self.day, ahead])
            luck = _shared(rng.random((LUCK, futures, 1, m)), arms)
            noise = _shared(rng.standard_normal((1, futures, 1, m)), arms)[0]
            _, _, chance = mind.live(cohort, self._school, self.day + ahead, all_study, luck, noise)
            stays += np.log1p(-chance)
        retained = np.exp(stays).reshape(futures, arms, m).mean(axis=0)
        tau = (retained - retained[0]) * (1 - self._school.responses.fails)[:, None]
        return Truth(risk=1 - retained[0], tau=tau.T)

    def lot(self, who: np.ndarray) -> np.ndarray:
        """A uniform draw of the day for each of the students ``who``, for decisions by lot; (m,)."""
        return np.random.default_rng([self._seed, 44, self.day]).random(len(self))[who]

    def fork(self, luck: int) -> Self:
        """The same school on the same morning, before which lies another luck."""
        other = copy.deepcopy(self)
        other._luck = luck
        return other


def _shared(drawn: np.ndarray, arms: int) -> np.ndarray:
    """(k, futures, 1, m) draws, the same for each action; (k, futures * arms * m)."""
    k, futures, _, m = drawn.shape
    return np.broadcast_to(drawn, (k, futures, arms, m)).reshape(k, -1)
