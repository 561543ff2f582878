from __future__ import annotations

import numpy as np
import pandas as pd

from features.norms import FEWEST, norms


def mates(course: str, values: list[float], *, enough: bool = True) -> pd.DataFrame:
    names = [f"{course}{i}" for i in range(len(values))]
    return pd.DataFrame(
        {"enrolment_id": names, "course_id": course, "enough_data": enough, "clicks_7d": values, "days_to_end": 1.0}
    )


def usual(rows: pd.DataFrame, feature: str = "clicks_7d") -> dict[str, list[float]]:
    table = norms(rows, [feature])
    columns = ["low", "usual", "high", "students"]
    return {row["course_id"]: [row[name] for name in columns] for row in table.to_dict("records")}


def test_the_usual_range_is_the_quartiles_of_each_course():
    rows = pd.concat([mates("a", [4, 0, 2, 1, 3]), mates("b", [10] * 5 + [20] * 4)])
    assert usual(rows) == {"a": [1, 2, 3, 5], "b": [10, 10, 20, 9]}


def test_unknown_values_are_left_out():
    assert usual(mates("a", [0, 1, np.nan, 2, 3, 4, np.nan])) == {"a": [1, 2, 3, 5]}


def test_who_has_not_enough_data_is_no_measure_for_others():
    rows = pd.concat([mates("a", [0, 1, 2, 3, 4]), mates("a", [100, 100, 100], enough=False)])
    assert usual(rows) == {"a": [1, 2, 3, 5]}


def test_fewer_than_a_handful_say_nothing_about_a_course():
    assert usual(mates("a", list(range(FEWEST - 1)))) == {}
    assert usual(mates("a", [0] * (FEWEST - 1) + [np.nan])) == {}
    assert set(usual(mates("a", list(range(FEWEST))))) == {"a"}


def test_there_is_a_row_for_each_course_and_feature():
    rows = pd.concat([mates("b", [0, 1, 2, 3, 4]), mates("a", [0, 1, 2, 3, 4])])
    table = norms(rows, ["days_to_end", "clicks_7d"])
    assert list(table.columns) == ["course_id", "feature", "low", "usual", "high", "students"]
    assert list(zip(table["course_id"], table["feature"], strict=True)) == [
        ("a", "clicks_7d"),
        ("a", "days_to_end"),
        ("b", "clicks_7d"),
        ("b", "days_to_end"),
    ]


def test_an_empty_snapshot_has_no_norms():
    assert norms(mates("a", []), ["clicks_7d"]).empty
