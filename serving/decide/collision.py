"""Campaigns that keep out of each other's way: the first week belongs to onboarding, and some exclude others (G10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from serving.decide.actions import Catalogue
from serving.decide.case import Case, EnrolmentCase, Touch, utc
from serving.decide.config import Table
from serving.decide.rules import CAMPAIGNS

AGE = "days_since_start"
"""The feature that says how long ago the course began for the student."""

OWN = "care"
"""The campaign of a contact that no rule proposes: a measured effect speaks for it, or a lot."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """What one campaign keeps away while it runs.

    Attributes:
        name: see `serving.decide.rules.CAMPAIGNS`.
        actions: a contact of one of these starts it.
        days: how long it then runs.
        excludes: the campaigns that it keeps away.
    """

    name: str
    actions: tuple[str, ...]
    days: float
    excludes: tuple[str, ...]


class Running(NamedTuple):
    """A campaign that is in the way, how many days it has to itself, and until when."""

    campaign: str
    days: float
    until: datetime


@dataclass(frozen=True, slots=True)
class Collisions:
    """Which campaigns keep out of each other's way.

    Attributes:
        onboarding_days: the days after the start of a course that belong to onboarding.
        silences: the campaigns that are silent in them.
        campaigns: those that exclude others, by name.
    """

    onboarding_days: int
    silences: tuple[str, ...]
    campaigns: tuple[Campaign, ...]

    def onboarding(self, campaign: str, case: Case, now: datetime, about: EnrolmentCase | None) -> datetime | None:
        """The end of the first days, where they silence a campaign at a moment; None where they do not.

        Args:
            campaign: of what is proposed.
            case: the student's.
            now: the moment, in UTC.
            about: the enrolment that it is proposed for; None is any of the student's.
        """
        if campaign not in self.silences:
            return None
        ages = [one.values.get(AGE) for one in ((about,) if about else case.enrolments)]
        youngest = min((age for age in ages if age is not None), default=None)
        if youngest is None or youngest >= self.onboarding_days:
            return None
        zone = ZoneInfo(case.time_zone)
        end = datetime.combine(case.decision_date, datetime.min.time(), zone)
        end = utc(end + timedelta(days=self.onboarding_days - int(youngest)))
        return end if now < end else None

    def running(self, campaign: str, made: Iterable[Touch], now: datetime) -> Running | None:
        """The campaign that keeps another away at a moment, of several the one that does so longest.

        Args:
            campaign: of what is proposed.
            made: the contacts that count.
            now: the moment, in UTC.
        """
        found = [
            Running(one.name, one.days, touch.at + timedelta(days=one.days))
            for one in self.campaigns
            if campaign in one.excludes
            for touch in made
            if touch.action in one.actions and touch.status != "failed"
        ]
        last = max(found, key=lambda one: one.until, default=None)
        return last if last is not None and last.until > now else None

    @classmethod
    def read(cls, top: Table, catalogue: Catalogue) -> Collisions:
        """Reads the tables ``[collision]`` and ``[campaign.NAME]``; what cannot be used is noted."""
        table = top.table("collision")
        found = cls(
            onboarding_days=table.whole("onboarding_days", 0, 90),
            silences=_campaigns("silences", table),
            campaigns=tuple(
                sorted(
                    (_campaign(name, one, catalogue) for name, one in top.tables("campaign", name="campaign")),
                    key=lambda one: one.name,
                )
            ),
        )
        table.close()
        return found


def _campaign(name: str, table: Table, catalogue: Catalogue) -> Campaign:
    if name not in CAMPAIGNS:
        table.fault("", "is no campaign", f"Use one of: {', '.join(CAMPAIGNS)}")
    actions = table.list("actions")
    for entry, action in enumerate(actions):
        if action not in catalogue:
            mend = f"Use one of actions.toml: {', '.join(catalogue)}"
            table.fault("actions", f"{action!r} is not an action", mend, entry)
    one = Campaign(name, tuple(map(str, actions)), table.number("days", 1, 90), _campaigns("excludes", table))
    table.close()
    return one


def _campaigns(key: str, table: Table) -> tuple[str, ...]:
    named = table.list(key, needed=False)
    for entry, campaign in enumerate(named):
        if campaign not in CAMPAIGNS:
            table.fault(key, f"has {campaign!r}, which is no campaign", f"Use: {', '.join(CAMPAIGNS)}", entry)
    return tuple(map(str, named))
