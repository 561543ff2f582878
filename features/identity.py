"""Identity: one student under the names of several systems, joined by what the school says and never by a guess.

A row of the lake keeps the name that its source gave (`student_id`). The table `identities` says which names are other
names, aliases, of which students, and since when the school knows it. That is applied when rows are read: a row counts
for the student from the day on which both the row and the identity are known, and for the alias before.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Collection
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from features.errors import BadConfig, BadInput

if TYPE_CHECKING:
    from features.lake import Lake

MADE_HERE = ("email:", "mbox_sha1sum:", "bitrix24:", "getcourse:", "usedesk:", "zendesk:")
"""How names begin that importers make of e-mail addresses: nobody's own id begins so."""

_KEPT = 8  # states of lakes whose identities are remembered
_SHORTEST_KEY = 32
_ADDRESS = re.compile(r"[^\s@]+@[^\s@]+")
_MEND = (
    'Make one with `python -c "import secrets; print(secrets.token_hex(32))"`, keep it where secrets are kept, and '
    "set it for every import: with another key the same address gets another name"
)


def email_alias(email: str, key: str) -> str:
    """The name under which rows about an e-mail address are kept: the address itself never is.

    The address is brought to one form first: without white space around it or a leading ``mailto:``, in lower case, in
    Unicode's NFC. Nothing else is taken for the same: dots and ``+tags`` mean what they mean only to some providers.

    Args:
        email: one address.
        key: the school's secret, `School.identity_key`: whoever lacks it cannot try addresses against the names.

    Returns:
        ``email:`` and 64 hexadecimal digits, an HMAC-SHA-256 (RFC 2104) of the address.

    Raises:
        BadConfig: there is no key, or one that is too short to be a secret.
        BadInput: the text is no address, such as "n/a", which would make one student of everybody who wrote it.
    """
    if len(key) < _SHORTEST_KEY:
        what = f"has {len(key)} characters, fewer than {_SHORTEST_KEY}" if key else "is not set"
        raise BadConfig(f"the key that hides e-mail addresses {what}", where="HANDRAIL_IDENTITY_KEY", mend=_MEND)
    address = unicodedata.normalize("NFC", email.strip().lower()).removeprefix("mailto:").strip()
    if not _ADDRESS.fullmatch(address):
        raise BadInput("is not an e-mail address", mend="Write it like name@school.example, or leave it empty")
    return "email:" + hmac.new(key.encode(), address.encode(), hashlib.sha256).hexdigest()


def keep_key(home: Path, key: str) -> None:
    """Holds a school to one key: with another, no address would be met again under its name.

    The first key leaves a mark in the home, from which it cannot be told.

    Raises:
        BadConfig: the key is not the one that left the mark, or too short.
    """
    if not key:
        return
    mark, file = email_alias("a-mark-of-the-key@handrail.invalid", key), home / "identity.mark"
    if not file.exists():
        home.mkdir(parents=True, exist_ok=True)
        file.write_text(mark, "utf-8")
    elif file.read_text("utf-8") != mark:
        mend = f"Set that one again; if no e-mail address was ever imported, delete {file}"
        raise BadConfig("is not the key of earlier imports", where="HANDRAIL_IDENTITY_KEY", mend=mend)


