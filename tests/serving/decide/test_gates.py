from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BadConfig
from serving.decide import Consent, StaleSource, Touch, decide, judge, replay
from serving.decide.gates import QuietHours

NOW = datetime(2025, 3, 10, 12, tzinfo=UTC)


def _ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


def _found(policy, case, action: str = "care_sms", now: datetime = NOW) -> list[tuple]:
    return [(no.gate, no.reason, no.until) for no in judge(policy.catalogue[action], case, policy.gates, now)]


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
    )
    nos = judge(policy.catalogue["care_sms"], case, policy.gates, NOW)
    assert [no.gate for no in nos] == ["G1", "G2", "G3", "G8"]
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
SILENT, SKIPS = {"days_without_login": 8.0}, {"video_skip_share_28d": 0.6}


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
            actions=["mentor_call"], follow_up=[{"action": "care_sms", "after_hours": 72}]
        )

    decision = decide(make_case(values=SILENT, stale=(ACTIVITY,)), make_policy(call_first), NOW)
    assert (decision.action, decision.follow_ups) == ("mentor_call", ())
    assert [(no.gate, no.reason, no.follow_up) for no in decision.blocked] == [("G11", "stale_data", True)]


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
