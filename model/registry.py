"""The registry: which model was trained, which one serves. The only file that knows MLflow.

MLflow keeps runs, versions and aliases; what is served is a checked copy of plain files under ``<home>/bundles``, so
that serving needs no MLflow.

    <home>/mlflow.db                     runs, versions, aliases `challenger` and `champion`
    <home>/mlruns/                       artifacts
    <home>/bundles/<label>/<version>/    released bundles
    <home>/bundles/served.json           which of them serves each label
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from features import clock
from features.errors import BadInput, NotFound, NotReady, Refused, Unavailable
from model import bundle
from model.promotion import Gate, from_dicts

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

SERVED = "served.json"
KEPT_CHAMPIONS = 50
_LABEL = re.compile(r"[a-z][a-z0-9_]{0,63}")


@dataclass(frozen=True)
class Release:
    """What `Registry.log` writes down.

    Attributes:
        label: name of the label, and of the registered model.
        booster: the LightGBM booster, logged as its own text.
        example: (n, f) made-up rows with the features as columns, for the signature.
        bundle: folder of plain files.
        params: settings, by name.
        metrics: figures, by name.
        gates: all of them.
        digest: of the dataset.
        card: the model card.
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


def served_bundle(home: Path, label: str) -> Path:
    """The folder of the bundle that serves a label; asks no registry.

    Raises:
        NotReady: none was promoted yet.
    """
    found = _served(home).get(label)
    if found is None:
        raise NotReady(
            f"there is no model for {label} yet",
            where=str(home),
            mend=f"Run `handrail train --label {label}`, then `handrail promote --label {label}`",
        )
    return _folder(home, label, int(found["version"]))


