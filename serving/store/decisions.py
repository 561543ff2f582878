"""Decisions: added, never changed; the same key is the same decision, whoever asks and how often."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from math import fsum
from typing import Any

from sqlalchemy import ColumnElement, Connection, delete, or_, select, text, union, update

from features import clock
from features.errors import BadInput
from serving.store.capacity import Use, take, use_of
from serving.store.database import Database, chunks
from serving.store.rows import Contact, Exhausted, Overtaken
from serving.store.schema import decision, night, price_book

_COPIED = ("decision_id", "student_id", "request_digest", "model_version", "policy_version", "action", "channel", "arm")
_NEWEST = (decision.c.created_at.desc(), decision.c.decision_id)
_NO_ACTION = "no_action"
_NEAR_ONE = 1e-9
_ROWS_READ = 500
_LOCK = 4_310_000_000  # of PostgreSQL's advisory locks; a day's number is added

Record = dict[str, Any]


class Decisions(Database):
    """What was decided."""

    def put_decisions(self, records: Sequence[Mapping[str, Any]]) -> list[Record | Exhausted | Overtaken]:
        """Stores decisions with what they take of the day's capacity, and gives back those that count.

        A decision whose key (student, date, request, model, policy) is stored already is not stored again and takes
        nothing: the stored record is given back in its place. A new one takes what it ``uses`` of its day's capacity,
        all or nothing, in the order of ``records``; where there is not enough, it is not stored. What an earlier
        decision about the student and the day had taken for a contact that is not due yet is given back first. Nor is a
        contact stored beside another one of the student and the day that its case does not know of: two who decide at
        once would contact the student twice. When this returns, every record given back is on the disk. After an error
        nothing of the call is.

        Args:
            records: what `serving.decide.Decision.to_record` gives; ``uses``, where there is one, is an amount by
                resource.

        Returns:
            For each of ``records``, in their order: the stored record, or that the capacity is exhausted, or that
            another decision was first.

        Raises:
            BadInput: propensities are not those of a draw that can be learned from, or an amount cannot be used.
            Unavailable: the database does not answer.
        """
        offered: dict[str, Mapping[str, Any]] = {}
        for record in records:
            offered.setdefault(record["decision_id"], record)
        now = clock.now()
        uses = [use_of(record) for record in offered.values()]
        # Always in one order, so that two transactions with the same decisions never wait for each other.
        rows = [_row(offered[id_], now) for id_ in sorted(offered)]
        stored: dict[str, Record] = {}
        with self.writing() as connection:
            self._one_by_one(connection, sorted({use.day for use in uses}))
            for some in chunks(rows):
                stored |= {id_: dict(offered[id_]) for id_ in connection.execute(self._insert, list(some)).scalars()}
            overtaken = _overtaken(connection, list(stored.values()))
            _drop(connection, overtaken)
            kept = {id_: record for id_, record in stored.items() if id_ not in overtaken}
            replaced = _replaced(connection, list(kept.values()))
            exhausted = take(connection, [use for use in uses if use.decision_id in kept], replaced)
            _drop(connection, exhausted)
            for ids in chunks([id_ for id_ in offered if id_ not in stored]):
                found = select(decision.c.decision_id, decision.c.record).where(decision.c.decision_id.in_(ids))
                stored |= dict(connection.execute(found).all())
        counted: dict[str, Record | Exhausted | Overtaken] = {**stored, **exhausted, **overtaken}
        return [counted[record["decision_id"]] for record in records]

    def _one_by_one(self, connection: Connection, days: Sequence[date]) -> None:
        """Lets nobody else store decisions of these days before this is done; SQLite has one writer anyway."""
        if self._engine.dialect.name == "postgresql":
            for day in days:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK + day.toordinal()})

    def give_back(self, day: date, now: datetime) -> None:
        """Gives back what decisions of a day had taken for contacts that are not due yet, before all are made anew."""
        held = select(decision.c.record).where(decision.c.holds, decision.c.decision_date == day)
        with self.writing() as connection:
            records = list(connection.scalars(held))
            take(connection, (), _released(connection, [old for old in records if not _is_due(old, now)]))

    @cached_property
    def _insert(self) -> Any:
        """Built once, not for every decision."""
        return self.insert_new(decision).returning(decision.c.decision_id)

    def decision(self, decision_id: str) -> Record | None:
        """The record of a decision; None when there is none."""
        with self.reading() as connection:
            return connection.scalar(select(decision.c.record).where(decision.c.decision_id == decision_id))

    def decided_otherwise(self, day: date, model_version: str, policy_version: str) -> set[str]:
        """The students about whom another model or policy has decided on a day."""
        others = select(decision.c.student_id).where(decision.c.decision_date == day)
        with self.reading() as connection:
            return set(connection.scalars(others.where(_not_of(model_version, policy_version)).distinct()))

    def overruled_by(self, record: Mapping[str, Any]) -> str | None:
        """The id of the newest decision that another model or policy made about its student and day after this one."""
        stored = select(decision.c.created_at).where(decision.c.decision_id == record["decision_id"])
        found = select(decision.c.decision_id).where(
            decision.c.student_id == record["student_id"],
            decision.c.decision_date == date.fromisoformat(record["decision_date"]),
            _not_of(record["model_version"], record["policy_version"]),
            decision.c.created_at > stored.scalar_subquery(),
        )
        with self.reading() as connection:
            return connection.scalar(found.order_by(*_NEWEST).limit(1))

    def decisions_of(self, student_id: str, since: date | None = None) -> list[Record]:
        """The records about a student of the days from ``since``, the newest first."""
        found = select(decision.c.record).where(decision.c.student_id == student_id)
        if since is not None:
            found = found.where(decision.c.decision_date >= since)
        newest = found.order_by(decision.c.decision_date.desc(), *_NEWEST)
        with self.reading() as connection:
            return list(connection.scalars(newest))

    def decisions_on(self, day: date, label: str | None = None) -> Iterator[Record]:
        """The records of a day, by id, read a few at a time; a reader never keeps writers waiting.

        Args:
            day: the decisions' date.
            label: only those by models that made a list or a price book for this label.
        """
        wanted = [decision.c.decision_date == day]
        if label is not None:
            made = [select(table.c.model_version).where(table.c.label == label) for table in (night, price_book)]
            wanted.append(decision.c.model_version.in_(union(*made)))
        page = select(decision.c.decision_id, decision.c.record).order_by(decision.c.decision_id).limit(_ROWS_READ)
        last: str | None = ""
        while last is not None:
            with self.reading() as connection:
                rows = connection.execute(page.where(*wanted, decision.c.decision_id > last)).all()
            for _, record in rows:
                yield record
            last = rows[-1].decision_id if len(rows) == _ROWS_READ else None

    def decisions_between(self, first: date, last: date) -> Iterator[Record]:
        """The records of the days from ``first`` to ``last``, by day and id, read a few at a time."""
        days = select(decision.c.decision_date).where(decision.c.decision_date.between(first, last)).distinct()
        with self.reading() as connection:
            found = list(connection.scalars(days.order_by(decision.c.decision_date)))
        for day in found:
            yield from self.decisions_on(day)

    def contacts_since(self, student_ids: Collection[str] | None, since: datetime) -> list[Contact]:
        """Contacts that decisions recommended, not before a moment.

        Args:
            student_ids: whose; None is everybody's.
            since: the earliest ``not_before``.

        Returns:
            Contacts, by student and time.
        """
        columns = [decision.c[name] for name in Contact.__dataclass_fields__]
        found = select(*columns).where(decision.c.channel.is_not(None), decision.c.not_before >= since)
        found = found.order_by(decision.c.student_id, decision.c.not_before, decision.c.decision_id)
        with self.reading() as connection:
            if student_ids is None:
                return [Contact(*row) for row in connection.execute(found)]
            return [
                Contact(*row)
                for ids in chunks(sorted(set(student_ids)))
                for row in connection.execute(found.where(decision.c.student_id.in_(ids)))
            ]


def _not_of(model_version: str, policy_version: str) -> ColumnElement[bool]:
    return or_(decision.c.model_version != model_version, decision.c.policy_version != policy_version)


def _drop(connection: Connection, ids: Collection[str]) -> None:
    for some in chunks(list(ids)):
        connection.execute(delete(decision).where(decision.c.decision_id.in_(some)))


def _overtaken(connection: Connection, records: Sequence[Record]) -> dict[str, Overtaken]:
    """The new contacts beside which the student has another one of the day that their cases do not know of."""
    made = [record for record in records if record["channel"] is not None and "touches" in record["case"]]
    known = {
        (record["student_id"], date.fromisoformat(record["decision_date"])): (
            record["decision_id"],
            {touch["decision_id"] for touch in record["case"]["touches"]},
        )
        for record in made
    }
    new = {record["decision_id"] for record in records}
    columns = (decision.c.decision_id, decision.c.student_id, decision.c.decision_date)
    found: dict[str, Overtaken] = {}
    for students in chunks(sorted({student for student, _ in known})):
        days = {day for _, day in known}
        others = select(*columns).where(decision.c.student_id.in_(students), decision.c.decision_date.in_(days))
        for id_, student, day in connection.execute(others.where(decision.c.channel.is_not(None))):
            own, knows = known.get((student, day), ("", {id_}))
            if id_ not in new and id_ not in knows:
                found[own] = Overtaken(own, id_)
    return found


def _replaced(connection: Connection, records: Sequence[Record]) -> list[Use]:
    """What new decisions make free: of the same student and day, held for a contact that is not due yet."""
    made = {(record["student_id"], record["decision_date"]): record for record in records}
    new = {record["decision_id"] for record in records}
    found: list[Record] = []
    for students in chunks(sorted({student for student, _ in made})):
        held = select(decision.c.record).where(decision.c.holds, decision.c.student_id.in_(students))
        for old in connection.scalars(held):
            record = made.get((old["student_id"], old["decision_date"]))
            if record is None or old["decision_id"] in new:
                continue
            if not _is_due(old, datetime.fromisoformat(record["decided_at"])):
                found.append(old)
    return _released(connection, found)


def _is_due(record: Record, now: datetime) -> bool:
    return record["not_before"] is not None and datetime.fromisoformat(record["not_before"]) < now


def _released(connection: Connection, records: Sequence[Record]) -> list[Use]:
    """What decisions hold, which they hold no more from now on."""
    for ids in chunks([record["decision_id"] for record in records]):
        connection.execute(update(decision).where(decision.c.decision_id.in_(ids)).values(holds=False))
    return [use_of(record) for record in records]


def _check(record: Mapping[str, Any]) -> None:
    """Refuses propensities that nothing could be learned from.

    Raises:
        BadInput: names the decision and what is wrong with it.
    """
    if "propensities" not in record:
        return
    propensities, eligible = record["propensities"], record.get("eligible", ())
    ineligible = sorted(action for action, p in propensities.items() if p != 0 and action not in eligible)
    # Written so that a propensity that is not a number fails too.
    if not all(0 <= p <= 1 for p in propensities.values()) or not abs(fsum(propensities.values()) - 1) <= _NEAR_ONE:
        wrong = f"the propensities {dict(propensities)} are not probabilities with the sum 1"
    elif not propensities.get(record["action"], 0) > 0:
        wrong = f"{record['action']} was chosen with propensity 0"
    elif ineligible:
        wrong = f"{', '.join(ineligible)} has a propensity and is not eligible"
    elif _NO_ACTION not in eligible:
        wrong = f"{_NO_ACTION} is not eligible, and it always is"
    else:
        return
    raise BadInput(wrong, where=f"decision {record['decision_id']}", mend="Nothing was stored")


def _row(record: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    _check(record)
    not_before = record["not_before"]
    return {
        **{name: record[name] for name in _COPIED},
        "decision_date": date.fromisoformat(record["decision_date"]),
        "not_before": None if not_before is None else datetime.fromisoformat(not_before),
        "record": record,
        "holds": bool(record.get("uses")),
        "created_at": now,
    }
