"""What was said and done, as it was known at a moment, whichever way and under whichever name it reached us."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from features.lake import Lake
from serving.history import History
from serving.store import Store

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake", "UTC")


@pytest.fixture
def store(tmp_path) -> Store:
    store = Store(f"sqlite:///{tmp_path / 'handrail.db'}")
    store.migrate()
    yield store
    store.close()


@pytest.fixture
def history(lake, store) -> History:
    return History(lake, store)


def add(lake: Lake, table: str, *rows: dict) -> None:
    with lake.adding("test", str(len(lake.batches()))) as batch:
        assert not batch.write(table, pd.DataFrame(list(rows))).rejected


def touch(id_: str = "t1", student: str = "ann", **more) -> dict:
    return {"touch_id": id_, "student_id": student, "channel": "sms", "occurred_at": AT, "known_at": AT, **more}


def said(history: History, moment: datetime, student: str = "ann") -> list[tuple[str, str]]:
    return sorted((one.touch_id, one.status) for one in history.contacts([student], moment)[student])


def test_the_newest_version_known_at_the_moment_counts(history, lake):
    add(lake, "touches", touch(), touch(status="opened", known_at=AT + DAY))
    assert said(history, AT + DAY / 2) == [("t1", "sent")]
    assert said(history, AT + 2 * DAY) == [("t1", "opened")]
    assert [row["status"] for row in history.touches_of("ann")] == ["opened"], "no doubles in the card"


def test_what_was_reported_later_of_an_imported_contact_is_a_version_of_it(history, lake, store):
    add(lake, "touches", touch(by="anna"))
    store.add_touches([touch(status="answered", known_at=AT + DAY)])
    assert said(history, AT) == [("t1", "sent")]
    assert said(history, AT + DAY) == [("t1", "answered")]
    assert len(history.touches_of("ann")) == 1


def test_a_reported_status_does_not_reach_back_before_it_was_known(history, store):
    store.add_touches([touch()])
    store.add_touches([touch(status="failed", known_at=AT + 3 * DAY)])
    assert said(history, AT + DAY) == [("t1", "sent")]
    assert said(history, AT + 3 * DAY) == [("t1", "failed")]


def test_contacts_and_words_under_another_name_are_the_students_from_the_day_the_name_is_known(history, lake, store):
    add(lake, "touches", touch("t1", "crm:7"))
    store.add_touches([touch("t2", "crm:7")])
    word = {"event_id": "c1", "student_id": "crm:7", "state": "withdrawn", "occurred_at": AT, "known_at": AT}
    add(lake, "consents", word)
    store.add_consents([{**word, "event_id": "c2"}])
    add(lake, "identities", {"alias": "crm:7", "student_id": "ann", "known_at": AT + 2 * DAY})
    assert said(history, AT + DAY) == []
    assert history.words(["ann"], AT + DAY)["ann"] == []
    assert said(history, AT + 2 * DAY) == [("t1", "sent"), ("t2", "sent")]
    assert [one.state for one in history.words(["ann"], AT + 2 * DAY)["ann"]] == ["withdrawn"] * 2
    assert {row["touch_id"] for row in history.touches_of("ann")} == {"t1", "t2"}
    assert said(history, AT + DAY, "crm:7") == [("t1", "sent"), ("t2", "sent")]


def decision(**more) -> dict:
    return {"decision_id": "d1", "student_id": "ann", "channel": "sms", "decided_at": AT.isoformat(), **more}


def test_what_is_learned_later_of_an_old_contact_is_not_said_since(history, store):
    store.add_touches([touch(known_at=AT - DAY, occurred_at=AT - DAY)])
    store.add_touches([touch(status="opened", known_at=AT + DAY, occurred_at=AT - DAY)])
    assert history.said_since(decision()) == []
    store.add_touches([touch("t2", known_at=AT + DAY)])
    assert history.said_since(decision()) == ["t2"]


def test_a_refusal_under_another_name_is_said_since(history, lake, store):
    add(lake, "identities", {"alias": "crm:7", "student_id": "ann", "known_at": AT})
    store.add_consents(
        [{"event_id": "c1", "student_id": "crm:7", "state": "withdrawn", "occurred_at": AT, "known_at": AT + DAY}]
    )
    assert history.said_since(decision()) == ["c1"]
