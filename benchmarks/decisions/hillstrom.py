"""Whose ranking is worth more on a real randomised trial: Hillstrom's e-mails to men's and women's wear against none.

    .venv/bin/python -m benchmarks.decisions hillstrom --data DIR

DIR holds hillstrom.csv (K. Hillstrom 2008, 64,000 customers, thirds). The outcome is a visit. Everybody is ranked by
models that did not see them: 5 folds, 8 times dealt anew. Rankings are judged by `experiments.qini` on doubly robust
scores that are the same for all; differences are paired, by bootstrap of customers over all repeats, and by repeat.
Baselines are small and of the same trees as ours. causalml and econml come in where they can be imported: in an
environment of their own, `pip install econml causalml lightgbm "pandas>=3,<3.1"`, with this repository on PYTHONPATH.
A mail is said to cost as much as COST visits bring; the policies mail whom that pays for.
"""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pandas as pd

from benchmarks.decisions.hillstrom_libraries import libraries
from experiments.decision_log import Log, expected, scores
from experiments.policy_value import Limits, Value, difference
from experiments.qini import Figure, Judge
from model.uplift import Trial, learn

ARMS = ("no_action", "mens", "womens")
OURS = "ours"
BEST = 1  # on average
COST = 0.06
CAPACITY = 0.30
FOLDS = 5
CONFIGS = Path(__file__).resolve().parents[2] / "configs"
TREES = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 8,
    "min_data_in_leaf": 20,
    "lambda_l2": 10.0,
    "feature_fraction": 0.5,
    "bagging_fraction": 0.5,
    "bagging_freq": 1,
    "num_threads": 1,
    "verbosity": -1,
    "seed": 1,
}
ROUNDS = 100

Values = Callable[["Rows", np.ndarray], np.ndarray]
Draws = dict[str, dict[str, list[Figure]]]


@dataclass(frozen=True)
class Rows:
    """Customers: x (n, f), arm (n,) and visit (n,)."""

    names: tuple[str, ...]
    x: np.ndarray
    arm: np.ndarray
    visit: np.ndarray

    def where(self, chosen: np.ndarray) -> Rows:
        """Some of them."""
        return Rows(self.names, self.x[chosen], self.arm[chosen], self.visit[chosen])

    @classmethod
    def read(cls, path: Path, quick: bool) -> Rows:
        """From the file; every eighth when it must be quick."""
        table = pd.read_csv(path).iloc[:: 8 if quick else 1]
        kinds = pd.get_dummies(table[["zip_code", "channel"]])
        x = pd.concat([table[["recency", "history", "mens", "womens", "newbie"]], kinds], axis=1)
        arm = table["segment"].map({"No E-Mail": 0, "Mens E-Mail": 1, "Womens E-Mail": 2})
        return cls(tuple(x.columns), x.to_numpy("float64"), arm.to_numpy(), table["visit"].to_numpy("float64"))


def run(quick: bool, data: Path = Path("hillstrom")) -> dict[str, Any]:
    """Prints the tables; gives the mean figures by method."""
    rows = Rows.read(data / "hillstrom.csv", quick)
    repeats = 2 if quick else 8
    n = len(rows.arm)
    mu = expected(rows.arm, rows.visit, np.arange(n), rows.x, len(ARMS))
    log = Log(ARMS, rows.arm, _thirds(n), rows.visit, np.arange(n), mu)
    gains = scores(log)[:, 1:] - scores(log)[:, :1]
    draws = 40 if quick else 200
    judges = {name: _judge(gains[:, [at]], n, draws) for at, name in enumerate(ARMS[1:])}
    judges["both"] = _judge(gains, n, draws)
    others, chosen = _others(), Counter[str]()
    print(f"{n:,} customers; visits without a mail {mu[:, 0].mean():.2%}; mean effects: ", end="")
    print(", ".join(f"{name} {100 * gains[:, at].mean():+.2f} points" for at, name in enumerate(ARMS[1:])), flush=True)
    found: Draws = {}
    paid: dict[str, list[Value]] = {}
    for repeat in range(repeats):
        fold = np.random.default_rng(repeat).permutation(n) % FOLDS
        ranked: dict[str, np.ndarray] = {}
        for one in range(FOLDS):
            train, x = rows.where(fold != one), rows.x[fold == one]
            for name, values in {
                **_ours(train, x, chosen),
                **{key: of(train, x) for key, of in others.items()},
            }.items():
                ranked.setdefault(name, np.empty((n, 2)))[fold == one] = values
        for name, values in ranked.items():
            _judged(found.setdefault(name, {}), judges, values)
            paid.setdefault(name, []).append(_net(log, values, name))
    _print(found, repeats)
    _print_paid(paid, log)
    print("\nlevels that the ladder chose:", dict(chosen))
    return {
        name: {key: float(np.mean([one.value for one in figures])) for key, figures in row.items()}
        for name, row in found.items()
    }


