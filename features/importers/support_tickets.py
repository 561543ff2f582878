"""Tickets of a help desk: what its words mean, and a ticket's events out of the states that exports showed.

A desk's export is a snapshot. What has a moment of its own (the opening, an answer, a step of the history) counts from
it. Of a state without one only this is known: that it held when the ticket was last changed. So a ticket found solved
was solved by then, and that is when it counts as solved: later than it was, never earlier. The same holds for category
and priority: they belong to the opening only if the ticket was not changed after the day on which it was opened, or if
the school settles that its tickets are sorted at once (`sorted_at_opening`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, TypeVar

import pandas as pd

from features import clock
from features.importers.exports import documents, same
from features.importers.inputs import rejects
from features.importers.office import meanings
from features.lake import Batch, Lake

T = TypeVar("T")

CATEGORIES = ("access", "payment", "functionality", "content", "feedback", "presale")
ASKED = ("cancel_requested", "refund_requested")
_MOVES = ("opened", "resolved", "reopened")
State = Literal["open", "resolved"]


@dataclass(frozen=True)
class Words:
    """What a desk's words mean, by its settings.

    Attributes:
        priorities: word -> P1, P2, P3.
        categories: word (a tag, a type, a field's value) -> category; of several the first in the settings counts.
        tags: word -> what it asks for.
        subjects: what asks for something in a subject -> what.
    """

    priorities: dict[str, str]
    categories: dict[str, str]
    tags: dict[str, str]
    subjects: tuple[tuple[re.Pattern[str], str], ...]

    @classmethod
    def of(cls, door: str, settings: Mapping[str, Any]) -> Words:
        """As the settings say.

        Raises:
            BadConfig: a word has a meaning that there is not.
        """
        subjects = meanings(f"{door}.asked_by_subject", settings["asked_by_subject"], ASKED)
        return cls(
            meanings(f"{door}.priorities", settings["priorities"], ("P1", "P2", "P3")),
            meanings(f"{door}.categories", settings["categories"], CATEGORIES),
            meanings(f"{door}.asked_by_tag", settings["asked_by_tag"], ASKED),
            tuple((_phrase(words), asked) for words, asked in subjects.items() if asked),
        )

    def category(self, words: Iterable[str]) -> str | None:
        """The category that the first known word names."""
        said = {same(word) for word in words}
        return next((category for word, category in self.categories.items() if word in said and category), None)

    def priority(self, word: str | None) -> str | None:
        """P1, P2 or P3, if the word is known."""
        return self.priorities.get(same(word)) or None if word else None

    def asked(self, words: Iterable[str]) -> list[str]:
        """What tags and the like ask for."""
        return sorted({asked for word in words if (asked := self.tags.get(same(word)))})

    def asked_in(self, subject: str) -> list[str]:
        """What a subject asks for."""
        text = same(subject)
        return sorted({asked for phrase, asked in self.subjects if phrase.search(text)})


def items(batch: Batch, file: Path, items_of: Callable[[Any], Iterator[T]]) -> Iterator[tuple[int, T]]:
    """What a file of answers holds, each with its line, or its place where all is one document.

    Args:
        batch: where a piece that is not sound JSON is set aside.
        file: JSON, or JSON lines.
        items_of: gives what one document holds.
    """
    values, broken = documents(file)
    for row, reason, mend in broken:
        set_aside(batch, file, row, "", reason, mend)
    number = 0
    for line, value in values:
        for found in items_of(value):
            number += 1
            yield line or number, found


def set_aside(batch: Batch, file: Path, row: int, column: str, reason: str, mend: str) -> None:
    """Sets aside what cannot be a ticket."""
    found = rejects("tickets", file.name, pd.Series([row]), column=column, reason=reason, mend=mend)
    batch.set_aside("tickets", found)


def _phrase(words: str) -> re.Pattern[str]:
    """Whole words; one that ends in * may go on."""
    return re.compile(r"(?<!\w)" + re.escape(words).replace(r"\*", r"\w*") + r"(?!\w)")


def moment(value: object, zone: str = "") -> pd.Timestamp | None:
    """A moment in ISO 8601, in UTC; None where there is none.

    Args:
        value: text, or what JSON has in its place.
        zone: of a moment without an offset; "" takes none of them.
    """
    try:
        found = pd.Timestamp(datetime.fromisoformat(str(value)))
    except ValueError:
        return None
    if found.tzinfo is None:
        return found.tz_localize(zone).tz_convert("UTC").as_unit("us") if zone else None
    return found.tz_convert("UTC").as_unit("us")


@dataclass(frozen=True)
class Event:
    """Something that happened to a ticket at a known moment."""

    event: str
    at: pd.Timestamp
    row: int
    category: str | None = None
    priority: str | None = None
    score: float | None = None


@dataclass(frozen=True)
class Shown:
    """How an export showed a ticket.

    Attributes:
        at: when it was so.
        row: in the export.
        state: None when the export does not say.
        asked: what its words ask for, that may have been said at any time until then.
    """

    at: pd.Timestamp
    row: int
    state: State | None
    category: str | None = None
    priority: str | None = None
    asked: tuple[str, ...] = ()
    score: float | None = None


@dataclass
class Ticket:
    """Everything an import says of one ticket.

    Attributes:
        ticket_id: with the desk's name before it.
        opened: the opening, if the import has it; its category and priority are what is known to have been said then.
        events: dated ones, in any order: `resolved` and `reopened` are what happened, whether or not they changed it.
        shown: states, in any order.
    """

    ticket_id: str
    student_id: str
    opened: Event | None = None
    events: list[Event] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)


def write(batch: Batch, file: str, tickets: Iterable[Ticket], zone: str, *, sorted_at_opening: bool) -> None:
    """Writes the events that are new; a ticket that never was opened here, such as one deleted at once, has none.

    Args:
        batch: the import.
        file: named in the reasons.
        tickets: of this import.
        zone: says what a day is.
        sorted_at_opening: whether category and priority as first shown belong to the opening.
    """
    found = {ticket.ticket_id: ticket for ticket in tickets}
    known = _known(batch.lake, list(found))
    sorted_at_once = _unchanged_on_the_first_day(found, zone) if not sorted_at_opening else set(found)
    rows: list[dict[str, Any]] = []
    for name in sorted(found):
        ticket = found[name]
        if ticket.opened is None and name not in known:
            continue
        student, old = known.get(name, (ticket.student_id, []))
        opened = _opening(ticket) if name in sorted_at_once else ticket.opened
        rows += [
            {
                "event_id": name if event is opened else f"{name}:{event.event}:{event.at:%Y%m%dT%H%M%S}",
                "ticket_id": name,
                "student_id": student,
                "event": event.event,
                "category": event.category,
                "priority": event.priority,
                "score": event.score,
                "occurred_at": event.at,
                "known_at": event.at,
                "row": event.row,
            }
            for event in _new(ticket, opened, old)
        ]
    if rows:
        frame = pd.DataFrame(rows).set_index("row").rename_axis(None)
        frame["score"] = frame["score"].astype("float64")
        batch.write("tickets", frame, file=file)


def _known(lake: Lake, names: list[str]) -> dict[str, tuple[str, list[Event]]]:
    """What the lake has of tickets: the student whose they are, and their events."""
    known: dict[str, tuple[str, list[Event]]] = {}
    for row in lake.read("tickets", ("ticket_id", names)).to_dict("records"):
        score = None if pd.isna(row["score"]) else float(row["score"])
        event = Event(row["event"], row["occurred_at"], 0, score=score)
        known.setdefault(row["ticket_id"], (row["student_id"], []))[1].append(event)
    return known


def _first(ticket: Ticket) -> Shown:
    return min(ticket.shown, key=lambda shown: shown.at)


def _unchanged_on_the_first_day(tickets: dict[str, Ticket], zone: str) -> set[str]:
    """Tickets whose first shown state is of the day on which they were opened: all of it was known by its end."""
    moments = [
        (name, ticket.opened.at, _first(ticket).at)
        for name, ticket in tickets.items()
        if ticket.opened and ticket.shown
    ]
    frame = pd.DataFrame(moments, columns=["name", "opened", "shown"])
    days = [clock.local_days(pd.to_datetime(frame[column], utc=True), zone) for column in ("opened", "shown")]
    return set(frame.loc[days[0] == days[1], "name"])


def _opening(ticket: Ticket) -> Event | None:
    """The opening with the kind that the first shown state gives, unless the history tells that of the opening."""
    opened = ticket.opened
    if opened is None or opened.category or opened.priority or not ticket.shown:
        return opened
    return replace(opened, category=_first(ticket).category, priority=_first(ticket).priority)


def _new(ticket: Ticket, opened: Event | None, old: list[Event]) -> list[Event]:
    """The events that the lake lacks: the dated ones, and what the states shown add to them."""
    dated = [opened] if opened else []
    history = sorted([*dated, *ticket.events, *old], key=_order)
    fresh = _moves_that_move(history, set(map(id, old)))
    told = sorted([*old, *fresh], key=_order)
    for shown in sorted(ticket.shown, key=lambda shown: shown.at):
        added = list(_shown_to_have_happened(shown, [event for event in told if event.at <= shown.at], told))
        fresh += added
        told = sorted([*told, *added], key=_order)
    return fresh


def _order(event: Event) -> tuple[pd.Timestamp, int]:
    return event.at, _MOVES.index(event.event) if event.event in _MOVES else len(_MOVES)


def _moves_that_move(history: list[Event], old: set[int]) -> list[Event]:
    """New events in their order, without a solution of what is solved and a reopening of what is open."""
    kept: list[Event] = []
    is_open = False
    for event in history:
        moves = event.event in ("resolved", "reopened")
        if id(event) not in old and not (moves and is_open == (event.event == "reopened")):
            kept.append(event)
        if event.event in _MOVES:
            is_open = event.event != "resolved"
    return kept


def _shown_to_have_happened(shown: Shown, before: list[Event], told: list[Event]) -> Iterable[Event]:
    """What must have happened by the moment of a state, and is not told."""
    moves = [event.event for event in before if event.event in _MOVES]
    state = None if not moves else "resolved" if moves[-1] == "resolved" else "open"
    if shown.state and state and shown.state != state:
        event = "resolved" if shown.state == "resolved" else "reopened"
        yield Event(event, shown.at, shown.row, shown.category, shown.priority)
    for asked in shown.asked:
        if not any(event.event == asked for event in told):
            yield Event(asked, shown.at, shown.row, shown.category, shown.priority)
    scores = [event.score for event in before if event.event == "rated"]
    if shown.score is not None and (not scores or scores[-1] != shown.score):
        yield Event("rated", shown.at, shown.row, shown.category, shown.priority, shown.score)
