from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.errors import BadConfig, Refused
from serving.decide import Consent, Decision, EnrolmentCase, FollowUp, Touch, decide, judge, replay
from tests.thorough import examples

ROOT = Path(__file__).resolve().parents[3]
NOON = datetime(2025, 3, 10, 12, tzinfo=UTC)
SILENT = {"days_without_login": 8.0}
MASTERS = {"homework_mean_score": 80.0, "homework_overdue_now": 0.0}
SKIPS = {"video_skip_share_28d": 0.6, **MASTERS}


def _ago(hours: float) -> datetime:
    return NOON - timedelta(hours=hours)


# a student of one enrolment: what is known, what is recommended and by which rule
@pytest.mark.parametrize(
    ("risk", "band", "values", "action", "rule"),
    [
        (0.1, "low", {}, "no_action", None),
        (None, None, {}, "no_action", None),
        (0.1, "low", {"days_without_login": 6}, "no_action", None),
        (0.1, "low", {"days_without_login": 7}, "care_sms", "R1"),
        (None, None, {"days_without_login": 7}, "care_sms", "R1"),
        (0.1, "low", {"days_without_login": None}, "no_action", None),
        (0.1, "low", {"video_skip_share_28d": 0.5}, "no_action", None),
        (0.1, "low", {**MASTERS, "video_skip_share_28d": 0.51}, "advanced_materials", "R2"),
        (0.1, "low", {"ratings_below_3_in_a_row": 1}, "no_action", None),
        (0.1, "low", {"ratings_below_3_in_a_row": 2}, "supervisor_call", "R3"),
        (0.1, "low", {"cancel_requested_30d": 1}, "pause_offer", "R10"),
        (0.9, "high", {}, "care_sms", "H1"),
        (0.9, "high", {**MASTERS, "video_skip_share_28d": 0.9}, "advanced_materials", "R2"),
        (0.9, "high", {"video_skip_share_28d": 0.9}, "content_feedback", "R2"),
        (0.9, "high", {**SILENT, **SKIPS, "ratings_below_3_in_a_row": 3}, "supervisor_call", "R3"),
    ],
)
def test_the_default_rules_recommend(policy, make_case, risk, band, values, action, rule) -> None:
    decision = decide(make_case(risk=risk, band=band, values=values), policy, NOON)
    assert (decision.action, decision.rule) == (action, rule)
    assert decision.enrolment_id == (None if rule is None else "e1")
    assert decision.propensities[action] == 1.0
    assert sum(decision.propensities.values()) == 1.0
    assert set(decision.propensities) == set(decision.eligible)
    assert decision.channel == policy.catalogue[action].channel
    assert decision.not_before == (None if action == "no_action" else NOON)


def test_a_week_of_silence_is_an_sms_now_and_a_call_task_in_three_days(policy, make_case) -> None:
    night = datetime(2025, 3, 10, 2, tzinfo=UTC)
    decision = decide(make_case(values=SILENT), policy, night)
    assert decision.not_before == datetime(2025, 3, 10, 9, tzinfo=UTC)
    assert decision.follow_ups == (FollowUp("mentor_call", datetime(2025, 3, 13, 9, tzinfo=UTC)),)


def test_a_follow_up_counts_its_hours_from_the_first_contact(make_policy, make_case) -> None:
    def later(files: dict) -> None:
        files["gates"]["holdout"]["share"] = 0.0
        files["rules"]["rule"]["R1"]["follow_up"] = [{"action": "mentor_call", "after_hours": 80}]

    decision = decide(make_case(values=SILENT), make_policy(later), datetime(2025, 3, 10, 2, tzinfo=UTC))
    assert decision.follow_ups == (FollowUp("mentor_call", datetime(2025, 3, 13, 17, tzinfo=UTC)),)


def test_skipping_video_also_asks_for_feedback(policy) -> None:
    assert policy.rules["R2"].ask is not None


def test_a_blocked_action_gives_way_to_the_next_and_every_no_is_kept(policy, make_case) -> None:
    case = make_case(
        values={**SILENT, **SKIPS},
        consents=(Consent("sms", "any", "withdrawn", _ago(9)),),
        touches=(Touch("t1", "sms", _ago(80)), Touch("t2", "sms", _ago(90))),
    )
    decision = decide(case, policy, NOON)
    assert (decision.action, decision.rule) == ("advanced_materials", "R2")
    assert [(one.rule, one.enrolment_id) for one in decision.fired] == [("R1", "e1"), ("R2", "e1")]
    assert [(no.action, no.gate) for no in decision.blocked] == [("care_sms", "G1"), ("care_sms", "G3")]
    assert decision.eligible == ("advanced_materials", "content_feedback", "no_action")


