"""Whether the product's own `decide` takes the actions that the benchmark's vectorised policy takes.

On the first morning of a school each student's case is built for `serving.decide.policy.decide`, with the effects that
were learnt and one message that went before, and decided at the prices of the vectorised policy. What the gates allow
is the product's word; the worth of each action, its price and the choice are reckoned by both.
"""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix

from benchmarks.decisions.closed_loop import MINUTES, SMS, as_trial, forecast
from benchmarks.decisions.policies import Economy, View, may
from experiments.assign import unit_interval
from features.config import School
from features.synthetic.closed_loop import ClosedLoop
from features.synthetic.launch_trial import randomised_log
from features.synthetic.responses import ACTIONS
from model.uplift import Effects, learn
from serving.advise import FEATURES
from serving.allocation import Offers, choose, price
from serving.decide.actions import NO_ACTION
from serving.decide.book import PriceBook
from serving.decide.case import Case, Effect, EnrolmentCase, Touch
from serving.decide.policy import FILES, Policy, decide

SCORE = 75.0  # of homework, of everybody: what the closed loop does not know
STUDENTS, ROWS = 5_000, 8_000
NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def run(quick: bool) -> dict[str, int]:
    """Prints and returns how many decisions are the same, for a school of 5,000 (2,000 when quick)."""
    students = 2_000 if quick else STUDENTS
    with tempfile.TemporaryDirectory() as home:
        configs = School(Path(home))
        settings = configs.config("synthetic")
        economy = Economy.of(configs, MINUTES * students / 5, SMS * students)
        risk_of, at_risk = forecast(ClosedLoop(students=students, seed=1, settings=settings), 1)
        trial_school = ClosedLoop(students=STUDENTS, seed=2, settings=settings)
        log = randomised_log(trial_school, risk_of=risk_of, at_risk=at_risk, may=lambda seen: may(seen, economy))
        effects = learn(as_trial(log, ROWS, 1), configs.config("uplift"), seed=1, level="L3").effects
        school = ClosedLoop(students=students, seed=3, settings=settings)
        seen = school.observe()
        same, of, acts = agreement(View(school, seen, risk_of(seen)), effects, economy, configs)
    print(f"{same:,} of {of:,} decisions are the same; {acts:,} of them do something")
    return {"same": same, "of": of, "acts": acts}


def agreement(view: View, effects: Effects, economy: Economy, configs: School) -> tuple[int, int, int]:
    """How many decisions are the same, of how many, and how many of them do something.

    Args:
        view: of students whom nobody has contacted yet.
        effects: at a level that measures.
        economy: what a day holds.
        configs: the school's configuration; its hold-out and its lot are left out.
    """
    files = {name: configs.config(name) for name in FILES}
    files["gates"]["holdout"]["share"] = files["value"]["exploration"]["share"] = 0.0
    policy = Policy.from_config(files, FEATURES, level=effects.level, effects_version="benchmark")
    tau, low, high = effects.of(view.seen.x, view.risk)
    cases = [_case(view, at, effects.actions[1:], tau[at], low[at], high[at], economy) for at in range(len(view.seen))]
    free = [decide(case, policy, NOW) for case in cases]
    worth = np.full((len(cases), len(ACTIONS)), np.nan)
    worth[:, 0] = 0.0
    for at, (case, decision) in enumerate(zip(cases, free, strict=True)):
        apart = 1 + 1e-6 * unit_interval("equals", f"{case.student_id}|{case.decision_date}")
        for place, action in enumerate(effects.actions[1:]):
            if action in decision.eligible:
                arm = ACTIONS.index(action)
                worth[at, arm] = (tau[at, place] * economy.margin - economy.cost[arm]) * apart
    row, arm = np.nonzero(~np.isnan(worth))
    offers = Offers(row, worth[row, arm], economy.cost[arm], csr_matrix(economy.uses[arm]), tuple(economy.caps))
    prices = price(offers, economy.caps).by_resource
    mine = [ACTIONS[one] for one in arm[choose(offers, prices)]]
    named = {"minutes:anna": prices["minutes"], "sms": prices["sms"]}
    names = {"label": "withdrawal_28d", "model_version": "m", "policy_version": policy.version, "level": policy.level}
    book = PriceBook(
        NOW.date(), **names, number=1, prices=named, caps={}, reserve={}, used={}, method="", muted=(), made_at=NOW
    )
    theirs = [decide(case, policy, NOW, book).action for case in cases]
    same = sum(one == other for one, other in zip(mine, theirs, strict=True))
    return same, len(mine), sum(one != NO_ACTION for one in theirs)


def _case(
    view: View, at: int, actions: tuple[str, ...], tau: np.ndarray, low: np.ndarray, high: np.ndarray, economy: Economy
) -> Case:
    student = f"s{view.seen.student[at]}"
    values = {"homework_overdue_now": float(view.seen["homework_overdue"][at]), "homework_mean_score": SCORE}
    told = zip(actions, tau.tolist(), low.tolist(), high.tolist(), strict=True)
    one = EnrolmentCase(
        enrolment_id=student,
        course_id="loop",
        risk=float(view.risk[at]),
        band=None,
        values=values,
        curator="anna",
        margin_minor=round(economy.margin),
        effects={action: Effect(*figures) for action, *figures in told},
    )
    before = Touch("t1", "sms", NOW - timedelta(days=5), action="care_sms")
    return Case(student, NOW.date(), "Europe/Moscow", (one,), (), (before,), "m")
