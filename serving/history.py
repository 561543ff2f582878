"""The history of contacts: what was said and done, imported or reported, as far as it was known at a moment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from features import clock
from features.contracts import TABLES
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
        since = moment - LOOK_BACK
        rows = [row for row in self._imported("touches", students, moment) if row["occurred_at"] >= since]
        rows += [row for row in self.store.touches_since(list(students), since) if row["known_at"] <= moment]
        found: dict[str, list[Touch]] = defaultdict(list)
        for row in rows:
            touch = Touch(row["touch_id"], row["channel"], row["occurred_at"], row["status"], row["decision_id"])
            found[row["student_id"]].append(touch)
        for one in self.store.contacts_since(list(students), since):
            touch = Touch(one.decision_id, one.channel, one.not_before, RECOMMENDED, one.decision_id, one.decision_date)
            found[one.student_id].append(touch)
        return found

    def words(self, students: Collection[str], moment: datetime) -> dict[str, list[Consent]]:
        """Every word on being contacted known at a moment, by student."""
        rows = self._imported("consents", students, moment)
        rows += [row for row in self.store.consents_of(list(students)) if row["known_at"] <= moment]
        found: dict[str, list[Consent]] = defaultdict(list)
        for row in rows:
            word = Consent(row["channel"], row["purpose"], row["state"], row["occurred_at"], row["until_at"])
            found[row["student_id"]].append(word)
        return found

    def said_since(self, decision: Record | None) -> list[str]:
        """Ids of refusals and of other contacts that were reported after a contact was decided."""
        if decision is None or decision["channel"] is None:
            return []
        student, made = [decision["student_id"]], datetime.fromisoformat(decision["decided_at"])
        refusals = [row for row in self.store.consents_of(student) if row["state"] in ("withdrawn", "paused")]
        contacts = self.store.touches_since(student, made - LOOK_BACK)
        said = [(row["known_at"], row["event_id"]) for row in refusals]
        said += [
            (row["known_at"], row["touch_id"]) for row in contacts if row["decision_id"] != decision["decision_id"]
        ]
        return sorted(id_ for at, id_ in said if at > made)

    def touches_of(self, student_id: str) -> list[Record]:
        """All contacts with a student, with the contract's columns, the newest first."""
        rows = self._imported("touches", [student_id], clock.now())
        rows = [{name: row[name] for name in TABLES["touches"].columns} for row in rows]
        rows += self.store.touches_since([student_id], _EVER)
        return sorted(rows, key=lambda row: row["occurred_at"], reverse=True)

    def _imported(self, table: str, students: Collection[str], moment: datetime) -> list[Record]:
        """Rows of the lake known at a moment, with plain values."""
        rows = self.lake.read(table, ("student_id", list(students)))
        rows = rows[rows["known_at"] <= pd.Timestamp(moment)]
        return [
            {str(name): None if pd.isna(value) else value for name, value in row.items()}
            for row in rows.to_dict("records")
        ]
