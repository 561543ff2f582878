from __future__ import annotations

import json
import math

from model.explain import reasons, strength

FEATURES = (
    "clicks_7d",
    "clicks_28d",
    "active_days_7d",
    "longest_gap_28d",
    "homework_overdue_now",
    "homework_mean_score",
    "tickets_open_now",
)
FAMILIES = dict(
    zip(FEATURES, ["activity", "activity", "activity", "activity", "homework", "homework", "support"], strict=True)
)
VALUES = [1.0, 5.0, 0.0, 12.0, 3.0, 55.0, 1.0]


def names(contributions: list[float], values: list[float] = VALUES, **how: object) -> list[str]:
    return [one.feature for one in reasons(contributions, values, FEATURES, families=FAMILIES, **how)]


def test_only_what_raises_the_risk_strongest_first_and_not_the_base() -> None:
    assert names([0.1, -0.5, 0.0, -0.1, 0.3, -0.2, 0.2, 9.0]) == [
        "homework_overdue_now",
        "tickets_open_now",
        "clicks_7d",
    ]


def test_windows_of_one_measure_speak_once() -> None:
    assert names([0.5, 0.6, 0, 0, 0.1, 0, 0.05]) == ["clicks_28d", "homework_overdue_now", "tickets_open_now"]


def test_a_family_speaks_twice_at_most_while_others_have_something_to_say() -> None:
    assert names([0.6, 0, 0.5, 0.4, 0, 0, 0.01]) == ["clicks_7d", "active_days_7d", "tickets_open_now"]


def test_a_family_speaks_again_when_nothing_else_is_left() -> None:
    assert names([0.6, 0, 0.5, 0.4, 0, 0, -0.01]) == ["clicks_7d", "active_days_7d", "longest_gap_28d"]


def test_unknown_values_are_reasons_only_when_nothing_else_is() -> None:
    unknown = [1.0, 5.0, 0.0, 12.0, math.nan, 55.0, math.nan]
    assert names([0.1, 0, 0, 0, 0.9, 0, 0.8], unknown) == ["clicks_7d"]
    assert names([0, 0, 0, 0, 0.9, 0, 0.8], unknown) == ["homework_overdue_now", "tickets_open_now"]
    assert reasons([0, 0, 0, 0, 0.9, 0, 0.8], unknown, FEATURES, families=FAMILIES)[0].value is None


def test_what_all_course_mates_share_comes_last() -> None:
    usual = {"tickets_open_now": (1.0, 1.0, 1.0), "clicks_7d": (3.0, 3.0, 3.0), "longest_gap_28d": (1.0, 12.0, 20.0)}
    assert names([0.1, 0, 0, 0.05, 0, 0, 0.9], usual=usual) == ["clicks_7d", "longest_gap_28d", "tickets_open_now"]
    assert names([0.1, 0, 0, 0.05, 0, 0, 0.9], usual=usual, most=2) == ["clicks_7d", "longest_gap_28d"]
    one = strength([-0.1, 0, 0, 0, 0, 0, -0.9], VALUES, FEATURES, families=FAMILIES, usual=usual)
    assert one is not None
    assert one.feature == "clicks_7d"


def test_no_reasons_when_nothing_raises_the_risk() -> None:
    assert names([-0.1] * 7) == []


def test_a_reason_carries_what_a_person_compares_with() -> None:
    (one,) = reasons(
        [0, 0, 0, 0, 0.4, 0, 0],
        VALUES,
        FEATURES,
        families=FAMILIES,
        usual={"homework_overdue_now": (0.0, 1.0, 2.0)},
        week_ago={"homework_overdue_now": 1.0},
    )
    assert one.as_dict() == {
        "feature": "homework_overdue_now",
        "family": "homework",
        "value": 3.0,
        "usual_low": 0.0,
        "usual": 1.0,
        "usual_high": 2.0,
        "week_ago": 1.0,
        "contribution": 0.4,
        "direction": "raises",
    }


def test_what_is_not_known_is_null_in_json() -> None:
    (one,) = reasons(
        [0, 0, 0, 0, 0.4, 0, 0], VALUES, FEATURES, families={}, week_ago={"homework_overdue_now": math.nan}
    )
    plain = json.loads(json.dumps(one.as_dict(), allow_nan=False))
    assert (plain["usual"], plain["week_ago"], plain["family"]) == (None, None, "")


def test_strength_is_the_strongest_known_value_that_lowers_the_risk() -> None:
    unknown = [*VALUES[:5], math.nan, 1.0]
    one = strength([0.1, -0.2, -0.3, 0, 0, -0.9, 0], unknown, FEATURES, families=FAMILIES)
    assert one is not None
    assert (one.feature, one.direction, one.value) == ("active_days_7d", "lowers", 0.0)
    assert strength([0.1] * 7, VALUES, FEATURES, families=FAMILIES) is None
