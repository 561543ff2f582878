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
    """

    home: Path
    identity_key: str = field(default="", repr=False)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)

    def config(self, name: str) -> dict[str, Any]:
        """The settings called ``name``: the default file, with the school's own laid over it table by table.

        Raises:
            BadConfig: a file cannot be read.
        """
        default, own = DEFAULTS / f"{name}.toml", self.home / "configs" / f"{name}.toml"
        settings = read_toml(default)
        return _overlay(settings, read_toml(own)) if own.exists() else settings

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
