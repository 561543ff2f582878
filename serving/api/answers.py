"""What the API answers: stored values as documents, with words beside them in the caller's language."""

from __future__ import annotations

from typing import Any

from serving import wording
from serving.advise import Advice, Adviser
from serving.decide import Policy
from serving.score import Scored
from serving.store import Entry, Night

Document = dict[str, Any]


def advice(told: Advice, adviser: Adviser, lang: str) -> Document:
    """The answer to a score request."""
    return {
        "student_id": told.person.student_id,
        "as_of": told.as_of.isoformat(),
        "label": adviser.label.name,
        "label_version": adviser.label.version,
        "horizon_days": adviser.label.horizon_days,
        "model_version": adviser.bundle.version,
        "policy_version": adviser.policy.version,
        "state": "live" if told.scored else "no_live_enrolment",
        "enrolments": [enrolment(one, lang) for one in told.scored],
        "decision": decision(told.decision, adviser.policy, lang, adviser.school.zone) if told.decision else None,
    }


def enrolment(one: Scored | Entry, lang: str) -> Document:
    """Risk and reasons of one live enrolment."""
    return {
        "enrolment_id": one.enrolment_id,
        "course_id": one.course_id,
        "state": one.state,
        "risk": one.risk,
        "band": one.band,
        "reasons": [reason(each, lang) for each in one.reasons],
        "strength": reason(one.strength, lang) if one.strength else None,
    }


def reason(stored: Document, lang: str) -> Document:
    """A stored reason, and the same in words."""
    return {**stored, "text": wording.reason_text(stored, lang)}


def decision(record: Document, policy: Policy, lang: str, zone: str) -> Document:
    """A decision without the case it was made from; `GET /v1/decisions/{id}` has the whole record."""
    rule = policy.rules.get(record["rule"])
    told = {name: value for name, value in record.items() if name != "case"}
    return {
        **told,
        "action_name": _action(record["action"], policy, lang),
        "rule_text": rule.say[lang] if rule else None,
        "ask": rule.ask[lang] if rule and rule.ask else None,
        "blocked": [{**one, "text": wording.gate_text(one, lang, zone)} for one in record["blocked"]],
    }


def _action(action: str, policy: Policy, lang: str) -> str:
    return policy.catalogue[action].names[lang] if action in policy.catalogue else action


def listed(entry: Entry, record: Document | None, policy: Policy, lang: str) -> Document:
    """A row of the risk list."""
    return {
        "rank": entry.rank,
        "student_id": entry.student_id,
        "curator": entry.curator,
        "changed": entry.changed,
        "previous_band": entry.previous_band,
        **enrolment(entry, lang),
        "action": record["action"] if record else None,
        "action_name": _action(record["action"], policy, lang) if record else None,
        "not_before": record["not_before"] if record else None,
        "decision_id": entry.decision_id,
    }


def night(one: Night) -> Document:
    """Which night a list is of."""
    return {
        "night_id": one.night_id,
        "as_of": one.as_of.isoformat(),
        "label": one.label,
        "model_version": one.model_version,
        "policy_version": one.policy_version,
        "published_at": one.published_at.isoformat() if one.published_at else None,
    }