class Identities:
    """Other names of students.

    Args:
        rows: rows of the table `identities`, one per alias, with `known_day`.
    """

    def __init__(self, rows: pd.DataFrame) -> None:
        self._rows = rows

    @classmethod
    def of(cls, lake: Lake, known_by: datetime | None = None) -> Identities:
        """Those of a lake that were known at a moment; all that are known when none is given."""
        files = [(path, path.stat()) for path in lake.paths("identities")]
        every = _held(lake.root, lake.zone, tuple((path, one.st_mtime_ns, one.st_size) for path, one in files))
        return every if known_by is None else cls(every._rows[every._rows["known_at"] <= pd.Timestamp(known_by)])

    @cached_property
    def _student_of(self) -> dict[str, str]:
        return dict(zip(self._rows["alias"], self._rows["student_id"], strict=True))

    def student(self, name: str) -> str:
        """The student of this name: the name itself where it is nobody's other one."""
        return self._student_of.get(name, name)

    def named(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows with `student_id` as the student's own, whenever that was known."""
        return rows.assign(student_id=rows["student_id"].map(self.student).astype("str"))

    def names(self, students: Collection[str]) -> list[str]:
        """All names of some students, in order: their own and the others."""
        return sorted({*students, *self._rows.loc[self._rows["student_id"].isin(list(students)), "alias"]})

    def known_before(self, day: int, names: Collection[str]) -> set[str]:
        """The students that some names stood for at a cut-off, a day number."""
        known = self._rows[(self._rows["known_day"] < day) & self._rows["alias"].isin(list(names))]
        return {*set(names).difference(known["alias"]), *known["student_id"]}

    def told(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows with the student that each is about: what `told_sql` gives, for rows in memory.

        Args:
            rows: of any table with `student_id`.

        Returns:
            The same rows in the same order with `person_id`, the student, and `person_day` (nullable ``Int32``), the
            day on which the name in `student_id` was known to be another one of the student; missing where it is the
            student's own.
        """
        known = self._rows.set_index("alias")
        person = rows["student_id"].map(known["student_id"]).fillna(rows["student_id"]).astype("str")
        return rows.assign(person_id=person, person_day=rows["student_id"].map(known["known_day"]).astype("Int32"))

    def resolved(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Rows as the students' own: `student_id` is the student, `known_day` the day when row and name were known."""
        told = self.told(rows)
        known_day = told[["known_day", "person_day"]].max(axis=1).astype("Int32")
        return rows.assign(student_id=told["person_id"], known_day=known_day)

    def versions(self, rows: pd.DataFrame, key: str) -> pd.DataFrame:
        """Versions of an entity, each with the student that it was about as far as was known.

        Args:
            rows: every version of some entities, with `student_id`, `known_at` and `known_day`.
            key: the column that names the entity.

        Returns:
            The same versions. One that was in force when its name became known to be an alias is there twice: under the
            alias, and from that day on as the student's. One that was known later is the student's only. Where any is
            under an alias, `known_as` is the name in the row, and `named_day` is since when it is known to be the
            student's.
        """
        if not rows["student_id"].isin(self._rows["alias"]).any():
            return rows
        rows = rows.sort_values([key, "known_day", "known_at"], kind="stable", ignore_index=True)
        told = self.told(rows)
        until = rows.groupby(key)["known_day"].shift(-1)
        told_at = rows["student_id"].map(self._rows.set_index("alias")["known_at"])
        before = (told["person_day"] <= rows["known_day"]).fillna(False).to_numpy(bool)
        replaced = (until <= told["person_day"]).fillna(False).to_numpy(bool)
        during = told["person_day"].notna().to_numpy(bool) & ~before & ~replaced
        rows = rows.assign(known_as=rows["student_id"], named_day=told["person_day"])
        again = self.resolved(rows[during]).assign(known_at=told_at[during])
        rows = rows.assign(student_id=told["person_id"].where(before, rows["student_id"]))
        return pd.concat([rows, again], ignore_index=True)


@lru_cache(_KEPT)
def _held(root: Path, zone: str, files: tuple[tuple[Path, int, int], ...]) -> Identities:
    """The identities in some files, remembered: each answer about a student asks for them again and again."""
    from features.lake import Lake  # which needs this room

    return Identities(Lake(root, zone).read("identities"))


def told_sql(table: str) -> str:
    """DuckDB's query for what `Identities.told` gives; `identities` has to be a table or view of the connection.

    Args:
        table: a table or view with `student_id`.
    """
    return (
        f"SELECT rows.*, coalesce(identities.student_id, rows.student_id) AS person_id, "
        f'identities.known_day AS person_day FROM "{table}" AS rows '
        f"LEFT JOIN identities ON identities.alias = rows.student_id"
    )
