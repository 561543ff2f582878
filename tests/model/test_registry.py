from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput, NotFound, NotReady, Refused, Unavailable
from model import bundle
from model.promotion import Gate
from model.registry import Registry, Release, served_bundle
from model.risk import RiskModel

LABEL = "withdrawal_28d"
GREEN = Gate("shap_additivity", True, 0.0, "at most 1e-06", "adds up")
RED = Gate("beats_baseline", False, 0.01, "above 0", "only 9 cases of withdrawal in the test period: too few to tell")
ALSO_RED = Gate("calibration", False, 3.0, "about 1", "expected three times as many")


@pytest.fixture
def registry(home: Path) -> Registry:
    return Registry(home)


@pytest.fixture
def release(made_bundle: Path, risk_model: RiskModel) -> Callable[..., Release]:
    def make(*gates: Gate, label: str = LABEL, folder: Path = made_bundle) -> Release:
        example = pd.DataFrame([[0.0] * len(risk_model.features)], columns=list(risk_model.features))
        return Release(
            label, risk_model.booster, example, folder, {"seed": 1}, {"auc": 0.8}, gates or (GREEN,), "digest", "# Card"
        )

    return make


def test_what_was_trained_is_written_down_and_becomes_the_challenger(
    registry: Registry, release: Callable[..., Release], home: Path
) -> None:
    import mlflow

    version, run_id = registry.log(release(GREEN, RED))
    client = mlflow.MlflowClient(registry.uri, registry.uri)
    made = client.get_model_version_by_alias(LABEL, "challenger")
    run = client.get_run(run_id)
    assert (int(made.version), made.run_id, made.description) == (version, run_id, "# Card")
    assert (run.data.params["seed"], run.data.metrics["auc"]) == ("1", 0.8)
    assert run.data.tags["dataset_digest"] == "digest"
    assert run.data.tags["gate.beats_baseline"].startswith("red: only 9 cases")
    assert {file.path for file in client.list_artifacts(run_id, "bundle")} == {
        f"bundle/{name}" for name in (*bundle.FILES, bundle.MANIFEST)
    }
    assert (home / "mlruns").is_dir()
    assert registry.champion(LABEL) is None


def test_the_logged_booster_is_native_text_with_signature_and_example(
    registry: Registry, release: Callable[..., Release], home: Path
) -> None:
    registry.log(release())
    logged = home / "mlruns" / "models"
    names = {path.name for path in logged.rglob("*") if path.is_file()}
    described = next(logged.rglob("MLmodel")).read_text()
    assert "model.lgb" in names
    assert not {name for name in names if name.endswith((".pkl", ".skops"))}
    assert "signature:" in described
    assert "saved_input_example_info" in described


def test_nothing_is_served_before_it_was_promoted(registry: Registry, home: Path, release: Callable) -> None:
    with pytest.raises(NotReady, match="handrail train --label withdrawal_28d"):
        served_bundle(home, LABEL)
    with pytest.raises(NotReady, match="nothing was trained for withdrawal_28d yet"):
        registry.promote(LABEL)
    registry.log(release())
    with pytest.raises(NotReady, match="handrail promote --label withdrawal_28d"):
        served_bundle(home, LABEL)
    with pytest.raises(NotFound, match="there is no version 7 of withdrawal_28d"):
        registry.promote(LABEL, version=7)


def test_promoting_serves_plain_files_that_need_no_registry(
    registry: Registry, home: Path, release: Callable, made_bundle: Path
) -> None:
    version, _ = registry.log(release())
    assert registry.promote(LABEL) == version == registry.champion(LABEL)
    folder = served_bundle(home, LABEL)
    shutil.rmtree(home / "mlruns")
    (home / "mlflow.db").unlink()
    assert folder == home / "bundles" / LABEL / str(version)
    assert bundle.load(folder).version == bundle.version_of(made_bundle)
    assert json.loads((home / "bundles" / "served.json").read_text())[LABEL]["version"] == version


def test_red_gates_refuse_and_each_is_named_in_words(registry: Registry, release: Callable, home: Path) -> None:
    registry.log(release(GREEN, RED, ALSO_RED))
    for reason in (None, "  "):
        with pytest.raises(Refused) as refusal:
            registry.promote(LABEL, override=reason)
        assert RED.words in str(refusal.value)
        assert ALSO_RED.words in str(refusal.value)
        assert "--override" in refusal.value.mend
    assert registry.champion(LABEL) is None
    assert not (home / "bundles" / "served.json").exists()


