"""Labels: what leaving means, as named and versioned definitions; only enrolments that are live are ever labelled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from features.config import School
from features.enrolments import Enrolments
from features.errors import BadInput
from features.lake import Lake


@dataclass(frozen=True)
class Label:
    """One definition of leaving.

    Attributes:
        version: counts up when the definition changes.
        horizon_days: how far ahead it looks.
        text: the definition in words.
        words: what a person reads beside the risk, by language.
        find: (lake, rows, horizon_days, until_day) -> (n,) whether it happened in [day, day + horizon_days), as far as
            was known before ``until_day``.
        whole_horizon: whether an enrolment must reach the end of the horizon to have an answer "no".
    """

    name: str
    version: int
    horizon_days: int
    text: str
    words: dict[str, str]
    find: Callable[[Lake, pd.DataFrame, int, int], np.ndarray]
    whole_horizon: bool = False


def _withdrew(lake: Lake, rows: pd.DataFrame, horizon_days: int, until_day: int) -> np.ndarray:
    outcomes = lake.read("outcomes")
    left = (
        outcomes[(outcomes["kind"] == "withdrawal") & (outcomes["known_day"] < until_day)]
        .groupby("enrolment_id")["day"]
        .min()
    )
    day = rows["enrolment_id"].map(left).to_numpy("float64")
    return (day >= rows["day"].to_numpy()) & (day < rows["day"].to_numpy() + horizon_days)


def _was_silent(lake: Lake, rows: pd.DataFrame, horizon_days: int, until_day: int) -> np.ndarray:
    activity = lake.read("activity")
    activity = activity.loc[activity["known_day"] < until_day, ["enrolment_id", "day"]]
    days = activity.drop_duplicates().sort_values("day", kind="stable").astype({"day": "int64"})
    asked = rows[["enrolment_id", "day"]].reset_index(drop=True).reset_index(names="at").astype({"day": "int64"})
    after = pd.merge_asof(
        asked.sort_values("day", kind="stable"),
        days.assign(next_day=days["day"]),
        on="day",
        by="enrolment_id",
        direction="forward",
    ).sort_values("at")
    next_day = after["next_day"].to_numpy("float64")
    return np.isnan(next_day) | (next_day >= asked["day"].to_numpy() + horizon_days)


_ALL = (
    Label(
        "withdrawal_28d",
        1,
        28,
        "The student withdraws from the course within 28 days of the cut-off. Asked of enrolments that are live at "
        "the cut-off; a course that ends within the 28 days is an answer too: no.",
        {
            "en": "chance of withdrawing within 28 days",
            "ru": "вероятность ухода в ближайшие 28 дней",
            "zh": "未来28天内退课的可能性",
        },
        _withdrew,
    ),
    Label(
        "inactivity_14d",
        1,
        14,
        "No activity on the platform for 14 days from the cut-off. Asked of enrolments that are live at the cut-off "
        "and whose course does not end within the 14 days; one that withdraws without coming back counts as silent.",
        {
            "en": "chance of 14 days without any activity",
            "ru": "вероятность 14 дней без активности",
            "zh": "未来14天无任何活动的可能性",
        },
        _was_silent,
        whole_horizon=True,
    ),
)
LABELS: dict[str, Label] = {label.name: label for label in _ALL}


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
    lake = Lake(school.lake, school.zone)
    over = rows["day"].to_numpy() + definition.horizon_days <= until_day
    answer = np.where(over, definition.find(lake, rows, definition.horizon_days, until_day).astype("float64"), np.nan)
    if definition.whole_horizon:
        ends = Enrolments(lake).at(until_day)["end_day"].reindex(rows["enrolment_id"]).to_numpy()
        answer[ends < rows["day"].to_numpy() + definition.horizon_days] = np.nan
    return answer