def test_when_all_is_blocked_nothing_is_done(policy, make_case) -> None:
    case = make_case(values={**SILENT, **SKIPS}, consents=(Consent("any", "any", "paused", _ago(9)),))
    decision = decide(case, policy, NOON)
    assert (decision.action, decision.rule, decision.not_before) == ("no_action", None, None)
    assert [(no.action, no.gate) for no in decision.blocked] == [
        ("care_sms", "G2"),
        ("advanced_materials", "G2"),
        ("content_feedback", "G2"),
    ]


def test_the_control_group_is_recorded_and_left_alone(make_policy, make_case) -> None:
    policy = make_policy()
    held = next(f"s{i}" for i in range(1000) if policy.gates.holds_out(f"s{i}"))
    decision = decide(make_case(student_id=held, values=SILENT), policy, NOON)
    assert (decision.action, decision.arm, decision.holdout) == ("no_action", "control", True)
    assert [(no.action, no.gate) for no in decision.blocked] == [("care_sms", "G8")]
    asked = decide(make_case(student_id=held, values={"cancel_requested_30d": 1}), policy, NOON)
    assert (asked.action, asked.arm) == ("pause_offer", "control")
    silent = decide(make_case(student_id=held), policy, NOON)
    assert silent.arm == "control", "the arm is assigned whether or not anything was proposed"


def test_about_a_tenth_of_students_is_held_out(make_policy) -> None:
    gates = make_policy().gates
    share = sum(gates.holds_out(f"student-{i}") for i in range(20_000)) / 20_000
    assert 0.09 < share < 0.11


def test_a_follow_up_that_is_forbidden_is_not_recommended_and_says_why(policy, make_case) -> None:
    case = make_case(values=SILENT, consents=(Consent("call", "any", "withdrawn", _ago(9)),))
    decision = decide(case, policy, NOON)
    assert decision.action == "care_sms"
    assert decision.follow_ups == ()
    assert [(no.action, no.gate, no.follow_up) for no in decision.blocked] == [("mentor_call", "G1", True)]


def test_a_follow_up_counts_the_contacts_before_it(make_policy, make_case) -> None:
    def soon(files: dict) -> None:
        files["gates"]["holdout"]["share"] = 0.0
        steps = [{"action": "mentor_call", "after_hours": hours} for hours in (24, 72, 73)]
        files["rules"]["rule"]["R1"]["follow_up"] = steps

    decision = decide(make_case(values=SILENT), make_policy(soon), NOON)
    assert [task.not_before for task in decision.follow_ups] == [NOON + timedelta(hours=72)]
    noes = [(no.action, no.gate, no.follow_up) for no in decision.blocked]
    assert noes.count(("mentor_call", "G3", True)) == 2
    assert set(noes) == {("mentor_call", "G3", True), ("mentor_call", "G4", True)}


def test_a_rule_may_say_leave_alone(make_policy, make_case) -> None:
    def leave(files: dict) -> None:
        files["gates"]["holdout"]["share"] = 0.0
        files["rules"]["rule"]["R1"].update(actions=["no_action"], priority=1, follow_up=[])

    decision = decide(make_case(values={**SILENT, **SKIPS}), make_policy(leave), NOON)
    assert (decision.action, decision.rule, decision.blocked) == ("no_action", "R1", ())
    assert decision.eligible == ("advanced_materials", "content_feedback", "no_action")


def test_a_student_without_live_enrolments_is_left_alone(policy, make_case) -> None:
    assert decide(make_case(enrolments=()), policy, NOON).action == "no_action"


def test_one_decision_for_all_enrolments_the_riskier_first(policy, make_case) -> None:
    ones = (EnrolmentCase("e1", "c1", 0.2, "low", SILENT), EnrolmentCase("e2", "c2", 0.4, "high", SILENT))
    decision = decide(make_case(enrolments=ones), policy, NOON)
    assert (decision.action, decision.enrolment_id) == ("care_sms", "e2")
    assert len(decision.fired) == 2


