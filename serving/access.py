"""Access: who is asking, a program by its key or a person by a password, and what they may do.

A key is ``hr_<prefix>_<secret>``. The secret is random and long, so SHA-256 is enough to keep it; it is shown once and
never stored. A password is kept as an argon2 hash. After `FREE_ATTEMPTS` wrong passwords in a row for one login, each
further one makes that login wait, a minute at first and doubling up to a quarter of an hour, whether or not it exists;
meanwhile even the right password is refused, and a day without a failure forgets them. An unknown login takes as long
as a known one and gets the same answer.
"""

# ruff: noqa: D102 (the methods of the two protocols are described where they are written, in serving.store)
from __future__ import annotations

import hmac
import re
import secrets
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from typing import Any, Protocol

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from features import clock
from features.errors import BadInput, NotFound, Refused, Unavailable

SCOPES = ("score", "read", "write", "admin")
ROLES = ("curator", "head", "admin")
LANGUAGES = ("en", "ru", "zh")
FREE_ATTEMPTS = 5
LONGEST_WAIT = timedelta(minutes=15)
MIN_PASSWORD = 10
MAX_PASSWORD = 200

_KEY = re.compile(r"hr_([0-9a-f]{8})_([0-9a-f]{48})")
_LOGIN = re.compile(r"[^\x00-\x20\x7f]{1,100}")
_NOTE_USE_EVERY = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Principal:
    """A program that proved who it is.

    Attributes:
        prefix: of its key.
        name: whose key it is.
        scopes: what it may do.
    """

    prefix: str
    name: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Person:
    """A person who proved who they are.

    Attributes:
        login: the name they log in with.
        role: of `ROLES`.
        language: of `LANGUAGES`.
    """

    login: str
    role: str
    language: str


class Keys(Protocol):
    """Where keys are kept: `serving.store.Store`."""

    def add_key(
        self, prefix: str, secret_sha256: str, scopes: Collection[str], name: str, expires_at: datetime | None
    ) -> None: ...
    def key(self, prefix: str) -> Any: ...
    def key_used(self, prefix: str, at: datetime) -> None: ...


class Accounts(Protocol):
    """Where accounts are kept: `serving.store.Store`."""

    def add_account(self, login: str, password_hash: str, role: str, language: str) -> None: ...
    def account(self, login: str) -> Any: ...
    def set_password_hash(self, login: str, password_hash: str) -> bool: ...
    def failures(self, login: str) -> tuple[int, datetime] | None: ...
    def add_failure(self, login: str, at: datetime) -> None: ...
    def clear_failures(self, login: str) -> None: ...


def create_key(store: Keys, scopes: Collection[str], *, name: str = "", expires_at: datetime | None = None) -> str:
    """Makes a key.

    Args:
        store: where it is kept.
        scopes: what it may do, of `SCOPES`; `admin` may do everything.
        name: whose it is, for the people who look after keys.
        expires_at: when it ends by itself; None is never.

    Returns:
        The whole key. It cannot be shown again.

    Raises:
        BadInput: no scope, or one that does not exist.
    """
    unknown = sorted(set(scopes) - set(SCOPES))
    if unknown or not scopes:
        what = f"{', '.join(unknown)} is not a scope" if unknown else "a key needs a scope"
        raise BadInput(what, where="scope", mend=f"Use one or more of: {', '.join(SCOPES)}")
    prefix, secret = secrets.token_hex(4), secrets.token_hex(24)
    store.add_key(prefix, _digest(secret), [scope for scope in SCOPES if scope in scopes], name, expires_at)
    return f"hr_{prefix}_{secret}"


