from __future__ import annotations

import json
import math

import numpy as np

from model.explain import BASE, LEAST, family_sums, reasons, strength

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
WORSE = {"active_days_7d": -1, "longest_gap_28d": 1, "homework_overdue_now": 1, "homework_mean_score": -1}


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
    assert names([0.6, 0, 0.5, 0.4, 0, 0, 0.06]) == ["clicks_7d", "active_days_7d", "tickets_open_now"]


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


def test_no_reasons_when_nothing_raises_the_risk_to_speak_of() -> None:
    assert names([-0.1] * 7) == []
    assert names([LEAST, LEAST - 0.01, 0, 0, LEAST - 0.01, 0, 0]) == ["clicks_7d"]


def test_a_rank_is_the_same_news_as_what_it_ranks() -> None:
    features = ("active_days_7d", "active_days_14d_rank", "tickets_open_now")
    told = reasons([0.3, 0.4, 0.1], [0.0, 0.1, 1.0], features, families={})
    assert [one.feature for one in told] == ["active_days_14d_rank", "tickets_open_now"]


def test_a_reason_of_last_night_stays_until_another_is_clearly_stronger() -> None:
    before = ["homework_overdue_now", "tickets_open_now", "clicks_7d"]
    night = [0.2, 0, 0, 0.25, 0.3, 0, 0.22]
    assert names(night) == ["homework_overdue_now", "longest_gap_28d", "tickets_open_now"]
    assert names(night, before=before, keeps=0.5) == ["homework_overdue_now", "tickets_open_now", "clicks_7d"]
    assert names(night, before=before, keeps=0.9) == ["homework_overdue_now", "longest_gap_28d", "tickets_open_now"]
    much = [0.2, 0, 0, 0.41, 0.3, 0, 0.22]
    assert names(much, before=before, keeps=0.5)[0] == "longest_gap_28d"
    assert "clicks_7d" not in names(much, before=before, keeps=0.5)


def test_a_reason_of_last_night_that_no_longer_raises_the_risk_goes() -> None:
    before = ["homework_overdue_now", "tickets_open_now", "clicks_7d"]
    assert names([-0.1, 0, 0, 0.1, 0.3, 0, 0.0], before=before, keeps=0.1) == [
        "homework_overdue_now",
        "longest_gap_28d",
    ]


def test_a_reason_of_last_night_stays_a_little_below_what_a_new_one_needs() -> None:
    weak = [0.8 * LEAST, 0, 0, 0, 0, 0, 0]
    assert names(weak) == []
    assert names(weak, before=["clicks_7d"], keeps=0.5) == ["clicks_7d"]
    assert names([0.4 * LEAST, 0, 0, 0, 0, 0, 0], before=["clicks_7d"], keeps=0.5) == []


def test_the_window_that_was_told_keeps_speaking_for_its_measure() -> None:
    assert names([0.5, 0.6, 0, 0, 0, 0, 0], before=["clicks_7d"], keeps=0.5) == ["clicks_7d"]


def test_what_was_told_for_lack_of_knowledge_gives_way_to_what_is_known() -> None:
    unknown = [1.0, 5.0, 0.0, 12.0, math.nan, 55.0, 1.0]
    assert names([0.1, 0, 0, 0, 0.9, 0, 0], unknown, before=["homework_overdue_now"], keeps=0.5) == ["clicks_7d"]


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


def praised(contributions: list[float], values: list[float] = VALUES, **how: object) -> str | None:
    one = strength(contributions, values, FEATURES, families=FAMILIES, worse=WORSE, **how)
    return one.feature if one else None


def test_strength_is_what_lowers_the_risk_most_of_what_can_be_praised() -> None:
    good = [1.0, 5.0, 4.0, 0.0, 0.0, 91.0, 1.0]
    assert praised([-0.9, 0, -0.3, -0.1, -0.2, -0.25, -0.8], good) == "active_days_7d"
    assert praised([-0.9, 0, 0.3, -0.1, -0.2, -0.25, -0.8], good) == "homework_mean_score"
    assert praised([0.1] * 7, good) is None
    assert praised([-0.9, -0.9, 0, 0, 0, 0, -0.9], good) is None


def test_a_little_of_a_bad_thing_and_none_of_a_good_one_are_no_strengths() -> None:
    lower = [0, 0, -0.3, -0.4, -0.5, 0, 0]
    assert praised(lower, [0, 0, 0.0, 2.0, 1.0, 0, 0]) is None
    assert praised(lower, [0, 0, 0.0, 0.0, 1.0, 0, 0]) == "longest_gap_28d"
    assert praised(lower, [0, 0, math.nan, math.nan, math.nan, 0, 0]) is None


def test_less_of_a_good_thing_than_is_usual_is_no_strength() -> None:
    lower = [0, 0, -0.3, 0, 0, 0, 0]
    usual = {"active_days_7d": (3.0, 4.0, 5.0)}
    assert praised(lower, [0, 0, 3.0, 0, 0, 0, 0], usual=usual) is None
    assert praised(lower, [0, 0, 4.0, 0, 0, 0, 0], usual=usual) == "active_days_7d"


def test_a_strength_that_all_course_mates_share_comes_last() -> None:
    good, usual = [0, 0, 4.0, 0, 0.0, 0, 0], {"homework_overdue_now": (0.0, 0.0, 0.0)}
    assert praised([0, 0, -0.1, 0, -0.9, 0, 0], good, usual=usual) == "active_days_7d"
    assert praised([0, 0, 0.1, 0, -0.9, 0, 0], good, usual=usual) == "homework_overdue_now"


def test_families_and_the_base_make_up_the_whole_and_are_the_same_alone_and_among_others() -> None:
    parts = np.random.default_rng(1).normal(size=(50, 8)) * 10.0 ** np.arange(-4, 4)
    families = [FAMILIES[name] for name in FEATURES]
    sums = family_sums(parts, families)
    assert list(sums) == ["activity", "homework", "support", BASE]
    assert np.allclose(sum(sums.values()), parts.sum(axis=1), rtol=0, atol=1e-9)
    assert np.array_equal(sums["support"], parts[:, 6])
    assert np.array_equal(sums[BASE], parts[:, 7])
    for row in (0, 17, 49):
        alone = family_sums(parts[row : row + 1], families)
        assert {name: one[0] for name, one in alone.items()} == {name: one[row] for name, one in sums.items()}
