"""Policies held against each other in a closed loop: one interface, values of offers, under the same caps and prices.

A policy gives a value to each action for each student who may be contacted; the day's prices (`serving.allocation`)
make the choices fit what the day holds. The caps on contacts, the open step of a cascade and its stop are the same for
all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import lightgbm
import numpy as np
from scipy.sparse import csr_matrix

from features.config import School
from features.synthetic.closed_loop import ClosedLoop
from features.synthetic.launch_trial import TrialLog
from features.synthetic.observed import Observed
from features.synthetic.responses import ACTIONS, CALL, MATERIALS, SMS
from model.uplift import Effects, Learnt, Trial
from serving.allocation import Offers, choose, price

SILENT, SKIPS = 7, 0.5
"""Where rules R1 and R2 of configs/rules.toml begin."""
OPEN_DAYS = np.array([0, 3, 7, 7])
"""Days after each action in which no other step is taken."""
STOP = 3
"""Contacts without an answer after which there are no more, until the student comes."""
MOST_DEBT = 1
"""Pieces of homework owed above which nobody is sent more to do."""
LEAST_RISK = 0.04
"""Who is less at risk is left alone: no action saves more than there is to lose."""
HARM = 10_000.0
"""What a contact costs in minor units beside money and time: some allow no other, and for days there is none."""


@dataclass(frozen=True)
class Economy:
    """What actions cost and what a day holds; (4,) arrays over `ACTIONS`.

    Attributes:
        margin: of a student who stays, minor units.
        cost: of one action, minor units, a person's time included.
        uses: (4, 2) minutes and messages that it takes.
        caps: of a day.
        gates: `configs/gates.toml`.
    """

    margin: float
    cost: np.ndarray
    uses: np.ndarray
    caps: dict[str, float]
    gates: dict[str, Any]

    @classmethod
    def of(cls, configs: School, minutes: float, sms: float) -> Economy:
        """Reads `value.toml`, `actions.toml` and `gates.toml`."""
        value, actions = configs.config("value"), configs.config("actions")["action"]
        rows = [actions[name] for name in ACTIONS]
        time = np.array([row["minutes"] for row in rows], float)
        message = np.array([row.get("channel") == "sms" for row in rows], float)
        cost = np.array([row["unit_cost_minor"] for row in rows]) + value["effort"]["minute_minor"] * time
        caps = {"minutes": minutes, "sms": sms}
        margin = float(value["margin"]["minor"])
        return cls(margin, cost, np.column_stack([time, message]), caps, configs.config("gates"))

    def for_the_ladder(self) -> dict[str, Any]:
        """The same margin and costs as the table `value` of `uplift.toml`."""
        costs = dict(zip(ACTIONS[1:], self.cost[1:].tolist(), strict=True))
        return {"margin_minor": round(self.margin), "cost_minor": costs}


@dataclass(frozen=True)
class View:
    """What a policy looks at on a morning: the m students who may be contacted.

    Attributes:
        school: only the oracle looks into it; None for a trial that is over.
        seen: what is known.
        risk: (m,) the forecast.
    """

    school: ClosedLoop | None
    seen: Observed
    risk: np.ndarray


class Policy(Protocol):
    """Gives (m, 4) values of `ACTIONS`, NaN for what is not proposed."""

    def __call__(self, view: View) -> np.ndarray:
        """Values in one unit: points or minor units."""


def rules(view: View) -> np.ndarray:
    """R1: silent for a week -> SMS, a call if that brings nobody back; R2: skips video -> materials. In points."""
    seen, worth = view.seen, np.full((len(view.seen), len(ACTIONS)), np.nan)
    silent, skips = seen["days_without_login"] >= SILENT, seen["video_skip_share"] > SKIPS
    first = seen["touches_since_login"] == 0
    worth[silent & first, SMS] = view.risk[silent & first]
    worth[silent & ~first, CALL] = view.risk[silent & ~first]
    worth[skips, MATERIALS] = np.where(silent, view.risk / 2, view.risk)[skips]
    return worth


@dataclass(frozen=True, eq=False)
class TopRisk:
    """Calls those most likely to leave."""

    at_risk: float

    def __call__(self, view: View) -> np.ndarray:
        """The risk, for a call."""
        worth = np.full((len(view.seen), len(ACTIONS)), np.nan)
        worth[:, CALL] = np.where(view.risk >= self.at_risk, view.risk, np.nan)
        return worth


@dataclass(frozen=True, eq=False)
class ByEffect:
    """Value = tau x margin - cost - harm.

    Attributes:
        tau: (m, 3) of a view.
    """

    tau: Callable[[View], np.ndarray]
    economy: Economy

    def __call__(self, view: View) -> np.ndarray:
        """Minor units."""
        worth = np.full((len(view.seen), len(ACTIONS)), np.nan)
        at = np.flatnonzero(view.risk >= LEAST_RISK)
        if len(at):
            worth[at, 1:] = self.tau(of(view, at)) * self.economy.margin - self.economy.cost[1:] - HARM
        return worth


def learnt(effects: Effects, economy: Economy) -> Policy:
    """What `model.uplift` serves: at L0 the rules decide."""
    if effects.level == "L0":
        return rules
    places = [ACTIONS.index(name) - 1 for name in effects.actions[1:]]

    def tau(view: View) -> np.ndarray:
        found = np.full((len(view.seen), len(ACTIONS) - 1), np.nan)
        found[:, places] = effects.of(view.seen.x, view.risk)[0]
        return found

    return ByEffect(tau, economy)


def oracle(economy: Economy, futures: int) -> Policy:
    """Knows each student's kind and state of mind."""

    def tau(view: View) -> np.ndarray:
        if view.school is None:
            raise ValueError("there is no school to look into")
        return view.school.truth(view.seen.student, futures=futures).tau[:, 1:]

    return ByEffect(tau, economy)


