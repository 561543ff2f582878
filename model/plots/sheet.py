"""The sheet that plots are drawn on: one look for all of them, and the only room that makes matplotlib's figures.

Nothing global is touched: no pyplot, no settings of the process. Colours are Okabe and Ito's, which colour-blind people
can tell apart (Wong 2011, Nature Methods 8:441).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, RED, SKY, PURPLE = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7"
GREY, PALE, INK = "#6E6E6E", "#DDDDDD", "#222222"
LINES = (BLUE, RED, GREEN, ORANGE, PURPLE, SKY)
MARKS = ("o", "s", "^", "D", "v", "P")
DASHES = (0, (4, 3))
_RISKS = np.array([0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0])


def sheet(
    title: str, about: str, width: float, height: float, *, columns: int = 1, rows: tuple[int, ...] = (1,)
) -> tuple[Figure, list[Axes]]:
    """A figure with axes, row by row: a title above, and below what lies behind it."""
    from matplotlib.figure import Figure

    figure = Figure((width, height), layout="constrained", facecolor="white")
    made = figure.subplots(len(rows), columns, squeeze=False, gridspec_kw={"height_ratios": rows})
    figure.suptitle(title, x=0.012, ha="left", fontsize=13, fontweight="bold", color=INK)
    figure.supxlabel(about, x=0.012, ha="left", fontsize=8, color=GREY)
    return figure, list(made.ravel())


def say(axes: Axes, along: str, up: str) -> None:
    """Names the axes, puts a quiet grid behind, and shows a legend where there is something to tell apart."""
    axes.set_xlabel(along, fontsize=9.5, color=INK)
    axes.set_ylabel(up, fontsize=9.5, color=INK)
    axes.tick_params(labelsize=9, colors=INK, length=3)
    axes.grid(color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color("#999999")
    if axes.get_legend_handles_labels()[1]:
        axes.legend(fontsize=8.5, frameon=True, framealpha=0.9, edgecolor="none", loc="best")


def stretch(axes: Axes, which: str, top: float) -> None:
    """An axis of risks from 0 to ``top``, stretched near 0 (by the square root, so that 0 itself can be shown)."""
    to_root: dict[str, Any] = {"functions": (lambda v: np.sqrt(np.maximum(v, 0)), lambda v: np.square(v))}
    getattr(axes, f"set_{which}scale")("function", **to_root)
    getattr(axes, f"set_{which}lim")(0, top)
    ticks = [0.0]
    for one in _RISKS[top >= _RISKS]:
        if np.sqrt(one) - np.sqrt(ticks[-1]) > 0.075 * np.sqrt(top):  # else the labels run into each other
            ticks.append(float(one))
    axis = getattr(axes, f"{which}axis")
    axis.set_ticks(ticks, labels=[f"{100 * one:g} %" for one in ticks])


def percents() -> Any:
    """Shares as whole per cents."""
    from matplotlib.ticker import FuncFormatter

    return FuncFormatter(lambda value, _: f"{100 * value:.0f} %")


def low_to_high() -> Any:
    """Colours from a low to a high value, which also differ in hue to colour-blind people."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("low to high", [BLUE, "#B9C9D6", RED])
