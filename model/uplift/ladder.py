"""The ladder: how much of what was learnt may decide, chosen by evidence and said in words.

L0: rules decide. L1: risk x average effect. L2: a linear model of how effects differ. L3: small trees. A step above
L1 is taken when what it foretells is found again in students it has not seen, and when choosing by it keeps more
students than choosing by L1, both beyond doubt. Trees after a line also have to be better than it: by what choosing by
them keeps, or by being nearer to those students' scores. Two good policies mostly choose alike, so that their values
hardly tell them apart at any size, but their errors do.

Sources: Nie & Wager (2021), Biometrika 108:299-319, and Saito & Yasui (2020), ICML, PMLR 119:8398-8407 (choosing
between models of effects by their loss on scores of rows not seen).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

import numpy as np

from model.uplift.scores import NOTHING, Average, Scores, average, regress
from model.uplift.settings import UpliftSettings
from model.uplift.trial import Trial


@dataclass(frozen=True)
class Step:
    """One step of the ladder.

    Attributes:
        level: it leads to.
        taken: whether the evidence supports it; None where there is not enough data to ask.
        why: in words.
        figures: what it was judged by.
    """

    level: str
    taken: bool | None
    why: str
    figures: Mapping[str, float] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """Plain values; a figure that is not known is left out."""
        known = {name: value for name, value in self.figures.items() if math.isfinite(value)}
        return {"level": self.level, "taken": self.taken, "why": self.why, "figures": known}


@dataclass(frozen=True)
class Slope:
    """The best linear predictor of the effects by what was foretold: 1 is right, 0 is nothing learnt.

    Source: Chernozhukov, Demirer, Duflo & Fernandez-Val (2018), NBER 24678.
    """

    value: float
    low: float
    high: float

    @property
    def kappa(self) -> float:
        """How much of what was foretold is believed, 0-1."""
        return float(np.clip(self.value, 0.0, 1.0))

    def __str__(self) -> str:
        return f"{self.value:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class Crossed:
    """What was foretold of each row by models that saw no row of its student.

    Attributes:
        places: (a,) the measured actions, as places in `trial.actions`.
        scale: (n,) the risk, not below the least.
        share: (n, a) share of leavers kept on average.
        apart: by level, (n, a): how the student differs; L1 has zeros.
    """

    places: tuple[int, ...]
    scale: np.ndarray
    share: np.ndarray
    apart: Mapping[str, np.ndarray]


def slope(
    trial: Trial, scores: Scores, crossed: Crossed, level: str, z: float, which: Sequence[int], among: np.ndarray
) -> Slope:
    """The slope of some measured actions together, over the rows of ``among`` (n,) bool."""
    stacked = [_foretold(trial, scores, crossed, level, at, among) for at in which]
    sizes = [len(y) for _, _, y, _, _ in stacked]
    apart = np.concatenate([one[1] for one in stacked])
    if not sizes or not np.any(apart):
        return Slope(0.0, 0.0, 0.0)
    design = np.zeros((sum(sizes), len(sizes) + 1))
    ends = np.cumsum([0, *sizes])
    for number, (scale, *_) in enumerate(stacked):
        design[ends[number] : ends[number + 1], number] = scale
    design[:, -1] = apart
    y, weight, cluster = (np.concatenate([one[part] for one in stacked]) for part in (2, 3, 4))
    found, covariance = regress(design, y, weight, cluster)
    error = float(np.sqrt(covariance[-1, -1]))
    return Slope(float(found[-1]), float(found[-1]) - z * error, float(found[-1]) + z * error)


def kappas(trial: Trial, scores: Scores, crossed: Crossed, level: str, among: np.ndarray) -> np.ndarray:
    """How much of what was foretold of each measured action is believed, (a,)."""
    actions = range(len(crossed.places))
    return np.array([slope(trial, scores, crossed, level, 0.0, [at], among).kappa for at in actions])


def shrunk(trial: Trial, scores: Scores, crossed: Crossed, level: str) -> np.ndarray:
    """Effects of a level, (n, a), each row's shrunk by what was found in the other folds."""
    share = crossed.share.copy()
    if level != "L1":
        for number in np.unique(scores.fold):
            own = scores.fold == number
            believed = kappas(trial, scores, crossed, level, ~own)
            share[own] += believed * crossed.apart[level][own]
    return np.clip(crossed.scale[:, None] * share, trial.risk[:, None] - 1, trial.risk[:, None])


