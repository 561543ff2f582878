from __future__ import annotations

import pandas as pd


def test_answers_are_of_all_kinds_and_come_half_an_hour_later(tables):
    rows = tables["nps"]
    promoters, detractors = (rows["value"] >= 9).mean(), (rows["value"] <= 6).mean()
    assert rows["value"].between(0, 10).all()
    assert 0.1 < promoters - detractors < 0.6
    assert detractors > 0.08
    wait = rows["known_at"] - rows["occurred_at"]
    assert wait.min() == pd.Timedelta("30min")
    assert (wait == pd.Timedelta("30min")).mean() > 0.9  # the others were given without a network
    assert 0.02 < rows["enrolment_id"].isna().mean() < 0.3  # about the person


def test_who_rates_low_recommends_less(tables):
    rows = tables["nps"].merge(tables["ratings"], on="enrolment_id", suffixes=("", "_stars"))
    rows = rows[(rows["day"] - rows["day_stars"]).between(0, 14)]
    low = rows["value_stars"] < 3
    assert rows.loc[low, "value"].mean() < rows.loc[~low, "value"].mean() - 1.5


def test_the_asked_answer_a_few_times_at_most(tables, made_settings):
    assert tables["nps"].groupby("enrolment_id").size().max() <= len(made_settings["surveys"]["nps_days"])
