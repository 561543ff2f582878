"""A decision and its record: what was recommended, what was not and why, and everything it was made from."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from hashlib import blake2b
from math import fsum
from typing import Any, Literal

from serving.decide.actions import NO_ACTION
from serving.decide.case import Case, moment, utc
from serving.decide.gates import Blocked
from serving.decide.worth import Offer

SLACK = 1e-9
"""How far the sum of propensities, which are binary fractions, may be from 1."""


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that holds for an enrolment."""

    rule: str
    enrolment_id: str


@dataclass(frozen=True, slots=True)
class FollowUp:
    """A later contact: a task, judged by the gates once more when it is due.

    Attributes:
        action: the action of the catalogue.
        not_before: the first moment at which it may be done.
    """

    action: str
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """One decision about one student on one day.

    Attributes:
        decision_id: `decision_id` of its key.
        case: what it was made from.
        decided_at: the moment that it was made for.
        action: the recommended action.
        channel: the action's channel; None when nobody is contacted.
        enrolment_id, rule: what the action was chosen for; None when nothing was proposed or all was blocked.
        not_before: the first moment at which the contact may be made; None when nobody is contacted.
        follow_ups: later contacts that no gate forbids as far as is known now.
        fired: the rules that hold, in the order in which they were tried.
        blocked: every gate's no to every proposed action and follow-up.
        arm: `control` for the control group, otherwise `treatment`.
        holdout: whether the student is in the control group.
        propensities: probability with which each eligible action was chosen.
        eligible: the actions that pass every gate, and `no_action`.
        policy_version, model_version: what it was made by.
        level: the step of the ladder that decided, `L0` to `L3`.
        in_scope: whether it is a decision at all; False where only people may decide.
        a_star: the action of the highest net worth, which is recommended unless the lot chose.
        explored: whether the lot chose.
        u: the number drawn; None where there was nothing to draw.
        offers: the worth of each action that was weighed, at the day's prices.
        uses: what the recommended action takes of the day's capacity, by resource.
        book_id: of the day's prices; None where there were none.
        contact: the person to turn to where only people may decide.

    Raises:
        ValueError: propensities do not sum to 1, the chosen action has none, or an ineligible one has some.
    """

    decision_id: str
    case: Case
    decided_at: datetime
    action: str
    channel: str | None
    enrolment_id: str | None
    rule: str | None
    not_before: datetime | None
    follow_ups: tuple[FollowUp, ...]
    fired: tuple[Fired, ...]
    blocked: tuple[Blocked, ...]
    arm: Literal["treatment", "control"]
    holdout: bool
    propensities: Mapping[str, float]
    eligible: tuple[str, ...]
    policy_version: str
    level: str
    in_scope: bool
    a_star: str
    explored: bool
    u: float | None
    offers: tuple[Offer, ...]
    uses: Mapping[str, float]
    book_id: str | None
    contact: str | None

    def __post_init__(self) -> None:
        chances = self.propensities.values()
        if any(not 0 <= p <= 1 for p in chances) or abs(fsum(chances) - 1) > SLACK:
            raise ValueError(f"decision {self.decision_id}: the propensities {dict(self.propensities)} do not sum to 1")
        if not self.propensities.get(self.action, 0) > 0:
            raise ValueError(f"decision {self.decision_id}: {self.action} was chosen with propensity 0")
        if any(p > 0 and action not in self.eligible for action, p in self.propensities.items()):
            raise ValueError(f"decision {self.decision_id}: an action that is not eligible has a propensity")
        if NO_ACTION not in self.eligible:
            raise ValueError(f"decision {self.decision_id}: {NO_ACTION} is always eligible")

    @property
    def student_id(self) -> str:
        """The student."""
        return self.case.student_id

    @property
    def decision_date(self) -> date:
        """The day, in the school's calendar."""
        return self.case.decision_date

    @property
    def model_version(self) -> str:
        """Which model gave the risks."""
        return self.case.model_version

    def to_record(self) -> dict[str, Any]:
        """The whole decision as plain values for JSON; it carries the case, so it can be made again."""
        return {
            "decision_id": self.decision_id,
            "student_id": self.case.student_id,
            "decision_date": self.case.decision_date.isoformat(),
            "request_digest": self.case.request_digest,
            "model_version": self.case.model_version,
            "policy_version": self.policy_version,
            "level": self.level,
            "decided_at": self.decided_at.isoformat(),
            "action": self.action,
            "channel": self.channel,
            "enrolment_id": self.enrolment_id,
            "rule": self.rule,
            "not_before": _text(self.not_before),
            "follow_ups": [{"action": one.action, "not_before": one.not_before.isoformat()} for one in self.follow_ups],
            "fired": [{"rule": one.rule, "enrolment_id": one.enrolment_id} for one in self.fired],
            "blocked": [
                {
                    "action": one.action,
                    "gate": one.gate,
                    "reason": one.reason,
                    "params": dict(one.params),
                    "until": _text(one.until),
                    "follow_up": one.follow_up,
                }
                for one in self.blocked
            ],
            "arm": self.arm,
            "holdout": self.holdout,
            "propensities": dict(self.propensities),
            "eligible": list(self.eligible),
            "in_scope": self.in_scope,
            "a_star": self.a_star,
            "explored": self.explored,
            "u": self.u,
            "offers": [offer.to_record() for offer in self.offers],
            "uses": dict(self.uses),
            "book_id": self.book_id,
            "contact": self.contact,
            "case": self.case.to_record(),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Decision:
        """The inverse of `to_record`.

        Raises:
            ValueError: the record contradicts itself.
        """
        return cls(
            decision_id=record["decision_id"],
            case=Case.from_record(record["case"]),
            decided_at=moment(record["decided_at"]),
            action=record["action"],
            channel=record["channel"],
            enrolment_id=record["enrolment_id"],
            rule=record["rule"],
            not_before=_moment(record["not_before"]),
            follow_ups=tuple(FollowUp(one["action"], moment(one["not_before"])) for one in record["follow_ups"]),
            fired=tuple(Fired(**one) for one in record["fired"]),
            blocked=tuple(Blocked(**{**one, "until": _moment(one["until"])}) for one in record["blocked"]),
            arm=record["arm"],
            holdout=record["holdout"],
            propensities=record["propensities"],
            eligible=tuple(record["eligible"]),
            policy_version=record["policy_version"],
            level=record["level"],
            # Decisions of before prices and lots carry none of these.
            in_scope=record.get("in_scope", True),
            a_star=record.get("a_star", record["action"]),
            explored=record.get("explored", False),
            u=record.get("u"),
            offers=tuple(Offer.from_record(one) for one in record.get("offers", ())),
            uses=record.get("uses", {}),
            book_id=record.get("book_id"),
            contact=record.get("contact"),
        )


def decision_id(
    student_id: str, decision_date: date, request_digest: str, model_version: str, policy_version: str
) -> str:
    """The id of the decision with this key; the same key always has the same id."""
    key = json.dumps([student_id, decision_date.isoformat(), request_digest, model_version, policy_version])
    return "d_" + blake2b(key.encode(), digest_size=16).hexdigest()


def _text(at: datetime | None) -> str | None:
    return None if at is None else utc(at).isoformat()


def _moment(text: str | None) -> datetime | None:
    return None if text is None else moment(text)
