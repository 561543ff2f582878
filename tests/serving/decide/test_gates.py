from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.contracts.tables import FLAG_KINDS
from features.errors import BadConfig
from serving.decide import Consent, EnrolmentCase, StaleSource, Touch, decide, judge, replay
from serving.decide.case import Flag
from serving.decide.gates import people_only
from serving.decide.people_only import KINDS
from serving.decide.quiet import QuietHours

NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)


def _ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def _found(policy, case, action: str = "care_sms", now: datetime = NOW) -> list[tuple]:
    """What the gates say but the cascade, which has tests of its own."""
    noes = judge(policy.catalogue[action], case, policy.gates, now)
    return [(no.gate, no.reason, no.until) for no in noes if no.gate != "G4"]


# words: (channel, purpose, state, hours ago[, pause ends hours ago]); the action is an SMS of service
@pytest.mark.parametrize(
    ("words", "reasons"),
    [
        ([], []),
        ([("any", "any", "given", 9)], []),
        ([("sms", "service", "withdrawn", 9)], ["consent_withdrawn"]),
        ([("sms", "any", "withdrawn", 0)], ["consent_withdrawn"]),
        ([("sms", "service", "withdrawn", 9), ("sms", "service", "given", 8)], []),
        ([("sms", "service", "given", 9), ("sms", "service", "withdrawn", 9)], ["consent_withdrawn"]),
        ([("any", "service", "withdrawn", 9), ("sms", "any", "given", 8)], []),
        ([("call", "any", "withdrawn", 9), ("any", "marketing", "withdrawn", 9)], []),
        ([("any", "any", "withdrawn", 9)], ["consent_withdrawn", "unsubscribed"]),
        ([("any", "service", "withdrawn", 9)], ["consent_withdrawn"]),
        ([("any", "any", "withdrawn", 9), ("sms", "service", "given", 8)], []),
        ([("sms", "service", "withdrawn", 9), ("sms", "service", "given", -1)], ["consent_withdrawn"]),
        ([("sms", "service", "given", 1), ("sms", "service", "withdrawn", -1)], ["consent_withdrawn"]),
        ([("any", "any", "paused", 9)], ["paused"]),
        ([("any", "any", "paused", 9), ("any", "any", "resumed", 8)], []),
        ([("any", "any", "paused", 9), ("any", "any", "given", 8)], ["paused"]),
        ([("any", "any", "paused", 9), ("any", "any", "resumed", 9)], ["paused"]),
        ([("any", "any", "paused", 9, -1)], ["paused"]),
        ([("any", "any", "paused", 9, 0)], []),
        ([("any", "any", "paused", 9, 1)], []),
        ([("call", "any", "paused", 9)], []),
        ([("any", "any", "paused", 9), ("sms", "any", "paused", 8, 1)], ["paused"]),  # a narrower one ends no wider one
        ([("sms", "any", "paused", 9), ("any", "any", "paused", 8, 1)], []),
        ([("any", "any", "paused", 9), ("any", "any", "paused", 8, 1)], []),  # the end was told later
        ([("any", "any", "paused", 9), ("sms", "any", "paused", 8, 1), ("sms", "any", "resumed", 7)], []),
        ([("any", "any", "withdrawn", 9), ("sms", "any", "paused", 8)], ["consent_withdrawn", "unsubscribed"]),
    ],
)
def test_consent_and_pause(policy, make_case, words: list[tuple], reasons: list[str]) -> None:
    consents = tuple(
        Consent(channel, purpose, state, _ago(hours), *(_ago(end) for end in ends))
        for channel, purpose, state, hours, *ends in words
    )
    found = [reason for _, reason, _ in _found(policy, make_case(consents=consents))]
    assert found == reasons


def test_silence_allows_service_and_denies_marketing(make_policy, make_case) -> None:
    def offer(files: dict) -> None:
        files["actions"]["action"]["care_sms"]["purpose"] = "marketing"
        files["gates"]["holdout"]["share"] = 0.0

    policy = make_policy(offer)
    assert _found(policy, make_case()) == [("G1", "consent_unknown", None)]
    assert _found(policy, make_case(consents=(Consent("sms", "service", "given", _ago(5)),)))[0][1] == "consent_unknown"
    assert _found(policy, make_case(consents=(Consent("sms", "any", "given", _ago(5)),))) == []


def test_what_silence_means_is_a_setting(make_policy, make_case) -> None:
    policy = make_policy(lambda files: files["gates"]["consent_unknown"].update(service="deny"))
    assert ("G1", "consent_unknown", None) in _found(policy, make_case())