class Registry:
    """Runs, versions and aliases of one school.

    Args:
        home: the school's folder.
        uri: an MLflow tracking server; by default the school's own SQLite file.
    """

    def __init__(self, home: Path, uri: str | None = None) -> None:
        self.home = home.resolve()
        self.uri = uri or f"sqlite:///{self.home / 'mlflow.db'}"

    def log(self, release: Release) -> tuple[int, str]:
        """Writes down a trained model and makes it the challenger.

        Returns:
            Its version and the id of its run.
        """
        client, name = self._client, _checked_label(release.label)
        mlflow = _mlflow()
        from mlflow.models import infer_signature

        with _asking():
            mlflow.set_tracking_uri(self.uri)  # process-wide in MLflow, so said again for each training
            with mlflow.start_run(experiment_id=self._experiment(name)) as run:
                mlflow.log_params({key: str(value) for key, value in release.params.items()})
                mlflow.log_metrics(dict(release.metrics))
                mlflow.set_tags({"dataset_digest": release.digest, **_gate_tags(release.gates)})
                mlflow.log_artifacts(str(release.bundle), "bundle")
                logged = mlflow.lightgbm.log_model(
                    release.booster,
                    name="booster",
                    signature=infer_signature(release.example, release.booster.predict(release.example.to_numpy())),
                    input_example=release.example,
                    pip_requirements=[f"{guest}=={metadata.version(guest)}" for guest in ("lightgbm", "numpy")],
                )
            if not self._is_registered(name):
                client.create_registered_model(name)
            made = client.create_model_version(
                name,
                logged.model_uri,
                run.info.run_id,
                tags={
                    "dataset_digest": release.digest,
                    "bundle": bundle.version_of(release.bundle),
                    "gates": json.dumps([gate.as_dict() for gate in release.gates]),
                    **_gate_tags(release.gates),
                },
                description=release.card,
            )
            client.set_registered_model_alias(name, "challenger", made.version)
        return int(made.version), str(run.info.run_id)

    def promote(self, label: str, version: int | None = None, override: str | None = None) -> int:
        """Makes a version the champion and points the server to its bundle.

        Args:
            label: name of the label.
            version: by default the challenger.
            override: the reason for going on in spite of red gates; it is recorded on the version.

        Returns:
            The version.

        Raises:
            NotReady: nothing was trained for the label.
            NotFound: there is no such version.
            Refused: a gate is red and no reason was given; names each red gate in words.
            BadInput: its bundle is damaged.
        """
        made = self._version(label, "challenger" if version is None else version)
        number, name = int(made.version), f"{label} version {made.version}"
        if "gates" not in made.tags:
            raise Refused("it was not made by `handrail train`: it has no gates", where=name, mend="Train a model")
        red = from_dicts(json.loads(made.tags["gates"])).red
        reason = (override or "").strip()
        if red and not reason:
            why = "; ".join(f"{gate.name}: {gate.words}" for gate in red)
            raise Refused(why, where=name, mend='Mend that, or go on with --override "reason" (it is recorded)')
        past = self._past(label)
        with _asking():
            if red:
                self._client.set_model_version_tag(label, made.version, "override", reason)
                self._client.set_model_version_tag(label, made.version, "override_at", clock.now().isoformat())
            self._serve(label, past if past[-1:] == [number] else [*past, number])
        return number

    def rollback(self, label: str) -> int:
        """Makes the champion before this one the champion again.

        Returns:
            Its version.

        Raises:
            Refused: there was none before.
        """
        past = self._past(label)
        if len(past) < 2:
            raise Refused("there is no earlier champion to go back to", where=label, mend="Promote a version by number")
        with _asking():
            self._serve(label, past[:-1])
        return past[-2]

    def champion(self, label: str) -> int | None:
        """The version that is champion; None when there is none."""
        try:
            return int(self._version(label, "champion").version)
        except (NotFound, NotReady):
            return None

    def champion_bundle(self, label: str) -> bundle.Bundle | None:
        """The champion, loaded; None when there is none."""
        number = self.champion(label)
        return None if number is None else bundle.load(self.fetch_bundle(label, number))

    def fetch_bundle(self, label: str, which: str | int) -> Path:
        """Copies the plain files of an alias or version to ``<home>/bundles/<label>/<version>/``, whole or not at all.

        Returns:
            The folder; it is checked.
        """
        made = self._version(label, which)
        folder = _folder(self.home, label, int(made.version))
        if bundle.version_of(folder) == made.tags.get("bundle"):
            with suppress(BadInput):  # damaged here: the registry's copy takes its place
                bundle.load(folder)
                return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as nearby, _asking():
            fetched = Path(self._client.download_artifacts(str(made.run_id), "bundle", nearby))
            try:
                bundle.load(fetched)
            except BadInput as error:
                raise BadInput(
                    error.what, where=f"{label} version {made.version}", mend="Train a model anew"
                ) from error
            shutil.rmtree(folder, ignore_errors=True)
            fetched.rename(folder)
        return folder

    def _serve(self, label: str, champions: list[int]) -> None:
        """Points alias, history and server to the last of the champions; the server last, after all checks."""
        number = champions[-1]
        folder = self.fetch_bundle(label, number)
        self._client.set_registered_model_alias(label, "champion", str(number))
        self._client.set_registered_model_tag(label, "champions", json.dumps(champions[-KEPT_CHAMPIONS:]))
        pointer = self.home / "bundles" / SERVED
        served = {**_served(self.home), label: {"version": number, "bundle": bundle.version_of(folder)}}
        draft = pointer.with_suffix(".draft")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(served, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(pointer)

    def _past(self, label: str) -> list[int]:
        """The champions so far, oldest first; the last one is the present one."""
        if not self._is_registered(_checked_label(label)):
            return []
        with _asking():
            return list(json.loads(self._client.get_registered_model(label).tags.get("champions", "[]")))

    def _version(self, label: str, which: str | int) -> ModelVersion:
        """A version by number or alias."""
        if not self._is_registered(_checked_label(label)):
            raise NotReady(
                f"nothing was trained for {label} yet", where="registry", mend=f"Run `handrail train --label {label}`"
            )
        try:
            if isinstance(which, int):
                return self._client.get_model_version(label, str(which))
            return self._client.get_model_version_by_alias(label, which)
        except _mlflow().exceptions.MlflowException as error:
            what = f"version {which}" if isinstance(which, int) else which
            raise NotFound(f"there is no {what} of {label}", where="registry") from error

    def _is_registered(self, label: str) -> bool:
        with _asking():
            return bool(self._client.search_registered_models(f"name = '{label}'"))

    def _experiment(self, label: str) -> str:
        found = self._client.get_experiment_by_name(label)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(label, artifact_location=(self.home / "mlruns").as_uri()))

    @cached_property
    def _client(self) -> MlflowClient:
        self.home.mkdir(parents=True, exist_ok=True)
        with _asking():
            return _mlflow().MlflowClient(self.uri, self.uri)


def _mlflow() -> ModuleType:
    """MLflow, opened quietly: it tells nobody, loads no pickle and draws no progress bars."""
    for name in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ.setdefault(name, "true")
    for name in ("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"):
        os.environ.setdefault(name, "false")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow
    import mlflow.lightgbm

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.ERROR)
    return mlflow


def _served(home: Path) -> dict[str, dict[str, Any]]:
    path = home / "bundles" / SERVED
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise BadInput("is not JSON", where=str(path), mend="Run `handrail promote` again") from error


def _folder(home: Path, label: str, version: int) -> Path:
    return home / "bundles" / _checked_label(label) / str(version)


def _checked_label(label: str) -> str:
    if not _LABEL.fullmatch(label):
        raise BadInput(f"{label!r} is not the name of a label", where="registry", mend="Write it like withdrawal_28d")
    return label


def _gate_tags(gates: tuple[Gate, ...]) -> dict[str, str]:
    marks = {True: "passed", False: "red", None: "not asked"}
    return {f"gate.{gate.name}": f"{marks[gate.passed]}: {gate.words}"[:5000] for gate in gates}


@contextmanager
def _asking() -> Iterator[None]:
    """Turns errors of MLflow and of its database into one that says what to do."""
    mlflow = _mlflow()
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (mlflow.exceptions.MlflowException, SQLAlchemyError) as error:
        said = str(error).strip().splitlines()[0]
        raise Unavailable(f"MLflow does not answer as it should: {said}", where="registry", mend="Try again") from error
