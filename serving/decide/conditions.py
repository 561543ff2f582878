"""Conditions: one comparison of what is known about an enrolment, as rules, gates and preconditions write it."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from serving.decide.case import EnrolmentCase
from serving.decide.config import Table

BANDS = ("high", "medium", "low")
_COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    "in": lambda found, ranges: any(low <= found <= high for low, high in ranges),
}
_CONDITION = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)(?:\s*(>=|<=|>|<|=)\s*(\S+)|\s+(in)\s+(\S.*?))\s*")
_PLAIN = r"-?\d{1,12}(?:\.\d{1,12})?"
_NUMBER = re.compile(_PLAIN)
_RANGE = re.compile(rf"({_PLAIN})(?:\.\.({_PLAIN}))?")
_BAND = re.compile(rf'"?({"|".join(BANDS)})"?')
_MEND = 'Write it like "days_without_login >= 7", with one of >= <= > < =, or like "days_to_end in 5..7, 28..30"'

Ranges = tuple[tuple[float, float], ...]
"""Bounds, inclusive; a value must lie in one of them."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: a feature, ``risk`` or ``band`` against what is fixed.

    Attributes:
        name: the feature's name, or `risk`, or `band`.
        comparator: `>=`, `<=`, `>`, `<`, `=` or `in`.
        value: a number, the name of a band, or for `in` the ranges.
    """

    name: str
    comparator: str
    value: float | str | Ranges

    def found(self, enrolment: EnrolmentCase) -> float | str | None:
        """What is known of it about the enrolment; None is nothing."""
        if self.name == "risk":
            return enrolment.risk
        return enrolment.band if self.name == "band" else enrolment.values.get(self.name)

    def holds(self, enrolment: EnrolmentCase) -> bool:
        """Whether it is true of the enrolment; what is not known makes it not hold."""
        found = self.found(enrolment)
        return found is not None and _COMPARATORS[self.comparator](found, self.value)

    @property
    def rests_on(self) -> str:
        """What it looks at: a feature, or `risk`, of which the band is made."""
        return "risk" if self.name == "band" else self.name

    def __str__(self) -> str:
        """As it is written in a file, such as ``days_without_login >= 7``."""
        if isinstance(self.value, tuple):
            told = ", ".join(f"{low:g}" if low == high else f"{low:g}..{high:g}" for low, high in self.value)
        else:
            told = self.value if isinstance(self.value, str) else f"{self.value:.12g}"
        return f"{self.name} {self.comparator} {told}"


def conditions(table: Table, key: str, known: Collection[str], *, needed: bool = True) -> tuple[Condition, ...]:
    """Reads a list of conditions; what cannot be used is noted as a fault and left out.

    Args:
        table: of a configuration file.
        key: under which the list stands.
        known: names that conditions may use, besides `risk` and `band`.
        needed: whether there must be at least one.
    """
    read = []
    for entry, text in enumerate(table.list(key, needed=needed)):
        condition = _condition(text, known)
        if isinstance(condition, Condition):
            read.append(condition)
        else:
            what, mend = condition
            table.fault(key, f"{text!r} {what}", mend, entry)
    return tuple(read)


def _condition(text: object, known: Collection[str]) -> Condition | tuple[str, str]:
    """The condition that a text says, or what is wrong with it and the mend."""
    match = _CONDITION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return "is not a condition", _MEND
    name, comparator, value = match[1], match[2] or match[4], match[3] or match[5]
    if name == "band":
        band = _BAND.fullmatch(value)
        if band and comparator == "=":
            return Condition(name, comparator, band[1])
        return "is not a condition on the band", f"Write band = and one of {', '.join(BANDS)}"
    if name != "risk" and name not in known:
        near = get_close_matches(name, known, 1)
        mend = f"Did you mean {near[0]}?" if near else "The features are listed in the reference"
        return f"uses {name}, which is not a feature", mend
    if comparator == "in":
        ranges = _ranges(value)
        return Condition(name, comparator, ranges) if ranges else ("does not name ranges from low to high", _MEND)
    if not _NUMBER.fullmatch(value):
        return "does not compare with a number", _MEND
    return Condition(name, comparator, float(value))


def _ranges(text: str) -> Ranges | None:
    """The ranges of a text like ``5..7, 28..30, 40``; None where it is none."""
    found = [_RANGE.fullmatch(part.strip()) for part in text.split(",")]
    ranges = tuple((float(one[1]), float(one[2] or one[1])) for one in found if one)
    sound = len(ranges) == len(found) and all(low <= high for low, high in ranges)
    return ranges if sound else None
