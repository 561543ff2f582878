"""The history of contacts: what was said and done, imported or reported, as far as it was known at a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from features import clock
from features.contracts import TABLES
from features.identity import Identities
from features.lake import Lake
from serving.decide import Consent, Touch
from serving.decide.case import RECOMMENDED, Flag
from serving.decide.stages import REMEMBERED
from serving.imported import AGAINST, Imported, Record, plain
from serving.store import Store

LOOK_BACK = REMEMBERED
PRESENT = timedelta(days=1)  # what is decided for a moment of the last day is decided now
_EVER = datetime(1990, 1, 1, tzinfo=UTC)


class History:
    """Contacts and words on being contacted.

    Args:
        lake: what was imported.
        store: what was reported since, and what earlier decisions recommended.
    """

    def __init__(self, lake: Lake, store: Store) -> None:
        self.lake, self.store = lake, store
        self._held = Imported(lake)

    def contacts(self, students: Collection[str], moment: datetime, since: datetime) -> dict[str, list[Touch]]:
        """Contacts known at a moment, by student: imported, reported, and recommended by earlier decisions.

        Args:
            students: whose.
            moment: what is known by then.
            since: when the earliest was made.
        """
        known = Identities.of(self.lake, moment)
        names = known.names(students)
        rows = _heard(self._imported("touches", names) + self.store.touch_versions(names, since), moment)
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
        found: dict[str, list[Consent]] = defaultdict(list)
        for row in _heard(self._imported("consents", names) + self.store.consents_of(names), moment):
            found[known.student(row["student_id"])].append(_consent(row))
        return found

    def flags(self, students: Collection[str], moment: datetime) -> dict[str, list[Flag]]:
        """Every word on who may decide about a student known at a moment, by student."""
        known = Identities.of(self.lake, moment)
        names = known.names(students)
        found: dict[str, list[Flag]] = defaultdict(list)
        for row in _heard(self._imported("flags", names) + self.store.flags_of(names), moment):
            found[known.student(row["student_id"])].append(_flag(row))
        return found

    def against(self, decisions: Collection[Record]) -> dict[str, list[Record]]:
        """Refusals and flags that decisions could not know of, by decision.

        What a decision knew stands in its case, so that no clock, ours or another machine's, can hide a refusal.

        Args:
            decisions: records, at most one of each student.

        Returns:
            The refusals and then the flags, each by time; nothing where there is none.
        """
        asked, known = {one["student_id"]: one for one in decisions}, self._held.identities
        names = known.names(asked)
        words = [row for row in self.store.consents_of(names) + self.store.flags_of(names) if row["state"] in AGAINST]
        said: dict[str, list[Record]] = defaultdict(list)
        for row in sorted(words + self._held.against(names), key=lambda row: ("kind" in row, row["occurred_at"])):
            for student_id in asked.keys() & {row["student_id"], known.student(row["student_id"])}:
                said[student_id].append(row)
        unheard = {asked[id_]["decision_id"]: _unheard(rows, asked[id_]["case"]) for id_, rows in said.items()}
        return {id_: rows for id_, rows in unheard.items() if rows}

    def said_since(self, decision: Record | None) -> list[str]:
        """Ids of refusals, flags and other contacts that a decided contact could not know of yet."""
        if decision is None or decision["channel"] is None:
            return []
        made, names = datetime.fromisoformat(decision["decided_at"]), self._names(decision["student_id"])
        words: list[Record] = []
        if self.against([decision]):  # then what was taken back since counts too
            words = self._imported("consents", names) + self._imported("flags", names)
            words += self.store.consents_of(names) + self.store.flags_of(names)
        said = {row["event_id"] for row in _unheard(words, decision["case"])}
        first: dict[str, Record] = {}  # what is learned later of a contact is no other contact
        for row in self.store.touch_versions(names, made - LOOK_BACK):
            first.setdefault(row["touch_id"], row)
        later = [row for row in first.values() if row["known_at"] > made - PRESENT]
        # When an import says that the school knew of a contact is not when we did.
        later += [
            row
            for row in self._held.touches(names, made - PRESENT)
            if row["touch_id"] not in first and row["occurred_at"] >= made - LOOK_BACK
        ]
        known = {touch["touch_id"] for touch in decision["case"]["touches"]}
        own = decision["decision_id"]
        return sorted(said | {row["touch_id"] for row in later if row["decision_id"] != own} - known)

    def touches_of(self, student_id: str) -> list[Record]:
        """All contacts with a student, each as it is known now, with the contract's columns, the newest first."""
        names = self._names(student_id)
        rows = self._imported("touches", names) + self.store.touch_versions(names, _EVER)
        rows = [{name: row[name] for name in TABLES["touches"].columns} for row in _newest(rows)]
        return sorted(rows, key=lambda row: row["occurred_at"], reverse=True)

    def _names(self, student_id: str) -> list[str]:
        return self._held.identities.names([student_id])

    def _imported(self, table: str, students: Collection[str]) -> list[Record]:
        return plain(self.lake.read(table, ("student_id", list(students))))


def _heard(rows: list[Record], moment: datetime) -> list[Record]:
    """Rows that reached us by a moment; by one of the present all, whatever a clock that was set back says of them."""
    if moment > clock.now() - PRESENT:
        return rows
    return [row for row in rows if row["known_at"] <= moment]


def _unheard(words: list[Record], case: Mapping[str, Any]) -> list[Record]:
    """The words that a case does not have."""
    heard = {Consent.from_record(word) for word in case["consents"]}
    flagged = {Flag.from_record(flag) for flag in case.get("flags", ())}
    return [row for row in words if (_flag(row) not in flagged if "kind" in row else _consent(row) not in heard)]


def _reported(row: Record) -> Touch:
    status, action = row["status"], row["action"]
    return Touch(row["touch_id"], row["channel"], row["occurred_at"], status, row["decision_id"], action=action)


def _consent(row: Record) -> Consent:
    return Consent(row["channel"], row["purpose"], row["state"], row["occurred_at"], row["until_at"])


def _flag(row: Record) -> Flag:
    return Flag(row["kind"], row["state"], row["occurred_at"], row["until_at"], row["reference"])


def _newest(versions: list[Record]) -> list[Record]:
    """The newest version of each contact, whichever way it reached us."""
    return list({row["touch_id"]: row for row in sorted(versions, key=lambda row: row["known_at"])}.values())
