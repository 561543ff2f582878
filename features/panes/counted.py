"""Measures that are sums over single events, declared as data, so that one event is counted without a query too."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import mul
from typing import Any

import ibis

from features.panes.relations import Tables, of_enrolments, per_day, whole


@dataclass(frozen=True)
class Sum:
    """A measure of events.

    Attributes:
        of: the columns whose product is summed; none counts the events, and an event that lacks one adds nothing.
        scale: parts of a unit that are counted, so that the sum is a whole number.
        where: by column, the values of the events that count; None stands for any value that is there.
    """

    of: tuple[str, ...] = ()
    scale: int = 1
    where: tuple[tuple[str, tuple[Any, ...] | None], ...] = ()

    def relation(self, events: Any) -> Any:
        """As an expression over a table of events."""
        if not self.of and not self.where:
            return events.count()
        value = reduce(mul, (events[name] for name in self.of)) if self.of else ibis.literal(1)
        value = whole(value, self.scale).fill_null(0)
        for name, values in self.where:
            held = events[name].notnull() if values is None else events[name].isin(values)
            value = held.ifelse(value, 0)
        return value.cast("float64").sum()

    def value(self, event: Mapping[str, Any]) -> int:
        """Of one event; what is missing is None."""
        for name, values in self.where:
            if event[name] is None or (values is not None and event[name] not in values):
                return 0
        if not self.of:
            return 1
        product = 1.0
        for name in self.of:
            if event[name] is None:
                return 0
            product *= event[name]
        return math.floor(product * self.scale + 0.5)

    def add(self, sum_: int, value: int) -> int:
        """What a day has with one more event."""
        return sum_ + value


@dataclass(frozen=True)
class Flags:
    """A measure that says which values occurred on a day: one bit each. It is never taken back.

    Attributes:
        values: columns and their values, from the lowest bit on.
    """

    values: tuple[tuple[str, tuple[Any, ...]], ...]

    def relation(self, events: Any) -> Any:
        """As an expression over a table of events."""
        flags, lowest = ibis.literal(0, type="int64"), 0
        for column, values in self.values:
            bits = [(value, ibis.literal(1 << bit, type="int64")) for bit, value in enumerate(values, lowest)]
            flags = flags | events[column].cases(*bits, else_=ibis.literal(0, type="int64"))
            lowest += len(values)
        return flags.bit_or()

    def value(self, event: Mapping[str, Any]) -> int:
        """Of one event."""
        return sum(1 << flag for flag, (column, value) in enumerate(self._bits()) if event[column] == value)

    def add(self, sum_: int, value: int) -> int:
        """What a day has with one more event."""
        return sum_ | value

    def _bits(self) -> list[tuple[str, Any]]:
        return [(column, value) for column, values in self.values for value in values]


@dataclass(frozen=True)
class Counted:
    """A pane of sums over the events of one table."""

    table: str
    measures: Mapping[str, Sum | Flags]

    def __call__(self, tables: Tables) -> Any:
        """The pane as a query."""
        events = tables[self.table]
        if "student_id" in events.columns:
            events = of_enrolments(events, tables["enrolments"])
        return per_day(events, **{name: one.relation(events) for name, one in self.measures.items()})

    def of(self, events: Iterable[Mapping[str, Any]]) -> dict[tuple[int, int], dict[str, int]]:
        """The pane of one enrolment's events, without a query.

        Returns:
            By (day, known_day), the measures.
        """
        days: dict[tuple[int, int], dict[str, int]] = {}
        for event in events:
            sums = days.setdefault((event["day"], event["known_day"]), dict.fromkeys(self.measures, 0))
            for name, one in self.measures.items():
                sums[name] = one.add(sums[name], one.value(event))
        return days


def where(**values: Iterable[Any] | None) -> tuple[tuple[str, tuple[Any, ...] | None], ...]:
    """Conditions by column: `where(kind=["watched"], speed=None)`."""
    return tuple((name, None if found is None else tuple(found)) for name, found in values.items())
