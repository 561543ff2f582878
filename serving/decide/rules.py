"""The rules: when an action is proposed, written so that a person who does not program can read and change them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from serving.decide.actions import NO_ACTION, Catalogue
from serving.decide.case import EnrolmentCase
from serving.decide.conditions import Condition, conditions
from serving.decide.config import Faults, Table, Words

CAMPAIGNS = ("onboarding", "care", "study", "renewal", "praise", "service")


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
        most_share: the share of the students that it may hold for and still be believed; None is the school's own,
            `most_share` of gates.toml.
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
    most_share: float | None = None

    @property
    def rests_on(self) -> frozenset[str]:
        """What it looks at: features, and `risk`, of which the band is made."""
        return frozenset(condition.rests_on for condition in self.when)

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

        The order is: priority, then the higher risk, then the ids of the enrolment and of the rule. Rules in shadow are
        among them, but a fallback gives way only to a rule of which something can come.
        """
        found = [(rule, one) for rule in self._rules.values() for one in enrolments if rule.holds(one)]
        if len(found) > 1:
            explained = any(not (rule.fallback or rule.shadow) for rule, _ in found)
            found = sorted((pair for pair in found if not (pair[0].fallback and explained)), key=_place)
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
        when=conditions(table, "when", known),
        actions=tuple(
            _action(action, "actions", table, catalogue, at) for at, action in enumerate(table.list("actions"))
        ),
        follow_up=tuple(
            _step(entry, at, table, catalogue) for at, entry in enumerate(table.list("follow_up", needed=False))
        ),
        fallback=table.flag("fallback", False),
        name=table.words("name"),
        say=table.words("say"),
        ask=table.words("ask") if table.has("ask") else None,
        campaign=table.choice("campaign", CAMPAIGNS) if table.has("campaign") else "care",
        duty=table.flag("duty", False),
        shadow=table.flag("shadow", False),
        most_share=table.number("most_share", 0, 1) if table.has("most_share") else None,
    )
    table.close()
    return rule


def _action(action: object, key: str, table: Table, catalogue: Catalogue, entry: int | None = None) -> str:
    if not isinstance(action, str) or action not in catalogue:
        near = get_close_matches(str(action), catalogue, 1)
        mend = f"Did you mean {near[0]}?" if near else f"Use one of actions.toml: {', '.join(catalogue)}"
        table.fault(key, f"{action!r} is not an action", mend, entry)
    return str(action)


def _step(entry: object, at: int, table: Table, catalogue: Catalogue) -> Step:
    step = Table(f"{table.where}, follow_up", entry, table.faults, (*table.path, "follow_up", at))
    action = _action(step.text("action"), "action", step, catalogue)
    if action in catalogue and (action == NO_ACTION or catalogue[action].channel is None):
        step.fault("action", f"{action!r} does not contact anybody", "Use an action that has a channel")
    hours = step.number("after_hours", 1, 24 * 60)
    step.close()
    return Step(action, hours)
