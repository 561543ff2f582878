from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from features.measures import NEVER, Dense, Single, Sparse, Timeline, Workspace
from features.panes import Pane

FIRST, DAYS = 1000, 40
ROW = st.tuples(
    st.integers(0, 19),
    st.integers(0, DAYS + 5),  # some days lie past the last cut-off
    st.sampled_from([0, 0, 0, -9, 1, 3, 12, 30]),  # days until it is known; a deadline is known before its day
    st.sampled_from([1, 1, 2, 7, -1, -2]),
)
EDGE = st.integers(-5, DAYS + 5)
EDGES = st.tuples(EDGE | st.lists(EDGE, min_size=20, max_size=20), EDGE | st.lists(EDGE, min_size=20, max_size=20))
QUESTION = st.one_of(
    st.tuples(st.sampled_from(["sum", "count"]), EDGES),
    st.tuples(st.just("latest"), st.none()),
    st.tuples(st.just("daily"), st.tuples(st.integers(0, DAYS), st.integers(0, DAYS))),
)
STOPS = st.lists(st.tuples(st.integers(1, DAYS), st.lists(QUESTION, max_size=3)), min_size=1, max_size=5)

Rows = list[tuple[int, int, int, int]]


def pane_of(rows: Rows) -> Pane:
    """Rows (position, day, known day, measure)."""
    at, day, known, value = np.array(sorted(rows), dtype="int32").reshape(-1, 4).T
    return Pane(at, day + FIRST, known + FIRST, {"clicks": value})


class Recount:
    """The measure counted row by row."""

    def __init__(self, rows: Rows, size: int) -> None:
        self.rows, self.size = rows, size

    def seek(self, cut: int) -> None:
        self.days = [dict.fromkeys(range(-5, DAYS + 6), 0) for _ in range(self.size)]
        for at, day, known, value in self.rows:
            if known < cut and day < cut:
                self.days[at][day] += value

    def sum(self, low: Any, high: Any) -> list[int]:
        return [sum(self.inside(at, low, high)) for at in range(self.size)]

    def count(self, low: Any, high: Any) -> list[int]:
        return [sum(value > 0 for value in self.inside(at, low, high)) for at in range(self.size)]

    def latest(self) -> list[int]:
        return [max((day for day, value in days.items() if value > 0), default=NEVER) for days in self.days]

    def daily(self, low: int, high: int) -> list[list[int]]:
        return [[days[day] for days in self.days] for day in range(low, high)]

    def inside(self, at: int, low: Any, high: Any) -> list[int]:
        first, end = (edge[at] if isinstance(edge, np.ndarray) else edge for edge in (low, high))
        return [value for day, value in self.days[at].items() if first <= day < end]


def ordered(edges: tuple[Any, Any], size: int) -> tuple[Any, Any]:
    """A window whose end is not before its beginning, for one enrolment or for all."""
    low, high = (np.array(edge[:size]) if isinstance(edge, list) else edge for edge in edges)
    return low, np.maximum(low, high) if isinstance(low, np.ndarray) or isinstance(high, np.ndarray) else max(low, high)


def numbers(edges: tuple[Any, ...]) -> tuple[Any, ...]:
    """The edges as one enrolment's: single numbers."""
    return tuple(edge.item() if isinstance(edge, np.ndarray) else edge for edge in edges)


@settings(max_examples=120, deadline=None)
@given(st.lists(ROW, max_size=40), st.sampled_from([1, 3, 20]), STOPS)
def test_every_way_to_hold_a_measure_gives_the_answers_of_a_recount(drawn, size, stops):
    rows = [(at % size, day, day + later, value) for at, day, later, value in drawn]
    pane = pane_of(rows)
    measures = {
        "rows": Sparse(pane, "clicks", FIRST, size),
        "array": Dense(pane, "clicks", FIRST, (DAYS, size), Workspace()),
    }
    if size == 1 and rows:
        measures["list"] = Single(Timeline(pane), "clicks", FIRST)
    recount = Recount(rows, size)
    for cut, questions in sorted(stops, key=lambda stop: stop[0]):
        recount.seek(cut)
        for measure in measures.values():
            measure.seek(cut)
        for name, edges in questions:
            given_ = () if edges is None else ordered(edges, size)
            if name == "daily":
                given_ = tuple(min(edge, cut) for edge in given_)
            expected = np.array(getattr(recount, name)(*given_)).reshape((-1, size) if name == "daily" else -1)
            for how, measure in measures.items():
                told = np.array(getattr(measure, name)(*(numbers(given_) if how == "list" else given_)))
                told = told.reshape(expected.shape)
                np.testing.assert_array_equal(told, expected, f"{name}{given_} of the {how} at {cut}")


def test_what_is_known_late_changes_totals_that_were_already_made():
    pane = pane_of([(0, 2, 2, 1), (0, 5, 5, 1), (0, 2, 8, -1), (0, 3, 8, 4)])
    array = Dense(pane, "clicks", FIRST, (20, 1), Workspace())
    for measure in (Sparse(pane, "clicks", FIRST, 1), Single(Timeline(pane), "clicks", FIRST), array):
        told = []
        for cut in (6, 8, 9):
            measure.seek(cut)
            answers = (measure.sum(0, cut), measure.count(0, cut), measure.latest(), measure.sum(0, 3))
            told.append(tuple(np.ravel(answer)[0] for answer in answers))
        assert told == [(2, 2, 5, 1), (2, 2, 5, 1), (5, 2, 5, 0)]


def test_memory_is_given_clean_and_grows_with_what_is_asked_for():
    space = Workspace()
    first = space.zeros((2, 3))
    first.fill(7)
    other = space.zeros((2, 3))
    assert not other.any()
    assert not np.shares_memory(first, other)
    space.clear()
    assert np.shares_memory(space.zeros((3, 2)), first)
    assert not space.zeros((30, 20)).any()
    space.clear()
    assert not space.zeros((1, 2)).any()