def _judge(gains: np.ndarray, n: int, draws: int) -> Judge:
    return Judge(gains, np.ones(gains.shape[1]), np.arange(n), CAPACITY, 1.0, draws)


def _judged(row: dict[str, list[Figure]], judges: Mapping[str, Judge], ranked: np.ndarray) -> None:
    for name, judge in judges.items():
        own = ranked if name == "both" else ranked[:, [ARMS.index(name) - 1]]
        qini = judge.qini(own)
        row.setdefault(f"{name}: area", []).append(qini.area)
        row.setdefault(f"{name}: gain at {CAPACITY:.0%}", []).append(qini.gain)


def _others() -> dict[str, Values]:
    own: dict[str, Values] = {
        "S-learner": _s_learner,
        "T-learner": _t_learner,
        "X-learner": _x_learner,
        "response, best arm": _response,
    }
    return own | libraries(_booster)


def _ours(train: Rows, x: np.ndarray, chosen: Counter[str]) -> dict[str, np.ndarray]:
    """The product's own uplift at each level and at the one that its ladder chooses, which is counted."""
    settings = tomllib.loads((CONFIGS / "uplift.toml").read_text("utf-8"))
    settings["value"] = {"margin_minor": 100}
    n, none = len(train.arm), train.arm == 0
    fold, known_risk = np.arange(n) % 3, np.empty(n)
    for one in range(3):
        known = none & (fold != one)
        known_risk[fold == one] = 1 - _fitted(train.x[known], train.visit[known])(train.x[fold == one])
    ids, day = np.arange(n), np.zeros(n, "int64")
    trial = Trial(train.names, ARMS, train.x, train.arm, _thirds(n), train.visit, known_risk, ids, day)
    risk = 1 - _fitted(train.x[none], train.visit[none])(x)
    level = learn(trial, settings, seed=1).level
    chosen[level] += 1
    found = {"L0": np.zeros((len(x), 2))}
    for name in ("L2", "L3"):
        effects = learn(trial, settings, seed=1, level=name).effects
        found[name] = effects.of(x, risk)[0]
        found["L1"] = np.column_stack([effects.of_action[arm].kept.share * risk for arm in ARMS[1:]])
    ladder = {f"{OURS}, by the ladder": found[level]}
    return ladder | {f"{OURS}, {name}": found[name] for name in ("L1", "L2", "L3")}


def _thirds(n: int) -> np.ndarray:
    found = np.full((n, len(ARMS)), 1 / len(ARMS))
    found[:, 0] = 1 - found[:, 1:].sum(axis=1)
    return found


def _booster(**changed: Any) -> Any:
    """The same trees as a scikit-learn model, for the libraries."""
    words = {name: one for name, one in TREES.items() if name != "objective"} | changed
    kind = lightgbm.LGBMRegressor if changed.get("objective") == "regression" else lightgbm.LGBMClassifier
    return kind(n_estimators=ROUNDS, **words)


def _fitted(x: np.ndarray, y: np.ndarray, objective: str = "binary") -> Callable[[np.ndarray], np.ndarray]:
    words = {**TREES, "objective": objective}
    return lightgbm.train(words, lightgbm.Dataset(x, y), num_boost_round=ROUNDS).predict


def _s_learner(train: Rows, x: np.ndarray) -> np.ndarray:
    model = _fitted(np.column_stack([train.x, train.arm == 1, train.arm == 2]), train.visit)
    arms = [np.tile(one, (len(x), 1)) for one in ((0, 0), (1, 0), (0, 1))]
    none, mens, womens = (model(np.column_stack([x, one])) for one in arms)
    return np.column_stack([mens - none, womens - none])


