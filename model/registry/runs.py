"""Runs: how a training is written down in MLflow, with its data, plots, card and the trials that tuned it."""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from features import clock
from model import provenance
from model.promotion import Gate
from model.registry.door import open_mlflow

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure
    from mlflow import MlflowClient

CARD = "MODEL_CARD.md"
# What MLflow's databases take at most.
MOST_PARAMS, MOST_METRICS, MOST_TAGS = 100, 500, 100  # of each in one request
MOST_OF_PARAM, MOST_OF_TAG, MOST_OF_DESCRIPTION, MOST_OF_DIGEST = 6000, 5000, 5000, 36  # characters
PLOT_DPI = 110
MOST_OF_NAME = 250
_REFUSED = re.compile(r"[^\w\-. :/]+", re.ASCII)
_STATUS = {"complete": "FINISHED", "pruned": "KILLED", "failed": "FAILED"}


@dataclass(frozen=True)
class Trial:
    """One try of a tuning; it becomes a child run of the training.

    Attributes:
        number: of the trial.
        state: what became of it.
        params: what was tried, by name.
        metrics: what it reached, by name.
        steps: the figure that pruning looked at, by step.
        started, ended: when; None when not known.
    """

    number: int
    state: Literal["complete", "pruned", "failed"]
    params: Mapping[str, object]
    metrics: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[int, float] = field(default_factory=dict)
    started: datetime | None = None
    ended: datetime | None = None


@dataclass(frozen=True)
class Release:
    """What `Registry.log` writes down.

    Attributes:
        label: name of the label, and of the registered model.
        booster: the LightGBM booster, logged as its own text.
        example: (n, f) made-up rows with the features as columns, for the signature.
        bundle: folder of plain files; its meta.json says what the parts of the data were.
        params: settings, by name.
        metrics: figures, by name.
        gates: all of them.
        digest: of the dataset.
        card: the model card.
        plots: name -> figure, kept as PNG.
        trials: of the tuning that chose the settings.
    """

    label: str
    booster: Any
    example: pd.DataFrame
    bundle: Path
    params: Mapping[str, object]
    metrics: Mapping[str, float]
    gates: tuple[Gate, ...]
    digest: str
    card: str
    plots: Mapping[str, Figure] = field(default_factory=dict)
    trials: Sequence[Trial] = ()


def write_down(client: MlflowClient, experiment: str, release: Release, tags: Mapping[str, str]) -> tuple[str, str]:
    """Writes a run with everything that belongs to it; a run that could not be finished is marked as failed.

    Args:
        client: of the tracking server, which is also MLflow's present one.
        experiment: its id.
        release: what to write.
        tags: what to say beside `tags_of`; `lake` is the source of the data.

    Returns:
        The run's id and that of the logged booster.
    """
    mlflow = open_mlflow()
    meta = json.loads((release.bundle / "meta.json").read_text("utf-8"))
    name = f"{release.label} until {meta['trained_until']}"
    with mlflow.start_run(experiment_id=experiment, run_name=name) as run:
        run_id = str(run.info.run_id)
        # First the booster: it would ask for the history of every figure that is there, one by one.
        logged = mlflow.lightgbm.log_model(
            release.booster,
            name="booster",
            signature=mlflow.models.infer_signature(
                release.example, release.booster.predict(release.example.to_numpy())
            ),
            input_example=release.example,
            # named, because finding them out starts a process that imports everything
            pip_requirements=[f"{guest}=={metadata.version(guest)}" for guest in ("lightgbm", "numpy")],
        )
        metrics = [(key, value, 0) for key, value in release.metrics.items()]
        _batch(client, run_id, release.params, metrics, {**tags_of(release, meta), **tags}, logged.model_id)
        client.log_inputs(run_id, datasets=_datasets(meta.get("parts", {}), tags.get("lake", "")))
        mlflow.log_artifacts(str(release.bundle), "bundle")
        _artifacts(release)
        for trial in release.trials:
            _child(client, experiment, run_id, trial)
    return run_id, str(logged.model_id)


