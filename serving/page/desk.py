"""The desk: what a reader has to work on, gathered from the store, and where the reader's answers go back to it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from features.errors import BadInput, NotFound
from serving.history import History
from serving.page import figures
from serving.page.board import Board, Filters, Place, may_see
from serving.page.shown import Shown, shown
from serving.store import Account, Entry, Night, Store, Verdict

PER_PAGE = 50
MOST_OF_A_NOTE = 500  # characters
_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Row:
    """One entry with what belongs to it.

    Attributes:
        entry: of the newest list.
        decision: the student's, as curators may see it.
        verdict: the word in force on it.
        refusal: the reason why what was decided must not be done any more: the student refused, or was flagged, since;
            empty when there is none.
    """

    entry: Entry
    decision: Shown | None
    verdict: Verdict | None
    refusal: str


@dataclass(frozen=True)
class Sheet:
    """One page of the newest list.

    Attributes:
        night: the list.
        places: all that the reader may see, by rank.
        in_any_band: those that the filters admit, or would but for the band.
        wanted: those that the filters admit.
        rows: the ones on this page, with their details.
    """

    night: Night
    places: Sequence[Place]
    in_any_band: Sequence[Place]
    wanted: Sequence[Place]
    rows: Sequence[Row]


@dataclass(frozen=True)
class Dossier:
    """Everything that a student's card is made from.

    Attributes:
        night: the newest list.
        total: how many places it has.
        top: the top of its risk bars.
        rows: the student's entries on it that the reader may see, by rank; empty when there is none.
        past: the student's entries on all lists that the reader may see, the newest first.
        decisions: what was decided about the student, the newest first.
        touches: contacts, as the store keeps them.
        verdicts: the newest first.
        following: the next student without an answer; None when this is the last.
    """

    night: Night
    total: int
    top: float
    rows: Sequence[Row]
    past: Sequence[tuple[Night, Entry]]
    decisions: Sequence[Shown]
    touches: Sequence[Mapping[str, Any]]
    verdicts: Sequence[Verdict]
    following: Entry | None


class Desk:
    """Reads and answers for one reader at a time.

    Args:
        store: where everything is.
        board: the newest list.
        history: what was said since it was made.
    """

    def __init__(self, store: Store, board: Board, history: History) -> None:
        self._store, self._board, self._history = store, board, history

    def sheet(self, reader: Account, filters: Filters, after: int) -> Sheet | None:
        """A page of the newest list; None when there is no list yet.

        Args:
            reader: who sees it.
            filters: what is wanted.
            after: only ranks beyond this one.
        """
        night = self._board.newest()
        if night is None:
            return None
        places = self._board.places(night, reader)
        verdicts = self._store.verdicts_of(night.night_id)
        any_band = replace(filters, band="")
        in_any_band = [place for place in places if any_band.admits(place, verdicts)]
        wanted = [place for place in in_any_band if filters.admits(place, verdicts)]
        here = [place for place in wanted if place.rank > after][:PER_PAGE]
        return Sheet(night, places, in_any_band, wanted, self._rows(night, here, verdicts))

    def dossier(self, reader: Account, student_id: str, filters: Filters) -> Dossier:
        """What is known of a student.

        Args:
            reader: who sees it.
            student_id: the student.
            filters: of the list that the next student is looked for on.

        Raises:
            NotFound: there is no such student on any list, or it is another curator's.
        """
        night, places, own = self._own(reader, student_id)
        past = [pair for pair in self._store.entries_of(student_id, night.label) if may_see(reader, pair[1].curator)]
        if not own and (not past or self._is_anothers(night, student_id)):
            raise NotFound("there is no such student", where=student_id)
        verdicts = self._store.verdicts_of(night.night_id)
        ahead = [place for place in places if filters.admits(place, verdicts)]
        return Dossier(
            night=night,
            total=self._board.size(night),
            top=figures.scale([place.risk for place in places]),
            rows=self._rows(night, own, verdicts),
            past=past,
            decisions=[shown(record) for record in self._store.decisions_of(student_id)],
            touches=self._store.touches_since([student_id], _ALWAYS),
            verdicts=self._store.verdicts_about(student_id),
            following=self._following(night, ahead, own, verdicts),
        )

    def answer(self, reader: Account, student_id: str, word: str, note: str) -> None:
        """Keeps the reader's word on what is recommended for a student, for each of the student's courses.

        Raises:
            NotFound: the student is not among the reader's on the newest list.
            BadInput: it is not one of the words, or the note is too long.
        """
        if len(note) > MOST_OF_A_NOTE:
            raise BadInput(f"the note has {len(note)} characters", where="note", mend=f"Use up to {MOST_OF_A_NOTE}")
        night, _, own = self._own(reader, student_id)
        if not own:
            raise NotFound("there is no such student", where=student_id)
        for place in own:
            self._store.add_verdict(night.night_id, place.enrolment_id, word, note, reader.login)

    def _own(self, reader: Account, student_id: str) -> tuple[Night, list[Place], list[Place]]:
        night = self._board.newest()
        if night is None:
            raise NotFound("there is no list yet", where=student_id)
        places = self._board.places(night, reader)
        return night, places, [place for place in places if place.student_id == student_id]

    def _is_anothers(self, night: Night, student_id: str) -> bool:
        """Whether the newest list gives the student to somebody else: former curators see no more of them."""
        return any(now.night_id == night.night_id for now, _ in self._store.entries_of(student_id, night.label))

    def _rows(self, night: Night, places: Sequence[Place], verdicts: Mapping[str, Verdict]) -> list[Row]:
        entries = [self._store.entry(night.night_id, place.enrolment_id) for place in places]
        decided = {one.decision_id for one in entries if one and one.decision_id}
        records = {id_: record for id_ in decided if (record := self._store.decision(id_))}
        against = self._history.against(list(records.values()))
        rows = []
        for entry in entries:
            if entry is None:  # erased since
                continue
            record = records.get(entry.decision_id or "")
            said = against.get(entry.decision_id or "")
            refusal = _SINCE[said[-1]["state"]] if said else ""
            rows.append(Row(entry, shown(record) if record else None, verdicts.get(entry.enrolment_id), refusal))
        return rows

    def _following(
        self, night: Night, places: Sequence[Place], own: Sequence[Place], answered: Collection[str]
    ) -> Entry | None:
        here = max((place.rank for place in own), default=0)
        this = {place.student_id for place in own}
        for place in places:
            if place.rank > here and place.student_id not in this and place.enrolment_id not in answered:
                return self._store.entry(night.night_id, place.enrolment_id)
        return None


_SINCE = {"paused": "paused", "withdrawn": "unsubscribed", "set": "people_only"}
"""The reason to tell, by what was said."""
