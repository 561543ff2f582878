"""The care programme of the past: whom it wrote to, whom it held out, and what its message truly does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.synthetic.people import Enrolments, Students

ACTION, NOTHING = "care_sms", "no_action"
STATUSES = ("sent", "opened", "answered", "failed")


@dataclass(frozen=True)
class Effect:
    """What a care message does to each enrolment; (n,) arrays.

    Attributes:
        hazard: multiplies the daily chance of withdrawing while it lasts.
        lift: added to engagement the day after, then fading.
        days: how long `hazard` lasts.
        fades: days in which `lift` falls to 37 %.
    """

    hazard: np.ndarray
    lift: np.ndarray
    days: int
    fades: float

    def on_hazard(self, age: np.ndarray) -> np.ndarray:
        """The factor so many days after the message; (n,)."""
        return np.where((age >= 1) & (age <= self.days), self.hazard, 1.0)

    def on_engagement(self, age: np.ndarray) -> np.ndarray:
        """What is added to engagement so many days after the message; (n,)."""
        return np.where(age >= 1, self.lift * np.exp(-np.maximum(age, 1) / self.fades), 0.0)


@dataclass(frozen=True)
class Programme:
    """How the programme meets each enrolment.

    Attributes:
        held_out: (n,) bool, the student is in the hold-out.
        status: (n,) index into `STATUSES` of what a message to it would come to.
        effect: what a message does; one that fails does nothing.
        silent_days: silence after which it acts, once for an enrolment.
    """

    held_out: np.ndarray
    status: np.ndarray
    effect: Effect
    silent_days: int


def plan(
    students: Students,
    enrolments: Enrolments,
    in_holdout: Callable[[str], bool],
    settings: Mapping[str, Any],
    seed: int,
) -> Programme:
    """Lays down, before anything happens, who is held out and what a message would do."""
    rng = np.random.default_rng([seed, 4])
    rules, kinds = settings["programme"], settings["types"]
    status = rng.choice(4, len(enrolments), p=[0.30, 0.55, 0.11, 0.04])
    arrives = status != STATUSES.index("failed")
    kind = students.kind[enrolments.student]
    held_out = np.array([in_holdout(student) for student in students.ids], dtype=bool)
    effect = Effect(
        hazard=np.where(arrives, np.array([row["hazard"] for row in kinds], dtype=float)[kind], 1.0),
        lift=np.where(arrives, np.array([row["lift"] for row in kinds], dtype=float)[kind], 0.0),
        days=rules["effect_days"],
        fades=float(rules["lift_days"]),
    )
    return Programme(held_out[enrolments.student], status, effect, rules["silent_days"])
