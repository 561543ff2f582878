from __future__ import annotations

import json
import math
import multiprocessing
import signal
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from sqlalchemy import text

from features.errors import BadInput
from serving.store import Contact, Overtaken, Store

ROOT = Path(__file__).resolve().parents[3]
MARCH = datetime(2025, 3, 1, tzinfo=UTC)


def test_a_decision_is_given_back_as_it_was_stored(store, make_record) -> None:
    record = make_record()
    assert store.put_decisions([record]) == [record]
    found = store.decision("d_1")
    assert json.dumps(found) == json.dumps(record), "bit for bit, also the order of its keys"


def test_an_unknown_decision_is_none(store) -> None:
    assert store.decision("d_1") is None


def test_the_same_key_again_gives_the_stored_decision(store, make_record) -> None:
    first, again, other = make_record(1, note="first"), make_record(1, note="again"), make_record(2)
    assert store.put_decisions([first]) == [first]
    assert store.put_decisions([again, other]) == [first, other]
    assert store.decision("d_1") == first


def test_the_same_key_twice_in_one_call_is_one_decision(store, make_record) -> None:
    first, again = make_record(1, note="first"), make_record(1, note="again")
    assert store.put_decisions([first, again]) == [first, first]


def test_nothing_is_stored_when_one_cannot_be(store, make_record) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        store.put_decisions([make_record(1), make_record(2, not_before="2025-03-01T09:00:00")])
    assert store.decision("d_1") is None


def test_many_at_once(store, make_record) -> None:
    records = [make_record(number) for number in range(1, 1202)]
    assert store.put_decisions(records[::2]) == records[::2]
    assert store.put_decisions(records) == records
    assert store.put_decisions([]) == []


def test_ids_are_parameters_and_keep_every_character(store, make_record) -> None:
    for number, id_ in enumerate(["'; DROP TABLE decision; --", "é", "e\u0301", "学生", "a\u202eb", "%s:x?"], 1):
        store.put_decisions([make_record(number, student_id=id_)])
        assert [record["student_id"] for record in store.decisions_of(id_)] == [id_]


def test_decisions_of_a_student_newest_first(store, make_record) -> None:
    store.put_decisions([make_record(number) for number in (2, 1, 3)] + [make_record(4, student_id="s2")])
    assert [record["decision_id"] for record in store.decisions_of("s1")] == ["d_3", "d_2", "d_1"]
    since = store.decisions_of("s1", date(2025, 3, 3))
    assert [record["decision_id"] for record in since] == ["d_3", "d_2"]


def test_contacts_are_the_decisions_that_recommend_one(store, make_record) -> None:
    quiet = make_record(2, action="no_action", channel=None, not_before=None)
    old = make_record(3, not_before="2025-02-28T23:59:59+00:00")
    store.put_decisions([make_record(1), quiet, old, make_record(4, student_id="s2")])
    first = Contact("d_1", "s1", date(2025, 3, 2), "care_sms", "sms", datetime(2025, 3, 2, 9, tzinfo=UTC))
    assert store.contacts_since(["s1"], MARCH) == [first]
    assert [contact.decision_id for contact in store.contacts_since(None, MARCH)] == ["d_1", "d_4"]
    assert [contact.decision_id for contact in store.contacts_since(["s1", "s2", "s3"], MARCH)] == ["d_1", "d_4"]
    assert store.contacts_since([], MARCH) == []


