"""Effects as a folder of plain files: JSON, LightGBM's own text and hashes; no pickle, no project class.

<home>/bundles/effects.json                        label -> version and level of the effects in force
<home>/bundles/<label>/effects/<version>/          released effects
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import lightgbm
import numpy as np

from features.errors import BadInput, NotFound
from features.lake import replace_file
from model.served import checked_label
from model.uplift.effects import ActionEffect, Effects
from model.uplift.final import Kept, Ridge, Scale, Trees

POINTER = "effects.json"
MANIFEST = "MANIFEST.json"
CARD = "CARD.md"
_GOLDEN = 8


def save(effects: Effects, folder: Path, card: str = "") -> Effects:
    """Writes effects into a new or empty folder; equal contents make equal bytes.

    Args:
        effects: to release.
        folder: to write into.
        card: what they are and why this level, Markdown.

    Returns:
        The same, with the version that the files have.
    """
    contents = {name: text.encode() for name, text in _texts(effects, card).items()}
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        (folder / name).write_bytes(data)
    manifest = _json({name: hashlib.sha256(data).hexdigest() for name, data in contents.items()}).encode()
    (folder / MANIFEST).write_bytes(manifest)
    return replace(effects, version=_version(manifest))


def load(folder: Path) -> Effects:
    """Reads effects after checking hashes, and that made-up rows get the answers that they got when it was written.

    Raises:
        NotFound: there is no such folder.
        BadInput: the folder is damaged or holds something else.
    """
    contents = _read(folder)
    try:
        effects = _opened({name: data.decode() for name, data in contents.items()})
        golden = json.loads(contents["golden.json"])
        found = _golden(effects)
        same = golden.keys() == found.keys() and all(
            np.allclose(_array(golden[name]), _array(found[name]), rtol=0, atol=1e-9, equal_nan=True) for name in found
        )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, lightgbm.basic.LightGBMError) as error:
        raise _refusal(folder, f"a file does not hold what it should ({type(error).__name__}: {error})") from error
    if not same:
        raise _refusal(folder, "made-up rows get other effects than they must")
    return replace(effects, version=_version(contents[MANIFEST]))


def serve(home: Path, label: str, effects: Effects, card: str) -> Effects:
    """Puts effects into force for a label; a reader sees the old ones or the new.

    Effects of level L0 are put down too, with the reasons on their card: what was served before is in force no more.
    """
    below = home / "bundles" / checked_label(label) / "effects"
    below.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=below, prefix=".new-") as nearby:
        saved = save(effects, Path(nearby, "bundle"), card)
        place = below / saved.version
        shutil.rmtree(place, ignore_errors=True)
        Path(nearby, "bundle").rename(place)
    pointed = {**_pointed(home), label: {"version": saved.version, "level": saved.level}}
    replace_file(home / "bundles" / POINTER, _json(pointed).encode())
    return saved


def served(home: Path, label: str) -> Effects | None:
    """The effects in force for a label; None while rules decide.

    Raises:
        BadInput: they are damaged.
    """
    found = _pointed(home).get(checked_label(label))
    return None if found is None or found["level"] == "L0" else load(folder_of(home, label, found["version"]))


def folder_of(home: Path, label: str, version: str) -> Path:
    """Where a version of a label's effects lies."""
    return home / "bundles" / checked_label(label) / "effects" / version


def _pointed(home: Path) -> dict[str, dict[str, str]]:
    path = home / "bundles" / POINTER
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BadInput("is not JSON", where=str(path), mend="Remove it, then `handrail uplift train`") from error


def _texts(effects: Effects, card: str) -> dict[str, str]:
    trees = {f"trees-{name}.txt": one.trees for name, one in effects.of_action.items() if one.trees}
    plain = {
        "level": effects.level,
        "actions": list(effects.actions),
        "features": list(effects.features),
        "least_risk": effects.least_risk,
        "confidence": effects.confidence,
        "meta": effects.meta,
        "scale": {name: value.tolist() for name, value in asdict(effects.scale).items()},
        "of_action": {name: _plain(one) for name, one in effects.of_action.items()},
    }
    return {
        CARD: card,
        "effects.json": _json(plain),
        "golden.json": _json(_golden(effects)),
        **{name: one.booster.model_to_string() for name, one in trees.items()},
    }


