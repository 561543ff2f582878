"""Limits of a day hold for whoever asks, whether a night thought of them or not; and what was said holds at once."""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import timedelta

import pytest

from features import clock
from features.config import DEFAULTS, read_toml
from features.labels import named
from handrail import journeys
from serving.advise import Adviser
from serving.replaying import Replaying

LABEL = "withdrawal_28d"
LOTS = '[exploration]\nshare = 0.5\nbands = ["high", "medium", "low"]\n'


def _configure(home, **texts: str) -> None:
    configs = home.settings.home / "configs"
    configs.mkdir(exist_ok=True)
    for name, text in texts.items():
        (configs / f"{name}.toml").write_text(text)


def _adviser(home) -> Adviser:
    return Adviser.open(home.school, named(LABEL), journeys.store(home.settings))


def _forget(home, *tables: str) -> None:
    with sqlite3.connect(home.settings.home / "handrail.db") as db:
        for table in tables:
            db.execute(f"DELETE FROM {table}")


@pytest.fixture
def home(made_home, tmp_path):
    return made_home.copy(tmp_path / "home")


def _students(home) -> list[str]:
    """Those of the last night's list."""
    with sqlite3.connect(home.settings.home / "handrail.db") as db:
        return [id_ for (id_,) in db.execute("SELECT DISTINCT student_id FROM night_entry")]


def _used(records) -> Counter[str]:
    used: Counter[str] = Counter()
    for record in records:
        used.update(record["uses"])
    return used


def test_a_lot_before_the_night_takes_no_more_than_there_is(home) -> None:
    rules = read_toml(DEFAULTS / "rules.toml")["rule"]
    off = "".join(f"[rule.{id_}]\non = false\n" for id_ in rules)
    _configure(home, capacity="[day]\nsms = 1\n", value=LOTS, rules=off)
    students = _students(home)
    _forget(home, "price_book", "capacity", "decision", "night_entry", "night")
    told = [one.decision for one in _adviser(home).advise(home.as_of, students)]
    assert sum(record["explored"] for record in told) > 1
    assert _used(told)["sms"] == 1


def test_what_there_is_none_of_has_no_chance_in_the_lot(home) -> None:
    _configure(home, capacity="[day]\nminutes = 0\nsms = 0\n", value=LOTS)
    adviser = _adviser(home)
    records = [one.decision for one in adviser.advise(home.as_of) if one.decision]
    catalogue = adviser.policy.catalogue
    none = {id_ for id_, action in catalogue.items() if action.minutes or action.channel == "sms"} - {"route_to_human"}
    assert any(record["explored"] for record in records)
    assert not [record for record in records if none & {id_ for id_, p in record["propensities"].items() if p}]
    assert any(no["reason"] == "capacity_exhausted" for record in records for no in record["blocked"])
    replaying = Replaying(adviser.store)
    assert not [name for record in records[:50] for name in replaying.differences(record)]


def test_a_night_tells_what_is_used_of_what_there_is(home) -> None:
    _configure(home, capacity="[day]\nminutes = 30\n")
    _forget(home, "price_book", "capacity", "decision", "night_entry", "night")
    told = journeys.nightly(home.settings, home.as_of, quiet=True)
    used = _used(journeys.store(home.settings).decisions_on(home.as_of))
    assert (told.book or {})["prices"], "minutes are scarce"
    for name in (told.book or {})["prices"]:
        assert told.capacity[name] == {"used": used[name], "cap": 30}
        assert f"{name} {used[name]:g} of 30" in told.words()


def test_a_limit_that_is_lowered_in_the_day_holds_from_then_on(home) -> None:
    used = _used(journeys.store(home.settings).decisions_on(home.as_of))
    assert [name for name in used if name.startswith("minutes:")]
    _configure(home, capacity="[day]\nminutes = 1\n")
    _forget(home, "decision")
    later = _used(one.decision for one in _adviser(home).advise(home.as_of, _students(home), digest="later"))
    assert not [name for name in later if name.startswith("minutes:")], "the night has taken more than there is now"


def test_a_refusal_between_two_runs_of_a_night_is_heard(home, monkeypatch) -> None:
    adviser = _adviser(home)
    early = clock.day_start(home.as_of, home.school.zone) + timedelta(hours=1)
    monkeypatch.setattr(clock, "now", lambda: early)
    students = _students(home)
    _forget(home, "decision", "night_entry", "night")
    first = {one.person.student_id: one.decision for one in adviser.advise(home.as_of, students)}
    student = next(id_ for id_, record in first.items() if record["channel"] and record["rule"] not in ("R10", "R11"))
    said = {"event_id": "c1", "student_id": student, "channel": "any", "purpose": "any", "state": "withdrawn"}
    said |= {"until_at": None, "source": None, "occurred_at": early}
    adviser.store.add_consents([said])
    monkeypatch.setattr(clock, "now", lambda: early + timedelta(minutes=30))
    second = {one.person.student_id: one.decision for one in adviser.advise(home.as_of) if one.decision}
    assert second.pop(student)["channel"] is None
    first.pop(student)
    assert {id_: one["decision_id"] for id_, one in second.items()} == {
        id_: one["decision_id"] for id_, one in first.items()
    }


def test_two_who_decide_at_once_contact_a_student_once(home, monkeypatch) -> None:
    one, other = _adviser(home), _adviser(home)
    noon = clock.day_start(home.as_of, home.school.zone) + timedelta(hours=12)
    monkeypatch.setattr(clock, "now", lambda: noon)
    students = sorted(_students(home))[:12]
    _forget(home, "decision", "night_entry", "night")
    slow, told = one.prepare(home.as_of, students, digest="slow"), []

    def prepared(*_, **request):
        if told:
            return Adviser.prepare(one, *_, **request)
        monkeypatch.setattr(clock, "now", lambda: noon + timedelta(seconds=1))
        told.extend(other.advise(home.as_of, students, digest="quick"))
        monkeypatch.setattr(clock, "now", lambda: noon + timedelta(seconds=2))
        return slow

    monkeypatch.setattr(one, "prepare", prepared)
    later = one.advise(home.as_of, students, digest="slow", moment=noon)
    assert [advice.person for advice in later] == [advice.person for advice in told]
    contacted = [{advice.person.student_id for advice in some if advice.decision["channel"]} for some in (told, later)]
    assert contacted[0]
    assert not contacted[0] & contacted[1]