# touches: (channel, hours ago, status); until: hours from now
@pytest.mark.parametrize(
    ("touches", "action", "until"),
    [
        ([("email", 1, "sent")], "care_sms", 47),
        ([("email", 47.99, "sent")], "care_sms", 0.01),
        ([("email", 48, "sent")], "care_sms", None),
        ([("email", 1, "failed")], "care_sms", None),
        ([("email", 1, "answered")], "care_sms", 47),
        ([("sms", 60, "sent"), ("sms", 120, "sent")], "care_sms", 48),
        ([("sms", 60, "sent"), ("sms", 120, "sent")], "mentor_call", None),
        ([("sms", 60, "sent"), ("sms", 168, "sent")], "care_sms", None),
        ([("sms", 60, "sent"), ("sms", 120, "failed")], "care_sms", None),
        ([("call", 160, "sent")], "mentor_call", 8),
        ([("call", 160, "sent")], "care_sms", None),
        ([("email", 200 + i, "failed") for i in range(4)], "care_sms", 720 - 203),
        ([("email", 200 + i, "failed") for i in range(5)], "care_sms", 720 - 203),
        ([("email", 700, "sent"), *(("push", 60 + i, "sent") for i in range(3))], "care_sms", 20),
        ([("email", 720, "sent"), *(("push", 60 + i, "sent") for i in range(3))], "care_sms", None),
        ([("email", -3, "sent")], "care_sms", 51),
        ([("sms", 1, "sent"), ("sms", 2, "sent")], "care_sms", 166),
    ],
)
def test_frequency_caps(policy, make_case, touches: list[tuple], action: str, until: float | None) -> None:
    made = tuple(Touch(f"t{i}", channel, _ago(hours), status) for i, (channel, hours, status) in enumerate(touches))
    found = _found(policy, make_case(touches=made), action)
    expected = [] if until is None else [("G3", "frequency_cap", NOW + timedelta(hours=until))]
    assert found == expected
    if until is not None:
        assert _found(policy, make_case(touches=made), action, NOW + timedelta(hours=until)) == []


@pytest.mark.parametrize(
    ("days", "hours_ago", "reported", "counts"),
    [
        (-1, 20, None, True),
        (-1, -1, None, True),
        (0, 2, None, True),
        (0, 0, None, False),
        (0, -1, None, False),
        (1, -20, None, False),
        (-1, 20, 60, False),
        (-1, 20, 1, True),
    ],
    ids=[
        "an earlier day's",
        "an earlier day's that is not yet due",
        "today's that was due",
        "today's that is due now, replaced",
        "today's that is not yet due, replaced",
        "a later day's, when looking back",
        "reported as made 60 hours ago",
        "reported as made an hour ago",
    ],
)
def test_what_we_recommended_counts_once(policy, make_case, days, hours_ago, reported, counts) -> None:
    day = date(2025, 3, 10) + timedelta(days=days)
    touches = [Touch("d_1", "sms", _ago(hours_ago), "recommended", "d_1", day)]
    if reported is not None:
        touches.append(Touch("t1", "sms", _ago(reported), "sent", "d_1"))
    found = _found(policy, make_case(touches=tuple(touches)))
    assert [reason for _, reason, _ in found] == (["frequency_cap"] if counts else [])


def test_a_cap_of_none_blocks_for_good(make_policy, make_case) -> None:
    policy = make_policy(lambda files: files["gates"]["frequency_cap"]["sms"].update(most=0))
    assert ("G3", "frequency_cap", None) in _found(policy, make_case(touches=(Touch("t", "push", _ago(1)),)))


def test_the_control_group_gets_only_what_is_exempt(make_policy, make_case) -> None:
    policy = make_policy()
    held = next(f"s{i}" for i in range(1000) if policy.gates.holds_out(f"s{i}"))
    case = make_case(student_id=held)
    assert _found(policy, case, "care_sms") == [("G8", "control_group", None)]
    assert _found(policy, case, "supervisor_call") == [("G8", "control_group", None)]
    assert _found(policy, case, "pause_offer") == []
    assert _found(policy, case, "no_action") == []


