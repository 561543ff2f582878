"""The catalogue of actions: what a school may do for a student, who does it, and what it costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from serving.decide.config import Faults, Table, Words

NO_ACTION = "no_action"
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


class Catalogue(Mapping[str, Action]):
    """The actions by id; it always has `NO_ACTION`."""

    def __init__(self, actions: Mapping[str, Action]) -> None:
        self._actions = dict(actions)

    def __getitem__(self, id_: str) -> Action:
        return self._actions[id_]

    def __iter__(self) -> Iterator[str]:
        return iter(self._actions)

    def __len__(self) -> int:
        return len(self._actions)

    @classmethod
    def from_config(cls, config: Mapping[str, Any], faults: Faults) -> Catalogue:
        """Reads ``actions.toml``; what cannot be used is noted in ``faults``."""
        top = Table("actions.toml", config, faults)
        actions = {id_: _action(id_, table) for id_, table in top.tables("action", name="action")}
        top.close()
        quiet = actions.get(NO_ACTION)
        if quiet is None or quiet.channel is not None:
            mend = f"Keep a table [action.{NO_ACTION}] without a channel: doing nothing is always one of the choices"
            faults.add("actions.toml", f"has no {NO_ACTION} that contacts nobody", mend)
        return cls(actions)


def _action(id_: str, table: Table) -> Action:
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
    )
    table.close()
    return action
