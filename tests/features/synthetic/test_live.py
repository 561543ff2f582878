from __future__ import annotations

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def attended(tables) -> pd.Series:
    """Enrolment -> share of the classes held for it that it attended."""
    rows = tables["live"].pivot_table(index="enrolment_id", columns="kind", values="event_id", aggfunc="size")
    return (rows["attended"].fillna(0) / rows["held"])[rows["held"] >= 4]


def test_a_class_is_held_at_one_hour_for_its_whole_group(tables):
    held = tables["live"].query("kind == 'held'")
    assert (held.groupby("class_id")["occurred_at"].nunique() == 1).all()
    runs = held[~held["class_id"].str.startswith("english-own-pace")]
    assert 5 < runs.groupby("class_id").size().mean() <= 25
    assert not held.duplicated(["class_id", "enrolment_id"]).any()


def test_who_attended_was_invited_and_who_spoke_attended(tables):
    pairs = {
        kind: set(zip(rows["class_id"], rows["enrolment_id"], strict=True))
        for kind, rows in tables["live"].groupby("kind")
    }
    assert pairs["attended"] < pairs["held"]
    assert pairs["spoke"] < pairs["attended"]
    assert pairs["wrote"] < pairs["attended"]


def test_the_school_learns_of_it_in_the_night(tables):
    known = tables["live"]["known_at"].dt.tz_convert("Europe/Moscow")
    assert set(known.dt.hour) == {3}
    assert (known > tables["live"]["occurred_at"]).all()


def test_there_is_no_class_on_a_holiday(tables, made_settings):
    days = set(tables["live"]["occurred_at"].dt.tz_convert("Europe/Moscow").dt.date)
    assert not days & set(made_settings["live"]["none_on"])


def test_attendance_is_seen_in_the_activity(tables):
    live = tables["live"].query("kind == 'attended'")[["enrolment_id", "day"]].drop_duplicates()
    seen = tables["activity"].query("kind == 'live'")[["enrolment_id", "day"]].drop_duplicates()
    assert len(live.merge(seen)) == len(seen)
    assert len(live) >= len(seen) > 0.98 * len(live)  # the last day's report has not come yet, nor have late ones


def test_attendance_falls_before_leaving_and_by_night(tables, attended):
    left = tables["outcomes"].query("kind == 'withdrawal'").set_index("enrolment_id")["day"]
    rows = tables["live"].merge(left.rename("left"), left_on="enrolment_id", right_index=True)
    ahead = rows["left"] - rows["day"]
    rows = rows.assign(near=ahead <= 21).query("kind in ('held', 'attended')")
    counts = rows.groupby(["near", "kind"]).size().unstack()
    share = counts["attended"] / counts["held"]
    assert share[True] < 0.7 * share[False]
    zone = attended.index.map(
        tables["enrolments"].drop_duplicates("enrolment_id").set_index("enrolment_id")["student_id"]
    ).map(tables["students"].set_index("student_id")["time_zone"])
    assert attended[zone == "Asia/Vladivostok"].mean() < 0.6 * attended[zone == "Europe/Moscow"].mean()
