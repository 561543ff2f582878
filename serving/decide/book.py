"""The price book: what a day's scarce capacity costs, laid down before anybody of that day is decided about."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from hashlib import blake2b
from typing import Any

from serving.decide.case import moment


@dataclass(frozen=True, slots=True)
class PriceBook:
    """The prices of one day; given the book, what is decided of one student depends on no other.

    Attributes:
        day: whose.
        label: by which the students are ranked.
        model_version, policy_version, level: what it was reckoned with.
        number: of the day's books with these versions, from 1.
        prices: by resource, what a unit costs, in the unit of `serving.decide.worth.Offer.value`; none is free.
        caps: what the day holds, by resource.
        reserve: what of it is kept back for those who come in the day.
        used: what the night's own plan asks for; duties may ask for more than there is.
        method: how the prices were found.
        muted: rules that hold for too many students to be what was meant; they propose nothing on this day.
        made_at: when.
    """

    day: date
    label: str
    model_version: str
    policy_version: str
    level: str
    number: int
    prices: Mapping[str, float]
    caps: Mapping[str, float]
    reserve: Mapping[str, float]
    used: Mapping[str, float]
    method: str
    muted: tuple[str, ...]
    made_at: datetime
    book_id: str = field(default="")

    def __post_init__(self) -> None:
        for table in ("prices", "caps", "reserve", "used"):
            object.__setattr__(self, table, dict(sorted(getattr(self, table).items())))
        object.__setattr__(self, "muted", tuple(sorted(self.muted)))
        if not self.book_id:
            content = {key: value for key, value in self.to_record().items() if key not in ("book_id", "made_at")}
            digest = blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=12).hexdigest()
            object.__setattr__(self, "book_id", f"b_{digest}")

    def to_record(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "book_id": self.book_id,
            "day": self.day.isoformat(),
            "label": self.label,
            "model_version": self.model_version,
            "policy_version": self.policy_version,
            "level": self.level,
            "number": self.number,
            "prices": dict(self.prices),
            "caps": dict(self.caps),
            "reserve": dict(self.reserve),
            "used": dict(self.used),
            "method": self.method,
            "muted": list(self.muted),
            "made_at": self.made_at.isoformat(),
        }

    @classmethod
    def from_record(cls, record: Mapping[str, Any]) -> PriceBook:
        """The inverse of `to_record`."""
        return cls(
            **{
                **record,
                "day": date.fromisoformat(record["day"]),
                "made_at": moment(record["made_at"]),
                "muted": tuple(record["muted"]),
            }
        )
