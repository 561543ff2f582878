"""Payments that failed for good."""

from __future__ import annotations

import pandas as pd

MEND_DAYS = 7
"""A failed payment is mended by one that comes on its day or within so many days after it."""


def lost(payments: pd.DataFrame) -> pd.DataFrame:
    """The payments that failed and that none has mended, as `Known.payments` has them."""
    failed = payments[payments["kind"] == "failed"].sort_values("occurred_at", kind="stable")
    came = payments[payments["kind"].isin(("paid", "renewed"))].sort_values("occurred_at", kind="stable")
    after = pd.merge_asof(
        failed,
        came[["enrolment_id", "occurred_at", "day"]].rename(columns={"day": "mended_day"}),
        on="occurred_at",
        by="enrolment_id",
        direction="forward",
    )
    return after[~(after["mended_day"] <= after["day"] + MEND_DAYS)].drop(columns="mended_day")
