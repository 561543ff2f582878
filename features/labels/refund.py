"""Refund: the student wants the money back while that is still open."""

from __future__ import annotations

import numpy as np
import pandas as pd

from features.labels.definition import Found, Label
from features.labels.known import Known, first_days, next_days

DAYS = 14


def _find(known: Known, rows: pd.DataFrame) -> Found:
    cut = rows["day"].to_numpy()
    over = known.at_cut_offs(rows)["enrolled_day"].to_numpy() + DAYS
    outcomes = known.read("outcomes").astype({"day": "int64"})
    facts = [outcomes[outcomes["kind"] == "refund"], known.payments[known.payments["kind"] == "refunded"]]
    refunds = pd.concat([found[["enrolment_id", "day"]] for found in facts])
    asked = (cut < over) & ~(first_days(rows, refunds) < cut) & ~known.closed_before(rows)
    return np.where(asked, next_days(rows, refunds) < over, np.nan), over


REFUND_14D = Label(
    name="refund_14d",
    version=1,
    horizon_days=DAYS,
    text=f"The student gets money back by the end of the refund window, the first {DAYS} days from the day of "
    "enrolling: a refund that the school wrote down as the enrolment's outcome, or a payment that was given back. "
    "Asked of enrolments that are live at the cut-off, still inside the window, and without a refund so far; the "
    "answer is known when the window is over. A later refund does not count, and leaving without one is none.",
    words={
        "en": f"chance of a refund within {DAYS} days of buying",
        "ru": f"вероятность возврата денег в первые {DAYS} дней после покупки",
        "zh": f"购买后{DAYS}天内退款的可能性",
    },
    find=_find,
)