def choose(tau: np.ndarray, allowed: np.ndarray, break_even: np.ndarray, most: Sequence[int]) -> np.ndarray:
    """Who gets what when there is not enough for everybody: the largest net gains first.

    Args:
        tau: (n, a) effects.
        allowed: (n, a) bool.
        break_even: (a,) what each action costs, as a probability of staying.
        most: (a,) of each action.

    Returns:
        (n,) place of the action in the columns, -1 for none.
    """
    gain = np.where(allowed, tau - break_even, 0.0)
    row, column = np.nonzero(gain > 0)
    order = np.argsort(-gain[row, column], kind="stable")
    left, chosen = list(most), np.full(len(tau), -1)
    for at, action in zip(row[order].tolist(), column[order].tolist(), strict=True):
        if chosen[at] < 0 and left[action] > 0:
            chosen[at] = action
            left[action] -= 1
    return chosen


def climb(
    trial: Trial, scores: Scores, crossed: Crossed, effects: Mapping[str, Average], settings: UpliftSettings
) -> tuple[Step, ...]:
    """The steps from L1 to L3, each with its answer; the level is that of the last one taken.

    Args:
        trial: what was done.
        scores: of it.
        crossed: of the measured actions.
        effects: average effects of these, by action.
        settings: what is asked.
    """
    steps = [_first(trial, effects, settings)]
    tried = ("L2", "L3")
    if not steps[0].taken:
        return (*steps, *(Step(level, None, "the step below it was not taken") for level in tried))
    if trial.randomised < settings.ladder.randomised_rows:
        few = (
            f"not enough data: {trial.randomised:,} rows that chance had a part in, "
            f"{settings.ladder.randomised_rows:,} are needed"
        )
        return (*steps, *(Step(level, None, few, {"randomised_rows": trial.randomised}) for level in tried))
    reached = "L1"
    for level in tried:
        step = _higher(trial, scores, crossed, reached, level, settings)
        steps.append(step)
        reached = level if step.taken else reached
    return tuple(steps)


def _first(trial: Trial, effects: Mapping[str, Average], settings: UpliftSettings) -> Step:
    """L1: some action helps on average, beyond doubt and beyond its cost; the more actions, the more doubt."""
    wanted = settings.ladder.arm_outcomes
    if not effects:
        most = max((trial.outcomes(at) for at in range(1, len(trial.actions))), default=0)
        words = f"not enough data: at most {most:,} outcomes in an arm, {wanted:,} are needed of an action and of none"
        return Step("L1", None, words, {"outcomes": most})
    z = NormalDist().inv_cdf(1 - (1 - settings.evidence.confidence) / 2 / len(effects))
    net = {name: one.value - z * one.error - settings.value.break_even(name) for name, one in effects.items()}
    best = max(net, key=lambda name: net[name])
    figures = {f"net_low_{name}": value for name, value in net.items()}
    told = "; ".join(f"{name} {one}" for name, one in effects.items())
    if net[best] > 0:
        return Step("L1", True, f"{best} keeps more than it costs, beyond doubt. Average effects: {told}", figures)
    return Step("L1", False, f"no action keeps more than it costs beyond doubt. Average effects: {told}", figures)


def _higher(trial: Trial, scores: Scores, crossed: Crossed, reached: str, level: str, settings: UpliftSettings) -> Step:
    """L2 and L3: the slope is above 0, the policy keeps more than that of L1, and trees are better than a line."""
    z = settings.evidence.z
    everybody = np.ones(len(trial), bool)
    found = slope(trial, scores, crossed, level, z, range(len(crossed.places)), everybody)
    gain = policy_gain(trial, scores, crossed, (level, "L1"), settings)
    figures = {
        "slope": found.value,
        "slope_low": found.low,
        "slope_high": found.high,
        "gain": gain.value,
        "gain_low": gain.low,
        "gain_high": gain.high,
    }
    told = f"slope {found}; choosing by it instead of by L1 keeps {gain} of all students, net of cost"
    lacking = [
        *(["its slope may be 0"] if not found.low > 0 else []),
        *(["it may keep no more than L1"] if not gain.low > 0 else []),
    ]
    if reached != "L1":
        more = policy_gain(trial, scores, crossed, (level, reached), settings)
        nearer = less_error(trial, scores, crossed, (level, reached), z)
        for name, one in (("more", more), ("less_error", nearer)):
            figures |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        told += f"; than {reached} it keeps {more} more, and its squared errors are less by {nearer} of the noise"
        lacking += [f"it may be no better than {reached}"] if not max(more.low, nearer.low) > 0 else []
    if not lacking:
        return Step(level, True, f"what it foretells is found again: {told}", figures)
    return Step(level, False, f"{' and '.join(lacking)}: {told}", figures)


