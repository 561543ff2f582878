"""Nights: the ranked lists that people work from, published whole or not at all, and the curators' words on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import blake2b
from typing import Any

from sqlalchemy import Connection, Select, and_, delete, func, insert, select, update

from features import clock
from features.errors import BadInput, NotFound, Refused
from serving.store.database import Database, chunks
from serving.store.rows import VERDICTS, Entry, Night, Verdict
from serving.store.schema import night, night_entry, touch, verdict

_NIGHT = [night.c[name] for name in Night.__dataclass_fields__]
_ENTRY = [night_entry.c[name] for name in Entry.__dataclass_fields__]
_VERDICT = [verdict.c[name] for name in Verdict.__dataclass_fields__]
_PUBLISHED = night.c.state == "published"
_KEY = ("as_of", "label", "model_version", "policy_version", "lake_version")


class Nights(Database):
    """The lists."""

    def open_night(self, as_of: date, label: str, model_version: str, policy_version: str, lake_version: str) -> Night:
        """Begins a night's list, which nobody sees until it is published.

        An unfinished list of the same night, left by a run that was killed, is thrown away; should that run still
        be going, it will be refused when it wants to publish.
        """
        key = dict(zip(_KEY, (as_of, label, model_version, policy_version, lake_version), strict=True))
        row = {**key, "state": "building", "counts": {}, "started_at": clock.now(), "published_at": None}
        with self.writing() as connection:
            connection.execute(delete(night).where(night.c.state == "building", *_same(key)))
            return Night(*connection.execute(insert(night).values(row).returning(*_NIGHT)).one())

    def publish_night(self, night_id: int, entries: Sequence[Entry], counts: Mapping[str, Any]) -> Night:
        """Publishes a night's list, whole or not at all.

        The entries go in piece by piece, so that nobody has to wait long for the database, and become visible in one
        step at the end. Earlier lists of the same night (same day, label and versions) are replaced in that step. After
        an error the same call can be made again.

        Args:
            night_id: of a night that was opened and is not published.
            entries: the list.
            counts: what the night counted.

        Raises:
            Refused: the night is not open any more: it is published, or another run has begun it anew.
            Unavailable: the database does not answer; nothing was published.
        """
        with self.writing() as connection:
            _open(connection, night_id)
            connection.execute(delete(night_entry).where(night_entry.c.night_id == night_id))
        for some in chunks(entries):
            with self.writing() as connection:
                _open(connection, night_id)
                connection.execute(insert(night_entry), [{"night_id": night_id, **_plain(entry)} for entry in some])
        with self.writing() as connection:
            opened = _open(connection, night_id)
            there = connection.scalar(select(func.count()).where(night_entry.c.night_id == night_id))
            if there != len(entries):
                raise Refused(
                    f"{there} entries are stored, not {len(entries)}", where=f"night {night_id}", mend="Run it again"
                )
            key = {name: getattr(opened, name) for name in _KEY}
            connection.execute(delete(night).where(night.c.night_id != night_id, *_same(key)))
            published = {"state": "published", "counts": dict(counts), "published_at": clock.now()}
            flip = update(night).where(night.c.night_id == night_id).values(published).returning(*_NIGHT)
            return Night(*connection.execute(flip).one())

    def last_night(self, label: str | None = None) -> Night | None:
        """The night that was published last; None when there is none yet."""
        newest = select(*_NIGHT).where(_PUBLISHED).order_by(night.c.published_at.desc(), night.c.night_id.desc())
        return self._first(newest if label is None else newest.where(night.c.label == label))

    def night_before(self, as_of: date, label: str) -> Night | None:
        """The published night of the latest day before ``as_of``; None when there is none."""
        earlier = select(*_NIGHT).where(_PUBLISHED, night.c.label == label, night.c.as_of < as_of)
        order = (night.c.as_of.desc(), night.c.published_at.desc(), night.c.night_id.desc())
        return self._first(earlier.order_by(*order))

    def entries(
        self,
        night_id: int,
        *,
        course: str | None = None,
        curator: str | None = None,
        band: str | None = None,
        changed: bool | None = None,
        after_rank: int = 0,
        limit: int | None = None,
    ) -> list[Entry]:
        """A published list, by rank.

        Args:
            night_id: the night; one that is not published has no entries yet.
            course: only this course run.
            curator: only this curator's students; ``""`` is those that nobody looks after.
            band: only this band.
            changed: only those whose band changed, or did not.
            after_rank: only what comes after this rank.
            limit: at most so many.
        """
        wanted = [night_entry.c.night_id == night_id, night_entry.c.rank > after_rank]
        if course is not None:
            wanted.append(night_entry.c.course_id == course)
        if curator is not None:
            wanted.append(night_entry.c.curator == curator if curator else night_entry.c.curator.is_(None))
        if band is not None:
            wanted.append(night_entry.c.band == band)
        if changed is not None:
            wanted.append(night_entry.c.changed.is_(changed))
        found = _published(*_ENTRY).where(*wanted).order_by(night_entry.c.rank).limit(limit)
        with self.reading() as connection:
            return [Entry(*row) for row in connection.execute(found)]

    def entry(self, night_id: int, enrolment_id: str) -> Entry | None:
        """One entry of a published list; None when it is not on it."""
        wanted = and_(night_entry.c.night_id == night_id, night_entry.c.enrolment_id == enrolment_id)
        with self.reading() as connection:
            row = connection.execute(_published(*_ENTRY).where(wanted)).first()
        return None if row is None else Entry(*row)

    def entries_of(self, student_id: str, label: str) -> list[tuple[Night, Entry]]:
        """A student's entries on all published lists, the newest night first."""
        order = (night.c.as_of.desc(), night.c.published_at.desc(), night_entry.c.rank)
        found = _published(*_NIGHT, *_ENTRY).where(night_entry.c.student_id == student_id, night.c.label == label)
        with self.reading() as connection:
            rows = connection.execute(found.order_by(*order)).all()
        return [(Night(*row[: len(_NIGHT)]), Entry(*row[len(_NIGHT) :])) for row in rows]

    def bands(self, night_id: int) -> dict[str, str | None]:
        """The band of each enrolment of a published list."""
        found = _published(night_entry.c.enrolment_id, night_entry.c.band).where(night_entry.c.night_id == night_id)
        with self.reading() as connection:
            return dict(connection.execute(found).all())

    def told(self, night_id: int, enrolments: Sequence[str] | None = None) -> dict[str, list[str]]:
        """The features that a published list gave as its reasons, by enrolment; of all or of some."""
        found = _published(night_entry.c.enrolment_id, night_entry.c.reasons).where(night_entry.c.night_id == night_id)
        if enrolments is not None:
            found = found.where(night_entry.c.enrolment_id.in_(enrolments))
        with self.reading() as connection:
            return {id_: [one["feature"] for one in reasons] for id_, reasons in connection.execute(found)}

    def add_verdict(self, night_id: int, enrolment_id: str, word: str, note: str, login: str) -> Verdict:
        """Keeps a curator's word on an entry; it takes the place of an earlier one.

        "Already spoke" is a contact too: it is kept as an answered call, so that nobody contacts the student twice.

        Raises:
            BadInput: it is not one of the words.
            NotFound: there is no such entry on a published list.
        """
        if word not in VERDICTS:
            raise BadInput(f"{word!r} is not a verdict", where="word", mend=f"Use one of: {', '.join(VERDICTS)}")
        wanted = and_(night_entry.c.night_id == night_id, night_entry.c.enrolment_id == enrolment_id)
        about = [night_entry.c[name] for name in ("enrolment_id", "student_id", "decision_id")]
        with self.writing() as connection:
            row = connection.execute(_published(*about, night.c.as_of, night.c.label).where(wanted)).mappings().first()
            if row is None:
                raise NotFound("it is not on the list", where=f"enrolment {enrolment_id}, night {night_id}")
            said = Verdict(**row, word=word, note=note, login=login, at=clock.now())
            connection.execute(insert(verdict).values(_plain(said)))
            spoken = _spoken(said)
            connection.execute(delete(touch).where(touch.c.touch_id == spoken["touch_id"]))
            if word == "already_spoke":
                connection.execute(insert(touch).values(spoken))
        return said

    def verdicts_of(self, night_id: int) -> dict[str, Verdict]:
        """The word in force on each entry of a night that has one, by enrolment."""
        same = and_(verdict.c.as_of == night.c.as_of, verdict.c.label == night.c.label)
        found = select(*_VERDICT).join(night, same).where(night.c.night_id == night_id).order_by(verdict.c.verdict_id)
        with self.reading() as connection:
            words = [Verdict(*row) for row in connection.execute(found)]
        return {word.enrolment_id: word for word in words}

    def verdicts_about(self, student_id: str) -> list[Verdict]:
        """Every word on a student, the newest first."""
        found = select(*_VERDICT).where(verdict.c.student_id == student_id).order_by(verdict.c.verdict_id.desc())
        with self.reading() as connection:
            return [Verdict(*row) for row in connection.execute(found)]

    def _first(self, found: Select[Any]) -> Night | None:
        with self.reading() as connection:
            row = connection.execute(found.limit(1)).first()
        return None if row is None else Night(*row)


def _spoken(said: Verdict) -> dict[str, Any]:
    """The contact that "already spoke" tells of; one for each entry, however often it is said."""
    entry = f"{said.label}|{said.as_of.isoformat()}|{said.enrolment_id}"
    return {
        "touch_id": "spoke-" + blake2b(entry.encode(), digest_size=16).hexdigest(),
        "student_id": said.student_id,
        "enrolment_id": said.enrolment_id,
        "channel": "call",
        "status": "answered",
        "occurred_at": said.at,
        "known_at": said.at,
    }


def _plain(row: Entry | Verdict) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def _same(key: Mapping[str, Any]) -> list[Any]:
    return [night.c[name] == value for name, value in key.items()]


def _published(*columns: Any) -> Select[Any]:
    return select(*columns).join_from(night_entry, night).where(_PUBLISHED)


def _open(connection: Connection, night_id: int) -> Night:
    row = connection.execute(select(*_NIGHT).where(night.c.night_id == night_id)).first()
    found = None if row is None else Night(*row)
    if found is None or found.state != "building":
        raise Refused("it is not open", where=f"night {night_id}", mend="Another run published it or began it anew")
    return found
