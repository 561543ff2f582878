from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from model import provenance


def test_the_code_of_a_room_is_named_by_its_content(tmp_path: Path) -> None:
    (tmp_path / "importers").mkdir()
    (tmp_path / "a.py").write_text("one = 1\n")
    first = provenance.code_hash(tmp_path)
    (tmp_path / "importers" / "door.py").write_text("brings = 'facts in'\n")
    (tmp_path / "notes.txt").write_text("no code")
    assert provenance.code_hash(tmp_path) == first
    (tmp_path / "a.py").write_text("one = 2\n")
    second = provenance.code_hash(tmp_path)
    (tmp_path / "a.py").rename(tmp_path / "b.py")
    assert len({first, second, provenance.code_hash(tmp_path)}) == 3


def test_a_run_says_with_which_packages_it_was_made() -> None:
    told = provenance.tags()
    assert told["version.lightgbm"][0].isdigit()
    assert len(told["lock_hash"]) == len(told["feature_hash"]) == len(told["model_hash"]) == 12
    assert told["feature_hash"] != told["model_hash"]


@pytest.mark.skipif(shutil.which("git") is None, reason="there is no git")
def test_the_commit_is_told_with_a_mark_when_the_code_was_changed(tmp_path: Path) -> None:
    def git(*words: str) -> str:
        name = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        done = subprocess.run(["git", "-C", str(tmp_path), *name, *words], capture_output=True, check=True, timeout=60)
        return done.stdout.decode().strip()

    assert provenance.git_sha(tmp_path) == ""
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "provenance.py").write_text("")
    git("init")
    (tmp_path / "elsewhere.py").write_text("")
    git("add", "elsewhere.py")
    git("commit", "-m", "one")
    assert provenance.git_sha(tmp_path) == ""  # installed inside somebody else's repository
    git("add", ".")
    git("commit", "-m", "two")
    assert provenance.git_sha(tmp_path) == git("rev-parse", "HEAD")
    (tmp_path / "elsewhere.py").write_text("changed = True\n")
    assert provenance.git_sha(tmp_path) == git("rev-parse", "HEAD") + "-dirty"
