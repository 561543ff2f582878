"""Price books: what the day's capacity costs, settled before the day's draws and never changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, select

from features import clock
from features.errors import BadInput
from serving.store.database import Database
from serving.store.schema import price_book

_KEY = ("label", "model_version", "policy_version", "number")
_NEWEST_FIRST = [price_book.c[name].desc() for name in ("day", "made_at", "number", "book_id")]


class Books(Database):
    """The published price books."""

    def publish_book(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Publishes a price book, and gives back the one that counts.

        The first book of a key (day, label, model, policy, number) counts for everybody: where one is stored already,
        it is given back and this one is not kept. So two nights that run at once use the same prices.

        Args:
            record: plain values, among them ``book_id``, ``day`` (ISO date), ``label``, ``model_version``,
                ``policy_version`` and ``number``.

        Returns:
            The stored record.

        Raises:
            BadInput: another book has this id.
            Unavailable: the database does not answer; nothing was published.
        """
        key = {"day": date.fromisoformat(record["day"]), **{name: record[name] for name in _KEY}}
        row = {"book_id": record["book_id"], **key, "record": dict(record), "made_at": clock.now()}
        same = [price_book.c[name] == value for name, value in key.items()]
        with self.writing() as connection:
            connection.execute(self.insert_new(price_book).values(row))
            stored = connection.scalar(select(price_book.c.record).where(*same))
        if stored is None:
            raise BadInput("another price book has this id", where=f"price book {record['book_id']}")
        return stored

    def book(self, book_id: str) -> dict[str, Any] | None:
        """The price book with this id; None when there is none."""
        return self._newest(price_book.c.book_id == book_id)

    def newest_book(self, day: date, label: str, model_version: str, policy_version: str) -> dict[str, Any] | None:
        """The book in force of a day, label, model and policy: the one with the highest number; None without one."""
        wanted = {"day": day, "label": label, "model_version": model_version, "policy_version": policy_version}
        same = [price_book.c[name] == value for name, value in wanted.items()]
        with self.reading() as connection:
            newest = select(price_book.c.record).where(*same).order_by(price_book.c.number.desc()).limit(1)
            return connection.scalar(newest)

    def newest_book_before(self, day: date, label: str) -> dict[str, Any] | None:
        """The last book of the latest day before ``day``, whichever model and policy it is of; None without one."""
        return self._newest(price_book.c.day < day, price_book.c.label == label)

    def _newest(self, *wanted: ColumnElement[bool]) -> dict[str, Any] | None:
        with self.reading() as connection:
            return connection.scalar(select(price_book.c.record).where(*wanted).order_by(*_NEWEST_FIRST).limit(1))
