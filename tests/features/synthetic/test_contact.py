from __future__ import annotations

import numpy as np
import pandas as pd


def test_what_is_learnt_of_a_letter_is_a_newer_version_of_it(tables):
    rows = tables["touches"].query("channel != 'call'").sort_values("known_at", kind="stable")
    assert (rows.drop_duplicates("touch_id")["status"] == "sent").all()
    rank = rows["status"].map({"sent": 0, "opened": 1, "failed": 1, "answered": 2})
    assert (rank.groupby(rows["touch_id"]).diff().dropna() == 1).all()
    assert (rows["known_at"].groupby(rows["touch_id"]).diff().dropna() > pd.Timedelta(0)).all()
    same = [name for name in rows if name not in ("status", "known_at")]
    assert len(rows[same].drop_duplicates()) == rows["touch_id"].nunique()
    assert set(rows["status"]) == {"sent", "opened", "answered", "failed"}


def test_calls_are_made_by_the_students_own_curator_on_working_days(tables):
    calls = tables["touches"].query("channel == 'call'")
    owner = tables["students"].set_index("student_id")["curator"]
    assert (calls["by"] == calls["student_id"].map(owner)).all()
    assert set(calls["status"]) == {"answered", "failed"}
    assert 0.2 < (calls["status"] == "failed").mean() < 0.6
    assert (calls["occurred_at"].dt.tz_convert("Europe/Moscow").dt.dayofweek < 5).all()
    assert (calls["known_at"] > calls["occurred_at"]).all()
    letters = tables["touches"].query("channel in ('email', 'sms')")
    assert letters["by"].isna().all()


def test_two_calls_in_vain_are_followed_by_a_message(tables):
    written = tables["touches"].query("channel == 'messenger'").drop_duplicates("touch_id")
    failed = tables["touches"].query("channel == 'call' and status == 'failed'")
    pairs = written.merge(failed, on="enrolment_id", suffixes=("", "_call"))
    before = pairs[(pairs["day"] - pairs["day_call"]).between(1, 8)]
    assert (before.groupby("touch_id").size().reindex(written["touch_id"]).fillna(0) >= 2).all()


def test_letters_are_opened_by_those_who_come(tables):
    letters = tables["touches"].query("channel == 'email'")
    opened = letters.assign(opened=letters["status"] == "opened").groupby("enrolment_id")["opened"].mean()
    came = tables["activity"].query("kind == 'login'").groupby("enrolment_id").size().reindex(opened.index).fillna(0)
    assert np.corrcoef(opened, came)[0, 1] > 0.1


def test_offers_and_reminders_respect_the_students_word(tables):
    said = tables["consents"].query("state == 'withdrawn'").set_index("student_id")["occurred_at"]
    care = tables["touches"].drop_duplicates("touch_id")
    after = care["occurred_at"] > care["student_id"].map(said) + pd.Timedelta("1D")
    welcome = care["occurred_at"] - care["enrolment_id"].map(
        tables["enrolments"].drop_duplicates("enrolment_id").set_index("enrolment_id")["occurred_at"]
    ) == pd.Timedelta("10min")
    assert not (after & ~welcome).any()
