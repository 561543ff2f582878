"""Inactivity: the student does not come any more."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from features.labels.definition import Found, Label
from features.labels.known import Known, next_days


def _find(days: int, known: Known, rows: pd.DataFrame) -> Found:
    over = rows["day"].to_numpy() + days
    came = next_days(rows, known.read("activity"))
    silent = (np.isnan(came) | (came >= over)).astype("float64")
    ends = known.enrolments["end_day"].reindex(rows["enrolment_id"]).to_numpy()
    return np.where(ends < over, np.nan, silent), over


def _silence(days: int) -> Label:
    return Label(
        name=f"inactivity_{days}d",
        version=1,
        horizon_days=days,
        text=f"No activity on the platform for {days} days from the cut-off. Asked of enrolments that are live at the "
        f"cut-off and whose course does not end within the {days} days; one that withdraws without coming back counts "
        "as silent.",
        words={
            "en": f"chance of {days} days without any activity",
            "ru": f"вероятность {days} дней без активности",
            "zh": f"未来{days}天无任何活动的可能性",
        },
        find=partial(_find, days),
    )


INACTIVITY_7D, INACTIVITY_14D, INACTIVITY_30D = (_silence(days) for days in (7, 14, 30))
