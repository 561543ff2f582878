"""What is known later changes nothing now; the order of facts changes nothing ever."""

from __future__ import annotations

import tempfile
from datetime import date, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.build import snapshot
from features.clock import day_start
from features.config import School
from features.errors import BadInput, NotReady
from features.labels import label, named
from features.lake import Lake

ZONE = "Europe/Moscow"
CUT = date(2026, 3, 15)
START = datetime(2026, 3, 1)
PEOPLE = ("ann", "bob")


def stamp(hours: float) -> pd.Timestamp:
    return pd.Timestamp(START + timedelta(hours=hours)).tz_localize(ZONE).tz_convert("UTC").as_unit("us")


def base() -> dict[str, pd.DataFrame]:
    known = stamp(-24 * 20)
    return {
        "courses": pd.DataFrame(
            {"course_id": ["c"], "starts_at": [stamp(0)], "ends_at": [stamp(24 * 90)], "known_at": [known]}
        ),
        "enrolments": pd.DataFrame(
            {"enrolment_id": PEOPLE, "student_id": PEOPLE, "course_id": "c", "occurred_at": known, "known_at": known}
        ),
        "assignments": pd.DataFrame(
            {
                "assignment_id": ["a1", "a2"],
                "course_id": "c",
                "due_at": [stamp(24 * 5), stamp(24 * 10)],
                "known_at": known,
            }
        ),
    }


EVENT = st.tuples(
    st.sampled_from(
        ["login", "video", "left", "completed", "opened", "responded", "resolved", "submission", "rating", "touch"]
    ),
    st.sampled_from(PEOPLE),
    st.integers(0, 24 * 20),  # hours from the start
    st.integers(0, 24 * 8),  # hours until it is known
    st.integers(1, 5),
)


def tables(events: list[tuple]) -> dict[str, pd.DataFrame]:
    rows: dict[str, list[dict]] = {}
    for i, (kind, who, hour, delay, size) in enumerate(events):
        times = {"occurred_at": stamp(hour), "known_at": stamp(hour + delay)}
        mine = {"event_id": f"e{i}", "enrolment_id": who} | times
        person = {"event_id": f"e{i}", "student_id": who} | times
        if kind == "login":
            rows.setdefault("activity", []).append(mine | {"kind": "login", "quantity": size})
        elif kind in ("video", "left", "completed"):
            what = {"video": "skipped"}.get(kind, kind)
            rows.setdefault("videos", []).append(
                mine | {"kind": what, "video_id": f"v{size}", "seconds": size * 10, "progress": 0.7}
            )
        elif kind in ("opened", "responded", "resolved"):
            rows.setdefault("tickets", []).append(
                person | {"event": kind, "ticket_id": f"{who}-{size}", "priority": "P2"}
            )
        elif kind == "submission":
            row = {
                "submission_id": f"s{i}",
                "enrolment_id": who,
                "assignment_id": f"a{size % 2 + 1}",
                "score": size * 20,
            }
            rows.setdefault("submissions", []).append(row | times | {"score_known_at": stamp(hour + delay + 24)})
        elif kind == "rating":
            rows.setdefault("ratings", []).append(person | {"value": size})
        else:
            row = {"touch_id": f"t{i}", "student_id": who, "channel": "sms"}
            rows.setdefault("touches", []).append(row | times)
    return {name: pd.DataFrame(found) for name, found in rows.items()}


def features(events: list[tuple], students: list[str] | None = None, cuts: tuple[date, ...] = (CUT,)) -> pd.DataFrame:
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake", ZONE)
        with lake.adding("test", "1") as batch:
            for name, rows in (base() | tables(events)).items():
                batch.write(name, rows)
        assert not sum(batch.report.set_aside.values()), batch.report.faults
        table = snapshot(School(Path(folder)), cuts, students=students)
    return table[table["day"] == table["day"].max()].reset_index(drop=True)


def known_by_the_cut(event: tuple) -> bool:
    return stamp(event[2] + event[3]) < pd.Timestamp(day_start(CUT, ZONE))


@settings(max_examples=8, deadline=None)
@given(st.lists(EVENT, min_size=1, max_size=25), st.randoms(use_true_random=False))
def test_only_what_was_known_counts_in_any_order_and_for_any_set_of_cut_offs(events, random):
    now = features([event for event in events if known_by_the_cut(event)])
    shuffled = list(events)
    random.shuffle(shuffled)
    # An id is the event's, not its place's: the shuffled list has other ids, and they must not matter either.
    pd.testing.assert_frame_equal(now, features(shuffled))
    pd.testing.assert_frame_equal(now, features(events, cuts=(CUT - timedelta(days=9), CUT - timedelta(days=2), CUT)))
    pd.testing.assert_frame_equal(now[now["student_id"] == "bob"].reset_index(drop=True), features(events, ["bob"]))


