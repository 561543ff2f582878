"""The night: killed at any point it leaves the old list, and run again it ends as if nothing had happened."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from datetime import date, timedelta

import pytest

from features import clock
from features.errors import BadInput, NotReady
from features.labels import named
from handrail import journeys
from serving.advise import Adviser
from serving.store import Store

LABEL = "withdrawal_28d"


def state(store: Store) -> tuple:
    """All that people and programs can see."""
    night = store.last_night(LABEL)
    assert night
    entries = store.entries(night.night_id)
    return night.as_of, entries, [store.decision(entry.decision_id or "") for entry in entries]


KILLED = """
    import os, signal, sys
    from tests.conftest import settings_of
    from pathlib import Path
    from serving.store import Store
    from handrail import journeys
    from datetime import date, timedelta
    left = int(sys.argv[2])
    def dies(name):
        real = getattr(Store, name)
        def instead(self, *words, **named):
            global left
            left -= 1
            if left < 0:
                os.kill(os.getpid(), signal.SIGKILL)
            done = real(self, *words, **named)
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return done
        setattr(Store, name, instead)
    for name in ("publish_book", "open_capacity", "put_decisions", "open_night", "publish_night"):
        dies(name)
    journeys.nightly(settings_of(Path(sys.argv[1])), date(2026, 6, 7), quiet=True)
"""


@pytest.fixture(scope="module")
def undisturbed(made_home, tmp_path_factory) -> tuple:
    """What can be seen after a night that nobody killed."""
    home = made_home.copy(tmp_path_factory.mktemp("undisturbed") / "home")
    journeys.nightly(home.settings, date(2026, 6, 7), quiet=True)
    return state(journeys.store(home.settings))


@pytest.mark.parametrize("calls", [0, 1, 2, 4])
def test_a_killed_night_shows_nothing_and_ends_well_when_run_again(made_home, undisturbed, tmp_path, calls):
    killed = made_home.copy(tmp_path / "home")
    store = journeys.store(killed.settings)
    before = state(store)
    program = [sys.executable, "-c", textwrap.dedent(KILLED), str(killed.settings.home), str(calls)]
    ended = subprocess.run(program, cwd=os.getcwd(), env={**os.environ, "PYTHONPATH": "."}, timeout=600, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert state(store) == before
    journeys.nightly(killed.settings, date(2026, 6, 7), quiet=True)
    assert state(store) == undisturbed
    assert state(store)[0] == date(2026, 6, 7)


def test_a_night_again_changes_nothing(made_home, tmp_path):
    home = made_home.copy(tmp_path / "home")
    store = journeys.store(home.settings)
    before = state(store)
    journeys.nightly(home.settings, home.as_of, quiet=True)
    assert state(store) == before


def test_there_is_no_night_of_a_day_that_has_not_begun(made_home):
    with pytest.raises(BadInput, match="has not begun yet"):
        journeys.nightly(made_home.settings, clock.today(made_home.school.zone) + timedelta(days=2), quiet=True)


@pytest.fixture(scope="module")
def two_nights(made_home, tmp_path_factory):
    """A home where the night of the next day ran too; with what was to be seen before it."""
    home = made_home.copy(tmp_path_factory.mktemp("two") / "home")
    before = state(journeys.store(home.settings))
    journeys.nightly(home.settings, date(2026, 6, 9), quiet=True)
    return home, before


def test_reasons_are_steady_and_a_single_call_gives_those_of_the_night(two_nights):
    home, _ = two_nights
    store = journeys.store(home.settings)
    adviser = Adviser.open(home.school, named(LABEL), store)
    _, listed, _ = state(store)
    chosen = [entry for entry in listed if entry.reasons][:60]
    students = sorted({entry.student_id for entry in chosen})
    told = {one.enrolment_id: one for one in adviser.scored(date(2026, 6, 9), students)}
    for entry in chosen:
        one = told[entry.enrolment_id]
        assert (one.reasons, one.strength) == (entry.reasons, entry.strength)
        assert (one.families, one.what_ifs) == (entry.families, entry.what_ifs)
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM night WHERE as_of < '2026-06-09'")
    afresh = {one.enrolment_id: one for one in adviser.scored(date(2026, 6, 9), students)}
    names = [
        [[reason["feature"] for reason in some[entry.enrolment_id].reasons] for entry in chosen]
        for some in (told, afresh)
    ]
    assert names[0] != names[1], "the night before is not remembered"


def test_the_next_night_knows_the_bands_and_the_contacts_of_the_one_before(two_nights):
    home, (_, before, decisions) = two_nights
    _, after, later = state(journeys.store(home.settings))
    old = {entry.enrolment_id: entry.band for entry in before}
    assert all(entry.previous_band == old.get(entry.enrolment_id) for entry in after)
    assert all(entry.changed == (entry.previous_band not in (None, entry.band)) for entry in after)
    written_to = {record["student_id"] for record in decisions if record["action"] == "care_sms"}
    assert written_to
    for record in later:
        if record["student_id"] in written_to:
            assert record["action"] in ("no_action", "pause_offer")
            assert "G3" in {blocked["gate"] for blocked in record["blocked"]} or not record["fired"]


def test_a_day_without_live_enrolments_says_so(made_home):
    with pytest.raises(NotReady, match="no enrolment is live on 2020-01-01"):
        journeys.nightly(made_home.settings, date(2020, 1, 1), quiet=True)


def test_nobody_in_the_control_group_is_contacted_by_us(made_home):
    _, _, decisions = state(journeys.store(made_home.settings))
    control = [record for record in decisions if record["holdout"]]
    assert control
    assert {record["action"] for record in control} <= {"no_action", "pause_offer"}
    assert any("G8" in {blocked["gate"] for blocked in record["blocked"]} for record in control)


def test_every_decision_has_a_whole_propensity_and_nothing_for_what_is_blocked(made_home):
    _, _, decisions = state(journeys.store(made_home.settings))
    for record in decisions:
        assert sum(record["propensities"].values()) == 1
        assert record["propensities"][record["action"]] > 0
        blocked = {one["action"] for one in record["blocked"] if not one["follow_up"]}
        assert not blocked & {action for action, p in record["propensities"].items() if p}
