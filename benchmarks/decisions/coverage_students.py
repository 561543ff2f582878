"""How often the interval of one student's effect covers the truth, and how wide it is.

    .venv/bin/python -m benchmarks.decisions coverage_students [--quick]

The interval is for the mean effect among students who look the same to the school: all that can be seen. In the worlds
of `coverage_uplift` nothing is hidden, so that this is the student's own effect. In the made school kinds and will are
hidden: there both are asked, and what the interval does not promise is how often it holds the student's own effect.
Every level is asked, whatever the ladder would say. Widths are in percentage points of the chance to stay.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.decisions.closed_loop import FULL, MINUTES, SMS, as_trial, forecast
from benchmarks.decisions.coverage_uplift import ACTIONS, DESIGNS, ROWS, WORLDS, draw
from benchmarks.decisions.policies import Economy, View, may, seer
from features.config import School
from features.synthetic.closed_loop import ClosedLoop
from features.synthetic.launch_trial import TrialLog, randomised_log
from features.synthetic.observed import Observed
from model.uplift import Trial, learn

LEVELS = ("L1", "L2", "L3")
NEW = 2_000
KINDS = (*WORLDS, "interaction", "curved")
FIRST = 201
"""Seed of the first trial: those below were looked at while the width was chosen."""


@dataclass
class Covered:
    """What the intervals of one level came to: shares that cover and mean widths, one of each for a trial."""

    seen: list[float] = field(default_factory=list)
    own: list[float] = field(default_factory=list)
    width: list[float] = field(default_factory=list)

    def __str__(self) -> str:
        return f"{100 * np.mean(self.seen):.1f} % ({100 * np.mean(self.width):.1f})"


def run(quick: bool) -> dict[str, Any]:
    """Prints two tables; returns their figures."""
    settings = School(Path("no-school")).config("uplift")
    trials = 2 if quick else 12
    print(f"{ROWS:,} rows; {trials} trials, {NEW:,} new students each; covered (mean width)")
    print("| world | logged by | L1 | L2 | L3 |\n|---|---|---|---|---|")
    found: dict[str, Any] = {}
    for world in KINDS:
        for design in DESIGNS:
            levels = of_a_world(world, design, trials, settings)
            print(f"| {world} | {design} | " + " | ".join(map(str, levels.values())) + " |", flush=True)
            found[f"{world}, {design}"] = {level: vars(one) for level, one in levels.items()}
    return found | of_schools(2 if quick else 3, (4_000,) if quick else (4_000, 16_000, 64_000), quick)


def of_a_world(world: str, design: str, trials: int, settings: dict[str, Any]) -> dict[str, Covered]:
    """By level."""
    found = {level: Covered() for level in LEVELS}
    for seed in range(FIRST, FIRST + trials):
        trial, new = draw(ROWS, seed, world, design).trial, draw(NEW, 500_000 + seed, world, design)
        for level, one in found.items():
            _ask(one, trial, settings, (seed, level), (new.trial.x, new.trial.risk), (new.tau, new.tau))
    return found


def of_schools(schools: int, sizes: tuple[int, ...], quick: bool) -> dict[str, Any]:
    """The made school, by rows of its launch trial; prints a table."""
    found = {rows: {level: Covered() for level in LEVELS} for rows in sizes}
    for seed in range(FIRST, FIRST + schools):
        past, later, seen, settings = _made(seed, 8_500 if quick else FULL.learns)
        truths = seen, later.true_tau[:, 1:]
        for rows, levels in found.items():
            trial = as_trial(past, rows, seed)
            for level, one in levels.items():
                _ask(one, trial, settings, (seed, level), (later.x, later.risk), truths)
    print("\n| made school, rows | level | covers what can be seen | covers their own | width |\n|---|---|---|---|---|")
    for rows, levels in found.items():
        for level, one in levels.items():
            shares = " | ".join(f"{100 * np.mean(share):.1f} %" for share in (one.seen, one.own))
            print(f"| {rows:,} | {level} | {shares} | {100 * np.mean(one.width):.1f} |", flush=True)
    return {f"made, {rows}": {level: vars(one) for level, one in levels.items()} for rows, levels in found.items()}


def _ask(
    one: Covered,
    trial: Trial,
    settings: dict[str, Any],
    how: tuple[int, str],
    new: tuple[np.ndarray, np.ndarray],
    truths: tuple[np.ndarray, np.ndarray],
) -> None:
    """Learns at a level and holds the intervals of new students against what can be seen and what is."""
    seed, level = how
    effects = learn(trial, settings, seed=seed, level=level).effects
    _, low, high = effects.of(*new)
    places = [ACTIONS.index(name) - 1 for name in effects.actions[1:]]
    for share, truth in zip((one.seen, one.own), truths, strict=True):
        share.append(float(((low <= truth[:, places]) & (truth[:, places] <= high)).mean()))
    one.width.append(float((high - low).mean()))


def _made(seed: int, students: int) -> tuple[TrialLog, TrialLog, np.ndarray, dict[str, Any]]:
    """A made school's launch trial, that of another, the mean effects among those there who look the same, settings."""
    with tempfile.TemporaryDirectory() as home:
        configs = School(Path(home))
        settings = configs.config("synthetic")
        economy = Economy.of(configs, MINUTES * FULL.students, SMS * FULL.students)
        risk_of, at_risk = forecast(ClosedLoop(students=FULL.students, seed=1000 + seed, settings=settings), seed)
        past, later = (
            randomised_log(
                ClosedLoop(students=count, seed=thousand + seed, settings=settings),
                risk_of=risk_of,
                at_risk=at_risk,
                may=lambda now: may(now, economy),
                futures=FULL.futures,
            )
            for count, thousand in ((students, 2000), (FULL.students, 7000))
        )
        by_look = seer(past, economy, seed)
        uplift = configs.config("uplift") | {"value": economy.for_the_ladder()}
    view = View(None, Observed(0, later.student, np.ones(len(later.y), bool), later.x), later.risk)
    return past, later, by_look.tau(view), uplift
