"""Settling: the prices of a day laid down, and menus made into stored decisions that fit into the day's capacity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from features import clock
from serving.decide import Decision, Policy, PriceBook, settle, survey
from serving.decide.menu import Menu
from serving.planning import Capacity, level_fits, plan, wanted
from serving.store import Exhausted, Overtaken, Store

BOOK_HOLDS = timedelta(days=7)
"""How long an earlier day's prices stand in for those of a day that has none."""
_STORED_AT_ONCE = 2_000  # so that nobody waits long for the database

Record = dict[str, Any]


class Settling:
    """Where the decisions of one label, model and policy are priced and stored.

    Args:
        store: where prices, capacity and decisions are kept.
        policy: the policy in force.
        capacity: what a day holds.
        label: the served label's name.
        model_version: of the served model.
    """

    def __init__(self, store: Store, policy: Policy, capacity: Capacity, label: str, model_version: str) -> None:
        self._store, self._policy, self._capacity = store, policy, capacity
        self._label, self._model_version = label, model_version

    def book(self, day: date) -> PriceBook | None:
        """The prices of a day; None before its night."""
        record = self._store.newest_book(day, self._label, self._model_version, self._policy.version)
        return PriceBook.from_record(record) if record else None

    def book_before(self, day: date) -> PriceBook | None:
        """The prices of an earlier day, which stand in where a day has none yet."""
        record = self._store.newest_book_before(day, self._label)
        book = PriceBook.from_record(record) if record else None
        fits = book and day - book.day <= BOOK_HOLDS and level_fits(book, self._policy)
        return book if fits else None

    def lay_down(self, day: date, menus: Sequence[Menu], since: datetime) -> tuple[Sequence[Menu], PriceBook]:
        """Makes the prices of a day, before anybody is decided about.

        Args:
            day: which.
            menus: of everybody with a live enrolment.
            since: when the day's decisions begin to count.

        Returns:
            The menus without the rules that propose nothing today, and the prices; those of another night, should it
            have been faster.
        """
        menus, made = plan(
            menus,
            self._policy,
            self._capacity,
            day=day,
            label=self._label,
            model_version=self._model_version,
            made_at=clock.now(),
        )
        self._store.give_back(day, since)  # what another policy or model had planned for the day
        laid = PriceBook.from_record(self._store.publish_book(made.to_record()))
        if laid.muted != made.muted:
            menus = [survey(menu.case, self._policy, menu.now, laid.muted) for menu in menus]
        return menus, laid

    def stored(self, day: date, menus: Sequence[Menu], book: PriceBook | None) -> list[Record | None]:
        """Decides and stores; where the day's capacity is used up by then, decides without it.

        Args:
            day: of the decisions.
            menus: of some students.
            book: the day's prices.

        Returns:
            The stored records in the order of the menus; None where somebody else decided in the meantime.
        """
        # The night need not have thought of all that these students may take.
        self._store.open_capacity(day, self._capacity.caps(wanted(menus, self._policy)))
        records: list[Record | None] = [None] * len(menus)
        left = dict(enumerate(menus))
        while left:
            made = {at: settle(menu, self._policy, book) for at, menu in left.items()}
            # Those who gain most are served first, should the lot have taken more than was kept back for it.
            order = sorted(made, key=lambda at: (not left[at].duty, -_net(made[at]), at))
            answers: list[Record | Exhausted | Overtaken] = []
            for start in range(0, len(order), _STORED_AT_ONCE):
                some = order[start : start + _STORED_AT_ONCE]
                answers += self._store.put_decisions([made[at].to_record() for at in some])
            again: dict[int, Menu] = {}
            for at, one in zip(order, answers, strict=True):
                if isinstance(one, Exhausted):
                    menu = left[at]
                    case = replace(menu.case, exhausted=(*menu.case.exhausted, *one.resources))
                    again[at] = survey(case, self._policy, menu.now, book.muted if book else ())
                elif not isinstance(one, Overtaken):
                    records[at] = one
            left = again
        return records


def _net(decision: Decision) -> float:
    return max((offer.net for offer in decision.offers if offer.action == decision.action), default=0.0)
