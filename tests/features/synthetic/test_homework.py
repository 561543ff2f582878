from __future__ import annotations

import pandas as pd


def test_a_moved_deadline_has_two_versions_and_the_second_is_known_before_the_first_has_passed(tables):
    versions = tables["assignments"].sort_values("known_at")
    moved = versions[versions.duplicated("assignment_id", keep=False)]
    assert moved["assignment_id"].unique().tolist() == ["data-summer-hw04"]
    first, second = moved["due_at"]
    assert second - first == pd.Timedelta("5D")
    assert first - pd.Timedelta("4D") < moved["known_at"].iloc[1] < first


def test_what_was_marked_low_is_sometimes_done_again_and_better(tables):
    rows = tables["submissions"].sort_values("occurred_at")
    pairs = rows.groupby(["enrolment_id", "assignment_id"])
    assert pairs.size().max() == 2
    again = pairs.filter(lambda twice: len(twice) == 2).groupby(["enrolment_id", "assignment_id"])
    assert 0.04 < again.ngroups / pairs.ngroups < 0.2
    first, second = again.first(), again.last()
    assert (first["score"] < 60).all()
    assert (first["score_known_at"] < second["occurred_at"]).all()
    assert (second["score"] - first["score"]).mean() > 8


def test_some_are_early_by_habit_and_some_late(tables):
    due = tables["assignments"].drop_duplicates("assignment_id", keep="last").set_index("assignment_id")["due_at"]
    rows = tables["submissions"].drop_duplicates(["enrolment_id", "assignment_id"])
    delay = (rows["occurred_at"] - rows["assignment_id"].map(due)).dropna() / pd.Timedelta("1D")
    who = rows.loc[delay.index, "enrolment_id"]
    even = who.groupby(who).cumcount() % 2 == 0
    halves = pd.concat([delay[even].groupby(who).mean(), delay[~even].groupby(who).mean()], axis=1).dropna()
    assert halves.corr().iloc[0, 1] > 0.3  # the one half of a student's work tells of the other


def test_scores_rise_for_some_and_fall_for_others(tables):
    rows = tables["submissions"].dropna(subset="score").sort_values("occurred_at")
    many = rows.groupby("enrolment_id").filter(lambda own: len(own) >= 8)
    number = many.groupby("enrolment_id").cumcount()
    size = many.groupby("enrolment_id")["score"].transform("size")
    half = many["score"].groupby([many["enrolment_id"], number >= size / 2]).mean().unstack()
    change = half[True] - half[False]
    assert change.quantile(0.1) < -3
    assert change.quantile(0.9) > 3
