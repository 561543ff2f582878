"""What curators may see of a decision: nothing here tells the control group from a day without an action."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from serving.decide import NO_ACTION
from serving.decide.gates import ALL_ACTIONS

_CONTROL = "G8"


@dataclass(frozen=True)
class Shown:
    """The visible part of a decision's record.

    The control group only measures the programme as long as the people who work with students cannot tell who is
    in it. So this is a list of what is shown, not of what is left out.

    Attributes:
        people: why only people decide about the student; empty when it was decided here.
        explored: whether a lot chose the action.
    """

    decision_id: str
    decision_date: date
    decided_at: datetime
    action: str
    rule: str | None
    enrolment_id: str | None
    not_before: datetime | None
    follow_ups: tuple[tuple[str, datetime], ...]
    blocked: tuple[Mapping[str, Any], ...]
    people: tuple[Mapping[str, Any], ...] = ()
    explored: bool = False

    @property
    def acts(self) -> bool:
        """Whether anything is recommended."""
        return self.action != NO_ACTION


def shown(record: Mapping[str, Any]) -> Shown:
    """The visible part of a record, as `serving.decide.Decision.to_record` gives it."""
    not_before, action = record["not_before"], record["action"]
    told = [
        {name: one[name] for name in ("action", "gate", "reason", "params", "until")}
        for one in record["blocked"]
        if one["gate"] != _CONTROL
    ]
    return Shown(
        decision_id=record["decision_id"],
        decision_date=date.fromisoformat(record["decision_date"]),
        decided_at=datetime.fromisoformat(record["decided_at"]),
        action=action,
        rule=record["rule"],
        enrolment_id=record["enrolment_id"],
        not_before=None if not_before is None else datetime.fromisoformat(not_before),
        follow_ups=tuple((one["action"], datetime.fromisoformat(one["not_before"])) for one in record["follow_ups"]),
        blocked=tuple(one for one in told if one["action"] != ALL_ACTIONS),
        people=tuple(one for one in told if one["action"] == ALL_ACTIONS),
        # Told with an action only: without one, a lot that chose nothing would tell who is not in the control group.
        explored=action != NO_ACTION and bool(record.get("explored")),
    )