def test_an_override_goes_on_and_its_reason_is_recorded(registry: Registry, release: Callable) -> None:
    import mlflow

    version, _ = registry.log(release(RED))
    assert registry.promote(LABEL, override="one small run") == version
    tags = mlflow.MlflowClient(registry.uri, registry.uri).get_model_version(LABEL, str(version)).tags
    assert tags["override"] == "one small run"
    assert tags["override_at"]


def test_rollback_is_one_step_and_can_be_done_again(registry: Registry, release: Callable, home: Path) -> None:
    for _ in range(3):
        registry.log(release())
        registry.promote(LABEL)
    registry.promote(LABEL)  # again: not a new step
    served = [registry.rollback(LABEL) for _ in range(2)]
    assert served == [2, 1]
    assert registry.champion(LABEL) == 1
    assert served_bundle(home, LABEL).name == "1"
    with pytest.raises(Refused, match="no earlier champion"):
        registry.rollback(LABEL)


def test_two_schools_in_one_process_keep_apart(empty_registry: Path, release: Callable, tmp_path: Path) -> None:
    here, there = (Registry(shutil.copytree(empty_registry, tmp_path / name)) for name in ("here", "there"))
    assert (here.champion(LABEL), there.champion(LABEL)) == (None, None)
    here.log(release())
    here.promote(LABEL)
    assert (here.champion(LABEL), there.champion(LABEL)) == (1, None)


def test_labels_are_served_apart(registry: Registry, release: Callable, home: Path) -> None:
    for label in (LABEL, "inactivity_14d"):
        registry.log(release(label=label))
        registry.promote(label)
    assert {served_bundle(home, label).parent.name for label in (LABEL, "inactivity_14d")} == {LABEL, "inactivity_14d"}


def test_a_damaged_copy_is_fetched_again(registry: Registry, release: Callable, home: Path) -> None:
    registry.log(release())
    registry.promote(LABEL)
    folder = served_bundle(home, LABEL)
    (folder / "booster.txt").write_text("tree\n")
    assert registry.fetch_bundle(LABEL, "champion") == folder
    assert bundle.load(folder).label == LABEL


def test_a_damaged_bundle_is_not_promoted_and_the_old_one_stays(
    registry: Registry, release: Callable, home: Path, bundle_copy: Path
) -> None:
    registry.log(release())
    registry.promote(LABEL)
    (bundle_copy / "golden.json").write_text("{}")
    registry.log(release(folder=bundle_copy))
    with pytest.raises(BadInput, match=r"golden.json is damaged"):
        registry.promote(LABEL)
    assert registry.champion(LABEL) == 1
    assert served_bundle(home, LABEL).name == "1"
    assert [path.name for path in (home / "bundles" / LABEL).iterdir()] == ["1"]


def test_a_version_that_a_person_registered_has_no_gates(registry: Registry, release: Callable) -> None:
    import mlflow

    _, run_id = registry.log(release())
    client = mlflow.MlflowClient(registry.uri, registry.uri)
    made = client.create_model_version(LABEL, f"runs:/{run_id}/bundle", run_id)
    with pytest.raises(Refused, match="not made by `handrail train`"):
        registry.promote(LABEL, version=int(made.version))


@pytest.mark.parametrize("label", ["../escape", "UPPER", "a/b", "", "nul\x00", "a' OR '1'='1"])
def test_a_label_is_a_name_and_not_a_path(registry: Registry, home: Path, label: str, release: Callable) -> None:
    for asked in (registry.champion, registry.promote, registry.rollback):
        with pytest.raises(BadInput, match="is not the name of a label"):
            asked(label)
    with pytest.raises(BadInput, match="is not the name of a label"):
        registry.log(replace(release(), label=label))


def test_a_pointer_that_is_not_json_is_told(home: Path) -> None:
    (home / "bundles").mkdir(parents=True)
    (home / "bundles" / "served.json").write_text("{")
    with pytest.raises(BadInput, match="is not JSON"):
        served_bundle(home, LABEL)


def test_a_registry_that_does_not_answer_is_told(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("this is not a database")
    with pytest.raises(Unavailable, match="MLflow does not answer"):
        Registry(tmp_path).champion(LABEL)
