"""The card of effects: which level decides, why, and what was measured; Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence

from model.uplift.learning import Learnt
from model.uplift.scores import Average
from model.uplift.trial import Trial

LEVELS_IN_WORDS = {
    "L0": "rules decide: no effect is measured well enough",
    "L1": "risk x average effect",
    "L2": "a linear model of how effects differ between students",
    "L3": "small trees of how effects differ between students",
}
_ANSWERS = {True: "taken", False: "not taken", None: "not asked"}

_CARD = """\
# Effects on {label}: level {level}, {words}

How much more probable each action makes it that a student is retained over {horizon} days, on the probability scale.
An effect is written as risk x the share of leavers that the action keeps; it can be at most the risk.

## Why this level

{ladder}

A step is taken when what it foretells is found again in students that it has not seen (slope above 0) and when choosing
by it keeps more students, at our capacity and net of cost, than choosing by L1: both beyond doubt. Where a line was
taken, trees have to be better than it as well: by what they keep, or by smaller errors in those students.

## Average effects

{average}

Doubly robust, from the propensities as they were logged; by intention to treat; intervals of {confidence:.0%}, by
student.

### By quarter of the risk

{groups}

## Data

{data}

## Limits

- An effect is that of one more action in what was usual then: nothing is said of what was never tried.
- The interval of one student's effect is for the mean among students who look the same, and right on average over
  students, if effects differ as much as `apart` of uplift.toml says. What nobody sees of a student is not in it.
- Averages hold for students like those of the trial, over the rows in which the action and none were possible.
"""


def effects_card(learnt: Learnt, trial: Trial, label: str, horizon_days: int, left_out: Mapping[str, int]) -> str:
    """The card.

    Args:
        learnt: what was learnt.
        trial: from what.
        label: name of the label whose absence is being retained.
        horizon_days: of the label.
        left_out: decisions that are not among the rows, by reason.
    """
    effects = learnt.effects
    return _CARD.format(
        label=label,
        level=effects.level,
        words=LEVELS_IN_WORDS[effects.level],
        horizon=horizon_days,
        confidence=effects.confidence,
        ladder="\n".join(f"- **{step.level}**, {_ANSWERS[step.taken]}: {step.why}" for step in learnt.ladder),
        average=_averages(learnt, trial),
        groups=_groups(learnt),
        data=_data(trial, left_out),
    )


def in_words(one: Average) -> str:
    """An effect for people; one that is not known says so."""
    return "too few to tell" if math.isnan(one.value) else str(one)


def _averages(learnt: Learnt, trial: Trial) -> str:
    def line(at: int, name: str) -> tuple[object, ...]:
        one = learnt.effects.of_action.get(name)
        share = f"{one.kept.share:+.0%}" if one else ""
        believed = f"{one.kappa:.2f}" if one and learnt.level in ("L2", "L3") else ""
        return name, trial.outcomes(at), in_words(learnt.ate[name]), share, believed

    heads = ("action", "outcomes of the smaller arm", "kept of all", "kept of those who leave", "slope believed")
    return _table(heads, (line(at, name) for at, name in enumerate(trial.actions) if at))


def _groups(learnt: Learnt) -> str:
    heads = ("action", "lowest quarter", "second", "third", "highest quarter")
    return _table(heads, ((name, *map(in_words, row)) for name, row in learnt.groups.items()))


def _data(trial: Trial, left_out: Mapping[str, int]) -> str:
    counts = {name: int((trial.action == at).sum()) for at, name in enumerate(trial.actions)}
    lines = [
        f"- {len(trial):,} first decisions of episodes, of {len(set(trial.student.tolist())):,} students; "
        f"chance had a part in {trial.randomised:,}",
        "- done: " + ", ".join(f"{name} {count:,}" for name, count in counts.items()),
        *(f"- left out: {count:,} x {reason}" for reason, count in sorted(left_out.items()) if count),
    ]
    return "\n".join(lines)


def _table(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in (heads, ["---"] * len(heads), *lines))
