from __future__ import annotations

import numpy as np
import pytest

from model.uplift.final import Rows, kept, ridge


def drawn(count: int) -> Rows:
    """The first of three columns changes the share kept, by 0.3."""
    random = np.random.default_rng(0)
    columns, scale = random.normal(size=(count, 3)), np.full(count, 0.4)
    difference = scale * (0.2 + 0.3 * columns[:, 0]) + random.normal(size=count)
    return Rows(columns, columns, scale, difference, np.ones(count), np.arange(count))


def test_how_much_students_differ_is_given_to_the_interval_only():
    rows = drawn(3000)
    some, more = (ridge(rows, kept(rows), apart) for apart in (0.2, 0.4))
    assert (some.slope == more.slope).all()
    assert some.slope[0] == pytest.approx(0.3, abs=0.1)
    assert (some.beyond, more.beyond) == (pytest.approx(0.02), pytest.approx(0.08))
    assert (some.variance(rows.columns) < more.variance(rows.columns)).all()


def test_rows_narrow_down_the_line_and_not_what_no_line_tells():
    few, many = drawn(300), drawn(30_000)
    wide, narrow = (ridge(rows, kept(rows), 0.25).variance(few.columns) for rows in (few, many))
    beyond = 0.25**2 / 2
    assert wide.mean() - beyond == pytest.approx(beyond, rel=0.5)  # hardly more is known than before
    assert 0 < narrow.mean() - beyond < 0.1 * beyond


def test_where_students_are_taken_to_be_alike_only_the_average_is_in_doubt():
    rows = drawn(300)
    assert not ridge(rows, kept(rows), 0.0).variance(rows.columns).any()
