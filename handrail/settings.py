"""What the surroundings say: the only room that reads the environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from features.config import School

_SOURCE = "HANDRAIL_SOURCE_"


@dataclass(frozen=True)
class Settings:
    """Where a school lives and what it talks to.

    Attributes:
        home: the school's folder.
        database_url: where decisions are kept; SQLite in the home unless HANDRAIL_DATABASE_URL says otherwise.
        mlflow_uri: the tracking server; SQLite in the home unless HANDRAIL_MLFLOW_URI says otherwise.
        identity_key: the secret that hides e-mail addresses, HANDRAIL_IDENTITY_KEY.
        sources: the secret URLs of databases to import from: HANDRAIL_SOURCE_CRM is the one called `crm`.
    """

    home: Path
    database_url: str
    mlflow_uri: str | None
    identity_key: str = field(default="", repr=False)
    sources: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)

    @classmethod
    def read(cls, home: Path | None = None) -> Settings:
        """The settings for a home; HANDRAIL_HOME, or `./school`, when none is given."""
        home = (home or Path(os.environ.get("HANDRAIL_HOME") or "school")).absolute()
        url = os.environ.get("HANDRAIL_DATABASE_URL") or f"sqlite:///{home / 'handrail.db'}"
        key = os.environ.get("HANDRAIL_IDENTITY_KEY", "").strip()
        sources = {
            name.removeprefix(_SOURCE).lower(): value.strip()
            for name, value in os.environ.items()
            if name.startswith(_SOURCE) and value.strip()
        }
        return cls(home, url, os.environ.get("HANDRAIL_MLFLOW_URI") or None, key, sources)

    @property
    def school(self) -> School:
        """The school that lives there."""
        return School(self.home, self.identity_key, self.sources)

    def session_secret(self) -> str:
        """What sessions are signed with: HANDRAIL_SESSION_SECRET, or one made for this home and kept in it."""
        if given := os.environ.get("HANDRAIL_SESSION_SECRET"):
            return given
        path = self.home / "session.secret"
        try:
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
                out.write(secrets.token_urlsafe(32))
        except FileExistsError:
            pass
        return path.read_text("utf-8")
