from __future__ import annotations

from collections import Counter
from math import fsum

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.decide.lot import draw
from tests.thorough import examples

ELIGIBLE = ("care_sms", "mentor_call", "supervisor_call", "no_action")
WEIGHTS = (("no_action", 0.4), ("care_sms", 0.25), ("mentor_call", 0.1))


def test_the_propensities_are_the_mixture_of_the_best_and_the_lot() -> None:
    drawn = draw("care_sms", ELIGIBLE, WEIGHTS, 0.1, "salt", "s1|2025-03-10|p1")
    expected = {"no_action": 0.1 * 0.4 / 0.75, "care_sms": 0.9 + 0.1 * 0.25 / 0.75, "mentor_call": 0.1 * 0.1 / 0.75}
    assert drawn.propensities == pytest.approx({**expected, "supervisor_call": 0.0})
    assert tuple(drawn.propensities) == ELIGIBLE


def test_actions_come_up_as_often_as_their_propensities_say() -> None:
    n = 40_000
    found = [draw("care_sms", ELIGIBLE, WEIGHTS, 0.5, "salt", f"s{i}") for i in range(n)]
    counted = Counter(one.action for one in found)
    for action, chance in found[0].propensities.items():
        assert counted[action] == pytest.approx(n * chance, abs=5 * (n * chance * (1 - chance)) ** 0.5)
    assert sum(one.explored for one in found) == pytest.approx(n * 0.5, rel=0.02)
    assert all(one.explored or one.action == "care_sms" for one in found)


def test_without_a_lot_the_best_is_certain() -> None:
    for weights, share in ((WEIGHTS, 0.0), ((), 0.1)):
        drawn = draw("care_sms", ELIGIBLE, weights, share, "salt", "s1")
        assert (drawn.action, drawn.explored, drawn.u) == ("care_sms", False, None)
        assert drawn.propensities == {one: float(one == "care_sms") for one in ELIGIBLE}


def test_a_best_action_that_no_lot_chooses_keeps_its_share() -> None:
    drawn = draw("supervisor_call", ELIGIBLE, WEIGHTS, 0.1, "salt", "s1")
    assert drawn.propensities["supervisor_call"] == pytest.approx(0.9)


@settings(max_examples=examples(200), deadline=None)
@given(
    weights=st.lists(st.floats(1e-6, 1e6), min_size=1, max_size=4),
    share=st.floats(0, 0.5),
    best=st.sampled_from(ELIGIBLE),
    name=st.text(max_size=20),
)
def test_every_draw_can_be_learnt_from(weights: list[float], share: float, best: str, name: str) -> None:
    drawn = draw(best, ELIGIBLE, tuple(zip(ELIGIBLE, weights, strict=False)), share, "salt", name)
    assert abs(fsum(drawn.propensities.values()) - 1) <= 1e-9
    assert drawn.propensities[drawn.action] > 0
    assert drawn == draw(best, ELIGIBLE, tuple(zip(ELIGIBLE, weights, strict=False)), share, "salt", name)
