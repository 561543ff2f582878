from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from features.contracts.tables import TABLES
from serving.store import Reported
from serving.store.schema import consent, flag, touch

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)


def _touch(id_: str = "t1", **fields) -> dict:
    return {"touch_id": id_, "student_id": "s1", "channel": "sms", "occurred_at": AT, "known_at": AT, **fields}


def _consent(id_: str = "c1", **fields) -> dict:
    return {"event_id": id_, "student_id": "s1", "state": "withdrawn", "occurred_at": AT, "known_at": AT, **fields}


@pytest.mark.parametrize(("table", "contract"), [(touch, "touches"), (consent, "consents"), (flag, "flags")])
def test_the_columns_are_those_of_the_contract(table, contract: str) -> None:
    assert set(table.c.keys()) == set(TABLES[contract].columns)
    required = {name for name, column in TABLES[contract].columns.items() if column.required}
    assert {column.name for column in table.c if not column.nullable} == required


def test_a_reported_touch_is_kept_once(store) -> None:
    assert store.add_touches([_touch()]) == Reported(("t1",), (), ())
    assert store.add_touches([_touch(), _touch("t2")]) == Reported(("t2",), ("t1",), ())
    (first, second) = store.touches_since(None, AT)
    empty = dict.fromkeys(("enrolment_id", "action", "decision_id", "by"))
    assert first == {**_touch(), "status": "sent", **empty}
    assert second["touch_id"] == "t2"


def test_a_retry_with_another_arrival_or_zone_is_the_same_fact(store) -> None:
    store.add_touches([_touch()])
    later = _touch(known_at=AT + timedelta(days=1), occurred_at=AT.astimezone(timezone(timedelta(hours=5))))
    assert store.add_touches([later]).known == ("t1",)
    assert store.touches_since(None, AT)[0]["known_at"] == AT


def test_the_same_id_with_other_content_is_told_and_changes_nothing(store) -> None:
    store.add_touches([_touch()])
    assert store.add_touches([_touch(channel="call", status="answered")]) == Reported((), (), ("t1",))
    assert store.touches_since(None, AT)[0]["channel"] == "sms"


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (["sent", "answered"], "answered"),
        (["sent", "failed"], "failed"),
        (["answered", "sent"], "answered"),
        (["sent", "opened", "answered", "opened"], "answered"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False])
def test_a_status_only_moves_on(store, told: list[str], status: str, at_once: bool) -> None:
    rows = [_touch(status=word) for word in told]
    for batch in [rows] if at_once else [[row] for row in rows]:
        store.add_touches(batch)
    assert [row["status"] for row in store.touches_since(None, AT)] == [status]


def test_what_is_learned_later_is_a_newer_version_and_what_was_known_before_stays(store) -> None:
    later = AT + timedelta(hours=3)
    store.add_touches([_touch(by="anna", action="care_sms")])
    assert store.add_touches([_touch(status="opened", decision_id="d1", known_at=later)]).known == ("t1",)
    before, after = store.touch_versions(["s1"], AT)
    assert (before["status"], before["decision_id"], before["known_at"]) == ("sent", None, AT)
    assert (after["status"], after["decision_id"], after["known_at"]) == ("opened", "d1", later)
    assert (after["by"], after["action"]) == ("anna", "care_sms"), "a column left out says nothing"
    assert store.touches_since(None, AT) == [after]


def test_a_word_that_contradicts_what_is_known_of_a_touch_is_not_taken(store) -> None:
    store.add_touches([_touch(by="anna")])
    for other in ({"by": "wei"}, {"occurred_at": AT + timedelta(minutes=1)}, {"student_id": "s2"}):
        assert store.add_touches([_touch(status="opened", **other)]).different == ("t1",)
    assert [row["status"] for row in store.touch_versions(None, AT)] == ["sent"]


def test_a_version_that_reaches_us_out_of_order_is_known_after_the_one_before(store) -> None:
    store.add_touches([_touch(status="opened")])
    store.add_touches([_touch(status="answered", known_at=AT - timedelta(days=1))])
    first, second = store.touch_versions(None, AT)
    assert (first["status"], second["status"]) == ("opened", "answered")
    assert second["known_at"] > first["known_at"]


def test_touches_by_student_and_time(store) -> None:
    store.add_touches(
        [
            _touch("t3", student_id="s2"),
            _touch("t2", occurred_at=AT + timedelta(hours=1)),
            _touch("t1"),
            _touch("t0", occurred_at=AT - timedelta(microseconds=1)),
        ]
    )
    assert [row["touch_id"] for row in store.touches_since(None, AT)] == ["t1", "t2", "t3"]
    assert [row["touch_id"] for row in store.touches_since(["s2", "s9"], AT)] == ["t3"]
    assert store.touches_since([], AT) == []


def test_consents_default_to_everything_and_are_kept_once(store) -> None:
    pause = _consent("c2", state="paused", until_at=AT + timedelta(days=30), channel="sms", source="form")
    assert store.add_consents([_consent(), pause]).added == ("c1", "c2")
    assert store.add_consents([_consent(state="given")]).different == ("c1",)
    first, second = store.consents_of(["s1"])
    assert (first["channel"], first["purpose"], first["until_at"]) == ("any", "any", None)
    assert second["until_at"] == AT + timedelta(days=30)
    assert second["until_at"].tzinfo is UTC
    assert len(store.consents_of(None)) == 2
    assert store.consents_of(["s2"]) == []


def test_flags_are_set_unless_said_otherwise_and_kept_once(store) -> None:
    dispute = {"event_id": "f1", "student_id": "s1", "kind": "dispute", "occurred_at": AT, "known_at": AT}
    over = {**dispute, "event_id": "f2", "state": "cleared", "occurred_at": AT + timedelta(days=1), "source": "anna"}
    away = {**dispute, "event_id": "f3", "student_id": "s2", "until_at": AT + timedelta(days=9)}
    assert store.add_flags([over, dispute, away]) == Reported(("f2", "f1", "f3"), (), ())
    again = {**dispute, "known_at": AT + timedelta(hours=1)}
    assert store.add_flags([again, {**dispute, "kind": "crisis"}]) == Reported((), ("f1",), ("f1",))
    first, second = store.flags_of(["s1"])
    assert first == {**dispute, "state": "set", "reference": None, "until_at": None, "source": None}
    assert (second["state"], second["source"]) == ("cleared", "anna")
    assert [row["event_id"] for row in store.flags_of(None)] == ["f1", "f2", "f3"]
    assert store.flags_of([]) == []
    with pytest.raises(ValueError, match="no time zone"):
        store.add_flags([{**dispute, "event_id": "f4", "until_at": AT.replace(tzinfo=None)}])


def test_a_moment_without_a_zone_is_refused_and_nothing_is_kept(store) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        store.add_touches([_touch("t1"), _touch("t2", occurred_at=AT.replace(tzinfo=None))])
    assert store.touches_since(None, AT) == []


def test_many_students_at_once(store) -> None:
    store.add_touches([_touch(f"t{number}", student_id=f"s{number}") for number in range(1200)])
    assert len(store.touches_since([f"s{number}" for number in range(1200)], AT)) == 1200
