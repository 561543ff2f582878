from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.panes import Pane, Panes

SIZE = 5


def pane(*rows: tuple[int, int, int, int, int]) -> Pane:
    """Rows (position, day, known day, clicks, lessons)."""
    at, day, known, clicks, lessons = np.array(sorted(rows), dtype="int32").reshape(-1, 5).T
    return Pane(at, day, known, {"clicks": clicks, "lessons": lessons.astype("int64")})


def rows_of(one: Pane) -> list[tuple[int, ...]]:
    columns = (one.at, one.day, one.known_day, *one.measures.values())
    return list(zip(*(column.tolist() for column in columns), strict=True))


KEPT = Panes(
    SIZE,
    {
        "activity": pane((0, 10, 10, 1, 2), (0, 11, 12, 3, 4), (2, 9, 9, 5, 6), (4, 8, 8, 7, 8)),
        "live": pane((2, 20, 20, 9, 10)),
        "nps": pane(),
    },
)


def test_some_enrolments_are_named_by_their_place():
    found = KEPT.of(np.array([2, 0]))
    assert rows_of(found["activity"]) == [(0, 9, 9, 5, 6), (1, 10, 10, 1, 2), (1, 11, 12, 3, 4)]
    assert rows_of(found["live"]) == [(0, 20, 20, 9, 10)]


@pytest.mark.parametrize(
    ("positions", "panes"),
    [([0], {"activity"}), ([2], {"activity", "live"}), ([1], set()), ([1, 3], set()), ([], set())],
)
def test_a_pane_without_a_row_of_theirs_is_left_out(positions, panes):
    assert set(KEPT.of(np.array(positions, dtype="int64"))) == panes


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, SIZE - 1), *[st.integers(0, 50)] * 2, *[st.integers(-3, 3)] * 2), max_size=20),
    st.lists(st.integers(0, SIZE - 1), max_size=SIZE, unique=True),
)
def test_the_panes_of_some_are_their_rows_of_the_panes_of_all(rows, positions):
    found = Panes(SIZE, {"activity": pane(*rows)}).of(np.array(positions, dtype="int64"))
    expected = sorted((positions.index(at), *row) for at, *row in rows if at in positions)
    assert sorted(rows_of(found["activity"]) if found else []) == expected
    if found:
        assert (np.diff(found["activity"].at) >= 0).all()


def test_what_is_saved_is_what_is_opened(tmp_path):
    KEPT.save(tmp_path)
    opened = Panes.open(tmp_path)
    assert opened.size == SIZE
    assert list(opened.panes) == list(KEPT.panes)
    for name, kept in KEPT.panes.items():
        assert rows_of(opened.panes[name]) == rows_of(kept)
        assert {m: v.dtype for m, v in opened.panes[name].measures.items()} == {"clicks": "int32", "lessons": "int64"}


def test_opened_panes_cannot_be_changed(tmp_path):
    KEPT.save(tmp_path)
    with pytest.raises(ValueError, match="read-only"):
        Panes.open(tmp_path).panes["activity"].day[0] = 1


def test_the_first_day_is_that_of_any_pane():
    assert KEPT.first_day == 8
    assert Panes(SIZE, {"nps": pane()}).first_day is None
