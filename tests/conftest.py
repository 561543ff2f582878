"""How the suite is run, and a made school, from raw exports to a published list; made once for all tests."""

from __future__ import annotations

import gc
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from hypothesis import settings as drawing

from features.config import School
from handrail.settings import Settings

STUDENTS = 700
WORKER_BYTES = 1_500_000_000
"""What a worker of pytest-xdist and the processes that its tests start need at most."""
CONTROL_GROUP = Path("/sys/fs/cgroup")


drawing.register_profile("house", deadline=None)  # how long a test takes says nothing on a machine that others use
drawing.load_profile("house")


def pytest_xdist_auto_num_workers() -> int | None:
    """As many as this container has room for, whatever its host has; PYTEST_XDIST_AUTO_NUM_WORKERS says otherwise."""
    if "PYTEST_XDIST_AUTO_NUM_WORKERS" in os.environ:
        return None
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    quota, *period = allowed("cpu.max")
    (most,) = allowed("memory.max")
    if quota != "max":
        cores = min(cores, int(quota) // int(*period))
    if most != "max":
        memory = min(memory, int(most))
    return max(1, min(cores, memory // WORKER_BYTES))


def allowed(name: str) -> list[str]:
    """What the container's limit says; "max" is that there is none."""
    limit = CONTROL_GROUP / name
    return limit.read_text().split() if limit.exists() else ["max"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes long begins first: at the end all but one worker would wait for it."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@dataclass(frozen=True)
class MadeHome:
    """A home where everything was done once; copy it before changing it."""

    settings: Settings
    as_of: date
    original: Path
    """What a copy is made of; of the school that all tests share one that nobody opens, because SQLite takes the
    -wal and -shm of an open database away while it is copied."""

    @property
    def school(self) -> School:
        return self.settings.school

    def copy(self, to: Path) -> MadeHome:
        shutil.copytree(self.original, to)
        return MadeHome(settings_of(to), self.as_of, to)


def settings_of(home: Path) -> Settings:
    return Settings(home, f"sqlite:///{home / 'handrail.db'}", None)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keeps the other workers out of a folder; the lock of one that dies is free again."""
    import fcntl

    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Callable[[Path], None]], Path]:
    """once(name, make): a folder that `make` filled, in this worker or before it in another; nobody may change it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder = shared / name
        with alone(folder):
            if not (folder / "made").exists():
                make(folder)
                (folder / "made").touch()
        return folder

    return made


@pytest.fixture(scope="session")
def made_home(once, tmp_path_factory) -> MadeHome:
    """A school of 700 students with a champion, a night's list, a head of curators and nothing reported yet."""
    as_of = date(2026, 6, 8)

    def make(folder: Path) -> None:
        from handrail import demo, journeys

        settings = settings_of(folder / "home")
        demo.make_and_import(settings, STUDENTS, quiet=True)
        journeys.train(settings, None, None, demo.SEED, quiet=True)
        journeys.promote(settings, None, None, "a small school, for tests")
        journeys.nightly(settings, as_of, quiet=True)
        gc.collect()  # what a command has opened is closed by the end of its process, and here not yet
        assert not list(folder.rglob("*-wal")), "a database of the school was left open"

    original = once("made_home", make) / "home"
    mine = shutil.copytree(original, tmp_path_factory.mktemp("made") / "home")
    return MadeHome(settings_of(mine), as_of, original)
