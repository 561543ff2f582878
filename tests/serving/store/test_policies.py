"""Policies: the contents of every version stay, and the one in force is known."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from features import clock
from serving.store import Store

CONTENTS = {"rules": {"rule": [{"id": "R1", "when": ["risk >= 0.7"]}]}, "gates": {"z": 0.1 + 0.2, "a": True}}


def test_contents_come_back_as_they_were_kept(store) -> None:
    assert store.policy_contents("p1") is None
    assert store.last_policy() is None
    store.keep_policy("p1", CONTENTS)
    assert json.dumps(store.policy_contents("p1")) == json.dumps(CONTENTS), "also the order of its keys"
    assert store.last_policy() == ("p1", CONTENTS)


def test_a_version_keeps_its_contents(store) -> None:
    store.keep_policy("p1", CONTENTS)
    store.keep_policy("p2", {"rules": {}})
    for _ in range(2):
        store.keep_policy("p1", {"other": 1})
        assert store.policy_contents("p1") == CONTENTS


def test_the_last_policy_is_the_one_that_came_into_force_last(store) -> None:
    for version in ("p1", "p2", "p2"):
        store.keep_policy(version, {"named": version})
    assert store.last_policy() == ("p2", {"named": "p2"})
    store.keep_policy("p1", {"named": "p1"})
    assert store.last_policy() == ("p1", {"named": "p1"}), "a school may go back to an earlier one"


def test_a_clock_that_was_set_back_brings_no_earlier_policy_into_force(store, monkeypatch: pytest.MonkeyPatch) -> None:
    store.keep_policy("p1", {})
    monkeypatch.setattr(clock, "now", lambda: datetime(2020, 1, 1, tzinfo=UTC))
    store.keep_policy("p2", CONTENTS)
    assert store.last_policy() == ("p2", CONTENTS)


def test_services_that_keep_the_same_policy_at_once_keep_it_once(url) -> None:
    stores = [Store(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as services:
        for kept in [services.submit(store.keep_policy, "p1", CONTENTS) for store in stores * 3]:
            kept.result()
    for store in stores:
        assert store.last_policy() == ("p1", CONTENTS)
        store.close()
