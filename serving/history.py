"""The history of contacts: what was said and done, imported or reported, as far as it was known at a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from features import clock
from features.contracts import TABLES
from features.identity import Identities
from features.lake import Lake
from serving.decide import Consent, Touch
from serving.decide.case import RECOMMENDED, Flag
from serving.decide.stages import REMEMBERED
from serving.store import Store

LOOK_BACK = REMEMBERED
PRESENT = timedelta(days=1)  # what is decided for a moment of the last day is decided now
_EVER = datetime(1990, 1, 1, tzinfo=UTC)

Record = dict[str, Any]


class History:
    """Contacts and words on being contacted.

    Args:
        lake: what was imported.
        store: what was reported since, and what earlier decisions recommended.
    """

    def __init__(self, lake: Lake, store: Store) -> None:
        self.lake, self.store = lake, store

    def contacts(self, students: Collection[str], moment: datetime) -> dict[str, list[Touch]]:
        """Contacts known at a moment, by student: imported, reported, and recommended by earlier decisions."""
        since, known = moment - LOOK_BACK, Identities.of(self.lake, moment)
        names = known.names(students)
        rows = self._imported("touches", names, moment)
        rows += _heard(self.store.touch_versions(names, since), moment)
        found: dict[str, list[Touch]] = defaultdict(list)
        for row in _newest(rows):
            if row["occurred_at"] >= since:
                found[known.student(row["student_id"])].append(_reported(row))
        for one in self.store.contacts_since(names, since):
            decided = (one.decision_id, one.decision_date, one.action)
            touch = Touch(one.decision_id, one.channel, one.not_before, RECOMMENDED, *decided)
            found[known.student(one.student_id)].append(touch)
        return found

    def words(self, students: Collection[str], moment: datetime) -> dict[str, list[Consent]]:
        """Every word on being contacted known at a moment, by student."""
        known = Identities.of(self.lake, moment)
        names = known.names(students)
        rows = self._imported("consents", names, moment)
        rows += _heard(self.store.consents_of(names), moment)
        found: dict[str, list[Consent]] = defaultdict(list)
        for row in rows:
            found[known.student(row["student_id"])].append(_consent(row))
        return found

    def flags(self, students: Collection[str], moment: datetime) -> dict[str, list[Flag]]:
        """Every word on who may decide about a student known at a moment, by student."""
        known = Identities.of(self.lake, moment)
        names = known.names(students)
        rows = self._imported("flags", names, moment) + _heard(self.store.flags_of(names), moment)
        found: dict[str, list[Flag]] = defaultdict(list)
        for row in rows:
            found[known.student(row["student_id"])].append(_flag(row))
        return found

    def said_since(self, decision: Record | None) -> list[str]:
        """Ids of refusals, flags and other contacts that a decided contact could not know of yet.

        What the decision knew stands in its case, so that no clock, ours or another machine's, can hide a refusal.
        """
        if decision is None or decision["channel"] is None:
            return []
        case, names = decision["case"], self._names(decision["student_id"])
        made = datetime.fromisoformat(decision["decided_at"])
        heard = {Consent.from_record(word) for word in case["consents"]}
        flagged = {Flag.from_record(flag) for flag in case.get("flags", ())}
        known = {touch["touch_id"] for touch in case["touches"]}
        said = [
            (row["known_at"], row["event_id"])
            for row in self.store.consents_of(names)
            if row["state"] in ("withdrawn", "paused") and _consent(row) not in heard
        ]
        said += [
            (row["known_at"], row["event_id"])
            for row in self.store.flags_of(names)
            if row["state"] == "set" and _flag(row) not in flagged
        ]
        first: dict[str, Record] = {}  # what is learned later of a contact is no other contact
        for row in self.store.touch_versions(names, made - LOOK_BACK):
            first.setdefault(row["touch_id"], row)
        said += [
            (row["known_at"], id_)
            for id_, row in first.items()
            if id_ not in known and row["known_at"] > made - PRESENT and row["decision_id"] != decision["decision_id"]
        ]
        return [id_ for _, id_ in sorted(said)]

    def touches_of(self, student_id: str) -> list[Record]:
        """All contacts with a student, each as it is known now, with the contract's columns, the newest first."""
        names = self._names(student_id)
        rows = self._imported("touches", names, clock.now()) + self.store.touch_versions(names, _EVER)
        rows = [{name: row[name] for name in TABLES["touches"].columns} for row in _newest(rows)]
        return sorted(rows, key=lambda row: row["occurred_at"], reverse=True)

    def _names(self, student_id: str) -> list[str]:
        return Identities.of(self.lake).names([student_id])

    def _imported(self, table: str, students: Collection[str], moment: datetime) -> list[Record]:
        """Rows of the lake known at a moment, with plain values."""
        rows = self.lake.read(table, ("student_id", list(students)))
        rows = rows[rows["known_at"] <= pd.Timestamp(moment)]
        return [
            {str(name): None if pd.isna(value) else value for name, value in row.items()}
            for row in rows.to_dict("records")
        ]


def _heard(rows: list[Record], moment: datetime) -> list[Record]:
    """Rows that reached us by a moment; by one of the present all, whatever a clock that was set back says of them."""
    if moment > clock.now() - PRESENT:
        return rows
    return [row for row in rows if row["known_at"] <= moment]


def _reported(row: Record) -> Touch:
    status, action = row["status"], row["action"]
    return Touch(row["touch_id"], row["channel"], row["occurred_at"], status, row["decision_id"], action=action)


def _consent(row: Record) -> Consent:
    return Consent(row["channel"], row["purpose"], row["state"], row["occurred_at"], row["until_at"])


def _flag(row: Record) -> Flag:
    return Flag(row["kind"], row["state"], row["occurred_at"], row["until_at"])


def _newest(versions: list[Record]) -> list[Record]:
    """The newest version of each contact, whichever way it reached us."""
    return list({row["touch_id"]: row for row in sorted(versions, key=lambda row: row["known_at"])}.values())
