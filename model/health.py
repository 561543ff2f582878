"""The health of a served model and its data: each finding is a figure, its limit, a verdict and plain words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from model.metrics import Resampling, figure

if TYPE_CHECKING:
    import pandas as pd

    from features.freshness import Stale
    from features.volume import Volume
    from model.health_settings import (
        CalibrationSettings,
        FeatureSettings,
        LabelSettings,
        ScoreSettings,
        VolumeSettings,
    )
    from model.monitor import Move

VERDICTS = ("green", "amber", "red")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        kind: `features`, `score`, `calibration`, `labels`, `source` or `volume`.
        name: what of that kind: `all` or a family, the label, a table.
        figure: what was measured; None when nothing could be.
        limit: what it is held against, in words.
        verdict: `green`, `amber` or `red`.
        words: the answer, for a person.
        detail: what lies behind it, as plain values; no student's.
    """

    kind: str
    name: str
    figure: float | None
    limit: str
    verdict: str
    words: str
    detail: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def worst(verdicts: Iterable[str]) -> str:
    """The worst of some verdicts; green when there are none."""
    return VERDICTS[max(map(VERDICTS.index, verdicts), default=0)]


def _judged(value: float, amber: float, red: float) -> str:
    return VERDICTS[int(value >= amber) + int(value >= red)]


def feature_findings(
    moves: Sequence[Move], families: Mapping[str, str], gain: Mapping[str, float], settings: FeatureSettings
) -> list[Finding]:
    """The share of the features used by the model that have moved, then family by family.

    Args:
        moves: of every feature looked at, used or not.
        families: feature -> family.
        gain: feature -> its share of what the model gains by its splits; a feature without any is not used.
        settings: the limits.
    """
    moved = {one.column for one in moves if _has_moved(one, settings)}
    used = [one.column for one in moves if gain.get(one.column, 0) > 0]
    gone = [name for name in used if name in moved]
    share = len(gone) / max(1, len(used))
    limit = f"amber from {settings.amber:.0%}, red from {settings.red:.0%}"
    words = f"{len(gone)} of {len(used)} features that the model uses have moved ({share:.0%})" + (
        f"; they carry {sum(gain[name] for name in gone):.0%} of its splits' gain" if gone else ""
    )
    found = [Finding("features", "all", share, limit, _judged(share, settings.amber, settings.red), words)]
    for family in dict.fromkeys(families[one.column] for one in moves):
        own = [one for one in moves if families[one.column] == family]
        far = sorted((one for one in own if one.column in moved), key=lambda one: -(one.distance or 0))
        part = len(far) / len(own)
        # A family is part of the whole above: alone it is no reason to stop.
        verdict = "amber" if part >= settings.red else "green"
        told = f"{len(far)} of {len(own)} features of {family} have moved"
        if far:
            told += ": " + ", ".join(_moved_words(one, settings) for one in far[:3]) + (", ..." if len(far) > 3 else "")
        detail = {
            one.column: {**asdict(one), "moved": one.column in moved, "gain": gain.get(one.column, 0.0)} for one in own
        }
        found.append(Finding("features", family, part, f"amber from {settings.red:.0%}", verdict, told, detail))
    return found


def _has_moved(one: Move, settings: FeatureSettings) -> bool:
    return (one.distance or 0) >= settings.moved or _is_unknown_elsewhere(one, settings)


def _is_unknown_elsewhere(one: Move, settings: FeatureSettings) -> bool:
    return abs(one.unknown_now - one.unknown_then) >= settings.unknown


def _moved_words(one: Move, settings: FeatureSettings) -> str:
    if _is_unknown_elsewhere(one, settings):
        return f"{one.column} (unknown of {one.unknown_then:.0%}, now of {one.unknown_now:.0%})"
    return f"{one.column} ({one.distance:.2f})"


def not_judged(kind: str, name: str, why: str) -> Finding:
    """What could not be looked at, and why; it raises no alarm."""
    return Finding(kind, name, None, "", "green", f"not judged: {why}")


def score_finding(move: Move, mean_then: float, mean_now: float, settings: ScoreSettings) -> Finding:
    """How far the served risks have moved; ``mean_then`` and ``mean_now`` are mean probabilities, 0-1."""
    limit = f"amber from {settings.amber:g}, red from {settings.red:g}"
    if move.distance is None:
        return not_judged("score", "risk", "too few students have a risk")
    words = (
        f"the risks have moved by {move.distance:.2f}: {mean_now:.1%} on average, {mean_then:.1%} among the model's "
        "own students in the same weeks of their courses"
    )
    verdict = _judged(move.distance, settings.amber, settings.red)
    return Finding("score", "risk", move.distance, limit, verdict, words)


