"""Samples that are compared: of the same weeks of a course, and the same again when more data have come."""

from __future__ import annotations

import numpy as np
import pandas as pd

from model.monitor import matched, sampled


def snapshots(weeks: dict[int, int], first: int = 0) -> pd.DataFrame:
    """So many students in each week of their course."""
    days = np.repeat([7.0 * week + 2 for week in weeks], list(weeks.values()))
    ids = [f"e{first + one}" for one in range(len(days))]
    return pd.DataFrame({"enrolment_id": ids, "day": 100, "days_since_start": days})


def shares(rows: pd.DataFrame) -> dict[int, float]:
    return (rows["days_since_start"] // 7).astype(int).value_counts(normalize=True).to_dict()


def test_the_reference_stands_in_the_weeks_of_today() -> None:
    reference, current = snapshots({0: 400, 5: 400, 20: 400}), snapshots({5: 30, 20: 90})
    chosen, has_mates = matched(reference, current, 1000)
    assert has_mates.all()
    assert len(chosen) == 1000
    assert shares(reference.iloc[chosen]) == shares(current) == {20: 0.75, 5: 0.25}


def test_a_week_without_mates_takes_them_from_weeks_nearby_and_else_is_left_out() -> None:
    reference, current = snapshots({4: 300, 6: 5}), snapshots({6: 10, 30: 10})
    chosen, has_mates = matched(reference, current, 100)
    assert has_mates.tolist() == [True] * 10 + [False] * 10
    assert set(shares(reference.iloc[chosen])) == {4, 6}
    none, nobody = matched(snapshots({1: 3}), current, 100)
    assert (len(none), nobody.any()) == (0, False)


def test_students_whose_start_is_unknown_are_a_week_of_their_own() -> None:
    reference = pd.concat([snapshots({0: 50}), snapshots({0: 50}, 50).assign(days_since_start=np.nan)])
    chosen, _ = matched(reference, snapshots({0: 9}).assign(days_since_start=np.nan), 40)
    assert reference["days_since_start"].iloc[chosen].isna().all()


def test_the_sample_stays_when_rows_come_in_another_order_and_hardly_changes_with_more() -> None:
    rows = snapshots({3: 2000})
    small = set(sampled(rows, 500)["enrolment_id"])
    assert len(small) == 500
    assert set(sampled(rows.sample(frac=1, random_state=1), 500)["enrolment_id"]) == small
    more = set(sampled(pd.concat([rows, snapshots({3: 20}, 5000)]), 500)["enrolment_id"])
    assert len(small & more) > 480
    assert sampled(rows, 5000) is rows
