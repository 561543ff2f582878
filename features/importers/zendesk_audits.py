"""The history of a Zendesk ticket, played again from its audits: what changed, when, and what was known by then."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from features.importers.support_tickets import Event, Words, moment

_SOLVED = ("solved", "closed")
_FIELDS_OF_TEXT = ("status", "subject", "satisfaction_score", "satisfaction_comment", "requester_id", "assignee_id")


def history(
    audits: Iterable[tuple[int, dict[str, Any]]], requester: str, words: Words, scores: dict[str, float]
) -> tuple[list[Event], tuple[str | None, str | None] | None]:
    """The events that a ticket's audits tell.

    Args:
        audits: (row, audit), in any order, perhaps the same one twice.
        requester: whose ticket it is: their own comments are no answers.
        words: what tags and fields mean.
        scores: what the words of a rating are worth.

    Returns:
        The events, each with the category and priority of its moment; category and priority at the opening, or None
        when the audits do not go back to it.
    """
    dated = {str(audit.get("id")): (at, row, audit) for row, audit in audits if (at := moment(audit.get("created_at")))}
    state = _State(words)
    events: list[Event] = []
    first: tuple[str | None, str | None] | None = None
    for at, row, audit in sorted(dated.values(), key=lambda entry: (entry[0], str(entry[2].get("id")))):
        steps = [step for step in audit.get("events") or () if isinstance(step, dict)]
        opening = any(step.get("type") == "Create" for step in steps)
        asked_before = state.asked()
        for step in steps:
            state.take(step)
        known = state.category(), words.priority(state.fields.get("priority"))
        first = known if opening and first is None else first
        happened: list[tuple[str, float | None]] = [
            (asked, None) for asked in state.asked() if asked not in asked_before
        ]
        happened += [entry for step in steps for entry in _said(step, audit, requester, scores, opening=opening)]
        events += [Event(event, at, row, *known, score) for event, score in happened]
    return events, first


def _said(
    step: dict[str, Any], audit: dict[str, Any], requester: str, scores: dict[str, float], *, opening: bool
) -> list[tuple[str, float | None]]:
    """What one step of an audit is, if it is anything to us."""
    kind, name, value = step.get("type"), step.get("field_name"), step.get("value")
    if kind == "Comment":
        author = str(step.get("author_id") or audit.get("author_id"))
        return [("responded", None)] if step.get("public") and author != requester and not opening else []
    if name == "status" and kind in ("Create", "Change"):
        if value in _SOLVED:
            return [("resolved", None)]
        return [("reopened", None)] if kind == "Change" else []
    if kind == "Change" and name == "satisfaction_score" and str(value) in scores:
        return [("rated", scores[str(value)])]
    return []


class _State:
    """The fields of a ticket as its history has set them so far."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.fields: dict[str, Any] = {}

    def take(self, step: dict[str, Any]) -> None:
        if step.get("type") in ("Create", "Change"):
            self.fields[str(step.get("field_name"))] = step.get("value")

    def said(self) -> list[str]:
        """Tags, and the values of the other fields that may hold words."""
        tags = self.fields.get("tags")
        tags = tags.split() if isinstance(tags, str) else tags or []
        other = [v for name, v in self.fields.items() if name not in ("tags", *_FIELDS_OF_TEXT) and isinstance(v, str)]
        return [*map(str, tags), *other]

    def category(self) -> str | None:
        return self.words.category(self.said())

    def asked(self) -> list[str]:
        return self.words.asked(self.said())
