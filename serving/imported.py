"""Imported words and contacts that may hold back what was decided, found by the student's name at once.

A table is read once for each state of the lake; after that it costs a look into a dictionary to ask about a student.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from features.identity import Identities
from features.lake import Lake

AGAINST = ("withdrawn", "paused", "set")
"""The states of words that hold back a contact: of consents, and of flags."""
_WORDS = ("consents", "flags")
_KEPT = 4  # states of a table: the present one, and those before while somebody is still answered by them

Record = dict[str, Any]


class Imported:
    """What a lake holds against contacts.

    Args:
        lake: what was imported.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._identities = lru_cache(_KEPT)(self._read_identities)
        self._words = lru_cache(_KEPT * len(_WORDS))(self._read_words)
        self._touches = lru_cache(_KEPT)(self._read_touches)

    @property
    def identities(self) -> Identities:
        """All names that are known now."""
        return self._identities(self._lake.version)

    def against(self, names: Collection[str]) -> list[Record]:
        """Words that hold back contacts, under these names."""
        state = self._lake.version
        return [row for table in _WORDS for row in self._words(state, table).of(names)]

    def touches(self, names: Collection[str], since: datetime) -> list[Record]:
        """Contacts, under these names, of the imports since the day of a moment."""
        # The day is enough, and the decisions of a night then look at one table.
        day = since.replace(hour=0, minute=0, second=0, microsecond=0)
        return self._touches(self._lake.version, day).of(names)

    def _read_identities(self, state: str) -> Identities:
        return Identities.of(self._lake)

    def _read_words(self, state: str, table: str) -> _ByName:
        return _ByName(self._lake.read(table, ("state", AGAINST)))

    def _read_touches(self, state: str, since: datetime) -> _ByName:
        return _ByName(self._lake.read("touches", added_since=since))


class _ByName:
    """Rows of a table, by the name in them."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self._rows = rows.sort_values("occurred_at", kind="stable", ignore_index=True)
        places = self._rows.groupby("student_id").indices
        self._places = {str(name): np.asarray(at) for name, at in places.items()}

    def of(self, names: Collection[str]) -> list[Record]:
        places = [self._places[name] for name in names if name in self._places]
        return plain(self._rows.iloc[np.sort(np.concatenate(places))]) if places else []


def plain(rows: pd.DataFrame) -> list[Record]:
    """Rows as records, None where there is no value."""
    return [
        {str(name): None if pd.isna(value) else value for name, value in row.items()} for row in rows.to_dict("records")
    ]