def test_every_no_is_told_in_the_gates_order(make_policy, make_case) -> None:
    policy = make_policy()
    case = make_case(
        student_id=next(f"s{i}" for i in range(1000) if policy.gates.holds_out(f"s{i}")),
        consents=(Consent("any", "any", "withdrawn", _ago(3)),),
        touches=(Touch("t1", "sms", _ago(1)),),
        values={"days_since_start": 1.0},
    )
    nos = judge(policy.catalogue["care_sms"], case, policy.gates, NOW)
    assert [no.gate for no in nos] == ["G1", "G2", "G3", "G4", "G8", "G10"]
    assert nos[0].params == {"channel": "sms", "purpose": "service"}
    assert nos[2].params == {"channel": "any", "most": 1, "hours": 48}


def test_an_action_without_a_channel_is_no_contact(make_policy, make_case) -> None:
    def note(files: dict) -> None:
        files["actions"]["action"]["note"] = {**files["actions"]["action"]["care_sms"], "performer": "person"}
        del files["actions"]["action"]["note"]["channel"]
        files["gates"]["holdout"]["share"] = 0.0

    case = make_case(consents=(Consent("any", "any", "withdrawn", _ago(3)),), touches=(Touch("t1", "sms", _ago(1)),))
    assert _found(make_policy(note), case, "note") == []


def test_a_moment_without_a_zone_is_refused(policy, make_case) -> None:
    with pytest.raises(ValueError, match="time zone"):
        judge(policy.catalogue["care_sms"], make_case(), policy.gates, NOW.replace(tzinfo=None))


@pytest.mark.parametrize(
    ("at", "zone", "expected"),
    [
        ("2025-03-10T12:00+00:00", "Europe/London", "2025-03-10T12:00+00:00"),
        ("2025-03-10T20:59:59+00:00", "Europe/London", "2025-03-10T20:59:59+00:00"),
        ("2025-03-10T21:00+00:00", "Europe/London", "2025-03-11T09:00+00:00"),
        ("2025-03-11T08:59:59+00:00", "Europe/London", "2025-03-11T09:00+00:00"),
        ("2025-03-11T09:00+00:00", "Europe/London", "2025-03-11T09:00+00:00"),
        ("2025-03-10T12:00+00:00", "Asia/Vladivostok", "2025-03-10T23:00+00:00"),
        ("2025-03-10T12:00+00:00", "Asia/Kathmandu", "2025-03-10T12:00+00:00"),
        # the night of a clock change is an hour shorter or longer
        ("2025-03-29T22:00+00:00", "Europe/London", "2025-03-30T08:00+00:00"),
        ("2025-10-25T21:00+00:00", "Europe/London", "2025-10-26T09:00+00:00"),
        ("2024-11-03T02:00+00:00", "America/New_York", "2024-11-03T14:00+00:00"),
        # Samoa had no 30 December 2011
        ("2011-12-30T08:00+00:00", "Pacific/Apia", "2011-12-30T19:00+00:00"),
    ],
)
def test_quiet_hours_make_wait(policy, at: str, zone: str, expected: str) -> None:
    waited = policy.gates.quiet.wait(datetime.fromisoformat(at), zone)
    assert waited == datetime.fromisoformat(expected)
    assert waited.tzinfo is UTC


_QUIET = st.builds(QuietHours, st.times(), st.times())


@settings(max_examples=300, deadline=None)
@given(
    at=st.datetimes(datetime(1975, 1, 1), datetime(2037, 12, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(sorted(available_timezones())),
)
def test_nobody_is_contacted_at_night_anywhere(policy, at: datetime, zone: str) -> None:
    quiet = policy.gates.quiet
    waited = quiet.wait(at, zone)
    assert waited >= at
    assert waited - at <= timedelta(hours=37)  # a day that is skipped, and its night
    assert not quiet.cover(waited.astimezone(ZoneInfo(zone)).time())
    if not quiet.cover(at.astimezone(ZoneInfo(zone)).time()):
        assert waited == at
    assert quiet.wait(waited, zone) == waited


@settings(max_examples=200, deadline=None)
@given(minutes=st.integers(0, 3 * 24 * 60), change=st.sampled_from(["2025-03-29", "2025-10-25"]), quiet=_QUIET)
def test_any_quiet_hours_on_the_days_of_a_clock_change(minutes: int, change: str, quiet: QuietHours) -> None:
    at = datetime.fromisoformat(change).replace(tzinfo=UTC) + timedelta(minutes=minutes)
    waited = quiet.wait(at, "Europe/Berlin")
    wall = waited.astimezone(ZoneInfo("Europe/Berlin")).time()
    skipped = change == "2025-03-29" and time(2) <= quiet.ends < time(3)
    assert not quiet.cover(wall) or skipped
    assert waited >= at


def test_equal_ends_are_no_quiet_hours() -> None:
    assert not any(QuietHours(time(9), time(9)).cover(time(hour)) for hour in range(24))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda gates: gates["quiet_hours"].update(starts="25:00"), "gates.toml, quiet_hours, starts"),
        (lambda gates: gates["holdout"].update(share=0.6), "gates.toml, holdout, share"),
        (lambda gates: gates["holdout"].update(salt=""), "gates.toml, holdout, salt"),
        (lambda gates: gates["consent_unknown"].update(service="maybe"), "gates.toml, consent_unknown, service"),
        (lambda gates: gates["frequency_cap"]["sms"].update(channel="pigeon"), "frequency cap sms, channel"),
        (lambda gates: gates.pop("frequency_cap"), "gates.toml: has no [frequency_cap.NAME] table"),
        (lambda gates: gates.update(colour=1), "gates.toml, colour: is not a known key"),
        (lambda gates: gates.pop("holdout"), "gates.toml, holdout, salt"),
    ],
)
def test_settings_that_cannot_be_used(make_policy, change, says: str) -> None:
    with pytest.raises(BadConfig) as caught:
        make_policy(lambda files: change(files["gates"]))
    assert says in str(caught.value)


