"""What each student chooses, compared with the same choice made one student at a time in plain Python."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from features.errors import BadInput
from serving.allocation import Offers, choose
from serving.decide.worth import priced
from tests.thorough import examples

NAMES = ("budget", "minutes:anna", "sms")


def table(rows: list[tuple[int, float, int, tuple[float, ...]]], names: tuple[str, ...] = NAMES) -> Offers:
    """Offers of rows (student, value, place, uses)."""
    student, value, place, uses = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Offers(
        student=np.array(student, dtype=np.int64),
        value=np.array(value, dtype=float),
        place=np.array(place, dtype=np.int64),
        uses=csr_matrix(np.array(uses, dtype=float).reshape(len(rows), len(names))),
        resources=names,
    )


def nothing(student: int) -> tuple[int, float, int, tuple[float, ...]]:
    return (student, 0.0, -1, (0.0, 0.0, 0.0))


_AMOUNTS = st.sampled_from([0.0, 0.1, 1.0, 3.0, 12.5])
_VALUES = st.sampled_from([-1.0, 0.0, 0.1, 0.3, 0.30000000000000004, 1.0, 7.0]) | st.floats(-1e6, 1e6)


@given(
    st.lists(st.lists(st.tuples(_VALUES, _AMOUNTS, _AMOUNTS, _AMOUNTS), max_size=4), max_size=5),
    st.tuples(*[st.sampled_from([0.0, 0.1, 1 / 3]) | st.floats(0, 1e5)] * 3),
    st.randoms(use_true_random=False),
)
@settings(max_examples=examples(300), deadline=None)
def test_everybody_chooses_as_one_student_alone_would(wanted, amounts, random):
    prices = dict(zip(NAMES, amounts, strict=True))
    rows, expected = [], []
    for student, offers in enumerate(wanted):
        mine = [(0.0, -1, {})]
        for place, (value, *uses) in enumerate(offers):
            mine.append((value, place, {name: use for name, use in zip(NAMES, uses, strict=True) if use}))
        random.shuffle(mine)  # the order of the rows of a student says nothing
        best = min(range(len(mine)), key=lambda at: (-priced(mine[at][0], mine[at][2], prices), mine[at][1]))
        expected.append(len(rows) + best)
        rows += [(student, value, place, tuple(uses.get(n, 0.0) for n in NAMES)) for value, place, uses in mine]
    assert choose(table(rows), prices).tolist() == expected


def test_the_last_digit_is_that_of_one_student_alone():
    draw = np.random.default_rng(5)
    amounts = draw.random((500, 3))
    prices = dict(zip(NAMES, draw.random(3).tolist(), strict=True))
    values = amounts @ np.array(list(prices.values()))  # the net of everybody is nought but for rounding
    rows = [row for n in range(500) for row in (nothing(n), (n, float(values[n]), 0, tuple(amounts[n])))]
    alone = [priced(float(values[n]), dict(zip(NAMES, amounts[n].tolist(), strict=True)), prices) for n in range(500)]
    assert min(alone) < 0 < max(alone)
    assert choose(table(rows), prices).tolist() == [2 * n + (net > 0) for n, net in enumerate(alone)]


def test_uses_may_stand_in_any_order_and_hold_zeros():
    offers = table([nothing(0), (0, 10.0, 1, (0.1, 0.2, 0.3))])
    mixed = csr_matrix((np.array([0.3, 0.1, 0.2, 0.0]), np.array([2, 0, 1, 1]), np.array([0, 0, 4])), shape=(2, 3))
    again = Offers(offers.student, offers.value, offers.place, mixed, NAMES)
    prices = {"budget": 10.0, "minutes:anna": 20.0, "sms": 16.666666666666668}
    value = priced(10.0, {"budget": 0.1, "minutes:anna": 0.2, "sms": 0.3}, prices)
    assert choose(offers, prices).tolist() == choose(again, prices).tolist() == [1 if value > 0 else 0]


def test_of_equals_the_smaller_place_wins():
    offers = table([(0, 5.0, 3, (0.0, 5.0, 0.0)), (0, 4.0, 2, (4.0, 0.0, 0.0)), nothing(0)])
    assert choose(offers, {"budget": 0.25, "minutes:anna": 0.4, "sms": 0.0}).tolist() == [1]
    assert choose(offers, {"budget": 1.0, "minutes:anna": 1.0, "sms": 0.0}).tolist() == [2]


@pytest.mark.parametrize(
    ("rows", "where"),
    [
        ([nothing(0), nothing(1), (1, float("nan"), 0, (0, 0, 1))], "student 1: a value"),
        ([nothing(0), nothing(1), nothing(2), (2, float("inf"), 0, (0, 0, 1))], "student 2: a value"),
        ([nothing(0), nothing(1), (1, 1.0, 0, (0, float("nan"), 1))], "student 1: a use"),
        ([nothing(0), (0, 1.0, 0, (0, -1.0, 1))], "student 0: a use"),
        ([nothing(0), (0, 1.0, 0, (0, 1e-300, 1))], "student 0: a use"),
        ([nothing(0), (1, 1.0, 0, (0, 1.0, 0))], "student 1: there is no offer of doing nothing"),
        ([nothing(0), (1, 0.0, 0, (0, 1.0, 0))], "student 1: there is no offer of doing nothing"),
        ([nothing(1), nothing(0)], "sorted order"),
        ([nothing(0), nothing(2)], "sorted order"),
        ([nothing(1)], "sorted order"),
    ],
)
def test_offers_that_cannot_be_weighed_are_refused_by_student(rows, where):
    with pytest.raises(BadInput, match=where):
        table(rows)


def test_columns_and_names_must_fit():
    good = table([nothing(0)])
    with pytest.raises(BadInput, match="length"):
        Offers(good.student, good.value, good.place, csr_matrix((2, 3)), NAMES)
    with pytest.raises(BadInput, match="twice"):
        table([nothing(0)], ("sms", "sms", "budget"))


def test_a_resource_without_a_price_is_told():
    with pytest.raises(BadInput, match="no price of sms"):
        choose(table([nothing(0)]), {"budget": 0.0, "minutes:anna": 0.0})


def test_nobody_chooses_nothing():
    assert choose(table([]), dict.fromkeys(NAMES, 1.0)).tolist() == []
