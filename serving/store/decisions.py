"""Decisions: added, never changed; the same key is the same decision, whoever asks and how often."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

from sqlalchemy import select

from features import clock
from serving.store.database import Database, chunks
from serving.store.rows import Contact
from serving.store.schema import decision

_COPIED = ("decision_id", "student_id", "request_digest", "model_version", "policy_version", "action", "channel", "arm")


class Decisions(Database):
    """What was decided."""

    def put_decisions(self, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Stores decisions, all or none, and gives back those that count.

        A decision whose key (student, date, request, model, policy) is stored already is not stored again: the stored
        record is given back in its place. When this returns, every record given back is on the disk.

        Args:
            records: what `serving.decide.Decision.to_record` gives.

        Returns:
            The stored records, in the order of ``records``.

        Raises:
            Unavailable: the database does not answer; nothing was stored.
        """
        offered: dict[str, Mapping[str, Any]] = {}
        for record in records:
            offered.setdefault(record["decision_id"], record)
        now = clock.now()
        rows = [_row(record, now) for record in offered.values()]
        stored: dict[str, dict[str, Any]] = {}
        with self.writing() as connection:
            for some in chunks(rows):
                stored |= {id_: dict(offered[id_]) for id_ in connection.execute(self._insert, list(some)).scalars()}
            for ids in chunks([id_ for id_ in offered if id_ not in stored]):
                found = select(decision.c.decision_id, decision.c.record).where(decision.c.decision_id.in_(ids))
                stored |= dict(connection.execute(found).all())
        return [stored[record["decision_id"]] for record in records]

    @cached_property
    def _insert(self) -> Any:
        """Built once, not for every decision."""
        return self.insert_new(decision).returning(decision.c.decision_id)

    def decision(self, decision_id: str) -> dict[str, Any] | None:
        """The record of a decision; None when there is none."""
        with self.reading() as connection:
            return connection.scalar(select(decision.c.record).where(decision.c.decision_id == decision_id))

    def decisions_of(self, student_id: str, since: date | None = None) -> list[dict[str, Any]]:
        """The records about a student of the days from ``since``, the newest first."""
        found = select(decision.c.record).where(decision.c.student_id == student_id)
        if since is not None:
            found = found.where(decision.c.decision_date >= since)
        newest = found.order_by(decision.c.decision_date.desc(), decision.c.created_at.desc(), decision.c.decision_id)
        with self.reading() as connection:
            return list(connection.scalars(newest))

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


def _row(record: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    not_before = record["not_before"]
    return {
        **{name: record[name] for name in _COPIED},
        "decision_date": date.fromisoformat(record["decision_date"]),
        "not_before": None if not_before is None else datetime.fromisoformat(not_before),
        "record": record,
        "created_at": now,
    }