def calibration_finding(rows: pd.DataFrame, whence: str, settings: CalibrationSettings) -> Finding:
    """Events expected for each one seen, of risks whose horizon is over.

    Args:
        rows: `risk` (0-1), `y` (1 for a case, 0 for none), `enrolment_id`, `student_id`; students are resampled.
        whence: where the risks come from, in words.
        settings: the limits.
    """
    low, high = 1 / settings.band, settings.band
    limit = f"red when the whole interval lies outside {low:.2f} to {high:.2f}"
    cases = rows.loc[rows["y"] == 1, "enrolment_id"].nunique()
    if cases < settings.cases:
        why = f"{cases} events were seen, at least {settings.cases} are needed ({whence})"
        return not_judged("calibration", "expected_observed", why)
    resampling = Resampling(rows["student_id"].to_numpy(), settings.draws, 1)
    expected, seen = resampling.sums(rows["risk"].to_numpy("float64"), rows["y"].to_numpy("float64"))
    ratio = figure(np.divide(expected, seen, out=np.full_like(expected, np.nan), where=seen > 0))
    inside = low <= ratio.value <= high
    verdict = "green" if inside else "red" if ratio.high < low or ratio.low > high else "amber"
    words = f"{ratio} events were expected for each one seen, of {cases} ({whence})"
    if ratio.value > 1 and not inside:
        words += "; what was done for students at risk makes it higher, too"
    return Finding("calibration", "expected_observed", ratio.value, limit, verdict, words)


def label_finding(label: str, day: date, y: np.ndarray, usual: float, settings: LabelSettings) -> Finding:
    """The share with the event at one cut-off against what is usual; poisoned labels show here first.

    The interval is Clopper and Pearson's (1934), Biometrika 26:404-413.

    Args:
        label: its name.
        day: the cut-off.
        y: (n,) 1 for a case, 0 for none, one row for each enrolment.
        usual: share with the event among rows like these in the reference.
        settings: the limits.
    """
    from scipy.stats import binomtest

    cases, expected = int(y.sum()), usual * len(y)
    if not len(y) or max(cases, expected) < settings.cases:
        why = f"{cases} events at {day}, {expected:.0f} expected: too few to tell"
        return not_judged("labels", label, why)
    rate = cases / len(y)
    interval = binomtest(cases, len(y)).proportion_ci()
    times = rate / max(usual, 1e-9)
    limit = f"amber when off {settings.amber:g} times, red when its whole interval is off {settings.red:g} times"
    far = interval.high < usual / settings.red or interval.low > usual * settings.red
    off = not 1 / settings.amber < times < settings.amber
    verdict = "red" if far else "amber" if off else "green"
    words = f"{rate:.1%} of {len(y)} students at {day} had the event within the horizon, {usual:.1%} is usual"
    return Finding("labels", label, times, limit, verdict, words)


def source_findings(stale: Sequence[Stale], used: frozenset[str]) -> list[Finding]:
    """The feeds that have stopped; red when the model uses a family that they feed.

    Args:
        stale: as `features.freshness.stale` gives them.
        used: families of the features that the model uses.
    """
    if not stale:
        return [Finding("source", "all", 0.0, "none has stopped", "green", "every source delivers as it used to")]
    return [
        Finding(
            "source",
            one.table,
            float(one.age_days),
            f"usually at most {one.usual_gap_days:.0f} days",
            "red" if used & set(one.families) else "amber",
            f"no {one.table} events since {one.last_day:%A} {one.last_day}: {one.age_days} days, "
            f"usually at most {one.usual_gap_days:.0f}",
            {"families": list(one.families), "last_day": one.last_day.isoformat(), "texts": dict(one.words)},
        )
        for one in stale
    ]


def volume_findings(volumes: Sequence[Volume], settings: VolumeSettings) -> list[Finding]:
    """What each feed delivered in seven days, held against the least and the most of the weeks before."""
    limit = f"amber {settings.amber:g} times, red {settings.red:g} times beyond the most or the least of those weeks"
    found = []
    for one in volumes:
        if len(one.past) < settings.least_weeks:
            found.append(not_judged("volume", one.table, f"{len(one.past)} weeks of {one.table} before this one"))
            continue
        if np.median(one.past_events) < settings.events:
            why = f"{np.median(one.past_events):.0f} {one.table} events in a middling week are too few to tell"
            found.append(not_judged("volume", one.table, why))
            continue
        least, most = min(one.past), max(one.past)
        # how many times beyond the range of those weeks; 1 inside of it
        beyond = max(one.rate / most, least / one.rate if one.rate else np.inf if least else 1.0, 1.0)
        words = (
            f"{one.rate:.2f} {one.table} events a day for each student in the last 7 days, "
            f"{least:.2f} to {most:.2f} in the {len(one.past)} weeks before"
        )
        verdict = _judged(beyond, settings.amber, settings.red)
        usual = float(one.rate / np.median(one.past))
        found.append(Finding("volume", one.table, usual, limit, verdict, words, {"events": one.events}))
    return found
