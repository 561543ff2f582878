"""The ranked list in words: what the template of the list needs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from features.labels import LABELS
from serving import wording
from serving.page import figures
from serving.page.board import BANDS, NOBODY, STATES, Filters, Place, count_bands, course_title, sees_all, student_name
from serving.page.desk import PER_PAGE, Row, Sheet
from serving.page.voice import Voice
from serving.store import Account, Entry, Night, Verdict

_OLD = timedelta(hours=36)  # a list older than this missed its night

View = dict[str, Any]


def student_href(student_id: str, filters: Filters, part: str = "", **more: object) -> str:
    """Where a student's card is, or a part of it; it remembers the filters of the list that one comes from."""
    return f"/students/{quote(student_id, safe='')}{part}{_query(filters, more)}"


def list_href(filters: Filters, **more: object) -> str:
    """Where the list is, with these filters."""
    return "/" + _query(filters, more)


def _query(filters: Filters, more: Mapping[str, object]) -> str:
    wanted = {name: value for name, value in {**asdict(filters), **more}.items() if value}
    return "?" + urlencode(wanted) if wanted else ""


def list_view(voice: Voice, reader: Account, sheet: Sheet, filters: Filters) -> View:
    """The list's page: what the template needs, said in the reader's language."""
    lang, night = voice.lang, sheet.night
    top = figures.scale([place.risk for place in sheet.places])
    made = night.published_at or night.started_at
    label = wording.label_text(night.label, horizon_of(night), lang)
    view: View = {
        "lead": voice.say("list.lead", label=label),
        "night": voice.say("list.night", date=wording.date_text(night.as_of, lang, weekday=True)),
        "made": voice.say("list.made", age=voice.age(made)),
        "stale": voice.say("list.stale", age=voice.age(made)) if voice.now - made > _OLD else "",
        "doubts": _doubts(voice, night),
        "model": night.model_version,
        "total": len(sheet.places),
        "count": voice.say("list.count", len(sheet.wanted)),
        "scale": voice.say("list.scale", top=wording.percent_text(top, lang)),
        "bands": _bands(voice, sheet.in_any_band, filters),
        "filters": _fields(voice, reader, sheet.places, filters),
        "filtered": filters != Filters(),
        "band": filters.band,
        "rows": [_row(voice, reader, row, top, filters) for row in sheet.rows],
    }
    return view | _paging(voice, sheet, filters)


def _doubts(voice: Voice, night: Night) -> list[str]:
    """What speaks against relying on the data of the night, and what waits because of it; empty when nothing does."""
    said = wording.stale_texts(night.counts.get("stale", []), voice.lang)
    said += [voice.say("list.red")] if night.counts.get("data_health") == "red" else []
    holds = night.counts.get("holds")
    effect = f"list.holds.{holds}" if holds in ("automatic", "all") else "list.doubt"
    return [*said, voice.say(effect)] if said else []


def horizon_of(night: Night) -> int:
    """How many days ahead the night's label looks; a label that is no longer known says it in its name."""
    known = LABELS.get(night.label)
    return known.horizon_days if known else int("0" + night.label.rsplit("_", 1)[-1].removesuffix("d"))


def _paging(voice: Voice, sheet: Sheet, filters: Filters) -> View:
    if not sheet.rows:
        return {"place": "", "start": "", "next": ""}
    first, last = sheet.rows[0].entry.rank, sheet.rows[-1].entry.rank
    left = sum(place.rank > last for place in sheet.wanted)
    return {
        "place": voice.say("more.place", first=first, last=last) if len(sheet.wanted) > PER_PAGE else "",
        "start": list_href(filters) if first > sheet.wanted[0].rank else "",
        "next": list_href(filters, after=last) if left else "",
        "next_text": voice.say("more.next", min(left, PER_PAGE)),
    }


