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
from serving.decide import Case, Decision, EnrolmentCase, Policy, decide
from serving.doubts import Doubts
from serving.explained import Telling
from serving.history import History
from serving.score import Scored, score
from serving.store import Entry, Night, Store

WEEK = timedelta(days=7)
RISK_STEPS = (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""The upper bounds that risks are counted by."""
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


def policy_of(school: School) -> Policy:
    """The school's policy in force.

    Raises:
        BadConfig: names every fault of actions.toml, rules.toml and gates.toml.
    """
    return Policy.from_config(school.config("actions"), school.config("rules"), school.config("gates"), FEATURES)


class Adviser:
    """A school, the model that serves its label, and its policy.

    Args:
        school: whose facts are read.
        label: what is predicted.
        bundle: the served model.
        policy: the policy in force.
        store: where decisions are kept.

    Raises:
        BadInput: the model was made for another version of the label, or needs a feature that is not made any more.
    """

    def __init__(self, school: School, label: Label, bundle: Bundle, policy: Policy, store: Store) -> None:
        lacking = set(bundle.features) - set(FEATURES)
        if lacking or (bundle.label, bundle.label_version) != (label.name, label.version):
            raise BadInput(
                f"the served model of {bundle.label} version {bundle.label_version} does not fit this release"
                + (f": it needs {', '.join(sorted(lacking))}" if lacking else ""),
                where="bundle",
                mend=f"Run `handrail train --label {label.name}`, then `handrail promote --label {label.name}`",
            )
        self.school, self.label, self.bundle, self.policy, self.store = school, label, bundle, policy, store
        self.lake = Lake(school.lake, school.zone)
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
        return cls(school, label, bundle, policy_of(school), store)

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
        return score(here, before, usual, self.bundle, self._bands, self._telling, told)

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
        by_student: dict[str, list[Scored]] = defaultdict(list)
        for one in self.scored(as_of, students, fresh):
            by_student[one.student_id].append(one)
        people = People(self.school, clock.day_number(as_of), None if students is None else list(by_student))
        moment, doubts = moment or self.moment(as_of), self.doubts(as_of)
        sources = doubts.sources(fresh or ())
        digest = doubts.digest(digest, sources)
        contacts, words = self._history.contacts(by_student, moment), self._history.words(by_student, moment)
        found: list[tuple[Person, tuple[Scored, ...]]] = []
        decisions: list[Decision] = []
        for student_id in sorted(by_student):
            scored = tuple(sorted(by_student[student_id], key=_by_risk))
            person = people.person(student_id, scored[0].course_id)
            case = Case(
                student_id=student_id,
                decision_date=as_of,
                time_zone=person.time_zone,
                enrolments=tuple(self._enrolment(one) for one in scored),
                consents=tuple(words[student_id]),
                touches=tuple(contacts[student_id]),
                model_version=self.bundle.version,
                request_digest=digest,
                stale=sources,
                data_health=doubts.health,
            )
            found.append((person, scored))
            decisions.append(decide(case, self.policy, moment))
        stored = self.store.put_decisions([one.to_record() for one in decisions])
        return [Advice(person, as_of, scored, record) for (person, scored), record in zip(found, stored, strict=True)]

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
            BadInput: a fresh event is not the student's.
        """
        student_id = self._student(student_id)
        self._check_owner(student_id, fresh or {})
        newest = max((frame["occurred_at"].max().to_pydatetime() for frame in (fresh or {}).values()), default=None)
        as_of = as_of or self._day_of(newest)
        moment = max(self.moment(as_of), newest or self.moment(as_of))
        digest = _digest(fresh) if fresh else ""
        told = None if fresh else self._of_the_night(student_id, as_of)
        told = told or next(iter(self.advise(as_of, [student_id], fresh=fresh, digest=digest, moment=moment)), None)
        if told is None:
            person = People(self.school, clock.day_number(as_of), [student_id]).person(student_id, "")
            return Advice(person, as_of, (), None)
        if later := self._history.said_since(told.decision):
            # What was decided before the student spoke must not be told after it.
            digest = hashlib.sha256(" ".join([digest, *later]).encode()).hexdigest()[:32]
            return self.advise(as_of, [student_id], fresh=fresh, digest=digest, moment=clock.now())[0]
        return told

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

    def _enrolment(self, one: Scored) -> EnrolmentCase:
        """What a decision may depend on, and no more, so that its record stays small and can be made again."""
        values = {name: one.values[name] for name in sorted(self.policy.rules.features)}
        return EnrolmentCase(one.enrolment_id, one.course_id, one.risk, one.band, values)


def _no_such(student_id: str) -> NotFound:
    return NotFound("there is no such student", where=student_id, mend="Check the id, or import the student")


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
