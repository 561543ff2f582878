"""One reader's language, zone and school: what the page says, said to that reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from serving import wording
from serving.decide import NO_ACTION, Policy
from serving.refusals import gate_text
from serving.wording import Catalogue

TEXTS = Catalogue(Path(__file__).with_name("texts"))


@dataclass(frozen=True)
class Voice:
    """Says stored values and the page's own texts to one reader.

    Attributes:
        lang: the reader's language.
        zone: the school's zone; every moment is told by its clock.
        policy: names the actions and says the rules' reasons.
        now: when the page is read.
    """

    lang: str
    zone: str
    policy: Policy
    now: datetime

    @property
    def today(self) -> date:
        """The date by the school's clock."""
        return self.now.astimezone(ZoneInfo(self.zone)).date()

    def say(self, key: str, count: float | None = None, **values: object) -> str:
        """A text of the page."""
        return TEXTS.say(key, self.lang, count, **values)

    def moment(self, moment: datetime, today: date | None = None) -> str:
        """A moment; the time alone when it is on ``today``."""
        return wording.moment_text(moment, self.lang, self.zone, today=today)

    def not_before(self, moment: datetime | None) -> str:
        """From when on something may be done; empty when that is already past."""
        if moment is None or moment <= self.now:
            return ""
        return self.say("row.not_before", moment=self.moment(moment, self.today))

    def age(self, moment: datetime) -> str:
        """How long ago it was."""
        return wording.age_text(self.now - moment, self.lang)

    def action(self, id_: str) -> str:
        """An action's name; one that is no longer in the catalogue keeps its id, readable."""
        if id_ == NO_ACTION:
            return self.say("action.none")
        known = self.policy.catalogue.get(id_)
        return known.names[self.lang] if known else id_.replace("_", " ")

    def channel(self, action: str) -> str:
        """The channel that an action's drawing shows."""
        if action == NO_ACTION:
            return "none"
        known = self.policy.catalogue.get(action)
        return (known and known.channel) or ""

    def script(self, action: str) -> str:
        """What is sent or said with an action; empty when nothing fixed is."""
        known = self.policy.catalogue.get(action)
        return known.texts[self.lang] if known and known.texts else ""

    def why(self, rule: str | None) -> str:
        """A rule's reason for its action; empty for a rule that is no longer there."""
        known = self.policy.rules.get(rule or "")
        return known.say[self.lang] if known else ""

    def ask(self, rule: str | None) -> str:
        """What a rule wants asked on the same occasion."""
        known = self.policy.rules.get(rule or "")
        return known.ask[self.lang] if known and known.ask else ""

    def blocked(self, blocked: Mapping[str, Any]) -> str:
        """Why an action is blocked."""
        return gate_text(blocked, self.lang, self.zone, today=self.today)
