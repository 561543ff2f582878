from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from features.clock import day_number


@pytest.fixture(scope="module")
def came(tables) -> pd.DataFrame:
    """Enrolment x day, whether the student came."""
    rows = pd.concat([tables["activity"], tables["activity_offline"]])
    return rows.pivot_table(index="enrolment_id", columns="day", values="quantity", aggfunc="size").notna()


@pytest.fixture(scope="module")
def withdrew(tables) -> pd.Series:
    """Enrolment -> day of leaving."""
    return tables["outcomes"].query("kind in ('withdrawal', 'refund')").set_index("enrolment_id")["day"]


def test_as_many_leave_as_the_true_chances_say(truth, withdrew):
    expected = float(truth["hazards"]["hazard"].sum())
    assert len(withdrew) == pytest.approx(expected, abs=4 * np.sqrt(expected))


def test_the_true_chance_ranks_who_leaves_next(made, truth, withdrew):
    rows = truth["hazards"][(truth["hazards"]["day"] - day_number(made.start)) % 7 == 0]
    day = rows["day"] - day_number(made.start)
    ahead = rows["enrolment_id"].map(withdrew) - day
    leaves = ((ahead > 0) & (ahead <= 28)).to_numpy()
    assert 0.04 < leaves.mean() < 0.09
    assert 0.78 < rank_auc(rows["hazard"].to_numpy(), leaves) < 0.92


def test_silence_tells_a_part_of_it_but_not_all(came, withdrew, truth, made):
    rows = truth["hazards"].assign(day=truth["hazards"]["day"] - day_number(made.start)).query("day % 7 == 0")
    known = came.reindex(index=sorted(set(rows["enrolment_id"])), columns=range(280), fill_value=False)
    last = np.maximum.accumulate(np.where(known, np.arange(280), -1), axis=1)
    at = known.index.get_indexer(rows["enrolment_id"])
    day = rows["day"].to_numpy()
    silent = day - np.where(day > 0, last[at, np.maximum(day - 1, 0)], -1)
    ahead = rows["enrolment_id"].map(withdrew).to_numpy() - day
    leaves = (ahead > 0) & (ahead <= 28)
    assert 0.65 < rank_auc(np.minimum(silent, 60), leaves) < 0.85
    long = silent >= 10
    assert 0.1 < leaves[long].mean() < 0.6  # most long silences end with a return


def test_engagement_falls_before_leaving(came, withdrew):
    late = withdrew[withdrew > 56]
    rows = came.reindex(index=late.index, columns=range(-60, 280), fill_value=False).to_numpy()
    back = late.to_numpy()[:, None] + 60 - np.arange(1, 57)  # 1 to 56 days before
    share = rows[np.arange(len(late))[:, None], back]
    last, before, earlier = share[:, :7].mean(), share[:, 7:21].mean(), share[:, 28:56].mean()
    assert last < before < earlier
    assert last < 0.7 * earlier


def test_fridays_and_saturdays_are_quieter(came):
    a_day = came.sum()
    quiet = np.isin(a_day.index % 7, (4, 5))  # the first day is a Monday
    assert a_day[quiet].mean() < 0.9 * a_day[~quiet].mean()


def test_the_unhappy_rate_low_in_runs(tables):
    rows = tables["ratings"].sort_values("occurred_at")
    low = rows["value"] < 3
    after_low = low[low.groupby(rows["enrolment_id"]).shift(fill_value=False)]
    assert after_low.mean() > 3 * low.mean()


def test_a_few_skip_most_of_their_videos(tables):
    seconds = tables["videos"].pivot_table(index="enrolment_id", columns="kind", values="seconds", aggfunc="sum")
    share = seconds["skipped"] / (seconds["skipped"] + seconds["watched"])
    assert 0.02 < (share > 0.5).mean() < 0.15


def rank_auc(score: np.ndarray, happened: np.ndarray) -> float:
    """Chance that one it happened to scores above one it did not; ties are half."""
    ranks = pd.Series(score).rank().to_numpy()
    positive = happened.sum()
    return float((ranks[happened].sum() - positive * (positive + 1) / 2) / (positive * (len(score) - positive)))
