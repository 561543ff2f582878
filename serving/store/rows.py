"""What the store takes and gives back, as small values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

VERDICTS = ("done", "wrong_flag", "already_spoke")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A program's key, without its secret.

    Attributes:
        prefix: the part of the key that may be shown.
        secret_sha256: what the secret is compared with.
        scopes: what it may do.
        name: whose it is.
        expires_at, revoked_at, last_used_at: None is never.
    """

    prefix: str
    secret_sha256: str
    scopes: tuple[str, ...]
    name: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A person who may log in.

    Attributes:
        login: the name they log in with.
        password_hash: an argon2 hash.
        role: `curator`, `head` or `admin`.
        language: `en`, `ru` or `zh`.
    """

    login: str
    password_hash: str
    role: str
    language: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Contact:
    """A contact that a stored decision recommended.

    Attributes:
        decision_id, student_id, decision_date, action, channel: of the decision.
        not_before: when it was to be made.
    """

    decision_id: str
    student_id: str
    decision_date: date
    action: str
    channel: str
    not_before: datetime


@dataclass(frozen=True, slots=True)
class Exhausted:
    """A decision that was not stored, because the day's capacity for it is used up.

    Attributes:
        decision_id: the decision's.
        resources: what there is not enough of, sorted.
    """

    decision_id: str
    resources: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Overtaken:
    """A decision that was not stored, because somebody else decided about the student in the meantime.

    Attributes:
        decision_id: the decision's.
        by: the other's.
    """

    decision_id: str
    by: str


@dataclass(frozen=True, slots=True)
class Night:
    """One night's list.

    Attributes:
        night_id: its number.
        as_of: the cut-off day.
        label, model_version, policy_version, lake_version: what it was made from.
        state: `building` or `published`.
        counts: what the night counted, by name.
    """

    night_id: int
    as_of: date
    label: str
    model_version: str
    policy_version: str
    lake_version: str
    state: Literal["building", "published"]
    counts: Mapping[str, Any]
    started_at: datetime
    published_at: datetime | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One enrolment of a night's list.

    Attributes:
        rank: its place, from 1; unique in the night.
        enrolment_id, student_id, course_id: whose.
        curator: login of the person who looks after the student; None is nobody.
        state: `scored`, or `not_enough_data`, which has no risk and no band.
        risk: 0-1.
        band: `high`, `medium` or `low`.
        previous_band: the band in the list before.
        changed: whether the band is another than in the list before.
        reasons: for the risk, as plain values.
        strength: what speaks for the student, as a plain value.
        families: where the risk comes from, as plain values.
        what_ifs: what would lower the risk, as plain values.
        values: the few features that the list shows.
        decision_id: the student's decision.
    """

    rank: int
    enrolment_id: str
    student_id: str
    course_id: str
    curator: str | None
    state: Literal["scored", "not_enough_data"]
    risk: float | None = None
    band: str | None = None
    previous_band: str | None = None
    changed: bool = False
    reasons: list[Any] = field(default_factory=list)
    strength: Any = None
    families: list[Any] = field(default_factory=list)
    what_ifs: list[Any] = field(default_factory=list)
    values: Mapping[str, Any] = field(default_factory=dict)
    decision_id: str | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A curator's word on an entry; a later one takes the place of an earlier one.

    Attributes:
        enrolment_id, student_id, as_of, label: the entry, whichever time its night was made again.
        decision_id: the decision that the entry showed.
        word: `done`, `wrong_flag` or `already_spoke`.
        note: in the curator's words; may be empty.
        login: who.
        at: when.
    """

    enrolment_id: str
    student_id: str
    as_of: date
    label: str
    decision_id: str | None
    word: str
    note: str
    login: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reported:
    """What became of rows that were reported.

    Attributes:
        added: ids that were new.
        known: ids that were there with the same content (for a touch: with nothing that contradicts it).
        different: ids that were there with other content; those rows were left as they were.
    """

    added: tuple[str, ...]
    known: tuple[str, ...]
    different: tuple[str, ...]
