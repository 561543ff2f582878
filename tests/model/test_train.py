from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from features.clock import date_of
from features.config import DEFAULTS, read_toml
from features.errors import BadConfig, NotReady, Refused
from model import bundle
from model.dataset import Dataset
from model.promotion import timeless
from model.registry import Registry, served_bundle
from model.train import Settings, TrainResult, train

Training = Callable[..., TrainResult]


@pytest.fixture(scope="module")
def training(monotone: Mapping[str, int], families: Mapping[str, str], quick_config: Mapping) -> Training:
    def run(dataset: Dataset, home: Path, seed: int = 1, **how: object) -> TrainResult:
        return train(dataset, Registry(home), quick_config, monotone=monotone, families=families, seed=seed, **how)

    return run


@pytest.fixture(scope="module")
def trained(
    training: Training, dataset: Dataset, empty_registry: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, TrainResult]:
    """A school with one challenger; look, do not touch."""
    home = shutil.copytree(empty_registry, tmp_path_factory.mktemp("trained") / "school")
    return home, training(dataset, home)


def files_of(home: Path, version: int) -> dict[str, bytes]:
    folder = Registry(home).fetch_bundle("withdrawal_28d", version)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_from_dataset_to_champion_and_back(training: Training, dataset: Dataset, home: Path) -> None:
    steps: list[str] = []
    first = training(dataset, home, progress=steps.append)
    registry = Registry(home)
    assert {gate.name: gate.passed for gate in first.gates} == {
        "beats_baseline": True,
        "beats_logistic": True,
        "beats_champion": None,
        "shuffled_labels": True,
        "leak_shifted": True,
        "leak_single": True,
        "calibration": True,
        "subgroups": None,
        "shap_additivity": True,
        "bundle_loads": True,
        "latency": True,
    }
    assert steps[-2:] == ["asking the gates", "writing it down"]
    assert registry.promote("withdrawal_28d") == first.version == 1
    second = training(dataset, home, seed=2)
    assert next(gate for gate in second.gates if gate.name == "beats_champion").passed is not None
    registry.promote("withdrawal_28d", override="to see rollback")
    assert registry.rollback("withdrawal_28d") == 1
    assert bundle.load(served_bundle(home, "withdrawal_28d")).meta["seed"] == 1


def test_the_bundle_holds_what_was_found(trained: tuple[Path, TrainResult], dataset: Dataset) -> None:
    home, result = trained
    loaded = bundle.load(Registry(home).fetch_bundle("withdrawal_28d", "challenger"))
    assert loaded.meta["gates"] == [timeless(gate).as_dict() for gate in result.gates]
    assert loaded.meta["metrics"] == json.loads(json.dumps(result.metrics.as_dict()))
    assert loaded.meta["trained_until"] == date_of(dataset.known_until).isoformat()
    assert len(loaded.meta["risk_percentiles"]) == 101
    assert loaded.families["homework_overdue_now"] == "homework"
    assert (home / "bundles" / "withdrawal_28d" / "1" / "MODEL_CARD.md").read_text("utf-8") == result.card
    assert np.isfinite(loaded.score(dataset.x[:5])).all()


def test_same_seed_and_facts_give_the_same_bytes(
    training: Training, trained: tuple[Path, TrainResult], dataset: Dataset, home: Path, make_rows: Callable
) -> None:
    shuffled = make_rows().sample(frac=1, random_state=9)
    training(Dataset(shuffled, dataset.features, dataset.label, 1, dataset.horizon_days), home)
    assert files_of(home, 1) == files_of(trained[0], 1)


def test_few_cases_train_but_are_not_promoted_without_a_word(
    dataset: Dataset, home: Path, monotone: Mapping, families: Mapping, quick_config: Mapping
) -> None:
    choosy = {**quick_config, "gates": {**quick_config["gates"], "cases": 10_000}}
    result = train(dataset, Registry(home), choosy, monotone=monotone, families=families, seed=1)
    with pytest.raises(Refused, match="too few to tell"):
        Registry(home).promote("withdrawal_28d")
    assert "too few to tell" in result.card
    assert Registry(home).promote("withdrawal_28d", override="a small school") == 1