def test_the_version_changes_with_any_word_or_number(make_policy, policy) -> None:
    assert make_policy().version == make_policy().version
    changes = [
        lambda files: files["gates"]["holdout"].update(share=0.11),
        lambda files: files["rules"]["rule"]["R1"].update(when=["days_without_login >= 8"]),
        lambda files: files["rules"]["rule"]["R1"]["say"].update(en="Other words."),
        lambda files: files["actions"]["action"]["care_sms"].update(minutes=1),
    ]
    versions = [make_policy(change).version for change in changes]
    assert len({*versions, policy.version, make_policy().version}) == len(changes) + 2


def test_the_order_of_the_rules_in_the_file_means_nothing(make_policy, make_case) -> None:
    def turned(files: dict) -> None:
        files["rules"]["rule"] = dict(reversed(files["rules"]["rule"].items()))

    case = make_case(values={**SILENT, **SKIPS})
    assert make_policy(turned).version == make_policy().version
    assert decide(case, make_policy(turned), NOON) == decide(case, make_policy(), NOON)


def test_faults_of_all_three_files_are_told_at_once(make_policy) -> None:
    def spoil(files: dict) -> None:
        files["actions"]["action"]["care_sms"]["channel"] = "pigeon"
        files["rules"]["rule"]["R1"]["when"] = ["moon > 1"]
        files["gates"]["holdout"]["share"] = "some"

    with pytest.raises(BadConfig) as caught:
        make_policy(spoil)
    assert all(f"{name}.toml" in str(caught.value) for name in ("actions", "rules", "gates"))


def test_a_moment_without_a_zone_is_refused(policy, make_case) -> None:
    with pytest.raises(ValueError, match="time zone"):
        decide(make_case(), policy, NOON.replace(tzinfo=None))


def test_a_replay_under_another_policy_is_refused(policy, make_policy, make_case) -> None:
    record = decide(make_case(values=SILENT), policy, NOON).to_record()
    assert replay(record, policy).to_record() == record
    with pytest.raises(Refused, match="made with policy"):
        replay(record, make_policy())


def test_deciding_imports_nothing_heavy() -> None:
    code = "import sys, serving.decide; print(*{name.split('.')[0] for name in sys.modules})"
    words = [sys.executable, "-c", code]
    loaded = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT, timeout=300)
    assert not {"numpy", "pandas", "sqlalchemy", "fastapi"} & set(loaded.stdout.split())


# --- properties -------------------------------------------------------------------------------------------------

CHANNELS = ("sms", "call", "email", "push")
_moments = st.integers(-40 * 24, 24).map(lambda hours: NOON + timedelta(hours=hours))
_touches = st.lists(
    st.builds(
        Touch,
        touch_id=st.uuids().map(str),
        channel=st.sampled_from(CHANNELS),
        at=_moments,
        status=st.sampled_from(("sent", "opened", "answered", "failed")),
    ),
    max_size=6,
)
_consents = st.lists(
    st.builds(
        Consent,
        channel=st.sampled_from(("any", *CHANNELS)),
        purpose=st.sampled_from(("any", "service", "marketing")),
        state=st.sampled_from(("given", "withdrawn", "paused", "resumed")),
        occurred_at=_moments,
        until_at=st.none(),
    ),
    max_size=5,
)
_values = st.fixed_dictionaries(
    {
        "days_without_login": st.sampled_from([None, 0.0, 7.0, 30.0]),
        "video_skip_share_28d": st.sampled_from([None, 0.2, 0.8]),
        "ratings_below_3_in_a_row": st.sampled_from([None, 0.0, 2.0]),
        "cancel_requested_30d": st.sampled_from([None, 0.0, 1.0]),
    }
)
_enrolments = st.lists(
    st.tuples(st.sampled_from([None, 0.1, 0.5, 0.9]), st.sampled_from([None, "low", "high"]), _values), max_size=3
).map(lambda rows: tuple(EnrolmentCase(f"e{i}", "c", *row) for i, row in enumerate(rows)))
_students = st.integers(0, 30).map(lambda number: f"s{number}")
_zones = st.sampled_from(["Europe/London", "Asia/Vladivostok", "America/St_Johns", "Pacific/Kiritimati"])