DRAWN = {
    "action": "care_sms",
    "propensities": {"no_action": 0.3, "care_sms": 0.6, "mentor_call": 0.1},
    "eligible": ["care_sms", "mentor_call", "no_action"],
}


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"propensities": {"no_action": 0.4, "care_sms": 0.6 + 2e-9}}, "the sum 1"),
        ({"propensities": {"no_action": 0.4, "care_sms": 0.5}}, "the sum 1"),
        ({"propensities": {}}, "the sum 1"),
        ({"propensities": {"no_action": math.nan, "care_sms": 1.0}}, "not probabilities"),
        ({"propensities": {"no_action": math.inf, "care_sms": -math.inf}}, "not probabilities"),
        ({"propensities": {"no_action": -0.5, "care_sms": 1.5}}, "not probabilities"),
        ({"propensities": {"no_action": 1.0, "care_sms": 0.0}}, "care_sms was chosen with propensity 0"),
        ({"propensities": {"no_action": 1.0}}, "care_sms was chosen with propensity 0"),
        ({"eligible": ["care_sms", "no_action"]}, "mentor_call has a propensity and is not eligible"),
        (
            {"propensities": {"care_sms": 0.9, "mentor_call": 0.1}, "eligible": ["care_sms", "mentor_call"]},
            "no_action is not eligible",
        ),
    ],
)
def test_propensities_that_break_the_rules_are_refused_and_nothing_is_stored(store, make_record, fields, says) -> None:
    store.open_capacity(date(2025, 3, 2), {"sms": 1})
    with pytest.raises(BadInput, match=f"decision d_2: .*{says}"):
        store.put_decisions([make_record(1, uses={"sms": 1}), make_record(2, **{**DRAWN, **fields})])
    assert store.decision("d_1") is None
    assert store.capacity_left(date(2025, 3, 2)) == {"sms": 1}


def test_propensities_that_are_those_of_a_draw_are_kept_to_the_last_bit(store, make_record) -> None:
    thirds = {"no_action": 1 / 3, "care_sms": 1 / 3, "mentor_call": 1 - 2 / 3, "advanced_materials": 0.0}
    record = make_record(1, **{**DRAWN, "propensities": thirds})
    store.put_decisions([record])
    assert store.decision("d_1")["propensities"] == thirds


def test_the_decisions_of_a_day_come_one_after_the_other_in_their_order(store, make_record) -> None:
    day = "2025-03-05"
    many = [make_record(1, decision_id=f"d_{n:04d}", student_id=f"s{n}", decision_date=day) for n in range(1001)]
    store.put_decisions([*many[::-1], make_record(1), make_record(9)])
    found = store.decisions_on(date(2025, 3, 5))
    first = next(found)
    assert store.put_decisions([make_record(10)]), "a reader that is not done keeps nobody from writing"
    assert [first, *found] == many
    assert list(store.decisions_on(date(2025, 3, 4))) == []
    between = [record["decision_id"] for record in store.decisions_between(date(2025, 3, 2), date(2025, 3, 10))]
    assert between == ["d_1", *(record["decision_id"] for record in many), "d_9"]


def test_the_decisions_of_a_label_are_those_of_the_models_that_listed_or_priced_for_it(store, make_record) -> None:
    day = date(2025, 3, 2)
    store.open_night(day, "withdrawal_28d", "m1", "p1", "l1")
    store.publish_book(
        {"book_id": "b", "day": "2025-03-02", "label": "inactivity_14d", "model_version": "m2"}
        | {"policy_version": "p1", "number": 1}
    )
    models = {"d_1": "m1", "d_2": "m2", "d_3": "m3"}
    same_day = {"decision_date": "2025-03-02"}
    store.put_decisions([make_record(1, decision_id=id_, model_version=m, **same_day) for id_, m in models.items()])
    listed = [
        [record["decision_id"] for record in store.decisions_on(day, label)] for label in ("withdrawal_28d", None)
    ]
    assert listed == [["d_1"], ["d_1", "d_2", "d_3"]]
    assert [record["decision_id"] for record in store.decisions_on(day, "inactivity_14d")] == ["d_2"]


def _race(url: str, name: str, flag, results) -> None:
    store = Store(url)
    results.put((name, "ready"))
    assert flag.wait(300), "nobody started the race"
    for number in range(200):
        record = {
            "decision_id": f"d_{number}",
            "student_id": f"s{number}",
            "decision_date": "2025-03-01",
            "request_digest": "",
            "model_version": "m1",
            "policy_version": "p1",
            "action": "no_action",
            "channel": None,
            "not_before": None,
            "arm": "treatment",
            "writer": name,
        }
        (stored,) = store.put_decisions([record])
        results.put((number, stored["writer"]))
    store.close()


