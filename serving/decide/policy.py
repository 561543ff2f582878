"""The policy: actions, rules and gates under one version, and the one function that decides by them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from features.errors import Refused
from serving.decide.actions import NO_ACTION, Catalogue
from serving.decide.case import Case, EnrolmentCase, Touch, utc
from serving.decide.config import Faults
from serving.decide.decision import Decision, Fired, FollowUp, decision_id
from serving.decide.gates import Blocked, Gates, contacts, judge
from serving.decide.rules import Rule, Rules


@dataclass(frozen=True, slots=True)
class Policy:
    """What a school has settled about recommending.

    Attributes:
        catalogue: what may be done.
        rules: when it is proposed.
        gates: what forbids it.
        version: changes whenever a word or a number of the three files does.
    """

    catalogue: Catalogue
    rules: Rules
    gates: Gates
    version: str

    @classmethod
    def from_config(
        cls,
        actions: Mapping[str, Any],
        rules: Mapping[str, Any],
        gates: Mapping[str, Any],
        known_features: Collection[str],
    ) -> Policy:
        """Reads the contents of ``actions.toml``, ``rules.toml`` and ``gates.toml``.

        Args:
            actions, rules, gates: the files' contents.
            known_features: the features that rules may use.

        Raises:
            BadConfig: names every fault of the three files at once.
        """
        with Faults() as faults:
            catalogue = Catalogue.from_config(actions, faults)
            return cls(
                catalogue=catalogue,
                rules=Rules.from_config(rules, catalogue, known_features, faults),
                gates=Gates.from_config(gates, catalogue, faults),
                version=_version(actions, rules, gates),
            )


def _version(*contents: Mapping[str, Any]) -> str:
    return sha256(json.dumps(contents, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()[:12]


def decide(case: Case, policy: Policy, now: datetime) -> Decision:
    """Decides what to recommend for one student.

    The rules that hold propose their actions in order; the first action that passes every gate is taken,
    otherwise nothing is done. The same case, policy and moment always give the same decision.

    Args:
        case: the student's case.
        policy: the school's policy.
        now: the moment to decide for, aware; there is no clock in here.

    Raises:
        ValueError: ``now`` has no time zone.
    """
    now = utc(now)
    fired = policy.rules.fired(case.enrolments)
    refusals = _refusals(fired, case, policy, now)
    passing = [(action, rule, one) for rule, one in fired for action in rule.actions if not refusals[action, rule.id]]
    action, rule, enrolment = passing[0] if passing else (NO_ACTION, None, None)
    may = dict.fromkeys(one for one, _, _ in passing)
    noes: dict[str, tuple[Blocked, ...]] = {}
    for (proposed, _), said in refusals.items():
        if proposed not in may:  # only freshness depends on the rule, so the first rule's noes stand for all
            noes.setdefault(proposed, said)
    id_ = decision_id(case.student_id, case.decision_date, case.request_digest, case.model_version, policy.version)
    channel = policy.catalogue[action].channel
    not_before = None if channel is None else policy.gates.quiet.wait(now, case.time_zone)
    follow_ups, refused_later = ((), ()) if rule is None else _follow_up(rule, channel, not_before, case, policy, now)
    eligible = (*(one for one in may if one != NO_ACTION), NO_ACTION)
    holdout = policy.gates.holds_out(case.student_id)
    return Decision(
        decision_id=id_,
        case=case,
        decided_at=now,
        action=action,
        channel=channel,
        enrolment_id=None if enrolment is None else enrolment.enrolment_id,
        rule=None if rule is None else rule.id,
        not_before=not_before,
        follow_ups=follow_ups,
        fired=tuple(Fired(one.id, about.enrolment_id) for one, about in fired),
        blocked=(*(no for said in noes.values() for no in said), *refused_later),
        arm="control" if holdout else "treatment",
        holdout=holdout,
        propensities={one: float(one == action) for one in eligible},
        eligible=eligible,
        policy_version=policy.version,
    )


def _refusals(
    fired: Collection[tuple[Rule, EnrolmentCase]], case: Case, policy: Policy, now: datetime
) -> dict[tuple[str, str], tuple[Blocked, ...]]:
    """Every gate's no, by proposed action and the rule that proposes it."""
    rules = {rule.id: rule for rule, _ in fired}
    return {
        (action, rule.id): judge(policy.catalogue[action], case, policy.gates, now, rule.rests_on)
        for rule in rules.values()
        for action in rule.actions
    }


def _follow_up(
    rule: Rule, channel: str | None, not_before: datetime | None, case: Case, policy: Policy, now: datetime
) -> tuple[tuple[FollowUp, ...], tuple[Blocked, ...]]:
    """The rule's later contacts, each judged at the moment it will be due, as if those before it had been made."""
    if not rule.follow_up:
        return (), ()
    start, made = not_before or now, contacts(case, now)
    if channel is not None:
        made += (Touch("first contact", channel, start),)
    tasks: list[FollowUp] = []
    refused: list[Blocked] = []
    for number, step in enumerate(rule.follow_up, 1):
        action = policy.catalogue[step.action]
        due = policy.gates.quiet.wait(start + timedelta(hours=step.after_hours), case.time_zone)
        noes = judge(action, replace(case, touches=made), policy.gates, due, rule.rests_on)
        refused.extend(replace(no, follow_up=True) for no in noes)
        if not noes:
            tasks.append(FollowUp(step.action, due))
            made += (Touch(f"follow-up {number}", str(action.channel), due),)
    return tuple(tasks), tuple(refused)


def replay(record: Mapping[str, Any], policy: Policy) -> Decision:
    """Decides again from a stored record; under the same policy the result is the stored decision.

    Args:
        record: what `Decision.to_record` gave, also after JSON.
        policy: the policy that it was made by.

    Raises:
        Refused: the record was made by another policy.
    """
    stored = Decision.from_record(record)
    if stored.policy_version != policy.version:
        raise Refused(
            f"it was made by policy {stored.policy_version}; the one in force is {policy.version}",
            where=f"decision {stored.decision_id}",
            mend="Put the rules, actions and gates of that day back to make it again",
        )
    return decide(stored.case, policy, stored.decided_at)
