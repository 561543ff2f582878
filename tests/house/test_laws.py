"""The house's own laws that no linter keeps."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("handrail", "model", "features", "serving", "experiments")
SOURCES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
NAMES = [str(path.relative_to(ROOT)) for path in SOURCES]


def calls(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_only_the_clock_asks_what_time_it_is(path):
    asking = {"datetime.now", "datetime.utcnow", "date.today", "pd.Timestamp.now", "time.time"}
    if path != ROOT / "features" / "clock.py":
        assert not calls(path) & asking


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_only_the_settings_read_the_environment(path):
    if path != ROOT / "handrail" / "settings.py":
        read = {"os.environ.get", "os.getenv", "environ.get", "getenv"}
        assert not calls(path) & read
        assert not re.search(r"os\.environ\[[^]]+\](?!\s*=)", path.read_text("utf-8"))


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_nothing_is_unpickled(path):
    imported = {
        name.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert not imported & {"pickle", "cloudpickle", "joblib", "dill", "skops"}


@pytest.mark.parametrize("path", SOURCES, ids=NAMES)
def test_every_room_says_what_it_is_for(path):
    if path.read_text("utf-8").strip():
        assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def test_no_room_is_called_by_a_name_that_says_nothing():
    for path in SOURCES:
        assert not {"utils", "helpers", "manager", "common", "misc"} & {part.removesuffix(".py") for part in path.parts}


def test_the_door_opens_without_its_big_guests():
    program = "import handrail.cli, sys; print(*sys.modules)"
    words = [sys.executable, "-c", program]
    told = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=300, check=True).stdout.split()
    assert "handrail.cli" in told
    assert not set(told) & {"mlflow", "lightgbm", "evidently", "ibis", "sklearn", "shap"}


def test_no_lock_names_a_registry():
    for lock in ROOT.glob("requirements*.lock"):
        assert "://" not in lock.read_text("utf-8"), lock.name


def test_what_is_needed_is_in_the_lock():
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    names = [
        re.split(r"[^A-Za-z0-9_.-]", line)[0]
        for line in (*wanted["project"]["dependencies"], *wanted["dependency-groups"]["dev"])
    ]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "requirements.lock").read_text("utf-8"), re.M))
    assert {name.lower().replace("_", "-") for name in names} <= locked


def test_tests_hold_no_packages():
    assert not list((ROOT / "tests").rglob("__init__.py"))
