"""Reproduction: a run's model made again from what the run wrote down, and held against it byte for byte."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from features.errors import Refused
from model import bundle, provenance
from model.dataset import Dataset
from model.registry import Recorded, Registry, Release
from model.train import train

MOST_NAMED = 12  # differences that are named in one file
CAUSES = ("settings.", "versions.", "seed", "label")  # in meta.json; figures follow from them


@dataclass(frozen=True)
class Reproduction:
    """What came of making a run's model again.

    Attributes:
        run_id, label: of the run.
        files: name -> whether its bytes are the same.
        differences: what differs inside the JSON files that are not the same, in words.
        surroundings: what is not as it was then: code and packages, name -> (then, now).
    """

    run_id: str
    label: str
    files: dict[str, bool]
    differences: list[str]
    surroundings: dict[str, tuple[str, str]]

    @property
    def same(self) -> bool:
        """Whether every file is the same, byte for byte."""
        return all(self.files.values())

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "same": self.same}

    def words(self) -> str:
        """For people."""
        count = f"{len(self.files)} files of its bundle"
        if self.same:
            lines = [f"run {self.run_id} of {self.label}: the same, byte for byte, in all {count}"]
        else:
            other = [name for name, same in self.files.items() if not same]
            lines = [f"run {self.run_id} of {self.label}: {len(other)} of the {count} differ: {', '.join(other)}"]
            lines += [f"  {difference}" for difference in self.differences]
        if self.surroundings:
            lines.append("not as it was then:")
        for name, (then, now) in self.surroundings.items():
            lines.append(f"  {name}: {then or 'not said'} then, {now} now")
        return "\n".join(lines)


class _Rehearsal(Registry):
    """A registry that shows the champion of then, and keeps what it is given instead of writing it down."""

    def __init__(self, registry: Registry, champion: int | None, folder: Path) -> None:
        super().__init__(registry.home, registry.uri)
        self._then, self.folder = champion, folder

    def champion(self, label: str) -> int | None:
        """The version that was champion then."""
        return self._then

    def log(self, release: Release) -> tuple[int, str]:
        """Keeps the bundle."""
        shutil.copytree(release.bundle, self.folder)
        return 0, ""


def make_again(
    registry: Registry, then: Recorded, data: Dataset, lake: str, progress: Callable[[str], None] | None = None
) -> Reproduction:
    """Trains anew as a run did (settings, seed, constraints, champion), registering nothing.

    Args:
        registry: that holds the run.
        then: what the run wrote down.
        data: the dataset of then, made again.
        lake: the version of the lake that it was made of.
        progress: told in words what is being done.

    Raises:
        Refused: it is other data; says what is different.
    """
    if data.digest != then.tags["dataset_digest"]:
        raise Refused(
            "; ".join(["the data it learned from cannot be had again", *_what_changed(then, data, lake)]),
            where=f"run {then.run_id}",
            mend="Bring back the lake, the settings and the release of then",
        )
    meta, champion = then.bundle.meta, then.tags.get("champion", "")
    with TemporaryDirectory() as folder:
        rehearsal = _Rehearsal(registry, int(champion) if champion else None, Path(folder, "again"))
        train(
            data,
            rehearsal,
            meta["settings"],
            monotone=then.bundle.monotone,
            families=then.bundle.families,
            seed=int(meta["seed"]),
            progress=progress,
        )
        before, after = _contents(then.folder), _contents(rehearsal.folder)
    return Reproduction(
        then.run_id,
        data.label,
        {name: before[name] == after[name] for name in bundle.FILES},
        list(_differences(before, after)),
        _surroundings(then.tags),
    )


def _what_changed(then: Recorded, data: Dataset, lake: str) -> Iterator[str]:
    yield f"its dataset was {then.tags['dataset_digest'][:12]}, now it is {data.digest[:12]}"
    if (before := then.tags.get("lake", "")) != lake:
        yield f"the lake was {before or 'not said'}, now it is {lake}"
    if data.label_version != then.bundle.label_version:
        yield f"{data.label} was version {then.bundle.label_version}, now it is version {data.label_version}"
    if gone := [name for name in then.bundle.features if name not in data.features]:
        yield f"features that are not made any more: {', '.join(gone)}"
    if new := [name for name in data.features if name not in then.bundle.features]:
        yield f"features that are new: {', '.join(new)}"
    for name, (told, now) in _surroundings(then.tags).items():
        if told and name in ("feature_hash", "version.pandas", "version.duckdb"):
            yield f"{name} was {told}, now it is {now}"


def _contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in bundle.FILES}


def _differences(then: Mapping[str, bytes], now: Mapping[str, bytes]) -> Iterator[str]:
    """Where the JSON files that are not the same differ: file, place, the value then and now; causes come first."""
    for name in ("meta.json", "features.json", "calibration.json", "reference.json"):  # golden.json follows the trees
        if then[name] == now[name]:
            continue
        before, after = (dict(_leaves(json.loads(one[name]))) for one in (then, now))
        places = [place for place in before | after if before.get(place) != after.get(place)]
        for place in sorted(places, key=lambda place: not place.startswith(CAUSES))[:MOST_NAMED]:
            yield f"{name} {place}: {before.get(place, 'nothing')} then, {after.get(place, 'nothing')} now"
        if len(places) > MOST_NAMED:
            yield f"{name}: and {len(places) - MOST_NAMED:,} more"


def _leaves(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in pairs:
            yield from _leaves(inner, f"{place}.{key}" if place else str(key))
    else:
        yield place, value


def _surroundings(tags: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    now = provenance.tags()
    watched = [name for name in now if name in tags or name == "git_sha"]
    return {name: (tags.get(name, ""), now[name]) for name in watched if tags.get(name, "") != now[name]}