def _refused(words: list[Consent], channel: str, purpose: str, now: datetime) -> bool:
    """An oracle: whether the last relevant word is a refusal, worked out word by word."""
    standing, paused = False, False
    for word in sorted(words, key=lambda w: (w.occurred_at, w.state in ("withdrawn", "paused"))):
        if word.channel in ("any", channel) and word.purpose in ("any", purpose):
            if word.state == "withdrawn" or (word.state == "given" and word.occurred_at <= now):
                standing = word.state == "withdrawn"
            if word.state == "paused" or (word.state == "resumed" and word.occurred_at <= now):
                paused = word.state == "paused"
    return standing or paused


@settings(max_examples=examples(150), deadline=None)
@given(_students, _zones, _enrolments, _consents, _touches, st.randoms(use_true_random=False))
def test_whatever_the_case(make_policy, make_case, student, zone, enrolments, consents, touches, draw) -> None:
    policy = make_policy()

    def case(ones, words, contacts):
        return make_case(
            student_id=student, time_zone=zone, enrolments=tuple(ones), consents=tuple(words), touches=tuple(contacts)
        )

    decision = decide(case(enrolments, consents, touches), policy, NOON)
    action = policy.catalogue[decision.action]
    if action.channel is not None:
        assert not _refused(consents, action.channel, action.purpose, NOON)
        assert action.holdout_exempt or not decision.holdout
        assert decision.not_before is not None
        wall = decision.not_before.astimezone(ZoneInfo(zone))
        assert 9 <= wall.hour < 21
        about = next(one for one in decision.case.enrolments if one.enrolment_id == decision.enrolment_id)
        rule = policy.rules[decision.rule]
        assert judge(action, decision.case, policy.gates, NOON, rule.rests_on, rule.campaign, about) == ()
    blocked = {no.action for no in decision.blocked if not no.follow_up}
    proposed = {name for one in decision.fired for name in policy.rules[one.rule].actions}
    switched = {switch.action for switch in policy.gates.cascade.switches}
    found = blocked | set(decision.eligible)
    assert proposed | {"no_action"} <= found <= proposed | switched | {"no_action"}
    assert not blocked & set(decision.eligible)

    mixed = [list(enrolments), list(consents), list(touches)]
    for part in mixed:
        draw.shuffle(part)
    again = decide(case(*mixed), policy, NOON)
    assert again == decision, "the order of the input must not matter"
    record = json.dumps(decision.to_record())
    assert json.dumps(replay(json.loads(record), policy).to_record()) == record
    assert Decision.from_record(json.loads(record)) == decision


@settings(max_examples=examples(80), deadline=None)
@given(
    _students,
    _zones,
    st.lists(st.tuples(st.integers(1, 80), _enrolments, st.booleans()), min_size=2, max_size=15),
    _touches,
)
def test_no_sequence_of_decisions_breaks_a_cap(make_policy, make_case, student, zone, moments, touches) -> None:
    """Decisions one after another, some carried out and reported, some not, between touches that others make."""
    policy, now = make_policy(), NOON - timedelta(days=30)
    others = [touch for touch in touches if touch.at <= NOON]
    recommended: list[Touch] = []
    for number, (hours, enrolments, reported) in enumerate(moments):
        now += timedelta(hours=hours)
        day = now.date()
        known = [touch for touch in others if touch.at <= now] + recommended
        case = make_case(
            student_id=student,
            time_zone=zone,
            decision_date=day,
            enrolments=enrolments,
            touches=tuple(known),
            request_digest=str(number),
        )
        decision = decide(case, policy, now)
        recommended = [touch for touch in recommended if touch.decision_date != day or touch.at < now]
        if decision.channel is None or decision.not_before is None:
            continue
        at = decision.not_before
        made = [touch for touch in others if touch.at <= now]
        done = {touch.decision_id for touch in made}
        made += [touch for touch in recommended if touch.decision_id not in done]
        for channel, most, window, failed_count in (
            ("any", 1, 48, False),
            ("sms", 2, 168, False),
            ("call", 1, 168, False),
            ("any", 4, 720, True),
        ):
            if channel not in ("any", decision.channel):
                continue
            within = [
                touch
                for touch in made
                if channel in ("any", touch.channel)
                and (failed_count or touch.status != "failed")
                and touch.at > at - timedelta(hours=window)
            ]
            assert len(within) + 1 <= most
        id_ = decision.decision_id
        if reported:
            others.append(Touch(f"made {number}", decision.channel, at, "sent", id_))
        recommended.append(Touch(id_, decision.channel, at, "recommended", id_, day))
