"""Half a year of decisions in the made school, lived forward: what each policy keeps, and what it earns.

    .venv/bin/python -m benchmarks.decisions closed_loop [--quick]

For each seed three schools are made. In the first nobody is contacted: the risk is learnt from it. In the second those
at risk are given an action by lot (a launch trial): effects are learnt from it, from 4,000, 16,000 and 64,000 of its
rows. The third is lived through once with every policy, on the same luck, with the same capacity, caps and stop.
Decisions are taken from Monday to Friday. *Nobody* is what happens by itself. The *oracle* knows each student's kind
and present will, and so what each action does (on average over futures); *all that can be seen* knows the mean of
that among students who look the same, which is the most that can be learnt. *Must beat the rules* is the ladder,
unless it does not beat the rules beyond doubt on the trial: then it is the rules (see `gain_over_rules`; the product
asks the same, see `model.uplift.ladder.against_rules`). Net money = margin x students kept - spent.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.decisions.policies import (
    Economy,
    Policy,
    TopRisk,
    View,
    decide,
    gain_over_rules,
    learnt,
    may,
    of,
    oracle,
    rules,
    seer,
)
from features.config import School
from features.synthetic.closed_loop import ClosedLoop
from features.synthetic.launch_trial import TrialLog, randomised_log
from features.synthetic.observed import Observed
from features.synthetic.people import NEVER
from features.synthetic.responses import ACTIONS, CALL
from model.dataset import Dataset
from model.risk import RiskSettings, grow
from model.uplift import Trial, learn

Z = 1.96
SEEN = "all that can be seen"
Forecast = Callable[[Observed], np.ndarray]
AT_RISK = 0.7
"""Quantile of the forecasts from which on a student is at risk."""


@dataclass(frozen=True)
class Size:
    """How large it all is.

    Attributes:
        students: of the school that policies are held against each other in.
        learns: students of the schools that are learnt from.
        rows: of the trial.
        seeds: how many.
        futures: for the truth.
    """

    students: int
    learns: int
    rows: tuple[int, ...]
    seeds: int
    futures: int


FULL = Size(8_000, 30_000, (4_000, 16_000, 64_000), 5, 2)
QUICK = Size(2_000, 8_500, (4_000, 16_000), 2, 1)
MINUTES, SMS = 0.03, 0.015
"""Of a person's time and messages, a day, for each student of the school."""


def run(quick: bool) -> dict[str, Any]:
    """Prints the table; returns its figures."""
    size = QUICK if quick else FULL
    with tempfile.TemporaryDirectory() as home:
        configs = School(Path(home))
        told = [of_a_seed(seed, size, configs) for seed in range(1, size.seeds + 1)]
    return table(told)


def of_a_seed(seed: int, size: Size, configs: School) -> dict[str, dict[str, float]]:
    """What each policy came to."""
    settings = configs.config("synthetic")
    economy = Economy.of(configs, MINUTES * size.students, SMS * size.students)
    risk_of, at_risk = forecast(ClosedLoop(students=size.students, seed=1000 + seed, settings=settings), seed)
    log = randomised_log(
        ClosedLoop(students=size.learns, seed=2000 + seed, settings=settings),
        risk_of=risk_of,
        at_risk=at_risk,
        may=lambda seen: may(seen, economy),
        futures=size.futures,
    )
    policies: dict[str, Policy] = {
        "nobody": lambda view: np.full((len(view.seen), len(ACTIONS)), np.nan),
        "rules": rules,
        "top-risk calls": TopRisk(at_risk),
        **ladders(log, economy, size, configs.config("uplift"), seed),
        SEEN: seer(log, economy, seed),
        "oracle": oracle(economy, size.futures),
    }
    school = ClosedLoop(students=size.students, seed=seed, settings=settings)
    told, lived = {}, {}
    for name, policy in policies.items():
        if policy not in lived:
            lived[policy] = follow(school.fork(seed), policy, risk_of, economy)
        told[name] = lived[policy]
        figures = ", ".join(f"{key} {value:,.0f}" for key, value in told[name].items())
        print(f"seed {seed}: {name}: {figures}", flush=True)
    return told


def ladders(log: TrialLog, economy: Economy, size: Size, uplift: dict[str, Any], seed: int) -> dict[str, Policy]:
    """What is learnt from each number of rows: as the ladder says, and only where it beats the rules; and L1 alone."""
    share = shares(log, economy, size)
    uplift = uplift | {"value": economy.for_the_ladder(), "capacity": share}
    policies: dict[str, Policy] = {}
    for rows in size.rows:
        trial = as_trial(log, rows, seed)
        found = learn(trial, uplift, seed=seed)
        policy = learnt(found.effects, economy)
        minutes = share["of"]["mentor_call"] * economy.uses[CALL, 0]
        caps = {"minutes": minutes * len(trial), "sms": share["of"]["care_sms"] * len(trial)}
        policies[f"ladder, {rows:,} rows"] = policy
        gain, error = gain_over_rules(trial, found, economy, caps)
        policies[f"must beat the rules, {rows:,} rows"] = policy if gain > Z * error else rules
        print(f"seed {seed}: {len(trial):,} rows, {found.level}, over the rules {gain:+.2%} ± {error:.2%}", flush=True)
    average = learn(as_trial(log, size.rows[-1], seed), uplift, seed=seed, level="L1")
    policies[f"risk x average effect, {size.rows[-1]:,} rows"] = learnt(average.effects, economy)
    return policies


