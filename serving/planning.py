"""Planning: what a day holds, and its price book, made before anybody of that day is decided about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from math import fsum
from typing import Any

import numpy as np

from serving.allocation import Offers, price
from serving.decide import NO_ACTION, RULES_DECIDE, EnrolmentCase, Offer, Policy, PriceBook, survey, uses
from serving.decide.config import Faults, Locate, Table
from serving.decide.menu import Menu
from serving.decide.worth import NOBODY

FREE = "free"
_FEW = 20  # live students below which a rule's share says nothing


@dataclass(frozen=True)
class Capacity:
    """What a day holds; see configs/capacity.toml.

    Attributes:
        day: the limits by kind (`minutes` of each curator, `sms`, `budget`); None is no limit.
        minutes: of single curators.
        reserve: the share of each limit that is kept back at night.
    """

    day: Mapping[str, float | None]
    minutes: Mapping[str, float]
    reserve: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any], locate: Locate | None = None) -> Capacity:
        """Reads ``capacity.toml``.

        Args:
            config: the file's content.
            locate: finds the file and line of a fault.

        Raises:
            BadConfig: names every fault of the file at once.
        """
        with Faults(locate) as faults:
            top = Table("capacity.toml", config, faults)
            day, minutes, reserve = top.table("day"), top.table("minutes"), top.table("reserve")
            found = cls(
                day={name: _limit(day, key) for name, key in _KEYS.items()},
                minutes={login: minutes.number(login, 0, 1440) for login in minutes.names()},
                reserve=reserve.number("share", 0, 1),
            )
            for table in (day, minutes, reserve, top):
                table.close()
            return found

    def caps(self, resources: Iterable[str]) -> dict[str, float]:
        """The limits of these resources, by name; one without a limit is left out."""
        found = {}
        for resource in sorted(set(resources)):
            kind, _, login = resource.partition(":")
            limit = self.minutes.get(login, self.day["minutes"]) if kind == "minutes" else self.day[kind]
            if limit is not None:
                found[resource] = limit
        return found

    def none_of(self, enrolments: Iterable[EnrolmentCase]) -> tuple[str, ...]:
        """The resources of which there is nothing at all, so that no lot may count on them either."""
        resources = ["sms", "budget", *(f"minutes:{one.curator or NOBODY}" for one in enrolments)]
        return tuple(name for name, cap in self.caps(resources).items() if not cap)

    def reserved(self, caps: Mapping[str, float]) -> dict[str, float]:
        """What is kept back of these limits."""
        return {resource: limit * self.reserve for resource, limit in caps.items()}


_KEYS = {"minutes": "minutes", "sms": "sms", "budget": "budget_minor"}


def _limit(table: Table, key: str) -> float | None:
    return table.number(key, 0, 10**12) if table.has(key) else None


def muted(menus: Collection[Menu], policy: Policy) -> tuple[str, ...]:
    """The rules that hold for so many students that they can hardly be meant.

    Args:
        menus: of everybody with a live enrolment.
        policy: the policy in force.
    """
    if len(menus) < _FEW:
        return ()
    held = Counter(rule_id for menu in menus for rule_id in {rule.id for rule, _ in menu.fired if not rule.fallback})
    return tuple(sorted(id_ for id_, count in held.items() if count > _most_share(policy, id_) * len(menus)))


def _most_share(policy: Policy, rule_id: str) -> float:
    own = policy.rules[rule_id].most_share
    return policy.gates.most_share if own is None else own


def plan(
    menus: Sequence[Menu],
    policy: Policy,
    capacity: Capacity,
    *,
    day: date,
    label: str,
    model_version: str,
    made_at: datetime,
) -> tuple[Sequence[Menu], PriceBook]:
    """The price book of a day.

    Duties take their part of the capacity first, and what the lot is expected to take is kept back; the prices are
    such that what everybody else chooses fits into the rest.

    Args:
        menus: of everybody with a live enrolment.
        policy: the policy in force.
        capacity: what the day holds.
        day, label, model_version, made_at: see `serving.decide.book.PriceBook`.

    Returns:
        The menus, made again without the rules that are `muted`, and the book.
    """
    silent = muted(menus, policy)
    if silent:
        menus = [survey(menu.case, policy, menu.now, silent) for menu in menus]
    drawn = [(menu, action, chance) for menu in menus for action, chance in _chances(menu, policy)]
    caps = capacity.caps(wanted(menus, policy))
    reserve = capacity.reserved(caps)
    duties = [offer for menu in menus if menu.duty for offer in menu.offers]
    owed = {resource: fsum(offer.uses.get(resource, 0.0) for offer in duties) for resource in caps}
    lots = {
        resource: fsum(chance * _uses(menu, action, policy).get(resource, 0.0) for menu, action, chance in drawn)
        for resource in caps
    }
    kept = {resource: min(caps[resource], reserve[resource] + owed[resource] + lots[resource]) for resource in caps}
    weighed = [menu for menu in menus if menu.offers and not menu.duty]
    found = price(_offers(weighed, tuple(caps), policy), caps, reserve=kept)
    return menus, PriceBook(
        day=day,
        label=label,
        model_version=model_version,
        policy_version=policy.version,
        level=policy.level,
        number=1,
        prices={resource: one for resource, one in found.by_resource.items() if one},
        caps=caps,
        reserve=reserve,
        used={resource: found.used.get(resource, 0.0) + owed[resource] for resource in caps},
        method=found.method if caps else FREE,
        muted=silent,
        made_at=made_at,
    )


def wanted(menus: Iterable[Menu], policy: Policy) -> set[str]:
    """The resources that some action which these students may get takes something of, lots included."""
    found: set[str] = set()
    for menu in menus:
        found.update(resource for offer in menu.offers for resource in offer.uses)
        found.update(resource for action, _ in menu.drawn for resource in _uses(menu, action, policy))
    return found


def _chances(menu: Menu, policy: Policy) -> list[tuple[str, float]]:
    """The chance that the lot chooses each action for the student."""
    whole = fsum(weight for _, weight in menu.drawn)
    share = policy.worth.explore_share
    return [(action, share * weight / whole) for action, weight in menu.drawn if action != NO_ACTION]


def _uses(menu: Menu, action: str, policy: Policy) -> dict[str, float]:
    return uses(policy.catalogue[action], menu.about.curator)


def _offers(menus: Sequence[Menu], resources: tuple[str, ...], policy: Policy) -> Offers:
    """The offers of everybody as one table, doing nothing included."""
    from scipy.sparse import csr_matrix

    column = {resource: at for at, resource in enumerate(resources)}
    rows: list[tuple[int, Offer | None]] = []
    for at, menu in enumerate(menus):
        rows.append((at, None))
        rows.extend((at, offer) for offer in menu.offers)
    data, indices, ends = [], [], [0]
    for _, offer in rows:
        for resource, amount in offer.uses.items() if offer else ():
            if resource in column:
                data.append(amount)
                indices.append(column[resource])
        ends.append(len(data))
    order = policy.catalogue.order
    return Offers(
        student=np.array([at for at, _ in rows], dtype=np.int64),
        value=np.array([offer.value if offer else 0.0 for _, offer in rows]),
        place=np.array([order[offer.action] if offer else -1 for _, offer in rows], dtype=np.int64),
        uses=csr_matrix((data, indices, ends), shape=(len(rows), len(resources))),
        resources=resources,
    )


def level_fits(book: PriceBook, policy: Policy) -> bool:
    """Whether a book's prices are in the unit in which the policy reckons."""
    return (book.level == RULES_DECIDE) == (policy.level == RULES_DECIDE)
