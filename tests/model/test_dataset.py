from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BadConfig, BadInput, NotReady
from model.dataset import Dataset, SplitSettings, forward_folds, split

FEATURES = ("clicks_7d", "noise")


def rows_of(days: list[int], enrolments: int = 4) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "enrolment_id": f"e{one}",
                "student_id": f"s{one}",
                "course_id": "c",
                "day": day,
                "clicks_7d": float(day + one),
                "noise": np.nan,
                "y": float(one == 0),
            }
            for day in days
            for one in range(enrolments)
        ]
    )


def made(rows: pd.DataFrame) -> Dataset:
    return Dataset(rows, FEATURES, "withdrawal_28d", 1, 28)


def test_says_which_columns_are_missing() -> None:
    with pytest.raises(BadInput, match="no column student_id, noise"):
        made(rows_of([1]).drop(columns=["noise", "student_id"]))


def test_refuses_an_enrolment_twice_on_one_day() -> None:
    rows = rows_of([1, 2])
    with pytest.raises(BadInput, match="1 rows are there twice, the first is e0 on day 1"):
        made(pd.concat([rows, rows.iloc[:1]]))


@pytest.mark.parametrize("wrong", [np.nan, np.inf, 2.0, -1.0])
def test_refuses_labels_that_are_not_0_or_1(wrong: float) -> None:
    rows = rows_of([1])
    rows.loc[2, "y"] = wrong
    with pytest.raises(BadInput, match="neither 0 nor 1"):
        made(rows)


def test_refuses_infinite_features_and_names_them() -> None:
    rows = rows_of([1])
    rows.loc[0, "clicks_7d"] = -np.inf
    with pytest.raises(BadInput, match="column clicks_7d"):
        made(rows)


def test_digest_is_of_the_facts_and_not_of_their_order() -> None:
    rows = rows_of([1, 8])
    same = rows.sample(frac=1, random_state=3)[list(reversed(rows.columns))].assign(more=1)
    other = rows.assign(clicks_7d=rows["clicks_7d"].where(rows.index != 3, 1e6))
    assert made(rows).digest == made(same).digest
    assert made(rows).digest != made(other).digest
    assert made(rows).digest != Dataset(rows, FEATURES, "withdrawal_28d", 2, 28).digest


def test_counts_enrolments_and_not_rows_as_cases() -> None:
    dataset = made(rows_of([1, 8, 15]))
    assert (dataset.cases, int(dataset.y.sum()), dataset.event, dataset.known_until) == (1, 3, "withdrawal", 43)


@given(
    seed=st.integers(0, 10_000),
    weeks=st.integers(2, 40),
    step=st.sampled_from([1, 7, 10]),
    horizon=st.sampled_from([7, 14, 28]),
    test_cases=st.integers(1, 40),
)
@settings(max_examples=60, deadline=None)
def test_labels_of_a_part_are_known_before_the_next_begins(
    seed: int, weeks: int, step: int, horizon: int, test_cases: int
) -> None:
    random = np.random.default_rng(seed)
    rows = rows_of([100 + step * week for week in range(weeks)], enrolments=20)
    rows["y"] = (random.random(len(rows)) < 0.1).astype(float)
    dataset = Dataset(rows, FEATURES, "withdrawal_28d", 1, horizon)
    try:
        parts = split(dataset, SplitSettings(test_cases=test_cases, least_cases=2))
    except NotReady:
        return
    assert parts.fit.day.max() + horizon <= parts.test.day.min()
    assert parts.test.day.max() == dataset.day.max()
    assert min(parts.fit.cases - 1, parts.test.cases) >= 1
    folds = forward_folds(parts.fit, SplitSettings(least_cases=2))
    assert folds
    days = [parts.fit.day[fold.later] for fold in folds]
    for fold, own in zip(folds, days, strict=True):
        assert parts.fit.day[fold.past].max() + horizon <= own.min()
    assert all(one.max() < two.min() for one, two in pairwise(days))
    assert days[-1].max() == parts.fit.day.max()


def test_test_part_is_walked_back_until_it_holds_its_cases(dataset: Dataset) -> None:
    few, many = (split(dataset, SplitSettings(test_cases=wanted)) for wanted in (5, 60))
    assert few.test.cases < 60 <= many.test.cases
    assert many.test.day.min() < few.test.day.min()


def test_courses_that_follow_each_other_and_a_small_last_one(make_rows: object) -> None:
    first = make_rows(seed=1, enrolments=600, weeks=28, course="spring")
    second = make_rows(seed=2, enrolments=120, weeks=30, course="autumn", first_day=18_000 + 7 * 33, rate=0.01)
    parts = split(made_of(first, second), SplitSettings())
    assert set(parts.test.rows["course_id"]) == {"autumn"}
    assert parts.test.cases >= 10
    assert parts.fit.cases >= 100


def made_of(*rows: pd.DataFrame) -> Dataset:
    return Dataset(pd.concat(rows), ("clicks_7d", "noise"), "withdrawal_28d", 1, 28)


def test_a_short_history_is_told_in_words_with_counts(make_rows: object) -> None:
    rows = make_rows(enrolments=300, weeks=8)
    with pytest.raises(NotReady) as refusal:
        split(made_of(rows), SplitSettings())
    cases = rows.loc[rows["y"] == 1, "enrolment_id"].nunique()
    assert f"not enough data: {cases} cases of withdrawal over 8 cut-off days" in str(refusal.value)
    assert "Import more history; until then the rules decide" in str(refusal.value)


def test_an_empty_history_is_told_too(make_rows: object) -> None:
    with pytest.raises(NotReady, match="0 cases of withdrawal over 0 cut-off days"):
        split(made_of(make_rows(weeks=2).iloc[:0]), SplitSettings())


def test_settings_that_cannot_hold_are_refused() -> None:
    with pytest.raises(BadConfig, match="least_share"):
        SplitSettings(least_share=0.5, most_share=0.4)
    with pytest.raises(BadConfig, match="at least 1"):
        SplitSettings(test_cases=0)
    with pytest.raises(BadConfig, match="first_share"):
        SplitSettings(first_share=1.0)


def test_groups_are_kept_beside_the_features_and_not_among_them() -> None:
    rows = rows_of([1, 8]).assign(gender="F")
    dataset = Dataset(rows, FEATURES, "withdrawal_28d", 1, 28, ("gender",))
    assert dataset.x.shape == (8, 2)
    assert set(dataset.where(dataset.y == 1).rows["gender"]) == {"F"}
    assert dataset.digest == made(rows).digest
    with pytest.raises(BadInput, match="no column region"):
        Dataset(rows, FEATURES, "withdrawal_28d", 1, 28, ("region",))


def test_rows_are_chosen_by_number_or_by_mark() -> None:
    dataset = made(rows_of([1, 8]))
    assert dataset.where(np.array([0, 5])).rows.equals(dataset.where(np.isin(np.arange(8), [0, 5])).rows)
