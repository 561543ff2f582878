"""Versions: the registered models of a school, and which of them is challenger, champion or shadow."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from features import clock
from features.errors import BadInput, NotFound, NotReady, Refused
from model import bundle
from model.promotion import from_dicts
from model.registry.door import asking, open_mlflow
from model.registry.runs import Release, gate_tags, shortened, write_down, write_down_effects
from model.served import SERVED, SHADOW, checked_label, folder_of, point, shadow_bundle

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

KEPT_CHAMPIONS = 50


@dataclass(frozen=True)
class Recorded:
    """What a run wrote down, enough to make its model again.

    Attributes:
        run_id: of the run.
        tags: all of them; see `model.registry.runs.tags_of`.
        folder: a copy of the released bundle.
        bundle: the same, checked and loaded.
    """

    run_id: str
    tags: Mapping[str, str]
    folder: Path
    bundle: bundle.Bundle


class Registry:
    """Runs, versions and aliases of one school.

    Args:
        home: the school's folder.
        uri: an MLflow tracking server; by default the school's own SQLite file.
        tags: said of every run that is written down, such as `until` and `lake`.
    """

    def __init__(self, home: Path, uri: str | None = None, tags: Mapping[str, str] | None = None) -> None:
        self.home = home.resolve()
        self.uri = uri or f"sqlite:///{self.home / 'mlflow.db'}"
        self.tags = dict(tags or {})

    def log(self, release: Release) -> tuple[int, str]:
        """Writes down a trained model and makes it the challenger.

        Returns:
            Its version and the id of its run.
        """
        client, name = self._client, checked_label(release.label)
        champion = self.champion(name)
        tags = {**self.tags, "champion": "" if champion is None else str(champion)}
        with asking():
            open_mlflow().set_tracking_uri(self.uri)  # process-wide in MLflow, so said again for each training
            run_id, model_id = write_down(client, self._experiment(name), release, tags)
            if not self._is_registered(name):
                client.create_registered_model(name)
            made = client.create_model_version(
                name,
                f"models:/{model_id}",
                run_id,
                model_id=model_id,
                tags={
                    "dataset_digest": release.digest,
                    "bundle": bundle.version_of(release.bundle),
                    "gates": json.dumps([gate.as_dict() for gate in release.gates]),
                    **gate_tags(release.gates),
                },
                description=shortened(release.card),
            )
            client.set_registered_model_alias(name, "challenger", made.version)
        return int(made.version), run_id

    def log_effects(
        self,
        label: str,
        folder: Path,
        *,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        card: str,
    ) -> str:
        """Writes down a learning of effects: a run with the files of the folder, beside the label's trainings.

        Returns:
            The run's id.
        """
        client, name = self._client, f"{checked_label(label)} effects"
        with asking():
            open_mlflow().set_tracking_uri(self.uri)
            experiment = self._experiment(name)
            return write_down_effects(client, experiment, folder, params, metrics, {**self.tags, **tags}, card)

    def recorded(self, run_id: str, folder: Path) -> Recorded:
        """What a training wrote down.

        Args:
            run_id: of its run.
            folder: where its bundle is copied to.

        Raises:
            NotFound: there is no such run, or it is none of a training that was finished.
            BadInput: its bundle is damaged.
        """
        where, mend = f"run {run_id}", f"See the runs with `mlflow ui --backend-store-uri {self.uri}`"
        with asking():
            try:
                tags = dict(self._client.get_run(run_id).data.tags)
            except open_mlflow().exceptions.MlflowException as error:
                if error.error_code not in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    raise
                raise NotFound("there is no such run", where=where, mend=mend) from error
            if "dataset_digest" not in tags or not self._client.list_artifacts(run_id, "bundle"):
                raise NotFound("it is not the run of a finished training", where=where, mend=mend)
            fetched = Path(self._client.download_artifacts(run_id, "bundle", str(folder)))
        return Recorded(run_id, tags, fetched, bundle.load(fetched))

    def set_shadow(self, label: str, version: int | None = None) -> int:
        """Lets a version run beside the champion: every night scores with it too, and nothing is decided by it.

        Its gates may be red, but its bundle must load.

        Args:
            label: name of the label.
            version: by default the challenger.

        Returns:
            The version.

        Raises:
            NotReady: nothing was trained for the label.
            NotFound: there is no such version.
            Refused: it is the champion itself.
            BadInput: its bundle is damaged.
        """
        number = int(self._version(label, "challenger" if version is None else version).version)
        if number == self.champion(label):
            raise Refused(
                "it is the champion: it cannot run beside itself",
                where=f"{label} version {number}",
                mend="Name another one with --version, or train a challenger",
            )
        self.fetch_bundle(label, number)
        with asking():
            self._client.set_registered_model_alias(label, "shadow", str(number))
        point(self.home, SHADOW, label, number)
        return number

    def drop_shadow(self, label: str) -> bool:
        """Takes the shadow away; says whether there was one."""
        there = shadow_bundle(self.home, checked_label(label)) is not None
        if there:
            point(self.home, SHADOW, label, None)
        if self._is_registered(label):
            with asking(), suppress(open_mlflow().exceptions.MlflowException):  # there is no such alias
                self._client.delete_registered_model_alias(label, "shadow")
        return there

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
        with asking():
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
        with asking():
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
        folder = folder_of(self.home, label, int(made.version))
        if bundle.version_of(folder) == made.tags.get("bundle"):
            with suppress(BadInput):  # damaged here: the registry's copy takes its place
                bundle.load(folder)
                return folder
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetch-") as nearby, asking():
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
        point(self.home, SERVED, label, number)
        if shadow_bundle(self.home, label) == folder:  # it has become the champion
            self.drop_shadow(label)

    def _past(self, label: str) -> list[int]:
        """The champions so far, oldest first; the last one is the present one."""
        if not self._is_registered(checked_label(label)):
            return []
        with asking():
            return list(json.loads(self._client.get_registered_model(label).tags.get("champions", "[]")))

    def _version(self, label: str, which: str | int) -> ModelVersion:
        """A version by number or alias."""
        if not self._is_registered(checked_label(label)):
            raise NotReady(
                f"nothing was trained for {label} yet", where="registry", mend=f"Run `handrail train --label {label}`"
            )
        try:
            if isinstance(which, int):
                return self._client.get_model_version(label, str(which))
            return self._client.get_model_version_by_alias(label, which)
        except open_mlflow().exceptions.MlflowException as error:
            what = f"version {which}" if isinstance(which, int) else which
            raise NotFound(f"there is no {what} of {label}", where="registry") from error

    def _is_registered(self, label: str) -> bool:
        with asking():
            return bool(self._client.search_registered_models(f"name = '{label}'"))

    def _experiment(self, label: str) -> str:
        found = self._client.get_experiment_by_name(label)
        if found is not None:
            return str(found.experiment_id)
        return str(self._client.create_experiment(label, artifact_location=(self.home / "mlruns").as_uri()))

    @cached_property
    def _client(self) -> MlflowClient:
        self.home.mkdir(parents=True, exist_ok=True)
        with asking():
            return open_mlflow().MlflowClient(self.uri, self.uri)
