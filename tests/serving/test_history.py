"""What was said and done, as it was known at a moment, whichever way and under whichever name it reached us."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pandas as pd
import pytest

from features import clock
from features.lake import Lake
from serving.decide import Case
from serving.history import LOOK_BACK, History

AT = datetime(2025, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(tmp_path / "lake", "UTC")


@pytest.fixture
def history(lake, store) -> History:
    return History(lake, store)


def add(lake: Lake, table: str, *rows: dict) -> None:
    with lake.adding("test", str(len(lake.batches()))) as batch:
        assert not batch.write(table, pd.DataFrame(list(rows))).rejected


def touch(id_: str = "t1", student: str = "ann", **more) -> dict:
    return {"touch_id": id_, "student_id": student, "channel": "sms", "occurred_at": AT, "known_at": AT, **more}


def said(history: History, moment: datetime, student: str = "ann") -> list[tuple[str, str]]:
    return sorted(
        (one.touch_id, one.status) for one in history.contacts([student], moment, moment - LOOK_BACK)[student]
    )


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


def test_a_contact_carries_what_it_was(history, lake, store):
    add(lake, "touches", touch(action="care_sms"), touch("t2"))
    store.add_touches([touch("t3", action="mentor_call", channel="call")])
    found = {one.touch_id: one.action for one in history.contacts(["ann"], AT, AT - LOOK_BACK)["ann"]}
    assert found == {"t1": "care_sms", "t2": None, "t3": "mentor_call"}


def flag(id_: str = "f1", student: str = "ann", **more) -> dict:
    row = {"event_id": id_, "student_id": student, "kind": "dispute", "state": "set", "occurred_at": AT, "known_at": AT}
    return row | more


def flagged(history: History, moment: datetime) -> list[tuple[str, str]]:
    return sorted((one.kind, one.state) for one in history.flags(["ann"], moment)["ann"])


def test_flags_come_from_both_ways_and_from_other_names_as_far_as_they_were_known(history, lake, store):
    add(lake, "flags", flag(), flag("f2", "crm:7", kind="legal"))
    store.add_flags([flag("f3", state="cleared", known_at=AT + 2 * DAY), flag("f4", "crm:7", kind="medical")])
    add(lake, "identities", {"alias": "crm:7", "student_id": "ann", "known_at": AT + DAY})
    assert flagged(history, AT - DAY) == []
    assert flagged(history, AT) == [("dispute", "set")]
    assert flagged(history, AT + DAY) == [("dispute", "set"), ("legal", "set"), ("medical", "set")]
    assert ("dispute", "cleared") in flagged(history, AT + 2 * DAY)
    assert history.flags(["bob"], AT) == {}


def test_what_was_reported_before_a_clock_was_set_back_is_known_now(history, store):
    ahead = clock.now() + timedelta(hours=3)
    at = {"occurred_at": ahead, "known_at": ahead}
    store.add_touches([touch(**at)])
    store.add_flags([flag(**at)])
    store.add_consents([{"event_id": "c1", "student_id": "ann", "state": "withdrawn", **at}])
    assert said(history, clock.now()) == [("t1", "sent")]
    assert flagged(history, clock.now()) == [("dispute", "set")]
    assert len(history.words(["ann"], clock.now())["ann"]) == 1
    assert said(history, clock.now() - 2 * DAY) == [], "what is long past stays as it was known then"


def decision(history: History, at: datetime = AT, **more) -> dict:
    """A contact decided at a moment on what was known then."""
    case = Case(
        student_id="ann",
        decision_date=at.date(),
        time_zone="UTC",
        enrolments=(),
        consents=tuple(history.words(["ann"], at)["ann"]),
        touches=tuple(history.contacts(["ann"], at, at - LOOK_BACK)["ann"]),
        model_version="m",
        flags=tuple(history.flags(["ann"], at)["ann"]),
    )
    made = {"decision_id": "d1", "student_id": "ann", "channel": "sms", "decided_at": at.isoformat()}
    return {**made, "case": case.to_record(), **more}


def test_what_is_learned_later_of_an_old_contact_is_not_said_since(history, store):
    store.add_touches([touch(known_at=AT - DAY, occurred_at=AT - DAY)])
    decided = decision(history)
    store.add_touches([touch(status="opened", known_at=AT + DAY, occurred_at=AT - DAY)])
    assert history.said_since(decided) == []
    store.add_touches([touch("t2", known_at=AT + DAY), touch("t3", decision_id="d1", known_at=AT + DAY)])
    assert history.said_since(decided) == ["t2"]


def test_a_refusal_under_another_name_is_said_since(history, lake, store):
    add(lake, "identities", {"alias": "crm:7", "student_id": "ann", "known_at": AT})
    decided = decision(history)
    store.add_consents(
        [{"event_id": "c1", "student_id": "crm:7", "state": "withdrawn", "occurred_at": AT, "known_at": AT + DAY}]
    )
    assert history.said_since(decided) == ["c1"]
    assert history.said_since(decision(history, AT + DAY)) == [], "the next one knows of it"


def test_a_flag_that_is_set_is_said_since_and_one_that_is_cleared_is_not(history, store):
    store.add_flags([flag(kind="legal", known_at=AT - DAY, occurred_at=AT - DAY)])
    decided = decision(history)
    store.add_flags([flag("f3", kind="legal", state="cleared", known_at=AT + DAY)])
    assert history.said_since(decided) == []
    store.add_flags([flag("f2", known_at=AT + DAY)])
    assert "f2" in history.said_since(decided)
    assert history.said_since({**decided, "channel": None}) == [], "nobody was to be contacted"


def test_what_is_taken_back_counts_after_what_was_said_since(history, lake, store):
    decided = decision(history)
    word = {"student_id": "ann", "occurred_at": AT, "known_at": AT + DAY}
    store.add_consents([{**word, "event_id": "c1", "state": "given"}])
    assert history.said_since(decided) == [], "nothing speaks against it"
    store.add_consents([{**word, "event_id": "c2", "state": "withdrawn"}])
    add(lake, "consents", {**word, "event_id": "c3", "state": "given", "channel": "sms"})
    add(lake, "flags", flag("f1", state="cleared", known_at=AT + DAY))
    assert history.said_since(decided) == ["c1", "c2", "c3", "f1"]
    assert [row["event_id"] for row in history.against([decided])["d1"]] == ["c2"]


def test_a_clock_that_was_set_back_hides_no_refusal(history, store):
    decided = decision(history)
    earlier = {"occurred_at": AT - DAY / 24, "known_at": AT - DAY / 24}
    store.add_consents([{"event_id": "c1", "student_id": "ann", "state": "withdrawn", **earlier}])
    store.add_flags([flag(**earlier)])
    store.add_touches([touch(**earlier)])
    assert history.said_since(decided) == ["c1", "f1", "t1"]


def test_what_is_imported_later_is_said_since_whenever_the_school_knew_of_it(history, lake, store):
    decided = decision(history)
    early = {"occurred_at": AT - DAY / 2, "known_at": AT - DAY / 2}  # the export that has it came late
    word = {"event_id": "c1", "student_id": "ann", "state": "paused", **early}
    add(lake, "consents", word, {**word, "event_id": "c2", "state": "given"}, {**word, "event_id": "c3"})
    add(lake, "flags", flag("f1", **early), flag("f2", "bob", **early))
    add(lake, "touches", touch("t1", **early), touch("t2", decision_id="d1"), touch("t3", "bob"))
    add(lake, "touches", touch("t4", occurred_at=AT - 200 * DAY, known_at=AT))
    assert history.said_since(decided) == ["c1", "c2", "c3", "f1", "t1"]
    assert [row["event_id"] for row in history.against([decided])["d1"]] == ["c1", "c3", "f1"]
    assert history.said_since(decision(history, AT + DAY)) == [], "the next one knows of it"


def test_each_import_is_heard_and_what_is_reported_too_is_told_once(history, lake, store):
    decided = decision(history)
    assert history.said_since(decided) == []
    word = {"event_id": "c1", "student_id": "ann", "state": "withdrawn", "occurred_at": AT, "known_at": AT + DAY}
    store.add_consents([word])
    store.add_touches([touch("t1", known_at=AT + DAY)])
    reported = history.said_since(decided)
    add(lake, "consents", word)
    add(lake, "touches", touch("t1", known_at=AT + DAY))
    assert history.said_since(decided) == reported == ["c1", "t1"]
    add(lake, "identities", {"alias": "crm:7", "student_id": "ann", "known_at": AT + DAY})
    add(lake, "flags", flag("f1", "crm:7", known_at=AT + DAY))
    assert history.said_since(decided) == ["c1", "f1", "t1"]


def test_contacts_of_earlier_imports_are_not_looked_through(history, lake, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: AT - 2 * DAY)
    add(lake, "touches", touch("t1", occurred_at=AT - 3 * DAY, known_at=AT - 3 * DAY))
    monkeypatch.undo()
    add(lake, "touches", touch("t2"))
    assert [len(lake.read("touches", added_since=since)) for since in (None, AT - 3 * DAY, AT - DAY)] == [2, 2, 1]
    assert history.said_since(decision(history, AT - DAY)) == ["t2"]


def test_of_what_was_refused_the_last_word_comes_last_and_flags_after_all(history, lake, store):
    decided = [decision(history), {**decision(history), "decision_id": "d2", "student_id": "bob"}]
    word = {"student_id": "ann", "known_at": AT + DAY}
    store.add_flags([flag("f1", occurred_at=AT - DAY)])
    store.add_consents([{**word, "event_id": "c2", "state": "paused", "occurred_at": AT + DAY / 2}])
    add(lake, "consents", {**word, "event_id": "c1", "state": "withdrawn", "occurred_at": AT})
    against = history.against(decided)
    assert {id_: [row["event_id"] for row in rows] for id_, rows in against.items()} == {"d1": ["c1", "c2", "f1"]}


def test_what_was_decided_under_another_name_before_it_was_known_is_held_back_too(history, lake):
    decided = {**decision(history), "student_id": "crm:7"}
    add(lake, "identities", {"alias": "crm:7", "student_id": "ann", "known_at": AT + DAY})
    add(
        lake,
        "consents",
        {"event_id": "c1", "student_id": "crm:7", "state": "withdrawn", "occurred_at": AT, "known_at": AT},
    )
    assert list(history.against([decided])) == ["d1"]


def test_an_imported_word_of_a_clock_that_is_ahead_counts_at_once(history, lake):
    ahead = clock.now() + timedelta(hours=3)
    add(
        lake,
        "consents",
        {"event_id": "c1", "student_id": "ann", "state": "withdrawn", "occurred_at": ahead, "known_at": ahead},
    )
    assert len(history.words(["ann"], clock.now())["ann"]) == 1
    assert history.words(["ann"], clock.now() - 2 * DAY) == {}
