"""What the API answers: stored values as documents, with words beside them in the caller's language."""

from __future__ import annotations

from typing import Any

from serving import wording
from serving.advise import Advice, Adviser
from serving.decide import NO_ACTION, Case, Policy
from serving.decide.case import RECOMMENDED, moment
from serving.decide.contacts import replaced
from serving.refusals import gate_text
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
    """Risk of one live enrolment, and what is told beside it; `serving.api.documents.Enrolment` describes it."""
    return {
        "enrolment_id": one.enrolment_id,
        "course_id": one.course_id,
        "state": one.state,
        "risk": one.risk,
        "band": one.band,
        "reasons": [reason(each, lang) for each in one.reasons],
        "strength": reason(one.strength, lang) if one.strength else None,
        "families": [{**each, "name": wording.family_name(each["family"], lang)} for each in one.families],
        "what_ifs": [what_if(each, one.risk or 0.0, lang) for each in one.what_ifs],
    }


def reason(stored: Document, lang: str) -> Document:
    """A stored reason, its change since last week, and the same in words."""
    value, week_ago = stored["value"], stored["week_ago"]
    change = None if value is None or week_ago is None else value - week_ago
    text = wording.reason_text(stored, lang)
    return {**stored, "unit": wording.unit_of(stored["feature"]), "change": change, "text": text}


def what_if(stored: Document, risk: float, lang: str) -> Document:
    """What would lower a risk, and the same in words."""
    text = wording.what_if_text(stored, risk, lang)
    return {**stored, "unit": wording.unit_of(stored["feature"]), "text": text}


def decision(record: Document, policy: Policy, lang: str, zone: str) -> Document:
    """A decision without the case it was made from; `GET /v1/decisions/{id}` has the whole record."""
    rule = policy.rules.get(record["rule"])
    told = {name: value for name, value in record.items() if name != "case"}
    return {
        **told,
        "action_name": _action(record["action"], policy, lang),
        "rule_text": rule.say[lang] if rule else None,
        "ask": rule.ask[lang] if rule and rule.ask else None,
        "blocked": [{**one, "text": gate_text(one, lang, zone)} for one in record["blocked"]],
        "next_best": _next_best(record),
        "replaces": _replaces(record),
    }


def _replaces(record: Document) -> list[str | None]:
    """The earlier decisions of the day whose contact is not to be made any more."""
    if not any(touch["status"] == RECOMMENDED for touch in record["case"]["touches"]):
        return []  # the usual case is not read again
    return [touch.decision_id for touch in replaced(Case.from_record(record["case"]), moment(record["decided_at"]))]


def _next_best(record: Document) -> Document | None:
    """What would be done instead of the best, and how much more it would have to be worth."""
    worths = {offer["action"]: offer["net"] for offer in record.get("offers", ())}
    worths.setdefault(NO_ACTION, 0.0)
    best = worths.pop(record.get("a_star"), None)
    if best is None or not worths:
        return None
    action = max(worths, key=lambda one: worths[one])
    return {"action": action, "short_by": best - worths[action]}


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


def night(one: Night, lang: str) -> Document:
    """Which night a list is of, and what speaks against relying on the data that it was made from."""
    stale = one.counts.get("stale", [])
    return {
        "night_id": one.night_id,
        "as_of": one.as_of.isoformat(),
        "label": one.label,
        "model_version": one.model_version,
        "policy_version": one.policy_version,
        "published_at": one.published_at.isoformat() if one.published_at else None,
        "stale": [{**each, "text": wording.stale_texts([each], lang)[0]} for each in stale],
        "data_health": one.counts.get("data_health"),
    }
