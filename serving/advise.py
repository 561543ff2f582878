"""Advice: the one path from stored facts to a stored decision, which the night and the API share."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pandas as pd

from features import clock
from features.build import Snapshots
from features.catalogue import FEATURES
from features.config import School
from features.errors import BadInput, NotFound, NotReady
from features.identity import Identities
from features.labels import Label
from features.lake import Lake
from features.norms import norms
from features.people import People, Person, is_known
from model.bundle import Bundle, load, without_model
from model.registry import served_bundle
from model.uplift import Effects, served
from serving.decide import (
    Case,
    EnrolmentCase,
    Margins,
    Policy,
    PriceBook,
    survey,
    telling_days,
)
from serving.decide.case import RECOMMENDED
from serving.decide.menu import Menu
from serving.doubts import Doubts
from serving.explained import Telling
from serving.history import LOOK_BACK, History
from serving.planning import Capacity
from serving.policies import policy_in_force
from serving.score import Scored, score
from serving.settling import Settling
from serving.store import Entry, Night, Store

WEEK = timedelta(days=7)
SKEW = timedelta(minutes=5)
"""So far may a caller's clock be ahead of ours."""
RISK_STEPS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""The upper bounds that risks are counted by."""
_ELAPSED = "course_elapsed_share"  # what a margin falls with
_KEPT_NORMS = 256  # courses and days whose norms are kept for single calls

Progress = Callable[[int, int, str], None]
Record = dict[str, Any]


@dataclass(frozen=True)
class Advice:
    """What is believed of a student and what is recommended.

    Attributes:
        person: the student.
        as_of: the cut-off day.
        scored: the live enrolments, highest risk first, those without a risk last.
        decision: the stored record of `serving.decide.Decision`; None when no enrolment is live.
    """

    person: Person
    as_of: date
    scored: tuple[Scored, ...]
    decision: Record | None


@dataclass(frozen=True)
class Card:
    """What the school believes, decided and did about a student; newest first.

    Attributes:
        entries: the student's places on the nights' lists.
        decisions: records.
        touches: contacts, imported and reported, with the contract's columns.
        verdicts: curators' words.
    """

    person: Person
    entries: list[tuple[Night, Entry]]
    decisions: list[Record]
    touches: list[Record]
    verdicts: list[Record]


@dataclass(frozen=True)
class Prepared:
    """A student about whom a decision can be made."""

    person: Person
    scored: tuple[Scored, ...]
    case: Case


def check_begun(day: date, zone: str) -> None:
    """Refuses to decide about a day that is still to come: its own night would find what was decided too early.

    Raises:
        BadInput: the day has not begun in the school's zone.
    """
    today = (clock.now() + SKEW).astimezone(ZoneInfo(zone)).date()
    if day > today:
        what = f"{day} has not begun yet: in the school's zone {zone} it is {today}"
        raise BadInput(what, where="as_of", mend=f"Ask for {today} or an earlier day, or leave as_of out")


class Adviser:
    """A school, the model that serves its label, and its policy.

    Args:
        school: whose facts are read.
        label: what is predicted.
        bundle: the served model.
        policy: the policy in force.
        store: where decisions are kept.
        effects: what actions are measured to do; None while the rules decide.
        fault: why the files of the policy cannot be used, when the policy is the one that was in force before.

    Raises:
        BadInput: the model was made for another version of the label, or it or the effects need a feature that is not
            made any more.
    """

    def __init__(
        self,
        school: School,
        label: Label,
        bundle: Bundle,
        policy: Policy,
        store: Store,
        effects: Effects | None = None,
        fault: str | None = None,
    ) -> None:
        lacking = set(bundle.features) - set(FEATURES)
        if lacking or (bundle.label, bundle.label_version) != (label.name, label.version):
            raise BadInput(
                f"the served model of {bundle.label} version {bundle.label_version} does not fit this release"
                + (f": it needs {', '.join(sorted(lacking))}" if lacking else ""),
                where="bundle",
                mend=f"Run `handrail train --label {label.name}`, then `handrail promote --label {label.name}`",
            )
        if effects and (unmade := set(effects.features) - set(FEATURES)):
            what = f"the effects in force need {', '.join(sorted(unmade))}, which this release does not make"
            raise BadInput(what, where="effects", mend=f"Run `handrail uplift train --label {label.name}`")
        self.school, self.label, self.bundle, self.policy, self.store = school, label, bundle, policy, store
        self.effects, self.fault = effects if policy.measures else None, fault
        self.lake = Lake(school.lake, school.zone)
        self._capacity = Capacity.from_config(school.config("capacity"), school.where)
        self._settling = Settling(store, policy, self._capacity, label.name, bundle.version)
        self._margins = Margins.from_config(policy.contents["value"])
        self._head = str(school.config("school")["head"])
        self._history = History(self.lake, store)
        self._bands = school.config("school")["bands"]
        self._telling = Telling.of(school.config("school")["explanations"])
        self._norms = lru_cache(_KEPT_NORMS)(self._course_norms)
        self._at_hand: Snapshots | None = None

    @classmethod
    def open(cls, school: School, label: Label, store: Store) -> Adviser:
        """The adviser with the school's served model and policy; before one was promoted, the rules decide alone.

        Raises:
            BadConfig: the policy cannot be used.
        """
        try:
            bundle = load(served_bundle(school.home, label.name))
        except NotReady:
            bundle = without_model(label)
        effects = served(school.home, label.name) if bundle.features else None
        policy, fault = policy_in_force(school, store, effects)
        return cls(school, label, bundle, policy, store, effects, fault)

    def scored(
        self, as_of: date, students: Sequence[str] | None = None, fresh: Mapping[str, pd.DataFrame] | None = None
    ) -> list[Scored]:
        """Scores the live enrolments at a cut-off, of everybody or of some students.

        Args:
            as_of: the cut-off; with ``fresh`` events, the end of that day.
            students: only these; what is usual is still learned from all their course-mates.
            fresh: checked rows of theirs that are not in the lake, by table.
        """
        cut = as_of + timedelta(days=1) if fresh else as_of  # fresh events are of the day itself
        # A week ago some of their enrolments may not have been known to be theirs.
        names = None if students is None else Identities.of(self.lake).names(students)
        rows = self._snapshots().at([cut - WEEK, cut], students=names, fresh=fresh)
        today = rows["day"] == clock.day_number(cut)
        if students is not None:
            rows = rows[~today | rows["student_id"].isin(students)]
            today = today[rows.index]
        usual = norms(rows[today], self.bundle.features) if students is None else self._usual_of(rows[today], cut)
        here, before = rows[today].reset_index(drop=True), rows[~today]
        told = self._told_before(cut, None if students is None else list(here["enrolment_id"]))
        return score(here, before, usual, self.bundle, self._bands, self._telling, told, self.effects)

    def _told_before(self, cut: date, enrolments: Sequence[str] | None) -> Mapping[str, Sequence[str]]:
        """The features that the list before a cut-off gave as reasons, by enrolment, so that reasons stay steady."""
        night = self.store.night_before(cut, self.label.name)
        return self.store.told(night.night_id, enrolments) if night else {}

    def _snapshots(self) -> Snapshots:
        """The features of the lake's present state, made anew only when it has changed."""
        if self._at_hand is None or self._at_hand.version != self.lake.version:
            self._at_hand = Snapshots(self.school)
        return self._at_hand

    def _usual_of(self, rows: pd.DataFrame, cut: date) -> pd.DataFrame:
        """What is usual in the rows' courses, among all course-mates."""
        courses = sorted(set(rows["course_id"]))
        known = [self._norms(course, cut, self.lake.version) for course in courses]
        return pd.concat(known, ignore_index=True) if known else norms(rows, self.bundle.features)

    def _course_norms(self, course_id: str, cut: date, lake_version: str) -> pd.DataFrame:
        mates = self.lake.read("enrolments", ("course_id", [course_id]))["student_id"]
        rows = self._snapshots().at([cut], students=sorted(set(mates)))
        return norms(rows[rows["course_id"] == course_id], self.bundle.features)

    def advise(
        self,
        as_of: date,
        students: Sequence[str] | None = None,
        *,
        fresh: Mapping[str, pd.DataFrame] | None = None,
        digest: str = "",
        moment: datetime | None = None,
    ) -> list[Advice]:
        """Scores, decides and stores: everybody with a live enrolment, or some students.

        Args:
            as_of: the cut-off; it is the decision's day.
            students: only these.
            fresh: see `scored`.
            digest: sets this request apart from the others of the day; see `serving.decide.Case`.
            moment: what is decided for; see `moment`.

        Returns:
            By student id. Every decision in it is on the disk.
        """
        moment = moment or self.moment(as_of)
        found = self.prepare(as_of, students, fresh=fresh, digest=digest, moment=moment)
        book = self.book(as_of) or (None if students is None else self._settling.book_before(as_of))
        menus: Sequence[Menu] = [survey(one.case, self.policy, moment, book.muted if book else ()) for one in found]
        if book is None and students is None:
            menus, book = self._settling.lay_down(as_of, menus, self.moment(as_of))
        told: list[Advice] = []
        stored = self._settling.stored(as_of, menus, book)
        versions = (self.bundle.version, self.policy.version)
        others = self.store.decided_otherwise(as_of, *versions) if students is None else ()
        for one, record in zip(found, stored, strict=True):
            # A night made again finds what was decided before the student spoke, or before another policy's night.
            doubtful = students is None and (one.case.student_id in others or _knows_more(one.case, record, moment))
            later = self._not_known_to(record) if doubtful else []
            if record is not None and not later:
                told.append(Advice(one.person, as_of, one.scored, record))
                continue
            again, at = _since(digest, later) if later else digest, max(moment, self.moment(as_of))
            told += self.advise(as_of, [one.case.student_id], fresh=fresh, digest=again, moment=at)
        return told

    def prepare(
        self,
        as_of: date,
        students: Sequence[str] | None = None,
        *,
        fresh: Mapping[str, pd.DataFrame] | None = None,
        digest: str = "",
        moment: datetime | None = None,
    ) -> list[Prepared]:
        """Everything that the decisions of a day depend on, by student id; nothing is stored. See `advise`."""
        by_student: dict[str, list[Scored]] = defaultdict(list)
        for one in self.scored(as_of, students, fresh):
            by_student[one.student_id].append(one)
        people = People(self.school, clock.day_number(as_of), None if students is None else list(by_student))
        moment, doubts = moment or self.moment(as_of), self.doubts(as_of)
        sources = doubts.sources(fresh or ())
        digest = doubts.digest(digest, sources)
        # Contacts of the day itself too, when much later something is asked about it.
        since = min(moment, clock.day_start(as_of, self.school.zone)) - LOOK_BACK
        contacts, words = self._history.contacts(by_student, moment, since), self._history.words(by_student, moment)
        flags = self._history.flags(by_student, moment)
        cut = as_of + timedelta(days=1) if fresh else as_of
        came = self._snapshots().active_days(sorted(contacts), cut, LOOK_BACK.days, fresh) if contacts else {}
        found: list[Prepared] = []
        for student_id in sorted(by_student):
            scored = tuple(sorted(by_student[student_id], key=_by_risk))
            person = people.person(student_id, scored[0].course_id)
            zones = {ZoneInfo(person.time_zone), ZoneInfo(self.school.zone)}  # a contact's day is the student's
            days = {touch.at.astimezone(zone).date() for touch in contacts.get(student_id, ()) for zone in zones}
            enrolments = tuple(self._enrolment(one, people) for one in scored)
            case = Case(
                student_id=student_id,
                decision_date=as_of,
                time_zone=person.time_zone,
                enrolments=enrolments,
                consents=tuple(words[student_id]),
                touches=tuple(contacts[student_id]),
                model_version=self.bundle.version,
                request_digest=digest,
                stale=sources,
                data_health=doubts.health,
                flags=tuple(flags.get(student_id, ())),
                active_days=telling_days(came.get(student_id, ()), days),
                exhausted=self._capacity.none_of(enrolments),
            )
            found.append(Prepared(person, scored, case))
        return found

    def book(self, day: date) -> PriceBook | None:
        """The prices of a day; None before its night."""
        return self._settling.book(day)

    def answer(
        self, student_id: str, as_of: date | None = None, fresh: Mapping[str, pd.DataFrame] | None = None
    ) -> Advice:
        """The advice for one student: the night's own where there is one, made and stored now elsewhere.

        Args:
            student_id: the student's id, or another name that the school gave the student.
            as_of: the cut-off; if not given, the newest fresh event's day, or else the last night's, or else today.
            fresh: checked rows that are not in the lake, by table. They make a request of its own.

        Raises:
            NotFound: the school has no such student.
            BadInput: a fresh event is not the student's, or the day has not begun.
        """
        if as_of:
            check_begun(as_of, self.school.zone)
        student_id = self._student(student_id)
        self._check_owner(student_id, fresh or {})
        newest = max((frame["occurred_at"].max().to_pydatetime() for frame in (fresh or {}).values()), default=None)
        as_of = as_of or self._day_of(newest)
        moment = max(self.moment(as_of), newest or self.moment(as_of))
        digest = _digest(fresh) if fresh else ""
        told = None if fresh else self._of_the_night(student_id, as_of)
        told = told or next(iter(self.advise(as_of, [student_id], fresh=fresh, digest=digest, moment=moment)), None)
        if told and (later := self._not_known_to(told.decision)):
            # What was decided before the student spoke must not be told after it.
            digest, moment = _since(digest, later), clock.now()
            told = next(iter(self.advise(as_of, [student_id], fresh=fresh, digest=digest, moment=moment)), None)
        if told is None:
            person = People(self.school, clock.day_number(as_of), [student_id]).person(student_id, "")
            return Advice(person, as_of, (), None)
        return told

    def _not_known_to(self, record: Record | None) -> list[str]:
        """Ids of what a decision could not know of: while there are any, it must not be told."""
        if record is None:
            return []
        # Another model or policy was in force in between: what it decided may have been done, and holds the capacity.
        other = self.store.overruled_by(record)
        return [*([other] if other else []), *self._history.said_since(record)]

    def withheld(self, records: Sequence[Record]) -> set[str]:
        """The ids of decided contacts that must not be made any more: the student refused, or was flagged, since."""
        return set(self._history.against([record for record in records if record["channel"] is not None]))

    def _student(self, name: str) -> str:
        """The student of this name.

        Raises:
            NotFound: the school has none.
        """
        if not is_known(self.lake, name):
            raise _no_such(name)
        return Identities.of(self.lake).student(name)

    def _check_owner(self, student_id: str, fresh: Mapping[str, pd.DataFrame]) -> None:
        names = Identities.of(self.lake).names([student_id])
        own = set(self.lake.read("enrolments", ("student_id", names))["enrolment_id"]) if fresh else set()
        for table, rows in fresh.items():
            strange = set(rows["enrolment_id"].dropna()) - own
            if "student_id" in rows:
                strange |= set(rows["student_id"]).difference(names)
            if strange:
                raise BadInput(
                    f"{', '.join(sorted(strange))} is not of student {student_id}",
                    where=f"events ({table})",
                    mend="Send each student's events with that student",
                )

    def _day_of(self, newest: datetime | None) -> date:
        """The day to answer for when none was asked for."""
        if newest is not None:
            return newest.astimezone(ZoneInfo(self.school.zone)).date()
        night = self.store.last_night(self.label.name)
        return night.as_of if night else clock.today(self.school.zone)

    def _of_the_night(self, student_id: str, as_of: date) -> Advice | None:
        """What the night of that day said, if it was made by this model and policy."""
        versions = (as_of, self.bundle.version, self.policy.version)
        listed = [
            entry
            for night, entry in self.store.entries_of(student_id, self.label.name)
            if (night.as_of, night.model_version, night.policy_version) == versions
        ]
        decision_id = next((entry.decision_id for entry in listed if entry.decision_id), None)
        decision = self.store.decision(decision_id) if decision_id else None
        if decision is None:
            return None
        scored = tuple(
            Scored(
                **{name: getattr(entry, name) for name in ("enrolment_id", "student_id", "course_id", "state", "risk")},
                band=entry.band,
                reasons=list(entry.reasons),
                strength=entry.strength,
                families=list(entry.families),
                what_ifs=list(entry.what_ifs),
                values={},
            )
            for entry in {entry.enrolment_id: entry for entry in reversed(listed)}.values()
        )
        person = People(self.school, clock.day_number(as_of), [student_id]).person(student_id, scored[0].course_id)
        return Advice(person, as_of, tuple(sorted(scored, key=_by_risk)), decision)

    def card(self, student_id: str) -> Card:
        """What the school believes, decided and did about a student; newest first.

        Raises:
            NotFound: the school has no such student.
        """
        student_id = self._student(student_id)
        night = self.store.last_night(self.label.name)
        day = clock.day_number(night.as_of if night else clock.today(self.school.zone))
        entries = self.store.entries_of(student_id, self.label.name)
        person = People(self.school, day, [student_id]).person(student_id, entries[0][1].course_id if entries else "")
        return Card(
            person=person,
            entries=entries,
            decisions=self.store.decisions_of(student_id),
            touches=self._history.touches_of(student_id),
            verdicts=[asdict(word) for word in self.store.verdicts_about(student_id)],
        )

    def doubts(self, as_of: date) -> Doubts:
        """What speaks against relying on the data of a day."""
        return Doubts.of(self.lake, self.store, self.bundle, self.policy, as_of)

    def moment(self, as_of: date) -> datetime:
        """The moment that a decision of a day is made for: its start, or now when the day is today."""
        start, now = clock.day_start(as_of, self.school.zone), clock.now()
        return now if start <= now < start + timedelta(days=1) else start

    def _enrolment(self, one: Scored, people: People) -> EnrolmentCase:
        """What a decision may depend on, and no more, so that its record stays small and can be made again."""
        margin = self._margins.of(one.course_id, one.values[_ELAPSED]) if one.effects else 0
        return EnrolmentCase(
            enrolment_id=one.enrolment_id,
            course_id=one.course_id,
            risk=one.risk,
            band=one.band,
            values={name: one.values.get(name) for name in sorted(self.policy.features)},
            curator=people.person(one.student_id, one.course_id).curator or self._head,
            margin_minor=margin,
            effects=one.effects,
        )