# --- G11: data that has stopped coming --------------------------------------------------------------------------

ACTIVITY = StaleSource("activity", date(2025, 3, 7), 3, ("days_without_login", "risk"))
VIDEOS = StaleSource("videos", date(2025, 3, 6), 4, ("video_skip_share_28d", "risk"))
RATINGS = StaleSource("ratings", date(2025, 3, 1), 9, ("ratings_below_3_in_a_row",))
SILENT = {"days_without_login": 8.0}
SKIPS = {"video_skip_share_28d": 0.6, "homework_mean_score": 90.0, "homework_overdue_now": 0.0}


# what is known, what has stopped, what is recommended, and what freshness holds back
@pytest.mark.parametrize(
    ("values", "band", "stale", "action", "held"),
    [
        (SILENT, "low", (), "care_sms", []),
        (SILENT, "low", (ACTIVITY,), "no_action", [("care_sms", ["activity"], 3)]),
        (SILENT, "low", (VIDEOS,), "care_sms", []),
        ({"cancel_requested_30d": 1.0}, "high", (ACTIVITY, VIDEOS), "pause_offer", []),
        ({**SILENT, **SKIPS}, "low", (ACTIVITY,), "advanced_materials", [("care_sms", ["activity"], 3)]),
        ({}, "high", (VIDEOS, ACTIVITY), "no_action", [("care_sms", ["videos", "activity"], 4)]),
        ({}, "high", (RATINGS,), "care_sms", []),
        ({"ratings_below_3_in_a_row": 3.0}, "low", (RATINGS,), "supervisor_call", []),
    ],
    ids=[
        "sound data",
        "the login rule rests on a dead feed",
        "another feed is dead",
        "a request to cancel comes from tickets",
        "the next rule goes on",
        "the band rests on what the model looks at",
        "the model does not look at what has stopped",
        "a person looks first",
    ],
)
def test_nothing_automatic_rests_on_data_that_has_stopped(policy, make_case, values, band, stale, action, held) -> None:
    decision = decide(make_case(risk=0.4, band=band, values=values, stale=stale), policy, NOW)
    assert decision.action == action
    found = [(no.action, no.params["tables"], no.params["days"]) for no in decision.blocked if no.gate == "G11"]
    assert found == held
    assert not {one for one, _, _ in held} & set(decision.eligible)


def test_an_action_that_another_rule_proposes_on_sound_data_goes_on(make_policy, make_case) -> None:
    def later(files: dict) -> None:
        files["gates"]["holdout"]["share"] = 0.0
        files["rules"]["rule"]["R2"]["actions"] = ["care_sms"]

    decision = decide(make_case(values={**SILENT, **SKIPS}, stale=(ACTIVITY,)), make_policy(later), NOW)
    assert (decision.action, decision.rule, decision.blocked) == ("care_sms", "R2", ())


def test_a_follow_up_rests_on_what_its_rule_rests_on(make_policy, make_case) -> None:
    def call_first(files: dict) -> None:
        files["gates"]["holdout"]["share"] = 0.0
        files["rules"]["rule"]["R1"].update(
            actions=["supervisor_call"], follow_up=[{"action": "care_sms", "after_hours": 72}]
        )

    decision = decide(make_case(values=SILENT, stale=(ACTIVITY,)), make_policy(call_first), NOW)
    assert (decision.action, decision.follow_ups) == ("supervisor_call", ())
    assert ("G11", "stale_data", True) in [(no.gate, no.reason, no.follow_up) for no in decision.blocked]


