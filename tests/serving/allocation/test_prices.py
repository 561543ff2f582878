"""Prices against brute force: capacities are kept, little is left over, and what is missed is told."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix

from features.errors import BadInput
from serving.allocation import Offers, Prices, choose, price, prices
from tests.thorough import examples

METHODS = [pytest.param(20_000, id="lp"), pytest.param(0, id="bisection")]


def table(students: list[list[tuple[float, tuple[float, ...]]]], names: tuple[str, ...]) -> Offers:
    """Offers of each student's (value, uses); the first row of each is to do nothing."""
    rows = [(at, 0.0, 0, (0.0,) * len(names)) for at in range(len(students))]
    rows += [(at, v, place, u) for at, mine in enumerate(students) for place, (v, u) in enumerate(mine, 1)]
    rows.sort(key=lambda row: (row[0], row[2]))
    student, value, place, uses = zip(*rows, strict=True) if rows else ((), (), (), ())
    return Offers(
        np.array(student, dtype=np.int64),
        np.array(value, dtype=float),
        np.array(place, dtype=np.int64),
        csr_matrix(np.array(uses, dtype=float).reshape(len(rows), len(names))),
        names,
    )


def school(students: int, seed: int = 3, pools: int = 4) -> tuple[Offers, dict[str, float]]:
    """Students of several curators, each with an SMS, materials and a call; everything but the materials is short."""
    draw = np.random.default_rng(seed)
    names = ("budget", *(f"minutes:{n}" for n in range(pools)), "sms")
    offers = []
    for at in range(students):
        minutes = np.zeros(pools)
        minutes[at % pools] = draw.choice([10.0, 15.0, 20.0])
        sms, materials, call = draw.lognormal((4.0, 3.8, 5.2), 0.7)
        none = (0.0,) * pools
        offers.append([(sms, (10.0, *none, 1.0)), (materials, (60.0, *none, 0.0)), (call, (25.0, *minutes, 0.0))])
    caps = dict.fromkeys(names[1:-1], 120.0) | {"sms": float(students // 8), "budget": 6.0 * students}
    return table(offers, names), caps


def used(offers: Offers, found: Prices) -> dict[str, float]:
    """What the choices at these prices use, summed exactly."""
    dense = offers.uses.toarray()[choose(offers, found.by_resource)]
    return {name: math.fsum(dense[:, at]) for at, name in enumerate(offers.resources)}


def optimum(offers: Offers, caps: dict[str, float]) -> float:
    """The best of all ways to choose."""
    dense = offers.uses.toarray()
    limits = np.array([caps.get(name, math.inf) for name in offers.resources])
    ways = product(*(np.flatnonzero(offers.student == at) for at in range(offers.students)))
    return max(offers.value[list(way)].sum() for way in ways if (dense[list(way)].sum(axis=0) <= limits).all())


@st.composite
def markets(draw, most_resources: int = 3) -> tuple[Offers, dict[str, float]]:
    """Small markets without equals: every value is a whole number and a little more, each its own."""
    names = ("budget", "minutes:anna", "sms")[: draw(st.integers(1, most_resources))]
    uses = st.tuples(*[st.sampled_from([0.0, 0.0, 1.0, 2.0, 3.5])] * len(names))
    wanted = draw(st.lists(st.lists(st.tuples(st.integers(-2, 40), uses), max_size=3), min_size=1, max_size=5))
    apart = iter(draw(st.permutations(range(sum(map(len, wanted))))))
    offers = table([[(v + 0.001 * next(apart) + 0.0003, u) for v, u in mine] for mine in wanted], names)
    caps = draw(st.fixed_dictionaries({}, optional=dict.fromkeys(names, st.sampled_from([0.0, 1.0, 2.5, 4.0, 9.0]))))
    return offers, caps


@pytest.mark.parametrize("exact_rows", METHODS)
@given(market=markets())
@settings(max_examples=examples(120), deadline=None)
def test_capacities_are_kept_and_at_most_a_row_a_constraint_is_missed(exact_rows, market):
    offers, caps = market
    found = price(offers, caps, exact_rows=exact_rows)
    assert found.used == used(offers, found)
    assert all(found.used[name] <= cap for name, cap in caps.items() if name in found.used)
    assert all(0 <= one < math.inf for one in found.by_resource.values())
    assert found.value == pytest.approx(offers.value[choose(offers, found.by_resource)].sum())
    best = optimum(offers, caps)
    assert best - len(caps) * offers.value.max() - 1e-9 <= found.value <= best + 1e-9
    assert found.value >= best * (1 - found.gap) - 1e-6  # the gap is no smaller than what is really missed


@pytest.mark.parametrize("exact_rows", METHODS)
@given(market=markets())
@settings(max_examples=examples(60), deadline=None)
def test_no_single_price_can_be_lowered(exact_rows, market):
    offers, caps = market
    found = price(offers, caps, exact_rows=exact_rows)
    now, dense = choose(offers, found.by_resource), offers.uses.toarray()
    limits = np.array([caps.get(name, math.inf) for name in offers.resources])
    for at, name in enumerate(offers.resources):
        top = found.by_resource[name]
        if top == 0:
            continue
        free = offers.value - dense @ [0 if n == name else found.by_resource[n] for n in offers.resources]
        with np.errstate(divide="ignore", invalid="ignore"):
            edges = (free[:, None] - free) / (dense[:, at][:, None] - dense[:, at])
        edges = sorted({0.0, *edges[np.isfinite(edges) & (edges > 0) & (edges < top)].tolist()}, reverse=True)
        below = [(a + b) / 2 for a, b in pairwise(edges)] + [0.0]
        chosen = (choose(offers, found.by_resource | {name: one}) for one in below)
        lowered = next((one for one in chosen if not np.array_equal(one, now)), None)
        assert lowered is not None, f"{name} has a price that changes nothing"
        assert (dense[lowered].sum(axis=0) > limits).any()


@pytest.mark.parametrize("exact_rows", METHODS)
@given(
    st.lists(st.floats(0.01, 100), min_size=1, max_size=30, unique=True),
    st.integers(0, 30),
    st.sampled_from([1.0, 10.0, 12.5]),
)
@settings(max_examples=examples(60), deadline=None)
def test_calls_of_one_length_go_to_the_best(exact_rows, values, calls, minutes):
    values = sorted(values)
    assume(min(np.diff(values), default=1) > 1e-6)
    offers = table([[(value, (minutes,))] for value in values], ("minutes:anna",))
    found = price(offers, {"minutes:anna": calls * minutes}, exact_rows=exact_rows)
    taken = offers.value[choose(offers, found.by_resource)]
    assert sorted(taken[taken > 0]) == values[len(values) - min(calls, len(values)) :]
    assert (found.by_resource["minutes:anna"] > 0) == (calls < len(values))


@pytest.mark.parametrize("exact_rows", METHODS)
@given(market=markets(most_resources=1), more=st.sampled_from([0.5, 1.0, 6.0]))
@settings(max_examples=examples(60), deadline=None)
def test_more_of_the_one_resource_is_never_worth_less(exact_rows, market, more):
    offers, caps = market
    grown = {name: cap + more for name, cap in caps.items()}
    assert price(offers, grown, exact_rows=exact_rows).value >= price(offers, caps, exact_rows=exact_rows).value - 1e-9


def test_both_methods_agree_on_a_school_and_miss_a_call_a_curator_at_most():
    offers, caps = school(800)
    lp, bisection = price(offers, caps), price(offers, caps, exact_rows=0)
    assert (lp.method, bisection.method) == ("lp", "bisection")
    dearest_call = max(offers.value)
    for found in (lp, bisection):
        kept = used(offers, found)
        assert all(kept[name] <= cap for name, cap in caps.items())
        assert all(found.by_resource[name] > 0 for name in caps)
        assert found.gap * found.value < len(caps) * dearest_call
        assert found.gap < 0.02
    assert bisection.value == pytest.approx(lp.value, rel=0.01)


@pytest.mark.parametrize("exact_rows", METHODS)
@pytest.mark.parametrize("seed", [1, 2])
def test_money_that_a_full_day_of_one_curator_held_back_goes_to_others(exact_rows, seed):
    offers, caps = school(1200, seed, pools=20)
    found = price(offers, caps, exact_rows=exact_rows)
    assert caps["budget"] - found.used["budget"] < 60  # the dearest use
    assert found.used["sms"] == caps["sms"]


@pytest.mark.parametrize("exact_rows", METHODS)
@pytest.mark.parametrize("seed", [1, 26, 47])  # the last two lose a digit on the way
def test_amounts_that_are_no_round_numbers_keep_the_last_digit_of_a_capacity(exact_rows, seed):
    draw = np.random.default_rng(seed)
    wanted = [
        [(draw.random(), (0.1, 0.0)), (draw.random(), (0.1, 0.7)), (draw.random(), (0.3, 0.1))] for _ in range(40)
    ]
    offers = table(wanted, ("budget", "sms"))
    caps = {"budget": round(draw.uniform(1, 6), 1), "sms": round(draw.uniform(1, 12), 1)}
    found = price(offers, caps, exact_rows=exact_rows)
    assert all(found.used[name] <= cap for name, cap in caps.items())
    assert found.used == pytest.approx(used(offers, found), rel=1e-12)
    assert found.gap < 0.1  # two of twenty rows


def test_more_of_everything_is_worth_more():
    offers, caps = school(400)
    values = [price(offers, {name: cap * k for name, cap in caps.items()}).value for k in (0, 0.5, 1, 2, 50)]
    assert values == sorted(values)
    assert values[0] == 0


def test_without_limits_everybody_takes_the_best():
    offers, _ = school(40)
    found = price(offers, {})
    assert set(found.by_resource.values()) == {0.0}
    assert found.value == pytest.approx(np.maximum.reduceat(offers.value, np.arange(0, 160, 4)).sum())
    assert found.gap == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("exact_rows", METHODS)
def test_capacity_nought_has_a_finite_price_that_shuts_everybody_out(exact_rows):
    offers, caps = school(40)
    found = price(offers, caps | {"sms": 0.0}, exact_rows=exact_rows)
    assert found.used["sms"] == 0
    assert 0 < found.by_resource["sms"] < math.inf


def test_the_reserve_is_kept_back():
    offers, caps = school(200)
    found = price(offers, caps, reserve={"sms": 10.0, "minutes:0": 1e6})
    assert found.used["sms"] == caps["sms"] - 10
    assert found.used["minutes:0"] == 0
    assert found.caps == caps


@pytest.mark.parametrize("exact_rows", METHODS)
def test_equals_stand_or_fall_together(exact_rows):
    equals = [[(5.0, (1.0,))]] * 6
    names = ("sms",)
    found = price(table([[(9.0, (1.0,))], *equals], names), {"sms": 4.0}, exact_rows=exact_rows)
    assert found.used["sms"] == 1
    assert found.gap > 0.3  # and it is told
    assert price(table(equals, names), {"sms": 6.0}, exact_rows=exact_rows).used["sms"] == 6
    apart = [[(5.0 * (1 + 1e-6 * luck), (1.0,))] for luck in np.random.default_rng(1).random(6)]
    assert price(table(apart, names), {"sms": 4.0}, exact_rows=exact_rows).used["sms"] == 4


def test_one_student_and_none():
    offers = table([[(3.0, (10.0,)), (5.0, (20.0,))]], ("minutes:anna",))
    assert [price(offers, {"minutes:anna": cap}).value for cap in (5.0, 10.0, 20.0)] == [0.0, 3.0, 5.0]
    empty = price(table([], ("sms",)), {"sms": 5.0, "budget": 7.0})
    assert (empty.by_resource, empty.value, empty.gap) == ({"sms": 0.0, "budget": 0.0}, 0.0, 0.0)
    assert price(table([[(3.0, ())]], ()), {}).value == 3.0


@pytest.mark.parametrize("amount", [-1.0, float("nan"), float("inf")])
def test_limits_that_are_no_amount_are_refused(amount):
    offers, _ = school(8)
    with pytest.raises(BadInput, match="sms: capacity"):
        price(offers, {"sms": amount})
    with pytest.raises(BadInput, match="sms: reserve"):
        price(offers, {"sms": 1.0}, reserve={"sms": amount})


def test_where_the_solver_has_no_time_the_prices_are_searched(monkeypatch):
    monkeypatch.setattr(prices, "LP_SECONDS", 0.0)
    offers, caps = school(100)
    assert price(offers, caps).method == "bisection"


def test_a_price_lies_between_who_gets_in_and_who_does_not():
    offers = table([[(value, (1.0,))] for value in (4.0, 6.0, 9.0)], ("sms",))
    assert price(offers, {"sms": 2.0}).by_resource["sms"] == pytest.approx(5.0)