def _no_such(student_id: str) -> NotFound:
    return NotFound("there is no such student", where=student_id, mend="Check the id, or import the student")


def _knows_more(case: Case, record: Record | None, moment: datetime) -> bool:
    """Whether something was said or done since that a contact decided earlier in the day could not know of."""
    if record is None or record["channel"] is None or datetime.fromisoformat(record["decided_at"]) >= moment:
        return False
    then = Case.from_record(record["case"])
    reported = [{touch for touch in one.touches if touch.status != RECOMMENDED} for one in (case, then)]
    return case.consents != then.consents or case.flags != then.flags or reported[0] != reported[1]


def _since(digest: str, later: Sequence[str]) -> str:
    """Sets a request apart from the same one before these were said."""
    return hashlib.sha256(" ".join([digest, *later]).encode()).hexdigest()[:32]


def _by_risk(one: Scored) -> tuple[bool, float, str]:
    return (one.risk is None, -(one.risk or 0.0), one.enrolment_id)


def _digest(fresh: Mapping[str, pd.DataFrame]) -> str:
    """Names the fresh events, whatever their order."""
    rows = sorted(
        orjson.dumps([table, {name: str(value) for name, value in row.items()}], option=orjson.OPT_SORT_KEYS)
        for table, frame in fresh.items()
        for row in frame.to_dict("records")
    )
    return hashlib.sha256(b"\n".join(rows)).hexdigest()[:32]
