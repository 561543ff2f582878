from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from features.errors import BadInput, NotFound, NotReady, Refused, Unavailable
from model import bundle
from model.promotion import Gate
from model.registry import Registry, Release, Trial, served_bundle, shadow_bundle
from model.registry.runs import MOST_OF_DESCRIPTION
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


@pytest.fixture(scope="module")
def told(
    empty_registry: Path, made_bundle: Path, risk_model: RiskModel, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Registry, str]:
    """A registry at a URI of its own, with one run that has all a run can have; look, do not touch."""
    from matplotlib.figure import Figure

    server = shutil.copytree(empty_registry, tmp_path_factory.mktemp("server") / "server")
    registry = Registry(
        tmp_path_factory.mktemp("told") / "school",
        f"sqlite:///{server / 'mlflow.db'}",
        {"lake": "abc", "until": "2020-02-01"},
    )
    folder = shutil.copytree(made_bundle, tmp_path_factory.mktemp("bundle") / "bundle")
    meta = json.loads((folder / "meta.json").read_text())
    digests = {"fit": "f" * 64, "calibrate": "c" * 64, "test": "7" * 64}
    parts = {name: {"digest": digest, "rows": 9, "cases": 2} for name, digest in digests.items()}
    (folder / "meta.json").write_text(json.dumps({**meta, "parts": parts}))
    plot = Figure((2, 2))
    plot.subplots().plot([0, 1])
    begun = datetime(2020, 2, 3, 4, 5, tzinfo=UTC)
    trials = (
        Trial(0, "complete", {"depth": 3}, {"auc": 0.7}, started=begun, ended=begun + timedelta(seconds=8)),
        Trial(1, "pruned", {"depth": 5}, steps={0: 0.6, 1: 0.5}),
        Trial(2, "failed", {"depth": 1}),
    )
    example = pd.DataFrame([[0.0] * len(risk_model.features)], columns=list(risk_model.features))
    many = {f"setting.{n}": n for n in range(230)}
    card = "# Card\n" + "a line of the card\n" * 500
    release = Release(
        LABEL,
        risk_model.booster,
        example,
        folder,
        many,
        {"auc": 0.8, "area (rows, drawn)": 0.9},
        (GREEN,),
        "d" * 64,
        card,
        {"reliability": plot},
        trials,
    )
    return registry, registry.log(release)[1]


def test_a_run_holds_its_plots_and_the_whole_card(told: tuple[Registry, str], tmp_path: Path) -> None:
    import mlflow

    registry, run_id = told
    client = mlflow.MlflowClient(registry.uri, registry.uri)
    fetched = Path(client.download_artifacts(run_id, "", str(tmp_path)))
    assert (fetched / "plots" / "reliability.png").read_bytes().startswith(b"\x89PNG")
    card = (fetched / "MODEL_CARD.md").read_text()
    assert len(card) > MOST_OF_DESCRIPTION
    described = client.get_model_version(LABEL, "1").description
    assert len(described) <= MOST_OF_DESCRIPTION
    assert described.startswith("# Card\na line")
    assert described.endswith("the whole card is the run's artifact MODEL_CARD.md\n")


def test_a_run_names_its_data_code_and_packages_and_holds_no_row(told: tuple[Registry, str]) -> None:
    import mlflow

    registry, run_id = told
    run = mlflow.MlflowClient(registry.uri, registry.uri).get_run(run_id)
    data = {one.dataset.name: one.dataset for one in run.inputs.dataset_inputs}
    assert {name: one.digest for name, one in data.items()} == {
        "fit": "f" * 36,
        "calibrate": "c" * 36,
        "test": "7" * 36,
    }
    assert json.loads(data["fit"].profile) == {"digest": "f" * 64, "rows": 9, "cases": 2}
    assert '"lake": "abc"' in data["fit"].source
    assert {one.dataset.name: one.tags[0].value for one in run.inputs.dataset_inputs} == {name: name for name in data}
    tags = run.data.tags
    assert (tags["until"], tags["lake"], tags["data_cutoff"]) == ("2020-02-01", "abc", "2020-01-01")
    assert tags["champion"] == ""
    assert {"feature_hash", "model_hash", "lock_hash", "version.lightgbm", "version.python"} <= set(tags)
    assert len(run.data.params) == 230
    assert run.data.metrics == {"auc": 0.8, "area _rows_ drawn_": 0.9}


