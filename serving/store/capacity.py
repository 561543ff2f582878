"""The capacity ledger: what is left of a day's resources; several workers together never use more than there is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from datetime import date
from math import isfinite
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, bindparam, select, update

from features.errors import BadInput
from serving.store.database import Database, chunks
from serving.store.rows import Exhausted
from serving.store.schema import ROUNDING, capacity

_LINE = (capacity.c.day == bindparam("of_day"), capacity.c.resource == bindparam("of_resource"))


class Use(NamedTuple):
    """What a decision takes of a day's resources.

    Attributes:
        decision_id: the decision's.
        day: the decision's date.
        amounts: by resource, at least 0.
    """

    decision_id: str
    day: date
    amounts: Mapping[str, float]


class Capacity(Database):
    """The ledger. A resource without a line on a day is not limited on it."""

    def open_capacity(self, day: date, caps: Mapping[str, float]) -> None:
        """Sets how much there is of resources on a day; what is used of them stays used.

        A cap is never set below what is used already. Resources that are not named stay as they are.

        Raises:
            BadInput: a cap is not a finite number of at least 0.
            Unavailable: the database does not answer; nothing was set.
        """
        for resource, cap in caps.items():
            if not (isfinite(cap) and cap >= 0):
                mend = "Give a number from 0, or leave the resource out where it is not limited"
                raise BadInput(f"the capacity {cap} cannot be used", where=f"{resource} on {day}", mend=mend)
        lines = self.capacity_of(day)
        caps = {one: cap for one, cap in caps.items() if one not in lines or lines[one][0] != max(cap, lines[one][1])}
        if not caps:
            return  # the usual case takes no write lock
        rows = [{"day": day, "resource": one, "cap": float(caps[one]), "used": 0.0} for one in sorted(caps)]
        with self.writing() as connection:
            for some in chunks(rows):
                connection.execute(self.insert_new(capacity), list(some))
            locked = _lock(connection, [(day, resource) for resource in caps])
            caps_now = [{**_of(*key), "now": max(float(caps[key[1]]), line.used)} for key, line in locked.items()]
            if caps_now:
                connection.execute(update(capacity).where(*_LINE).values(cap=bindparam("now")), caps_now)

    def capacity_left(self, day: date) -> dict[str, float]:
        """What is left of each limited resource of a day."""
        return {resource: max(0.0, cap - used) for resource, (cap, used) in self.capacity_of(day).items()}

    def capacity_of(self, day: date) -> dict[str, tuple[float, float]]:
        """How much there is of each limited resource of a day, and how much of it is used."""
        lines = select(capacity.c.resource, capacity.c.cap, capacity.c.used).where(capacity.c.day == day)
        with self.reading() as connection:
            rows = connection.execute(lines.order_by(capacity.c.resource)).all()
        return {resource: (cap, used) for resource, cap, used in rows}


def use_of(record: Mapping[str, Any]) -> Use:
    """What a decision's record takes.

    Raises:
        BadInput: an amount is not a finite number of at least 0.
    """
    amounts = record.get("uses") or {}
    for resource, amount in amounts.items():
        if not (isfinite(amount) and amount >= 0):
            raise BadInput(f"it uses {amount} of {resource}", where=f"decision {record['decision_id']}")
    return Use(record["decision_id"], date.fromisoformat(record["decision_date"]), amounts)


def take(connection: Connection, uses: Iterable[Use], given_back: Collection[Use] = ()) -> dict[str, Exhausted]:
    """Takes what decisions use, of each all or nothing, first come first served.

    Args:
        connection: in the writing transaction that stores the decisions.
        uses: in the order in which they are served.
        given_back: what decisions had taken whose place these take.

    Returns:
        The decisions that there is not enough for, by id; nothing was taken for them.
    """
    wanted = [use for use in uses if use.amounts]
    lines = _lock(connection, {(use.day, resource) for use in (*wanted, *given_back) for resource in use.amounts})
    used = {key: line.used for key, line in lines.items()}
    for use in given_back:
        for resource, amount in use.amounts.items():
            if (use.day, resource) in used:
                used[use.day, resource] = max(0.0, used[use.day, resource] - amount)
    exhausted: dict[str, Exhausted] = {}
    for use in wanted:
        keys = {resource: (use.day, resource) for resource in use.amounts if (use.day, resource) in used}
        after = {key: used[key] + use.amounts[resource] for resource, key in keys.items()}
        lacking = sorted(resource for resource, key in keys.items() if after[key] > lines[key].cap + ROUNDING)
        if lacking:
            exhausted[use.decision_id] = Exhausted(use.decision_id, tuple(lacking))
        else:
            used |= after
    changed = [{**_of(*key), "now": now} for key, now in used.items() if now != lines[key].used]
    if changed:
        connection.execute(update(capacity).where(*_LINE).values(used=bindparam("now")), changed)
    return exhausted


def _lock(connection: Connection, keys: Iterable[tuple[date, str]]) -> dict[tuple[date, str], Row[Any]]:
    """The lines of resources, which nobody else can change until the transaction ends.

    They are locked in one order, so that two transactions never wait for each other. SQLite needs no lock for that:
    it has one writing transaction at a time.
    """
    by_day: dict[date, list[str]] = defaultdict(list)
    for day, resource in keys:
        by_day[day].append(resource)
    found: dict[tuple[date, str], Row[Any]] = {}
    for day, resources in sorted(by_day.items()):
        lines = select(capacity).where(capacity.c.day == day, capacity.c.resource.in_(resources))
        for line in connection.execute(lines.order_by(capacity.c.resource).with_for_update()):
            found[line.day, line.resource] = line
    return found


def _of(day: date, resource: str) -> dict[str, Any]:
    return {"of_day": day, "of_resource": resource}
