"""Reports: contacts and consents that programs tell us; the same id twice is the same fact."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select, update

from features import clock
from serving.store.database import Database, chunks
from serving.store.rows import Reported
from serving.store.schema import consent, touch

# A contact's status only moves on: a late retry of "sent" does not undo "answered".
_STATUSES = ("sent", "failed", "opened", "answered")


class Reports(Database):
    """What was reported. Rows have the columns of the contracts ``touches`` and ``consents``."""

    def add_touches(self, rows: Iterable[Mapping[str, Any]]) -> Reported:
        """Keeps contacts; a known one whose status has moved on is brought up to date.

        Args:
            rows: columns of the contract; ``status`` is `sent` and ``known_at`` is now where they are left out.

        Raises:
            ValueError: a moment has no time zone.
            Unavailable: the database does not answer; nothing was kept.
        """
        return self._add(touch, [{"status": "sent", **row} for row in rows])

    def add_consents(self, rows: Iterable[Mapping[str, Any]]) -> Reported:
        """Keeps words on being contacted.

        Args:
            rows: columns of the contract; ``channel`` and ``purpose`` are `any` and ``known_at`` is now where they
                are left out.

        Raises:
            ValueError: a moment has no time zone.
            Unavailable: the database does not answer; nothing was kept.
        """
        return self._add(consent, [{"channel": "any", "purpose": "any", **row} for row in rows])

    def touches_since(self, student_ids: Collection[str] | None, since: datetime) -> list[dict[str, Any]]:
        """Contacts made from a moment on, by student and time; ``student_ids`` None is everybody's."""
        with self.reading() as connection:
            return _read(connection, touch, student_ids, touch.c.occurred_at >= since)

    def consents_of(self, student_ids: Collection[str] | None) -> list[dict[str, Any]]:
        """Every word on being contacted, by student and time; ``student_ids`` None is everybody's."""
        with self.reading() as connection:
            return _read(connection, consent, student_ids)

    def _add(self, table: Table, rows: Iterable[Mapping[str, Any]]) -> Reported:
        (key,) = (column.name for column in table.primary_key)
        now = clock.now()
        complete = [{**dict.fromkeys(table.c.keys()), "known_at": now, **row} for row in rows]
        added: list[str] = []
        known: list[str] = []
        different: list[str] = []
        moved: set[str] = set()
        with self.writing() as connection:
            there = _stored(connection, table, key, [row[key] for row in complete])
            for row in complete:
                id_, old = row[key], there.get(row[key])
                if old is None:
                    there[id_] = row
                    added.append(id_)
                    continue
                changed = _changed(old, row)
                (known if changed <= {"status"} else different).append(id_)
                if changed == {"status"} and _STATUSES.index(row["status"]) > _STATUSES.index(old["status"]):
                    there[id_] = {**old, "status": row["status"]}
                    moved.add(id_)
            for some in chunks(added):
                connection.execute(self.insert_new(table), [there[id_] for id_ in some])
            for id_ in moved.difference(added):
                connection.execute(update(table).where(table.c[key] == id_).values(status=there[id_]["status"]))
        return Reported(tuple(added), tuple(known), tuple(different))


def _changed(old: Mapping[str, Any], row: Mapping[str, Any]) -> set[str]:
    """The columns that differ. When a fact reached us is not part of the fact: a retry has another ``known_at``."""
    return {name for name in row if name != "known_at" and row[name] != old[name]}


def _stored(connection: Connection, table: Table, key: str, ids: Collection[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for some in chunks(sorted(set(ids))):
        for row in connection.execute(select(table).where(table.c[key].in_(some))).mappings():
            found[row[key]] = dict(row)
    return found


def _read(
    connection: Connection, table: Table, student_ids: Collection[str] | None, *wanted: ColumnElement[bool]
) -> list[dict[str, Any]]:
    found = select(table).where(*wanted).order_by(table.c.student_id, table.c.occurred_at, *table.primary_key)
    if student_ids is None:
        return [dict(row) for row in connection.execute(found).mappings()]
    return [
        dict(row)
        for some in chunks(sorted(set(student_ids)))
        for row in connection.execute(found.where(table.c.student_id.in_(some))).mappings()
    ]
