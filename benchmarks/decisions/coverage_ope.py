"""How often the intervals of `experiments.policy_value` hold the truth, on simulated logs whose truth is known.

    .venv/bin/python -m benchmarks.decisions coverage_ope

Students have some decisions each, hang together by a level of their own, and differ in risk; four actions, some of
them not allowed for some. The target differs from what decided, so that its weights are large: with 10 % exploration
a call weighs up to 100. Each log is drawn anew. `refused` are the logs of which nothing was told. Beside the coverage
of the policy's value stands that of its difference to what was done. The doubly robust figure is made twice: with
expected outcomes fitted as the product does, and with nonsense in their place.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from experiments.decision_log import Log, expected
from experiments.policy_value import Limits, Unsupported, difference, value

ACTIONS = ("no_action", "care_sms", "advanced_materials", "mentor_call")
DRAW = np.array([0.40, 0.25, 0.25, 0.10])
FIGURES = ("ips", "snips", "dr", "dr of nonsense")
TRUTH_ROWS = 4_000_000
SETTINGS = Path(__file__).resolve().parents[2] / "configs" / "experiments.toml"


@dataclass(frozen=True)
class Scenario:
    """One kind of log.

    Attributes:
        students: in the log, each with 1 to 5 decisions.
        exploration: share of the decisions that are drawn.
        level: how much students differ by a level that nobody sees.
        calls: the target calls everybody who may be called, which was hardly ever done.
    """

    name: str
    students: int
    exploration: float
    level: float
    calls: bool = False


SCENARIOS = (
    Scenario("launch trial, 1,000 students", 1_000, 1.0, 0.15),
    Scenario("10 % exploration, 4,000 students", 4_000, 0.1, 0.15),
    Scenario("10 % exploration, 7,000 students, calls for all", 7_000, 0.1, 0.15, calls=True),
    Scenario("30 % exploration, strong levels", 3_000, 0.3, 0.25),
)


def run(quick: bool) -> dict[str, dict[str, float]]:
    """Coverage by scenario and figure, as shares; prints the table."""
    times = 100 if quick else 2000
    limits = Limits.of(tomllib.loads(SETTINGS.read_text("utf-8")))
    print(f"Coverage of {limits.confidence:.0%} intervals, {times:,} logs each; of the value | of the difference\n")
    print("| log | ESS | " + " | ".join(FIGURES) + " | refused |\n|---|---|" + "---|" * (len(FIGURES) + 1))
    found = {}
    for scenario in SCENARIOS:
        found[scenario.name] = told = _covered(scenario, limits, times)
        cells = [f"{told[one]:.1%} \\| {told[one + ', difference']:.1%}" for one in FIGURES]
        print(
            f"| {scenario.name} | {told['ess']:,.0f} | " + " | ".join(cells) + f" | {told['refused']:.1%} |", flush=True
        )
    return found


def _covered(scenario: Scenario, limits: Limits, times: int) -> dict[str, float]:
    truth, logged = _truth(scenario)
    held: list[list[bool]] = []
    sizes = []
    for seed in range(times):
        log, target, x = _drawn(np.random.default_rng([seed, scenario.students]), scenario)
        fitted = replace(log, outcome=expected(log.action, log.reward, log.student, x, len(ACTIONS)))
        nonsense = replace(log, outcome=np.full_like(log.propensities, 0.5) + 0.2 * np.arange(len(ACTIONS)) / 3)
        row = []
        for one in (fitted, nonsense):
            policy, apart = value(one, target, limits), difference(one, target, one.propensities, limits)
            if isinstance(policy, Unsupported) or isinstance(apart, Unsupported):
                break
            pairs = [(name, policy, apart) for name in (("ips", "snips", "dr") if one is fitted else ("dr",))]
            for name, own, less in pairs:
                for estimate, true in ((getattr(own, name), truth), (getattr(less, name), truth - logged)):
                    row.append(estimate.low <= true <= estimate.high)
            sizes.append(policy.ess)
        if len(row) == 2 * len(FIGURES):
            held.append(row)
    shares = np.mean(held, axis=0) if held else np.full(2 * len(FIGURES), np.nan)
    names = [name for one in FIGURES for name in (one, f"{one}, difference")]
    told = {name: float(share) for name, share in zip(names, shares, strict=True)}
    return told | {"ess": float(np.mean(sizes or [0])), "refused": 1 - len(held) / times, "logs": float(times)}


def _people(rng: np.random.Generator, scenario: Scenario, students: int) -> tuple[np.ndarray, ...]:
    """Rows: student, risk, two features, the level nobody sees, what is allowed."""
    often = rng.integers(1, 6, students)
    student = np.repeat(np.arange(students), often)
    n = len(student)
    level = (scenario.level * rng.uniform(-1, 1, students))[student]
    x = np.column_stack([rng.beta(2, 5, n), rng.random(n), rng.random(n)])
    allowed = np.column_stack([np.ones(n, bool), rng.random((n, 3)) < (0.9, 0.6, 0.8)])
    return student, x, level, allowed


def _outcomes(x: np.ndarray, level: np.ndarray) -> np.ndarray:
    """(n, k) true chance of staying."""
    stays = 0.75 - 0.5 * (x[:, 0] - 0.3) + level
    effects = np.column_stack(
        [0 * stays, 0.06 - 0.1 * (x[:, 1] > 0.7), 0.05 * (x[:, 2] > 0.5) - 0.01, 0.10 - 0.08 * x[:, 1]]
    )
    return (stays[:, None] + effects).clip(0.02, 0.98)


def _policies(x: np.ndarray, allowed: np.ndarray, scenario: Scenario) -> tuple[np.ndarray, np.ndarray]:
    """(n, k) propensities of what decided, and the target: SMS or materials or call by other features."""
    rules = np.where(x[:, 0] > 0.3, 1, 0)
    rules = np.where(allowed[np.arange(len(x)), rules], rules, 0)
    draw = allowed * DRAW
    propensities = scenario.exploration * draw / draw.sum(axis=1, keepdims=True)
    propensities += (1 - scenario.exploration) * np.eye(4)[rules]
    wish = np.where(x[:, 1] < 0.3, 1, np.where(x[:, 2] > 0.6, 2, 3 if scenario.exploration == 1 else rules))
    if scenario.calls:
        wish = np.full(len(x), 3)
    wish = np.where(allowed[np.arange(len(x)), wish], wish, 0)
    return propensities / propensities.sum(axis=1, keepdims=True), np.eye(4)[wish]


def _drawn(rng: np.random.Generator, scenario: Scenario) -> tuple[Log, np.ndarray, np.ndarray]:
    student, x, level, allowed = _people(rng, scenario, scenario.students)
    propensities, target = _policies(x, allowed, scenario)
    action = (rng.random(len(x))[:, None] >= propensities.cumsum(axis=1)[:, :-1]).sum(axis=1)
    stays = _outcomes(x, level)[np.arange(len(x)), action]
    return Log(ACTIONS, action, propensities, (rng.random(len(x)) < stays).astype("float64"), student), target, x


def _truth(scenario: Scenario) -> tuple[float, float]:
    """Values of the target and of what decided, from so many rows that their error does not count."""
    parts = []
    for seed in range(8):
        _, x, level, allowed = _people(np.random.default_rng([seed, 77]), scenario, TRUTH_ROWS // 24)
        propensities, target = _policies(x, allowed, scenario)
        stays = _outcomes(x, level)
        parts.append([(policy * stays).sum(axis=1).mean() for policy in (target, propensities)])
    return tuple(np.mean(parts, axis=0).tolist())
