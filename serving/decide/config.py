"""Reads a configuration file key by key and names every fault at once, in words that a non-programmer can act on."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import time
from typing import Any

from features.errors import BadConfig
from features.toml_lines import KeyPath

LANGUAGES = ("en", "ru", "zh")
_ID = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
_CLOCK = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")

Words = Mapping[str, str]
"""A text by language; it always has all of `LANGUAGES`."""
Locate = Callable[[str, KeyPath], str | None]
"""(settings' name, key path) -> the file and line that say it; None where no file does."""


class Faults:
    """Gathers faults; as a context manager it raises them together at its end.

    Args:
        locate: finds the file and line of a fault, such as `features.config.School.where`; without it faults name
            the file and the key.

    Raises:
        BadConfig: at the end of the ``with`` block, when there is any fault.
    """

    def __init__(self, locate: Locate | None = None) -> None:
        self._locate = locate
        self._found: list[BadConfig] = []

    def add(self, where: str, what: str, mend: str, path: KeyPath = ()) -> None:
        """Notes one fault.

        Args:
            where: the file, and what of it, after a comma each.
            what: what is wrong.
            mend: what to do about it.
            path: where it stands in the file.
        """
        file, _, place = where.partition(", ")
        line = self._locate(file.removesuffix(".toml"), path) if self._locate else None
        if line:
            where = f"{line}: {place}" if place else line
        self._found.append(BadConfig(what, where=where, mend=mend))

    def __enter__(self) -> Faults:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if error is not None or not self._found:
            return
        if len(self._found) == 1:
            raise self._found[0]
        faults = "\n".join(f"- {fault}" for fault in self._found)
        raise BadConfig(f"there are {len(self._found)} faults:\n{faults}", where="configs")


class Table:
    """One table of a configuration file.

    Each reading method notes a fault and returns a harmless value when the entry cannot be used, so that
    reading goes on to the next fault. `close` notes the keys that nothing asked for.

    Args:
        where: file and table, as the messages shall name it.
        values: what the file says.
        faults: where faults are noted.
        path: where the table stands in the file.
    """

    def __init__(self, where: str, values: object, faults: Faults, path: KeyPath = ()) -> None:
        self.where, self.faults, self.path = where, faults, path
        self._values: Mapping[str, Any] = values if isinstance(values, Mapping) else {}
        self._asked: set[str] = set()
        if not isinstance(values, Mapping):
            faults.add(where, f"is {values!r}, not a table", "Write it as a [table] with keys below it", path)

    def fault(self, key: str, what: str, mend: str, entry: int | None = None) -> None:
        """Notes a fault of one key, or of one entry of its list; without a key, of the table."""
        path = (*self.path, *((key,) if key else ()), *(() if entry is None else (entry,)))
        self.faults.add(f"{self.where}, {key}" if key else self.where, what, mend, path)

    def has(self, key: str) -> bool:
        """Whether the file says anything about the key."""
        self._asked.add(key)
        return key in self._values

    def tables(self, key: str, *, name: str) -> Iterator[tuple[str, Table]]:
        """The named tables ``[key.ID]`` below this one, with their ids; `close` is up to the caller."""
        self._asked.add(key)
        below = self._values.get(key)
        if not isinstance(below, Mapping) or not below:
            self.fault("", f"has no [{key}.NAME] table", f"Write one such table for each {name}")
            return
        for id_, values in below.items():
            table = Table(f"{self.where}, {name} {id_}", values, self.faults, (*self.path, key, id_))
            if not _ID.fullmatch(id_):
                table.fault("", "is not a usable name", "Use up to 40 Latin letters, digits and _, a letter first")
            yield id_, table

    def names(self) -> list[str]:
        """The names that the file gives here, where a school chooses them itself."""
        return [str(key) for key in self._values]

    def table(self, key: str) -> Table:
        """The table ``[key]`` below this one."""
        self._asked.add(key)
        return Table(f"{self.where}, {key}", self._values.get(key, {}), self.faults, (*self.path, key))

    def list(self, key: str, *, needed: bool = True) -> list[Any]:
        """The entries of a list; a missing one is empty."""
        self._asked.add(key)
        value = self._values.get(key, [])
        if not isinstance(value, list):
            self.fault(key, f"is {value!r}, not a list", "Put it in [square brackets]")
            return []
        if needed and not value:
            self.fault(key, "is empty", "Give it at least one entry")
        return value

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self._take(key)
        if isinstance(value, str) and value.strip():
            return value
        self.fault(key, _said(value, "not a text"), 'Write it in "quotes"')
        return ""

    def choice(self, key: str, choices: Collection[str]) -> str:
        """One of the allowed words."""
        value = self._take(key)
        if value in choices:
            return str(value)
        self.fault(key, _said(value), f"Use one of: {', '.join(choices)}")
        return next(iter(choices))

    def number(self, key: str, low: float, high: float) -> float:
        """A number within bounds, inclusive."""
        value = self._take(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high:
            return float(value)
        self.fault(key, _said(value), f"Write a number from {low:g} to {high:g}")
        return low

    def whole(self, key: str, low: int, high: int) -> int:
        """A whole number within bounds, inclusive."""
        value = self._take(key)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.fault(key, _said(value), f"Write a whole number from {low} to {high}")
        return low

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._take(key) if self.has(key) else default
        if isinstance(value, bool):
            return value
        self.fault(key, _said(value), "Write true or false, without quotes")
        return default

    def clock(self, key: str) -> time:
        """A time of the day, such as ``"21:00"``."""
        value = self._take(key)
        match = _CLOCK.fullmatch(value) if isinstance(value, str) else None
        if match:
            return time(int(match[1]), int(match[2]))
        self.fault(key, _said(value), 'Write a time of the day like "21:00"')
        return time()

    def words(self, key: str) -> Words:
        """A text by language; the languages that are left out take the first of those given."""
        value = self._take(key)
        mend = "Write it like " + "{ " + ", ".join(f'{language} = "..."' for language in LANGUAGES) + " }"
        if not isinstance(value, Mapping) or not value:
            self.fault(key, _said(value), mend)
            return dict.fromkeys(LANGUAGES, "")
        for language, text in value.items():
            if language not in LANGUAGES or not isinstance(text, str) or not text.strip():
                self.fault(key, f"has {language} = {text!r}", mend)
        first = next((str(value[language]) for language in LANGUAGES if language in value), "")
        return {language: str(value.get(language, first)) for language in LANGUAGES}

    def close(self) -> None:
        """Notes the keys that nothing asked for: most often a misspelling."""
        for key in self._values:
            if key not in self._asked:
                self.fault(key, "is not a known key", f"Known here: {', '.join(sorted(self._asked))}")

    def _take(self, key: str) -> Any:
        self._asked.add(key)
        return self._values.get(key)


def _said(value: object, but: str = "") -> str:
    """What a file says, as a fault begins."""
    return "is missing" if value is None else f"is {value!r}" + (f", {but}" if but else "")
