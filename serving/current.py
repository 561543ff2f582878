"""The adviser in force: made anew when another model is promoted, when rules change or when data is imported."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

from features.config import DEFAULTS, School
from features.errors import HandrailError
from features.labels import named
from serving.advise import Adviser
from serving.decide import FILES, Policy
from serving.store import Store

_CONFIGS = ("school", "capacity", *FILES)
_log = logging.getLogger("handrail.current")


@dataclass(frozen=True)
class _Held:
    stamp: tuple[object, ...]
    adviser: Adviser


class Current:
    """Holds the adviser in force; a newer one that cannot be used never takes its place.

    Args:
        school: whose model and policy.
        store: where decisions are kept.
        opens: makes an adviser.
    """

    def __init__(self, school: School, store: Store, opens: Callable[..., Adviser] = Adviser.open) -> None:
        self.school, self.store = school, store
        self._opens = opens
        self._lock = Lock()
        self._held: _Held | None = None
        self._refused: tuple[object, ...] | None = None

    def adviser(self) -> Adviser:
        """The adviser in force.

        Raises:
            BadConfig: the first policy cannot be used.
        """
        stamp = self._stamp()
        if self._held is not None and stamp in (self._held.stamp, self._refused):
            return self._held.adviser
        with self._lock:
            if self._held is None or self._held.stamp != stamp:
                try:
                    label = named(str(self.school.config("school")["served"]["label"]))
                    self._held = _Held(stamp, self._opens(self.school, label, self.store))
                except HandrailError as error:
                    if self._held is None:
                        raise
                    self._refused = stamp
                    _log.error("the newer model or policy cannot be used, the one in force stays: %s", error)
            return self._held.adviser

    def policy(self) -> Policy:
        """The policy in force."""
        return self.adviser().policy

    def _stamp(self) -> tuple[object, ...]:
        """Changes when a file changes from which an adviser is made."""
        own = [self.school.home / "configs" / f"{name}.toml" for name in _CONFIGS]
        served = [self.school.bundles / name for name in ("served.json", "effects.json")]
        files = [*served, *own, *(DEFAULTS / path.name for path in own)]
        return tuple(_mark(path) for path in files)


def _mark(path: Path) -> object:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return (stat.st_mtime_ns, stat.st_size)