def test_a_short_history_trains_nothing(training: Training, make_dataset: Callable, home: Path) -> None:
    with pytest.raises(NotReady, match="not enough data"):
        training(make_dataset(weeks=6), home)
    assert Registry(home).champion("withdrawal_28d") is None


def test_the_released_trees_know_the_whole_history_and_the_judged_ones_do_not(
    trained: tuple[Path, TrainResult], dataset: Dataset
) -> None:
    home, result = trained
    loaded = bundle.load(Registry(home).fetch_bundle("withdrawal_28d", "challenger"))
    judged = result.judged
    assert judged.parts.fit.known_until <= judged.parts.test.day.min()
    assert np.array_equal(judged.learnt.model.log_odds(judged.parts.test.x), judged.log_odds)
    assert not np.array_equal(loaded.log_odds(judged.parts.test.x), judged.log_odds)
    anew = Settings.of(loaded.meta["settings"]).recipe(loaded.monotone, loaded.meta["seed"]).learn(dataset)
    assert np.array_equal(anew.model.log_odds(dataset.x), loaded.log_odds(dataset.x))


def test_tuning_takes_other_settings_only_for_a_clear_gain_and_goes_on_where_it_was(
    training: Training, dataset: Dataset, home: Path
) -> None:
    said: list[str] = []
    first = training(dataset, home, tune=3, progress=said.append)
    assert [words for words in said if words.startswith("trial")] == ["trial 1 of 3", "trial 2 of 3", "trial 3 of 3"]
    said.clear()
    second = training(dataset, home, tune=4, progress=said.append)
    assert [words for words in said if words.startswith("trial")] == ["trial 4 of 4"]
    assert first.version + 1 == second.version


def test_a_champion_that_cannot_be_read_is_a_red_gate(training: Training, dataset: Dataset, home: Path) -> None:
    training(dataset, home)
    Registry(home).promote("withdrawal_28d")
    for booster in home.rglob("booster.txt"):
        booster.write_text("tree\n")
    gate = next(gate for gate in training(dataset, home).gates if gate.name == "beats_champion")
    assert gate.passed is False
    assert "the champion cannot be read" in gate.words


def test_the_shipped_settings_are_the_defaults_of_the_code() -> None:
    assert Settings.of(read_toml(DEFAULTS / "model.toml")) == Settings.of({})


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"risk": {"leafs": 3}}, "leafs is not a setting"),
        ({"riks": {"leaves": 3}}, r"\[riks\] is no table"),
        ({"risk": {"leaves": "many"}}, "leaves is 'many'"),
        ({"risk": {"leaves": 2.5}}, "leaves is 2.5"),
        ({"gates": {"cases": True}}, "cases is True"),
        ({"risk": {"depth": 9}}, "depth must be 1-5"),
        ({"risk": {"learning_rate": -1.0}}, "learning_rate must be above 0"),
        ({"risk": {"row_share": float("nan")}}, "row_share"),
        ({"risk": {"l2": -1.0}}, "l2"),
        ({"risk": {"bins": 1}}, "bins must be"),
        ({"metrics": {"top_share": 0.0}}, "top_share must be"),
        ({"metrics": {"draws": 0}}, "draws must be"),
        ({"gates": {"shuffles": 0}}, "shuffles at least 2"),
        ({"gates": {"slope": 0.5}}, "factors of at least 1"),
        ({"gates": {"row_ms": 0.0}}, "row_ms"),
        ({"calibration": {"doubt": 0.0}}, "doubt must be above 0"),
        ({"calibration": {"most_knots": -1}}, "most_knots at least 2"),
    ],
)
def test_settings_that_do_not_hold_are_told(config: Mapping, words: str) -> None:
    with pytest.raises(BadConfig, match=words):
        Settings.of(config)
