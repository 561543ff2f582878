"""A made school, from raw exports to a published list; made once for all tests."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from features.config import School
from handrail.settings import Settings

STUDENTS = 700


@dataclass(frozen=True)
class MadeHome:
    """A home where everything was done once; copy it before changing it."""

    settings: Settings
    as_of: date

    @property
    def school(self) -> School:
        return self.settings.school

    def copy(self, to: Path) -> MadeHome:
        shutil.copytree(self.settings.home, to, dirs_exist_ok=True)
        return MadeHome(settings_of(to), self.as_of)


def settings_of(home: Path) -> Settings:
    return Settings(home, f"sqlite:///{home / 'handrail.db'}", None)


@pytest.fixture(scope="session")
def made_home(tmp_path_factory) -> MadeHome:
    """A school of 700 students with a champion, a night's list, a head of curators and nothing reported yet."""
    from handrail import demo, journeys

    settings = settings_of(tmp_path_factory.mktemp("made") / "home")
    demo.make_and_import(settings, STUDENTS, quiet=True)
    journeys.train(settings, None, None, demo.SEED, quiet=True)
    journeys.promote(settings, None, None, "a small school, for tests")
    as_of = date(2026, 6, 8)
    journeys.nightly(settings, as_of, quiet=True)
    return MadeHome(settings, as_of)
