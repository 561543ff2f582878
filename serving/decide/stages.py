"""The steps of the cascade: their order, what leads from one state to another, and what a school settles about them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from serving.decide.actions import CHANNELS, Catalogue
from serving.decide.case import Touch
from serving.decide.config import Table

STAGES = ("reminder", "simple_step", "help", "pause")
"""The steps of help, in order; an episode never goes back."""
NONE, STOPPED, RETURNED = "none", "stopped", "returned"

# What happens to a student; a contact is an event with the name of its stage.
STUDY, TOO_MANY, LAPSED, STOP_OVER, COOL_DOWN_OVER = "study", "too_many", "lapsed", "stop_over", "cool_down_over"

TRANSITIONS: Mapping[tuple[str, str], str] = {
    **{(here, stage): stage for here in (NONE, RETURNED) for stage in STAGES},
    **{(here, stage): max(here, stage, key=STAGES.index) for here in STAGES for stage in STAGES},
    **{(STOPPED, stage): STOPPED for stage in STAGES},  # contacts that others made in spite of it
    **{(here, STUDY): RETURNED for here in (*STAGES, STOPPED)},
    **{(here, TOO_MANY): STOPPED for here in STAGES},
    **{(here, LAPSED): NONE for here in STAGES},
    (STOPPED, STOP_OVER): NONE,
    (RETURNED, COOL_DOWN_OVER): NONE,
}
"""(state, event) -> state. The fold moves by this table and nothing else; an event that is not here changes nothing."""

REMEMBERED = timedelta(days=150)
"""Older contacts, and study before that, are no matter of any gate."""

_SWITCH_STATUSES = ("sent", "opened", "failed")
_EPISODE = "episode"
_LABELS = {
    STUDY: "a day of study",
    TOO_MANY: "stop_after unsuccessful contacts",
    LAPSED: "episode_days without a contact",
    STOP_OVER: "cool_down_after_stop_days",
    COOL_DOWN_OVER: "cool_down_after_return_days",
}


@dataclass(frozen=True, slots=True)
class Switch:
    """When a contact that did not reach the student goes on by another channel.

    Attributes:
        name: its name in the settings.
        after_channel, status: of the contact.
        after: how long after it.
        action: what is proposed then.
    """

    name: str
    after_channel: str
    status: str
    after: timedelta
    action: str


@dataclass(frozen=True, slots=True)
class Cascade:
    """The cascade's settings.

    Attributes:
        stage_of: the stage of each action that belongs to the cascade.
        by_channel: the stage of a contact whose action nobody knows (any more), by channel.
        waits: by stage, how long a contact may work before the next one.
        switches: the changes of channel.
        known: all actions of the catalogue.
        stop_after: unsuccessful contacts of an episode after which it is stopped.
        dials_as_one: calls in vain that count as one contact.
        episode: an episode is over so long after its last contact.
        rest_after_stop, rest_after_return: how long nothing is done then.
        extreme_risk: from this risk on a call may be the first step.
    """

    stage_of: Mapping[str, str]
    by_channel: Mapping[str, str]
    waits: Mapping[str, timedelta]
    switches: tuple[Switch, ...]
    known: frozenset[str]
    stop_after: int
    dials_as_one: int
    episode: timedelta
    rest_after_stop: timedelta
    rest_after_return: timedelta
    extreme_risk: float

    @property
    def look_back(self) -> timedelta:
        """How old a contact can be and still hold something back: the first of a stopped episode."""
        return (self.stop_after - 1) * self.episode + max(self.waits.values()) + self.rest_after_stop

    def stage(self, touch: Touch) -> str | None:
        """The stage of a contact; None where it is none of the cascade's."""
        if touch.action in self.known:
            return self.stage_of.get(str(touch.action))
        return self.by_channel.get(touch.channel)

    @classmethod
    def read(cls, top: Table, catalogue: Catalogue) -> Cascade:
        """Reads the tables ``[cascade]``; what cannot be used is noted."""
        table = top.table("cascade")
        stages = table.table("stage")
        stage_of: dict[str, str] = {}
        by_channel: dict[str, str] = {}
        waits = {}
        for name in STAGES:
            one = stages.table(name)
            for at, action in enumerate(one.list("actions", needed=False)):
                _check_action(action, "actions", one, catalogue, at)
                _name_once(str(action), name, stage_of, "actions", one, at)
            for at, channel in enumerate(one.list("channels", needed=False)):
                if channel not in CHANNELS:
                    one.fault("channels", f"has {channel!r}", f"Use: {', '.join(CHANNELS)}", at)
                _name_once(str(channel), name, by_channel, "channels", one, at)
            waits[name] = timedelta(hours=one.number("wait_hours", 1, 24 * 30))
            one.close()
        stages.close()
        switches = tuple(sorted(_switches(table, catalogue), key=lambda one: one.name))
        found = cls(
            stage_of=stage_of,
            by_channel=by_channel,
            waits=waits,
            switches=switches,
            known=frozenset(catalogue),
            stop_after=table.whole("stop_after", 1, 10),
            dials_as_one=table.whole("dials_as_one", 1, 10),
            episode=timedelta(days=table.number("episode_days", 1, 90)),
            rest_after_stop=timedelta(days=table.number("cool_down_after_stop_days", 0, 365)),
            rest_after_return=timedelta(days=table.number("cool_down_after_return_days", 0, 90)),
            extreme_risk=table.number("extreme_risk", 0, 1),
        )
        if found.look_back > REMEMBERED:
            what = f"a stop could rest on contacts of {found.look_back.days} days ago; {REMEMBERED.days} are remembered"
            table.fault("", what, "Shorten episode_days, cool_down_after_stop_days or the wait_hours, or stop earlier")
        table.close()
        return found


