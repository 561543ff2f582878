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
from serving.decide.case import RECOMMENDED
from serving.store import Store

LOOK_BACK = timedelta(days=60)  # older contacts are no gate's business
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
        rows += [row for row in self.store.touch_versions(names, since) if row["known_at"] <= moment]
        found: dict[str, list[Touch]] = defaultdict(list)
        for row in _newest(rows):
            if row["occurred_at"] >= since:
                touch = Touch(row["touch_id"], row["channel"], row["occurred_at"], row["status"], row["decision_id"])
                found[known.student(row["student_id"])].append(touch)
        for one in self.store.contacts_since(names, since):
            touch = Touch(one.decision_id, one.channel, one.not_before, RECOMMENDED, one.decision_id, one.decision_date)
            found[known.student(one.student_id)].append(touch)
        return found

    def words(self, students: Collection[str], moment: datetime) -> dict[str, list[Consent]]:
        """Every word on being contacted known at a moment, by student."""
        known = Identities.of(self.lake, moment)
        names = known.names(students)
        rows = self._imported("consents", names, moment)
        rows += [row for row in self.store.consents_of(names) if row["known_at"] <= moment]
        found: dict[str, list[Consent]] = defaultdict(list)
        for row in rows:
            word = Consent(row["channel"], row["purpose"], row["state"], row["occurred_at"], row["until_at"])
            found[known.student(row["student_id"])].append(word)
        return found

    def said_since(self, decision: Record | None) -> list[str]:
        """Ids of refusals and of other contacts that were reported after a contact was decided."""
        if decision is None or decision["channel"] is None:
            return []
        names, made = self._names(decision["student_id"]), datetime.fromisoformat(decision["decided_at"])
        refusals = [row for row in self.store.consents_of(names) if row["state"] in ("withdrawn", "paused")]
        first: dict[str, Record] = {}  # what is learned later of a contact is no other contact
        for row in self.store.touch_versions(names, made - LOOK_BACK):
            first.setdefault(row["touch_id"], row)
        said = [(row["known_at"], row["event_id"]) for row in refusals]
        said += [(row["known_at"], id_) for id_, row in first.items() if row["decision_id"] != decision["decision_id"]]
        return sorted(id_ for at, id_ in said if at > made)

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


def _newest(versions: list[Record]) -> list[Record]:
    """The newest version of each contact, whichever way it reached us."""
    return list({row["touch_id"]: row for row in sorted(versions, key=lambda row: row["known_at"])}.values())
