"""How students respond to what is done to them: pulled to the school or driven from it, later, less each time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.synthetic.coursework import sigmoid

ACTIONS = ("no_action", "care_sms", "mentor_call", "advanced_materials")
SMS, CALL, MATERIALS = 1, 2, 3
MOST_DEBT = 4
"""Pieces of homework beyond which more of them change nothing."""
STEEP = 15.0
"""How sharply the fast and bored are set off from the others."""


@dataclass(frozen=True)
class Responses:
    """What each action does; arrays over `ACTIONS`, the first of which does nothing.

    Attributes:
        delay: days until it works.
        keeps: (a,) share of the pull that is left a day later.
        lift: engagement gained for each unit of pull.
        fails: share that never gets through.
        pull: (a, kinds) taken off the logarithm of the daily chance of withdrawing.
        driven: (kinds,) bool, those whom contacts drive away.
        loop: the settings' table `loop`.
    """

    delay: np.ndarray
    keeps: np.ndarray
    lift: np.ndarray
    fails: np.ndarray
    pull: np.ndarray
    driven: np.ndarray
    loop: Mapping[str, Any]

    @classmethod
    def read(cls, settings: Mapping[str, Any]) -> Responses:
        """Reads the settings' tables `loop` and `types`."""
        rows = [settings["loop"]["actions"][name] for name in ACTIONS[1:]]
        kinds = [row["name"] for row in settings["types"]]

        def column(name: str, of_nothing: float) -> np.ndarray:
            return np.array([of_nothing, *(row[name] for row in rows)], float)

        return cls(
            delay=column("delay_days", 1).astype(np.int64),
            keeps=np.exp(-1 / column("fades_days", 1)),
            lift=column("lift", 0),
            fails=column("fails", 0),
            pull=np.array([[0.0] * len(kinds), *([row["pull"][kind] for kind in kinds] for row in rows)]),
            driven=np.array([row["hazard"] > 1 for row in settings["types"]]),
            loop=settings["loop"],
        )

    def strength(
        self,
        action: np.ndarray,
        kind: np.ndarray,
        silent: np.ndarray,
        overdue: np.ndarray,
        skips: np.ndarray,
        ahead: np.ndarray,
        felt: np.ndarray,
    ) -> np.ndarray:
        """The pull of an action that gets through, at its start.

        What helps depends on what can be seen: an SMS while a silence is young, a call with the homework that is
        owed, harder materials for the fast who
        skip video. What drives away does not wear off with the number of contacts.

        Args:
            action: (n,) index into `ACTIONS`.
            kind: (n,) index into the settings' types.
            silent: (n,) days in a row without coming.
            overdue: (n,) pieces of homework owed.
            skips: (n,) share of video time that is skipped.
            ahead: (n,) share of the course done beyond the plan.
            felt: (n,) contacts that are still felt.
        """
        rules, usual = self.loop["actions"], self.pull[action, kind]
        debt = np.minimum(overdue, MOST_DEBT)
        sms, call, materials = (rules[name] for name in ACTIONS[1:])
        suits = np.choose(
            action,
            [
                np.zeros(len(action)),
                np.exp(-np.maximum(silent - sms["late_after"], 0) / sms["late_days"]),
                call["without_debt"] + call["debt"] * debt,
                sigmoid(STEEP * (skips - materials["bored_from"])) * sigmoid(STEEP * (ahead - materials["ahead_from"])),
            ],
        )
        dulled = np.exp(-self.loop["fatigue"]["dulls"] * felt)
        burden = np.where(action == MATERIALS, materials["burden"] * debt, 0.0)
        return np.where(usual > 0, usual * suits * dulled, usual) - burden

    def opts_out(self, kind: np.ndarray, felt: np.ndarray) -> np.ndarray:
        """The chance that a contact which gets through is the last one that the student allows; (n,)."""
        fatigue = self.loop["fatigue"]
        usual = np.where(self.driven[kind], fatigue["opt_out_dog"], fatigue["opt_out"])
        return usual + fatigue["opt_out_felt"] * felt
