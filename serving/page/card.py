"""A student's card in words: a fact and a strength first, then the risks, what helps, and what was done."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from features.catalogue import FEATURES
from serving import wording
from serving.page import figures
from serving.page.board import Filters, course_title, student_name
from serving.page.desk import Dossier, Row
from serving.page.shown import Shown
from serving.page.views import View, action_view, capital, changed_text, horizon_of, list_href, student_href
from serving.page.voice import Voice
from serving.store import Entry

_FACTS = ("days_since_start", "progress_share", "course_elapsed_share")  # said under the name, where the list has them
_HISTORY = 40  # events


@dataclass(order=True)
class _Event:
    at: datetime
    kind: str = field(compare=False)
    text: str = field(compare=False)
    detail: str = field(compare=False, default="")


def card_view(voice: Voice, dossier: Dossier, filters: Filters, said: str) -> View:
    """The card.

    Args:
        voice: says it.
        dossier: what it is made from.
        filters: of the list that one comes from.
        said: the verdict that was just given; empty when none was.
    """
    entries = [row.entry for row in dossier.rows] or [dossier.past[0][1]]
    first = dossier.rows[0] if dossier.rows else None
    curators = sorted({entry.curator for entry in entries if entry.curator})
    return {
        "name": student_name(entries[0]),
        "id": entries[0].student_id,
        "back": list_href(filters),
        "answer_href": student_href(entries[0].student_id, filters, "/verdict"),
        "curator": voice.say("card.curator", who=", ".join(curators)) if curators else "",
        "facts": _facts(entries[0], voice.lang),
        "strength": _strength(entries, voice.lang),
        "enrolments": [_enrolment(voice, dossier, row) for row in dossier.rows],
        "action": _action(voice, dossier.rows) if first else None,
        "answerable": first is not None,
        "history": _history(voice, dossier),
        "next": _next(voice, dossier.following, filters),
        "said": voice.say("said", verdict=wording.WORDS.say(f"verdict.{said}", voice.lang)) if said else "",
    }


def _facts(entry: Entry, lang: str) -> list[str]:
    told = [name for name in _FACTS if name in FEATURES and wording.known(entry.values.get(name)) is not None]
    says = [wording.reason_words({"feature": name, "value": entry.values[name]}, lang).says for name in told]
    return [course_title(entry), *says[:2]]


def _strength(entries: Sequence[Entry], lang: str) -> wording.ReasonWords | None:
    strongest = next((entry.strength for entry in entries if entry.strength), None)
    return wording.reason_words(strongest, lang) if strongest else None


def _enrolment(voice: Voice, dossier: Dossier, row: Row) -> View:
    entry, night, lang = row.entry, dossier.night, voice.lang
    known = entry.risk is not None
    risks = [past.risk for _, past in dossier.past if past.enrolment_id == entry.enrolment_id and past.risk is not None]
    return {
        "course": course_title(entry),
        "band": entry.band or "none",
        "band_name": wording.band_name(entry.band, lang),
        "risk": wording.percent_text(entry.risk, lang) if known else "",
        "width": figures.bar_width(entry.risk, dossier.top) if entry.risk is not None else 0,
        "label": capital(wording.label_text(night.label, horizon_of(night), lang)),
        "place": voice.say("card.rank", rank=entry.rank, total=dossier.total),
        "changed": changed_text(voice, entry),
        "trend": figures.trend(risks[::-1]),
        "trend_text": voice.say("card.trend", len(risks)),
        "reasons": [_reason(one, lang) for one in entry.reasons],
        "what_ifs": [wording.what_if_text(one, entry.risk or 0.0, lang) for one in entry.what_ifs],
        "families": [_family(part, lang) for part in figures.parts(entry.families)],
    }


def _reason(reason: Mapping[str, Any], lang: str) -> View:
    words = wording.reason_words(reason, lang)
    return {"words": words, "plot": None if words.is_standing else figures.plot(reason)}


def _family(part: figures.Part, lang: str) -> View:
    sign = "number.plus" if part.share > 0 else "number.minus"
    share = wording.WORDS.say(sign, lang, value=wording.percent_text(abs(part.share), lang))
    return {"name": wording.family_name(part.family, lang), "share": share, "bar": part}


def _action(voice: Voice, rows: Sequence[Row]) -> View:
    """The recommendation for the student, told once whichever enrolment it is about."""
    decision = rows[0].decision
    about = next((row for row in rows if decision and row.entry.enrolment_id == decision.enrolment_id), rows[0])
    view = action_view(voice, about)
    blocked = _blocked(voice, decision) if decision else []
    if decision is None or view["none"]:
        return {**view, "why": voice.say("card.nothing"), "script": "", "ask": "", "after": [], "blocked": blocked}
    return {
        **view,
        "why": _why(voice, decision),
        "script": voice.script(decision.action),
        "ask": voice.ask(decision.rule),
        "after": [
            {
                "name": voice.action(action),
                "channel": voice.channel(action),
                "when": voice.not_before(at),
            }
            for action, at in decision.follow_ups
        ],
        "blocked": blocked,
    }


def _why(voice: Voice, decision: Shown) -> str:
    """Why something is recommended: who has to decide, what a rule says, a lot, or what it is measured to do."""
    if decision.people:
        return " ".join(f"{capital(voice.blocked(one))}." for one in decision.people)
    if decision.explored:
        return voice.say("card.explored")
    return voice.why(decision.rule) if decision.rule else voice.say("card.measured")


def _blocked(voice: Voice, decision: Shown) -> list[View]:
    reasons: dict[str, list[str]] = {}
    for one in decision.blocked:
        told = reasons.setdefault(one["action"], [])
        if (text := voice.blocked(one)) not in told:
            told.append(text)
    return [
        {"name": voice.action(action), "channel": voice.channel(action), "reasons": [capital(text) for text in told]}
        for action, told in reasons.items()
    ]


def _history(voice: Voice, dossier: Dossier) -> list[View]:
    events = sorted([*_decided(voice, dossier), *_touched(voice, dossier), *_answered(voice, dossier)], reverse=True)
    return [
        {
            "at": event.at.isoformat(),
            "when": voice.moment(event.at, today=voice.today),
            "kind": event.kind,
            "text": event.text,
            "detail": event.detail,
        }
        for event in events[:_HISTORY]
    ]


def _decided(voice: Voice, dossier: Dossier) -> Iterable[_Event]:
    told = set()
    for one in dossier.decisions:
        if one.acts and (one.decision_date, one.action) not in told:
            told.add((one.decision_date, one.action))
            text = voice.say("history.decision", action=voice.action(one.action))
            yield _Event(one.decided_at, "decision", text, _why(voice, one))


def _touched(voice: Voice, dossier: Dossier) -> Iterable[_Event]:
    words = wording.WORDS
    for row in dossier.touches:
        channel = words.say(f"channel.{row['channel']}", voice.lang)
        status = words.say(f"touch.{row['status']}", voice.lang)
        text = voice.say("history.touch", channel=capital(channel), status=status)
        yield _Event(row["occurred_at"], "touch", text, voice.action(row["action"]) if row["action"] else "")


def _answered(voice: Voice, dossier: Dossier) -> Iterable[_Event]:
    told = set()
    for one in dossier.verdicts:
        # One press answers for every course of the student; it is one event.
        key = (one.login, one.word, one.note, one.at.replace(microsecond=0))
        if key not in told:
            told.add(key)
            verdict = wording.WORDS.say(f"verdict.{one.word}", voice.lang)
            text = voice.say("history.verdict", who=one.login, verdict=verdict)
            yield _Event(one.at, "verdict", text, one.note)


def _next(voice: Voice, following: Entry | None, filters: Filters) -> View | None:
    if following is None:
        return None
    name = student_name(following)
    return {"href": student_href(following.student_id, filters), "text": voice.say("card.next", name=name)}