def seer(log: TrialLog, economy: Economy, seed: int) -> Policy:
    """Knows what the true effect is on average for students who look the same: nobody who only looks can do better."""
    how = {"objective": "l2", "num_leaves": 15, "learning_rate": 0.05, "verbosity": -1, "seed": seed, "num_threads": 1}
    x = np.column_stack([log.x, log.risk])
    trees = [lightgbm.train(how, lightgbm.Dataset(x, log.true_tau[:, arm]), 300) for arm in range(1, len(ACTIONS))]

    def tau(view: View) -> np.ndarray:
        known = np.column_stack([view.seen.x, view.risk])
        return np.column_stack([one.predict(known) for one in trees])

    return ByEffect(tau, economy)


def of(view: View, rows: np.ndarray) -> View:
    """Some rows of a view."""
    seen = view.seen
    part = replace(seen, student=seen.student[rows], reachable=seen.reachable[rows], x=seen.x[rows])
    return View(view.school, part, view.risk[rows])


def may(seen: Observed, economy: Economy) -> np.ndarray:
    """Which actions the caps, the cascade and their own conditions allow; (m, 4) bool, doing nothing always."""
    cap = economy.gates["frequency_cap"]
    last = np.where(np.isnan(seen["days_since_touch"]), np.inf, seen["days_since_touch"])
    is_open = last < np.where(seen["last_touch_sms"] == 1, OPEN_DAYS[SMS], OPEN_DAYS[CALL])
    is_stopped = (seen["touches_since_login"] >= STOP) | (seen["touches_30d"] >= cap["month"]["most"])
    free = seen.reachable & ~is_open & ~is_stopped
    return np.column_stack(
        [
            np.ones(len(seen), bool),
            free & (seen["sms_7d"] < cap["sms"]["most"]),
            free & (seen["calls_7d"] < cap["call"]["most"]),
            free & (seen["homework_overdue"] <= MOST_DEBT),
        ]
    )


def decide(school: ClosedLoop, view: View, policy: Policy, economy: Economy) -> np.ndarray:
    """The day's actions of the students of a view; (m,) index into `ACTIONS`."""
    worth = np.where(may(view.seen, economy), policy(view), np.nan)
    worth *= 1 + 1e-6 * school.lot(view.seen.student)[:, None]  # equals are told apart
    return fitted(worth, economy, economy.caps)


def fitted(worth: np.ndarray, economy: Economy, caps: Mapping[str, float]) -> np.ndarray:
    """The choices at the prices at which they fit the caps.

    Args:
        worth: (m, 4) values, NaN for what may not be done.
        economy: what actions use.
        caps: of the minutes and messages.

    Returns:
        (m,) index into `ACTIONS`.
    """
    action = np.zeros(len(worth), np.int64)
    some = np.flatnonzero((worth[:, 1:] > 0).any(axis=1))
    if not len(some):
        return action
    worth = np.column_stack([np.zeros(len(some)), worth[some, 1:]])
    row, arm = np.nonzero(worth >= 0)
    offers = Offers(row, worth[row, arm], economy.cost[arm], csr_matrix(economy.uses[arm]), tuple(caps))
    action[some] = arm[choose(offers, price(offers, caps).by_resource)]
    return action


def gain_over_rules(trial: Trial, found: Learnt, economy: Economy, caps: Mapping[str, float]) -> tuple[float, float]:
    """What the learnt policy keeps more than the rules on the trial, net of cost.

    The ladder asks whether a level beats the one below it, but not whether the first step beats the rules. Worth is by
    doubly robust scores, with effects of models that did not see the student.

    Returns:
        The mean over rows, as a share of students, and its standard error by student; 0 where the rules decide.
    """
    if found.level == "L0":
        return 0.0, 0.0
    tau = np.full((len(trial), len(ACTIONS)), np.nan)
    tau[:, [ACTIONS.index(name) for name in found.effects.actions[1:]]] = found.tau[found.level]
    harm = HARM * (np.arange(len(ACTIONS)) > 0)
    seen = Observed(0, trial.student, np.ones(len(trial), bool), trial.x)
    new, old = tau * economy.margin - economy.cost - harm, rules(View(None, seen, trial.risk))
    mine, theirs = (fitted(np.where(trial.propensities > 0, worth, np.nan), economy, caps) for worth in (new, old))
    each, cost = np.arange(len(trial)), economy.cost + harm
    more = found.gamma[each, mine] - found.gamma[each, theirs] - (cost[mine] - cost[theirs]) / economy.margin
    apart = np.bincount(trial.cluster, more - more.mean())
    return float(more.mean()), float(np.sqrt((apart**2).sum()) / len(trial))
