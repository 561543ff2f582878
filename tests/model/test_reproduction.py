from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from features.errors import Refused
from model import bundle
from model.dataset import Dataset
from model.registry import Recorded, Registry
from model.reproduction import make_again
from model.train import train

LEAN = {"risk": {"rounds": 20}, "metrics": {"draws": 20}, "gates": {"shuffles": 3}}


@pytest.fixture(scope="module")
def registry(empty_registry: Path, tmp_path_factory: pytest.TempPathFactory) -> Registry:
    home = shutil.copytree(empty_registry, tmp_path_factory.mktemp("again") / "school")
    return Registry(home, tags={"lake": "lake-1", "until": "2020-01-01"})


@pytest.fixture(scope="module")
def small(make_dataset) -> Dataset:
    return make_dataset(enrolments=300)


@pytest.fixture(scope="module")
def then(
    registry: Registry, small: Dataset, monotone: Mapping, families: Mapping, tmp_path_factory: pytest.TempPathFactory
) -> Recorded:
    """What a run wrote down: trained beside a champion, which is another one by now."""
    made = []
    for seed in (1, 2):
        result = train(small, registry, LEAN, monotone=monotone, families=families, seed=seed)
        registry.promote(small.label, override="small")
        made.append(result.run_id)
    return registry.recorded(made[-1], tmp_path_factory.mktemp("then"))


def test_a_run_is_made_again_byte_for_byte_and_registers_nothing(
    registry: Registry, small: Dataset, then: Recorded
) -> None:
    assert then.tags["champion"] == "1"
    assert registry.champion(small.label) == 2
    found = make_again(registry, then, small, "lake-1")
    assert found.same, found.words()
    assert set(found.files) == set(bundle.FILES)
    assert f"run {then.run_id} of withdrawal_28d: the same, byte for byte" in found.words()
    assert found.surroundings == {}
    assert registry.champion(small.label) == 2
    with pytest.raises(Exception, match="there is no version 3"):
        registry.fetch_bundle(small.label, 3)


def test_what_is_not_the_same_is_named(registry: Registry, small: Dataset, then: Recorded) -> None:
    settings = {**then.bundle.meta["settings"], "risk": {"rounds": 1}}
    other = replace(then.bundle, meta={**then.bundle.meta, "settings": settings})
    found = make_again(
        registry, replace(then, bundle=other, tags={**then.tags, "version.numpy": "1.0"}), small, "lake-1"
    )
    assert not found.same
    assert found.files["features.json"]
    assert not found.files["booster.txt"]
    assert "  meta.json settings.risk.rounds: 20 then, 1 now" in found.words()
    assert "not as it was then:\n  version.numpy: 1.0 then" in found.words()
    assert json.loads(json.dumps(found.as_dict()))["same"] is False


def test_other_data_is_refused_with_what_changed(registry: Registry, small: Dataset, then: Recorded) -> None:
    other = replace(small.where(small.day > small.day.min()), features=(*small.features[:-1],))
    with pytest.raises(Refused) as refusal:
        make_again(registry, then, other, "lake-2")
    said = str(refusal.value)
    assert f"its dataset was {small.digest[:12]}, now it is {other.digest[:12]}" in said
    assert "the lake was lake-1, now it is lake-2" in said
    assert "features that are not made any more: noise" in said
    assert "Bring back the lake" in refusal.value.mend
