"""The newcomer's way: the demo as it is typed, the lines it prints as they are pasted, Ctrl-C."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WAIT_SECONDS = 900


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def demo(home: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    words = [
        sys.executable,
        "-c",
        "from handrail.cli import main; main()",
        "--home",
        str(home),
        "demo",
        "--port",
        str(port),
    ]
    with log.open("wb") as out:
        return subprocess.Popen(
            words, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )


def wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> dict:
    for _ in range(WAIT_SECONDS * 2):
        assert process.poll() is None, log.read_text("utf-8")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz") as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.5)
    raise AssertionError(log.read_text("utf-8"))


def stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGINT)
    return process.wait(timeout=60)


def test_from_nothing_to_an_answer_and_again(tmp_path):
    home, log, port = tmp_path / "home", tmp_path / "log", free_port()
    process = demo(home, port, log)
    try:
        ready = wait_until_ready(port, process, log)
        said = log.read_text("utf-8")
        assert "RED" not in said
        curl = next(line for line in said.splitlines() if line.strip().startswith("curl"))
        told = json.loads(subprocess.run(shlex.split(curl), capture_output=True, check=True).stdout)
        assert 0 < told["enrolments"][0]["risk"] < 1
        assert len(told["enrolments"][0]["reasons"]) == 3
        assert told["decision"]["decision_id"].startswith("d_")
        for path in ("/login", "/docs"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as page:
                assert page.status == 200
    finally:
        code = stop(process)
    assert code == 0, log.read_text("utf-8")
    assert "Traceback" not in log.read_text("utf-8")

    process = demo(home, port, log)
    try:
        assert wait_until_ready(port, process, log) == ready
        again = log.read_text("utf-8")
        assert "making a school" not in again
        assert "training" not in again
        secret = re.compile(r"password (\S+)|key (hr_\S+)")
        assert not set(secret.findall(said)) & set(secret.findall(again)), "made afresh"
    finally:
        assert stop(process) == 0
