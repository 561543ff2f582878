from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.grid import Grid

TWO = pd.DataFrame(index=["ann", "bob"])
NAN = float("nan")


def pane(*rows: tuple) -> pd.DataFrame:
    """Rows (position, day, known day, clicks, lessons)."""
    columns = ["at", "day", "known_day", "clicks", "lessons"]
    types = dict.fromkeys(columns[:3], "int64") | dict.fromkeys(columns[3:], "float64")
    return pd.DataFrame(rows, columns=columns).astype(types)


def grid_of(*rows: tuple, first: int = 100, last: int = 120) -> Grid:
    return Grid(TWO, {"activity": pane(*rows)}, first, last)


def at(grid: Grid, day: int) -> Grid:
    return grid.seek(day, np.array([0, 1]), TWO)


PROMPT = [(0, 90, 90, 2, 0), (0, 97, 97, 3, 1), (1, 99, 99, 5, 0), (1, 100, 100, 7, 7)]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (lambda g: g.window("clicks", 3), [3, 5]),
        (lambda g: g.window("clicks", 10), [5, 5]),  # the cut-off's own day is not over
        (lambda g: g.window("clicks", 500), [5, 5]),  # longer than anything known
        (lambda g: g.total("clicks"), [5, 5]),
        (lambda g: g.total("lessons"), [1, 0]),
        (lambda g: g.total("never written"), [0, 0]),
        (lambda g: g.between("clicks", np.array([10, 1]), 1), [5, 0]),
        (lambda g: g.between("clicks", np.array([500, 10]), 3), [2, 0]),
        (lambda g: g.days_with("clicks", 10), [2, 1]),
        (lambda g: g.last_day("clicks"), [97, 99]),
        (lambda g: g.last_day("lessons"), [97, NAN]),
        (lambda g: g.days_since("clicks"), [2, 0]),
        (lambda g: g.last("clicks", "lessons"), [3, NAN]),
        (lambda g: g.longest_gap("clicks", 10, np.array([0, 0])), [6, 9]),
        (lambda g: g.longest_gap("clicks", 10, np.array([95, 98])), [2, 1]),  # not before the start
        (lambda g: g.longest_gap("clicks", 10, np.array([100, 100])), [0, 0]),
        (lambda g: g.longest_gap("clicks", 30, np.array([0, 0])), [20, 29]),  # wider than what is kept
        (lambda g: g.ahead("clicks"), [NAN, NAN]),
        (lambda g: g.ahead("never written"), [NAN, NAN]),
        (lambda g: g.ever("clicks"), [5, 5]),
        (lambda g: g.ever("never written"), [0, 0]),
    ],
)
def test_what_the_folds_read(answer, expected):
    np.testing.assert_array_equal(answer(at(grid_of(*PROMPT), 100)), expected)


def test_only_the_rows_of_the_cut_off_are_answered_for():
    grid = grid_of(*PROMPT).seek(100, np.array([1]), TWO.iloc[[1]])
    assert grid.window("clicks", 3).tolist() == [5]
    assert list(grid.facts.index) == ["bob"]


def test_a_fact_learned_of_late_counts_on_its_own_day_from_then_on():
    grid = grid_of((0, 90, 103, 4, 0), (0, 95, 95, 1, 0))
    seen = []
    for day in (100, 103, 104):
        at(grid, day)
        seen.append([grid.total("clicks")[0], grid.days_with("clicks", 15)[0], grid.last_day("clicks")[0]])
        seen[-1] += [grid.window("clicks", 9)[0], grid.longest_gap("clicks", 14, np.array([0, 0]))[0]]
    assert seen == [[1, 1, 95, 1, 9], [1, 1, 95, 1, 7], [5, 2, 95, 1, 8]]


def test_what_was_learned_late_but_before_the_first_question_counts_at_once():
    grid = grid_of((0, 90, 99, 4, 0))
    assert at(grid, 100).total("clicks")[0] == 4


def test_a_measure_that_is_taken_back_is_gone_from_the_day_on_which_that_is_known():
    grid = grid_of((0, 95, 95, 1, 1), (0, 97, 97, 1, 1), (0, 97, 102, -1, -1))
    told = [(at(grid, day).total("clicks")[0], grid.last_day("clicks")[0]) for day in (100, 102, 103)]
    assert told == [(2, 97), (2, 97), (1, 95)]


def test_what_lies_ahead_is_known_before_its_day():
    grid = grid_of((0, 105, 90, 1, 0), (0, 110, 90, 1, 0), (0, 103, 101, 1, 0), (1, 104, 90, 0, 5), first=100)
    told = []
    for day in (100, 102, 104, 106, 111):
        at(grid, day)
        told.append((grid.ahead("clicks")[0], grid.ever("clicks")[0], grid.total("clicks")[0]))
    assert told[:4] == [(5, 2, 0), (1, 3, 0), (1, 3, 1), (4, 3, 2)]
    assert np.isnan(told[4][0])
    assert np.isnan(at(grid, 111).ahead("clicks")[1])  # another measure of the pane lay ahead there


def test_what_lies_ahead_can_be_called_off():
    grid = grid_of((0, 105, 90, 1, 0), (0, 105, 101, -1, 0), (0, 112, 101, 1, 0))
    assert [(at(grid, day).ahead("clicks")[0], grid.ever("clicks")[0]) for day in (101, 102)] == [(4, 1), (10, 1)]


def test_a_grid_moves_forward_only_and_not_past_its_end():
    grid = at(grid_of(*PROMPT), 110)
    with pytest.raises(ValueError, match="cannot go to 109"):
        at(grid, 109)
    with pytest.raises(ValueError, match="cannot go to 121"):
        at(grid, 121)
    assert at(grid, 120).total("clicks").tolist() == [5, 12]


def test_nothing_known_of_anybody_is_an_answer_too():
    grid = at(Grid(TWO, {}, 100, 101), 100)
    assert grid.total("clicks").tolist() == [0, 0]
    assert np.isnan(grid.days_since("clicks")).all()
    assert grid.longest_gap("clicks", 7, np.array([98, 0])).tolist() == [2, 7]


FACT = st.tuples(st.integers(0, 1), st.integers(80, 119), st.integers(-20, 20), st.sampled_from([0, 1, 2]), st.just(0))


@settings(max_examples=60, deadline=None)
@given(st.lists(FACT, max_size=12), st.lists(st.integers(100, 120), min_size=1, max_size=4, unique=True))
def test_a_grid_that_moved_answers_like_one_that_starts_there(facts, cuts):
    rows = [(who, day, day + later, clicks, 0) for who, day, later, clicks, _ in facts]
    moving = grid_of(*rows)
    for cut in sorted(cuts):
        known = [row for row in rows if row[1] < cut and row[2] < cut]
        at(moving, cut)
        own = [{row[1] for row in known if row[0] == who and row[3]} for who in (0, 1)]
        assert moving.total("clicks").tolist() == [sum(row[3] for row in known if row[0] == who) for who in (0, 1)]
        assert moving.days_with("clicks", 14).tolist() == [sum(day >= cut - 14 for day in days) for days in own]
        np.testing.assert_array_equal(moving.last_day("clicks"), [max(days, default=NAN) for days in own])
        fresh = at(grid_of(*rows, first=cut, last=cut), cut)
        for answer in (lambda g: g.longest_gap("clicks", 28, np.array([90, 0])), lambda g: g.ahead("clicks")):
            np.testing.assert_array_equal(answer(moving), answer(fresh))
