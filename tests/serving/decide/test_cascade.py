from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise, product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.decide import Case, Consent, Touch, judge
from serving.decide.cascade import REASONS, Proposal, path, proposals, refusal, state_of
from serving.decide.case import telling_days
from serving.decide.contacts import contact_day
from serving.decide.stages import STAGES, TRANSITIONS
from tests.thorough import examples

START = date(2025, 3, 3)
"""Day 0 of the drawn histories; the student lives in UTC."""
OF_STAGE = {"sms": "care_sms", "email": "micro_step", "call": "mentor_call", "pause": "pause_suggestion"}


def _at(day: float) -> datetime:
    return datetime(START.year, START.month, START.day, 12, tzinfo=UTC) + timedelta(days=day)


def _touch(number: int, name: str, day: float, status: str = "sent") -> Touch:
    channel = "email" if name == "pause" else name
    return Touch(f"t{number}", channel, _at(day), status, action=OF_STAGE[name])


def _lived(make_case, history: str, studied: tuple[int, ...] = (), **fields) -> Case:
    """A case of a history such as ``sms 0, call 4 failed``: contact, day and status."""
    words = [one.split() for one in history.split(", ") if one]
    touches = tuple(_touch(i, name, float(day), *status) for i, (name, day, *status) in enumerate(words))
    days = tuple(START + timedelta(days=day) for day in studied)
    return make_case(time_zone="UTC", touches=touches, active_days=days, **fields)


def _no(policy, case: Case, name: str, now: datetime) -> tuple[str, datetime | None] | None:
    found = refusal(policy.catalogue[OF_STAGE[name]], case, policy.gates.cascade, now)
    return None if found is None else (found.reason, found.until)


# history, days of study, today, then what the cascade says to an SMS and to a call: reason and day until
@pytest.mark.parametrize(
    ("history", "studied", "today", "sms", "call"),
    [
        ("", (), 0, None, ("needs_soft_touch", None)),
        ("", (0,), 0, None, ("needs_soft_touch", None)),
        ("sms 0", (), 2.9, ("open_step", 3), ("open_step", 3)),
        ("sms 0", (), 3, None, None),
        ("email 0", (), 3, ("stage_passed", 30), None),
        ("sms 0 failed", (), 0.1, None, None),
        ("sms 0 answered", (), 2, ("open_step", 3), ("open_step", 3)),
        ("sms 0, call 4", (), 10, ("stage_passed", 34), ("open_step", 11)),
        ("sms 0, call 4", (), 11, ("stage_passed", 34), None),
        ("sms 0, call 4, sms 5", (), 10, ("stage_passed", 35), ("open_step", 11)),
        ("sms 0, call 4", (), 34, None, ("needs_soft_touch", None)),
        ("sms 0, call 4, pause 12", (), 18, ("stage_passed", 42), ("stage_passed", 42)),
        ("sms 0, call 4, pause 12", (), 19, ("stopped", 79), ("stopped", 79)),
        ("sms 0, call 4, pause 12", (), 78.9, ("stopped", 79), ("stopped", 79)),
        ("sms 0, call 4, pause 12", (), 79, None, ("needs_soft_touch", None)),
        ("sms 0, call 4 answered, pause 12", (), 19, ("stage_passed", 42), ("stage_passed", 42)),
        ("sms 0, call 4 opened, pause 12", (), 19, ("stopped", 79), ("stopped", 79)),
        ("sms 0, sms 3, sms 6", (), 9, ("stopped", 69), ("stopped", 69)),
        ("sms 0, sms 3, call 6 failed", (), 6, ("stopped", 66), ("stopped", 66)),
        ("sms 0, call 4 failed, call 5 failed, call 6 failed", (), 6.1, ("stage_passed", 36), None),
        ("sms 0, call 4 failed, call 5 failed, call 6 failed, call 7 failed", (), 7, ("stopped", 67), ("stopped", 67)),
        ("sms 0, sms 29, sms 58", (), 61, ("stopped", 121), ("stopped", 121)),
        ("sms 0, sms 31, sms 62", (), 65, None, None),
        # a return: rest for 14 days from the start of its day
        ("sms 0", (0,), 1, ("cool_down", 13.5), ("cool_down", 13.5)),
        ("sms 0", (5,), 18, ("cool_down", 18.5), ("cool_down", 18.5)),
        ("sms 0", (5,), 18.5, None, ("needs_soft_touch", None)),
        ("sms 0", (31,), 32, None, ("needs_soft_touch", None)),
        ("sms 0, call 4, pause 12", (19,), 19, ("cool_down", 32.5), ("cool_down", 32.5)),
        ("sms 0, call 4, pause 12", (40,), 41, ("cool_down", 53.5), ("cool_down", 53.5)),
        ("sms 0, call 4, pause 12", (40,), 54, None, ("needs_soft_touch", None)),
        ("sms 0, sms 3", (2,), 4, ("cool_down", 15.5), ("cool_down", 15.5)),
        # contacts that others make during a rest or a stop
        ("sms 0, sms 14", (1,), 14.4, ("cool_down", 14.5), ("cool_down", 14.5)),
        ("sms 0, sms 14", (1,), 16, ("open_step", 17), ("open_step", 17)),
        ("sms 0, sms 3, sms 6, email 30", (), 40, ("stopped", 69), ("stopped", 69)),
    ],
)
def test_what_the_cascade_says(policy, make_case, history, studied, today, sms, call) -> None:
    case = _lived(make_case, history, studied)
    for name, expected in (("sms", sms), ("call", call)):
        said = None if expected is None else (expected[0], None if expected[1] is None else _at(expected[1]))
        assert _no(policy, case, name, _at(today)) == said
        if said is not None and said[1] is not None:
            later = _no(policy, case, name, said[1])
            assert later is None or later[0] != said[0], "it opens when it said"


