"""Who studies at the school of the closed loop: traits that nothing which is done to a student changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from typing import Any, Self

import numpy as np

from features.synthetic.people import CHANNELS

CHANNEL_SHARES = (0.34, 0.24, 0.22, 0.12, 0.08)
"""Of `CHANNELS`; the same as in the school that is written as exports."""


@dataclass(frozen=True)
class Cohort:
    """(n,) arrays.

    Attributes:
        channel: index into `CHANNELS`.
        monthly: bool, pays by the month.
        kind: what a contact does, as an index into the settings' types. No school knows it.
        level: usual engagement, in units of its spread between students.
        skips: usual share of video time that is skipped.
        opens: share of newsletters that the student opens.
        first: first day of study.
        habit: (n, 7) what each weekday, Monday first, adds to the inclination to come.
    """

    channel: np.ndarray
    monthly: np.ndarray
    kind: np.ndarray
    level: np.ndarray
    skips: np.ndarray
    opens: np.ndarray
    first: np.ndarray
    habit: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)

    def of(self, rows: np.ndarray) -> Self:
        """The students ``rows``, one after another; a student may be there several times."""
        return type(self)(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


def draw_cohort(count: int, settings: Mapping[str, Any], seed: int) -> Cohort:
    """Draws ``count`` students from `configs/synthetic.toml`; the same seed gives the same ones."""
    rng = np.random.default_rng([seed, 40])
    loop = settings["loop"]
    channel = rng.choice(len(CHANNELS), count, p=CHANNEL_SHARES)
    monthly = rng.random(count) < loop["pays_monthly"]
    kind = _kinds(channel, monthly, settings, rng)
    usual = np.array([row["level"] for row in settings["types"]])
    before, here = loop["before_days"], rng.random(count) < loop["here_already"]
    first = np.where(here, rng.integers(0, before, count), before + rng.integers(1, loop["joins_days"], count))
    letters = loop["newsletters"]
    opened = np.array([letters["opened"][row["name"]] for row in settings["types"]])
    return Cohort(
        channel=channel,
        monthly=monthly,
        kind=kind,
        level=rng.normal(loop["level"], loop["level_spread"], count) + usual[kind],
        skips=np.where(rng.random(count) < loop["bored"], rng.beta(8, 5, count), rng.beta(1.2, 9, count)),
        opens=rng.binomial(letters["sent"], opened[kind]) / letters["sent"],
        first=first,
        habit=rng.normal(0, 0.35, (count, 7)),
    )


def _kinds(
    channel: np.ndarray, monthly: np.ndarray, settings: Mapping[str, Any], rng: np.random.Generator
) -> np.ndarray:
    types, tilts = settings["types"], settings["loop"]["driven_away"]
    usual = np.array([row["share"] for row in types])
    badly = np.array([row["hazard"] > 1 for row in types])
    few, many = (usual * which / (usual * which).sum() for which in (badly, ~badly))
    share = tilts["share"] * few + (1 - tilts["share"]) * many
    tilt = np.where(channel == CHANNELS.index("ads"), tilts["ads"], 1.0) * np.where(monthly, tilts["monthly"], 1.0)
    weights = share * np.where(badly, (tilt / tilt.mean())[:, None], 1.0)
    upper = (weights / weights.sum(axis=1, keepdims=True)).cumsum(axis=1)
    return (rng.random((len(channel), 1)) > upper[:, :-1]).sum(axis=1)


@dataclass(frozen=True)
class Season:
    """(t,) arrays: what the time of year adds on each day to coming and to leaving, the same for everybody.

    Attributes:
        weekday: 0 is Monday.
        draw: added to the inclination to come.
        weight: added to the logarithm of the daily chance of withdrawing.
    """

    weekday: np.ndarray
    draw: np.ndarray
    weight: np.ndarray


def season(days: int, settings: Mapping[str, Any]) -> Season:
    """Lays holidays and exam weeks over the first ``days`` days from the settings' `start`."""
    loop, zero = settings["loop"], settings["start"].toordinal()
    day = np.arange(days)

    def place(moment: date) -> int:
        return moment.toordinal() - zero

    holiday = np.isin(day, [place(one) for one in loop["holidays"]])
    exam = np.zeros(days, bool)
    for begins, ends in loop["exams"]:
        exam |= (place(begins) <= day) & (day <= place(ends))
    return Season(
        weekday=(settings["start"].weekday() + day) % 7,
        draw=loop["holiday_draw"] * holiday + loop["exam_draw"] * exam,
        weight=loop["exam_weight"] * exam,
    )