def forecast(school: ClosedLoop, seed: int) -> tuple[Forecast, float]:
    """The risk as a school would learn it, from cut-offs every four weeks; and from where on a student is at risk."""
    seen = []
    while school.day <= school.days - school.horizon:
        if (school.days - school.day) % school.horizon == 0:
            seen.append(school.observe())
        school.step(np.zeros(len(school), np.int64))
    while school.day < school.days:
        school.step(np.zeros(len(school), np.int64))
    rows = pd.concat([_rows(one, school) for one in seen])
    known = Dataset(rows, Observed.names, "withdrawal_28d", 1, school.horizon)
    model = grow(known, known.y, RiskSettings(), seed, {})
    return lambda now: model.score(now.x), float(np.quantile(model.score(known.x), AT_RISK))


def _rows(seen: Observed, school: ClosedLoop) -> pd.DataFrame:
    ids = seen.student.astype(str)
    keys = {"enrolment_id": ids, "student_id": ids, "course_id": "loop", "day": seen.day}
    y = (school.left[seen.student] < seen.day + school.horizon).astype(float)
    return pd.DataFrame(seen.x, columns=list(seen.names)).assign(**keys, y=y)


def as_trial(log: TrialLog, rows: int, seed: int) -> Trial:
    """All rows of as many students as make up about so many rows."""
    order = np.random.default_rng([seed, 1]).permutation(int(log.student.max()) + 1)
    count = np.bincount(log.student, minlength=len(order))[order].cumsum()
    if count[-1] < rows:
        raise ValueError(f"the trial has only {count[-1]:,} rows")
    at = np.isin(log.student, order[: np.searchsorted(count, rows) + 1])
    return Trial(
        features=log.names,
        actions=log.actions,
        x=log.x[at],
        action=log.action[at],
        propensities=log.pi[at],
        y=log.y[at],
        risk=log.risk[at],
        student=log.student[at],
        day=log.day[at],
    )


def shares(log: TrialLog, economy: Economy, size: Size) -> dict[str, Any]:
    """A day's capacity as shares of a day's rows of the trial, as in the table `capacity` of `uplift.toml`."""
    weeks = (int(log.day.max()) - int(log.day.min())) / 7 + 1
    a_day = len(log.y) / weeks / size.learns * size.students / 5
    calls, messages = economy.caps["minutes"] / economy.uses[CALL, 0], economy.caps["sms"]
    most = {"mentor_call": min(1.0, calls / a_day), "care_sms": min(1.0, messages / a_day)}
    return {"share": 1.0, "of": most}


def follow(school: ClosedLoop, policy: Policy, risk_of: Forecast, economy: Economy) -> dict[str, float]:
    """Lives a school through with a policy."""
    before, count = school.left == NEVER, np.zeros(len(ACTIONS))
    while school.day < school.days:
        done = np.zeros(len(school), np.int64)
        if school.day % 7 < 5:
            seen = school.observe()
            whole = View(school, seen, np.zeros(len(seen)))
            part = of(whole, np.flatnonzero(may(seen, economy)[:, 1:].any(axis=1)))
            view = View(school, part.seen, risk_of(part.seen))
            done[view.seen.student] = decide(school, view, policy, economy)
        count += np.bincount(done, minlength=len(ACTIONS))
        school.step(done)
    kept = float((school.left[before] == NEVER).sum())
    spent = float(count[1:] @ economy.cost[1:])
    return {
        "kept": kept,
        "money": kept * economy.margin - spent,
        **dict(zip(ACTIONS[1:], count[1:].tolist(), strict=True)),
        "opted out": float(school.opted_out.sum()),
    }


def table(told: list[dict[str, dict[str, float]]]) -> dict[str, Any]:
    """Prints means over seeds, standard errors and paired differences to the rules."""
    heads = ("policy", "kept more than nobody", "net money more, thousands", "of the oracle's", "of what can be seen")
    heads += ACTIONS[1:]
    print("\n| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    answer: dict[str, Any] = {}
    for name in told[0]:
        kept, money = (_more(told, name, "nobody", of) for of in ("kept", "money"))
        share, seen = (100 * money / _more(told, best, "nobody", "money") for best in ("oracle", SEEN))
        acts = [float(np.mean([one[name][action] for one in told])) for action in ACTIONS[1:]]
        columns = (_figure(kept), _figure(money / 1e5), f"{_figure(share)} %", f"{_figure(seen)} %")
        print(f"| {name} | " + " | ".join([*columns, *(f"{act:,.0f}" for act in acts)]) + " |")
        answer[name] = {
            "kept": kept.tolist(),
            "money": money.tolist(),
            "share": share.tolist(),
            "seen": seen.tolist(),
            "actions": acts,
        }
    print("\n| less rules, on the same luck | kept | net money, thousands |\n|---|---|---|")
    for name in [name for name in told[0] if "rows" in name]:
        kept, money = (_more(told, name, "rules", of) for of in ("kept", "money"))
        print(f"| {name} | {_figure(kept)} | {_figure(money / 1e5)} |")
        answer[name]["money_over_rules"] = money.tolist()
    return answer


def _more(told: list[dict[str, dict[str, float]]], name: str, than: str, of: str) -> np.ndarray:
    return np.array([one[name][of] - one[than][of] for one in told])


def _figure(values: np.ndarray) -> str:
    """Mean and standard error over seeds."""
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else float("nan")
    return f"{values.mean():,.1f} ± {error:,.1f}"
