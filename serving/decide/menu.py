"""The menu: what the rules propose and the gates allow for one student, with the worth of each action, unpriced."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from experiments.assign import unit_interval
from serving.decide.actions import NO_ACTION, Action
from serving.decide.cascade import State, state_of
from serving.decide.case import Case, EnrolmentCase, Touch
from serving.decide.contacts import contacts
from serving.decide.gates import Blocked, judge, people_only
from serving.decide.rules import Rule
from serving.decide.worth import Offer, measured, needed, points, told_apart, uses

if TYPE_CHECKING:
    from serving.decide.policy import Policy

VALID = timedelta(hours=24)
"""How long a decision holds: a contact that is due within it can be proposed today."""

_SWITCHED = ("care", "study")  # praise that was not read is not repeated by another channel

FOLLOWS_FOR = timedelta(days=7)
"""How long after it was due a later contact of a rule is still proposed."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """An action that a rule proposes for an enrolment, and the earliest moment of it."""

    action: str
    rule: Rule
    enrolment: EnrolmentCase
    due: datetime


@dataclass(frozen=True, slots=True)
class Menu:
    """What may be done for a student.

    Attributes:
        case, now: whose, and the moment that it is made for.
        people: why only people may decide; then there are no offers.
        fired: which rule holds for which enrolment, in order; those in shadow or muted too.
        offers: what may be done beside nothing, each action once; of a duty only that.
        duty: whether the one offer is a duty, which is not weighed by its worth.
        drawn: weights of the actions that a lot may choose, doing nothing first; empty where there is no lot.
        eligible: the actions that no gate blocks, doing nothing last.
        blocked: every no of a gate to what was proposed.
        due: the earliest moment of each offered action that has to wait.
    """

    case: Case
    now: datetime
    people: tuple[Blocked, ...]
    fired: tuple[tuple[Rule, EnrolmentCase], ...]
    offers: tuple[Offer, ...]
    duty: bool
    drawn: tuple[tuple[str, float], ...]
    eligible: tuple[str, ...]
    blocked: tuple[Blocked, ...]
    due: dict[str, datetime]

    @property
    def about(self) -> EnrolmentCase:
        """The enrolment that a contact without a rule is about."""
        return needed(self.case.enrolments)


class _Judged:
    """What the gates say, each question asked once."""

    def __init__(self, case: Case, policy: Policy, now: datetime) -> None:
        self._case, self._policy, self.now = case, policy, now
        self._states: dict[datetime, State] = {}
        self._known: dict[tuple[str, str | None, datetime, str], tuple[Blocked, ...]] = {}

    def noes(self, action_id: str, rule: Rule | None, at: datetime, one: EnrolmentCase) -> tuple[Blocked, ...]:
        """Every no to an action that a rule proposes for an enrolment."""
        key = (action_id, rule.id if rule else None, at, one.enrolment_id)
        if key not in self._known:
            self._known[key] = self._ask(self._policy.catalogue[action_id], rule, at, one)
        return self._known[key]

    def state(self, at: datetime) -> State:
        """Where the student stands in the cascade."""
        if at not in self._states:
            self._states[at] = state_of(self._case, self._policy.gates.cascade, at)
        return self._states[at]

    def _ask(self, action: Action, rule: Rule | None, at: datetime, one: EnrolmentCase) -> tuple[Blocked, ...]:
        case, gates = self._case, self._policy.gates
        rests_on: Collection[str] = rule.rests_on if rule else ("risk",)
        noes = judge(action, case, gates, at, rests_on, rule.campaign if rule else None, one, self.state(at))
        again = action.waits_until(contacts(case, at), at) if action.again_after_days else None
        if again is not None:
            noes += (Blocked(action.id, "G3", "repeated", {"days": action.again_after_days}, again),)
        unmet = next((str(need) for need in action.requires if not need.holds(one)), None)
        if unmet is not None:
            noes += (Blocked(action.id, "R", "precondition", {"condition": unmet}),)
        gone = [resource for resource in uses(action, one.curator) if resource in case.exhausted]
        if gone:
            noes += (Blocked(action.id, "G9", "capacity_exhausted", {"resource": gone[0]}),)
        return noes


def survey(case: Case, policy: Policy, now: datetime, muted: Collection[str] = ()) -> Menu:
    """What the rules propose and the gates allow.

    Args:
        case: the student's case.
        policy: the school's policy.
        now: the moment, in UTC.
        muted: rules that propose nothing today.
    """
    fired = tuple(policy.rules.fired(case.enrolments))
    people = people_only(case, policy.gates, now)
    if people or not case.enrolments:
        return Menu(case, now, people, fired, (), False, (), (NO_ACTION,), (), {})
    judged = _Judged(case, policy, now)
    active = [(rule, one) for rule, one in fired if not rule.shadow and rule.id not in muted]
    asked = list(_proposed(active, case, judged))
    passing = [one for one in asked if not judged.noes(one.action, one.rule, one.due, one.enrolment)]
    may = dict.fromkeys(one.action for one in passing)
    noes: dict[str, tuple[Blocked, ...]] = {}
    for one in asked:
        if one.action not in may:
            # Only freshness and campaigns depend on the rule: the first rule's noes stand for all.
            noes.setdefault(one.action, judged.noes(one.action, one.rule, one.due, one.enrolment))
    for enrolment in case.enrolments:
        for action in enrolment.effects:
            if action in policy.catalogue and action not in noes:
                noes[action] = judged.noes(action, None, now, enrolment)
    duties = [one for one in passing if one.rule.duty]
    # A moment apart for each student and day, so that equals are told apart by everybody alike.
    lot = unit_interval("equals", f"{case.student_id}|{case.decision_date}") if asked or policy.measures else 0.0
    # A duty is not weighed against anything, and no lot takes its place.
    offers = (_of_rule(duties[0], 0, case, policy, lot),) if duties else _offers(passing, case, policy, judged, lot)
    drawn = () if duties else _drawn(case, policy, judged)
    eligible = dict.fromkeys([*may, *(offer.action for offer in offers), *(action for action, _ in drawn)])
    return Menu(
        case=case,
        now=now,
        people=(),
        fired=fired,
        offers=offers,
        duty=bool(duties),
        drawn=drawn,
        eligible=(*(one for one in eligible if one != NO_ACTION), NO_ACTION),
        blocked=tuple(no for action, said in noes.items() if action not in eligible for no in said),
        due={one.action: one.due for one in reversed(passing) if one.due > now},
    )


def _proposed(active: Collection[tuple[Rule, EnrolmentCase]], case: Case, judged: _Judged) -> Iterator[Proposal]:
    """What is proposed, in order: of each rule first the later contact that is due today, then its actions."""
    now, switched = judged.now, dict.fromkeys(one.action for one in judged.state(judged.now).proposals)
    made = contacts(case, now) if any(rule.follow_up for rule, _ in active) else ()
    for rule, one in active:
        start = max((touch.at for touch in made if touch.action in rule.actions), default=None)
        if start is not None:
            yield from _later(rule, one, start, made, now)
        if rule.campaign in _SWITCHED and not rule.duty:
            # A contact that was not read, or a call that was not taken, goes on by another channel for the same reason.
            yield from (Proposal(action, rule, one, now) for action in switched)
        for action in rule.actions:
            yield Proposal(action, rule, one, now)


def _later(
    rule: Rule, one: EnrolmentCase, start: datetime, made: Collection[Touch], now: datetime
) -> Iterator[Proposal]:
    """The later contacts of a rule that are due today and were not made."""
    for step in rule.follow_up:
        due = start + timedelta(hours=step.after_hours)
        was_made = any(touch.action == step.action and touch.at > start for touch in made)
        if not was_made and now - FOLLOWS_FOR < due < now + VALID:
            yield Proposal(step.action, rule, one, max(now, due))


def _offers(
    passing: Collection[Proposal], case: Case, policy: Policy, judged: _Judged, lot: float
) -> tuple[Offer, ...]:
    """The worth of each action that may be done; of several enrolments the one for which it is worth most."""
    found: dict[str, Offer] = {}
    for one in case.enrolments:
        for action_id, effect in one.effects.items():
            if action_id in policy.catalogue and not judged.noes(action_id, None, judged.now, one):
                offer = measured(policy.catalogue[action_id], one, effect, policy.worth, lot)
                if action_id not in found or offer.value > found[action_id].value:
                    found[action_id] = offer
    place = 0
    for proposal in passing:
        known = found.get(proposal.action)
        if known is None:
            found[proposal.action] = _of_rule(proposal, place, case, policy, lot)
            place += 1
        elif known.rule is None and known.enrolment_id == proposal.enrolment.enrolment_id:
            found[proposal.action] = replace(known, rule=proposal.rule.id)  # it says in words what the effect does not
    return tuple(found.values())


def _of_rule(one: Proposal, place: int, case: Case, policy: Policy, lot: float) -> Offer:
    """The offer of a rule's action whose effect is not measured."""
    unit = policy.worth.unmeasured_minor if policy.measures else 1.0
    value = told_apart(points(case.enrolments, place) * unit, lot)
    taken = uses(policy.catalogue[one.action], one.enrolment.curator)
    return Offer(one.action, one.enrolment.enrolment_id, one.rule.id, value, taken)


def _drawn(case: Case, policy: Policy, judged: _Judged) -> tuple[tuple[str, float], ...]:
    """The actions that a lot may choose for the student, with their weights; doing nothing first."""
    about = needed(case.enrolments)
    if not policy.worth.explore_share or about.band not in policy.worth.explore_bands:
        return ()
    found = [
        (action.id, action.explore)
        for action in policy.catalogue.drawn
        if not judged.noes(action.id, None, judged.now, about)
    ]
    if not any(action != NO_ACTION for action, _ in found):
        return ()
    return tuple(sorted(found, key=lambda one: one[0] != NO_ACTION))
