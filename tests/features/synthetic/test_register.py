from __future__ import annotations

import pytest

from features.config import School
from features.enrolments import Enrolments
from features.importers import csv
from features.lake import Lake


def test_every_course_says_its_lessons_and_hours(tables):
    courses = tables["courses"]
    assert courses[["lessons", "hours"]].notna().all().all()
    assert courses["starts_at"].isna().sum() == 1


def test_sensitive_attributes_are_there_to_audit_by(tables, made_settings):
    people = tables["students"]
    assert set(people["gender"]) == {"f", "m"}
    assert people["age_band"].notna().all()
    regions = {name for zone in made_settings["zones"] for name in zone["regions"]}
    assert set(people["region"].dropna()) == regions
    assert 0.02 < people["region"].isna().mean() < 0.15


def test_the_price_is_what_all_the_parts_come_to(tables):
    runs = tables["enrolments"].query("course_id != 'english-own-pace'").drop_duplicates("enrolment_id")
    first = tables["payments"].query("kind == 'paid'").drop_duplicates("enrolment_id").set_index("enrolment_id")
    ratio = first["amount_minor"].reindex(runs["enrolment_id"]).to_numpy() / runs["price_minor"].to_numpy()
    at_once, in_parts = ratio > 0.99, abs(ratio - 1 / 3) < 0.01
    assert at_once.sum() > in_parts.sum() > 0
    assert (at_once | in_parts | (ratio != ratio)).all()


def test_who_did_not_pay_is_live_no_more_and_who_went_on_still_is(made, tables, tmp_path):
    school = School(tmp_path)
    csv.load(school, made.mapping)
    lake = Lake(school.lake, school.zone)
    enrolments = Enrolments(lake)
    outcomes = lake.read("outcomes")
    unpaid = outcomes[outcomes["kind"] == "payment_failure"].iloc[0]
    assert enrolments.at(int(unpaid["day"]))["live"][unpaid["enrolment_id"]]
    assert not enrolments.at(int(unpaid["day"]) + 1)["live"][unpaid["enrolment_id"]]
    versions = lake.read("enrolments").sort_values("known_at")
    later = versions[versions["ends_day"] - versions.groupby("enrolment_id")["ends_day"].shift() == 56].iloc[0]
    old_end = int(later["ends_day"]) - 56
    assert enrolments.at(old_end)["end_day"][later["enrolment_id"]] == later["ends_day"]
    assert enrolments.at(old_end - 1)["end_day"][later["enrolment_id"]] == old_end


@pytest.mark.parametrize("table", ["touches", "enrolments", "assignments"])
def test_no_two_versions_of_a_thing_are_known_at_one_moment(tables, table):
    key = {"touches": "touch_id", "enrolments": "enrolment_id", "assignments": "assignment_id"}[table]
    assert not tables[table].duplicated([key, "known_at"]).any()
