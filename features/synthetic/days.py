"""One day in the closed loop: what is felt of past actions, who comes, what gets done, and how near leaving is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np

from features.synthetic.behaviour import RETURNS, SMOOTHS, SWING, WEEKDAYS, WORST, inclination, strain
from features.synthetic.cohort import Cohort, Season
from features.synthetic.coursework import sigmoid
from features.synthetic.responses import ACTIONS, Responses

LUCK = 9
"""How many draws a student's day takes; the last one says whether the student leaves."""
REGRETS = 14
"""Days from the first one in which the purchase is doubted."""


@dataclass(frozen=True)
class School:
    """What is the same for all students.

    Attributes:
        settings: `configs/synthetic.toml`.
        season: of each day.
        responses: to actions.
    """

    settings: Mapping[str, Any]
    season: Season
    responses: Responses

    @property
    def loop(self) -> Mapping[str, Any]:
        """The settings' table `loop`."""
        table: Mapping[str, Any] = self.settings["loop"]
        return table


@dataclass
class Mind:
    """All that the next day depends on; arrays over students in the last axis, changed in place.

    Attributes:
        swing: what engagement is away from the usual.
        smooth: engagement as leaving looks at it.
        back: the day on which a journey or an illness is over.
        silent: days in a row without coming.
        handed: pieces of homework handed in.
        lessons: completed.
        pull: (a, n) what is felt of each action.
        coming: (d, a, n) pulls that begin on a later day, by the day modulo d.
        felt: contacts that are still felt.
    """

    swing: np.ndarray
    smooth: np.ndarray
    back: np.ndarray
    silent: np.ndarray
    handed: np.ndarray
    lessons: np.ndarray
    pull: np.ndarray
    coming: np.ndarray
    felt: np.ndarray

    @classmethod
    def at_first(cls, cohort: Cohort, school: School, seed: int) -> Self:
        """The state of day 0."""
        n = len(cohort)
        return cls(
            swing=np.random.default_rng([seed, 43]).normal(0, SWING, n),
            smooth=np.zeros(n),
            back=np.zeros(n, np.int64),
            silent=np.zeros(n, np.int64),
            handed=np.zeros(n, np.int64),
            lessons=np.zeros(n, np.int64),
            pull=np.zeros((len(ACTIONS), n)),
            coming=np.zeros((int(school.responses.delay.max()) + 1, len(ACTIONS), n)),
            felt=np.zeros(n),
        )

    def of(self, rows: np.ndarray) -> Self:
        """A copy of the students ``rows``, one after another."""
        return type(self)(**{field.name: getattr(self, field.name)[..., rows] for field in fields(self)})

    def overdue(self, cohort: Cohort, day: int, every: int) -> np.ndarray:
        """Pieces of homework that are due and not handed in; (n,)."""
        return np.maximum((day - cohort.first) // every - self.handed, 0)

    def meet(self, cohort: Cohort, school: School, day: int, action: np.ndarray, through: np.ndarray) -> None:
        """Lets those who are reached (``through``, (n,) bool) meet an action; it works from a later day on."""
        at = np.flatnonzero(through)
        done, responses = action[at], school.responses
        pull = responses.strength(
            done,
            cohort.kind[at],
            silent=self.silent[at],
            overdue=self.overdue(cohort, day, school.loop["homework_days"])[at],
            skips=cohort.skips[at],
            ahead=(self.lessons / school.loop["lessons"] - (day - cohort.first) / school.loop["plan_days"])[at],
            felt=self.felt[at],
        )
        self.coming[(day + responses.delay[done]) % len(self.coming), done, at] += pull
        self.felt[at] += 1

    def live(
        self, cohort: Cohort, school: School, day: int, studying: np.ndarray, luck: np.ndarray, noise: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Lives one day.

        Args:
            cohort, school: who and where.
            day: which.
            studying: (n,) bool.
            luck: (`LUCK` or more, n) uniform draws.
            noise: (n,) standard normal draws.

        Returns:
            (n,) bool, who came; (n,) engagement; and (n,) the chance of withdrawing, 0 for those who do not study.
        """
        will = self._will(cohort, school, day, luck, noise)
        self.smooth = np.where(day <= cohort.first, will, self.smooth + SMOOTHS * (will - self.smooth))
        weekday = int(school.season.weekday[day])
        sleeps = school.loop["driven_away"]["draw"] * school.responses.driven[cohort.kind]
        draw = WEEKDAYS[weekday] + cohort.habit[:, weekday] + school.season.draw[day] + sleeps
        came = studying & (self.back <= day) & (luck[2] < inclination(will, draw))
        chance = np.where(studying, self._chance(cohort, school, day), 0.0)
        self._study(cohort, school, day, came, will, luck)
        self.silent = np.where(came, 0, self.silent + studying)
        self.felt *= np.exp(-1 / school.loop["fatigue"]["fades_days"])
        return came, will, chance

    def _will(self, cohort: Cohort, school: School, day: int, luck: np.ndarray, noise: np.ndarray) -> np.ndarray:
        keeps = np.exp(-1 / RETURNS)
        shock = np.where(luck[0] < 1 / 90, 0.8 + 1.4 * luck[1], 0.0)
        self.swing = keeps * self.swing + SWING * np.sqrt(1 - keeps**2) * noise - shock
        goes = (luck[6] < school.loop["away"]) & (self.back <= day)
        self.back = np.where(goes, day + 7 + (11 * luck[7]).astype(np.int64), self.back)
        begins = self.coming[day % len(self.coming)]
        self.pull = school.responses.keeps[:, None] * self.pull + begins
        begins[:] = 0.0
        through = np.clip((day - cohort.first) / school.loop["plan_days"], 0, 1)
        lift = school.responses.lift @ self.pull
        return np.asarray(cohort.level + self.swing + lift - school.loop["difficulty"] * through)

    def _chance(self, cohort: Cohort, school: School, day: int) -> np.ndarray:
        loop, felt = school.loop, school.settings["withdrawal"]
        regrets = felt["regret"] * (day - cohort.first < REGRETS)
        tired = loop["fatigue"]["weight"] * self.felt
        weight = (
            regrets + tired + loop["bored_weight"] * cohort.skips + school.season.weight[day] - self.pull.sum(axis=0)
        )
        overdue = self.overdue(cohort, day, loop["homework_days"])
        return np.minimum(strain(felt, overdue, weight, self.smooth), WORST)

    def _study(
        self, cohort: Cohort, school: School, day: int, came: np.ndarray, will: np.ndarray, luck: np.ndarray
    ) -> None:
        due = (day - cohort.first) // school.loop["homework_days"]
        late, ahead = self.handed < due, self.handed > due
        self.handed += came & ~ahead & (luck[4] < sigmoid(-1.1 + 0.8 * will + 0.5 * late))
        pace = sigmoid(0.5 * will - 0.4 + 2 * cohort.skips)  # who skips is through sooner
        self.lessons += came & (luck[5] < pace) & (self.lessons < school.loop["lessons"])
