from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import text

from features.errors import BadInput, NotFound, Refused
from serving.store import Store

DAY = date(2025, 3, 1)
KEY = ("withdrawal_28d", "m1", "p1", "l1")


def _publish(store, entries, as_of: date = DAY, key: tuple = KEY):
    return store.publish_night(store.open_night(as_of, *key).night_id, entries, {"scored": len(entries)})


def test_a_list_is_seen_when_it_is_published_and_not_before(store, make_entries, monkeypatch) -> None:
    seen: list[object] = []
    watcher = Store(str(store._engine.url))
    night = store.open_night(DAY, *KEY)
    opened = store.writing

    def watched():
        seen.append((watcher.last_night(), watcher.entries(night.night_id), watcher.entry(night.night_id, "e1")))
        return opened()

    monkeypatch.setattr(store, "writing", watched)
    entries = make_entries(1201)
    published = store.publish_night(night.night_id, entries, {"scored": 1200})
    assert len(seen) == 5, "the clearing, three pieces and the flip"
    assert all(state == (None, [], None) for state in seen)
    assert watcher.last_night() == published
    assert (published.state, published.counts) == ("published", {"scored": 1200})
    assert watcher.entries(night.night_id) == entries


def test_values_come_back_as_they_went_in(store, make_entries) -> None:
    entries = make_entries(
        3, reasons=[{"b": 1, "a": [0.1, None]}], strength={"text": "学"}, values={"x": None, "y": 2.5}
    )
    night = _publish(store, entries)
    assert store.entries(night.night_id) == entries
    assert store.entry(night.night_id, "e1") == entries[0]
    assert store.entry(night.night_id, "nobody") is None


def test_the_features_that_were_told_are_found_by_enrolment(store, make_entries) -> None:
    entries = make_entries(3, reasons=[{"feature": "clicks_7d", "value": 1.0}, {"feature": "touches_28d"}])
    night = _publish(store, entries)
    told = store.told(night.night_id)
    assert told["e1"] == ["clicks_7d", "touches_28d"]
    assert set(told) == {"e1", "e2", "e3"}
    assert store.told(night.night_id, ["e2", "nobody"]) == {"e2": told["e2"]}
    assert store.told(store.open_night(DAY, *KEY).night_id) == {}


def test_filters_and_pages(store, make_entries) -> None:
    night = _publish(store, make_entries(12)).night_id

    def ranks(**wanted) -> list[int]:
        return [entry.rank for entry in store.entries(night, **wanted)]

    assert ranks() == list(range(1, 13))
    assert ranks(course="c2") == [3, 6, 9]
    assert ranks(curator="anna") == [1, 3, 5, 7, 9, 11]
    assert ranks(curator="") == [2, 4, 6, 8, 10, 12]
    assert ranks(band="high") == [1, 2]
    assert ranks(changed=True) == [1, 2]
    assert ranks(changed=False, limit=3) == [3, 4, 5]
    assert ranks(after_rank=5, limit=2) == [6, 7]
    assert ranks(course="c2", curator="anna", after_rank=3) == [9]
    assert ranks(curator="' OR 1=1 --") == []


def test_the_last_night_is_the_one_published_last(store, make_entries) -> None:
    assert store.last_night() is None
    first = _publish(store, make_entries(2))
    other = _publish(store, make_entries(2), DAY, ("inactivity_14d", "m9", "p1", "l1"))
    earlier = _publish(store, make_entries(2), date(2025, 2, 1))
    store.open_night(date(2025, 4, 1), *KEY)
    assert store.last_night() == earlier
    assert store.last_night("inactivity_14d") == other
    assert store.last_night("nothing") is None
    assert store.night_before(DAY, KEY[0]) == earlier
    assert store.night_before(date(2025, 3, 2), KEY[0]) == first
    assert store.night_before(date(2025, 2, 1), KEY[0]) is None


def test_publishing_the_same_night_again_replaces_it(store, make_entries) -> None:
    first = _publish(store, make_entries(3))
    second = _publish(store, make_entries(5))
    assert store.last_night() == second
    assert store.entries(first.night_id) == []
    assert len(store.entries(second.night_id)) == 5
    other = _publish(store, make_entries(2), key=("withdrawal_28d", "m2", "p1", "l1"))
    assert len(store.entries(second.night_id)) == 5, "another model's list of the day stays"
    assert store.last_night() == other


def test_an_unfinished_night_of_a_killed_run_is_thrown_away(store, make_entries) -> None:
    left = store.open_night(DAY, *KEY)
    with store.writing() as connection:
        connection.execute(
            text(
                "INSERT INTO night_entry (night_id, rank, enrolment_id, student_id, course_id, changed, state, "
                "reasons, \"values\") SELECT night_id, 1, 'e', 's', 'c', 0, 'scored', '[]', '{}' FROM night"
            )
        )
    night = store.open_night(DAY, *KEY)
    assert night.night_id != left.night_id
    store.publish_night(night.night_id, make_entries(2), {})
    with store.reading() as connection:
        assert connection.execute(text("SELECT count(*) FROM night_entry")).scalar() == 2
    with pytest.raises(Refused, match="not open"):
        store.publish_night(left.night_id, make_entries(2), {})


