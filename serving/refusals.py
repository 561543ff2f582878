"""Why an action may not be done, in plain words: what the gates of a decision's record say to people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from features.catalogue import FEATURES
from serving.wording import WORDS, date_text, feed_names, moment_text, value_text

_COMPARED = {">=": "≥", "<=": "≤"}


def gate_text(blocked: Mapping[str, Any], lang: str, zone: str, *, today: date | None = None) -> str:
    """Why an action is blocked, in plain words, and when it becomes possible again where that is known.

    Args:
        blocked: `gate`, `reason`, `params` and `until` of a decision's record.
        lang: one of `LANGUAGES`.
        zone: the IANA zone whose clock the moment is told by.
        today: see `serving.wording.moment_text`.
    """
    params = blocked.get("params") or {}
    text = _people_text(params, lang) if "names" in params else _reason_text(blocked, params, lang)
    if not blocked.get("until"):
        return text
    until = datetime.fromisoformat(str(blocked["until"]))
    return WORDS.say("gate.until", lang, reason=text, moment=moment_text(until, lang, zone, today=today))


def _reason_text(blocked: Mapping[str, Any], params: Mapping[str, Any], lang: str) -> str:
    key = f"gate.{blocked.get('reason')}"
    if not WORDS.has(key, lang):
        return WORDS.say("gate.other", lang, gate=blocked.get("gate"))
    channel = WORDS.say(f"channel.{params['channel']}", lang) if "channel" in params else ""
    what = next((say(params[name], lang) for name, say in _WHAT.items() if name in params), "")
    window, count = _window(params.get("hours", 0), lang), params.get("most", params.get("days"))
    text = WORDS.say(key, lang, count, channel=channel, window=window, what=what)
    if "since" not in params:
        return text
    since = date_text(date.fromisoformat(str(params["since"])), lang)
    return WORDS.say("gate.capacity.since", lang, reason=text, date=since)


def _people_text(params: Mapping[str, Any], lang: str) -> str:
    """Why only people decide, in the school's own words, and to whom to turn."""
    reason, contact = str(params["names"][lang]), params.get("contact")
    if not contact:
        return reason
    key = f"contact.{contact}"
    who = WORDS.say(key, lang) if WORDS.has(key, lang) else contact
    return WORDS.say("gate.people", lang, reason=reason, who=who)


def _window(hours: float, lang: str) -> str:
    days, rest = divmod(hours, 24)
    return WORDS.say("unit.hours", lang, hours) if rest or days < 3 else WORDS.say("unit.days", lang, days)


def _resource(name: str, lang: str) -> str:
    """What there is too little of: minutes of a curator's time, messages, money."""
    return WORDS.say(f"resource.{name.partition(':')[0]}", lang)


def _campaign(name: str, lang: str) -> str:
    return WORDS.say(f"campaign.{name}", lang)


def _condition(text: str, lang: str) -> str:
    """A condition as rules write it, with what the feature means: ``Average homework score ≥ 60 points``."""
    name, comparator, value = text.split(maxsplit=2)
    meaning = FEATURES[name].meaning[lang] if name in FEATURES else name.replace("_", " ")
    if comparator == "in":
        return f"{meaning}: {value.replace('..', '–')}"
    told = WORDS.say(f"band.{value}", lang) if name == "band" else value_text(name, float(value), lang)
    return f"{meaning} {_COMPARED.get(comparator, comparator)} {told}"


_WHAT: dict[str, Callable[[Any, str], str]] = {
    "tables": feed_names,
    "resource": _resource,
    "campaign": _campaign,
    "condition": _condition,
}
"""What a reason is about, by the name of its parameter."""
