"""An import that dies leaves the lake as it was, and can be made again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from features.config import School
from features.importers import csv, oulad, xapi
from features.lake import Lake

ROOT = Path(__file__).resolve().parents[3]

CHILD = """
import sys, time
from pathlib import Path
from features.config import School
from features.importers import oulad
oulad.CHUNK_ROWS = 2
def stop(done, total, what):
    if what == "studentVle.csv":
        print("in the middle", flush=True)
        time.sleep(600)
oulad.load(School(Path(sys.argv[1])), Path(sys.argv[2]), stop)
"""


def first_import(school: School, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,at\n1,2026-03-01T09:00:00Z\n")
    (tmp_path / "m.toml").write_text(
        '[[table]]\nname = "students"\nfile = "a.csv"\ncolumns = { student_id = "id", known_at = "at" }\n'
    )
    csv.load(school, tmp_path / "m.toml")


def test_kill_9_in_the_middle(school: School, tmp_path: Path, oulad_folder: Callable[..., Path], content: Any) -> None:
    first_import(school, tmp_path)
    before, version, folder = content(), Lake(school.lake, school.zone).version, oulad_folder()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(school.home), str(folder)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    try:
        assert child.stdout is not None
        assert child.stdout.readline() == "in the middle\n"
        written = list(school.lake.glob("batches/*-oulad-*/activity-*.parquet"))
    finally:
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
    assert written, "the child was killed too early to mean anything"
    lake = Lake(school.lake, school.zone)
    assert (content(), lake.version, len(lake.batches())) == (before, version, 1)
    assert not oulad.load(school, folder).repeated
    assert len(content()["activity"]) == 10


class Broken(Exception):
    pass


def fail_at_the_end(done: int, total: int, what: str) -> None:
    if done == total:
        raise Broken


@pytest.mark.parametrize("source", ["oulad", "xapi", "csv"])
def test_an_error_in_the_middle(
    school: School, tmp_path: Path, oulad_folder: Callable[..., Path], said: Any, content: Any, source: str
) -> None:
    first_import(school, tmp_path)
    before = content()
    (tmp_path / "b.csv").write_text("id,at\n2,2026-03-01T09:00:00Z\n")
    mapping = (tmp_path / "m.toml").read_text()
    (tmp_path / "two.toml").write_text(mapping.replace("a.csv", "b.csv") + mapping)
    (tmp_path / "s.jsonl").write_text(json.dumps(said("played", "2026-03-01T09:00:00Z")))
    load, given = {
        "oulad": (oulad.load, oulad_folder()),
        "xapi": (xapi.load, tmp_path / "s.jsonl"),
        "csv": (csv.load, tmp_path / "two.toml"),
    }[source]
    with pytest.raises(Broken):
        load(school, given, fail_at_the_end)
    assert content() == before
    assert [path.name[:9] for path in (school.lake / "batches").iterdir()] == ["00001-csv"]
    load(school, given)
    assert content() != before
