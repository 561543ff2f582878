"""How often the intervals of uplift cover the truth, and whether the ladder steps up where there is nothing to find.

    .venv/bin/python -m benchmarks.decisions coverage_uplift [--quick]

Trials are drawn from worlds whose effects are known. `launch` draws actions with the same chances for everybody;
`logged` is what a policy leaves behind: it does what it thinks best, explores with 30 %, and may not do everything for
everybody. Average effects are held against those of the whole population, over the students that an action was possible
for. Intervals of single students are asked in `coverage_students`, in two worlds more: "interaction" and "curved".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from features.config import School
from model.uplift import Trial, learn

ACTIONS = ("no_action", "care_sms", "mentor_call", "advanced_materials")
EXPLORE = np.array([0.40, 0.25, 0.10, 0.25])
WORLDS = ("linear", "sleeping dogs", "same for all", "no effect")
DESIGNS = ("launch", "logged")
FEATURES = 20
ROWS = 4_000
POPULATION = 400_000
EVERY = 6
"""Of so many trials one is learnt from to the end; of the others only average effects are asked."""


@dataclass(frozen=True)
class Drawn:
    """A trial and its truth.

    Attributes:
        trial: what a school would see.
        tau: (n, 3) true effects of `ACTIONS` but the first, given what is seen.
    """

    trial: Trial
    tau: np.ndarray


@dataclass
class Counts:
    """Intervals that cover, of those asked."""

    hits: int = 0
    asked: int = 0

    def add(self, hits: np.ndarray) -> None:
        """Counts some more."""
        self.hits += int(hits.sum())
        self.asked += hits.size

    @property
    def share(self) -> float:
        """Of those asked; NaN where none was."""
        return self.hits / self.asked if self.asked else float("nan")


@dataclass
class Cell:
    """What the replications of one world and design came to."""

    average: Counts = field(default_factory=Counts)
    group: Counts = field(default_factory=Counts)
    levels: list[str] = field(default_factory=list)


def run(quick: bool) -> dict[str, Any]:
    """Prints the table; returns shares of intervals that cover, and how often each level was reached."""
    replications = 12 if quick else 150
    settings = School(Path("no-school")).config("uplift")
    print(f"{ROWS:,} rows; {replications} trials for averages, every {EVERY}th for levels")
    heads = ("world", "design", "average", "by quarter of risk", "levels")
    print("| " + " | ".join(heads) + " |\n" + "|---" * len(heads) + "|")
    found: dict[str, Any] = {}
    for world in WORLDS:
        for design in DESIGNS:
            cell = _cell(world, design, replications, settings)
            counts = {level: cell.levels.count(level) for level in sorted(set(cell.levels))}
            shares = {"average": cell.average.share, "group": cell.group.share}
            told = " | ".join(f"{100 * share:.1f} %" for share in shares.values())
            print(f"| {world} | {design} | {told} | {counts} |", flush=True)
            found[f"{world}, {design}"] = {**shares, "levels": counts}
    return found


def _cell(world: str, design: str, replications: int, settings: dict[str, Any]) -> Cell:
    average, groups = truth(world, design)
    cell = Cell()
    averages_only = {**settings, "ladder": {"randomised_rows": ROWS + 1}}
    for seed in range(replications):
        trial = draw(ROWS, seed, world, design).trial
        whole = seed % EVERY == 0
        found = learn(trial, settings, seed=seed) if whole else learn(trial, averages_only, seed=seed, level="L0")
        for at, name in enumerate(ACTIONS[1:]):
            one, row = found.ate[name], found.groups[name]
            cell.average.add(np.array([one.low <= average[at] <= one.high]))
            told = [each.low <= groups[at, own] <= each.high for own, each in enumerate(row) if each.rows]
            cell.group.add(np.array(told))
        if whole:
            cell.levels.append(found.level)
    return cell


@cache
def truth(world: str, design: str) -> tuple[np.ndarray, np.ndarray]:
    """True average effects (3,), and by quarter of the risk (3, 4), of the students that each was possible for."""
    whole = draw(POPULATION, 20_000, world, design)
    quarter = np.searchsorted(np.quantile(whole.trial.risk, [0.25, 0.5, 0.75]), whole.trial.risk, side="right")
    able = [whole.trial.compared(at) for at in (1, 2, 3)]
    average = np.array([whole.tau[own, at].mean() for at, own in enumerate(able)])
    groups = [[whole.tau[own & (quarter == one), at].mean() for one in range(4)] for at, own in enumerate(able)]
    return average, np.array(groups)


def draw(rows: int, seed: int, world: str, design: str, students: int | None = None) -> Drawn:
    """Draws a trial.

    Args:
        rows: of it.
        seed: of everything in it.
        world: one of `WORLDS`, or one that no straight line tells anything of, "interaction", or little, "curved".
        design: one of `DESIGNS`.
        students: how many the rows are of; as many as rows when not given.
    """
    random = np.random.default_rng(seed)
    x = random.normal(size=(rows, FEATURES))
    x[:, 5] = x[:, 5] > 0
    risk = 1 / (1 + np.exp(1.6 - 0.8 * x[:, 0] - 0.5 * x[:, 1] + 0.3 * x[:, 2]))
    stays = np.clip(1 - risk[:, None] * (1 - _kept(x, world)), 0, 1)
    propensities = _propensities(x, risk, design, random)
    action = (random.random(rows)[:, None] > np.cumsum(propensities, axis=1)).sum(axis=1).clip(0, 3)
    y = (random.random(rows) < stays[np.arange(rows), action]).astype("float64")
    seen = x.copy()
    seen[random.random(rows) < 0.1, 6] = np.nan
    trial = Trial(
        features=tuple(f"x{number}" for number in range(FEATURES)),
        actions=ACTIONS,
        x=seen,
        action=action,
        propensities=propensities,
        y=y,
        risk=risk,
        student=np.arange(rows) % (students or rows),
        day=np.zeros(rows, "int64"),
    )
    return Drawn(trial, stays[:, 1:] - stays[:, :1])


def _kept(x: np.ndarray, world: str) -> np.ndarray:
    """The share of leavers that each action keeps, (n, 4); below 0 it drives students away."""
    none = np.zeros(len(x))
    if world == "linear":
        sms, call = 0.15 + 0.15 * x[:, 2] - 0.1 * x[:, 3], 0.35 + 0.2 * x[:, 1] - 0.1 * x[:, 4]
        return np.column_stack([none, sms, call, 0.05 - 0.15 * x[:, 0] + 0.1 * x[:, 3]])
    if world == "sleeping dogs":
        dog, lost = (x[:, 3] > 1.0) & (x[:, 5] > 0), x[:, 2] < -0.8
        sms = np.where(dog, -0.6, np.where(lost, 0.0, 0.35))
        call = np.where(dog, -0.4, np.where(lost, 0.1, 0.5))
        return np.column_stack([none, sms, call, np.where(x[:, 0] < -0.5, 0.4, -0.05)])
    if world == "interaction":
        one, other = np.sign(x[:, 2] * x[:, 3]), np.sign(x[:, 1] * x[:, 4])
        return np.column_stack([none, 0.15 + 0.25 * one, 0.3 + 0.25 * other, 0.05 - 0.15 * one])
    if world == "curved":
        sms = 0.35 * np.exp(-(x[:, 2] ** 2) / 2) - 0.2 * (x[:, 3] > 1.3)
        call = 0.3 + 0.25 * np.sin(1.5 * x[:, 1])
        return np.column_stack([none, sms, call, 0.1 - 0.2 * np.maximum(x[:, 0], 0)])
    return np.tile([0.0, 0.2, 0.4, 0.1] if world == "same for all" else [0.0] * 4, (len(x), 1))


def _propensities(x: np.ndarray, risk: np.ndarray, design: str, random: np.random.Generator) -> np.ndarray:
    if design == "launch":
        return np.tile(EXPLORE, (len(x), 1))
    able = np.ones((len(x), 4), bool)
    able[:, 2], able[:, 3] = random.random(len(x)) < 0.7, x[:, 1] < 0.8
    explore = EXPLORE * able
    best = np.where((risk > 0.25) & able[:, 2], 2, np.where(risk > 0.12, 1, 0))
    found = 0.3 * explore / explore.sum(axis=1, keepdims=True)
    found[np.arange(len(x)), best] += 0.7
    return found / found.sum(axis=1, keepdims=True)
