"""Learning uplift: scores, final stages, ladder; a short list of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.errors import BadInput
from model.uplift import final
from model.uplift.effects import ActionEffect, Effects
from model.uplift.final import Rows, Scale
from model.uplift.ladder import Crossed, Step, against_rules, climb, kappas, shrunk
from model.uplift.scores import Average, Scores, average_effect, score
from model.uplift.settings import LEVELS, UpliftSettings
from model.uplift.trial import Trial

GROUPS = 4
_FORCED = 20  # outcomes of an arm, without which no effect can be written down even when a level is asked for


@dataclass(frozen=True)
class Learnt:
    """What was learnt from a trial.

    Attributes:
        effects: to be served, at the level that the evidence supports.
        ladder: the steps from L1 to L3 with their answers.
        ate: average effect of each action, also of those too little is known of (NaN below some twenty outcomes).
        groups: the same by quarter of the risk, from the lowest.
        gamma: (n, k) doubly robust scores, NaN where an action was not allowed.
        tau: by level, (n, a) effects of the measured actions, foretold by models that saw no row of the student.
    """

    effects: Effects
    ladder: tuple[Step, ...]
    ate: Mapping[str, Average]
    groups: Mapping[str, tuple[Average, ...]]
    gamma: np.ndarray
    tau: Mapping[str, np.ndarray]

    @property
    def level(self) -> str:
        """Of the effects."""
        return self.effects.level


def learn(trial: Trial, settings: Mapping[str, Any], *, seed: int, level: str | None = None) -> Learnt:
    """Learns the effects of all actions at once.

    Too little data is not an error: it is level L0, with the counts in the ladder's words.

    Args:
        trial: one row per episode, with logged propensities.
        settings: the plain values of configs/uplift.toml.
        seed: the same seed and rows give the same effects.
        level: take this level whatever the evidence says; for comparisons.

    Raises:
        BadConfig: the settings do not hold.
        BadInput: there is no such level.
    """
    chosen = UpliftSettings.of(settings)
    if level is not None and level not in LEVELS:
        raise BadInput(f"there is no level {level!r}", where="uplift", mend=f"Use one of {', '.join(LEVELS)}")
    scores = score(trial, chosen.evidence.folds, chosen.nuisance, seed)
    z, wanted = chosen.evidence.z, _FORCED if level else chosen.ladder.arm_outcomes
    named = dict(enumerate(trial.actions))
    del named[0]
    ate = {name: average_effect(trial, scores, at, z) for at, name in named.items()}
    measured = tuple(at for at in named if trial.outcomes(at) >= wanted)
    scale = Scale.of(trial.x, trial.risk) if len(trial) else Scale.of(np.zeros((1, len(trial.features))), np.zeros(1))
    rows = {at: _rows(trial, scores, at, scale, chosen) for at in measured}
    higher = trial.randomised >= chosen.ladder.randomised_rows or level in ("L2", "L3")
    crossed = _crossed(trial, scores, rows, higher, chosen, seed)
    steps = climb(trial, scores, crossed, {named[at]: ate[named[at]] for at in measured}, chosen)
    reached = level or next((step.level for step in reversed(steps) if step.taken), "L0")
    proof = against_rules(trial, scores, crossed, reached, chosen) if reached != "L0" and not level else None
    if proof is not None:
        steps = (*steps, proof)
        reached = reached if proof.taken else "L0"
    made = {} if reached == "L0" else _made(trial, scores, crossed, rows, reached, chosen, seed)
    effects = Effects(
        level=reached if made else "L0",
        actions=(trial.actions[0], *made),
        features=trial.features,
        scale=scale,
        of_action=made,
        least_risk=chosen.evidence.least_risk,
        confidence=chosen.evidence.confidence,
        meta={"ladder": [step.as_dict() for step in steps]},
    )
    tau = {name: shrunk(trial, scores, crossed, name) for name in crossed.apart} if measured else {}
    return Learnt(effects, steps, ate, _groups(trial, scores, z), scores.gamma, tau)


def _rows(trial: Trial, scores: Scores, at: int, scale: Scale, settings: UpliftSettings) -> Rows:
    own = trial.compared(at)
    x, risk = trial.x[own], trial.risk[own]
    return Rows(
        columns=scale(x, risk),
        x=np.column_stack([x, risk]),
        scale=np.maximum(risk, settings.evidence.least_risk),
        difference=scores.gamma[own, at] - scores.gamma[own, 0],
        noise=scores.noise[own, at] + scores.noise[own, 0],
        cluster=trial.cluster[own],
    )


def _crossed(
    trial: Trial, scores: Scores, rows: Mapping[int, Rows], higher: bool, settings: UpliftSettings, seed: int
) -> Crossed:
    """What final stages say of the fold that they did not learn from; linear ones and trees only where asked for."""
    shape = (len(trial), len(rows))
    share = np.zeros(shape)
    apart = {name: np.zeros(shape) for name in (("L1", "L2", "L3") if higher else ("L1",))}
    for column, (at, one) in enumerate(rows.items()):
        own = np.flatnonzero(trial.compared(at))
        for number in range(settings.evidence.folds):
            past, later = (scores.fold[own] != number), (scores.fold[own] == number)
            if not later.any():
                continue
            known, asked = one.where(past), one.where(later)
            average = final.kept(known)
            share[own[later], column] = average.share
            if higher:
                apart["L2"][own[later], column] = final.ridge(known, average, settings.evidence.apart)(asked.columns)
                apart["L3"][own[later], column] = final.trees(known, average, settings.trees, seed)(asked.x)
    return Crossed(tuple(rows), np.maximum(trial.risk, settings.evidence.least_risk), share, apart)


def _made(
    trial: Trial,
    scores: Scores,
    crossed: Crossed,
    rows: Mapping[int, Rows],
    level: str,
    settings: UpliftSettings,
    seed: int,
) -> dict[str, ActionEffect]:
    """The final stages on all rows, shrunk by the slope that was found across folds."""
    believed = kappas(trial, scores, crossed, level, np.ones(len(trial), bool))
    made = {}
    for kappa, (at, one) in zip(believed, rows.items(), strict=True):
        average = final.kept(one)
        grown = final.trees(one, average, settings.trees, seed) if level == "L3" else None
        line = final.ridge(one, average, settings.evidence.apart)
        made[trial.actions[at]] = ActionEffect(average, float(kappa), line, grown)
    return made


def _groups(trial: Trial, scores: Scores, z: float) -> dict[str, tuple[Average, ...]]:
    """Average effects by quarter of the risk."""
    if not len(trial):
        return {}
    edges = np.quantile(trial.risk, np.arange(1, GROUPS) / GROUPS)
    group = np.searchsorted(edges, trial.risk, side="right")
    return {
        name: tuple(average_effect(trial, scores, at, z, group == number) for number in range(GROUPS))
        for at, name in enumerate(trial.actions)
        if at
    }
