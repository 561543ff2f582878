"""The suite itself always ends: what hangs is named, and so is what takes its worker along."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FINE = "import pytest\n\n@pytest.mark.parametrize('n', range(4))\ndef test_fine(n):\n    pass\n"
HANGS = "import time\n\ndef test_hangs():\n    time.sleep(900)\n"
DIES = "import os, signal\n\ndef test_dies():\n    os.kill(os.getpid(), signal.SIGKILL)\n"


def test_a_test_that_hangs_and_one_that_kills_its_worker_are_named_and_the_run_ends(tmp_path):
    for number in range(4):
        (tmp_path / f"test_{number}.py").write_text(FINE)
    (tmp_path / "test_8.py").write_text(HANGS)
    (tmp_path / "test_9.py").write_text(DIES)
    options = ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), "-n", "2", "-o", "timeout=3"]
    words = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options, str(tmp_path)]
    ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "Failed: Timeout (>3" in ended.stdout
    assert "time.sleep(900)" in ended.stdout, "where it hung"
    assert "crashed while running 'test_9.py::test_dies'" in ended.stdout
    assert "2 failed, 16 passed" in ended.stdout