def _arms(train: Rows) -> list[Callable[[np.ndarray], np.ndarray]]:
    return [_fitted(train.x[train.arm == one], train.visit[train.arm == one]) for one in range(3)]


def _t_learner(train: Rows, x: np.ndarray) -> np.ndarray:
    none, mens, womens = (model(x) for model in _arms(train))
    return np.column_stack([mens - none, womens - none])


def _x_learner(train: Rows, x: np.ndarray) -> np.ndarray:
    models, none = _arms(train), train.arm == 0
    found = []
    for arm in (1, 2):
        own = train.arm == arm
        treated = _fitted(train.x[own], train.visit[own] - models[0](train.x[own]), "regression")
        spared = _fitted(train.x[none], models[arm](train.x[none]) - train.visit[none], "regression")
        found.append((treated(x) + spared(x)) / 2)  # among the two arms each has a chance of one half
    return np.column_stack(found)


def _response(train: Rows, x: np.ndarray) -> np.ndarray:
    """Who visits when mailed; the best arm before the other, whose order counts only where it is judged alone."""
    _, mens, womens = (model(x) for model in _arms(train))
    return np.column_stack([mens, womens / 1000])


def _target(ranked: np.ndarray) -> np.ndarray:
    """Mails what pays most, if it pays."""
    best = ranked.argmax(axis=1)
    pays = ranked[np.arange(len(ranked)), best] > COST
    return np.eye(len(ARMS))[np.where(pays, best + 1, 0)]


def _priced(log: Log) -> Log:
    costs = COST * (np.arange(len(ARMS)) > 0)
    less = log.reward - costs[log.action]
    return Log(log.actions, log.action, log.propensities, less, log.student, log.outcome - costs)


def _net(log: Log, ranked: np.ndarray, name: str) -> Value:
    """Visits less costs, above mailing nobody."""
    limits = Limits.of(tomllib.loads((CONFIGS / "experiments.toml").read_text("utf-8")))
    nobody = np.eye(len(ARMS))[np.zeros(len(ranked), int)]
    found = difference(_priced(log), _target(ranked), nobody, limits)
    if not isinstance(found, Value):
        raise RuntimeError(f"{name}: {found.why}")
    return found


def _mean(figures: list[Figure]) -> Figure:
    return Figure(float(np.mean([one.value for one in figures])), np.mean([one.draws for one in figures], axis=0))


def _print(found: Draws, repeats: int) -> None:
    ours = next(iter(found))
    for key in found[ours]:
        print(f"\n**{key}**, in thousandths of a visit a customer\n")
        print("| method | value | interval | ours less this | interval | ours is higher |\n|---|---|---|---|---|---|")
        first = found[ours][key]
        for name, row in found.items():
            mean, apart = _mean(row[key]), _mean([a - b for a, b in zip(first, row[key], strict=True)])
            wins = sum(a.value > b.value for a, b in zip(first, row[key], strict=True))
            told = "| | |" if name == ours else f"{1000 * apart.value:+.2f} | {_span(apart)} | {wins} of {repeats} |"
            print(f"| {name} | {1000 * mean.value:.2f} | {_span(mean)} | {told}")


def _span(figure: Figure) -> str:
    low, high = figure.interval()
    return f"{1000 * low:+.2f} to {1000 * high:+.2f}"


def _print_paid(paid: Mapping[str, list[Value]], log: Log) -> None:
    print(f"\n**Policy value**: visits less {COST:g} a mail, above mailing nobody, in thousandths a customer\n")
    print("| policy | value | interval (mean of the repeats') |\n|---|---|---|")
    for name, row in paid.items():
        low, high = (1000 * np.mean([getattr(one.best, end) for one in row]) for end in ("low", "high"))
        print(f"| {name} | {1000 * np.mean([one.best.value for one in row]):.2f} | {low:+.2f} to {high:+.2f} |")
    everybody = _net(log, np.eye(2)[np.full(len(log.action), BEST - 1)], "everybody").best
    low, high = 1000 * everybody.low, 1000 * everybody.high
    print(f"| men's to everybody | {1000 * everybody.value:.2f} | {low:+.2f} to {high:+.2f} |")
