from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from experiments.assign import in_holdout


def test_the_arm_is_the_hold_out_and_the_propensity_its_share(tables):
    rows = tables["decisions"]
    out = rows["student_id"].map(lambda student: in_holdout(student, "made", 0.3))
    assert (rows["arm"] == np.where(out, "control", "treatment")).all()
    assert (rows["action"] == np.where(out, "no_action", "care_sms")).all()
    assert rows["propensity"].tolist() == pytest.approx(np.where(out, 0.3, 0.7).tolist())
    assert rows["enrolment_id"].is_unique
    assert set(rows["experiment"]) == {"care_programme"}


def test_each_treated_decision_sends_one_message_that_day_and_control_gets_none(tables):
    sent = tables["touches"].query("action == 'care_sms'").drop_duplicates("touch_id")
    treated = tables["decisions"].query("arm == 'treatment'").set_index("decision_id")
    assert sorted(sent["decision_id"]) == sorted(treated.index)
    wait = sent["occurred_at"] - sent["decision_id"].map(treated["occurred_at"])
    assert wait.between(pd.Timedelta(0), pd.Timedelta("18h")).all()
    zone = sent["student_id"].map(tables["students"].set_index("student_id")["time_zone"])
    hours = [moment.tz_convert(own).hour for moment, own in zip(sent["occurred_at"], zone, strict=True)]
    assert min(hours) >= 9
    assert max(hours) < 21


def test_a_decision_follows_seven_silent_days(tables):
    activity = pd.concat([tables["activity"], tables["activity_offline"]])[["enrolment_id", "day"]]
    pairs = tables["decisions"][["enrolment_id", "day"]].merge(activity, on="enrolment_id", suffixes=("", "_active"))
    ahead = pairs["day"] - pairs["day_active"]
    assert not ((ahead >= 1) & (ahead <= 7)).any()
    gap = ahead[ahead > 0].groupby(pairs["enrolment_id"]).min()
    assert (gap == 8).mean() > 0.9  # the others were not to be written to on the first day


def test_nobody_who_said_no_or_asked_for_a_pause_is_in_it(tables):
    words = tables["consents"].query("state != 'given'")
    pairs = tables["decisions"].merge(words, on="student_id", suffixes=("", "_said"))
    said_before = pairs["occurred_at_said"] <= pairs["occurred_at"]
    over = pairs["until_at"] <= pairs["occurred_at"]
    assert not (said_before & ~over).any()


def test_the_message_helps_and_harms_whom_the_settings_say(tables, truth, made_settings):
    rows = truth["decisions"].merge(truth["students"], on="student_id").dropna()
    rows["effect"] = rows["retained_if_written_to"] - rows["retained_if_not"]
    by_kind = rows.groupby("kind")["effect"].mean()
    assert by_kind["persuadable"] > 0.05
    assert by_kind["sleeping_dog"] < -0.03
    assert by_kind["lost_cause"] == 0
    assert 0.04 < rows["effect"].mean() < 0.12
    share = truth["students"]["kind"].value_counts(normalize=True)
    assert share["persuadable"] == max(share)


def test_both_true_chances_agree_with_what_came_about(tables, truth):
    rows = truth["decisions"].dropna()
    chance = np.where(rows["held_out"], rows["retained_if_not"], rows["retained_if_written_to"])
    ended = tables["outcomes"].query("kind in ('withdrawal', 'refund', 'nonrenewal')").set_index("enrolment_id")["day"]
    decided = tables["decisions"].set_index("enrolment_id")["day"]
    lost = rows["enrolment_id"].map(ended) < rows["enrolment_id"].map(decided) + 28
    noise = np.sqrt((chance * (1 - chance)).sum())
    assert (~lost).sum() == pytest.approx(chance.sum(), abs=4 * noise)


def test_those_who_came_by_advertisement_take_care_badly_more_often(tables, truth):
    rows = truth["students"].merge(tables["students"], on="student_id")
    badly = rows["kind"] == "sleeping_dog"
    ads = rows["acquisition_channel"] == "ads"
    assert badly[ads].mean() > 1.5 * badly[~ads].mean()


def test_the_truth_is_silent_where_the_history_ends_before_the_horizon(truth, made):
    rows = truth["decisions"]
    last = (pd.Timestamp(made.end) - pd.Timestamp("1970-01-01")).days
    late = rows["day"] + 28 > last
    assert late.any()
    assert (rows["retained_if_not"].isna() == late).all()
