"""Reports on data health, and the risks that published lists told."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from serving.store import Health

DAY = date(2026, 3, 2)


def report(as_of: date, verdict: str = "green", label: str = "withdrawal_28d") -> Health:
    finding = {"kind": "score", "name": "risk", "figure": 0.1 + 0.2, "verdict": verdict, "words": "moved", "detail": {}}
    return Health(as_of, label, "m1", verdict, [finding])


def test_the_newest_report_up_to_a_day_comes_back_as_it_was_put(store) -> None:
    assert store.newest_health("withdrawal_28d", DAY) is None
    put = store.put_health(report(DAY, "red"))
    store.put_health(report(DAY - timedelta(days=3), "amber"))
    store.put_health(report(DAY, label="inactivity_14d"))
    assert store.newest_health("withdrawal_28d", DAY + timedelta(days=9)) == put
    assert (put.findings, put.verdict) == (report(DAY, "red").findings, "red")
    assert put.made_at is not None
    assert put.made_at.utcoffset() == timedelta(0)
    assert store.newest_health("withdrawal_28d", DAY - timedelta(days=1)).verdict == "amber"
    assert store.newest_health("withdrawal_28d", DAY - timedelta(days=4)) is None


def test_a_day_that_is_looked_at_again_is_as_it_was_seen_last(store) -> None:
    store.put_health(report(DAY, "red"))
    store.put_health(report(DAY, "green"))
    assert store.newest_health("withdrawal_28d", DAY).verdict == "green"


@pytest.fixture
def publish(store, make_entries):
    def published(day: date, model: str = "m1", label: str = "withdrawal_28d") -> None:
        night = store.open_night(day, label, model, "p1", "l1")
        store.publish_night(night.night_id, make_entries(4), {})

    return published


def test_risks_come_from_published_lists_of_the_model_a_step_apart(store, publish) -> None:
    for days in (0, 1, 6, 7, 20):
        publish(DAY - timedelta(days=days))
    publish(DAY - timedelta(days=14), model="m0")
    publish(DAY - timedelta(days=14), label="inactivity_14d")
    store.open_night(DAY - timedelta(days=14), "withdrawal_28d", "m1", "p1", "l1")
    told = store.risks_told("withdrawal_28d", "m1", DAY - timedelta(days=19), DAY, 7)
    assert sorted({one.as_of for one in told}) == [DAY - timedelta(days=7), DAY]
    assert [(one.enrolment_id, one.student_id, one.risk) for one in told[:3]] == [
        ("e1", "s1", 1 / 2),
        ("e2", "s2", 1 / 3),
        ("e3", "s3", 1 / 4),
    ], "who has not enough data has no risk"
    assert len(told) == 6