def test_every_no_is_one_of_the_known_reasons_and_goes_through_the_gate(policy, make_case) -> None:
    said = {}
    for history, studied, today, name in (
        ("sms 0, sms 3, sms 6", (), 9, "sms"),
        ("sms 0", (0,), 1, "sms"),
        ("call 0", (), 1, "sms"),
        ("sms 0", (), 1, "sms"),
        ("", (), 0, "call"),
    ):
        noes = judge(policy.catalogue[OF_STAGE[name]], _lived(make_case, history, studied), policy.gates, _at(today))
        said |= {no.reason: dict(no.params) for no in noes if no.gate == "G4"}
    assert said == {
        "stopped": {"most": 3},
        "cool_down": {"days": 14},
        "stage_passed": {"stage": "help"},
        "open_step": {"stage": "reminder"},
        "needs_soft_touch": {},
    }
    assert list(said) == list(REASONS)


def test_an_extreme_risk_may_be_called_first_but_not_sent_away_first(policy, make_case) -> None:
    assert _no(policy, make_case(risk=0.79), "call", _at(0)) == ("needs_soft_touch", None)
    assert _no(policy, make_case(risk=0.8), "call", _at(0)) is None
    assert _no(policy, make_case(risk=0.99), "pause", _at(0)) == ("needs_soft_touch", None)
    assert _no(policy, _lived(make_case, "sms 0"), "pause", _at(3)) is None


def test_what_is_in_no_stage_neither_waits_nor_counts(policy, make_case) -> None:
    offer = policy.catalogue["pause_offer"]
    stopped = _lived(make_case, "sms 0, sms 3, sms 6")
    assert refusal(offer, stopped, policy.gates.cascade, _at(9)) is None
    owed = tuple(Touch(f"t{i}", "email", _at(i), action="pause_offer") for i in range(4))
    assert state_of(make_case(touches=owed), policy.gates.cascade, _at(5)).stage == "none"


@pytest.mark.parametrize("action", [None, "an_action_of_before"])
def test_a_contact_whose_action_nobody_knows_goes_by_its_channel(make_policy, make_case, action) -> None:
    """Somebody else's contact, or an action that was taken out of the catalogue while it was under way."""

    def taken_out(files: dict) -> None:
        files["gates"]["cascade"]["stage"]["reminder"]["channels"].remove("push")

    policy = make_policy(taken_out)
    for channel, stage in (("sms", "reminder"), ("messenger", "simple_step"), ("call", "help"), ("push", "none")):
        case = make_case(touches=(Touch("t", channel, _at(0), action=action),))
        assert state_of(case, policy.gates.cascade, _at(1)).stage == stage


def test_a_student_who_unsubscribed_is_told_whatever_the_stage(policy, make_case) -> None:
    case = _lived(make_case, "sms 0", consents=(Consent("any", "any", "withdrawn", _at(1)),))
    found = state_of(case, policy.gates.cascade, _at(2))
    assert (found.stage, found.opted_out) == ("reminder", True)
    again = replace(case, touches=(), consents=(*case.consents, Consent("any", "any", "given", _at(2))))
    assert not state_of(again, policy.gates.cascade, _at(3)).opted_out
    assert state_of(replace(case, touches=()), policy.gates.cascade, _at(3)).opted_out