def test_trials_are_child_runs_with_their_state(told: tuple[Registry, str]) -> None:
    import mlflow

    registry, run_id = told
    client = mlflow.MlflowClient(registry.uri, registry.uri)
    experiment = client.get_experiment_by_name(LABEL).experiment_id
    found = client.search_runs([experiment], f"tags.mlflow.parentRunId = '{run_id}'")
    children = {run.info.run_name: run for run in found}
    assert {name: (run.info.status, run.data.tags["state"]) for name, run in children.items()} == {
        "trial 000": ("FINISHED", "complete"),
        "trial 001": ("KILLED", "pruned"),
        "trial 002": ("FAILED", "failed"),
    }
    first, pruned = children["trial 000"], children["trial 001"]
    assert first.info.end_time - first.info.start_time == 8000
    assert (first.data.params, first.data.metrics) == ({"depth": "3"}, {"auc": 0.7})
    history = client.get_metric_history(pruned.info.run_id, "pruning")
    assert [(one.step, one.value) for one in history] == [(0, 0.6), (1, 0.5)]


def test_another_server_keeps_the_runs_and_the_home_the_files(told: tuple[Registry, str]) -> None:
    registry, run_id = told
    assert not (registry.home / "mlflow.db").exists()
    assert registry.champion(LABEL) is None
    assert (registry.home / "mlruns" / run_id / "artifacts" / "bundle").is_dir()


def test_a_run_that_could_not_be_finished_is_marked_and_makes_no_version(
    registry: Registry, release: Callable[..., Release]
) -> None:
    import mlflow

    with pytest.raises(Unavailable, match="MLflow does not answer as it should"):
        registry.log(
            replace(release(), metrics={"x" * 20: 0.1, "X" * 20: float("nan")}, params={"a": 1, "a ": 2, "": 3})
        )
    client = mlflow.MlflowClient(registry.uri, registry.uri)
    (run,) = client.search_runs([client.get_experiment_by_name(LABEL).experiment_id])
    assert run.info.status == "FAILED"
    with pytest.raises(NotReady):
        registry.promote(LABEL)


def test_what_a_run_wrote_down_can_be_had_again(registry: Registry, release: Callable, tmp_path: Path) -> None:
    _, run_id = registry.log(release())
    found = registry.recorded(run_id, tmp_path)
    assert (found.run_id, found.tags["dataset_digest"], found.bundle.label) == (run_id, "digest", LABEL)
    for strange in ("0" * 32, "../escape", "' OR 1=1"):
        with pytest.raises(NotFound, match="there is no such run"):
            registry.recorded(strange, tmp_path)


def test_a_run_that_is_no_training_is_told(registry: Registry, tmp_path: Path) -> None:
    import mlflow

    client = mlflow.MlflowClient(registry.uri, registry.uri)
    run = client.create_run("0")
    with pytest.raises(NotFound, match="not the run of a finished training"):
        registry.recorded(run.info.run_id, tmp_path)


def test_a_shadow_runs_beside_whatever_its_gates_say(registry: Registry, release: Callable, home: Path) -> None:
    import mlflow

    for gates in ((GREEN,), (RED,)):
        registry.log(release(*gates))
    registry.promote(LABEL, version=1)
    assert shadow_bundle(home, LABEL) is None
    assert registry.set_shadow(LABEL) == 2
    assert shadow_bundle(home, LABEL) == home / "bundles" / LABEL / "2"
    assert served_bundle(home, LABEL).name == "1"
    client = mlflow.MlflowClient(registry.uri, registry.uri)
    assert client.get_model_version_by_alias(LABEL, "shadow").version == 2
    assert registry.drop_shadow(LABEL) is True
    assert registry.drop_shadow(LABEL) is False
    assert shadow_bundle(home, LABEL) is None
    assert "shadow" not in client.get_registered_model(LABEL).aliases


def test_the_champion_is_no_shadow(registry: Registry, release: Callable, home: Path) -> None:
    for _ in range(2):
        registry.log(release())
    registry.promote(LABEL, version=1)
    with pytest.raises(Refused, match="cannot run beside itself"):
        registry.set_shadow(LABEL, 1)
    registry.set_shadow(LABEL, 2)
    registry.promote(LABEL, version=2)
    assert shadow_bundle(home, LABEL) is None


def test_a_damaged_bundle_is_no_shadow(registry: Registry, release: Callable, home: Path, bundle_copy: Path) -> None:
    (bundle_copy / "golden.json").write_text("{}")
    registry.log(release(folder=bundle_copy))
    with pytest.raises(BadInput, match=r"golden.json is damaged"):
        registry.set_shadow(LABEL)
    assert shadow_bundle(home, LABEL) is None


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
