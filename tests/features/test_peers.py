from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.peers import FEWEST, groups, ranks, usual

NAN = float("nan")


def alone(values: list[float], mates: list[int] | None = None) -> np.ndarray:
    """The ranks of one feature among one's own."""
    columns, of = [np.array(values, dtype="float64")], np.array(mates or [7] * len(values))
    return ranks(columns, of, usual(columns, of))[0]


def test_a_rank_is_the_share_of_mates_below():
    np.testing.assert_allclose(alone([30, 10, 20, 50, 40]), [0.5, 0.1, 0.3, 0.9, 0.7])


def test_equal_values_share_their_rank():
    np.testing.assert_allclose(alone([1, 1, 1, 1]), [NAN] * 4)
    np.testing.assert_allclose(alone([0, 1, 1, 1, 2]), [0.1, 0.5, 0.5, 0.5, 0.9])
    np.testing.assert_allclose(alone([4] * 6), [0.5] * 6)


def test_an_unknown_value_has_no_rank_and_counts_for_nobody():
    np.testing.assert_allclose(alone([NAN, 1, 2, 3, 4, 5]), [NAN, 0.1, 0.3, 0.5, 0.7, 0.9])
    assert np.isnan(alone([NAN, 1, 2, 3, 4])).all()  # fewer than a handful are known


def test_only_mates_are_compared():
    values = list(range(2 * FEWEST))
    found = alone(values, [1, 2] * FEWEST)
    np.testing.assert_allclose(found[::2], found[1::2])
    assert np.isnan(alone(values, [1] * FEWEST + list(range(2, FEWEST + 2)))[FEWEST:]).all()


def test_who_is_asked_about_need_not_be_among_those_compared_with():
    among = usual([np.array([1.0, 2, 3, 4, 5])], np.zeros(5, dtype="int64"))
    told = ranks([np.array([0.0, 9, 3, 3])], np.array([0, 0, 0, 8]), among)[0]
    np.testing.assert_allclose(told, [0, 1, 0.5, NAN])  # nobody is known of the last one's group


VALUE = st.sampled_from([0.0, 0.5, 1.0, 2.0, NAN])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), VALUE, VALUE), max_size=25))
def test_it_is_what_one_counts_by_hand(drawn):
    mates = np.array([group for group, _, _ in drawn], dtype="int64")
    columns = [np.array([row[i] for row in drawn]) for i in (1, 2)]
    for values, found in zip(columns, ranks(columns, mates, usual(columns, mates)), strict=True):
        for own, group, rank in zip(values, mates, found, strict=True):
            known = [v for v, g in zip(values, mates, strict=True) if g == group and v == v]
            below = sum(v < own for v in known) + sum(v == own for v in known) / 2
            expected = below / len(known) if own == own and len(known) >= FEWEST else NAN
            assert rank == pytest.approx(expected, nan_ok=True)


def group_of(course: int, start: int, *, self_paced: bool, day: int = 100) -> int:
    facts = {"course": np.array([course]), "start_day": np.array([start]), "self_paced": np.array([self_paced])}
    return int(groups(day, facts)[0])


def test_mates_of_a_run_are_compared_whenever_they_came():
    assert group_of(3, 60, self_paced=False) == group_of(3, 99, self_paced=False)
    assert group_of(3, 60, self_paced=False) != group_of(4, 60, self_paced=False)


def test_where_everybody_begins_on_a_day_of_their_own_it_is_the_week_that_is_shared():
    assert group_of(3, 100, self_paced=True) == group_of(3, 94, self_paced=True)  # both in their first week
    assert group_of(3, 93, self_paced=True) != group_of(3, 94, self_paced=True)
    assert group_of(3, 93, self_paced=True) == group_of(3, 87, self_paced=True)
    assert group_of(3, 100, self_paced=True) != group_of(3, 100, self_paced=False)
    assert group_of(3, 100, self_paced=True) != group_of(4, 100, self_paced=True)
