"""The rules: when an action is proposed, written so that a person who does not program can read and change them."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from serving.decide.actions import NO_ACTION, Catalogue
from serving.decide.case import EnrolmentCase
from serving.decide.config import Faults, Table, Words

BANDS = ("high", "medium", "low")
_COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
}
_CONDITION = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*(>=|<=|>|<|=)\s*(\S+)\s*")
_NUMBER = re.compile(r"-?\d{1,12}(\.\d{1,12})?")
_BAND = re.compile(rf'"?({"|".join(BANDS)})"?')
_MEND = 'Write it like "days_without_login >= 7", with one of >= <= > < ='


@dataclass(frozen=True, slots=True)
class Condition:
    """One comparison: a feature, ``risk`` or ``band`` against a fixed value.

    Attributes:
        name: the feature's name, or `risk`, or `band`.
        comparator: `>=`, `<=`, `>`, `<` or `=`.
        value: a number, or the name of a band.
    """

    name: str
    comparator: str
    value: float | str

    def holds(self, enrolment: EnrolmentCase) -> bool:
        """Whether it is true of the enrolment; what is not known makes it not hold."""
        if self.name == "risk":
            found: float | str | None = enrolment.risk
        elif self.name == "band":
            found = enrolment.band
        else:
            found = enrolment.values.get(self.name)
        return found is not None and _COMPARATORS[self.comparator](found, self.value)


@dataclass(frozen=True, slots=True)
class Step:
    """A later contact of a rule.

    Attributes:
        action: the action of the catalogue.
        after_hours: hours from the first contact.
    """

    action: str
    after_hours: float


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: when all its conditions hold, it proposes its actions.

    Attributes:
        id: its name in records.
        priority: rules with a smaller number go first.
        when: all must hold for one enrolment.
        actions: proposed, the first that passes every gate is taken.
        follow_up: later contacts.
        fallback: counts only when no other rule holds for the student.
        name: what people call it, by language.
        say: why, for the curator, by language.
        ask: what to ask the student on the same occasion, by language; None when there is nothing to ask.
        campaign: what it belongs to, for the gate that keeps campaigns apart (G10).
        duty: an answer to the student's own request or something owed: it comes first and is not weighed by its worth.
        shadow: it only shows what it would propose; nothing comes of it.
    """

    id: str
    priority: int
    when: tuple[Condition, ...]
    actions: tuple[str, ...]
    follow_up: tuple[Step, ...]
    fallback: bool
    name: Words
    say: Words
    ask: Words | None = None
    campaign: str = "care"
    duty: bool = False
    shadow: bool = False

    @property
    def rests_on(self) -> frozenset[str]:
        """What it looks at: features, and `risk`, of which the band is made."""
        return frozenset("risk" if condition.name == "band" else condition.name for condition in self.when)

    def holds(self, enrolment: EnrolmentCase) -> bool:
        """Whether all its conditions hold for the enrolment."""
        return all(condition.holds(enrolment) for condition in self.when)


class Rules(Mapping[str, Rule]):
    """The rules that are on, by id."""

    def __init__(self, rules: Mapping[str, Rule]) -> None:
        self._rules = dict(rules)

    def __getitem__(self, id_: str) -> Rule:
        return self._rules[id_]

    def __iter__(self) -> Iterator[str]:
        return iter(self._rules)

    def __len__(self) -> int:
        return len(self._rules)

    @property
    def features(self) -> frozenset[str]:
        """The features that some rule looks at."""
        return frozenset(name for rule in self.values() for name in rule.rests_on) - {"risk"}

    def fired(self, enrolments: Collection[EnrolmentCase]) -> list[tuple[Rule, EnrolmentCase]]:
        """Which rule holds for which enrolment, in the order in which they are to be tried.

        The order is: priority, then the higher risk, then the ids of the enrolment and of the rule.
        """
        found = [(rule, one) for rule in self.values() for one in enrolments if rule.holds(one)]
        if len(found) > 1:
            ordinary = [(rule, one) for rule, one in found if not rule.fallback]
            found = sorted(ordinary or found, key=_place)
        return found

    @classmethod
    def from_config(
        cls, config: Mapping[str, Any], catalogue: Catalogue, known_features: Collection[str], faults: Faults
    ) -> Rules:
        """Reads ``rules.toml``; what cannot be used is noted in ``faults``.

        Args:
            config: the file's content.
            catalogue: the actions that rules may propose.
            known_features: names that conditions may use, besides `risk` and `band`.
            faults: where faults are noted.
        """
        top = Table("rules.toml", config, faults)
        rules: dict[str, Rule] = {}
        for id_, table in top.tables("rule", name="rule"):
            on, rule = table.flag("on", True), _rule(id_, table, catalogue, known_features)
            if on:
                rules[id_] = rule
        top.close()
        return cls(rules)


def _place(pair: tuple[Rule, EnrolmentCase]) -> tuple[int, float, str, str]:
    rule, enrolment = pair
    return rule.priority, -(enrolment.risk if enrolment.risk is not None else -1), enrolment.enrolment_id, rule.id


def _rule(id_: str, table: Table, catalogue: Catalogue, known: Collection[str]) -> Rule:
    rule = Rule(
        id=id_,
        priority=table.whole("priority", 1, 1000),
        when=tuple(filter(None, (_condition(text, table, known) for text in table.list("when")))),
        actions=tuple(_action(action, "actions", table, catalogue) for action in table.list("actions")),
        follow_up=tuple(_step(entry, table, catalogue) for entry in table.list("follow_up", needed=False)),
        fallback=table.flag("fallback", False),
        name=table.words("name"),
        say=table.words("say"),
        ask=table.words("ask") if table.has("ask") else None,
        campaign=table.text("campaign") if table.has("campaign") else "care",
        duty=table.flag("duty", False),
        shadow=table.flag("shadow", False),
    )
    table.close()
    return rule


def _condition(text: object, table: Table, known: Collection[str]) -> Condition | None:
    match = _CONDITION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        table.fault("when", f"{text!r} is not a condition", _MEND)
        return None
    name, comparator, value = match.groups()
    if name == "band":
        band = _BAND.fullmatch(value)
        if band and comparator == "=":
            return Condition(name, comparator, band[1])
        table.fault("when", f"{text!r} is not a condition on the band", f"Write band = and one of {', '.join(BANDS)}")
        return None
    if name != "risk" and name not in known:
        near = get_close_matches(name, known, 1)
        mend = f"Did you mean {near[0]}?" if near else "The features are listed in the reference"
        table.fault("when", f"{text!r} uses {name}, which is not a feature", mend)
        return None
    if not _NUMBER.fullmatch(value):
        table.fault("when", f"{text!r} does not compare with a number", _MEND)
        return None
    return Condition(name, comparator, float(value))


def _action(action: object, key: str, table: Table, catalogue: Catalogue) -> str:
    if not isinstance(action, str) or action not in catalogue:
        table.fault(key, f"{action!r} is not an action", f"Use one of actions.toml: {', '.join(catalogue)}")
    return str(action)


def _step(entry: object, table: Table, catalogue: Catalogue) -> Step:
    step = Table(f"{table.where}, follow_up", entry, table.faults)
    action = _action(step.text("action"), "action", step, catalogue)
    if action in catalogue and (action == NO_ACTION or catalogue[action].channel is None):
        step.fault("action", f"{action!r} does not contact anybody", "Use an action that has a channel")
    hours = step.number("after_hours", 1, 24 * 60)
    step.close()
    return Step(action, hours)