@pytest.mark.parametrize(
    ("blocks", "sms", "call"),
    [("automatic", "no_action", "supervisor_call"), ("all", "no_action", "no_action"), ("none",) * 3],
)
def test_whom_it_holds_back_is_a_setting(make_policy, make_case, blocks, sms, call) -> None:
    def change(files: dict) -> None:
        files["gates"]["holdout"]["share"] = 0.0
        files["gates"]["freshness"]["blocks"] = blocks

    policy, stale = make_policy(change), (ACTIVITY, RATINGS)
    low = {"ratings_below_3_in_a_row": 3.0}
    found = [decide(make_case(values=values, stale=stale), policy, NOW).action for values in (SILENT, low)]
    assert found == (["care_sms", "supervisor_call"] if blocks == "none" else [sms, call])


@pytest.mark.parametrize(
    ("health", "blocks", "held"),
    [("red", True, True), ("red", False, False), ("amber", True, False), (None, True, False)],
)
def test_a_red_check_holds_back_what_is_automatic_unless_the_school_says_otherwise(
    make_policy, make_case, health, blocks, held
) -> None:
    policy = make_policy(lambda files: files["gates"]["freshness"].update(health_red_blocks=blocks))
    case = make_case(student_id="s2", data_health=health)
    assert not policy.gates.holds_out("s2")
    assert _found(policy, case) == ([("G11", "data_health", None)] if held else [])
    assert _found(policy, case, "mentor_call") == []


def test_a_decision_made_on_old_data_can_be_made_again(policy, make_case) -> None:
    case = make_case(risk=0.4, band="high", values=SILENT, stale=(ACTIVITY, VIDEOS), data_health="amber")
    record = json.loads(json.dumps(decide(case, policy, NOW).to_record()))
    assert replay(record, policy).to_record() == record
    assert [one["table"] for one in record["case"]["stale"]] == ["activity", "videos"]


def test_a_record_on_sound_data_says_nothing_of_it_and_one_of_before_can_be_read(policy, make_case) -> None:
    record = decide(make_case(values=SILENT), policy, NOW).to_record()
    assert not {"stale", "data_health"} & set(record["case"])
    assert replay(record, policy).to_record() == record


def test_a_setting_that_is_none_is_refused(make_policy) -> None:
    with pytest.raises(BadConfig, match="freshness, blocks: is 'some'"):
        make_policy(lambda files: files["gates"]["freshness"].update(blocks="some"))


# --- G6, G7: only people decide -----------------------------------------------------------------------------------


def _people(policy, case, now: datetime = NOW) -> list[tuple]:
    return [(no.gate, no.reason, no.until) for no in people_only(case, policy.gates, now)]


# flags: (kind, state, hours ago[, ends hours ago]); until: hours from now, None is until cleared
@pytest.mark.parametrize(
    ("flags", "gate", "reason", "until"),
    [
        ([("dispute", "set", 9)], "G6", "dispute", None),
        ([("legal", "set", 0)], "G6", "dispute", None),
        ([("wellbeing", "set", 9)], "G7", "sensitive", None),
        ([("objection", "set", 9)], "G6", "objection", None),
        ([("conversation", "set", 9, -24)], "G6", "conversation", 24),
        ([("complaint", "set", 9, -24), ("dispute", "set", 9, -48)], "G6", "dispute", 48),
        ([("complaint", "set", 9, -24), ("dispute", "set", 9)], "G6", "dispute", None),
        ([("dispute", "set", 9), ("dispute", "cleared", 9)], "G6", "dispute", None),
        ([("dispute", "cleared", 9), ("dispute", "set", 8)], "G6", "dispute", None),
        ([("dispute", "set", 9), ("dispute", "cleared", -1)], "G6", "dispute", None),
        ([("dispute", "set", 9), ("complaint", "cleared", 8)], "G6", "dispute", None),
    ],
)
def test_a_flag_that_stands_leaves_the_student_to_people(policy, make_case, flags, gate, reason, until) -> None:
    said = tuple(Flag(kind, state, _ago(hours), *(_ago(end) for end in ends)) for kind, state, hours, *ends in flags)
    ends = None if until is None else NOW + timedelta(hours=until)
    assert _people(policy, make_case(flags=said)) == [(gate, reason, ends)]
    assert _people(policy, make_case(flags=said[::-1])) == [(gate, reason, ends)]
    if ends:
        assert _people(policy, make_case(flags=said), ends) == []


