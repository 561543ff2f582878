"""Drawings stay inside their frames and keep the order of the values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serving.page import figures

numbers = st.floats(-1e6, 1e6) | st.none() | st.just(math.nan)


@given(st.fixed_dictionaries(dict.fromkeys(("value", "usual_low", "usual", "usual_high", "week_ago"), numbers)))
def test_a_plot_is_inside_its_frame(reason: dict[str, float | None]) -> None:
    plot = figures.plot(reason)
    if plot is not None:
        for x in (plot.value, plot.low, plot.middle, plot.week_ago):
            assert x is None or 0 <= x <= 240


def test_a_plot_keeps_the_order() -> None:
    plot = figures.plot({"value": 12, "usual_low": 0, "usual": 1, "usual_high": 3, "week_ago": 5})
    assert plot is not None
    assert None not in (plot.low, plot.middle, plot.week_ago)
    assert plot.low < plot.middle < plot.week_ago < plot.value  # type: ignore[operator]
    assert (plot.low, plot.value) == (6.0, 232.0)


def test_nothing_to_compare_with_is_not_drawn() -> None:
    assert figures.plot({"value": 12.0}) is None
    assert figures.plot({"usual_low": 1.0, "usual_high": 2.0}) is None


@given(st.lists(st.floats(0, 1) | st.none()))
def test_no_risk_passes_the_top_of_its_scale(risks: list[float | None]) -> None:
    top = figures.scale(risks)
    for risk in risks:
        assert risk is None or 0 <= figures.bar_width(risk, top) <= 100


@given(st.lists(st.floats(0, 1), max_size=40))
def test_a_trend_is_inside_its_frame(risks: list[float]) -> None:
    trend = figures.trend(risks)
    assert (trend is None) is (len(risks) < 3)
    if trend is not None:
        points = [tuple(map(float, point.split(","))) for point in trend.line.split()]
        assert len(points) == len(risks)
        assert all(0 <= x <= 120 and 0 <= y <= 32 for x, y in points)
        assert points[-1] == (trend.x, trend.y)


def test_parts_go_out_from_the_middle_and_the_largest_fills_its_half() -> None:
    families = [
        {"family": "homework", "contribution": -0.5},
        {"family": "video", "contribution": 0.0},
        {"family": "activity", "contribution": 1.0},
        {"family": "support", "contribution": 0.004},
        {"family": "base", "contribution": -3.0},
    ]
    up, down = figures.parts(families)
    assert (up.family, up.x, up.width) == ("activity", 50.0, 50.0)
    assert (down.family, down.x, down.width) == ("homework", 25.0, 25.0)
    assert up.share + abs(down.share) == pytest.approx(1.0, abs=0.005)
    assert down.share < 0


@pytest.mark.parametrize("families", [[], [{"family": "base", "contribution": -3.0}]])
def test_without_families_there_are_no_parts(families: list[dict[str, object]]) -> None:
    assert figures.parts(families) == []


def test_what_moves_nothing_is_no_part() -> None:
    assert figures.parts([{"family": "activity", "contribution": 0.0}]) == []
