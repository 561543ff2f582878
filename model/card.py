"""The model card: what a model is for, how good it is on later time, and where it must not be trusted.

Source of the headings: Mitchell et al. (2019), Model Cards for Model Reporting, FAT* 2019.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from features.catalogue import FEATURES
from features.clock import date_of
from model.dataset import Dataset, Split
from model.metrics import Figure, Metrics
from model.promotion import Gate

_FIGURES = {
    "auc": "AUC: a student with the event ahead ranks above one without",
    "auc_same_day": "the same, among students of one day's list",
    "pr_auc": "area under precision-recall (chance is the base rate)",
    "base_rate": "base rate: share of rows with the event ahead",
    "lift_at_top": "lift in the top {share:.0%} of each day's list",
    "recall_at_top": "share of the events ahead that this top holds",
    "brier_skill": "Brier skill against the base rate (0 is none, 1 is perfect)",
    "expected_observed": "expected / observed events (1 is right)",
    "calibration_slope": "calibration slope (1 is right, below 1 is too sure)",
    "ece": "expected calibration error",
}
_MARKS = {True: "passed", False: "**red**", None: "not asked"}

_CARD = """\
# Model card: {label}

The probability that a live enrolment has a {event} within {horizon} days of the cut-off (label version {version}).
LightGBM with monotone constraints, then a sigmoid fitted on later time.

## Intended use

To rank the live enrolments of this school for curators, with reasons, and to feed the decision on what to offer.
Not for grading, pricing, admission or dismissal, not for other schools, and never without a person.

## Data

Rows are (enrolment, cut-off day) of live enrolments, with what was known on that day.
Every label of a part was known before the next part began: {horizon} days of embargo.

{data}

## Metrics

On later time: {rows} rows of {students} live students, {cases} cases of {event}.
Intervals are 95 %, with students drawn whole.

{figures}

Flattering, to compare with what others print: AUC {flattering:.3f} when rows are split at random, so that one enrolment
lies on both sides and the future is known. Do not quote it.

## By course and by weeks since enrolment

{groups}

## Gates

{gates}

## Limits

- The trees know what was known on {fitted_until}; the model is served as it was tested, not fitted again on later rows.
- A risk is not an effect: that a student is likely to leave does not say that a call helps.
- A course, a channel or a kind of lesson that the fitting part has not seen is a guess.
- Reasons say what moved the number, not what moves the student.

## Ethics

A student who objects is not scored. A high risk is a call to look, not a judgement; a person decides, and the student
never reads the number. {sensitive}
"""


def model_card(split: Split, metrics: Metrics, gates: Sequence[Gate], flattering: float) -> str:
    """Writes the card, in Markdown.

    Args:
        split: the three parts.
        metrics: on the test part.
        gates: all of them.
        flattering: AUC of a model fitted and tested on rows split at random.
    """
    return _CARD.format(
        sensitive=_sensitive(split.test.features),
        label=split.test.label,
        event=split.test.event,
        horizon=split.test.horizon_days,
        version=split.test.label_version,
        data=_data(split),
        rows=metrics.rows,
        students=metrics.students,
        cases=metrics.cases,
        figures=_figures(metrics),
        flattering=flattering,
        groups=_groups(metrics),
        gates=_gates(gates),
        fitted_until=date_of(split.calibrate.day.min()),
    )


def _data(split: Split) -> str:
    def line(name: str, part: Dataset) -> tuple[object, ...]:
        days = f"{date_of(part.day.min())} to {date_of(part.day.max())}"
        courses = ", ".join(sorted(set(part.rows["course_id"])))
        return name, days, len(part), len(set(part.students)), part.cases, f"{part.y.mean():.2%}", _short(courses)

    heads = ("part", "cut-off days", "rows", "students", "cases", "base rate", "courses")
    return _table(heads, (line(name, part) for name, part in split.parts.items()))


def _figures(metrics: Metrics) -> str:
    def line(name: str, words: str) -> tuple[object, ...]:
        one = metrics.figures[name]
        return words.format(share=metrics.top_share), f"{one.value:.3f}", _interval(one)

    return _table(("figure", "value", "interval"), (line(name, words) for name, words in _FIGURES.items()))


def _groups(metrics: Metrics) -> str:
    def line(cut: str, group: str, rows: int, cases: int, observed: float, expected: float, auc: float | None) -> tuple:
        area = "too few cases" if auc is None else f"{auc:.3f}"
        return cut, group, rows, cases, f"{observed:.2%}", f"{expected:.2%}", area

    heads = ("cut", "group", "rows", "cases", "observed", "expected", "AUC")
    return _table(heads, (line(**one) for one in metrics.groups))


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