@pytest.mark.parametrize(
    "flags",
    [
        [],
        [("dispute", "set", 9, 0)],
        [("dispute", "set", 9), ("dispute", "cleared", 8)],
        [("a kind of a later release", "set", 9)],
    ],
    ids=["none", "ended by itself", "cleared", "unknown"],
)
def test_a_flag_that_does_not_stand_changes_nothing(policy, make_case, flags) -> None:
    said = tuple(Flag(kind, state, _ago(hours), *(_ago(end) for end in ends)) for kind, state, hours, *ends in flags)
    assert _people(policy, make_case(flags=said)) == []


@pytest.mark.parametrize(
    ("flags", "stands", "until"),
    [
        ([("set", 9, "a"), ("set", 8, "b"), ("cleared", 7, "a")], True, None),
        ([("set", 9, "a"), ("set", 8, "b"), ("cleared", 7, "a"), ("cleared", 6, "b")], False, None),
        ([("set", 9, "a"), ("set", 8, "b"), ("set", 8, None), ("cleared", 7, None)], False, None),
        ([("set", 9, "a"), ("set", 8, None), ("cleared", 7, "a")], True, None),
        ([("set", 9, None), ("cleared", 7, "a")], True, None),
        ([("set", 9, "a"), ("cleared", 7, "a"), ("set", 6, "a")], True, None),
        ([("set", 9, "a"), ("set", 8, "b"), ("cleared", -1, None)], True, None),
        ([("set", 9, "a", -5), ("set", 8, "b", -24)], True, 24),
        ([("set", 9, "a"), ("set", 8, "a", -5), ("set", 7, "b", 0)], True, 5),
    ],
)
def test_of_several_matters_of_a_kind_each_is_cleared_by_its_reference(policy, make_case, flags, stands, until) -> None:
    said = tuple(
        Flag("complaint", state, _ago(hours), _ago(end[0]) if end else None, reference)
        for state, hours, reference, *end in flags
    )
    expected = [("G6", "dispute", None if until is None else NOW + timedelta(hours=until))] if stands else []
    assert _people(policy, make_case(flags=said)) == expected
    assert _people(policy, make_case(flags=said[::-1])) == expected


def test_what_is_known_of_one_enrolment_leaves_the_student_to_people(policy, make_case) -> None:
    asked = EnrolmentCase("e2", "c2", None, None, {"refund_requested_30d": 1.0, "tickets_p1_now": None})
    quiet = EnrolmentCase("e1", "c1", 0.9, "high", {"refund_requested_30d": 0.0, "tickets_p1_now": 0.0})
    assert _people(policy, make_case(enrolments=(quiet, asked))) == [("G6", "refund", None)]
    assert _people(policy, make_case(enrolments=(quiet,))) == []
    assert _people(policy, make_case(values={"tickets_p1_now": 2.0})) == [("G6", "urgent_ticket", None)]
    assert _people(policy, make_case(values={"tickets_urgent_now": 2.0, "tickets_p1_now": 0.0})) == [], (
        "P2 waits its turn"
    )


def test_what_is_sensitive_is_told_first_and_an_account_of_staff_before_all(policy, make_case) -> None:
    kinds = ("legal", "medical", "staff")
    case = make_case(flags=tuple(Flag(kind, "set", _ago(1)) for kind in kinds), values={"refund_requested_30d": 1.0})
    noes = people_only(case, policy.gates, NOW)
    assert [no.reason for no in noes] == ["no_student", "sensitive", "dispute", "refund"]
    assert [(no.params["scope"], no.params["contact"]) for no in noes[:2]] == [("none", ""), ("people", "head")]
    assert {no.action for no in noes} == {"*"}


@pytest.mark.parametrize("held_out", [False, True])
def test_a_student_left_to_people_is_routed_to_one_and_to_nothing_else(make_policy, make_case, held_out) -> None:
    policy = make_policy(lambda files: files["gates"]["people_only"]["sensitive"].update(contact="vera"))
    student = next(f"s{i}" for i in range(1000) if policy.gates.holds_out(f"s{i}") == held_out)
    flags = (Flag("bereavement", "set", _ago(1)), Flag("complaint", "set", _ago(1)))
    values = {"days_without_login": 9.0, "cancel_requested_30d": 1.0}  # not even what a rule owes is sent
    decision = decide(make_case(student_id=student, values=values, flags=flags, risk=0.9, band="high"), policy, NOW)
    assert (decision.action, decision.channel, decision.rule) == ("route_to_human", None, None)
    assert (decision.in_scope, decision.contact, decision.follow_ups, decision.offers) == (False, "vera", (), ())
    assert [no.reason for no in decision.blocked] == ["sensitive", "dispute"]
    record = json.loads(json.dumps(decision.to_record()))
    assert replay(record, policy).to_record() == record


