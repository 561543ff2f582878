"""A school's settings: the product's defaults in configs/, laid over by the school's own configs/ folder."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from features.errors import BadConfig
from features.toml_lines import KeyPath, lines

DEFAULTS = Path(__file__).resolve().parent.parent / "configs"


def read_toml(path: Path) -> dict[str, Any]:
    """Reads one TOML file.

    Raises:
        BadConfig: it is not there, not UTF-8 or not TOML; says the line.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise BadConfig("there is no such file", where=str(path)) from error
    except UnicodeDecodeError as error:
        raise BadConfig("is not UTF-8 text", where=str(path), mend="Save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise BadConfig(f"is not valid TOML: {error}", where=str(path), mend="Mend that line") from error


def _overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _overlay(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


@dataclass(frozen=True)
class School:
    """One school: its folder and what it has settled.

    Attributes:
        home: the folder that holds everything of the school.
        identity_key: the secret that hides e-mail addresses (`features.identity`); empty when none was given.
        sources: the secret URL of each database that may be asked, by the name that mappings use.
        draft: a folder of settings to be tried instead of ``configs/`` in the home.
    """

    home: Path
    identity_key: str = field(default="", repr=False)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    draft: Path | None = None

    def config(self, name: str) -> dict[str, Any]:
        """The settings called ``name``: the default file, with the school's own laid over it table by table.

        Raises:
            BadConfig: a file cannot be read.
        """
        default, own = self._files(name)
        settings = read_toml(default)
        return _overlay(settings, read_toml(own)) if own.exists() else settings

    def where(self, name: str, path: KeyPath) -> str:
        """The file and line that say a setting: the school's own where it says it, or else the default.

        Args:
            name: of the settings, as in `config`.
            path: the tables, the key and the places in lists, such as ``("rule", "R1", "when", 0)``.

        Returns:
            Such as ``school/configs/rules.toml line 41``; of what neither file says, its nearest table's line.
        """
        said = [(file, lines(file.read_text("utf-8"))) for file in reversed(self._files(name)) if file.exists()]
        listed = next((length for length, part in enumerate(path) if isinstance(part, int)), None)
        if listed is not None and path[:listed] in said[0][1]:
            said = said[:1]  # a list is laid over whole: nothing of the default's is left in it
        for length in range(len(path), 0, -1):
            for file, found in said:
                if path[:length] in found:
                    return f"{file} line {found[path[:length]]}"
        return str(said[0][0])

    def _files(self, name: str) -> tuple[Path, Path]:
        """The default and the school's own."""
        return DEFAULTS / f"{name}.toml", (self.draft or self.home / "configs") / f"{name}.toml"

    @cached_property
    def zone(self) -> str:
        """The school's IANA time zone: it says what a day is."""
        zone = str(self.config("school")["time_zone"])
        try:
            ZoneInfo(zone)
        except Exception as error:
            raise BadConfig(
                f"time_zone {zone!r} is not a known zone", where="school.toml", mend='Write it like "Europe/Moscow"'
            ) from error
        return zone

    @property
    def lake(self) -> Path:
        """Where the event tables lie."""
        return self.home / "lake"

    @property
    def bundles(self) -> Path:
        """Where released models lie."""
        return self.home / "bundles"