def outcome_school(tmp_path: Path, left_after_days: int | None, logins: tuple[int, ...] = (1,)) -> School:
    lake = Lake(tmp_path / "lake", ZONE)
    with lake.adding("test", "1") as batch:
        for name, rows in (base() | tables([("login", "ann", 24 * day, 0, 1) for day in logins])).items():
            batch.write(name, rows)
        if left_after_days is not None:
            at = stamp(24 * left_after_days)
            left = {
                "event_id": ["o"],
                "enrolment_id": ["ann"],
                "kind": ["withdrawal"],
                "occurred_at": [at],
                "known_at": [at],
            }
            batch.write("outcomes", pd.DataFrame(left))
    return School(tmp_path)


def answers(school: School, name: str, until: date, cut: date = CUT) -> dict[str, float]:
    from features.clock import day_number

    rows = snapshot(school, [cut])
    return dict(zip(rows["enrolment_id"], label(school, rows, named(name), day_number(until)), strict=True))


@pytest.mark.parametrize(("left_on", "answer"), [(14, 1), (41, 1), (42, 0), (None, 0)])
def test_a_withdrawal_counts_within_its_half_open_horizon(tmp_path, left_on, answer):
    assert answers(outcome_school(tmp_path, left_on), "withdrawal_28d", date(2026, 6, 1))["ann"] == answer


def test_a_withdrawal_that_is_reported_late_is_not_known_before(tmp_path):
    school = outcome_school(tmp_path, None)
    with Lake(school.lake, ZONE).adding("test", "2") as batch:
        late = {"occurred_at": [stamp(24 * 20)], "known_at": [stamp(24 * 90)]}
        batch.write(
            "outcomes", pd.DataFrame({"event_id": ["o"], "enrolment_id": ["ann"], "kind": ["withdrawal"], **late})
        )
    assert answers(school, "withdrawal_28d", date(2026, 4, 15))["ann"] == 0
    assert answers(school, "withdrawal_28d", date(2026, 7, 1))["ann"] == 1


def test_who_has_left_before_the_cut_off_is_not_asked_about(tmp_path):
    assert set(answers(outcome_school(tmp_path, 13), "withdrawal_28d", date(2026, 6, 1))) == {"bob"}


def test_a_horizon_that_is_not_over_has_no_answer(tmp_path):
    school = outcome_school(tmp_path, 20)
    assert pd.isna(answers(school, "withdrawal_28d", CUT + timedelta(days=27))["ann"])
    assert answers(school, "withdrawal_28d", CUT + timedelta(days=28))["ann"] == 1


@pytest.mark.parametrize(("logins", "answer"), [((1,), 1), ((1, 14), 0), ((1, 27), 0), ((1, 28), 1)])
def test_silence_is_no_activity_in_the_horizon(tmp_path, logins, answer):
    assert answers(outcome_school(tmp_path, None, logins), "inactivity_14d", date(2026, 6, 1))["ann"] == answer


def test_silence_is_not_asked_of_a_course_that_ends_first(tmp_path):
    cut = date(2026, 5, 20)
    assert pd.isna(answers(outcome_school(tmp_path, None), "inactivity_14d", date(2026, 8, 1), cut)["ann"])


def test_a_label_that_does_not_exist_names_those_that_do():
    with pytest.raises(BadInput, match="withdrawal_28d, inactivity_14d"):
        named("churn")


def test_a_student_that_does_not_exist_has_no_row(tmp_path):
    assert snapshot(outcome_school(tmp_path, None), [CUT], students=["zoe"]).empty


def test_an_empty_lake_says_what_to_do(tmp_path):
    with pytest.raises(NotReady, match="handrail import"):
        snapshot(School(tmp_path), [CUT])


def test_a_student_without_data_gets_a_row_that_says_so(tmp_path):
    rows = snapshot(outcome_school(tmp_path, None), [CUT]).set_index("enrolment_id")
    assert rows["enough_data"].to_dict() == {"ann": True, "bob": False}
    assert rows.loc["bob", "days_without_login"] == 14


def test_a_student_of_two_days_has_not_enough_data(tmp_path):
    rows = snapshot(outcome_school(tmp_path, None), [date(2026, 3, 3)]).set_index("enrolment_id")
    assert not rows.loc["ann", "enough_data"]
