"""Provenance: which code and which packages made a model, so that it can be made again."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("duckdb", "handrail", "ibis-framework", "lightgbm", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
_BESIDE = ("importers", "synthetic")  # they bring facts into the lake; they do not make features of them


@cache
def tags() -> Mapping[str, str]:
    """What a run says of its making.

    Returns:
        `git_sha` (where there is one), `feature_hash` and `model_hash` (the code of these rooms), `lock_hash` (all
        installed packages) and `version.<package>`; looked up once, since a process does not change its code.
    """
    sha = git_sha()
    return {
        **({"git_sha": sha} if sha else {}),
        "feature_hash": code_hash(ROOT / "features"),
        "model_hash": code_hash(ROOT / "model"),
        "lock_hash": lock_hash(),
        **{f"version.{name}": version for name, version in package_versions().items()},
    }


def git_sha(root: Path = ROOT) -> str:
    """The commit of the code, with ``-dirty`` when it was changed since; empty where git does not keep this code."""
    git = shutil.which("git")
    own = Path("model", Path(__file__).name)
    if git is None or not _said(git, root, "ls-files", str(own)):  # installed inside somebody else's repository
        return ""
    return _said(git, root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")


def code_hash(folder: Path) -> str:
    """Names the code of a room, without what only brings facts in: the first 12 digits of a SHA-256 over its files."""
    made = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        name = path.relative_to(folder)
        if name.parts[0] not in _BESIDE:
            made.update(f"{name.as_posix()}\x00".encode() + path.read_bytes() + b"\x00")
    return made.hexdigest()[:12]


def lock_hash() -> str:
    """Names the installed packages: the first 12 digits of a SHA-256 over their names and versions."""
    found = sorted({f"{one.name.lower()}=={one.version}" for one in metadata.distributions()})
    return hashlib.sha256("\n".join(found).encode()).hexdigest()[:12]


def package_versions() -> dict[str, str]:
    """The versions of Python and of the packages that numbers depend on; ``source`` where one is not installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "source"
    return found


def _said(git: str, root: Path, *words: str) -> str:
    try:
        done = subprocess.run([git, "-C", str(root), *words], capture_output=True, timeout=10, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode(errors="replace").strip() if done.returncode == 0 else ""