def authenticate_key(store: Keys, presented: str, scope: str) -> Principal | None:
    """Who presents a key, if it is good for the scope.

    Args:
        store: where keys are kept.
        presented: what the caller sent.
        scope: what the caller wants to do, of `SCOPES`.

    Returns:
        The program; None when the key is malformed, unknown, revoked or expired: nobody is told which.

    Raises:
        Refused: the key is good, but not for this.
        Unavailable: the store does not answer.
    """
    match = _KEY.fullmatch(presented)
    if match is None:
        return None
    prefix, secret = match.groups()
    now, key = clock.now(), store.key(prefix)
    same = hmac.compare_digest(_digest(secret), key.secret_sha256 if key else "0" * 64)
    if key is None or not same or key.revoked_at or (key.expires_at is not None and key.expires_at <= now):
        return None
    if scope not in key.scopes and "admin" not in key.scopes:
        raise Refused(f"the key is not for {scope}", where=f"key hr_{prefix}", mend=f"Use a key with the scope {scope}")
    if key.last_used_at is None or now - key.last_used_at >= _NOTE_USE_EVERY:
        with suppress(Unavailable):  # a note for people; not worth refusing a good key
            store.key_used(prefix, now)
    return Principal(prefix, key.name, key.scopes)


def create_user(store: Accounts, login: str, password: str, role: str, language: str = "en") -> None:
    """Makes an account for a person.

    Args:
        store: where it is kept.
        login: the name they log in with; for a curator, the name that the school's data call them by.
        password: `MIN_PASSWORD` to `MAX_PASSWORD` characters.
        role: of `ROLES`: a curator sees their own students, the head everybody, the admin also keys and people.
        language: of `LANGUAGES`.

    Raises:
        BadInput: one of them cannot be used, or the login is taken.
    """
    if not _LOGIN.fullmatch(login):
        raise BadInput(f"{login!r} is not a usable login", where="login", mend="Use 1-100 characters without spaces")
    if role not in ROLES:
        raise BadInput(f"{role!r} is not a role", where="role", mend=f"Use one of: {', '.join(ROLES)}")
    if language not in LANGUAGES:
        raise BadInput(f"{language!r} is not a language", where="language", mend=f"Use one of: {', '.join(LANGUAGES)}")
    _check_new(password)
    store.add_account(login, _hasher().hash(password), role, language)


def set_password(store: Accounts, login: str, password: str) -> None:
    """Gives a person a new password, and lets them in again if too many wrong ones were tried.

    Raises:
        BadInput: the password cannot be used.
        NotFound: there is no such login.
    """
    _check_new(password)
    if not store.set_password_hash(login, _hasher().hash(password)):
        raise NotFound("there is no such login", where=login)
    store.clear_failures(login)


def _check_new(password: str) -> None:
    """Whether a password may be chosen.

    Raises:
        BadInput: it is too short or too long.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise BadInput(
            f"the password has {len(password)} characters",
            where="password",
            mend=f"Use {MIN_PASSWORD} to {MAX_PASSWORD} characters; a few unrelated words are good",
        )


def check_password(store: Accounts, login: str, password: str) -> Person | None:
    """The person, if the password is right; None when the login or the password is wrong: nobody is told which.

    Raises:
        Refused: too many wrong passwords in a row for this login; says how long to wait.
        Unavailable: the store does not answer.
    """
    if not _LOGIN.fullmatch(login) or len(password) > MAX_PASSWORD:
        return None
    now = clock.now()
    wait = _wait(store.failures(login), now)
    if wait > timedelta():
        minutes = -(-wait // timedelta(minutes=1))
        raise Refused("too many wrong passwords in a row", where="login", mend=f"Try again in {minutes} min")
    store.add_failure(login, now)  # counted before it is tried, so that trying many at once does not help
    account, nobody = store.account(login), _nobody()
    right = _verify(account.password_hash if account else nobody, password)
    if account is None or not right:
        return None
    store.clear_failures(login)
    return Person(account.login, account.role, account.language)


def _wait(failures: tuple[int, datetime] | None, now: datetime) -> timedelta:
    if failures is None or failures[0] < FREE_ATTEMPTS:
        return timedelta()
    count, last_at = failures
    doubled = min(count - FREE_ATTEMPTS, 10)
    return last_at + min(timedelta(minutes=2**doubled), LONGEST_WAIT) - now


def _verify(password_hash: str, password: str) -> bool:
    try:
        return _hasher().verify(password_hash, password)
    except (Argon2Error, InvalidHashError):
        return False


def _digest(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


@cache
def _nobody() -> str:
    """The hash that an unknown login is compared with, so that it takes as long as a known one."""
    return _hasher().hash(secrets.token_hex(16))
