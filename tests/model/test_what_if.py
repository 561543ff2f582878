"""What would lower a risk, on a model that one can reckon by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model.what_if import WhatIf, what_ifs

FEATURES = ("homework_overdue_now", "homework_submitted_share", "days_without_login", "active_days_7d_rank", "age")
STEPS = {
    "homework_overdue_now": "homework",
    "homework_submitted_share": "homework",
    "days_without_login": "login",
    "active_days_7d_rank": "activity",
}
WORSE = {"homework_overdue_now": 1, "homework_submitted_share": -1, "days_without_login": 1, "active_days_7d_rank": -1}
USUAL = [0.0, 0.9, 1.0, 0.5, 30.0]
STUDENT = [3.0, 0.5, 9.0, 0.1, 60.0]
UNKNOWN = float("nan")
SETTINGS: dict[str, Any] = {
    "steps": STEPS,
    "worse": WORSE,
    "standings": ["active_days_7d_rank"],
    "least_fall": 0.01,
}


def risk(x: np.ndarray) -> np.ndarray:
    """A tenth for each overdue piece, a tenth for what was not handed in, a hundredth for each day, a tenth for age."""
    overdue, share, away, _, age = np.nan_to_num(x).T
    return 0.1 * overdue + 0.1 * (1 - share) + 0.01 * away + 0.1 * (age > 50)


def asked(
    x: list[list[float]], usual: list[list[float]] | None = None, contributions: Any = None, **how: Any
) -> list[list[WhatIf]]:
    told = np.array([[1.0, 0.5, 0.3, 0.2, 0.9]] * len(x)) if contributions is None else np.array(contributions)
    goals = np.array(usual or [USUAL] * len(x))
    return what_ifs(risk, np.array(x), told, goals, FEATURES, **SETTINGS | how)


def test_each_step_is_scored_with_all_its_features_at_the_usual_value() -> None:
    ((homework, login),) = asked([STUDENT])
    now = 0.3 + 0.05 + 0.09 + 0.1
    assert homework == WhatIf("homework_overdue_now", 3.0, 0.0, pytest.approx(now - 0.3 - 0.04))
    assert login == WhatIf("days_without_login", 9.0, 1.0, pytest.approx(now - 0.08))


def test_what_is_told_of_a_step_raises_the_risk_most() -> None:
    ((homework, _),) = asked([STUDENT], contributions=[[0.1, 0.5, 0.3, 0.2, 0.9]])
    assert (homework.feature, homework.now, homework.then) == ("homework_submitted_share", 0.5, 0.9)


def test_what_is_as_usual_or_better_stays_as_it_is() -> None:
    ((login,),) = asked([[0.0, 1.0, 9.0, 0.1, 60.0]])
    assert login.feature == "days_without_login"
    # Nothing overdue is better than usual here; setting it to the usual one would raise the risk.
    ((homework,),) = asked([[0.0, 0.5, 0.0, 0.1, 60.0]], [[1.0, 0.9, 1.0, 0.5, 30.0]])
    assert (homework.feature, homework.risk) == ("homework_submitted_share", pytest.approx(0.1 + 0.01))


def test_nobody_is_told_to_be_younger() -> None:
    assert asked([[0.0, 1.0, 0.0, 0.9, 60.0]]) == [[]]


def test_what_is_not_known_is_not_changed() -> None:
    ((login,),) = asked([[UNKNOWN, UNKNOWN, 9.0, 0.1, 60.0]])
    assert login.feature == "days_without_login"
    assert asked([STUDENT], [[UNKNOWN] * 5]) == [[]]


def test_a_rank_moves_with_its_step_and_is_not_told_alone() -> None:
    def by_rank(x: np.ndarray) -> np.ndarray:
        return 1 - x[:, 3]

    steps = {"active_days_7d_rank": "login", "days_without_login": "login"}
    x, goals = np.array([STUDENT, [0.0, 1.0, 1.0, 0.1, 20.0]]), np.array([USUAL, USUAL])
    (login,), nothing = what_ifs(by_rank, x, np.ones((2, 5)), goals, FEATURES, **SETTINGS | {"steps": steps})
    assert (login.feature, login.risk) == ("days_without_login", 0.5)
    assert nothing == []


def test_a_small_fall_is_not_told_and_the_largest_comes_first() -> None:
    assert [one.feature for one in asked([STUDENT], least_fall=0.2)[0]] == ["homework_overdue_now"]
    assert [one.feature for one in asked([STUDENT], most=1)[0]] == ["homework_overdue_now"]
    assert asked([STUDENT], least_fall=0.7) == [[]]


def test_a_model_that_sees_it_otherwise_is_not_overruled() -> None:
    def backwards(x: np.ndarray) -> np.ndarray:
        return 1 - risk(x)

    assert what_ifs(backwards, np.array([STUDENT]), np.ones((1, 5)), np.array([USUAL]), FEATURES, **SETTINGS) == [[]]


def test_rows_do_not_depend_on_each_other_and_few_calls_are_made() -> None:
    generator = np.random.default_rng(2)
    x = generator.uniform(0, 4, (200, 5))
    x[generator.random(x.shape) < 0.1] = np.nan
    calls = []

    def counted(rows: np.ndarray) -> np.ndarray:
        calls.append(len(rows))
        return risk(rows)

    told, goals = generator.normal(size=(200, 5)), np.array([USUAL] * 200)
    together = what_ifs(counted, x, told, goals, FEATURES, **SETTINGS)
    assert len(calls) <= 1 + len(set(STEPS.values()))
    assert sum(map(len, together)) > 100
    for row in range(0, 200, 20):
        here = slice(row, row + 1)
        assert what_ifs(risk, x[here], told[here], goals[here], FEATURES, **SETTINGS) == [together[row]]


def test_nobody_is_no_row() -> None:
    assert what_ifs(risk, np.empty((0, 5)), np.empty((0, 5)), np.empty((0, 5)), FEATURES, **SETTINGS) == []


def test_a_plain_value_says_from_and_to() -> None:
    assert WhatIf("homework_overdue_now", 3.0, 0.0, 0.2).as_dict() == {
        "feature": "homework_overdue_now",
        "from": 3.0,
        "to": 0.0,
        "risk": 0.2,
    }