def test_every_kind_of_flag_of_the_contract_is_heard() -> None:
    assert set(KINDS) == set(FLAG_KINDS)


# --- G10: campaigns that collide ----------------------------------------------------------------------------------

NEW, OLD = (EnrolmentCase(f"e{age}", f"c{age}", 0.5, "high", {"days_since_start": float(age)}) for age in (3, 90))


def _collisions(policy, case, campaign, action="care_sms", now=NOW, about=None) -> list[tuple]:
    noes = judge(policy.catalogue[action], case, policy.gates, now, (), campaign, about)
    return [(no.reason, no.params, no.until) for no in noes if no.gate == "G10"]


@pytest.mark.parametrize("campaign", ["care", "study", "renewal", "praise", None])
def test_the_first_week_belongs_to_onboarding(policy, make_case, campaign) -> None:
    case, ends = make_case(enrolments=(NEW,)), datetime(2025, 3, 14, tzinfo=UTC)
    assert _collisions(policy, case, campaign) == [("onboarding", {"days": 7}, ends)]
    assert _collisions(policy, case, campaign, now=ends - timedelta(seconds=1)) != []
    assert _collisions(policy, case, campaign, now=ends) == []


@pytest.mark.parametrize(
    ("values", "campaign", "action"),
    [
        ({"days_since_start": 3.0}, "onboarding", "care_sms"),
        ({"days_since_start": 3.0}, "service", "supervisor_call"),
        ({"days_since_start": 3.0}, "care", "pause_offer"),
        ({"days_since_start": 7.0}, "care", "care_sms"),
        ({"days_since_start": None}, "care", "care_sms"),
        ({}, "care", "care_sms"),
    ],
    ids=["onboarding itself", "what is owed", "what answers a request", "the week is over", "not known", "no feature"],
)
def test_what_the_first_week_does_not_silence(policy, make_case, values, campaign, action) -> None:
    assert _collisions(policy, make_case(values=values), campaign, action) == []


def test_the_first_week_of_one_course_does_not_silence_another(policy, make_case) -> None:
    case = make_case(enrolments=(NEW, OLD))
    assert [_collisions(policy, case, "care", about=one) != [] for one in (NEW, OLD, None)] == [True, False, True]


def test_the_first_week_ends_by_the_students_own_clock(policy, make_case) -> None:
    case = make_case(enrolments=(NEW,), time_zone="Asia/Vladivostok")
    assert _collisions(policy, case, "care")[0][2] == datetime(2025, 3, 13, 14, tzinfo=UTC)


def test_a_school_may_do_without_a_first_week(make_policy, make_case) -> None:
    policy = make_policy(lambda files: files["gates"]["collision"].update(onboarding_days=0))
    assert _collisions(policy, make_case(enrolments=(NEW,)), "care") == []


def _made(action: str | None, days: float, status: str = "sent", **more) -> Touch:
    return Touch(f"t{days}", "email", NOW - timedelta(days=days), status, action=action, **more)


# touches: what was done and how many days ago; until: days from now, None where nothing is in the way
@pytest.mark.parametrize(
    ("touches", "campaign", "running", "until"),
    [
        ([_made("pause_offer", 2)], "care", "service", 6),
        ([_made("pause_offer", 2)], "renewal", "service", 6),
        ([_made("pause_offer", 2)], "service", None, None),
        ([_made("pause_offer", 2)], "onboarding", None, None),
        ([_made("pause_offer", 8)], "care", None, None),
        ([_made("pause_offer", 2, "failed")], "care", None, None),
        ([_made("pause_offer", -0.5)], "care", "service", 8.5),
        ([_made("micro_step", 3), _made("pause_offer", 5)], "care", "study", 5),
        ([_made("micro_step", 3)], "study", None, None),
        ([_made("an action of last year", 1), _made(None, 2)], "care", None, None),
        (
            [_made("pause_offer", 2, "recommended", decision_id="d", decision_date=date(2025, 3, 8))],
            "care",
            "service",
            6,
        ),
    ],
)
def test_a_campaign_keeps_those_away_that_it_excludes(policy, make_case, touches, campaign, running, until) -> None:
    case = make_case(touches=tuple(touches))
    found = _collisions(policy, case, campaign)
    if until is None:
        assert found == []
        return
    opens = NOW + timedelta(days=until)
    assert found == [("collision", {"campaign": running, "days": 8}, opens)]
    assert _collisions(policy, case, campaign, now=opens) == []
    assert _collisions(policy, case, campaign, "pause_offer") == [], "an answer to a request waits for nothing"


