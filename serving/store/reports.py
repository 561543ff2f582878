"""Reports: contacts, consents and flags that we are told; the same id twice is the same fact."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, select

from features import clock
from serving.store.database import Database, chunks
from serving.store.rows import Reported
from serving.store.schema import consent, flag, touch

# A contact's status only moves on: a late retry of "sent" does not undo "answered".
_STATUSES = ("sent", "failed", "opened", "answered")
_TICK = timedelta(microseconds=1)

Record = dict[str, Any]


class Reports(Database):
    """What was reported. Contacts and consents have the columns of the contracts ``touches`` and ``consents``."""

    def add_touches(self, rows: Iterable[Mapping[str, Any]]) -> Reported:
        """Keeps contacts, and what is learned of a known one as a newer version of it.

        A status that has moved on and a column that was empty before are something new; an empty column says nothing.
        A row that contradicts what is known of its contact changes nothing.

        Args:
            rows: columns of the contract; ``status`` is `sent` and ``known_at`` is now where they are left out.

        Raises:
            ValueError: a moment has no time zone.
            Unavailable: the database does not answer; nothing was kept.
        """
        return self._add(touch, [{"status": "sent", **row} for row in rows], _learned)

    def add_consents(self, rows: Iterable[Mapping[str, Any]]) -> Reported:
        """Keeps words on being contacted.

        Args:
            rows: columns of the contract; ``channel`` and ``purpose`` are `any` and ``known_at`` is now where they
                are left out.

        Raises:
            ValueError: a moment has no time zone.
            Unavailable: the database does not answer; nothing was kept.
        """
        return self._add(consent, [{"channel": "any", "purpose": "any", **row} for row in rows], _same)

    def add_flags(self, rows: Iterable[Mapping[str, Any]]) -> Reported:
        """Keeps flags: words of the school that only people may decide about a student, or that this is over.

        Args:
            rows: ``event_id``, ``student_id``, ``kind``, ``occurred_at``; ``state`` (`set` or `cleared`) is `set`,
                ``reference``, ``until_at`` and ``source`` are empty and ``known_at`` is now where they are left out.

        Raises:
            ValueError: a moment has no time zone.
            Unavailable: the database does not answer; nothing was kept.
        """
        return self._add(flag, [{"state": "set", **row} for row in rows], _same)

    def touches_since(self, student_ids: Collection[str] | None, since: datetime) -> list[Record]:
        """Contacts made from a moment on, each as it is known now, by student and time.

        Args:
            student_ids: whose; None is everybody's.
            since: the moment.
        """
        newest = {row["touch_id"]: row for row in self.touch_versions(student_ids, since)}
        return list(newest.values())

    def touch_versions(self, student_ids: Collection[str] | None, since: datetime) -> list[Record]:
        """Every version of the contacts made from a moment on, by student, time, contact and when it was known."""
        with self.reading() as connection:
            return _read(connection, touch, student_ids, touch.c.occurred_at >= since)

    def consents_of(self, student_ids: Collection[str] | None) -> list[Record]:
        """Every word on being contacted, by student and time; ``student_ids`` None is everybody's."""
        with self.reading() as connection:
            return _read(connection, consent, student_ids)

    def flags_of(self, student_ids: Collection[str] | None) -> list[Record]:
        """Every flag, by student and time; ``student_ids`` None is everybody's."""
        with self.reading() as connection:
            return _read(connection, flag, student_ids)

    def _add(
        self, table: Table, rows: Iterable[Mapping[str, Any]], compared: Callable[[Record, Record], Record | None]
    ) -> Reported:
        """Keeps rows; ``compared`` gives the version in force after a row on a known id, None for a contradiction."""
        key = next(iter(table.primary_key)).name
        now = clock.now()
        complete = [{**dict.fromkeys(table.c.keys()), "known_at": now, **row} for row in rows]
        told: dict[str, list[str]] = {"added": [], "known": [], "different": []}
        versions: list[Record] = []
        with self.writing() as connection:
            there = _stored(connection, table, key, [row[key] for row in complete])
            for row in complete:
                old = there.get(row[key])
                version = row if old is None else compared(old, row)
                told["added" if old is None else "different" if version is None else "known"].append(row[key])
                if version is not None and version is not old:
                    there[row[key]] = version
                    versions.append(version)
            for some in chunks(versions):
                connection.execute(self.insert_new(table), list(some))
        return Reported(*(tuple(ids) for ids in told.values()))


def _same(old: Record, row: Record) -> Record | None:
    """The old row, where the new one is a retry: when a fact reached us is not part of the fact."""
    return old if all(row[name] == old[name] for name in row if name != "known_at") else None


def _learned(old: Record, row: Record) -> Record | None:
    """The newest version of a contact after another word on it."""
    told = {name: row[name] for name in row if name not in ("status", "known_at") and row[name] is not None}
    if any(old[name] is not None and old[name] != value for name, value in told.items()):
        return None
    status = max(old["status"], row["status"], key=_STATUSES.index)
    version = {**old, **told, "status": status}
    return old if version == old else {**version, "known_at": max(row["known_at"], old["known_at"] + _TICK)}


def _stored(connection: Connection, table: Table, key: str, ids: Collection[str]) -> dict[str, Record]:
    """The newest row of each id."""
    found: dict[str, Record] = {}
    for some in chunks(sorted(set(ids))):
        rows = select(table).where(table.c[key].in_(some)).order_by(table.c.known_at)
        for row in connection.execute(rows).mappings():
            found[row[key]] = dict(row)
    return found


def _read(
    connection: Connection, table: Table, student_ids: Collection[str] | None, *wanted: ColumnElement[bool]
) -> list[Record]:
    found = select(table).where(*wanted).order_by(table.c.student_id, table.c.occurred_at, *table.primary_key)
    if student_ids is None:
        return [dict(row) for row in connection.execute(found).mappings()]
    return [
        dict(row)
        for some in chunks(sorted(set(student_ids)))
        for row in connection.execute(found.where(table.c.student_id.in_(some))).mappings()
    ]
