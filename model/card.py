"""The model card: what a model is for, how good it is on later time, and where it must not be trusted.

Source of the headings: Mitchell et al. (2019), Model Cards for Model Reporting, FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from features.catalogue import FEATURES
from features.clock import date_of
from model.dataset import Dataset
from model.judging import Judged
from model.learning import Learnt
from model.metrics import Figure, Metrics, plain_auc
from model.promotion import Gate

_FIGURES = {
    "auc": "AUC: a student with the event ahead ranks above one without",
    "auc_same_day": "the same, among students of one day's list",
    "pr_auc": "area under precision-recall (chance is the base rate)",
    "base_rate": "base rate: share of rows with the event ahead",
    "lift_at_top": "lift in the top {share:.0%} of each day's list",
    "recall_at_top": "share of the events ahead that this top holds",
    "alerted": "share of the events that were in this top before they happened",
    "lead_days": "lead time: days from the first alert to the event, mean of those",
    "brier": "Brier score",
    "brier_skill": "Brier skill against the base rate (0 is none, 1 is perfect)",
    "log_loss": "log loss, nats",
    "expected_observed": "expected / observed events (1 is right)",
    "calibration_slope": "calibration slope (1 is right, below 1 is too sure)",
    "ece": "expected calibration error",
}
_MARKS = {True: "passed", False: "**red**", None: "not asked"}

_CARD = """\
# Model card: {label}

The probability that a live enrolment has a {event} within {horizon} days of the cut-off (label version {version}).
LightGBM with monotone constraints, then a calibration ({calibration}) fitted on forecasts of later time.

## Intended use

To rank the live enrolments of this school for curators, with reasons, and to feed the decision on what to offer.
Not for grading, pricing, admission or dismissal, not for other schools, and never without a person.

## Data

Rows are (enrolment, cut-off day) of live enrolments, with what was known on that day.
Every label of the fitting part was known before the test part began: {horizon} days of embargo.
The figures are those of the recipe, learnt from the fitting part and measured on the test part. What is released is
the same recipe learnt from the whole: a model that does not know the newest months is the worse one to serve.

{data}

## Metrics

On later time: {rows} rows of {students} live students, {cases} cases of {event}.
Intervals are 95 %, with students drawn whole.

{figures}

### Beside simpler ways

{beside}

### Stretch by stretch

The history of the released model, each stretch foretold by trees that knew only what came before; `handrail backtest`
does the same at any moments of the past.

{stretches}

### Calibration

Each kind fitted on earlier and measured on later stretches; a less simple one is taken only when it is clearly better.

{kinds}

### Flattering numbers, to compare with what others print

{flattering}

Do not quote them: a model is served to students who are still enrolled, on days that it has not seen.

## By group

{groups}

## Gates

{gates}

## Limits

- The trees know what was known on {fitted_until}; nothing later.
- A risk is not an effect: that a student is likely to leave does not say that a call helps.
- A course, a channel or a kind of lesson that the fitting part has not seen is a guess.
- Reasons say what moved the number, not what moves the student.

## Ethics