def write_down_effects(
    client: MlflowClient,
    experiment: str,
    folder: Path,
    params: Mapping[str, object],
    metrics: Mapping[str, float],
    tags: Mapping[str, str],
    card: str,
) -> str:
    """Writes a run of effects with its files; figures that are not known are left out.

    Returns:
        The run's id.
    """
    mlflow = open_mlflow()
    with mlflow.start_run(experiment_id=experiment) as run:
        known = [(key, value, 0) for key, value in metrics.items() if math.isfinite(value)]
        said = {name: value[:MOST_OF_TAG] for name, value in tags.items()}
        told = {"mlflow.note.content": shortened(card), **provenance.tags(), **said}
        _batch(client, str(run.info.run_id), params, known, told)
        mlflow.log_artifacts(str(folder), folder.name)
    return str(run.info.run_id)


def tags_of(release: Release, meta: Mapping[str, Any]) -> dict[str, str]:
    """What a run says about itself: data, gates, code and packages; the card is its note."""
    return {
        "dataset_digest": release.digest,
        "data_cutoff": str(meta["trained_until"]),
        "label_version": str(meta["label_version"]),
        "mlflow.note.content": shortened(release.card),
        **provenance.tags(),
        **gate_tags(release.gates),
    }


def gate_tags(gates: Sequence[Gate]) -> dict[str, str]:
    """Every gate's answer in words."""
    marks = {True: "passed", False: "red", None: "not asked"}
    return {f"gate.{gate.name}": f"{marks[gate.passed]}: {gate.words}"[:MOST_OF_TAG] for gate in gates}


def shortened(card: str) -> str:
    """A card as long as a description may be, whole lines only."""
    if len(card) <= MOST_OF_DESCRIPTION:
        return card
    rest = f"\n\n... the whole card is the run's artifact {CARD}\n"
    return card[: MOST_OF_DESCRIPTION - len(rest)].rsplit("\n", 1)[0] + rest


def _batch(
    client: MlflowClient,
    run_id: str,
    params: Mapping[str, object],
    metrics: Sequence[tuple[str, float, int]],
    tags: Mapping[str, str],
    model_id: str | None = None,
) -> None:
    """Logs in few requests: one by one is slow, on a server above all. The figures are also those of a logged model."""
    from mlflow.entities import Metric, Param, RunTag

    moment = round(clock.now().timestamp() * 1000)
    told = [Param(_named(name), str(value)[:MOST_OF_PARAM]) for name, value in params.items()]
    measured = [Metric(_named(name), float(value), moment, step, model_id) for name, value, step in metrics]
    said = [RunTag(name, value) for name, value in tags.items()]
    while told or measured or said:
        client.log_batch(run_id, measured[:MOST_METRICS], told[:MOST_PARAMS], said[:MOST_TAGS], synchronous=True)
        told, measured, said = told[MOST_PARAMS:], measured[MOST_METRICS:], said[MOST_TAGS:]


def _named(name: str) -> str:
    """A name in the letters that MLflow takes."""
    return _REFUSED.sub("_", name)[:MOST_OF_NAME]


def _datasets(parts: Mapping[str, Mapping[str, Any]], lake: str) -> list[Any]:
    """The parts of the data by name and digest; not one row of a student leaves the lake."""
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps({"tags": {"lake": lake}})
    return [
        DatasetInput(
            Dataset(name, str(part["digest"])[:MOST_OF_DIGEST], "code", source, profile=json.dumps(part)),
            [InputTag("mlflow.data.context", name)],
        )
        for name, part in parts.items()
    ]


def _artifacts(release: Release) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / CARD).write_text(release.card, "utf-8")
        (Path(folder) / "plots").mkdir()
        for name, figure in release.plots.items():
            figure.savefig(Path(folder) / "plots" / f"{name}.png", dpi=PLOT_DPI)
        open_mlflow().log_artifacts(folder)


def _child(client: MlflowClient, experiment: str, parent: str, trial: Trial) -> None:
    def moment(at: datetime | None) -> int | None:
        return None if at is None else round(at.timestamp() * 1000)

    tags = {"mlflow.parentRunId": parent, "state": trial.state}
    run = client.create_run(experiment, moment(trial.started), tags, f"trial {trial.number:03d}")
    metrics = [(name, value, 0) for name, value in trial.metrics.items()]
    metrics += [("pruning", value, step) for step, value in trial.steps.items()]
    _batch(client, run.info.run_id, trial.params, metrics, {})
    client.set_terminated(run.info.run_id, _STATUS[trial.state], moment(trial.ended))
