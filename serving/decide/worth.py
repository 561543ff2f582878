"""What an action is worth for a student: what it brings less what it costs, and what it takes of the day's capacity."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from serving.decide.actions import Action
from serving.decide.case import Effect, EnrolmentCase
from serving.decide.config import Faults, Table

UNKNOWN_RISK = 0.5
"""The risk that weighs a rule's action where the model cannot tell one."""

LEAST_RISK = 0.001
"""What a rule proposes is worth something for everybody."""

BANDS = ("high", "medium", "low")
MOST_MINOR = 10**12
NOBODY = "nobody"  # whose minutes are taken where nobody looks after the student


@dataclass(frozen=True, slots=True)
class Worth:
    """How worth is reckoned; see configs/value.toml.

    Attributes:
        minute_minor: cost of a minute of a person's time, minor units.
        unmeasured_minor: what an action without a measured effect is taken to be worth beside measured ones.
        explore_share: the share of students whose action is drawn by lot.
        explore_bands: only in these bands.
        explore_salt: what the lot is salted with.
    """

    minute_minor: int
    unmeasured_minor: int
    explore_share: float
    explore_bands: tuple[str, ...]
    explore_salt: str

    @classmethod
    def from_config(cls, config: Mapping[str, Any], faults: Faults) -> Worth:
        """Reads ``value.toml``; what cannot be used is noted in ``faults``."""
        top = Table("value.toml", config, faults)
        Margins.read(top)
        effort, unmeasured, lot = top.table("effort"), top.table("unmeasured"), top.table("exploration")
        bands = lot.list("bands")
        if unknown := [band for band in bands if band not in BANDS]:
            lot.fault("bands", f"has {unknown[0]!r}", f"Use {', '.join(BANDS)}")
        found = cls(
            minute_minor=effort.whole("minute_minor", 0, 10**9),
            unmeasured_minor=unmeasured.whole("minor", 0, 10**9),
            explore_share=lot.number("share", 0, 0.5),
            explore_bands=tuple(bands),
            explore_salt=lot.text("salt"),
        )
        for table in (effort, unmeasured, lot, top):
            table.close()
        return found


@dataclass(frozen=True, slots=True)
class Margins:
    """What the school still earns on an enrolment if the student stays.

    Attributes:
        minor, most_minor: where the course is not named, and at most, minor units.
        falls_with_course: in proportion to what is still to come of the course.
        by_course: by course id.
    """

    minor: int
    most_minor: int
    falls_with_course: bool
    by_course: Mapping[str, int]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Margins:
        """Reads ``value.toml``.

        Raises:
            BadConfig: a value cannot be used.
        """
        with Faults() as faults:
            return cls.read(Table("value.toml", config, faults))

    @classmethod
    def read(cls, top: Table) -> Margins:
        """Reads the table ``[margin]``; what cannot be used is noted."""
        table = top.table("margin")
        courses = table.table("course")
        found = cls(
            minor=table.whole("minor", 0, MOST_MINOR),
            most_minor=table.whole("most_minor", 0, MOST_MINOR),
            falls_with_course=table.flag("falls_with_course", True),
            by_course={id_: courses.whole(id_, 0, MOST_MINOR) for id_ in courses.names()},
        )
        table.close()
        return found

    def of(self, course_id: str, elapsed_share: float | None) -> int:
        """The margin of an enrolment.

        Args:
            course_id: of which course.
            elapsed_share: how much of the course is over, 0-1; None where that is not known.
        """
        whole = self.by_course.get(course_id, self.minor)
        left = 1 - min(max(elapsed_share or 0.0, 0.0), 1.0) if self.falls_with_course else 1.0
        return min(round(whole * left), self.most_minor)


@dataclass(frozen=True, slots=True)
class Offer:
    """One action that may be done for the student, and its worth.

    Attributes:
        action, enrolment_id, rule: what, for which enrolment, and proposed by which rule; None where its measured
            effect alone speaks for it.
        value: V(a): minor units of money; points where no effect is measured, see `points`.
        uses: what it takes of the day's capacity, by resource, in a fixed order.
        effect: what it is measured to do; None where that is not measured.
        gain, cost, harm: what the value is made of, minor units; 0 where no effect is measured.
        price: what the uses cost at the day's prices, in the unit of `value`.
        net: the value less that price.
    """

    action: str
    enrolment_id: str
    rule: str | None
    value: float
    uses: Mapping[str, float] = field(default_factory=dict)
    effect: Effect | None = None
    gain: float = 0.0
    cost: float = 0.0
    harm: float = 0.0
    price: float = 0.0
    net: float = 0.0

    def to_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        money = {} if self.effect is None else {"effect": self.effect.to_record(), "gain": self.gain}
        return {
            "action": self.action,
            "enrolment_id": self.enrolment_id,
            "rule": self.rule,
            "value": self.value,
            "price": self.price,
            "net": self.net,
            **({"uses": dict(self.uses)} if self.uses else {}),
            **money,
            **({"cost": self.cost} if self.cost else {}),
            **({"harm": self.harm} if self.harm else {}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Offer:
        """The inverse of `to_record`."""
        effect = record.get("effect")
        return cls(**{**record, "effect": None if effect is None else Effect.from_record(effect)})


def uses(action: Action, curator: str | None) -> dict[str, float]:
    """What an action takes of the day's capacity, by resource, in the order in which prices are taken off."""
    taken: dict[str, float] = {}
    if action.unit_cost_minor:
        taken["budget"] = float(action.unit_cost_minor)
    if action.minutes:
        taken[f"minutes:{curator or NOBODY}"] = float(action.minutes)
    if action.channel == "sms":
        taken["sms"] = 1.0
    return taken


def priced(value: float, taken: Mapping[str, float], prices: Mapping[str, float]) -> float:
    """The value less the price of what is taken; the same operations in the same order wherever it is reckoned."""
    net = value
    for resource, amount in taken.items():
        price = prices.get(resource, 0.0)
        if price:
            net = net - price * amount
    return net


def points(enrolments: Collection[EnrolmentCase], place: int) -> float:
    """The worth of a rule's action while no effect is measured: the student's risk, halved for each place in order.

    It is the same risk for all that is proposed for a student, so that the rules' order decides between them.
    """
    risk = needed(enrolments).risk
    return float(max(UNKNOWN_RISK if risk is None else risk, LEAST_RISK) * 0.5**place)


def measured(action: Action, one: EnrolmentCase, effect: Effect, worth: Worth, lot: float) -> Offer:
    """The offer of an action whose effect is measured: V = tau * margin - cost - harm.

    Args:
        action: of the catalogue.
        one: the enrolment.
        effect: on the probability scale.
        worth: the settings.
        lot: see `told_apart`.
    """
    gain = effect.tau * one.margin_minor
    cost = action.unit_cost_minor + action.minutes * worth.minute_minor
    value = told_apart(gain - cost - action.harm_minor, lot)
    taken = uses(action, one.curator)
    return Offer(action.id, one.enrolment_id, None, value, taken, effect, gain, float(cost), float(action.harm_minor))


def told_apart(value: float, lot: float) -> float:
    """The value, moved by a millionth part at most, so that equals are told apart alike by everybody.

    Args:
        value: of the offer.
        lot: the student's luck of the day, 0-1.
    """
    return value * (1 + 1e-6 * lot)


def needed(enrolments: Collection[EnrolmentCase]) -> EnrolmentCase:
    """The enrolment that a contact without a rule is about: the riskiest."""
    return min(enrolments, key=lambda one: (-(one.risk or 0.0), one.enrolment_id))
