"""The policy: a school's catalogue, rules, gates and reckoning, and the one function that decides by them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from features.errors import Refused
from serving.decide.actions import NO_ACTION, ROUTE_TO_HUMAN, Action, Catalogue
from serving.decide.book import PriceBook
from serving.decide.case import Case, EnrolmentCase, Touch, utc
from serving.decide.config import Faults, Locate
from serving.decide.contacts import contacts
from serving.decide.decision import Decision, Fired, FollowUp, decision_id
from serving.decide.gates import Blocked, Gates, judge
from serving.decide.lot import Draw, draw
from serving.decide.menu import Menu, survey
from serving.decide.rules import Rule, Rules
from serving.decide.worth import Offer, Worth, priced, uses

RULES_DECIDE = "L0"
"""The ladder's first step: expert rules decide, no measured effect does yet."""

PEOPLE = "people"
"""The scope of a reason why only people decide, where somebody takes over; see `serving.decide.people_only`."""

FILES = ("actions", "rules", "gates", "value")
"""The configuration files that a policy is made of."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What a school has settled about recommending.

    Attributes:
        catalogue: what may be done.
        rules: when it is proposed.
        gates: what forbids it.
        worth: how its worth is reckoned, and what share of decisions is drawn.
        level: the step of the ladder, `L0` to `L3`; see `model.uplift`.
        effects_version: of the measured effects; empty at `L0`.
        contents: what it was made from, so that it can be made again.
        version: changes whenever a word or a number of the files, or the effects, do.
    """

    catalogue: Catalogue
    rules: Rules
    gates: Gates
    worth: Worth
    level: str
    effects_version: str
    contents: Mapping[str, Any]
    version: str

    @property
    def measures(self) -> bool:
        """Whether measured effects decide."""
        return self.level != RULES_DECIDE

    @property
    def features(self) -> frozenset[str]:
        """The features that a case must carry for its rules, gates and actions."""
        needs = (need.name for action in self.catalogue.values() for need in action.requires)
        return (self.rules.features | self.gates.features | frozenset(needs)) - {"risk", "band"}

    @classmethod
    def from_config(
        cls,
        files: Mapping[str, Mapping[str, Any]],
        known_features: Collection[str],
        *,
        level: str = RULES_DECIDE,
        effects_version: str = "",
        locate: Locate | None = None,
    ) -> Policy:
        """Reads the contents of the configuration files.

        Args:
            files: the contents of `FILES`, by name.
            known_features: the features that conditions may use.
            locate: finds the file and line of a fault; see `serving.decide.config.Faults`.
            level, effects_version: of the measured effects.
            locate: finds the file and line of a fault.

        Raises:
            BadConfig: names every fault of the files at once.
        """
        contents = {**{name: files[name] for name in FILES}, "level": level, "effects_version": effects_version}
        with Faults(locate) as faults:
            catalogue = Catalogue.from_config(files["actions"], known_features, faults)
            return cls(
                catalogue=catalogue,
                rules=Rules.from_config(files["rules"], catalogue, known_features, faults),
                gates=Gates.from_config(files["gates"], catalogue, known_features, faults),
                worth=Worth.from_config(files["value"], faults),
                level=level,
                effects_version=effects_version,
                contents=contents,
                version=_version(contents),
            )

    @classmethod
    def from_contents(cls, contents: Mapping[str, Any], known_features: Collection[str]) -> Policy:
        """The policy of these contents, made again."""
        level, effects_version = str(contents["level"]), str(contents["effects_version"])
        return cls.from_config(contents, known_features, level=level, effects_version=effects_version)


def _version(contents: Mapping[str, Any]) -> str:
    return sha256(json.dumps(contents, sort_keys=True, ensure_ascii=False, default=str).encode()).hexdigest()[:12]


def decide(case: Case, policy: Policy, now: datetime, book: PriceBook | None = None) -> Decision:
    """Decides what to recommend for one student.

    Only people decide about some students. Otherwise what the rules propose, or measured effects speak for, and no
    gate forbids, is weighed: the action with the highest worth less the day's prices is taken, or with a known small
    chance another that is allowed. The same case, policy, moment and book always give the same decision.

    Args:
        case: the student's case.
        policy: the school's policy.
        now: the moment to decide for, aware; there is no clock in here.
        book: the day's prices; without one capacity costs nothing.

    Raises:
        ValueError: ``now`` has no time zone.
    """
    return settle(survey(case, policy, utc(now), book.muted if book else ()), policy, book)


def settle(menu: Menu, policy: Policy, book: PriceBook | None = None) -> Decision:
    """Decides from what may be done, at the day's prices; see `decide`."""
    case = menu.case
    prices = book.prices if book else {}
    offers = tuple(_at_prices(offer, prices) for offer in menu.offers)
    best = _best(menu, offers, policy)
    name = f"{case.student_id}|{case.decision_date.isoformat()}|{policy.version}"
    lot = draw(best, menu.eligible, menu.drawn, policy.worth.explore_share, policy.worth.explore_salt, name)
    if menu.people:
        best = ROUTE_TO_HUMAN if menu.people[0].params["scope"] == PEOPLE else NO_ACTION
        lot = Draw(best, False, None, {best: 1.0, NO_ACTION: float(best == NO_ACTION)})
    offer = next((one for one in offers if one.action == lot.action), None)
    return _decision(menu, policy, book, offers, offer, best, lot)


def _at_prices(offer: Offer, prices: Mapping[str, float]) -> Offer:
    net = priced(offer.value, offer.uses, prices)
    return replace(offer, price=offer.value - net, net=net)


