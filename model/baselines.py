"""What a model has to be better than: one simple rule, and a logistic regression on the same facts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from model.dataset import Dataset

STRENGTH = 0.001  # the inverse of its L2 penalty: with a few hundred cases more freedom only costs


def rule(part: Dataset, feature: str) -> np.ndarray:
    """The list sorted by one feature, (n,); who has no value of it comes first."""
    values = part.x[:, part.features.index(feature)]
    return np.where(np.isnan(values), np.nanmax(values, initial=0.0) + 1, values)


def logistic(known: Dataset) -> Callable[[np.ndarray], np.ndarray]:
    """An L2 logistic regression on standardised features: rows (n, f) to log-odds (n,).

    Unknown values become the feature's median and are marked. It is only compared with, never kept or served.
    """
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    line = make_pipeline(
        SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True),
        StandardScaler(),
        LogisticRegression(C=STRENGTH, max_iter=1000),
    )
    return line.fit(known.x, known.y).decision_function
