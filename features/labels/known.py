"""What a label may look at: the lake as it was known before a day."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from features.enrolments import Enrolments
from features.identity import Identities
from features.lake import Lake


class Known:
    """The facts known before a day; whatever became known later does not exist here.

    Args:
        lake: where they are.
        until_day: a day number.
    """

    def __init__(self, lake: Lake, until_day: int) -> None:
        self._lake, self.until_day = lake, until_day

    def read(self, table: str) -> pd.DataFrame:
        """The rows of a table, every version, as `Lake.read` gives them."""
        rows = self._lake.read(table)
        return rows[rows["known_day"] < self.until_day]

    @cached_property
    def payments(self) -> pd.DataFrame:
        """Payments by enrolment: one that names none is one of each enrolment of its student.

        Columns: `enrolment_id`, `kind`, `occurred_at`, `day`.
        """
        paid = Identities.of(self._lake).resolved(self._lake.read("payments"))
        paid = paid[paid["known_day"] < self.until_day].rename(columns={"enrolment_id": "named"})
        own = paid.merge(self.enrolments.reset_index()[["enrolment_id", "student_id"]], on="student_id")
        own = own[own["named"].isna() | (own["named"] == own["enrolment_id"])]
        return own[["enrolment_id", "kind", "occurred_at", "day"]].astype({"day": "int64"})

    @cached_property
    def _enrolments(self) -> Enrolments:
        return Enrolments(self._lake)

    @cached_property
    def enrolments(self) -> pd.DataFrame:
        """The enrolments as known last; see `Enrolments.at`."""
        return self._enrolments.at(self.until_day)

    def at_cut_offs(self, rows: pd.DataFrame) -> pd.DataFrame:
        """What was known of the enrolment of each row at the row's own cut-off.

        Args:
            rows: (n,) `enrolment_id` and `day`.

        Returns:
            (n,) in the order of the rows: `enrolment_id`, and the columns of `Enrolments.at`.
        """
        days = rows["day"].to_numpy()
        found = [self._enrolments.at(int(day)).reindex(rows["enrolment_id"][days == day]) for day in np.unique(days)]
        together = pd.concat([self.enrolments.iloc[:0], *found]).reset_index()
        return together.set_axis(np.argsort(days, kind="stable")).sort_index()

    @cached_property
    def closings(self) -> pd.DataFrame:
        """By enrolment, the `day` and the moment (`occurred_at`) of the first outcome that closed it."""
        outcomes = self._enrolments.outcomes
        outcomes = outcomes[outcomes["known_day"] < self.until_day]
        return outcomes.groupby("enrolment_id")[["day", "occurred_at"]].min()

    def closed_before(self, rows: pd.DataFrame) -> np.ndarray:
        """(n,) whether the enrolment was closed before the cut-off, as was learned only later."""
        closed = rows["enrolment_id"].map(self.closings["day"])
        return closed.to_numpy("float64", na_value=np.nan) < rows["day"].to_numpy()


def first_days(rows: pd.DataFrame, events: pd.DataFrame) -> np.ndarray:
    """The day of the first event of each row's enrolment.

    Args:
        rows: (n,) with `enrolment_id`.
        events: with `enrolment_id` and `day`.

    Returns:
        (n,) float64 day numbers; NaN where there is none.
    """
    return rows["enrolment_id"].map(events.groupby("enrolment_id")["day"].min()).to_numpy("float64", na_value=np.nan)


def next_days(rows: pd.DataFrame, events: pd.DataFrame) -> np.ndarray:
    """The day of the first event of each row's enrolment at the cut-off or after it.

    Args:
        rows: (n,) with `enrolment_id` and `day`.
        events: with `enrolment_id` and `day`.

    Returns:
        (n,) float64 day numbers; NaN where there is none.
    """
    days = events[["enrolment_id", "day"]].drop_duplicates().astype({"day": "int64"})
    asked = rows[["enrolment_id", "day"]].reset_index(drop=True).reset_index(names="at").astype({"day": "int64"})
    found = pd.merge_asof(
        asked.sort_values("day", kind="stable"),
        days.assign(next_day=days["day"]).sort_values("day", kind="stable"),
        on="day",
        by="enrolment_id",
        direction="forward",
    )
    return found.sort_values("at")["next_day"].to_numpy("float64")
