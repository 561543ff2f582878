"""Which contacts count: those that were made and those that we recommended, each once."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from serving.decide.case import RECOMMENDED, Case, Touch


def contacts(case: Case, now: datetime) -> tuple[Touch, ...]:
    """The contacts that count, by time.

    What we recommended counts once, as the reported contact where there is one. A recommendation of the same day that
    is not yet due is replaced by the decision that is being made, so it does not count; nor does one of a later day.
    """
    if not case.touches:
        return ()
    reported = _reported(case)
    return tuple(
        touch
        for touch in case.touches
        if touch.status != RECOMMENDED or not (touch.decision_id in reported or _gives_way(touch, case, now))
    )


def replaced(case: Case, now: datetime) -> tuple[Touch, ...]:
    """The recommended contacts, by time, in whose place the decision stands that is made at a moment."""
    reported, day = _reported(case), case.decision_date
    return tuple(
        touch
        for touch in case.touches
        if touch.status == RECOMMENDED
        and touch.decision_date == day
        and touch.decision_id not in reported
        and _gives_way(touch, case, now)
    )


def _reported(case: Case) -> set[str | None]:
    return {touch.decision_id for touch in case.touches if touch.status != RECOMMENDED}


def _gives_way(touch: Touch, case: Case, now: datetime) -> bool:
    """Whether a recommended contact is of a later day, or of the same one and not due yet."""
    day = touch.decision_date or case.decision_date
    return day > case.decision_date or (day == case.decision_date and touch.at >= now)


def contact_day(touch: Touch, zone: ZoneInfo) -> date:
    """The day of a contact where the student is; a day of study that is not before it came after the contact."""
    return touch.at.astimezone(zone).date()
