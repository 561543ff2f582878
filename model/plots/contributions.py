"""Plots of exact contributions (TreeSHAP): what moves the risk, and how it follows a feature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from model.plots.sheet import BLUE, GREY, INK, SKY, low_to_high, say, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

UNKNOWN = "#A9A9A9"


def shap_summary(
    contributions: np.ndarray, x: np.ndarray, features: Sequence[str], about: str, most: int = 15
) -> Figure:
    """What moves the risk, how far and which way? One point for each row and feature, the strongest feature on top.

    Args:
        contributions: (n, f) or (n, f + 1) served log-odds; a base at the end is left out.
        x: (n, f) values, NaN is unknown.
        features: (f,) names.
        about: what lies behind the plot.
        most: how many features.

    Source: the summary plot of Lundberg et al. (2020), Nature Machine Intelligence 2:56-67.
    """
    chosen = _strongest(contributions, features, most)
    figure, (axes,) = sheet("What moves the risk?", about, 8.4, 1.6 + 0.36 * len(chosen))
    axes.axvline(0, color=GREY, linewidth=0.8)
    for place, at in enumerate(chosen[::-1]):
        moved, rank = contributions[:, at], _ranks(x[:, at])
        height = place + _swarm(moved)
        known = ~np.isnan(rank)
        axes.scatter(moved[~known], height[~known], s=5, color=UNKNOWN, linewidth=0)
        points = axes.scatter(
            moved[known], height[known], c=rank[known], s=5, cmap=low_to_high(), vmin=0, vmax=1, linewidth=0
        )
        beside: Any = {"xycoords": ("axes fraction", "data"), "fontsize": 8, "color": GREY, "va": "center"}
        axes.annotate(f"{np.abs(moved).mean():.2f}", (1.01, place), **beside)
    axes.annotate("mean size", (1.01, len(chosen) - 0.5), **beside)
    axes.set_yticks(range(len(chosen)), [features[at] for at in chosen[::-1]])
    bar = figure.colorbar(points, ax=axes, pad=0.09, aspect=30, shrink=0.7)
    bar.set_ticks([0, 1], labels=["low", "high"])
    bar.set_label("the feature's value (grey: unknown)", fontsize=9, color=INK)
    bar.outline.set_visible(False)
    axes.set_ylim(-0.6, len(chosen) - 0.3)
    say(axes, "contribution to the log-odds: left lowers the risk, right raises it", "")
    axes.grid(visible=False, axis="y")
    return figure


def shap_dependence(
    contributions: np.ndarray, x: np.ndarray, features: Sequence[str], about: str, most: int = 6
) -> Figure:
    """How does the risk follow each of the strongest features? Points are rows, the line their middle.

    Arguments as `shap_summary`. Values beyond the middle 98 % are left out of sight; unknown ones stand at the left.
    """
    chosen = _strongest(contributions, features, most)
    figure, places = sheet("How does the risk follow a feature?", about, 10.5, 6.2, columns=3, rows=(1, 1))
    for axes, at in zip(places, chosen, strict=False):
        axes.axhline(0, color=GREY, linewidth=0.8)
        _follow(axes, x[:, at], contributions[:, at])
        unknown = np.isnan(x[:, at]).mean()
        say(axes, features[at] + (f"\n(box: unknown, {100 * unknown:.0f} %)" if unknown else ""), "log-odds")
    for axes in places[len(chosen) :]:
        axes.set_visible(False)
    return figure


def _strongest(contributions: np.ndarray, features: Sequence[str], most: int) -> np.ndarray:
    """Columns of the features with the largest mean size, the largest first."""
    return np.argsort(-np.abs(contributions[:, : len(features)]).mean(axis=0), kind="stable")[:most]


def _follow(axes: Axes, value: np.ndarray, moved: np.ndarray) -> None:
    """Contributions over the known values with their middle line, and a box of those whose value is unknown."""
    known = ~np.isnan(value)
    low, high = np.percentile(value[known], [1, 99]) if known.any() else (0.0, 1.0)
    reach = (high - low) or 1.0
    if known.any():
        jitter = np.random.default_rng(0).uniform(-0.006, 0.006, int(known.sum())) * reach
        axes.scatter(value[known] + jitter, moved[known], s=5, color=SKY, alpha=0.5, linewidth=0)
        axes.plot(*_middle_line(value[known], moved[known]), color=BLUE, linewidth=1.8)
    axes.set_xlim(low - (0.04 if known.all() else 0.16) * reach, high + 0.04 * reach)
    if not known.all():
        place, width = low - 0.1 * reach, 0.05 * reach
        line = {"color": INK}
        axes.boxplot(
            moved[~known], positions=[place], widths=width, showfliers=False, manage_ticks=False, medianprops=line
        )


def _ranks(values: np.ndarray) -> np.ndarray:
    """Places among the known values, 0 to 1, equal values sharing one; NaN stays."""
    known = values[~np.isnan(values)]
    places = (np.searchsorted(np.sort(known), values) + np.searchsorted(np.sort(known), values, "right") - 1) / 2
    return np.where(np.isnan(values), np.nan, places / max(1, len(known) - 1))


def _swarm(moved: np.ndarray, bins: int = 120, reach: float = 0.42) -> np.ndarray:
    """Heights that keep points of nearly equal contribution apart, (n,) within -reach to reach."""
    edges = np.linspace(moved.min(), moved.max() + 1e-12, bins)
    column = np.digitize(moved, edges)
    order = np.lexsort((moved, column))
    _, start, size = np.unique(column[order], return_index=True, return_counts=True)
    place = np.arange(len(moved)) - np.repeat(start, size)
    height = np.empty(len(moved))
    height[order] = ((place + 1) // 2) * np.where(place % 2, 1, -1)
    return reach * height / max(1, np.abs(height).max())


def _middle_line(value: np.ndarray, moved: np.ndarray, bins: int = 12) -> tuple[list[float], list[float]]:
    """Middle contributions of each value that is not rare, or of bins of equal size where there are many values."""
    values, counts = np.unique(value, return_counts=True)
    if len(values) > 2 * bins:
        edges = np.quantile(value, np.linspace(0, 1, bins + 1))[1:-1]
        column = np.digitize(value, edges)
        groups = [column == one for one in np.unique(column)]
    else:
        groups = [value == one for one in values[counts >= 0.005 * len(value)]]
    return [float(np.median(value[one])) for one in groups], [float(np.median(moved[one])) for one in groups]
