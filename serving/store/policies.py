"""Policies: what every decision was made by, kept so that it can be made again and a broken file does no harm."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from features import clock
from serving.store.database import Database
from serving.store.schema import policy

_NEWEST = select(policy).order_by(policy.c.in_force_at.desc()).limit(1)
_TICK = timedelta(microseconds=1)


class Policies(Database):
    """The policies that were ever in force."""

    def keep_policy(self, version: str, contents: Mapping[str, Any]) -> None:
        """Keeps the policy that comes into force; while it is in force, keeping it again changes nothing.

        Args:
            version: names the contents; a version that is stored keeps its contents.
            contents: plain values.

        Raises:
            Unavailable: the database does not answer; nothing was kept.
        """
        with self.reading() as connection:
            newest = _newest(connection)
        if newest is not None and newest["version"] == version:
            return  # the usual case takes no write lock
        with self.writing() as connection:
            newest = _newest(connection)
            now = clock.now()
            # A clock that was set back must not bring the policy before it back into force.
            at = now if newest is None else max(now, newest["in_force_at"] + _TICK)
            row = {"version": version, "contents": dict(contents), "in_force_at": at}
            if connection.scalar(self.insert_new(policy).values(row).returning(policy.c.version)) is None:
                connection.execute(update(policy).where(policy.c.version == version).values(in_force_at=at))

    def policy_contents(self, version: str) -> dict[str, Any] | None:
        """What a version says; None when it is not stored."""
        with self.reading() as connection:
            return connection.scalar(select(policy.c.contents).where(policy.c.version == version))

    def last_policy(self) -> tuple[str, dict[str, Any]] | None:
        """The version and the contents of the policy that came into force last; None when there is none yet."""
        with self.reading() as connection:
            newest = _newest(connection)
        return None if newest is None else (newest["version"], newest["contents"])


def _newest(connection: Connection) -> RowMapping | None:
    return connection.execute(_NEWEST).mappings().first()
