"""What a label is: a named and versioned definition of leaving."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.labels.known import Known

Found = tuple[np.ndarray, np.ndarray]
"""(n,) float64: 1 it happened, 0 it did not, NaN the definition does not ask; (n,) the day number on which it is over:
the first one before which everything that the answer rests on has happened."""


@dataclass(frozen=True)
class Label:
    """One definition of leaving.

    Attributes:
        version: counts up when the definition changes.
        horizon_days: how far ahead it looks; where each row has a horizon of its own, the longest one.
        text: the definition in words.
        words: what a person reads beside the risk, by language.
        find: (what is known, rows with `enrolment_id` and `day`) -> the answers and when they are over.
    """

    name: str
    version: int
    horizon_days: int
    text: str
    words: dict[str, str]
    find: Callable[[Known, pd.DataFrame], Found]
