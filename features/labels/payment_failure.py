"""Payment failure: the school loses the student over money that did not come, not over a wish to leave."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.labels.definition import Found, Label
from features.labels.known import Known, next_days
from features.labels.payments import MEND_DAYS, lost

DAYS = 28


def failures(known: Known) -> pd.DataFrame:
    """Payments lost for good, and what the school wrote down as such, while the enrolment was not closed.

    Returns:
        `enrolment_id`, `day`, `occurred_at`.
    """
    outcomes = known.read("outcomes")
    said = outcomes[outcomes["kind"] == "payment_failure"].astype({"day": "int64"})
    columns = ["enrolment_id", "day", "occurred_at"]
    events = pd.concat([said[columns], lost(known.payments)[columns]], ignore_index=True)
    # What bounces after the student has left is no reason for leaving.
    closed = known.closings["occurred_at"].reindex(events["enrolment_id"]).set_axis(events.index)
    return events[~(events["occurred_at"] > closed)]


def _find(known: Known, rows: pd.DataFrame) -> Found:
    cut = rows["day"].to_numpy()
    failed = (next_days(rows, failures(known)) < cut + DAYS).astype("float64")
    return np.where(known.closed_before(rows), np.nan, failed), cut + DAYS + MEND_DAYS


PAYMENT_FAILURE = Label(
    name="payment_failure",
    version=1,
    horizon_days=DAYS + MEND_DAYS,
    text=f"Within {DAYS} days of the cut-off a payment of the student fails and none comes on that day or the "
    f"{MEND_DAYS} days after it, or the school writes a payment failure down. Asked of enrolments that are live at the "
    f"cut-off; the answer is known {MEND_DAYS} days after the {DAYS}. Whether the student then withdraws makes no "
    "difference; a payment that fails after the enrolment was closed does not count.",
    words={
        "en": f"chance of a payment failing for good within {DAYS} days",
        "ru": f"вероятность, что платёж в ближайшие {DAYS} дней сорвётся",
        "zh": f"未来{DAYS}天内付款最终失败的可能性",
    },
    find=_find,
)
