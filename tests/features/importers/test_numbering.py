import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from features.importers.numbering import Numbering


def plainly(keys: list[int]) -> list[int]:
    return [keys[:i].count(key) for i, key in enumerate(keys)]


@given(st.lists(st.lists(st.integers(0, 5), max_size=8), max_size=6))
def test_numbers_do_not_depend_on_where_chunks_are_cut(chunks: list[list[int]]) -> None:
    numbering = Numbering()
    numbers = [n for chunk in chunks for n in numbering.number(np.array(chunk, dtype="uint64"))]
    assert numbers == plainly([key for chunk in chunks for key in chunk])


def test_keys_of_the_whole_range_are_taken() -> None:
    keys = np.array([2**64 - 1, 0, 2**64 - 1], dtype="uint64")
    assert list(Numbering().number(keys)) == [0, 0, 1]