def test_a_published_night_cannot_be_published_again(store, make_entries) -> None:
    night = _publish(store, make_entries(2))
    with pytest.raises(Refused, match="not open"):
        store.publish_night(night.night_id, make_entries(4), {})
    assert len(store.entries(night.night_id)) == 2


def test_a_list_that_cannot_be_stored_whole_is_not_published(store, make_entries) -> None:
    entries = make_entries(700)
    night = store.open_night(DAY, *KEY)
    with pytest.raises(Exception, match="UNIQUE"):
        store.publish_night(night.night_id, [*entries, replace(entries[0], rank=9999)], {})
    assert store.last_night() is None
    assert store.entries(night.night_id) == []
    store.publish_night(night.night_id, entries, {})
    assert store.entries(night.night_id) == entries


def test_an_empty_list_can_be_published(store) -> None:
    assert store.entries(_publish(store, []).night_id) == []


def _die_while_publishing(url: str, entries: list, pieces: int) -> None:
    store = Store(url)
    night = store.open_night(DAY, *KEY)
    opened, left = store.writing, iter(range(pieces))

    @contextmanager
    def counted():
        with opened() as connection:
            yield connection
            if next(left, None) is None:
                os.kill(os.getpid(), signal.SIGKILL)  # all is written and nothing committed

    store.writing = counted  # type: ignore[method-assign]
    store.publish_night(night.night_id, entries, {})


@pytest.mark.parametrize("pieces", [2, 4])
def test_a_run_that_is_killed_publishes_nothing_and_can_be_run_again(
    store, url, make_entries, start, pieces: int
) -> None:
    old = _publish(store, make_entries(4), date(2025, 2, 1))
    entries = make_entries(1201)
    run = start(_die_while_publishing, url, entries, pieces)
    run.join(300)
    assert run.exitcode == -signal.SIGKILL
    assert store.last_night() == old
    assert store.entries(_publish(store, entries).night_id) == entries


def test_bands_of_a_list(store, make_entries) -> None:
    night = _publish(store, make_entries(4))
    assert store.bands(night.night_id) == {"e1": "high", "e2": "high", "e3": "low", "e4": None}


def test_a_students_entries_over_the_nights(store, make_entries) -> None:
    first, second = _publish(store, make_entries(3)), _publish(store, make_entries(3), date(2025, 3, 8))
    found = store.entries_of("s2", KEY[0])
    assert [(night, entry.enrolment_id) for night, entry in found] == [(second, "e2"), (first, "e2")]
    assert store.entries_of("s2", "other") == []


def test_a_later_word_takes_the_place_of_an_earlier_one(store, make_entries) -> None:
    night = _publish(store, make_entries(4)).night_id
    store.add_verdict(night, "e1", "done", "", "anna")
    store.add_verdict(night, "e2", "already_spoke", "on Monday", "anna")
    last = store.add_verdict(night, "e1", "wrong_flag", "she is ill", "boris")
    assert (last.student_id, last.as_of, last.label, last.decision_id) == ("s1", DAY, KEY[0], "d_1")
    found = store.verdicts_of(night)
    assert {id_: word.word for id_, word in found.items()} == {"e1": "wrong_flag", "e2": "already_spoke"}
    assert found["e1"] == last
    assert [word.word for word in store.verdicts_about("s1")] == ["wrong_flag", "done"]


def test_already_spoke_is_one_contact_until_it_is_taken_back(store, make_entries) -> None:
    night = _publish(store, make_entries(4)).night_id
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    for _ in range(2):
        said = store.add_verdict(night, "e2", "already_spoke", "", "anna")
    (contact,) = store.touches_since(["s2"], long_ago)
    assert (contact["channel"], contact["status"], contact["occurred_at"]) == ("call", "answered", said.at)
    store.add_verdict(night, "e2", "wrong_flag", "", "anna")
    assert store.touches_since(["s2"], long_ago) == []


def test_words_stay_when_the_night_is_made_again_but_not_on_the_next(store, make_entries) -> None:
    night = _publish(store, make_entries(4)).night_id
    store.add_verdict(night, "e1", "done", "", "anna")
    assert set(store.verdicts_of(_publish(store, make_entries(4)).night_id)) == {"e1"}
    assert store.verdicts_of(_publish(store, make_entries(4), date(2025, 3, 2)).night_id) == {}


def test_a_word_needs_an_entry_and_to_be_one_of_the_words(store, make_entries) -> None:
    night = _publish(store, make_entries(2)).night_id
    building = store.open_night(date(2025, 4, 1), *KEY).night_id
    with pytest.raises(NotFound, match="enrolment nobody"):
        store.add_verdict(night, "nobody", "done", "", "anna")
    with pytest.raises(NotFound):
        store.add_verdict(building, "e1", "done", "", "anna")
    with pytest.raises(BadInput, match="done, wrong_flag, already_spoke"):
        store.add_verdict(night, "e1", "maybe", "", "anna")
    assert store.verdicts_of(night) == {}