def _bands(voice: Voice, places: Sequence[Place], filters: Filters) -> list[View]:
    counts = count_bands(places)
    others = replace(filters, band="")
    every = {"key": "all", "name": voice.say("list.all"), "count": len(places), "width": 0, "start": 0}
    views = [every | {"href": list_href(others), "current": not filters.band}]
    start = 0.0
    for band in BANDS:
        if not counts[band] and filters.band != band:
            continue
        width = round(100 * counts[band] / max(len(places), 1), 2)
        views.append(
            {
                "key": band,
                "name": capital(wording.band_name(None if band == "none" else band, voice.lang)),
                "count": counts[band],
                "width": width,
                "start": round(start, 2),
                "href": list_href(replace(others, band=band)),
                "current": filters.band == band,
            }
        )
        start += width
    return views


def _fields(voice: Voice, reader: Account, places: Sequence[Place], filters: Filters) -> list[View]:
    every = [("", voice.say("filter.any"))]
    courses = sorted({(place.course, place.course_id) for place in places})
    fields = [
        ("course", every + [(id_, title) for title, id_ in courses]),
        ("state", every + [(state, capital(voice.say(f"filter.{state}"))) for state in STATES]),
    ]
    if sees_all(reader):
        logins = sorted({place.curator for place in places if place.curator})
        nobody = [(NOBODY, voice.say("filter.nobody"))] if any(not place.curator for place in places) else []
        fields.insert(1, ("curator", every + [(login, login) for login in logins] + nobody))
    return [
        {
            "name": name,
            "label": voice.say(f"filter.{name}"),
            "value": getattr(filters, name),
            "options": [{"value": value, "text": text} for value, text in options],
        }
        for name, options in fields
    ]


def _row(voice: Voice, reader: Account, row: Row, top: float, filters: Filters) -> View:
    entry, lang = row.entry, voice.lang
    known = entry.risk is not None
    return {
        "rank": entry.rank,
        "href": student_href(entry.student_id, filters),
        "name": student_name(entry),
        "course": course_title(entry),
        "curator": entry.curator if sees_all(reader) else None,
        "changed": changed_text(voice, entry),
        "band": entry.band or "none",
        "band_name": wording.band_name(entry.band, lang),
        "risk": wording.percent_text(entry.risk, lang) if known else "",
        "width": figures.bar_width(entry.risk, top) if entry.risk is not None else 0,
        "reasons": [wording.reason_words(reason, lang).says for reason in entry.reasons],
        "no_reason": voice.say("row.no_reason" if known else "row.no_data"),
        "action": None if row.verdict and not acts(row) else action_view(voice, row),
        "answer": _answer(voice, row.verdict) if row.verdict else None,
    }


def changed_text(voice: Voice, entry: Entry) -> str:
    """The band of the list before, where it was another one."""
    if not entry.changed:
        return ""
    return voice.say("row.changed", band=wording.band_name(entry.previous_band, voice.lang))


def acts(row: Row) -> bool:
    """Whether anything is recommended for the student."""
    return row.decision is not None and row.decision.acts


def action_view(voice: Voice, row: Row) -> View:
    """What is recommended, as the list and the card show it first."""
    decision = row.decision
    if decision is None or not decision.acts:
        return {"name": voice.say("action.none"), "channel": "none", "none": True, "when": ""}
    if row.refusal:
        reason = voice.blocked({"reason": row.refusal})
        return {"name": voice.say("action.held"), "channel": "none", "none": True, "when": capital(reason)}
    if decision.enrolment_id not in (None, row.entry.enrolment_id):
        return {"name": voice.say("action.elsewhere"), "channel": "none", "none": True, "when": ""}
    return {
        "name": voice.action(decision.action),
        "channel": voice.channel(decision.action),
        "none": False,
        "when": voice.not_before(decision.not_before),
    }


def _answer(voice: Voice, verdict: Verdict) -> View:
    moment = voice.moment(verdict.at, today=voice.today)
    return {
        "verdict": capital(wording.WORDS.say(f"verdict.{verdict.word}", voice.lang)),
        "by": voice.say("row.answered_by", who=verdict.login, moment=moment),
    }


def capital(text: str) -> str:
    """The text with its first letter large, the others as they are."""
    return text[:1].upper() + text[1:]