# --- switches -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "today", "proposed"),
    [
        ("email 0", 0.99, ()),
        ("email 0", 1, (("care_sms", "unread_email", "t0"),)),
        ("email 0", 2.99, (("care_sms", "unread_email", "t0"),)),
        ("email 0", 3, ()),
        ("email 0 opened", 1, ()),
        ("email 0 failed", 1, ()),
        ("email 0, sms 1", 2, ()),
        ("sms 0, call 4 failed", 4, (("channel_message", "failed_call", "t1"),)),
        ("sms 0, call 4 failed", 10.9, (("channel_message", "failed_call", "t1"),)),
        ("sms 0, call 4 failed", 11, ()),
        ("sms 0, call 4 failed, call 5 failed", 5, (("channel_message", "failed_call", "t2"),)),
        ("sms 0, call 4", 5, ()),
        ("sms 0, sms 3, call 6 failed", 6, ()),
        ("sms 0, pause 4", 6, ()),
    ],
)
def test_a_contact_that_did_not_reach_the_student_goes_on_by_another_channel(
    policy, make_case, history, today, proposed
) -> None:
    case, cascade = _lived(make_case, history), policy.gates.cascade
    assert proposals(case, cascade, _at(today)) == tuple(Proposal(*one) for one in proposed)
    for action, _, _ in proposed:
        assert refusal(policy.catalogue[action], case, cascade, _at(today)) is None
    if proposed:
        assert _no(policy, case, "pause", _at(today)) == (None if "failed" in history else ("open_step", _at(3)))


def test_a_message_after_a_failed_call_is_sent_once_and_then_waited_for(policy, make_case) -> None:
    case = _lived(make_case, "sms 0, call 4 failed")
    message = Touch("m", "messenger", _at(5), action="channel_message")
    after = replace(case, touches=(*case.touches, message))
    assert proposals(after, policy.gates.cascade, _at(6)) == ()
    assert _no(policy, after, "call", _at(6)) == ("open_step", _at(12))


def test_a_student_who_came_back_is_not_written_to_by_another_channel(policy, make_case) -> None:
    assert proposals(_lived(make_case, "email 0", (1,)), policy.gates.cascade, _at(2)) == ()


# --- the history --------------------------------------------------------------------------------------------------


def test_a_clock_that_was_set_back_undoes_nothing(policy, make_case) -> None:
    case = _lived(make_case, "sms 0, sms 3, call 6 failed")
    assert _no(policy, case, "sms", _at(6) - timedelta(hours=2)) == ("stopped", _at(66))
    ahead = _lived(make_case, "sms 0")
    assert _no(policy, ahead, "sms", _at(-1)) == ("open_step", _at(3))


def test_the_day_of_a_contact_is_the_students_own(policy, make_case) -> None:
    evening = Touch("t", "sms", datetime(2025, 3, 3, 20, tzinfo=UTC), action="care_sms")  # the 4th in Kamchatka
    for day, stage in ((3, "reminder"), (4, "returned")):
        case = make_case(time_zone="Asia/Kamchatka", touches=(evening,), active_days=(date(2025, 3, day),))
        assert state_of(case, policy.gates.cascade, _at(2)).stage == stage


def test_every_transition_can_happen(policy, make_case) -> None:
    """All short histories of contacts of each stage and of study, nearer and farther apart."""
    seen = set()
    for events in product([*OF_STAGE, "study"], repeat=3):
        for gaps in ((4, 8), (20, 40), (5, 75)):
            days = (0, gaps[0], sum(gaps))
            history = ", ".join(f"{one} {day}" for one, day in zip(events, days, strict=True) if one != "study")
            studied = tuple(day for one, day in zip(events, days, strict=True) if one == "study")
            moves = path(_lived(make_case, history, studied), policy.gates.cascade, _at(days[-1] + 200))
            seen |= {(move.here, move.event, move.there) for move in moves}
            assert [move.at for move in moves] == sorted(move.at for move in moves)
            assert all(one.there == two.here for one, two in pairwise(moves))
    stopped = _lived(make_case, "sms 0, sms 3, sms 6, sms 20, email 24, call 28, pause 32", (40,))
    seen |= {(move.here, move.event, move.there) for move in path(stopped, policy.gates.cascade, _at(41))}
    in_vain = [_lived(make_case, f"sms 0, {one} 4, {one} 12") for one in ("email", "call", "pause")]
    for case in in_vain:
        seen |= {(move.here, move.event, move.there) for move in path(case, policy.gates.cascade, _at(200))}
    assert seen == {(here, event, there) for (here, event), there in TRANSITIONS.items()}