def policy_gain(
    trial: Trial, scores: Scores, crossed: Crossed, levels: tuple[str, str | None], settings: UpliftSettings
) -> Average:
    """What choosing by one level at our capacity keeps beyond choosing by another, net of cost, row by row.

    Args:
        trial: what was done.
        scores: of it.
        crossed: what was foretold.
        levels: the one, and the other; None is doing nothing.
        settings: capacity and costs.
    """
    judged = trial.propensities[:, 0] > 0
    if not judged.any():
        return NOTHING
    values = [_value(trial, scores, crossed, level, judged, settings) for level in levels]
    return average(values[0] - values[1], trial.cluster[judged], settings.evidence.z)


def less_error(trial: Trial, scores: Scores, crossed: Crossed, levels: tuple[str, str], z: float) -> Average:
    """How much nearer one level is to the scores of students that it has not seen than another: squared errors.

    Args:
        trial: what was done.
        scores: of it.
        crossed: what was foretold.
        levels: the one, and the other.
        z: standard errors on each side.

    Returns:
        By row, over all measured actions; each score counts by its noise, so that the unit is that noise.
    """
    mine, theirs = (shrunk(trial, scores, crossed, level) for level in levels)
    less = np.zeros(len(trial))
    for column, place in enumerate(crossed.places):
        own = trial.compared(place)
        difference = scores.gamma[own, place] - scores.gamma[own, 0]
        noise = scores.noise[own, place] + scores.noise[own, 0]
        less[own] += ((difference - theirs[own, column]) ** 2 - (difference - mine[own, column]) ** 2) / noise
    return average(less, trial.cluster, z)


def against_rules(trial: Trial, scores: Scores, crossed: Crossed, level: str, settings: UpliftSettings) -> Step | None:
    """Whether choosing by a level keeps more than the rules do, beyond doubt; None where nobody knows what they do.

    The steps say that a level beats the one below it, and the first that an action helps; neither says that the rules
    do not know better whom to help.
    """
    if trial.usual is None:
        return None
    known = np.flatnonzero((trial.usual >= 0) & (trial.propensities[:, 0] > 0))
    known = known[trial.propensities[known, trial.usual[known]] > 0]
    if not len(known):
        return None
    judged = np.zeros(len(trial), bool)
    judged[known] = True
    cost = np.array([0.0, *(settings.value.break_even(name) for name in trial.actions[1:])])
    usual = trial.usual[judged]
    theirs = scores.gamma[judged][np.arange(len(usual)), usual] - cost[usual]
    gain = average(
        _value(trial, scores, crossed, level, judged, settings) - theirs, trial.cluster[judged], settings.evidence.z
    )
    taken = gain.low > 0
    words = "keeps more than the rules" if taken else "is not shown to keep more than the rules, so they go on deciding"
    figures = {"rows": len(usual), "over_rules": gain.value, "over_rules_low": gain.low, "over_rules_high": gain.high}
    return Step(level, taken, f"choosing by {level} {words}: {gain} on {len(usual):,} decisions", figures)


def _value(
    trial: Trial, scores: Scores, crossed: Crossed, level: str | None, judged: np.ndarray, settings: UpliftSettings
) -> np.ndarray:
    """The score of what a level would have chosen, net of cost, for each judged row."""
    places = list(crossed.places)
    gamma = scores.gamma[judged]
    if level is None:
        return gamma[:, 0]
    names = [trial.actions[at] for at in places]
    cost = np.array([settings.value.break_even(name) for name in names])
    most = [settings.capacity.most(name, len(gamma)) for name in names]
    tau = shrunk(trial, scores, crossed, level)[judged]
    chosen = choose(tau, trial.propensities[judged][:, places] > 0, cost, most)
    of = np.array([0, *places])[chosen + 1]
    return gamma[np.arange(len(gamma)), of] - np.array([0.0, *cost])[chosen + 1]


def _foretold(
    trial: Trial, scores: Scores, crossed: Crossed, level: str, at: int, among: np.ndarray
) -> tuple[np.ndarray, ...]:
    """Of one measured action: scale, scaled d, difference of scores, weight, cluster; only rows that tell of it."""
    place = crossed.places[at]
    own = trial.compared(place) & among
    scale = crossed.scale[own]
    difference = scores.gamma[own, place] - scores.gamma[own, 0]
    noise = scores.noise[own, place] + scores.noise[own, 0]
    return scale, scale * crossed.apart[level][own, at], difference, 1 / noise, trial.cluster[own]
