"""Usedesk: lists of tickets as the API answers them, and tickets with their comments, which say who answered when.

A ticket of a list is its present state; what is dated by its own moment and what by the last change is as in
`features.importers.support_tickets`. Usedesk's times are UTC. No address, name or text of a person is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.config import School
from features.errors import BadInput
from features.importers.exports import files
from features.importers.inputs import Progress, digest, silent
from features.importers.office import People, settings_of
from features.importers.support_tickets import Event, Shown, State, Ticket, Words, items, moment, set_aside, write
from features.lake import Batch, ImportReport, Lake

_WORDS = ("priorities", "categories", "asked_by_tag", "asked_by_subject")
_STATES: dict[int, State] = {1: "open", 5: "open", 6: "open", 8: "open", 2: "resolved", 3: "resolved"}
_NO_TICKETS = {4: "deleted", 7: "spam", 9: "mailing", 10: "merged with another"}
_UTC = "UTC"


def load(school: School, path: Path, progress: Progress | None = None) -> ImportReport:
    """Imports answers of Usedesk's API.

    Args:
        school: where to.
        path: one file, or a folder of them: answers of `/tickets` and `/ticket`, or one of them a line.
        progress: told how many bytes are read.

    Returns:
        What was read, kept and set aside; tickets that are spam, mailings, deleted or merged are counted.

    Raises:
        BadInput: a file is missing, empty, no JSON, or holds no ticket; then nothing is added.
        BadConfig: the settings cannot be used.
    """
    settings = settings_of(school, "usedesk", _WORDS)
    words = Words.of("usedesk", settings)
    found = files(path)
    lake = Lake(school.lake, school.zone)
    name = digest("usedesk", {"settings": settings, "zone": school.zone}, found)
    if lake.already_added(name):
        return ImportReport("usedesk", repeated=True)
    total, done = sum(file.stat().st_size for file in found), 0
    with lake.adding("usedesk", name) as batch:
        one = _Import(batch, words)
        for file in found:
            one.read(file)
            done += file.stat().st_size
            (progress or silent)(done, total, file.name)
        tickets = one.tickets(People.of("usedesk", settings, school, lake))
        write(batch, path.name, tickets, school.zone, sorted_at_opening=settings["sorted_at_opening"])
    return batch.report


@dataclass(frozen=True)
class _State:
    """One answer's word on a ticket."""

    row: int
    item: dict[str, Any]
    status: int
    opened: pd.Timestamp
    updated: pd.Timestamp


class _Import:
    def __init__(self, batch: Batch, words: Words) -> None:
        self.batch, self.words = batch, words
        self.states: dict[str, list[_State]] = defaultdict(list)
        self.answers: dict[str, list[Event]] = defaultdict(list)

    def read(self, file: Path) -> None:
        """Reads one file; what cannot be a ticket is set aside."""
        row = 0
        for row, (item, comments) in items(self.batch, file, _items):
            self._add(file, row, item, comments)
        if not row:
            mend = "Save the answer of /tickets or /ticket as it came"
            raise BadInput("holds no ticket of Usedesk's", where=file.name, mend=mend)

    def _add(self, file: Path, row: int, item: dict[str, Any], comments: list[Any]) -> None:
        opened, updated = (moment(item.get(name), _UTC) for name in ("published_at", "last_updated_at"))
        status = int(item["status_id"]) if str(item.get("status_id")).isdigit() else 0
        sound = {"id": item.get("id"), "status_id": status in (*_STATES, *_NO_TICKETS)}
        sound |= {"client_id": item.get("client_id"), "published_at": opened, "last_updated_at": updated}
        lacking = next((field for field, value in sound.items() if not value), None)
        if opened is None or updated is None or lacking:
            reason = "is not one that Usedesk has" if item.get(str(lacking)) else "is empty"
            set_aside(self.batch, file, row, str(lacking), reason, "Save the answer of /tickets as it came")
            return
        name = str(item["id"])
        self.states[name].append(_State(row, item, status, opened, updated))
        for comment in comments:
            at = moment(comment.get("published_at"), _UTC) if isinstance(comment, dict) else None
            if at is not None and comment.get("from") == "user" and comment.get("type") == "public":
                self.answers[name].append(Event("responded", at, row))

    def tickets(self, people: People) -> Iterator[Ticket]:
        """The tickets of all files."""
        ids = pd.Series({name: str(states[0].item["client_id"]) for name, states in self.states.items()}, dtype="str")
        emails = {name: str(states[0].item.get("email_channel_email") or "") for name, states in self.states.items()}
        named = people.names(ids, pd.Series(emails, dtype="str")).to_dict()
        for name, states in self.states.items():
            last = max(states, key=lambda state: state.updated)
            if last.status in _NO_TICKETS:
                self.batch.ignore(f"a ticket that is {_NO_TICKETS[last.status]}")
            yield self._ticket(name, str(named[name]), states, counts=last.status not in _NO_TICKETS)

    def _ticket(self, name: str, student: str, states: list[_State], *, counts: bool) -> Ticket:
        first = states[0]
        ticket = Ticket(f"usedesk:{name}", student, events=self.answers[name] if counts else [])
        if counts:
            ticket.opened = Event("opened", first.opened, first.row)
            asked = self.words.asked_in(str(first.item.get("subject") or ""))
            ticket.events += [Event(what, first.opened, first.row) for what in asked]
        for state in states:
            # A ticket that the lake has and that is found to be none is open no more.
            held = _STATES.get(state.status, "resolved")
            since = moment(state.item.get("status_updated_at"), _UTC)
            if since is not None:
                ticket.events.append(Event("resolved" if held == "resolved" else "reopened", since, state.row))
            ticket.shown.append(self._shown(state, held, counts=counts))
        return ticket

    def _shown(self, state: _State, held: State, *, counts: bool) -> Shown:
        item, at = state.item, max(state.updated, state.opened)
        if not counts:
            return Shown(at, state.row, held)
        words = list(_words(item))
        category, priority = self.words.category(words), self.words.priority(item.get("priority"))
        return Shown(at, state.row, held, category, priority, tuple(self.words.asked(words)))


def _words(item: dict[str, Any]) -> Iterator[str]:
    """Tags, type, group and the values of further fields."""
    tags = item.get("tags")
    for tag in tags.split(",") if isinstance(tags, str) else tags or ():
        yield str(tag.get("name") if isinstance(tag, dict) else tag)
    group = item.get("group")
    yield str(group.get("name") if isinstance(group, dict) else group or "")
    yield str(item.get("type") or "")
    for entry in item.get("fields") or ():
        if isinstance(entry, dict) and entry.get("value"):
            yield str(entry["value"])


def _items(value: Any) -> Iterator[tuple[dict[str, Any], list[Any]]]:
    """The tickets of an answer or of a line, each with its comments."""
    if isinstance(value, list):
        for entry in value:
            yield from _items(entry)
    elif isinstance(value, dict):
        inner = value.get("ticket")
        if isinstance(value.get("tickets"), list):
            yield from _items(value["tickets"])
        elif isinstance(inner, dict):
            yield inner, value.get("comments") or inner.get("comments") or []
        elif "status_id" in value:
            yield value, value.get("comments") or []
