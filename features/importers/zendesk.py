"""Zendesk: incremental exports of tickets, and the audits, metric events and ratings that say what happened when.

A ticket of an export is its present state. Its history comes from audits; where there are none, from fields with a
moment of their own (the opening, the first reply, the last solution), and from the states that exports showed
(`features.importers.support_tickets`). No address, name or text of a person is kept.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from features.config import School
from features.errors import BadConfig, BadInput
from features.importers.exports import files
from features.importers.inputs import Progress, digest, silent
from features.importers.office import People, settings_of
from features.importers.support_tickets import Event, Shown, State, Ticket, Words, items, moment, set_aside, write
from features.importers.zendesk_audits import history
from features.lake import Batch, ImportReport, Lake

_LISTS = ("tickets", "audits", "ticket_metric_events", "satisfaction_ratings", "metric_sets", "users")
_OPEN = ("new", "open", "pending", "hold")
_SOLVED = ("solved", "closed")
_WORDS = ("priorities", "categories", "asked_by_tag", "asked_by_subject", "scores")
_METRICS = {"reply_time": "responded", "resolution_time": "resolved", "requester_wait_time": "resolved"}


def load(school: School, path: Path, progress: Progress | None = None) -> ImportReport:
    """Imports exports of Zendesk.

    Args:
        school: where to.
        path: one file, or a folder of them: answers of the API as they came, or one object a line.
        progress: told how many bytes are read.

    Returns:
        What was read, kept and set aside.

    Raises:
        BadInput: a file is missing, empty, no JSON, or holds nothing of Zendesk's; then nothing is added.
        BadConfig: the settings cannot be used.
    """
    settings = settings_of(school, "zendesk", _WORDS)
    words, scores = Words.of("zendesk", settings), _scores(settings["scores"])
    found = files(path)
    lake = Lake(school.lake, school.zone)
    name = digest("zendesk", {"settings": settings, "zone": school.zone}, found)
    if lake.already_added(name):
        return ImportReport("zendesk", repeated=True)
    total, done = sum(file.stat().st_size for file in found), 0
    with lake.adding("zendesk", name) as batch:
        one = _Import(batch, words, scores)
        for file in found:
            one.read(file)
            done += file.stat().st_size
            (progress or silent)(done, total, file.name)
        tickets = one.tickets(People.of("zendesk", settings, school, lake))
        write(batch, path.name, tickets, school.zone, sorted_at_opening=settings["sorted_at_opening"])
    return batch.report


def _scores(given: dict[str, Any]) -> dict[str, float]:
    for word, score in given.items():
        if isinstance(score, bool) or not isinstance(score, int | float) or not 1 <= score <= 5:
            raise BadConfig(f"{word} = {score!r}", where="importers.toml [zendesk.scores]", mend="Write 1 to 5")
    return {word: float(score) for word, score in given.items()}


def _kind(item: dict[str, Any]) -> str:
    """What a lone object is: one a line, outside of any list."""
    if "requester_id" in item and "status" in item:
        return "tickets"
    if "ticket_id" not in item:
        return "users" if "email" in item else ""
    if isinstance(item.get("events"), list):
        return "audits"
    if "metric" in item:
        return "ticket_metric_events"
    return "satisfaction_ratings" if "score" in item else "metric_sets" if "solved_at" in item else ""


@dataclass(frozen=True)
class _State:
    """One export's word on a ticket."""

    row: int
    item: dict[str, Any]
    created: pd.Timestamp
    updated: pd.Timestamp


