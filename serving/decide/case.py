"""A student's case: everything that a decision may depend on, as plain values in one fixed order."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from math import isfinite, isnan
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

RECOMMENDED = "recommended"


class Effect(NamedTuple):
    """What an action is measured to do: how much more probable it makes it that the student stays.

    Attributes:
        tau: on the probability scale, -1 to 1.
        low, high: its interval.
        why: what moves tau most for this student away from the average, as (feature, part of tau) pairs.
    """

    tau: float
    low: float
    high: float
    why: tuple[tuple[str, float], ...] = ()

    def to_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        why = {"why": [list(part) for part in self.why]} if self.why else {}
        return {"tau": self.tau, "low": self.low, "high": self.high, **why}

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Effect:
        """The inverse of `to_record`."""
        why = tuple((str(feature), float(part)) for feature, part in record.get("why", ()))
        return cls(record["tau"], record["low"], record["high"], why)


@dataclass(frozen=True, slots=True)
class EnrolmentCase:
    """One live enrolment of the student.

    Attributes:
        enrolment_id: its id.
        course_id: its course run.
        risk: chance of the served label, 0-1; None when there is not enough data.
        band: `high`, `medium` or `low`; None when there is no risk.
        values: features by name; not-a-number is kept as None, which means not known.
        curator: who looks after the student in it; None is nobody.
        margin_minor: what the school still earns on it if the student stays, in minor units of money.
        effects: what each action is measured to do here; empty while no effect is measured.
    """

    enrolment_id: str
    course_id: str
    risk: float | None
    band: str | None
    values: Mapping[str, float | None]
    curator: str | None = None
    margin_minor: int = 0
    effects: Mapping[str, Effect] = field(default_factory=dict)

    def __post_init__(self) -> None:
        risk = _known(self.risk)
        if risk is not None and not 0 <= risk <= 1:
            raise ValueError(f"enrolment {self.enrolment_id}: risk {risk} is not a probability")
        if unsound := [name for name, effect in self.effects.items() if not all(map(isfinite, effect[:3]))]:
            raise ValueError(f"enrolment {self.enrolment_id}: the effect of {unsound[0]} is not a number")
        if off := [name for name, effect in self.effects.items() if not all(-1 <= value <= 1 for value in effect[:3])]:
            raise ValueError(f"enrolment {self.enrolment_id}: the effect of {off[0]} is not on the probability scale")
        object.__setattr__(self, "risk", risk)
        object.__setattr__(self, "values", {name: _known(value) for name, value in self.values.items()})

    def to_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "enrolment_id": self.enrolment_id,
            "course_id": self.course_id,
            "risk": self.risk,
            "band": self.band,
            "values": dict(self.values),
            **({"curator": self.curator} if self.curator else {}),
            **({"margin_minor": self.margin_minor} if self.margin_minor else {}),
            **({"effects": {name: one.to_record() for name, one in self.effects.items()}} if self.effects else {}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> EnrolmentCase:
        """The inverse of `to_record`."""
        effects = {name: Effect.from_record(one) for name, one in record.get("effects", {}).items()}
        return cls(**{**record, "effects": effects})


@dataclass(frozen=True, slots=True)
class Touch:
    """One contact with the student, made or recommended.

    Attributes:
        touch_id: its id; the same id twice is the same contact. For a recommended one: the decision's id.
        channel: where.
        at: when it was made; for a recommended one, its ``not_before``.
        status: `sent`, `opened`, `answered`, `failed`, or `recommended` when we recommended it
            and nobody has reported it yet.
        decision_id: the decision it carried out, if any.
        decision_date: for a recommended one, the day of its decision.
        action: what it was, an id of the catalogue of its day; None where nobody said so.
    """

    touch_id: str
    channel: str
    at: datetime
    status: str = "sent"
    decision_id: str | None = None
    decision_date: date | None = None
    action: str | None = None

    def __post_init__(self) -> None:
        if self.status == RECOMMENDED and (self.decision_id is None or self.decision_date is None):
            raise ValueError(f"touch {self.touch_id}: a recommended contact needs its decision's id and date")
        object.__setattr__(self, "at", utc(self.at))

    @property
    def order(self) -> tuple[Any, ...]:
        """Where it stands among others, whatever order they came in."""
        return (self.at, self.touch_id, self.channel, self.status, self.decision_id or "", self.action or "")

    def to_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "touch_id": self.touch_id,
            "channel": self.channel,
            "at": self.at.isoformat(),
            "status": self.status,
            "decision_id": self.decision_id,
            "decision_date": None if self.decision_date is None else self.decision_date.isoformat(),
            **({"action": self.action} if self.action else {}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Touch:
        """The inverse of `to_record`."""
        day = record["decision_date"]
        return cls(
            **{**record, "at": moment(record["at"]), "decision_date": None if day is None else date.fromisoformat(day)}
        )


@dataclass(frozen=True, slots=True)
class Consent:
    """One word of the student on being contacted.

    Attributes:
        channel: a channel, or `any`.
        purpose: `service`, `marketing` or `any`.
        state: `given`, `withdrawn`, `paused` or `resumed`.
        occurred_at: when the student said so.
        until_at: the end of a pause; None is until resumed.
    """

    channel: str
    purpose: str
    state: str
    occurred_at: datetime
    until_at: datetime | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "occurred_at", utc(self.occurred_at))
        object.__setattr__(self, "until_at", None if self.until_at is None else utc(self.until_at))

    @property
    def order(self) -> tuple[Any, ...]:
        """Where it stands among others: by time; at one moment the refusal is the later word."""
        refusal = self.state in ("withdrawn", "paused")
        end = (self.until_at is None, self.until_at or self.occurred_at)
        return (self.occurred_at, refusal, *end, self.channel, self.purpose, self.state)

    def to_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "channel": self.channel,
            "purpose": self.purpose,
            "state": self.state,
            "occurred_at": self.occurred_at.isoformat(),
            "until_at": _text(self.until_at),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Consent:
        """The inverse of `to_record`."""
        moments = {name: _moment(record[name]) for name in ("occurred_at", "until_at")}
        return cls(**{**record, **moments})


@dataclass(frozen=True, slots=True)
class Flag:
    """One word of the school on a student whom only people may decide about, or that this is over.

    Attributes:
        kind: see `serving.decide.gates`.
        state: `set` or `cleared`.
        occurred_at: when it was said.
        until_at: when it ends by itself; None is until cleared.
        reference: the school's name of the matter; None where only the kind was said.
    """

    kind: str
    state: str
    occurred_at: datetime
    until_at: datetime | None = None
    reference: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "occurred_at", utc(self.occurred_at))
        object.__setattr__(self, "until_at", None if self.until_at is None else utc(self.until_at))

    @property
    def order(self) -> tuple[Any, ...]:
        """Where it stands among others: by time; at one moment a flag that is set is the later word."""
        end = (self.until_at is None, self.until_at or self.occurred_at)
        return (self.occurred_at, self.state == "set", *end, self.kind, self.reference or "")

    def to_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "state": self.state,
            "occurred_at": self.occurred_at.isoformat(),
            "until_at": _text(self.until_at),
            **({"reference": self.reference} if self.reference else {}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Flag:
        """The inverse of `to_record`."""
        moments = {name: _moment(record[name]) for name in ("occurred_at", "until_at")}
        return cls(**{**record, **moments})


@dataclass(frozen=True, slots=True)
class StaleSource:
    """A table that has stopped delivering, and what of a decision rests on it.

    Attributes:
        table: its name.
        last_day: of its newest fact.
        age_days: days from that to the day of the decision.
        feeds: the names that rules look at and that it feeds: features, and `risk` where the model looks at it.
    """

    table: str
    last_day: date
    age_days: int
    feeds: tuple[str, ...]

    def to_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "table": self.table,
            "last_day": self.last_day.isoformat(),
            "age_days": self.age_days,
            "feeds": list(self.feeds),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> StaleSource:
        """The inverse of `to_record`."""
        return cls(record["table"], date.fromisoformat(record["last_day"]), record["age_days"], tuple(record["feeds"]))


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that the decision about one student on one day may depend on.

    The order in which enrolments, consents and touches are given does not matter; they are kept in one fixed order.

    Attributes:
        student_id: the student.
        decision_date: the day, in the school's calendar.
        time_zone: the student's own IANA zone, for quiet hours.
        enrolments: the live ones.
        consents: every word of the student that is known.
        touches: contacts of the last 30 days at least, made or recommended.
        model_version: which model gave the risks.
        request_digest: what sets this request apart from others of the day (fresh events, data that has stopped
            coming); empty for the night's on sound data.
        stale: the tables that have stopped delivering.
        data_health: the verdict of the newest check of the data, `green`, `amber` or `red`; None before the first.
        flags: what the school said of who may decide about the student.
        active_days: days of study, as far as the cascade needs them: for each stretch between two contacts, and
            before the first and after the last, the first and the last day; see `telling_days`.
        exhausted: resources of which there is nothing today, or nothing is left for a student who was not in the
            night's plan.
    """

    student_id: str
    decision_date: date
    time_zone: str
    enrolments: tuple[EnrolmentCase, ...]
    consents: tuple[Consent, ...]
    touches: tuple[Touch, ...]
    model_version: str
    request_digest: str = ""
    stale: tuple[StaleSource, ...] = ()
    data_health: str | None = None
    flags: tuple[Flag, ...] = ()
    active_days: tuple[date, ...] = ()
    exhausted: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.time_zone)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"student {self.student_id}: {self.time_zone!r} is not a known time zone") from error
        if len({enrolment.enrolment_id for enrolment in self.enrolments}) < len(self.enrolments):
            raise ValueError(f"student {self.student_id}: an enrolment is given twice")
        last = {touch.touch_id: touch for touch in sorted(self.touches, key=lambda touch: touch.order)}
        object.__setattr__(self, "touches", tuple(sorted(last.values(), key=lambda touch: touch.order)))
        object.__setattr__(self, "consents", tuple(sorted(self.consents, key=lambda word: word.order)))
        object.__setattr__(self, "enrolments", tuple(sorted(self.enrolments, key=lambda one: one.enrolment_id)))
        object.__setattr__(self, "flags", tuple(sorted(self.flags, key=lambda flag: flag.order)))
        object.__setattr__(self, "active_days", tuple(sorted(set(self.active_days))))
        object.__setattr__(self, "exhausted", tuple(sorted(self.exhausted)))

    def to_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "student_id": self.student_id,
            "decision_date": self.decision_date.isoformat(),
            "time_zone": self.time_zone,
            "enrolments": [one.to_record() for one in self.enrolments],
            "consents": [word.to_record() for word in self.consents],
            "touches": [touch.to_record() for touch in self.touches],
            "model_version": self.model_version,
            "request_digest": self.request_digest,
            # Left out where there is nothing to say: a record is kept for every student and day.
            **({"stale": [one.to_record() for one in self.stale]} if self.stale else {}),
            **({"data_health": self.data_health} if self.data_health else {}),
            **({"flags": [flag.to_record() for flag in self.flags]} if self.flags else {}),
            **({"active_days": [day.isoformat() for day in self.active_days]} if self.active_days else {}),
            **({"exhausted": list(self.exhausted)} if self.exhausted else {}),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> Case:
        """The inverse of `to_record`."""
        return cls(
            student_id=record["student_id"],
            decision_date=date.fromisoformat(record["decision_date"]),
            time_zone=record["time_zone"],
            enrolments=tuple(EnrolmentCase.from_record(one) for one in record["enrolments"]),
            consents=tuple(Consent.from_record(word) for word in record["consents"]),
            touches=tuple(Touch.from_record(touch) for touch in record["touches"]),
            model_version=record["model_version"],
            request_digest=record["request_digest"],
            stale=tuple(StaleSource.from_record(one) for one in record.get("stale", ())),
            data_health=record.get("data_health"),
            flags=tuple(Flag.from_record(flag) for flag in record.get("flags", ())),
            active_days=tuple(date.fromisoformat(day) for day in record.get("active_days", ())),
            exhausted=tuple(record.get("exhausted", ())),
        )


def utc(at: datetime) -> datetime:
    """The same moment in UTC.

    Raises:
        ValueError: it has no zone.
    """
    if at.tzinfo is UTC:
        return at
    if at.utcoffset() is None:
        raise ValueError(f"{at.isoformat()} has no time zone")
    return at.astimezone(UTC)


def moment(text: str) -> datetime:
    """A moment as it stands in a record."""
    return utc(datetime.fromisoformat(text))


def _moment(text: str | None) -> datetime | None:
    return None if text is None else moment(text)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def _known(value: float | None) -> float | None:
    if value is None or isnan(value):
        return None
    if not isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return float(value)


def telling_days(active: Iterable[date], contacts: Iterable[date]) -> tuple[date, ...]:
    """The days of study that a cascade can depend on, so that a record need not hold them all.

    Args:
        active: days with study.
        contacts: days of contacts.

    Returns:
        For each stretch from one contact's day to the next one's, and before the first, its first and last day of
        study, in order.
    """
    bounds = sorted(set(contacts))
    stretches: dict[int, list[date]] = {}
    for day in sorted(set(active)):
        stretches.setdefault(bisect_right(bounds, day), []).append(day)
    return tuple(sorted({day for days in stretches.values() for day in (days[0], days[-1])}))
