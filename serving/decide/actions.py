"""The catalogue of actions: what a school may do for a student, who does it, and what it costs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Literal

from serving.decide.case import Touch
from serving.decide.conditions import Condition, conditions
from serving.decide.config import Faults, Table, Words

NO_ACTION = "no_action"
ROUTE_TO_HUMAN = "route_to_human"
# The same as features.contracts.tables.CHANNELS, which cannot be imported here without pandas; a test compares them.
CHANNELS = ("sms", "call", "email", "messenger", "push", "in_app")
PURPOSES = ("service", "marketing")
PERFORMERS = ("automatic", "person")


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a school may do.

    Attributes:
        id: its name in records.
        channel: where it reaches the student; None when it is not a contact.
        performer: who does it.
        purpose: what the student's consent is asked for.
        unit_cost_minor: cost of doing it once, in minor units of the school's currency, without the person's time.
        minutes: of a person's time.
        holdout_exempt: whether the control group gets it too.
        names: what people call it, by language.
        texts: what is sent or said, by language; None when there is no fixed text.
        requires: what must hold for the enrolment, whoever proposes it.
        again_after_days: the same student does not get it again within so many days; 0 is no limit of its own.
        explore: its weight where an action is drawn by lot; 0 is never.
        harm_minor: what one contact is expected to cost by those whom it drives away, in minor units.
    """

    id: str
    channel: str | None
    performer: Literal["automatic", "person"]
    purpose: Literal["service", "marketing"]
    unit_cost_minor: int
    minutes: float
    holdout_exempt: bool
    names: Words
    texts: Words | None = None
    requires: tuple[Condition, ...] = ()
    again_after_days: float = 0
    explore: float = 0
    harm_minor: int = 0

    def waits_until(self, touches: Iterable[Touch], at: datetime) -> datetime | None:
        """The moment from which the student may get it again, where that is later than ``at``.

        Args:
            touches: the contacts that count; see `serving.decide.contacts.contacts`.
            at: when it shall be done, in UTC.
        """
        last = max((touch.at for touch in touches if touch.action == self.id), default=None)
        again = last + timedelta(days=self.again_after_days) if last and self.again_after_days else at
        return again if again > at else None


class Catalogue(Mapping[str, Action]):
    """The actions by id, the cheapest first; it always has `NO_ACTION`, which comes first, and `ROUTE_TO_HUMAN`.

    The order does not depend on that of the file, so that a stored policy gives it again.
    """

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = dict(sorted(actions.items(), key=lambda item: _dearness(item[1])))

    def __getitem__(self, id_: str) -> Action:
        return self._actions[id_]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)

    @cached_property
    def drawn(self) -> tuple[Action, ...]:
        """Those that a lot may choose."""
        return tuple(action for action in self._actions.values() if action.explore > 0)

    @cached_property
    def order(self) -> dict[str, int]:
        """The place of each action where two are worth the same: smaller goes first."""
        return {id_: place for place, id_ in enumerate(self)}

    @classmethod
    def from_config(cls, config: Mapping[str, Any], known_features: Collection[str], faults: Faults) -> Catalogue:
        """Reads ``actions.toml``; what cannot be used is noted in ``faults``.

        Args:
            config: the file's content.
            known_features: names that conditions may use, besides `risk` and `band`.
            faults: where faults are noted.
        """
        top = Table("actions.toml", config, faults)
        actions = {id_: _action(id_, table, known_features) for id_, table in top.tables("action", name="action")}
        top.close()
        _demand_choices(actions, faults)
        return cls(actions)


def _dearness(action: Action) -> tuple[bool, float, int, str]:
    """A person's time first, since it is the dearest."""
    return action.id != NO_ACTION, action.minutes, action.unit_cost_minor, action.id


def _demand_choices(actions: Mapping[str, Action], faults: Faults) -> None:
    quiet, person = actions.get(NO_ACTION), actions.get(ROUTE_TO_HUMAN)
    if quiet is None or quiet.channel is not None or quiet.requires or quiet.minutes or quiet.unit_cost_minor:
        faults.add(
            "actions.toml",
            f"has no {NO_ACTION} that contacts nobody and costs nothing",
            f"Keep a table [action.{NO_ACTION}] without a channel, minutes, cost or requires: doing nothing is always "
            "one of the choices",
            ("action", NO_ACTION),
        )
    if person is None or person.channel is not None or person.performer != "person" or not person.holdout_exempt:
        faults.add(
            "actions.toml",
            f"has no {ROUTE_TO_HUMAN} that a person does",
            f'Keep a table [action.{ROUTE_TO_HUMAN}] without a channel, with performer = "person" and '
            "holdout_exempt = true: about some students only people decide",
            ("action", ROUTE_TO_HUMAN),
        )


def _action(id_: str, table: Table, known: Collection[str]) -> Action:
    action = Action(
        id=id_,
        channel=table.choice("channel", CHANNELS) if table.has("channel") else None,
        performer=table.choice("performer", PERFORMERS),  # type: ignore[arg-type]
        purpose=table.choice("purpose", PURPOSES),  # type: ignore[arg-type]
        unit_cost_minor=table.whole("unit_cost_minor", 0, 10**9),
        minutes=table.number("minutes", 0, 600),
        holdout_exempt=table.flag("holdout_exempt", False),
        names=table.words("names"),
        texts=table.words("texts") if table.has("texts") else None,
        requires=conditions(table, "requires", known, needed=False),
        again_after_days=table.number("again_after_days", 0, 30) if table.has("again_after_days") else 0,
        explore=table.number("explore", 0, 1) if table.has("explore") else 0,
        harm_minor=table.whole("harm_minor", 0, 10**9) if table.has("harm_minor") else 0,
    )
    if action.explore and action.holdout_exempt:
        mend = "Leave explore out, or say holdout_exempt = false"
        table.fault("explore", "is given, and the control group gets the action too: a lot would reach it", mend)
    table.close()
    return action
