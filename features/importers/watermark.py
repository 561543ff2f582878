"""How far a source was read: from where on to ask it for news, without losing rows that appear late."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from features import clock
from features.errors import BadInput

_ISO_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_READ: dict[str, Callable[[str], Any]] = {
    "moment": datetime.fromisoformat,
    "local": datetime.fromisoformat,
    "day": date.fromisoformat,
    "number": int,
}


@dataclass(frozen=True)
class Watermark:
    """The highest value met so far of a column that only grows when a row is added or changed.

    A slow writer's row may appear after a younger one was read, so a source is asked again for what lies a little
    back; rows that the lake has are known by their ids and not added twice.

    Attributes:
        kind: `moment`, `local` (one without a zone), `day`, `text` (a moment written in ISO 8601) or `number`.
        value: the highest one.
    """

    kind: str
    value: Any

    @classmethod
    def of(cls, mark: dict[str, str]) -> Watermark:
        """From the form in which the lake keeps it."""
        return cls(mark["kind"], _READ.get(mark["kind"], str)(mark["value"]))

    def as_mark(self) -> dict[str, str]:
        """The form in which the lake keeps it."""
        plain = self.kind in ("text", "number")
        return {"kind": self.kind, "value": str(self.value) if plain else self.value.isoformat()}

    def asked_from(self, days: int, numbers: int) -> Any:
        """From where on, inclusive, to ask the source.

        Args:
            days: how late a row may appear, where the column is a moment.
            numbers: how far back a number may still appear.
        """
        if self.kind == "number":
            return self.value - numbers
        if self.kind == "text":
            return (date.fromisoformat(self.value[:10]) - timedelta(days=days)).isoformat()
        return self.value - timedelta(days=days)

    def is_beyond(self, other: Watermark | None) -> bool:
        """Whether it is further than another one."""
        return other is None or self.value > other.value


def highest(values: Iterable[Any], column: str, so_far: Watermark | None) -> Watermark | None:
    """The watermark after some more rows.

    Moments of the future, such as a wrong clock writes, move it no further than to now: else all that is written
    until then would be lost.

    Args:
        values: of the column, as the database gives them; empty ones move nothing.
        column: its name, for the message.
        so_far: the watermark before.

    Raises:
        BadInput: the values cannot be put in order: texts that are not ISO 8601, or several kinds.
    """
    found = [value for value in values if value is not None]
    if not found:
        return so_far
    kinds = {_kind(value) for value in found} | ({so_far.kind} if so_far else set())
    if len(kinds) > 1 or "" in kinds:
        example = next((value for value in found if not _kind(value)), found[0])
        raise BadInput(
            f"cannot tell what is new by {column}: it holds {example!r}",
            mend="Name a column of moments, of texts in ISO 8601 or of growing numbers in since, or leave since out",
        )
    kind = kinds.pop()
    top = max(int(value) for value in found) if kind == "number" else max(found)
    if kind != "number":
        top = min(top, _now(top))
    mark = Watermark(kind, top)
    return mark if mark.is_beyond(so_far) else so_far


def _kind(value: Any) -> str:
    if isinstance(value, str):
        return "text" if _ISO_DAY.match(value) else ""
    if isinstance(value, datetime):
        return "moment" if value.tzinfo else "local"
    if isinstance(value, date):
        return "day"
    return "" if isinstance(value, bool) or not hasattr(value, "__int__") else "number"


def _now(like: Any) -> Any:
    """Now, in the form of a value."""
    now = clock.now()
    if isinstance(like, str):
        return now.date().isoformat() + "T~"  # after every moment of the day, whatever stands before its hour
    if isinstance(like, datetime):
        return now if like.tzinfo else now.astimezone(UTC).replace(tzinfo=None)
    return now.date()
