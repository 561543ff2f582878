from __future__ import annotations

import numpy as np
import pandas as pd

from features.contracts.tables import ACTIVITY_KINDS


def test_activity_is_of_every_kind_and_names_what_it_was_of(tables):
    rows = tables["activity"]
    assert set(rows["kind"]) == set(ACTIVITY_KINDS)
    named = rows["object_id"].notna().groupby(rows["kind"]).mean()
    assert set(named[named == 1].index) == {"lesson", "lesson_completed", "quiz", "content"}
    assert set(named[named == 0].index) == {"login", "forum", "homework", "live", "other"}
    quiz = rows.query("kind == 'quiz'").drop_duplicates("object_id")["object_id"]
    assert quiz.str.fullmatch(r"[a-z-]+-quiz-\d\d").all()


def test_students_have_an_hour_and_weekdays_of_their_own(tables):
    rows = tables["activity"].query("kind == 'login'")
    rows = rows.assign(hour=rows["occurred_at"].dt.hour, even=rows["day"] % 2 == 0, sunday=rows["day"] % 7 == 6)
    often = rows.groupby("enrolment_id").filter(lambda own: len(own) >= 40)
    hours = often.pivot_table(index="enrolment_id", columns="even", values="hour")
    assert hours.corr().iloc[0, 1] > 0.8
    sundays = often.assign(half=often["day"] // 7 % 2).pivot_table(
        index="enrolment_id", columns="half", values="sunday"
    )
    assert sundays.corr().iloc[0, 1] > 0.15


def test_the_rhythm_loosens_as_the_will_goes(tables, truth):
    rows = tables["activity"].query("kind == 'login'")
    spread = rows["occurred_at"].dt.hour.groupby(rows["enrolment_id"]).std()
    student = tables["enrolments"].drop_duplicates("enrolment_id").set_index("enrolment_id")["student_id"]
    will = spread.index.map(student).map(truth["students"].set_index("student_id")["engagement"])
    known = spread.notna().to_numpy()
    assert np.corrcoef(spread[known], np.asarray(will)[known])[0, 1] < -0.05


def test_videos_have_a_speed_where_they_are_watched(tables):
    rows = tables["videos"]
    assert (rows["speed"].notna() == (rows["kind"] == "watched")).all()
    assert rows["speed"].dropna().between(1, 2).all()
    assert 0.3 < (rows["speed"] > 1).sum() / (rows["kind"] == "watched").sum() < 0.6
    assert (rows["progress"].notna() == rows["kind"].isin(["completed", "left"])).all()
    abandoned = rows[(rows["kind"] == "left") & (rows["progress"] >= 0.6)]
    assert len(abandoned) > 100


def test_more_is_seen_again_where_the_course_is_hard(tables):
    rows = tables["videos"]
    course = rows["enrolment_id"].map(
        tables["enrolments"].drop_duplicates("enrolment_id").set_index("enrolment_id")["course_id"]
    )
    share = pd.crosstab(course, rows["kind"])
    again = share["rewatched"] / share["completed"]
    assert again["data-summer"] > 1.3 * again["english-own-pace"]
