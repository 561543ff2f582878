"""Peers: where a student stands among course-mates at the same point of the course, as a share of them below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from features.enrolments import Facts

FEWEST = 5  # course-mates below which a rank would be about persons, not about a course
_MOST_WEEKS = 1 << 20

Standing = tuple[np.ndarray, np.ndarray]
"""(k,) different values in ascending order, and (2 k + 1,) the ranks below, at and between them, in turns."""
Usual = Mapping[int, tuple[Standing, ...]]
"""By group, for each compared feature, what its members have."""


def groups(day: int, facts: Facts) -> np.ndarray:
    """Who is compared with whom: mates of a course, in the same week of it where each begins on a day of their own.

    Args:
        day: the cut-off.
        facts: (n,) each, of `features.enrolments.Enrolments.facts`.

    Returns:
        (n,) int64; mates have the same number.
    """
    weeks = np.where(facts["self_paced"], (day - facts["start_day"]) // 7 + 1, 0)
    return facts["course"].astype("int64") * _MOST_WEEKS + weeks


def usual(columns: Sequence[np.ndarray], mates: np.ndarray) -> Usual:
    """What course-mates have.

    Args:
        columns: for each compared feature (n,) values at one cut-off, NaN is unknown.
        mates: (n,) groups.
    """
    return {group: tuple(_standing(values[rows]) for values in columns) for group, rows in _members(mates)}


def ranks(columns: Sequence[np.ndarray], mates: np.ndarray, among: Usual) -> list[np.ndarray]:
    """The share of course-mates below each value; equal ones count half (mid-rank).

    Args:
        columns: for each compared feature (n,) values.
        mates: (n,) groups.
        among: what the groups have.

    Returns:
        For each feature (n,) from 0 to 1; NaN where the value is unknown or fewer than `FEWEST` mates' are known.
    """
    found = [np.full(len(mates), np.nan) for _ in columns]
    for group, rows in _members(mates):
        for values, (known, between), ranked in zip(columns, among.get(group, ()), found, strict=False):
            own = values[rows]
            place = known.searchsorted(own, "left") + known.searchsorted(own, "right")
            ranked[rows] = np.where(np.isnan(own), np.nan, between[place])
    return found


def _members(mates: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    if len(mates) == 1:
        return iter([(int(mates[0]), np.zeros(1, dtype="int64"))])
    order = np.argsort(mates, kind="stable")
    names, starts = np.unique(mates[order], return_index=True)
    return zip(names.tolist(), np.split(order, starts[1:])[: len(names)], strict=True)


def _standing(values: np.ndarray) -> Standing:
    known, count = np.unique(values[~np.isnan(values)], return_counts=True)
    below = np.append(0, np.cumsum(count))
    between = np.full(2 * len(known) + 1, np.nan)
    if below[-1] >= FEWEST:
        between[::2] = below / below[-1]
        between[1::2] = (below[:-1] + below[1:]) / 2 / below[-1]
    return known, between
