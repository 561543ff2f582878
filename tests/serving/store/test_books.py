"""Price books: the first of a key counts, and none is changed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from features import clock
from features.errors import BadInput
from serving.store import Store

DAY = date(2026, 3, 2)
KEY = (DAY, "withdrawal_28d", "m1", "p1")


def book(number: int = 1, day: date = DAY, **fields: Any) -> dict[str, Any]:
    record = {
        "book_id": f"b_{day.isoformat()}_{number}",
        "day": day.isoformat(),
        "label": "withdrawal_28d",
        "model_version": "m1",
        "policy_version": "p1",
        "number": number,
        "prices": {"sms": 0.1 + 0.2, "minutes:anna": 7.0},
    }
    return {**record, **fields}


def test_a_book_comes_back_as_it_was_published(store) -> None:
    assert store.book("b") is None
    published = store.publish_book(book())
    assert json.dumps(published) == json.dumps(book())
    assert json.dumps(store.book(book()["book_id"])) == json.dumps(book()), "bit for bit, also the order of its keys"


def test_the_first_book_of_a_key_counts_for_every_night(store, url) -> None:
    other = Store(url)
    assert store.publish_book(book()) == book()
    for late in (book(prices={"sms": 9.0}), book(book_id="b_other", prices={})):
        assert other.publish_book(late) == book()
    other.close()
    assert store.book("b_other") is None
    assert store.newest_book(*KEY) == book()


def test_one_id_cannot_be_two_books(store) -> None:
    store.publish_book(book())
    with pytest.raises(BadInput, match=r"price book b_2026-03-02_1: another price book has this id"):
        store.publish_book(book(2, book_id=book()["book_id"]))
    assert store.newest_book(*KEY) == book()


def test_the_newest_book_is_the_one_with_the_highest_number_of_its_key(store) -> None:
    assert store.newest_book(*KEY) is None
    for number in (1, 3, 2):
        store.publish_book(book(number))
    others = (
        {"label": "inactivity_14d"},
        {"model_version": "m2"},
        {"policy_version": "p2"},
        {"day": DAY + timedelta(days=1)},
    )
    for at, other in enumerate(others):
        store.publish_book(book(9, book_id=f"b{at}", **other))
    assert store.newest_book(*KEY) == book(3)


def test_the_book_before_is_the_last_one_of_the_latest_day_before(store, monkeypatch: pytest.MonkeyPatch) -> None:
    made_at = iter(datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in range(9))
    monkeypatch.setattr(clock, "now", lambda: next(made_at))
    store.publish_book(book(2, DAY - timedelta(days=1), model_version="m1"))
    last = store.publish_book(book(1, DAY - timedelta(days=1), model_version="m2"))
    store.publish_book(book(5, DAY - timedelta(days=3)))
    store.publish_book(book(1))
    store.publish_book(book(1, DAY - timedelta(days=1), book_id="b", label="inactivity_14d"))
    assert store.newest_book_before(DAY, "withdrawal_28d") == last
    assert store.newest_book_before(DAY - timedelta(days=1), "withdrawal_28d") == book(5, DAY - timedelta(days=3))
    assert store.newest_book_before(DAY - timedelta(days=3), "withdrawal_28d") is None
