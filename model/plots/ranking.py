"""Plots of the risk itself: whether it is of the right size, and how well it orders a list.

Axes of risks are stretched near 0, so that a base rate of 2 % can be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from model import metrics
from model.metrics import Resampling
from model.plots.sheet import BLUE, DASHES, GREY, INK, LINES, MARKS, ORANGE, RED, SKY, percents, say, sheet, stretch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEAST_CASES = 5  # in a group, below which its curve is noise


def reliability(y: np.ndarray, risk: np.ndarray, students: np.ndarray, about: str, bins: int = 10) -> Figure:
    """Are the risks of the right size? Observed against predicted in bins of equal size, and below how many had which.

    Intervals are Wilson's at 95 %, with the students of a bin as its size, since the rows of one student are kin; so
    a bin without cases has one too.

    Args:
        y: (n,) 0 or 1.
        risk: (n,) probabilities.
        students: (n,) ids.
        about: what lies behind the plot; see `about`.
        bins: of equal numbers of rows.

    Source: Wilson (1927), JASA 22:209-212; Korn and Graubard (1998), Survey Methodology 24:193-201, for the size.
    """
    parts = [part for part in np.array_split(np.argsort(risk, kind="stable"), bins) if len(part)]
    told, seen = (np.array([values[part].mean() for part in parts]) for values in (risk, y))
    low, high = _wilson(seen, np.array([len(set(students[part])) for part in parts]))
    figure, (upper, lower) = sheet("Are the risks of the right size?", about, 6.4, 7.2, rows=(4, 1))
    top = 1.05 * min(1.0, max(high.max(), told.max()))
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=DASHES, label="right on average")
    upper.axhline(y.mean(), color=ORANGE, linewidth=1.2, label=f"base rate {100 * y.mean():.1f} %")
    label = f"one {len(parts)}th of the rows each, 95 % interval"
    upper.errorbar(told, seen, (seen - low, high - seen), color=BLUE, fmt="o", capsize=2, linewidth=1.2, label=label)
    edges = (np.linspace(0, np.sqrt(top), 41) ** 2).tolist()
    for values, colour, name in ((risk[y == 0], SKY, "no event"), (risk[y == 1], RED, "event ahead")):
        lower.hist(np.minimum(values, top), edges, color=colour, label=f"{name} ({len(values):,} rows)")
    lower.set_yscale("log")
    for axes in (upper, lower):
        stretch(axes, "x", top)
    stretch(upper, "y", top)
    upper.tick_params(labelbottom=False)
    say(upper, "", "observed share with the event")
    say(lower, "predicted risk (the last bar holds what lies beyond)", "rows")
    return figure


def lift_at_capacity(
    y: np.ndarray,
    scores: Mapping[str, np.ndarray],
    day: np.ndarray,
    share: float,
    resampling: Resampling,
    about: str,
) -> Figure:
    """How many of the events ahead does a part of each day's list hold? The model beside others, with its interval.

    Args:
        y: (n,) 0 or 1.
        scores: name -> (n,), larger is riskier; the first one gets a 95 % interval, students drawn whole.
        day: (n,) the day of each row's list.
        share: what curators get round to.
        resampling: of the rows' students.
        about: what lies behind the plot.
    """
    shares = np.unique(np.r_[0.02, np.arange(0.05, 0.51, 0.05), share])
    figure, (left, right) = sheet("What does working down the list find?", about, 10.5, 4.6, columns=2)
    left.plot([0, 0.5], [0, 50], color=GREY, linewidth=1, linestyle=DASHES, label="by chance")
    right.axhline(1, color=GREY, linewidth=1, linestyle=DASHES, label="by chance")
    draws = (resampling, *[Resampling(resampling.students, 0, 0)] * (len(scores) - 1))
    for (name, score), own, colour, mark in zip(scores.items(), draws, LINES, MARKS, strict=False):
        listed = [metrics.top_of_each_day(score, day, one) for one in shares]
        recall, lift = _recall_and_lift(y, listed, own)
        at = int(np.searchsorted(shares, share))
        for axes, drawn, told in ((left, 100 * recall, "{:.0f} %"), (right, lift, "{:.1f} x")):
            label = f"{name}: {told.format(drawn[0, at])} at {100 * share:g} %"
            axes.plot(shares, drawn[0], color=colour, marker=mark, markersize=4, linewidth=1.8, label=label)
            if len(drawn) > 1:
                low, high = np.nanpercentile(drawn[1:], [2.5, 97.5], axis=0)
                axes.fill_between(shares, low, high, color=colour, alpha=0.15, linewidth=0)
    for axes in (left, right):
        axes.axvline(share, color=INK, linewidth=0.8, linestyle=":")
        axes.set_xlim(0, 0.51)
        axes.xaxis.set_major_formatter(percents())
    left.set_ylim(0, 100)
    say(left, "share of each day's list that is worked through", "per cent of the events ahead (recall)")
    say(right, "share of each day's list that is worked through", "times as many as by chance (lift)")
    return figure


def precision_recall(y: np.ndarray, risk: np.ndarray, groups: np.ndarray, about: str) -> Figure:
    """How pure is the list, the further down it is worked? One curve for each group with `LEAST_CASES` or more.

    Args:
        y: (n,) 0 or 1.
        risk: (n,) larger is riskier.
        groups: (n,) names, such as weeks since the start.
        about: what lies behind the plot.
    """
    figure, (axes,) = sheet("How pure is the list, by weeks since the start?", about, 7.6, 4.8)
    names = [name for name in sorted(set(groups)) if y[groups == name].sum() >= LEAST_CASES]
    top = 0.0
    for name, colour in zip(names, LINES, strict=False):
        own = y[groups == name][np.argsort(-risk[groups == name], kind="stable")]
        hits = np.cumsum(own)
        recall, precision = hits / hits[-1], hits / np.arange(1, len(own) + 1)
        settled = hits >= 3  # before the third hit a share says nothing
        whole = metrics.average_precision(y[groups == name], risk[groups == name], _undrawn(len(own)))[0]
        base = f"base rate {100 * own.mean():.1f} %, {int(hits[-1]):,} rows with the event"
        label = f"weeks {name}: area {whole:.3f} ({base})"
        axes.plot(recall[settled], precision[settled], color=colour, linewidth=1.6, label=label)
        axes.axhline(own.mean(), color=colour, linewidth=0.8, linestyle=":")
        top = max(top, float(precision[settled].max(initial=0.0)))
    stretch(axes, "y", min(1.0, 1.1 * top or 1.0))
    axes.set_xlim(0, 1.01)
    axes.xaxis.set_major_formatter(percents())
    say(axes, "share of the events ahead that are found (recall)", "share with the event (precision)")
    return figure


def auc_by_group(
    groups: Sequence[str],
    cases: Sequence[int],
    areas: Mapping[str, Sequence[metrics.Figure]],
    about: str,
    cut: str,
) -> Figure:
    """Where does it rank well, and how sure is that? AUC with its interval, group by group, beside others.

    Args:
        groups: (g,) names, such as weeks since the start or the origins of a backtest.
        cases: (g,) enrolments with the event.
        areas: name -> (g,) areas with their intervals; unknown ones (NaN) are left out.
        about: what lies behind the plot.
        cut: what the groups are.
    """
    figure, (axes,) = sheet(f"Where does it rank well? AUC by {cut}", about, max(7.0, 0.55 * len(groups) + 3), 4.6)
    apart = 0.6 / max(1, len(areas))
    low = 0.4
    for at, ((name, found), colour, mark) in enumerate(zip(areas.items(), LINES, MARKS, strict=False)):
        numbers = np.array([(one.value, one.low, one.high) for one in found], "float64").reshape(-1, 3)
        place = np.arange(len(groups)) + (at - (len(areas) - 1) / 2) * apart
        reach = np.nan_to_num(np.abs(numbers[:, 1:] - numbers[:, :1]).T)
        axes.errorbar(place, numbers[:, 0], reach, fmt=mark, color=colour, capsize=2, markersize=6, label=name)
        low = min(low, float(np.nanmin(numbers, initial=0.4)))
    axes.axhline(0.5, color=GREY, linewidth=1, linestyle=DASHES)
    axes.annotate("chance", (0.005, 0.502), xycoords=("axes fraction", "data"), color=GREY, fontsize=8)
    labels = [f"{group}\n{many:,} cases" for group, many in zip(groups, cases, strict=True)]
    axes.set_xticks(range(len(groups)), labels, rotation=60 if len(groups) > 12 else 0)
    axes.set_ylim(low, 1.0)
    say(axes, cut, "AUC, 95 % interval")
    return figure


def score_distribution(y: np.ndarray, risk: np.ndarray, about: str) -> Figure:
    """How far apart are those with the event ahead and the others? Both as shares of their own number."""
    figure, (axes,) = sheet("How far apart are they?", about, 7.0, 4.4)
    odds = np.log(np.clip(risk, 1e-6, 1 - 1e-6)) - np.log1p(-np.clip(risk, 1e-6, 1 - 1e-6))
    edges = np.linspace(odds.min() - 1e-9, odds.max() + 1e-9, 31).tolist()
    for value, colour, name in ((0, SKY, "no event"), (1, RED, "event ahead")):
        own = odds[y == value]
        middle = f", half of them above {100 * np.median(risk[y == value]):.1f} %" if len(own) else ""
        label = f"{name}: {len(own):,} rows{middle}"
        weight = np.full(len(own), 1 / max(1, len(own)))
        axes.hist(own, edges, weights=weight, color=colour, alpha=0.35, label=label)
        axes.hist(own, edges, weights=weight, color=colour, histtype="step", linewidth=1.5)
    nice = np.array([0.0001, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 0.99])
    ticks = nice[(np.log(nice / (1 - nice)) >= edges[0]) & (np.log(nice / (1 - nice)) <= edges[-1])]
    axes.set_xticks(np.log(ticks / (1 - ticks)), [f"{100 * one:g} %" for one in ticks])
    axes.yaxis.set_major_formatter(percents())
    axes.set_ylim(top=1.25 * axes.get_ylim()[1])  # room for the legend
    say(axes, "predicted risk (axis in log-odds)", "share of the rows of each kind")
    return figure


def _recall_and_lift(
    y: np.ndarray, listed: Sequence[np.ndarray], resampling: Resampling
) -> tuple[np.ndarray, np.ndarray]:
    """Of lists (s of (n,) bool): recall and lift in the sample and in every draw, (draws + 1, s) each."""
    rows, seen = resampling.sums(np.ones_like(y), y)
    hits = np.column_stack(resampling.sums(*(top * y for top in listed)))
    sizes = np.column_stack(resampling.sums(*(top.astype("float64") for top in listed)))
    with np.errstate(divide="ignore", invalid="ignore"):
        return hits / seen[:, None], hits / sizes / (seen / rows)[:, None]


def _wilson(share: np.ndarray, size: np.ndarray, z: float = 1.959964) -> tuple[np.ndarray, np.ndarray]:
    middle = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    return np.minimum(np.maximum(middle - half, 0), share), np.maximum(np.minimum(middle + half, 1), share)


def _undrawn(rows: int) -> Resampling:
    return Resampling(np.zeros(rows, "int64"), 0, 0)
