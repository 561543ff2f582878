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

import pytest

pytestmark = pytest.mark.long

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 800
ANSWER_SECONDS = 30
STOP_SECONDS = 60
# A proxy of the machine knows nothing of this machine's own addresses, and may never answer.
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


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
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with log.open("wb") as out:
        return subprocess.Popen(
            words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment
        )


def wait_until_ready(port: int, process: subprocess.Popen[bytes], log: Path) -> dict:
    until = time.monotonic() + READY_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text("utf-8")
        try:
            with DIRECT.open(f"http://127.0.0.1:{port}/readyz", timeout=ANSWER_SECONDS) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"not ready after {READY_SECONDS} s; it said:\n{log.read_text('utf-8')}")


def stop(process: subprocess.Popen[bytes]) -> int:
    """Ctrl-C; its exit code. What does not listen is ended all the same."""
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(timeout=STOP_SECONDS)
    finally:
        process.kill()
        process.wait()


def pasted(curl: str) -> dict:
    """What a line that the demo prints answers."""
    words = [*shlex.split(curl), "--noproxy", "*", "--max-time", str(ANSWER_SECONDS)]
    return json.loads(subprocess.run(words, capture_output=True, check=True).stdout)


def test_from_nothing_to_an_answer_and_again(tmp_path):
    home, log, port = tmp_path / "home", tmp_path / "log", free_port()
    process = demo(home, port, log)
    try:
        ready = wait_until_ready(port, process, log)
        said = log.read_text("utf-8")
        assert "RED" not in said
        curl = next(line for line in said.splitlines() if line.strip().startswith("curl"))
        told = pasted(curl)
        assert 0 < told["enrolments"][0]["risk"] < 1
        assert len(told["enrolments"][0]["reasons"]) == 3
        assert told["decision"]["decision_id"].startswith("d_")
        for path in ("/login", "/docs"):
            with DIRECT.open(f"http://127.0.0.1:{port}{path}", timeout=ANSWER_SECONDS) as page:
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
