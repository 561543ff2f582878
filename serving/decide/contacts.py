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
    reported = {touch.decision_id for touch in case.touches if touch.status != RECOMMENDED}
    counted = []
    for touch in case.touches:
        if touch.status == RECOMMENDED:
            day = touch.decision_date or case.decision_date
            replaced = day > case.decision_date or (day == case.decision_date and touch.at >= now)
            if replaced or touch.decision_id in reported:
                continue
        counted.append(touch)
    return tuple(counted)


def contact_day(touch: Touch, zone: ZoneInfo) -> date:
    """The day of a contact where the student is; a day of study that is not before it came after the contact."""
    return touch.at.astimezone(zone).date()
