"""What students are used to: when they study, how early they hand in, how readily they talk, read and save money."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from features.synthetic.people import AGE_BANDS, Students

SPEEDS = (1.0, 1.25, 1.5, 2.0)
LEADS = (5, 2, 0)
"""Days before a deadline on which the early, the usual and the late begin to feel that it is near."""


@dataclass(frozen=True)
class Habits:
    """(s,) arrays; a habit lasts as long as the student does.

    Attributes:
        hour, spread: local hour at which study usually begins, and by how many hours it varies.
        weekday: (s, 7) what each weekday, Monday first, adds to the inclination to come.
        lead: days before a deadline on which homework begins to feel urgent.
        slope: points that scores gain from the first day of a course to the last.
        talks, reads: how readily the student speaks up and opens messages, in units of their spread.
        speed: playback rate of videos.
        thrifty: waits for discounts, pays in parts and renews less.
        region: index into `regions`, -1 where the student did not say.
    """

    hour: np.ndarray
    spread: np.ndarray
    weekday: np.ndarray
    lead: np.ndarray
    slope: np.ndarray
    talks: np.ndarray
    reads: np.ndarray
    speed: np.ndarray
    thrifty: np.ndarray
    region: np.ndarray


def draw_habits(students: Students, settings: Mapping[str, Any], seed: int) -> Habits:
    """Draws them: most study in the evening, minors after school; those who save wait and pay in parts."""
    rng = np.random.default_rng([seed, 20])
    count = len(students.ids)
    time_of_day = rng.choice(3, count, p=[0.66, 0.20, 0.14])
    time_of_day = np.where(students.age == AGE_BANDS.index("under 18"), 1, time_of_day)
    weekend = rng.random(count) < 0.22  # those who study when the week is over
    weekday = rng.normal(0, 0.35, (count, 7)) + np.where(weekend[:, None], [-0.5] * 5 + [1.3, 1.0], 0.0)
    return Habits(
        hour=np.clip(rng.normal(np.array([20.0, 15.5, 9.5])[time_of_day], 1.2), 7.5, 21.5),
        spread=rng.gamma(4.0, 0.4, count) + 0.3,
        weekday=weekday,
        lead=np.array(LEADS)[rng.choice(3, count, p=[0.25, 0.50, 0.25])],
        slope=rng.normal(0, 8, count),
        talks=rng.normal(0, 1, count),
        reads=rng.normal(0, 1, count),
        speed=np.array(SPEEDS)[rng.choice(4, count, p=[0.62, 0.18, 0.13, 0.07])],
        thrifty=rng.random(count) < settings["payments"]["thrifty_share"],
        region=_regions(students, settings, rng),
    )


def regions(settings: Mapping[str, Any]) -> list[str]:
    """The names of all the regions, zone by zone."""
    return [name for row in settings["zones"] for name in row["regions"]]


def _regions(students: Students, settings: Mapping[str, Any], rng: np.random.Generator) -> np.ndarray:
    size = np.array([len(row["regions"]) for row in settings["zones"]])
    first = size.cumsum() - size
    place = (rng.random(len(students.ids)) * size[students.zone]).astype(np.int64)
    told = rng.random(len(students.ids)) < 0.93
    return np.where(told, first[students.zone] + place, -1)
