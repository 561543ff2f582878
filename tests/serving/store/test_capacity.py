"""The capacity ledger: what was promised is there, whoever else promises at the same time."""

from __future__ import annotations

import math
import multiprocessing
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from features.errors import BadInput
from serving.store import Exhausted, Store

DAY = date(2025, 3, 1)


def record(name: str, uses: dict[str, float] | None = None, day: date = DAY) -> dict[str, Any]:
    plain = dict.fromkeys(("request_digest", "model_version", "policy_version", "arm"), "x")
    about = {"decision_id": f"d_{name}", "student_id": name, "decision_date": day.isoformat()}
    what = {"action": "care_sms", "channel": None, "not_before": None}
    return {**plain, **about, **what, **({} if uses is None else {"uses": uses})}


def test_what_is_decided_takes_from_its_own_day(store) -> None:
    store.open_capacity(DAY, {"sms": 3, "minutes:anna": 20.5})
    store.open_capacity(DAY + timedelta(days=1), {"sms": 3})
    records = [record("a", {"sms": 1, "minutes:anna": 15}), record("b", {"sms": 2}, DAY + timedelta(days=1))]
    assert store.put_decisions(records) == records
    assert store.capacity_left(DAY) == {"minutes:anna": 5.5, "sms": 2.0}
    assert store.capacity_left(DAY + timedelta(days=1)) == {"sms": 1.0}
    assert store.capacity_left(DAY + timedelta(days=2)) == {}


def test_what_does_not_fit_is_not_stored_and_takes_nothing(store) -> None:
    store.open_capacity(DAY, {"sms": 5, "minutes:anna": 10, "budget": 0})
    both = record("b", {"sms": 1, "minutes:anna": 15, "budget": 1})
    given = store.put_decisions([record("a", {"sms": 1}), both, record("c", {"sms": 1, "minutes:anna": 10})])
    assert given[1] == Exhausted("d_b", ("budget", "minutes:anna"))
    assert given[::2] == [store.decision("d_a"), store.decision("d_c")]
    assert store.decision("d_b") is None
    assert store.capacity_left(DAY) == {"budget": 0.0, "minutes:anna": 0.0, "sms": 3.0}


def test_what_did_not_fit_may_come_again(store) -> None:
    store.open_capacity(DAY, {"sms": 0})
    one = record("a", {"sms": 1})
    assert store.put_decisions([one, one]) == [Exhausted("d_a", ("sms",))] * 2
    store.open_capacity(DAY, {"sms": 1})
    assert store.put_decisions([one]) == [one]


def test_a_stored_decision_takes_nothing_a_second_time(store) -> None:
    store.open_capacity(DAY, {"sms": 2})
    one = record("a", {"sms": 1})
    for records in ([one, one], [one], [record("b", {"sms": 1}), one]):
        assert store.put_decisions(records) == records
    assert store.capacity_left(DAY) == {"sms": 0.0}


def test_a_later_decision_of_the_day_gives_back_what_it_replaces(store) -> None:
    store.open_capacity(DAY, {"sms": 1})
    due, later = "2025-03-01T09:00:00+00:00", "2025-03-01T10:00:00+00:00"
    planned = {**record("a", {"sms": 1}), "not_before": due}
    store.put_decisions([planned])
    again = {**planned, "decision_id": "d_a2", "request_digest": "y", "decided_at": "2025-03-01T08:00:00+00:00"}
    assert store.put_decisions([again]) == [again]
    assert store.capacity_left(DAY) == {"sms": 0.0}
    made = {**again, "decision_id": "d_a3", "request_digest": "z", "decided_at": later, "not_before": later}
    assert store.put_decisions([made]) == [Exhausted("d_a3", ("sms",))], "what was due is not given back"
    store.put_decisions([{**made, "uses": {}}])
    assert store.capacity_left(DAY) == {"sms": 0.0}


def test_before_a_day_is_planned_anew_what_is_not_due_is_given_back(store) -> None:
    store.open_capacity(DAY, {"sms": 3})
    at = [datetime(2025, 3, 1, hour, tzinfo=UTC) for hour in (8, 9, 10)]
    store.put_decisions([{**record(f"s{one.hour}", {"sms": 1}), "not_before": one.isoformat()} for one in at])
    store.give_back(DAY, at[1])
    assert store.capacity_left(DAY) == {"sms": 2.0}
    store.give_back(DAY, at[1])
    assert store.capacity_left(DAY) == {"sms": 2.0}


def test_what_is_not_in_the_ledger_is_not_limited(store) -> None:
    store.open_capacity(DAY, {"sms": 1})
    records = [record("a", {"budget": 1e9}), record("b", {}), record("c", None)]
    assert store.put_decisions(records) == records
    assert store.capacity_left(DAY) == {"sms": 1.0}