_histories = st.lists(
    st.tuples(
        st.integers(0, 90 * 24),
        st.sampled_from(list(OF_STAGE)),
        st.sampled_from(("sent", "sent", "opened", "answered", "failed")),
    ),
    max_size=9,
    unique_by=lambda one: one[0],
)
_studied = st.sets(st.integers(0, 100), max_size=6)


@settings(max_examples=examples(300), deadline=None)
@given(_histories, _studied, st.integers(0, 200 * 24))
def test_the_fold_is_what_is_lived_hour_by_hour(policy, make_case, history, studied, now) -> None:
    steps = sorted(history)
    case = make_case(
        time_zone="UTC",
        touches=tuple(
            replace(_touch(i, name, 0, status), at=_hour(hour)) for i, (hour, name, status) in enumerate(steps)
        ),
        active_days=tuple(START + timedelta(days=day) for day in studied if day * 24 <= now),
    )
    moment = _hour(now)
    found = state_of(case, policy.gates.cascade, moment)
    stage, vain, stopped_until, rests_until = _hour_by_hour(steps, {day for day in studied if day * 24 <= now}, now)
    assert (found.stage, found.unsuccessful) == (stage, vain)
    assert found.stopped_until == (None if stopped_until is None else _hour(stopped_until))
    assert found.rests_until == (None if rests_until is None else _hour(rests_until))
    bounds = [contact_day(touch, ZoneInfo("UTC")) for touch in case.touches]
    telling = replace(case, active_days=telling_days(case.active_days, bounds))
    assert state_of(telling, policy.gates.cascade, moment) == found, "the telling days say it all"
    stored = Case.from_record(json.loads(json.dumps(telling.to_record())))
    assert state_of(stored, policy.gates.cascade, moment) == found


def _hour(hour: int) -> datetime:
    """So many hours after the start of day 0."""
    return _at(-0.5) + timedelta(hours=hour)


def _hour_by_hour(history, studied, now) -> tuple[str, int, int | None, int | None]:
    """An oracle that knows no events: it looks at the clock each hour. Settings are the default ones."""
    waits = {"sms": 72, "email": 72, "call": 168, "pause": 168}
    order = dict(zip(OF_STAGE, STAGES, strict=True))
    stage, steps, stopped_until, rests_until = "none", [], None, None

    def vain(hour: int) -> int:
        failed_calls = sum(name == "call" and status == "failed" for _, name, status in steps)
        others = [
            at if status == "failed" else at + waits[name]
            for at, name, status in steps
            if status != "answered" and not (name == "call" and status == "failed")
        ]
        return sum(at <= hour for at in others) + -(-failed_calls // 3)

    def tick(hour: int) -> None:
        nonlocal stage, steps, stopped_until
        if stage in STAGES:
            open_until = max(at + waits[name] * (status != "failed") for at, name, status in steps)
            if vain(hour) >= 3:
                stage, stopped_until = "stopped", hour + 60 * 24
            elif hour >= max(open_until, steps[-1][0] + 30 * 24):
                stage, steps = "none", []
        if stage == "stopped" and hour >= stopped_until:
            stage, steps = "none", []
        if stage == "returned" and hour >= rests_until:
            stage = "none"

    came: set[int] = set()
    for hour in range(max([now, *(at for at, _, _ in history)]) + 1):
        tick(hour)
        if hour % 24 == 0 and hour // 24 in studied:
            today = {at for at, _, _ in history if hour <= at < hour + 24}
            if today or stage in STAGES or stage == "stopped":
                stage, steps, rests_until = "returned", [], hour + 14 * 24
                came |= today
        for one in history:
            if one[0] == hour and hour not in came:
                if stage != "stopped":
                    reached = [] if stage not in STAGES else [STAGES.index(stage)]
                    stage = STAGES[max([*reached, STAGES.index(order[one[1]])])]
                    steps.append(one)
                tick(hour)
    last = max([now, *(at for at, _, _ in history)])
    return stage, vain(last), stopped_until if stage == "stopped" else None, rests_until