class _Import:
    def __init__(self, batch: Batch, words: Words, scores: dict[str, float]) -> None:
        self.batch, self.words, self.scores = batch, words, scores
        self.states: dict[str, list[_State]] = defaultdict(list)
        self.of_ticket: dict[str, dict[str, list[tuple[int, dict[str, Any]]]]] = {
            kind: defaultdict(list)
            for kind in ("audits", "ticket_metric_events", "satisfaction_ratings", "metric_sets")
        }
        self.emails: dict[str, str] = {}

    def read(self, file: Path) -> None:
        """Reads one file; what cannot be a ticket's is set aside."""
        row = 0
        for row, (kind, item) in items(self.batch, file, _items):
            self._add(file, row, kind, item)
        if not row:
            mend = f"Save an answer that holds one of: {', '.join(_LISTS)}; or one ticket or audit a line"
            raise BadInput("holds nothing of Zendesk's", where=file.name, mend=mend)

    def _add(self, file: Path, row: int, kind: str, item: dict[str, Any]) -> None:
        if kind == "users":
            self.emails[str(item.get("id"))] = str(item.get("email") or "")
        elif kind != "tickets":
            self.of_ticket[kind][str(item.get("ticket_id"))].append((row, item))
        else:
            created, updated = moment(item.get("created_at")), moment(item.get("updated_at"))
            sound = {"id": item.get("id"), "requester_id": item.get("requester_id")}
            sound |= {"created_at": created, "updated_at": updated}
            lacking = next((field for field, value in sound.items() if not value), None)
            if created is None or updated is None or lacking:
                reason = "is not a moment with an offset" if item.get(str(lacking)) else "is empty"
                mend = "Save the answer of the incremental export as it came"
                set_aside(self.batch, file, row, str(lacking), reason, mend)
            else:
                self.states[str(item["id"])].append(_State(row, item, created, updated))

    def tickets(self, people: People) -> Iterator[Ticket]:
        """The tickets of all files, with everything that is said of them."""
        asking = {name: str(states[0].item["requester_id"]) for name, states in self.states.items()}
        ids = pd.Series(asking, dtype="str")
        named = people.names(ids, ids.map(lambda person: self.emails.get(person, "")).astype("str")).to_dict()
        for name, states in self.states.items():
            if all(state.item.get("status") == "deleted" for state in states):
                self.batch.ignore("a deleted ticket")
            yield self._ticket(name, str(named[name]), states)
        alone = {name for kind in self.of_ticket.values() for name in kind} - set(self.states)
        known = set(self.batch.lake.read("tickets", ("ticket_id", [f"zendesk:{name}" for name in alone]))["ticket_id"])
        for name in sorted(alone):
            if f"zendesk:{name}" in known:
                yield self._ticket(name, "", [])
            else:
                self.batch.ignore("said of a ticket that is not there: import the tickets too")

    def _ticket(self, name: str, student: str, states: list[_State]) -> Ticket:
        ticket = Ticket(f"zendesk:{name}", student)
        requester = str(states[0].item["requester_id"]) if states else ""
        audits = self.of_ticket["audits"][name]
        ticket.events, first = history(audits, requester, self.words, self.scores)
        ticket.events += self._ratings(name)
        if not audits:
            ticket.events += self._measured(name, states)
        for state in states:
            item = state.item
            if item.get("status") != "deleted" and ticket.opened is None:
                category, priority = first or (None, None)
                ticket.opened = Event("opened", state.created, state.row, category, priority)
                subject = str(item.get("subject") or item.get("raw_subject") or "")
                ticket.events += [Event(asked, state.created, state.row) for asked in self.words.asked_in(subject)]
            ticket.shown.append(self._shown(state))
        return ticket

    def _shown(self, state: _State) -> Shown:
        item, at = state.item, max(state.updated, state.created)
        generated = item.get("generated_timestamp")
        if isinstance(generated, int) and generated > at.timestamp():
            at = pd.Timestamp(generated, unit="s", tz="UTC").as_unit("us")
        status = item.get("status")
        held: State | None = "open" if status in _OPEN else "resolved" if status in (*_SOLVED, "deleted") else None
        fields = [entry.get("value") for entry in item.get("custom_fields") or () if isinstance(entry, dict)]
        tags = [str(tag) for tag in item.get("tags") or ()]
        words = [*tags, str(item.get("type") or ""), *(str(value) for value in fields if value)]
        rating = item.get("satisfaction_rating")
        score = self.scores.get(str(rating.get("score"))) if isinstance(rating, dict) else None
        category, priority = self.words.category(words), self.words.priority(item.get("priority"))
        return Shown(at, state.row, held, category, priority, tuple(self.words.asked(words)), score)

    def _ratings(self, name: str) -> Iterator[Event]:
        for row, item in self.of_ticket["satisfaction_ratings"][name]:
            at, score = (
                moment(item.get("updated_at") or item.get("created_at")),
                self.scores.get(str(item.get("score"))),
            )
            if at is not None and score is not None:
                yield Event("rated", at, row, score=score)

    def _measured(self, name: str, states: list[_State]) -> Iterator[Event]:
        """What metrics date: replies and solutions; a clock that runs again was started by a reopening."""
        for row, item in self.of_ticket["ticket_metric_events"][name]:
            at, event = moment(item.get("time")), _METRICS.get(str(item.get("metric")))
            if at is not None and event and item.get("type") == "fulfill":
                yield Event(event, at, row)
            elif at is not None and event == "resolved" and item.get("type") == "activate":
                yield Event("reopened", at, row)
        within = [(state.row, state.item.get("metric_set")) for state in states]
        for row, metrics in [*within, *self.of_ticket["metric_sets"][name]]:
            if not isinstance(metrics, dict):
                continue
            solved = moment(metrics.get("solved_at"))
            if solved is not None:
                yield Event("resolved", solved, row)
            minutes = (metrics.get("reply_time_in_minutes") or {}).get("calendar")
            if states and isinstance(minutes, int | float):
                yield Event("responded", states[0].created + pd.Timedelta(minutes=minutes), row)


def _items(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """The objects of an answer or of a line, each with its kind."""
    if isinstance(value, list):
        for entry in value:
            yield from _items(entry)
    elif isinstance(value, dict):
        lists = [name for name in _LISTS if isinstance(value.get(name), list)]
        for name in lists:
            yield from ((name, item) for item in value[name] if isinstance(item, dict))
        if not lists and (kind := _kind(value)):
            yield kind, value