def _best(menu: Menu, offers: tuple[Offer, ...], policy: Policy) -> str:
    """The action of the highest net worth; of equals the cheapest, and doing nothing before all."""
    if menu.duty:
        return offers[0].action
    order = policy.catalogue.order
    chosen = min(offers, key=lambda one: (-one.net, order[one.action]), default=None)
    return chosen.action if chosen is not None and chosen.net > 0 else NO_ACTION


def _decision(
    menu: Menu,
    policy: Policy,
    book: PriceBook | None,
    offers: tuple[Offer, ...],
    offer: Offer | None,
    best: str,
    lot: Draw,
) -> Decision:
    case, now, action = menu.case, menu.now, policy.catalogue[lot.action]
    about = offer.enrolment_id if offer else _about(menu, lot.action)
    rule = policy.rules[offer.rule] if offer and offer.rule else None
    due = menu.due.get(action.id, now)
    not_before = None if action.channel is None else policy.gates.quiet.wait(due, case.time_zone)
    enrolment = next((one for one in case.enrolments if one.enrolment_id == about), None)
    later, refused = _follow_up(rule, action, not_before, enrolment, case, policy, now) if rule else ((), ())
    holdout = policy.gates.holds_out(case.student_id)
    id_ = decision_id(case.student_id, case.decision_date, case.request_digest, case.model_version, policy.version)
    return Decision(
        decision_id=id_,
        case=case,
        decided_at=now,
        action=action.id,
        channel=action.channel,
        enrolment_id=about,
        rule=rule.id if rule else None,
        not_before=not_before,
        follow_ups=later,
        fired=tuple(Fired(one.id, whose.enrolment_id) for one, whose in menu.fired),
        blocked=(*menu.people, *menu.blocked, *_priced_out(offers, best, menu, book.prices if book else {}), *refused),
        arm="control" if holdout else "treatment",
        holdout=holdout,
        propensities=lot.propensities,
        eligible=tuple(lot.propensities),
        policy_version=policy.version,
        level=policy.level,
        in_scope=not menu.people,
        a_star=best,
        explored=lot.explored,
        u=lot.u,
        offers=offers,
        # Whom only people decide about is handed over whatever the day still holds.
        uses={} if menu.people else uses(action, enrolment.curator if enrolment else None),
        book_id=book.book_id if book else None,
        contact=str(menu.people[0].params["contact"]) if action.id == ROUTE_TO_HUMAN else None,
    )


def _about(menu: Menu, action: str) -> str | None:
    """The enrolment that a drawn contact is about."""
    if action in (NO_ACTION, ROUTE_TO_HUMAN) or not menu.case.enrolments:
        return None
    return menu.about.enrolment_id


def _priced_out(offers: tuple[Offer, ...], best: str, menu: Menu, prices: Mapping[str, float]) -> tuple[Blocked, ...]:
    """Why an action that would have been taken for free was not: what it costs, or that others need the time more."""
    if menu.duty:
        return ()
    reached = max((offer.value for offer in offers if offer.action == best), default=0.0)
    noes = []
    for offer in offers:
        if offer.action == best or (offer.value <= reached and offer.value > 0):
            continue
        if offer.value <= 0:
            noes.append(Blocked(offer.action, "V", "worth", {"value_minor": round(offer.value)}))
        else:
            dearest = max(offer.uses, key=lambda one: offer.uses[one] * prices.get(one, 0.0))
            noes.append(Blocked(offer.action, "G9", "capacity", {"resource": dearest}))
    return tuple(noes)


def _follow_up(
    rule: Rule,
    taken: Action,
    not_before: datetime | None,
    about: EnrolmentCase | None,
    case: Case,
    policy: Policy,
    now: datetime,
) -> tuple[tuple[FollowUp, ...], tuple[Blocked, ...]]:
    """The rule's later contacts, each judged at the moment it will be due, as if those before it had been made.

    They are what is planned: each is proposed, judged and decided again on the day on which it is due.
    """
    if taken.id not in rule.actions:
        return (), ()
    start, made = not_before or now, contacts(case, now)
    if taken.channel is not None:
        made += (Touch("first contact", taken.channel, start, action=taken.id),)
    tasks: list[FollowUp] = []
    refused: list[Blocked] = []
    for number, step in enumerate(rule.follow_up, 1):
        action = policy.catalogue[step.action]
        due = policy.gates.quiet.wait(start + timedelta(hours=step.after_hours), case.time_zone)
        noes = judge(action, replace(case, touches=made), policy.gates, due, rule.rests_on, rule.campaign, about)
        refused.extend(replace(no, follow_up=True) for no in noes)
        if not noes:
            tasks.append(FollowUp(step.action, due))
            made += (Touch(f"follow-up {number}", str(action.channel), due, action=step.action),)
    return tuple(tasks), tuple(refused)


def replay(record: Mapping[str, Any], policy: Policy, book: PriceBook | None = None) -> Decision:
    """Decides again from a stored record; with the same policy and book the result is the stored decision.

    Args:
        record: what `Decision.to_record` gave, also after JSON.
        policy: the policy that it was made by.
        book: the price book that it was made with, if any.

    Raises:
        Refused: the record was made by another policy, or with another book.
    """
    stored = Decision.from_record(record)
    for what, was, has in (
        ("policy", stored.policy_version, policy.version),
        ("price book", stored.book_id, book.book_id if book else None),
    ):
        if was != has:
            raise Refused(
                f"it was made with {what} {was}, not {has}",
                where=f"decision {stored.decision_id}",
                mend=f"Give it the {what} of that day",
            )
    return decide(stored.case, policy, stored.decided_at, book)
