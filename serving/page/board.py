"""The newest list as a reader may see it: who is on it, filtered and counted, without the details of a row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from serving.store import Account, Entry, Night, Store

BANDS = ("high", "medium", "low", "none")
STATES = ("todo", "answered", "changed")
NOBODY = "-"  # as the filter on curators says "without one"
_SEES_ALL = ("head", "admin")


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of a list, without its details; `band` is `none` where there is not enough data."""

    rank: int
    enrolment_id: str
    student_id: str
    course_id: str
    course: str
    curator: str | None
    band: str
    risk: float | None
    changed: bool


@dataclass(frozen=True, slots=True)
class Filters:
    """What a reader wants to see; an empty text is everything."""

    course: str = ""
    band: str = ""
    curator: str = ""
    state: str = ""

    def admits(self, place: Place, answered: Collection[str]) -> bool:
        """Whether the place is wanted, given the enrolments that have an answer."""
        if self.course and place.course_id != self.course:
            return False
        if self.curator and (place.curator or NOBODY) != self.curator:
            return False
        if self.band and place.band != self.band:
            return False
        if self.state == "changed":
            return place.changed
        return not self.state or (place.enrolment_id in answered) == (self.state == "answered")


def sees_all(reader: Account) -> bool:
    """Whether the reader sees everybody's students."""
    return reader.role in _SEES_ALL


def may_see(reader: Account, curator: str | None) -> bool:
    """Whether the reader may see a student of this curator; nobody's students are for those who see all."""
    return sees_all(reader) or curator == reader.login


class Board:
    """The newest published list of one label.

    A published list never changes, so its places are kept until there is a newer one.

    Args:
        store: where lists are.
        label: the served label.
    """

    def __init__(self, store: Store, label: str) -> None:
        self._store, self.label = store, label
        self._kept: tuple[int, tuple[Place, ...]] = (-1, ())

    def newest(self) -> Night | None:
        """The newest list; None when there is none yet."""
        return self._store.last_night(self.label)

    def places(self, night: Night, reader: Account) -> list[Place]:
        """The places that the reader may see, by rank."""
        return [place for place in self._all(night) if may_see(reader, place.curator)]

    def size(self, night: Night) -> int:
        """How many places there are."""
        return len(self._all(night))

    def _all(self, night: Night) -> tuple[Place, ...]:
        night_id, places = self._kept
        if night_id != night.night_id:
            places = tuple(_place(entry) for entry in self._store.entries(night.night_id))
            self._kept = (night.night_id, places)
        return places


def count_bands(places: Iterable[Place]) -> dict[str, int]:
    """How many places are in each band, in the order of `BANDS`."""
    counts = Counter(place.band for place in places)
    return {band: counts[band] for band in BANDS}


def _place(entry: Entry) -> Place:
    return Place(
        rank=entry.rank,
        enrolment_id=entry.enrolment_id,
        student_id=entry.student_id,
        course_id=entry.course_id,
        course=course_title(entry),
        curator=entry.curator,
        band=entry.band or "none",
        risk=entry.risk,
        changed=entry.changed,
    )


def course_title(entry: Entry) -> str:
    """The course as people call it."""
    return str(entry.values.get("course_title") or entry.course_id)


def student_name(entry: Entry) -> str:
    """The student's name as the student writes it, otherwise the id."""
    return str(entry.values.get("display_name") or entry.student_id)