def test_a_student_of_two_curators_is_contacted_once_for_both(make_policy, make_case) -> None:
    def nobody_held_out(files: dict) -> None:
        files["gates"]["holdout"]["share"] = 0.0

    policy, silent = make_policy(nobody_held_out), {"days_without_login": 9.0, "days_since_start": 60.0}
    both = tuple(
        EnrolmentCase(f"e{n}", f"c{n}", risk, "high", silent, curator)
        for n, (risk, curator) in enumerate([(0.5, "anna"), (0.7, "wei")])
    )
    first = decide(make_case(enrolments=both), policy, NOW)
    assert (first.action, first.enrolment_id) == ("care_sms", "e1")
    for alone in both:  # whichever course the contact was about, the other one waits as well
        told = Touch("t", "email", _ago(1), "sent", action="advanced_materials")
        again = decide(make_case(enrolments=(alone,), touches=(told,)), policy, NOW)
        assert again.action == "no_action"
        assert "frequency_cap" in {no.reason for no in again.blocked}


@pytest.mark.parametrize("channel", ["sms", "call", "email"])
def test_contacts_of_after_now_count_when_a_clock_was_set_back(policy, make_case, channel) -> None:
    later = tuple(Touch(f"t{n}", channel, _ago(-2 - n), "sent") for n in range(4))
    for action in ("care_sms", "mentor_call", "advanced_materials"):
        assert "frequency_cap" in {reason for _, reason, _ in _found(policy, make_case(touches=later[:1]), action)}
    assert [until for gate, _, until in _found(policy, make_case(touches=later)) if gate == "G3"] == [
        NOW + timedelta(hours=722)
    ]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda gates: gates["people_only"]["dispute"].update(flags=["quarrel"]), "flags: has 'quarrel', which is no"),
        (
            lambda gates: gates["people_only"]["dispute"].update(flags=["dispute"]),
            "kind complaint would change nothing",
        ),
        (lambda gates: gates["people_only"]["refund"].pop("when"), "refund: names no flags and no conditions"),
        (lambda gates: gates["people_only"]["refund"].update(when=["refunds >= 1"]), "refunds, which is not a feature"),
        (lambda gates: gates["people_only"]["refund"].update(gate="G8"), "people only refund, gate"),
        (lambda gates: gates["people_only"]["refund"].pop("contact"), "people only refund, contact"),
        (lambda gates: gates.pop("people_only"), "has no [people_only.NAME] table"),
        (lambda gates: gates["collision"].update(silences=["cares"]), "silences: has 'cares', which is no campaign"),
        (lambda gates: gates["campaign"]["service"].update(actions=["fax"]), "'fax' is not an action"),
        (lambda gates: gates["campaign"]["service"].update(days=0), "campaign service, days"),
        (lambda gates: gates["campaign"].update(fun=gates["campaign"]["service"]), "campaign fun: is no campaign"),
    ],
)
def test_settings_of_people_and_campaigns_that_cannot_be_used(make_policy, change, says: str) -> None:
    with pytest.raises(BadConfig) as caught:
        make_policy(lambda files: change(files["gates"]))
    assert says in str(caught.value)


def test_a_flag_of_a_clock_that_is_ahead_stands_at_once(policy, make_case) -> None:
    assert _people(policy, make_case(flags=(Flag("wellbeing", "set", _ago(-1)),))) == [("G7", "sensitive", None)]
    over = (Flag("wellbeing", "set", _ago(9)), Flag("wellbeing", "cleared", _ago(-1)))
    assert _people(policy, make_case(flags=over)) == [("G7", "sensitive", None)], "that it is over waits for its time"


def test_whom_only_people_decide_about_is_handed_over_whatever_the_day_holds(policy, make_case) -> None:
    decision = decide(make_case(flags=(Flag("wellbeing", "set", _ago(1)),)), policy, NOW)
    assert (decision.action, decision.uses) == ("route_to_human", {})