def test_the_first_in_the_order_given_come_first(store) -> None:
    store.open_capacity(DAY, {"sms": 700})
    records = [record(f"{number:05d}", {"sms": 1}) for number in random.Random(7).sample(range(10_000), 1300)]
    given = store.put_decisions(records)
    assert given[:700] == records[:700]
    assert given[700:] == [Exhausted(one["decision_id"], ("sms",)) for one in records[700:]]
    assert store.decision(records[700]["decision_id"]) is None


def test_many_batches_take_what_one_after_the_other_would(store) -> None:
    draw = random.Random(5)
    left = {"minutes:a": 60.0, "minutes:b": 45.0, "sms": 25.0, "budget": 700.0}
    store.open_capacity(DAY, left)
    for batch in range(12):
        records = [
            record(f"{batch}_{n}", {name: draw.choice([0.1, 1, 15, 20.7]) for name in draw.sample([*left], k=2)})
            for n in range(6)
        ]
        for one, given in zip(records, store.put_decisions(records), strict=True):
            short = sorted(name for name, amount in one["uses"].items() if amount > left[name] + 1e-9)
            assert given == (Exhausted(one["decision_id"], tuple(short)) if short else one)
            left = {name: amount - (0 if short else one["uses"].get(name, 0)) for name, amount in left.items()}
    assert store.capacity_left(DAY) == pytest.approx(left, abs=1e-6)
    assert min(left.values()) < 1, "the test came to where there is not enough"


def test_sums_of_tenths_fill_a_capacity(store) -> None:
    store.open_capacity(DAY, {"budget": 0.3})
    assert store.put_decisions(records := [record(str(n), {"budget": 0.1}) for n in range(3)]) == records
    assert store.capacity_left(DAY) == {"budget": 0.0}


def test_a_capacity_is_never_less_than_what_is_used_of_it(store) -> None:
    store.open_capacity(DAY, {"sms": 5, "budget": 9})
    store.put_decisions([record("a", {"sms": 3})])
    for cap, left in ((4, 1.0), (1, 0.0), (0, 0.0), (8, 5.0)):
        store.open_capacity(DAY, {"sms": cap})
        assert store.capacity_left(DAY) == {"budget": 9.0, "sms": left}
    store.open_capacity(DAY, {})


@pytest.mark.parametrize("cap", [-1, math.nan, math.inf])
def test_a_capacity_that_is_no_amount_is_refused(store, cap: float) -> None:
    with pytest.raises(BadInput, match="sms on 2025-03-01: the capacity"):
        store.open_capacity(DAY, {"budget": 1, "sms": cap})
    assert store.capacity_left(DAY) == {}


@pytest.mark.parametrize("amount", [-1, math.nan, math.inf])
def test_a_use_that_is_no_amount_is_refused_and_nothing_is_stored(store, amount: float) -> None:
    store.open_capacity(DAY, {"sms": 5})
    with pytest.raises(BadInput, match="decision d_b: it uses"):
        store.put_decisions([record("a", {"sms": 1}), record("b", {"sms": amount})])
    assert store.decision("d_a") is None
    assert store.capacity_left(DAY) == {"sms": 5.0}


def test_the_database_itself_refuses_an_overspent_line(store) -> None:
    store.open_capacity(DAY, {"sms": 5})
    with pytest.raises(IntegrityError, match="ck_capacity_used"), store.writing() as connection:
        connection.execute(text("UPDATE capacity SET used = 6"))


def _spend(url: str, name: str, flag, results) -> None:
    store = Store(url)
    results.put(name)
    assert flag.wait(300), "nobody started the race"
    # Half of the students are both workers', in opposite orders; both also want the two resources in opposite orders.
    numbers = [*range(60)] if name == "a" else [*range(59, -1, -1)]
    for start in range(0, 60, 4):
        records = []
        for number in numbers[start : start + 4]:
            who = f"{number}" if number % 2 else f"{name}{number}"
            uses = {"sms": 1.0, "minutes:anna": 5.0}
            records.append(record(who, uses if name == "a" else dict(reversed(uses.items()))))
        for one, given in zip(records, store.put_decisions(records), strict=True):
            results.put((one["decision_id"], not isinstance(given, Exhausted)))
    store.close()


def test_two_processes_never_use_more_than_there_is(store, url, start) -> None:
    store.open_capacity(DAY, {"sms": 40, "minutes:anna": 1000, "sms-idle": 1})
    context = multiprocessing.get_context("spawn")
    flag, results = context.Event(), context.Queue()
    workers = [start(_spend, url, name, flag, results) for name in ("a", "b")]
    assert {results.get(timeout=300) for _ in workers} == {"a", "b"}
    flag.set()
    told = Counter(results.get(timeout=300) for _ in range(120))
    for worker in workers:
        worker.join(300)
        assert worker.exitcode == 0
    stored = {one["decision_id"] for one in store.decisions_on(DAY)}
    assert len(stored) == 40, "all that there is was used, by one decision each"
    assert store.capacity_left(DAY) == {"minutes:anna": 800.0, "sms": 0.0, "sms-idle": 1.0}
    assert stored == {id_ for id_, kept in told if kept}
    assert not {id_ for id_, kept in told if not kept} & stored, "what was refused once found no room later"