def test_two_processes_racing_get_the_same_decision(store, url, start) -> None:
    context = multiprocessing.get_context("spawn")
    flag, results = context.Event(), context.Queue()
    racers = [start(_race, url, name, flag, results) for name in ("a", "b")]
    assert {results.get(timeout=300)[1] for _ in racers} == {"ready"}
    flag.set()
    got = [results.get(timeout=300) for _ in range(400)]
    for racer in racers:
        racer.join(300)
        assert racer.exitcode == 0
    writers = {number: {writer for n, writer in got if n == number} for number in range(200)}
    assert all(len(names) == 1 for names in writers.values())
    assert all(store.decision(f"d_{number}")["writer"] in names for number, names in writers.items())


_WRITER = """
import itertools, sys
sys.path.insert(0, sys.argv[2])
from serving.store import Store
store, start = Store(sys.argv[1]), int(sys.argv[3])
for number in itertools.count(start):
    ids = [f"d_{number}_{part}" for part in range(3)]
    store.put_decisions([
        dict(decision_id=id_, student_id=id_, decision_date="2025-03-01", request_digest="", model_version="m1",
             policy_version="p1", action="no_action", channel=None, not_before=None, arm="treatment")
        for id_ in ids
    ])
    sys.stdout.write(f"{number}\\n")
    sys.stdout.flush()
"""


def test_a_killed_writer_loses_nothing_that_it_acknowledged(store, url) -> None:
    acknowledged: list[int] = []
    for killed in range(3):
        command = [sys.executable, "-c", _WRITER, url, str(ROOT), str(killed * 1_000_000)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            acknowledged += [int(writer.stdout.readline()) for _ in range(40 + 7 * killed)]
            writer.send_signal(signal.SIGKILL)
            acknowledged += [int(line) for line in writer.stdout if line.endswith("\n")]
    with store.reading() as connection:
        stored = set(connection.execute(text("SELECT decision_id FROM decision")).scalars())
        assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    assert len(acknowledged) > 100
    assert stored >= {f"d_{number}_{part}" for number in acknowledged for part in range(3)}
    assert len(stored) % 3 == 0, "each call is stored whole or not at all"


def test_of_two_who_decide_at_once_the_second_is_told(store, make_record) -> None:
    known = {"case": {"touches": []}}
    first, second = (make_record(1, decision_id=id_, request_digest=id_, **known) for id_ in ("d_a", "d_b"))
    assert store.put_decisions([first]) == [first]
    assert store.put_decisions([second]) == [Overtaken("d_b", "d_a")]
    assert store.decision("d_b") is None
    assert store.put_decisions([first]) == [first], "the same again is the same"
    aware = {**second, "case": {"touches": [{"decision_id": "d_a"}]}}
    assert store.put_decisions([aware]) == [aware]
    quiet = {**second, "decision_id": "d_c", "request_digest": "d_c", "channel": None, "not_before": None}
    assert store.put_decisions([quiet]) == [quiet], "nobody is contacted by it"


def test_what_another_policy_decided_later_is_known(store, make_record) -> None:
    same = {"decision_date": "2025-03-02"}
    first = make_record(1)
    store.put_decisions([first])
    assert store.overruled_by(first) is None
    store.put_decisions([make_record(2, **same, request_digest="x"), make_record(3), make_record(4, student_id="s2")])
    assert store.overruled_by(first) is None, "the same policy, another day, another student"
    store.put_decisions([make_record(5, **same, policy_version="p2", channel=None)])
    store.put_decisions([make_record(6, **same, model_version="m2", channel=None)])
    assert store.overruled_by(first) == "d_6"
    assert store.overruled_by(make_record(6, **same, model_version="m2")) is None
    assert store.decided_otherwise(date(2025, 3, 2), "m1", "p1") == {"s1"}
    assert store.decided_otherwise(date(2025, 3, 3), "m1", "p1") == set()
