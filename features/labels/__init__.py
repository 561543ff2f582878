"""Labels: what leaving means, as named and versioned definitions; only enrolments that are live are ever labelled.

One small file holds each definition. Two rules hold for all of them. A row has no label before its horizon is over,
whatever has happened by then. And a label is found with what was known by a day: asked again later it may change,
because more is known.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.config import School
from features.errors import BadInput
from features.labels.definition import Label
from features.labels.inactivity import INACTIVITY_7D, INACTIVITY_14D, INACTIVITY_30D
from features.labels.known import Known
from features.labels.nonrenewal import NONRENEWAL
from features.labels.payment_failure import PAYMENT_FAILURE
from features.labels.refund import REFUND_14D
from features.labels.withdrawal import WITHDRAWAL_28D
from features.lake import Lake

__all__ = ["LABELS", "Label", "label", "named"]

_ALL = (WITHDRAWAL_28D, INACTIVITY_14D, INACTIVITY_7D, INACTIVITY_30D, REFUND_14D, NONRENEWAL, PAYMENT_FAILURE)
LABELS: dict[str, Label] = {one.name: one for one in _ALL}


def named(name: str) -> Label:
    """The label called so.

    Raises:
        BadInput: there is none.
    """
    if name not in LABELS:
        raise BadInput(f"there is no label {name!r}", where="--label", mend=f"Use one of: {', '.join(LABELS)}")
    return LABELS[name]


def label(school: School, rows: pd.DataFrame, definition: Label, until_day: int) -> np.ndarray:
    """The answers for live enrolments at their cut-offs.

    Args:
        rows: `enrolment_id` and `day`, as `features.build.snapshot` gives them.
        until_day: a day number; nothing known from that day on is used.

    Returns:
        (n,) float64: 1 it happened, 0 it did not, NaN when the horizon is not over by ``until_day`` or the
        definition does not apply.
    """
    known = Known(Lake(school.lake, school.zone), until_day)
    answer, over = definition.find(known, rows.reset_index(drop=True))
    return np.where(over <= until_day, answer, np.nan)
