"""People and programs: accounts, keys, failed logins, and who did what."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from features import clock
from features.errors import BadInput
from serving.store.database import Database
from serving.store.rows import Account, ApiKey
from serving.store.schema import account, api_key, audit, login_failure

_KEY = [api_key.c[name] for name in ApiKey.__dataclass_fields__]
_ACCOUNT = [account.c[name] for name in Account.__dataclass_fields__]
_FORGET_FAILURES = timedelta(days=1)


class People(Database):
    """Who may do what, and who did."""

    def add_key(
        self, prefix: str, secret_sha256: str, scopes: Collection[str], name: str, expires_at: datetime | None
    ) -> None:
        """Keeps a key: not its secret, but what the secret is compared with."""
        row = {"prefix": prefix, "secret_sha256": secret_sha256, "scopes": list(scopes), "name": name}
        with self.writing() as connection:
            connection.execute(insert(api_key).values(**row, expires_at=expires_at, created_at=clock.now()))

    def key(self, prefix: str) -> ApiKey | None:
        """The key with this prefix; None when there is none."""
        with self.reading() as connection:
            row = connection.execute(select(*_KEY).where(api_key.c.prefix == prefix)).mappings().first()
        return None if row is None else ApiKey(**{**row, "scopes": tuple(row["scopes"])})

    def key_used(self, prefix: str, at: datetime) -> None:
        """Notes when a key was last used."""
        with self.writing() as connection:
            connection.execute(update(api_key).where(api_key.c.prefix == prefix).values(last_used_at=at))

    def revoke_key(self, prefix: str, at: datetime) -> bool:
        """Ends a key for good; says whether there was one in force."""
        alive = (api_key.c.prefix == prefix, api_key.c.revoked_at.is_(None))
        with self.writing() as connection:
            return connection.execute(update(api_key).where(*alive).values(revoked_at=at)).rowcount > 0

    def add_account(self, login: str, password_hash: str, role: str, language: str) -> None:
        """Keeps an account.

        Raises:
            BadInput: the login is taken.
        """
        row = {"login": login, "password_hash": password_hash, "role": role, "language": language}
        try:
            with self.writing() as connection:
                connection.execute(insert(account).values(**row, created_at=clock.now()))
        except IntegrityError as error:
            raise BadInput("the login is taken", where=login, mend="Choose another, or set its password") from error

    def account(self, login: str) -> Account | None:
        """The account with this login; None when there is none."""
        with self.reading() as connection:
            row = connection.execute(select(*_ACCOUNT).where(account.c.login == login)).first()
        return None if row is None else Account(*row)

    def set_password_hash(self, login: str, password_hash: str) -> bool:
        """Replaces a password; says whether there is such an account."""
        with self.writing() as connection:
            changed = update(account).where(account.c.login == login).values(password_hash=password_hash)
            return connection.execute(changed).rowcount > 0

    def failures(self, login: str) -> tuple[int, datetime] | None:
        """How many logins in a row failed, and when the last did; None when none did."""
        columns = select(login_failure.c.failures, login_failure.c.last_at)
        with self.reading() as connection:
            row = connection.execute(columns.where(login_failure.c.login == login)).first()
        return None if row is None else (row[0], row[1])

    def add_failure(self, login: str, at: datetime) -> None:
        """Counts a failed login; those of more than a day ago are forgotten."""
        with self.writing() as connection:
            connection.execute(delete(login_failure).where(login_failure.c.last_at < at - _FORGET_FAILURES))
            connection.execute(self.insert_new(login_failure).values(login=login, failures=0, last_at=at))
            counted = {"failures": login_failure.c.failures + 1, "last_at": at}
            connection.execute(update(login_failure).where(login_failure.c.login == login).values(counted))

    def clear_failures(self, login: str) -> None:
        """Forgets the failed logins: one succeeded."""
        with self.writing() as connection:
            connection.execute(delete(login_failure).where(login_failure.c.login == login))

    def audit(self, actor: str, what: str, subject: str, detail: Mapping[str, Any] | None = None) -> None:
        """Writes down who did what to whom.

        Args:
            actor: a login, or ``key:PREFIX``.
            what: a short code, such as `student.viewed`.
            subject: what it was done to.
            detail: plain values.
        """
        row = {"at": clock.now(), "actor": actor, "what": what, "subject": subject, "detail": dict(detail or {})}
        with self.writing() as connection:
            connection.execute(insert(audit).values(row))

    def audit_trail(self, subject: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """What was done, the newest first."""
        found = select(audit).order_by(audit.c.audit_id.desc()).limit(limit)
        with self.reading() as connection:
            rows = connection.execute(found if subject is None else found.where(audit.c.subject == subject))
            return [dict(row) for row in rows.mappings()]
