"""Verdicts: what is red, what is amber, and what cannot be told."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from features.config import DEFAULTS, read_toml
from features.errors import BadConfig
from features.volume import Volume
from model.health import (
    calibration_finding,
    feature_findings,
    label_finding,
    score_finding,
    source_findings,
    volume_findings,
    worst,
)
from model.health_settings import HealthSettings
from model.monitor import Move

CONFIG = read_toml(DEFAULTS / "drift.toml")
LIMITS = HealthSettings.of(CONFIG)
FAMILIES = {"a": "activity", "b": "activity", "c": "homework", "d": "homework", "e": "video"}
GAIN = {"a": 0.4, "b": 0.3, "c": 0.2, "d": 0.1}


def moves(**distances: float | None) -> list[Move]:
    return [Move(name, distances.get(name, 0.0), 0.0, 0.0) for name in FAMILIES]


def test_the_worst_verdict_is_the_whole() -> None:
    assert worst([]) == "green"
    assert worst(["green", "red", "amber"]) == "red"


@pytest.mark.parametrize(
    ("far", "verdict", "share"),
    [({}, "green", 0.0), ({"a": 0.6}, "amber", 0.25), ({"a": 0.6, "c": 0.5}, "red", 0.5), ({"e": 9.0}, "green", 0.0)],
)
def test_only_features_that_the_model_uses_count(far, verdict, share) -> None:
    whole = feature_findings(moves(**far), FAMILIES, GAIN, LIMITS.features)[0]
    assert (whole.name, whole.verdict, whole.figure) == ("all", verdict, share)


def test_a_family_that_moved_is_named_with_its_features_and_is_never_red_alone() -> None:
    found = {one.name: one for one in feature_findings(moves(a=0.7, b=2.0), FAMILIES, GAIN, LIMITS.features)}
    assert found["activity"].verdict == "amber"
    assert "b (2.00), a (0.70)" in found["activity"].words
    assert found["homework"].verdict == "green"
    assert found["activity"].detail["b"]["distance"] == 2.0
    assert "70%" in found["all"].words, "what the moved ones gain"


def test_a_feature_that_became_unknown_has_moved() -> None:
    gone = [replace(one, distance=None, unknown_then=0.1, unknown_now=0.9) for one in moves()]
    whole, activity, *_ = feature_findings(gone, FAMILIES, GAIN, LIMITS.features)
    assert whole.figure == 1.0
    assert "a (unknown of 10%, now of 90%)" in activity.words


@pytest.mark.parametrize(("distance", "verdict"), [(0.49, "green"), (0.5, "amber"), (1.0, "red")])
def test_risks_that_moved(distance, verdict) -> None:
    found = score_finding(Move("risk", distance, 0.0, 0.0), 0.02, 0.05, LIMITS.score)
    assert (found.verdict, found.figure) == (verdict, distance)
    assert "5.0% on average, 2.0%" in found.words


def told(times: float, cases: int = 60, students: int = 1200) -> pd.DataFrame:
    """Risks that expect so many times what came."""
    y = (np.arange(students) < cases).astype("float64")
    ids = [f"e{one}" for one in range(students)]
    return pd.DataFrame({"risk": times * cases / students, "y": y, "enrolment_id": ids, "student_id": ids})


@pytest.mark.parametrize(
    ("times", "verdict"), [(1.0, "green"), (1.4, "green"), (1.6, "amber"), (4.0, "red"), (0.6, "amber"), (0.2, "red")]
)
def test_calibration_is_red_only_when_its_whole_interval_is_outside(times, verdict) -> None:
    found = calibration_finding(told(times), "8 cut-offs", LIMITS.calibration)
    assert found.verdict == verdict
    assert found.figure == pytest.approx(times)
    assert "8 cut-offs" in found.words


def test_rows_of_one_student_are_one_witness() -> None:
    """A hundred rows of few students cannot tell, however far off they are on average."""
    rows = told(1.8, cases=60, students=120)
    assert calibration_finding(rows, "", LIMITS.calibration).verdict == "red"
    kin = rows.assign(student_id=np.arange(120) // 30)
    assert calibration_finding(kin, "", LIMITS.calibration).verdict == "amber"


def test_few_events_tell_nothing() -> None:
    found = calibration_finding(told(9.0, cases=19), "told", LIMITS.calibration)
    assert (found.verdict, found.figure) == ("green", None)
    assert "19 events" in found.words
    assert label_finding("withdrawal_28d", date(2026, 3, 2), np.zeros(100), 0.05, LIMITS.labels).figure is None


@pytest.mark.parametrize(
    ("cases", "verdict"), [(12, "green"), (20, "green"), (30, "amber"), (200, "red"), (0, "red"), (5, "amber")]
)
def test_labels_that_everybody_or_nobody_has(cases, verdict) -> None:
    """12 of 200 are usual; 0 of 200 is below a quarter of it, with its interval, only for a larger school."""
    size = 400 if cases == 0 else 200
    y = (np.arange(size) < cases).astype("float64")
    found = label_finding("withdrawal_28d", date(2026, 3, 2), y, 0.06, LIMITS.labels)
    assert (found.verdict, found.figure) == (verdict, pytest.approx(cases / size / 0.06))
    assert "2026-03-02" in found.words


STOPPED = SimpleNamespace(
    table="videos",
    families=("video", "progress"),
    last_day=date(2014, 11, 4),
    usual_gap_days=1.4,
    age_days=3,
    words={"en": "..."},
)


def test_a_source_that_stopped_is_named_with_its_day() -> None:
    [red] = source_findings([STOPPED], frozenset({"activity", "video"}))
    assert (red.verdict, red.name) == ("red", "videos")
    assert "no videos events since Tuesday 2014-11-04" in red.words
    [amber] = source_findings([STOPPED], frozenset({"activity"}))
    assert amber.verdict == "amber", "the model does not use what it feeds"
    [none] = source_findings([], frozenset({"activity"}))
    assert (none.verdict, none.name) == ("green", "all")


@pytest.mark.parametrize(
    ("rate", "verdict"), [(1.0, "green"), (0.6, "green"), (0.4, "amber"), (0.1, "red"), (0.0, "red"), (9.0, "red")]
)
def test_a_feed_is_held_against_the_least_and_the_most_of_its_weeks(rate, verdict) -> None:
    past = (1.0, 0.9, 1.2, 2.0, 1.1)
    [found] = volume_findings([Volume("activity", 100, rate, (500,) * 5, past)], LIMITS.volume)
    assert found.verdict == verdict
    assert "0.90 to 2.00 in the 5 weeks before" in found.words


def test_a_feed_of_few_events_or_weeks_raises_no_alarm() -> None:
    few = Volume("nps", 0, 0.0, (20,) * 5, (0.1,) * 5)
    young = Volume("videos", 0, 0.0, (900,) * 3, (0.1,) * 3)
    assert [(one.figure, one.verdict) for one in volume_findings([few, young], LIMITS.volume)] == [(None, "green")] * 2
    deadlines = Volume("submissions", 0, 0.0, (900, 0, 0, 900, 900), (0.3, 0.0, 0.0, 0.3, 0.3))
    assert volume_findings([deadlines], LIMITS.volume)[0].verdict == "green", "a week without any is nothing new"


@pytest.mark.parametrize(
    ("table", "key", "value", "says"),
    [
        ("features", "method", "ks", "wasserstein"),
        ("features", "mooved", 1.0, "not a setting"),
        ("score", "red", "high", "float"),
        ("calibration", "weeks", True, "int"),
        ("colour", "red", 1, "no table"),
    ],
)
def test_a_setting_that_cannot_be_used_is_refused(table, key, value, says) -> None:
    with pytest.raises(BadConfig, match=says):
        HealthSettings.of({**CONFIG, table: {**CONFIG.get(table, {}), key: value}})


def test_a_setting_or_table_that_is_missing_is_named() -> None:
    without = {name: value for name, value in CONFIG["labels"].items() if name != "cases"}
    for config in ({**CONFIG, "labels": without}, {name: one for name, one in CONFIG.items() if name != "labels"}):
        with pytest.raises(BadConfig, match=r"drift.toml \[labels\]: cases is missing"):
            HealthSettings.of(config)