def _plain(one: ActionEffect) -> dict[str, Any]:
    return {
        "kept": asdict(one.kept),
        "kappa": one.kappa,
        "ridge": {name: np.asarray(value).tolist() for name, value in asdict(one.ridge).items()} if one.ridge else None,
        "trees_mean": one.trees.mean if one.trees else None,
    }


def _opened(texts: Mapping[str, str]) -> Effects:
    plain = json.loads(texts["effects.json"])
    scale = {
        name: np.array(value, "int64" if name == "missing" else "float64") for name, value in plain["scale"].items()
    }
    return Effects(
        level=plain["level"],
        actions=tuple(plain["actions"]),
        features=tuple(plain["features"]),
        scale=Scale(**scale),
        of_action={name: _action(name, one, texts) for name, one in plain["of_action"].items()},
        least_risk=plain["least_risk"],
        confidence=plain["confidence"],
        meta=plain["meta"],
    )


def _action(name: str, one: Mapping[str, Any], texts: Mapping[str, str]) -> ActionEffect:
    ridge = None
    if one["ridge"]:
        centre, slope, root = (np.array(one["ridge"][part], "float64") for part in ("centre", "slope", "root"))
        ridge = Ridge(centre, slope, root.reshape(-1, len(centre)), float(one["ridge"]["beyond"]))
    trees = None
    if one["trees_mean"] is not None:
        trees = Trees(lightgbm.Booster(model_str=texts[f"trees-{name}.txt"]), one["trees_mean"])
    return ActionEffect(Kept(**one["kept"]), one["kappa"], ridge, trees)


def _golden(effects: Effects) -> dict[str, Any]:
    """Made-up rows and their effects: around the middle, a fifth unknown; no student is among them."""
    generator = np.random.default_rng(0)
    spread = np.where(effects.scale.deviation > 0, effects.scale.deviation, 1.0)
    rows = effects.scale.middle + spread * generator.normal(size=(_GOLDEN, len(spread)))
    x = np.where(generator.random(rows.shape) < 0.2, np.nan, rows)[:, :-1]
    risk = generator.random(_GOLDEN)
    tau, low, high = effects.of(np.ascontiguousarray(x), risk)
    return {"tau": tau.tolist(), "low": low.tolist(), "high": high.tolist()}


def _array(value: object) -> np.ndarray:
    return np.array(value, "float64")


def _read(folder: Path) -> dict[str, bytes]:
    if not folder.is_dir():
        raise NotFound("there are no such effects", where=str(folder), mend="Run `handrail uplift train`")
    try:
        manifest = (folder / MANIFEST).read_bytes()
        hashes = json.loads(manifest)
    except (FileNotFoundError, ValueError) as error:
        raise _refusal(folder, f"{MANIFEST} is missing or not JSON") from error
    there = {entry.name for entry in folder.iterdir() if entry.is_file() and not entry.is_symlink()}
    if not isinstance(hashes, dict) or {*hashes, MANIFEST} != {entry.name for entry in folder.iterdir()} & there:
        raise _refusal(folder, "it holds other files than its manifest names")
    contents = {name: (folder / name).read_bytes() for name in hashes}
    for name, data in contents.items():
        if hashlib.sha256(data).hexdigest() != hashes[name]:
            raise _refusal(folder, f"{name} is damaged: its SHA-256 is not the one in {MANIFEST}")
    return {**contents, MANIFEST: manifest}


def _refusal(folder: Path, what: str) -> BadInput:
    return BadInput(what, where=f"effects {folder}", mend="Run `handrail uplift train` anew")


def _version(manifest: bytes) -> str:
    return hashlib.sha256(manifest).hexdigest()[:12]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True, allow_nan=False) + "\n"
