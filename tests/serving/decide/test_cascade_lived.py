"""A student's life drawn by chance, decided about again and again: what must never happen, whatever comes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from serving.decide import Case, Consent, Decision, EnrolmentCase, Policy, Touch, decide
from serving.decide.cascade import state_of
from serving.decide.contacts import contacts
from serving.decide.stages import STOPPED
from tests.thorough import examples

CHANNELS = ("sms", "call", "email", "messenger")
STATUSES = ("sent", "failed", "opened", "answered")  # a contact's status only moves on
CAPS = (("any", 1, 48, False), ("sms", 2, 168, False), ("call", 1, 168, False), ("any", 4, 720, True))
TEXTS = {"name": {"en": "x"}, "say": {"en": "x"}}


def _everything(files: dict[str, Any]) -> None:
    """One rule that always proposes every step of the cascade and one that is owed; half of the decisions by lot."""
    files["gates"]["holdout"]["share"] = 0.0
    files["value"]["exploration"].update(share=0.5, bands=["high"])
    files["rules"]["rule"] = {
        "owed": {"priority": 1, "when": ["cancel_requested_30d >= 1"], "actions": ["pause_offer"], "duty": True}
        | TEXTS,
        "all": {
            "priority": 2,
            "when": ['band = "high"'],
            "actions": ["mentor_call", "study_reminder", "care_sms", "micro_step", "pause_suggestion"],
        }
        | TEXTS,
    }


@dataclass
class Contact:
    """A contact that was made, and what was reported of it; None is not yet."""

    made: Touch
    reported: str | None = None


class Life(RuleBasedStateMachine):
    """One student, in UTC.

    Facts reach the case as the store gives them: what is reported again under its id is the same contact, and its
    status only moves on.
    """

    def __init__(self, policy: Policy) -> None:
        super().__init__()
        self.policy, self.cascade = policy, policy.gates.cascade
        self.now = datetime(2025, 1, 1, 12, tzinfo=UTC)
        self.contacts: list[Contact] = []
        self.recommended: list[Touch] = []
        self.words: list[Consent] = []
        self.studied: set[date] = set()
        self.number = 0
        self.risk, self.others = 0.0, False  # others: whether anybody else contacts the student too

    # --- what happens -----------------------------------------------------------------------------------------

    @initialize(risk=st.sampled_from([0.3, 0.9]), others=st.booleans())
    def begins(self, risk: float, others: bool) -> None:
        self.risk, self.others = risk, others

    @rule(hours=st.sampled_from([5, 24, 48, 72, 100, 169, 800]))
    def time_passes(self, hours: int) -> None:
        self.now += timedelta(hours=hours)

    @rule(minutes=st.integers(1, 180))
    def clock_is_set_back(self, minutes: int) -> None:
        """Within the day: what was recommended on a later day is nothing to a decision of an earlier one."""
        midnight = self.now.replace(hour=0, minute=0)
        self.now = max(self.now - timedelta(minutes=minutes), midnight)

    @rule()
    def studies(self) -> None:
        self.studied.add(self.now.date())

    @rule(
        channel=st.sampled_from(("any", "sms", "call")),
        state=st.sampled_from(("withdrawn", "given", "paused", "resumed")),
    )
    def speaks(self, channel: str, state: str) -> None:
        self.words.append(Consent(channel, "any", state, self.now))

    @precondition(lambda self: self.others)
    @rule(channel=st.sampled_from(CHANNELS), hours_ago=st.integers(0, 200), status=st.sampled_from(STATUSES))
    def somebody_else_reports_a_contact(self, channel: str, hours_ago: int, status: str) -> None:
        self.number += 1
        made = Touch(f"other {self.number}", channel, self.now - timedelta(hours=hours_ago), "sent")
        self.contacts.append(Contact(made, status))

    @precondition(lambda self: self.contacts)
    @rule(draw=st.data(), status=st.sampled_from(STATUSES))
    def a_contact_is_reported_sooner_or_later(self, draw: Any, status: str) -> None:
        made = [one for one in self.contacts if one.made.at <= self.now]
        if made:
            contact = draw.draw(st.sampled_from(made), label="which")
            known = -1 if contact.reported is None else STATUSES.index(contact.reported)
            contact.reported = STATUSES[max(known, STATUSES.index(status))]

    @precondition(lambda self: any(one.reported for one in self.contacts))
    @rule(draw=st.data(), times=st.integers(1, 3))
    def a_contact_is_reported_again(self, draw: Any, times: int) -> None:
        contact = draw.draw(st.sampled_from([one for one in self.contacts if one.reported]), label="which")
        case = self._case()
        again = (*case.touches, *[replace(contact.made, status=contact.reported)] * times)
        twice = replace(case, touches=tuple(reversed(again)))
        assert state_of(twice, self.cascade, self.now) == state_of(case, self.cascade, self.now)

    @rule(days=st.integers(3, 12), status=st.sampled_from(("sent", "sent", "failed", "answered")))
    def days_of_silence(self, days: int, status: str) -> None:
        for _ in range(days):
            self.is_decided_about(owed=False, carried_out=True)
            self.now += timedelta(days=1)
            for contact in self.contacts:
                contact.reported = contact.reported or status

    @rule(owed=st.booleans(), carried_out=st.booleans())
    def is_decided_about(self, owed: bool, carried_out: bool) -> None:
        case = self._case(owed)
        decision = decide(case, self.policy, self.now)
        today = decision.decision_date
        self.recommended = [one for one in self.recommended if one.decision_date != today or one.at < self.now]
        if decision.channel is None:
            return
        assert decision.not_before is not None
        self._keeps_the_caps(decision)
        self._keeps_the_students_word(decision)
        self._keeps_the_cascade(decision, case)
        at, id_ = decision.not_before, decision.decision_id
        self.recommended.append(Touch(id_, decision.channel, at, "recommended", id_, today, decision.action))
        if carried_out:
            self.number += 1
            made = Touch(f"ours {self.number}", decision.channel, at, "sent", id_, action=decision.action)
            self.contacts.append(Contact(made))

    def _case(self, owed: bool = False) -> Case:
        self.number += 1
        reported = [replace(one.made, status=one.reported) for one in self.contacts if one.reported]
        values = {"cancel_requested_30d": float(owed)}
        return Case(
            student_id="s1",
            decision_date=self.now.date(),
            time_zone="UTC",
            enrolments=(EnrolmentCase("e1", "c1", self.risk, "high", values),),
            consents=tuple(self.words),
            touches=(*reported, *self.recommended),
            model_version="m1",
            request_digest=str(self.number),
            active_days=tuple(self.studied),
        )

    # --- what must hold ---------------------------------------------------------------------------------------

    def _keeps_the_caps(self, decision: Decision) -> None:
        for channel, most, hours, failed_count in CAPS:
            counted = [
                touch
                for touch in self._made()
                if channel in ("any", touch.channel)
                and (failed_count or touch.status != "failed")
                and touch.at > decision.not_before - timedelta(hours=hours)
            ]
            assert channel not in ("any", decision.channel) or len(counted) < most

    def _made(self) -> list[Touch]:
        """Contacts that are known: reported, or recommended and not replaced by the decision at hand."""
        made = [replace(one.made, status=one.reported) for one in self.contacts if one.reported]
        done = {touch.decision_id for touch in made}
        return made + [touch for touch in self.recommended if touch.decision_id not in done]

    def _keeps_the_students_word(self, decision: Decision) -> None:
        for yes, no in (("given", "withdrawn"), ("resumed", "paused")):
            # As long as the clock is set back, what was allowed later does not hold yet; a refusal does.
            said = [
                word
                for word in sorted(self.words, key=lambda word: (word.occurred_at, word.state == no))
                if word.channel in ("any", decision.channel)
                and (word.state == no or (word.state == yes and word.occurred_at <= self.now))
            ]
            assert not said or said[-1].state == yes

    def _keeps_the_cascade(self, decision: Decision, case: Case) -> None:
        """Told by the fold, and without it: from the contacts of the last 30 days that no study came after."""
        if decision.action not in self.cascade.stage_of:
            return
        state = state_of(case, self.cascade, self.now)
        assert state.stage != STOPPED
        assert state.rests_until is None or state.rests_until <= self.now
        last = max(self.studied, default=date.min)
        # What others do in spite of a stop does not lengthen it; so it is counted only where there were no others.
        made = [] if self.others else [one for one in self._made() if self.cascade.stage(one) is not None]
        steps = [one for one in made if one.at.date() > last and one.at > self.now - timedelta(days=30)]
        waits = {one.touch_id: self.cascade.waits[str(self.cascade.stage(one))] for one in steps}
        dials = [one for one in steps if one.channel == "call" and one.status == "failed"]
        in_vain = [
            one
            for one in steps
            if one not in dials
            and one.status != "answered"
            and (one.status == "failed" or one.at + waits[one.touch_id] <= self.now)
        ]
        assert len(in_vain) + -(-len(dials) // 3) < 3, "it was to be stopped"
        if decision.action not in {one.action for one in state.proposals}:
            due = max(self.now, decision.not_before)
            open_ = [one for one in steps if one.status != "failed" and one.at + waits[one.touch_id] > due]
            assert not open_, "a step was still open"
        for one in made:
            back = min((day for day in self.studied if day >= one.at.date()), default=None)
            rested = datetime.combine(back, datetime.min.time(), UTC) if back else None
            if rested and one.at > rested - timedelta(days=3):
                assert self.now >= rested + timedelta(days=14), "the student had come back"
        assert len(contacts(case, self.now)) == len(self._made())


def test_no_sequence_of_events_breaks_a_cap_a_consent_or_the_stop(make_policy) -> None:
    run_state_machine_as_test(
        partial(Life, make_policy(_everything)),
        settings=settings(
            max_examples=examples(150),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
