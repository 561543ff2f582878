"""Replaying: any stored decision is made again from its record, the policy and the price book of its day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from features.catalogue import FEATURES
from features.errors import NotFound
from serving.decide import Policy, PriceBook, replay
from serving.store import Store

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Replayed:
    """What came of making a day's decisions again.

    Attributes:
        day: whose.
        decisions: how many there are.
        differing: by the id of each that came out otherwise, the names of what differs.
        faults: by the id of each that could not be made again, why.
    """

    day: date
    decisions: int
    differing: dict[str, list[str]] = field(default_factory=dict)
    faults: dict[str, str] = field(default_factory=dict)

    @property
    def same(self) -> bool:
        """Whether every decision came out as it is stored."""
        return not self.differing and not self.faults

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**self.__dict__, "day": self.day.isoformat(), "same": self.same}

    def words(self) -> str:
        """For people."""
        if self.same:
            return f"{self.decisions:,} decisions of {self.day} made again: every one is the same, bit for bit"
        lines = [f"{self.decisions:,} decisions of {self.day} made again: {len(self.differing)} DIFFER"]
        lines[0] += f", {len(self.faults)} could not be made again" if self.faults else ""
        lines += [f"  {id_}: {', '.join(names)}" for id_, names in list(self.differing.items())[:_SHOWN]]
        lines += [f"  {id_}: {why}" for id_, why in list(self.faults.items())[:_SHOWN]]
        return "\n".join(lines)


_SHOWN = 20


class Replaying:
    """Makes stored decisions again.

    Args:
        store: where decisions, policies and price books are kept.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._policies: dict[str, Policy] = {}
        self._books: dict[str, PriceBook] = {}

    def differences(self, record: Record) -> list[str]:
        """Makes a decision again.

        Returns:
            The names of what came out otherwise than it is stored; empty when nothing did.

        Raises:
            NotFound: its policy or price book is not stored.
        """
        policy, book = self.policy(record), self._book(record["book_id"]) if record.get("book_id") else None
        again = replay(record, policy, book).to_record()
        return sorted(name for name in {*record, *again} if again.get(name) != record.get(name))

    def day(self, day: date) -> Replayed:
        """Makes every decision of a day again."""
        found = Replayed(day, 0)
        count = 0
        for record in self.store.decisions_on(day):
            count += 1
            try:
                names = self.differences(record)
            except NotFound as error:
                found.faults[record["decision_id"]] = str(error)
                continue
            if names:
                found.differing[record["decision_id"]] = names
        if not count:
            raise NotFound("there are no decisions of that day", where=str(day), mend="Choose the day of a night")
        return Replayed(day, count, found.differing, found.faults)

    def policy(self, record: Record) -> Policy:
        """The policy that a decision was made by.

        Raises:
            NotFound: it is not stored.
        """
        version = record["policy_version"]
        if version not in self._policies:
            contents = self.store.policy_contents(version)
            if contents is None:
                raise NotFound(f"policy {version} is not stored", where=f"decision {record['decision_id']}")
            # A feature that is not made any more was one when the record was written.
            known = {name for one in record["case"]["enrolments"] for name in one["values"]} | set(FEATURES)
            self._policies[version] = Policy.from_contents(contents, known)
        return self._policies[version]

    def _book(self, book_id: str) -> PriceBook:
        if book_id not in self._books:
            record = self.store.book(book_id)
            if record is None:
                raise NotFound(f"price book {book_id} is not stored", where="price books")
            self._books[book_id] = PriceBook.from_record(record)
        return self._books[book_id]
