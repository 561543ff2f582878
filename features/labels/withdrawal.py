"""Withdrawal: the student gives the course up."""

from __future__ import annotations

import pandas as pd

from features.labels.definition import Found, Label
from features.labels.known import Known, first_days

DAYS = 28


def _find(known: Known, rows: pd.DataFrame) -> Found:
    outcomes = known.read("outcomes")
    left = first_days(rows, outcomes[outcomes["kind"] == "withdrawal"])
    cut = rows["day"].to_numpy()
    return ((left >= cut) & (left < cut + DAYS)).astype("float64"), cut + DAYS


WITHDRAWAL_28D = Label(
    name="withdrawal_28d",
    version=1,
    horizon_days=DAYS,
    text="The student withdraws from the course within 28 days of the cut-off. Asked of enrolments that are live at "
    "the cut-off; a course that ends within the 28 days is an answer too: no. What the school wrote down as a "
    "withdrawal is one whatever led to it, a failed payment included; a refund is not one.",
    words={
        "en": "chance of withdrawing within 28 days",
        "ru": "вероятность ухода в ближайшие 28 дней",
        "zh": "未来28天内退课的可能性",
    },
    find=_find,
)
