"""What serves: which released bundle answers for each label, and which runs beside it as a shadow; asks no registry.

<home>/bundles/served.json           label -> version and bundle that serve
<home>/bundles/shadow.json           label -> version and bundle that are only compared, every night
<home>/bundles/<label>/<version>/    released bundles
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from features.errors import BadInput, NotReady
from features.lake import replace_file
from model import bundle

SERVED = "served.json"
SHADOW = "shadow.json"
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,63}")


def served_bundle(home: Path, label: str) -> Path:
    """The folder of the bundle that serves a label.

    Raises:
        NotReady: none was promoted yet.
    """
    found = _read(home, SERVED).get(label)
    if found is None:
        raise NotReady(
            f"there is no model for {label} yet",
            where=str(home),
            mend=f"Run `handrail train --label {label}`, then `handrail promote --label {label}`",
        )
    return folder_of(home, label, int(found["version"]))


def shadow_bundle(home: Path, label: str) -> Path | None:
    """The folder of the bundle that runs beside the one that serves; None when there is none."""
    found = _read(home, SHADOW).get(label)
    return None if found is None else folder_of(home, label, int(found["version"]))


def folder_of(home: Path, label: str, version: int) -> Path:
    """Where a version's bundle lies."""
    return home / "bundles" / checked_label(label) / str(version)


def point(home: Path, pointer: str, label: str, version: int | None) -> None:
    """Points `SERVED` or `SHADOW` to a version whose bundle lies there, or to none; a reader sees old or new."""
    pointed = {name: at for name, at in _read(home, pointer).items() if name != label}
    if version is not None:
        pointed[label] = {"version": version, "bundle": bundle.version_of(folder_of(home, label, version))}
    replace_file(home / "bundles" / pointer, json.dumps(pointed, indent=1, sort_keys=True).encode())


def checked_label(label: str) -> str:
    """The label, when it is a name and not a path or a query.

    Raises:
        BadInput: it is not.
    """
    if not _LABEL.fullmatch(label):
        raise BadInput(f"{label!r} is not the name of a label", where="registry", mend="Write it like withdrawal_28d")
    return label


def _read(home: Path, pointer: str) -> dict[str, dict[str, Any]]:
    path = home / "bundles" / pointer
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BadInput("is not JSON", where=str(path), mend="Remove it, then `handrail promote` each label") from error
