"""Where things stand in the small drawings: plain numbers for the templates' SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from model.explain import BASE
from serving.wording import known

_LEFT, _RIGHT = 8.0, 232.0  # of a plot 240 wide
_SCALES = (0.05, 0.1, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Plot:
    """A reason on one axis: the usual range, the student's value, and the one of a week ago, as x positions."""

    value: float
    low: float | None
    width: float | None
    middle: float | None
    week_ago: float | None


def plot(reason: Mapping[str, Any]) -> Plot | None:
    """The drawing of a reason; None when there is nothing to compare the value with."""
    values = {
        name: float(reason[name])
        for name in ("value", "usual_low", "usual", "usual_high", "week_ago")
        if known(reason.get(name)) is not None
    }
    if "value" not in values or len(values) == 1:
        return None
    first, last = min(values.values()), max(values.values())

    def x(value: float) -> float:
        share = (value - first) / (last - first) if last > first else 0.5
        return round(_LEFT + share * (_RIGHT - _LEFT), 1)

    at = {name: x(value) for name, value in values.items()}
    low, high = at.get("usual_low"), at.get("usual_high")
    if low is not None and high is not None:
        low = min(low - 2, _RIGHT)  # a range of one value is still seen
        return Plot(at["value"], low, round(high + 2 - low, 1), at.get("usual"), at.get("week_ago"))
    return Plot(at["value"], None, None, at.get("usual"), at.get("week_ago"))


@dataclass(frozen=True)
class Part:
    """What a family adds to a risk, as a bar from the middle of a line 100 wide: to the right it raises the risk.

    Attributes:
        family: its name in the catalogue.
        share: its part in everything that moves the risk, below zero when it lowers it.
        x, width: of the bar.
    """

    family: str
    share: float
    x: float
    width: float


def parts(families: Sequence[Mapping[str, Any]]) -> list[Part]:
    """The drawing of what a risk comes from: families from the one that raises it most to the one that lowers it most.

    Args:
        families: `family` and `contribution` of each; the base is the same for everybody and is left out, and so is
            what would be shown as 0 %.
    """
    moves = {one["family"]: float(one["contribution"]) for one in families if one["family"] != BASE}
    total, most = sum(map(abs, moves.values())), max(map(abs, moves.values()), default=0.0)
    found = []
    for family, move in sorted(moves.items(), key=lambda one: -one[1]):
        if abs(move) >= total / 200 > 0:
            width = round(50 * abs(move) / most, 1)
            found.append(Part(family, move / total, 50.0 if move > 0 else 50 - width, width))
    return found


def scale(risks: Sequence[float | None]) -> float:
    """The top of the risk bars of one list: the smallest round share that none of them passes."""
    highest = max((risk for risk in risks if risk is not None), default=1.0)
    return next(top for top in _SCALES if highest <= top)


def bar_width(risk: float, top: float) -> float:
    """Width of a risk bar, 0-100."""
    return round(min(100 * risk / top, 100), 1)


@dataclass(frozen=True)
class Trend:
    """A risk over several lists as a line 120 wide and 32 high, and its last point."""

    line: str
    x: float
    y: float


def trend(risks: Sequence[float]) -> Trend | None:
    """The drawing of a risk over time, from zero up; None for fewer than three points."""
    if len(risks) < 3:
        return None
    top = max(*risks, 1e-9)
    points = [
        (round(4 + 112 * at / (len(risks) - 1), 1), round(28 - 24 * risk / top, 1)) for at, risk in enumerate(risks)
    ]
    return Trend(" ".join(f"{x},{y}" for x, y in points), *points[-1])