def _check_action(action: object, key: str, table: Table, catalogue: Catalogue, entry: int | None = None) -> None:
    if not isinstance(action, str) or action not in catalogue or catalogue[action].channel is None:
        contacting = (one.id for one in catalogue.values() if one.channel)
        table.fault(key, f"{action!r} is not an action that contacts anybody", f"Use: {', '.join(contacting)}", entry)


def _name_once(what: str, stage: str, named: dict[str, str], key: str, table: Table, entry: int) -> None:
    if named.setdefault(what, stage) != stage:
        table.fault(key, f"{what} is in {named[what]} too", "Leave it in one of the stages", entry)


def _switches(table: Table, catalogue: Catalogue) -> Iterator[Switch]:
    for name, one in table.tables("switch", name="switch"):
        action = one.text("action")
        _check_action(action, "action", one, catalogue)
        yield Switch(
            name=name,
            after_channel=one.choice("after_channel", CHANNELS),
            status=one.choice("status", _SWITCH_STATUSES),
            after=timedelta(hours=one.number("hours", 0, 24 * 30)),
            action=action,
        )
        one.close()


def diagram() -> str:
    """`TRANSITIONS` as a Mermaid state diagram; what all stages have in common is drawn at the frame around them."""
    inside: dict[tuple[str, str], list[str]] = {}
    outside: dict[tuple[str, str], list[str]] = {("[*]", NONE): []}
    for (here, event), there in TRANSITIONS.items():
        if here in STAGES and there in STAGES:
            inside.setdefault((here, there), []).append(event)
        elif there in STAGES:
            inside.setdefault(("[*]", there), [event])
            outside[here, _EPISODE] = ["a contact"]
        elif here in STAGES:
            outside[_EPISODE, there] = [_LABELS[event]]
        else:
            outside.setdefault((here, there), []).append(_LABELS.get(event, event))
    lines = ["stateDiagram-v2", f"    state {_EPISODE} {{"]
    lines += [f"        {_arrow(here, there, labels)}" for (here, there), labels in inside.items()]
    lines += ["    }"]
    lines += [f"    {_arrow(here, there, labels)}" for (here, there), labels in outside.items()]
    return "\n".join(lines) + "\n"


def _arrow(here: str, there: str, labels: list[str]) -> str:
    return f"{here} --> {there}" + (f": {', '.join(labels)}" if labels else "")
