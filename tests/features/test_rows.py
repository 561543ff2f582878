from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from features.rows import KeptRows, Rows


def rows(at: Sequence[int], days: Sequence[int] = ()) -> Rows:
    size = len(at)
    numbers = np.zeros(size, dtype="int64")
    return Rows(np.array(at), np.array(days or [7] * size), numbers, numbers, numbers > 0, np.zeros((2, size)))


def test_an_enrolment_has_a_row_at_each_cut_off():
    found = rows([3, 8, 1, 3], [7, 7, 14, 14])
    assert [found.place(7, 3), found.place(7, 8), found.place(14, 1), found.place(14, 3)] == [0, 1, 2, 3]
    assert (found.of(7), found.of(14), found.of(21)) == (slice(0, 2), slice(2, 4), slice(4, 4))


def test_what_was_not_asked_for_the_longest_makes_room():
    kept = KeptRows(5)
    first, second = rows([1, 2]), rows([3, 4])
    kept.keep(7, 1, first)
    kept.keep(7, 2, second)
    assert kept.of(7, 1) is first
    kept.keep(14, 1, rows([1, 2]))
    assert kept.of(7, 2) is None
    assert kept.of(7, 1) is first
    assert kept.of(14, 1) is not None


def test_a_course_that_is_larger_than_all_the_room_is_not_kept():
    kept = KeptRows(2)
    kept.keep(7, 1, rows([1, 2]))
    kept.keep(7, 2, rows([1, 2, 3]))
    assert (kept.of(7, 1) is None, kept.of(7, 2)) == (False, None)


def test_the_same_course_takes_its_room_once():
    kept = KeptRows(3)
    for _ in range(3):
        kept.keep(7, 1, rows([1, 2]))
    kept.keep(7, 2, rows([1]))
    assert kept.of(7, 1) is not None
