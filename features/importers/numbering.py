"""Running numbers of equal rows, so that exact duplicates that are real facts get ids of their own."""

from __future__ import annotations

import numpy as np
import pandas as pd


class Numbering:
    """Numbers equal keys 0, 1, 2 ... in the order met, across any number of chunks.

    The numbers do not depend on where the chunks are cut, nor on what stands between two equal rows.
    """

    def __init__(self) -> None:
        self._keys = np.empty(0, dtype="uint64")  # sorted
        self._counts = np.empty(0, dtype="int64")

    def number(self, keys: np.ndarray) -> np.ndarray:
        """The next chunk's numbers.

        Args:
            keys: (n,) uint64, a hash of what makes rows equal. Should two different rows share a hash, the second
                merely starts at 1.

        Returns:
            (n,) int64, how many equal keys came before.
        """
        unique, inverse, counts = np.unique(keys, return_inverse=True, return_counts=True)
        at = np.searchsorted(self._keys, unique)
        known = at < len(self._keys)
        known[known] = self._keys[at[known]] == unique[known]
        before = np.zeros(len(unique), dtype="int64")
        before[known] = self._counts[at[known]]
        self._counts[at[known]] += counts[known]
        self._keys = np.insert(self._keys, at[~known], unique[~known])
        self._counts = np.insert(self._counts, at[~known], counts[~known])
        within = pd.Series(inverse).groupby(inverse).cumcount().to_numpy("int64")
        return before[inverse] + within
