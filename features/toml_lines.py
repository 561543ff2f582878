"""Lines: where in a TOML file each table, key and list entry stands, which the TOML reader does not tell."""

from __future__ import annotations

import re
import tomllib

_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PLAIN = re.compile(r"[^,\]}\n#]*")  # a number, a date, true or false
_STRING = re.compile(
    r'"""(?:\\.|[^\\])*?"""(?:"{0,2})'
    r"|'''.*?'''(?:'{0,2})"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)

KeyPath = tuple[str | int, ...]
"""Where a value stands in a file: the names of the tables and of the key, and the places in lists."""


def lines(text: str) -> dict[KeyPath, int]:
    """The line, from 1, of everything that a sound TOML text says.

    Args:
        text: what `tomllib.loads` reads without an error.

    Returns:
        By the way to it, such as ``("rule", "R1", "when", 0)``. A table that only its keys imply has the line of the
        first of them.
    """
    scan = _Scan(text)
    scan.document()
    return scan.found


class _Scan:
    """Goes over the text once, from key to key."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.found: dict[KeyPath, int] = {}
        self._entries: dict[KeyPath, int] = {}  # tables so far in each list of tables

    def document(self) -> None:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self._at < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> KeyPath:
        """[a.b], or [[a.b]], which begins another entry of a list."""
        is_entry = self._text.startswith("[[", self._at)
        self._at += 1 + is_entry
        *above, name = self._key()
        path: KeyPath = ()
        for part in above:
            path = self._last((*path, part))
            self._note(path)
        path = (*path, name)
        self._note(path)
        if is_entry:
            self._entries[path] = self._entries.get(path, -1) + 1
            path = self._last(path)
        self.found[path] = self._line()  # its own header, where its sub-tables stood before it
        self._at += 1 + is_entry
        return path

    def _last(self, path: KeyPath) -> KeyPath:
        return (*path, self._entries[path]) if path in self._entries else path

    def _pair(self, table: KeyPath) -> None:
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path)
        self._at += 1  # the sign =
        self._value(path)

    def _key(self) -> list[str]:
        """The names of a dotted key; stops at what follows it."""
        names = []
        while True:
            self._skip(_SPACE)
            start = self._at
            if self._text[start] in "\"'":
                self._skip(_STRING)
                names.append(str(tomllib.loads(f"it = {self._text[start : self._at]}")["it"]))
            else:
                self._skip(_BARE)
                names.append(self._text[start : self._at])
            self._skip(_SPACE)
            if self._text[self._at] != ".":
                return names
            self._at += 1

    def _value(self, path: KeyPath) -> None:
        self._skip(_SPACE)
        if self._text[self._at] == "[":
            self._inside("]", path, in_list=True)
        elif self._text[self._at] == "{":
            self._inside("}", path, in_list=False)
        else:
            self._skip(_STRING if self._text[self._at] in "\"'" else _PLAIN)

    def _inside(self, end: str, path: KeyPath, *, in_list: bool) -> None:
        """The entries of a list, or the pairs of an inline table."""
        self._at += 1
        self._skip(_BLANK)
        entry = 0
        while self._text[self._at] != end:
            if in_list:
                self._note((*path, entry))
                self._value((*path, entry))
                entry += 1
            else:
                self._pair(path)
            self._skip(_BLANK)
            if self._text[self._at] == ",":
                self._at += 1
                self._skip(_BLANK)
        self._at += 1

    def _note(self, path: KeyPath) -> None:
        self.found.setdefault(path, self._line())

    def _line(self) -> int:
        return self._text.count("\n", 0, self._at) + 1

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self._text, self._at)
        if match:
            self._at = match.end()