A student who objects is not scored. A high risk is a call to look, not a judgement; a person decides, and the student
never reads the number. {sensitive}
"""


def model_card(judged: Judged, learnt: Learnt, whole: Dataset, gates: Sequence[Gate]) -> str:
    """Writes the card, in Markdown.

    Args:
        judged: the recipe on later time.
        learnt: what is released.
        whole: what it learnt from.
        gates: all of them.
    """
    metrics, test = judged.metrics, judged.parts.test
    return _CARD.format(
        sensitive=_sensitive(test.features),
        label=test.label,
        event=test.event,
        horizon=test.horizon_days,
        version=test.label_version,
        calibration=learnt.model.calibration.kind,
        data=_data({**judged.parts.parts, "whole, for the release": whole}),
        rows=metrics.rows,
        students=metrics.students,
        cases=metrics.cases,
        figures=_figures(metrics),
        beside=_beside(judged),
        stretches=_stretches(learnt, whole),
        kinds=_kinds(learnt),
        flattering=_flattering(judged),
        groups=_groups(metrics),
        gates=_gates(gates),
        fitted_until=date_of(whole.known_until),
    )


def _data(parts: Mapping[str, Dataset]) -> str:
    def line(name: str, part: Dataset) -> tuple[object, ...]:
        days = f"{date_of(part.day.min())} to {date_of(part.day.max())}"
        courses = ", ".join(sorted(set(part.rows["course_id"])))
        return name, days, len(part), len(set(part.students)), part.cases, f"{part.y.mean():.2%}", _short(courses)

    heads = ("part", "cut-off days", "rows", "students", "cases", "base rate", "courses")
    return _table(heads, (line(name, part) for name, part in parts.items()))


def _figures(metrics: Metrics) -> str:
    def line(name: str, words: str) -> tuple[object, ...]:
        one = metrics.figures[name]
        return words.format(share=metrics.top_share), f"{one.value:.3f}", _interval(one)

    return _table(("figure", "value", "interval"), (line(name, words) for name, words in _FIGURES.items()))


def _beside(judged: Judged) -> str:
    shown = ("auc", "auc_same_day", "recall_at_top", "lead_days")
    lines = [
        (name, _FIGURES[one].format(share=judged.metrics.top_share), found[one], found[f"{one}_gain"])
        for name, found in judged.compared.items()
        for one in shown
    ]
    return _table(("beside", "figure", "its own", "the model's less its own"), lines)


def _stretches(learnt: Learnt, whole: Dataset) -> str:
    def line(number: int) -> tuple[object, ...]:
        own = learnt.forecasts.stretch == number
        part = whole.where(learnt.forecasts.rows[own])
        days = f"{date_of(part.day.min())} to {date_of(part.day.max())}"
        area = plain_auc(part.y, learnt.forecasts.raw[own])
        return days, len(part), part.cases, f"{part.y.mean():.2%}", "no case" if np.isnan(area) else f"{area:.3f}"

    heads = ("cut-off days", "rows", "cases", "base rate", "AUC")
    return _table(heads, (line(number) for number in sorted(set(learnt.forecasts.stretch.tolist()))))


def _kinds(learnt: Learnt) -> str:
    lines = (
        (one.kind + (" (served)" if one.chosen else ""), f"{one.loss:.5f}", f"{one.gain:+.5f}", f"{one.doubt:.5f}")
        for one in learnt.candidates
    )
    return _table(("kind", "log loss later", "gain over the line", "standard error"), lines)


def _flattering(judged: Judged) -> str:
    lines = [(name, "unknown" if area is None else f"{area:.3f}") for name, area in judged.flattering.items()]
    return _table(
        ("what is wrong with it", "AUC"), [*lines, ("nothing: the honest one", judged.metrics.figures["auc"])]
    )


def _groups(metrics: Metrics) -> str:
    def line(one: Mapping[str, Any]) -> tuple[object, ...]:
        sizes = one["cut"], one["group"], one["rows"], one["cases"], f"{one['observed']:.2%}", f"{one['expected']:.2%}"
        if one["auc"] is None:
            return *sizes, "too few cases", ""
        area, level = (Figure(one[name], one[f"{name}_low"], one[f"{name}_high"]) for name in ("auc", "ratio"))
        return *sizes, area, level

    heads = ("cut", "group", "rows", "cases", "observed", "expected", "AUC", "expected / observed")
    return _table(heads, (line(one) for one in metrics.groups))


def _gates(gates: Sequence[Gate]) -> str:
    lines = ((gate.name, _MARKS[gate.passed], gate.words, gate.limit) for gate in gates)
    return _table(("gate", "answer", "in words", "wanted"), lines)


def _table(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    rule = ["---"] * len(heads)
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in (heads, rule, *lines))


def _interval(one: Figure) -> str:
    return "" if np.isnan(one.low) else f"{one.low:.3f} to {one.high:.3f}"


def _short(text: str, most: int = 60) -> str:
    return text if len(text) <= most else text[: most - 4] + " ..."


def _sensitive(features: Sequence[str]) -> str:
    used = [name for name in features if name in FEATURES and FEATURES[name].sensitive]
    if not used:
        return "No sensitive attribute (gender, age, region, disability, acquisition channel) is a feature."
    return f"**Sensitive attributes are features, because the school switched them on: {', '.join(used)}.**"
