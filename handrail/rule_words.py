"""Rules in words: a rule, a condition and what is known of a student, as a person reads them at the terminal."""

from __future__ import annotations

from features.catalogue import FEATURES
from serving.decide import Catalogue, Rule
from serving.decide.conditions import Condition
from serving.wording import percent_text, value_text

LANGUAGE = "en"
"""The command line speaks English."""

_COMPARED = {
    ">=": "{} or more",
    "<=": "{} or less",
    ">": "more than {}",
    "<": "less than {}",
    "=": "{}",
}
_NAMES = {"risk": "Risk", "band": "Band of risk"}


def rule_title(rule: Rule) -> str:
    """A rule's id and name, and what sets it apart."""
    kind = ", ".join(
        word
        for word, is_so in (("a duty", rule.duty), ("fallback", rule.fallback), ("IN SHADOW", rule.shadow))
        if is_so
    )
    about = ", ".join(filter(None, (f"priority {rule.priority}", rule.campaign, kind)))
    return f"{rule.id}  {rule.name[LANGUAGE]} ({about})"


def rule_lines(rule: Rule, catalogue: Catalogue) -> list[str]:
    """A rule as sentences: when it holds, and what it proposes then."""
    offered = " or ".join(_named(action, catalogue) for action in rule.actions)
    later = [
        f"after {_hours(step.after_hours)}, if it still holds, {_named(step.action, catalogue)}"
        for step in rule.follow_up
    ]
    return [
        rule_title(rule),
        "    when " + ", and ".join(condition_words(condition) for condition in rule.when),
        "    then " + "; ".join((offered, *later)),
    ]


def condition_words(condition: Condition) -> str:
    """A condition as a person says it, such as ``Active days in the last 7 days: 2 days or less``."""
    return f"{meaning(condition.name)}: {wanted_words(condition)}"


def wanted_words(condition: Condition) -> str:
    """What a condition asks for, without the name."""
    if isinstance(condition.value, tuple):
        parts = []
        for low, high in condition.value:
            first, last = _value(condition.name, low), _value(condition.name, high)
            parts.append(first if low == high else f"from {first} to {last}")
        return " or ".join(parts)
    return _COMPARED[condition.comparator].format(_value(condition.name, condition.value))


def found_words(condition: Condition, found: float | str | None) -> str:
    """What is known about a student, in a condition's unit."""
    return "not known" if found is None else _value(condition.name, found)


def meaning(name: str) -> str:
    """What a name that conditions use stands for."""
    return _NAMES[name] if name in _NAMES else FEATURES[name].meaning[LANGUAGE]


def _value(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    return percent_text(value, LANGUAGE) if name == "risk" else value_text(name, value, LANGUAGE)


def _named(action: str, catalogue: Catalogue) -> str:
    return catalogue[action].names[LANGUAGE]


def _hours(hours: float) -> str:
    return f"{hours / 24:g} days" if hours % 24 == 0 and hours > 24 else f"{hours:g} hours"
