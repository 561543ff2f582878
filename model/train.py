"""From a dataset to a challenger: split, fit, judge, write down. A short list of calls."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from features.clock import date_of
from features.errors import BadConfig, BadInput, Unavailable
from model import bundle, promotion, risk
from model.card import model_card
from model.dataset import Dataset, Split, SplitSettings, split
from model.metrics import Metrics, MetricSettings, Resampling, evaluate, plain_auc
from model.promotion import Gate, GateSettings
from model.registry import Registry, Release
from model.risk import RiskModel, RiskSettings

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """configs/model.toml, table by table."""

    split: SplitSettings
    risk: RiskSettings
    metrics: MetricSettings
    gates: GateSettings

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Settings:
        """Reads them from the plain values of the file.

        Raises:
            BadConfig: a name is not known, or a value is of the wrong kind.
        """
        return cls(
            _table(SplitSettings, config, "split"),
            _table(RiskSettings, config, "risk"),
            _table(MetricSettings, config, "metrics"),
            _table(GateSettings, config, "gates"),
        )


@dataclass(frozen=True)
class TrainResult:
    """What a training made.

    Attributes:
        version: of the registered model; it is the challenger now.
        run_id: of the MLflow run.
        metrics: on the test part.
        gates: with their answers.
        card: the model card, Markdown.
    """

    version: int
    run_id: str
    metrics: Metrics
    gates: tuple[Gate, ...]
    card: str


def train(
    dataset: Dataset,
    registry: Registry,
    settings: Mapping[str, Any],
    *,
    monotone: Mapping[str, int],
    families: Mapping[str, str],
    seed: int,
    progress: Callable[[str], None] | None = None,
) -> TrainResult:
    """Trains a challenger. The model that was judged is the one that is released; nothing is fitted again.

    Args:
        dataset: labelled snapshots.
        registry: where it is written down.
        settings: the plain values of configs/model.toml.
        monotone: feature -> -1, 0 or 1.
        families: feature -> family.
        seed: the same rows, settings and seed give the same bundle, byte for byte.
        progress: told in words what is being done.

    Raises:
        NotReady: the history is too short.
        BadConfig: the settings do not hold.
    """
    chosen, say = Settings.of(settings), progress or (lambda _: None)
    parts = split(dataset, chosen.split)
    say(f"fitting on {len(parts.fit)} rows with {parts.fit.cases} cases of {dataset.event}")
    model = risk.fit(parts, chosen.risk, seed, monotone)
    say(f"measuring on {len(parts.test)} later rows with {parts.test.cases} cases")
    log_odds = model.log_odds(parts.test.x)
    resampling = Resampling(parts.test.students, chosen.metrics.draws, seed)
    metrics = evaluate(parts.test, log_odds, resampling, chosen.metrics)
    flattering = _random_rows_auc(dataset, chosen.risk, seed, monotone)
    made = _Made(model, parts, chosen, seed, monotone, families, metrics, flattering)
    say("asking the gates")
    with TemporaryDirectory() as folder:
        draft, final = Path(folder, "draft"), Path(folder, "bundle")
        made.write(draft, ())
        gates = (
            promotion.beats_baseline(parts.test, log_odds, resampling, chosen.gates),
            promotion.beats_champion(parts.test, log_odds, _champion(registry, dataset), resampling, chosen.gates),
            promotion.shuffled_labels(parts, chosen.risk, seed, chosen.gates),
            promotion.shap_additivity(model, parts.test, log_odds, chosen.gates),
            promotion.calibration(parts.test, metrics, chosen.gates),
            promotion.bundle_loads(draft, model, bundle.golden_rows(model.features, made.reference), chosen.gates),
        )
        say("writing it down")
        made.write(final, gates)
        release = Release(
            label=dataset.label,
            booster=model.booster,
            example=_example(parts.fit),
            bundle=final,
            params=made.params(),
            metrics=made.numbers(gates),
            gates=gates,
            digest=dataset.digest,
            card=made.card(gates),
        )
        version, run_id = registry.log(release)
    return TrainResult(version, run_id, metrics, gates, release.card)


@dataclass(frozen=True)
class _Made:
    """All that a training made, and how it is written down."""

    model: RiskModel
    parts: Split
    settings: Settings
    seed: int
    monotone: Mapping[str, int]
    families: Mapping[str, str]
    metrics: Metrics
    flattering: float

    @cached_property
    def reference(self) -> dict[str, Any]:
        return bundle.reference_of(self.parts.fit)

    def card(self, gates: tuple[Gate, ...]) -> str:
        return model_card(self.parts, self.metrics, gates, self.flattering)

    def write(self, folder: Path, gates: tuple[Gate, ...]) -> None:
        """The bundle, with the gates known so far."""
        bundle.save(
            self.model,
            folder,
            meta=self.meta(gates),
            reference=self.reference,
            families=self.families,
            monotone=self.monotone,
            card=self.card(gates),
        )

    def meta(self, gates: tuple[Gate, ...]) -> dict[str, Any]:
        test = self.parts.test
        return {
            "label": test.label,
            "label_version": test.label_version,
            "horizon_days": test.horizon_days,
            "trained_until": date_of(test.known_until).isoformat(),
            # what is a high risk is said against these, so that the bands mean the same from night to night
            "risk_percentiles": np.percentile(self.model.score(test.x), range(101)).tolist(),
            "seed": self.seed,
            "settings": asdict(self.settings),
            "parts": {name: _summary(part) for name, part in self.parts.parts.items()},
            "metrics": self.metrics.as_dict(),
            "auc_flattering_random_rows": None if np.isnan(self.flattering) else self.flattering,
            "gates": [gate.as_dict() for gate in gates],
            "versions": _versions(),
        }

    def params(self) -> dict[str, object]:
        test = self.parts.test
        named = {"label": test.label, "label_version": test.label_version, "features": len(test.features)}
        line = {"seed": self.seed, "calibration.slope": self.model.slope, "calibration.intercept": self.model.intercept}
        tables = asdict(self.settings)
        settings = {f"{table}.{name}": value for table, values in tables.items() for name, value in values.items()}
        sizes = {f"{name}.{key}": v for name, part in self.parts.parts.items() for key, v in _summary(part).items()}
        return {**named, **line, **settings, **sizes}

    def numbers(self, gates: tuple[Gate, ...]) -> dict[str, float]:
        found = {"auc_flattering_random_rows": self.flattering}
        found |= {"test_rows": float(self.metrics.rows), "test_cases": float(self.metrics.cases)}
        for name, one in self.metrics.figures.items():
            found |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        for gate in gates:
            found[f"gate_{gate.name}"] = np.nan if gate.figure is None else gate.figure
            found[f"gate_{gate.name}_passed"] = np.nan if gate.passed is None else float(gate.passed)
        return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _champion(registry: Registry, dataset: Dataset) -> bundle.Bundle | str | None:
    try:
        return registry.champion_bundle(dataset.label)
    except (BadInput, Unavailable) as error:
        return error.what


def _random_rows_auc(dataset: Dataset, settings: RiskSettings, seed: int, monotone: Mapping[str, int]) -> float:
    """The flattering number: fitted on four fifths of the rows drawn at random, measured on the fifth."""
    held_out = np.random.default_rng(seed).random(len(dataset)) < 0.2
    known, rest = dataset.where(~held_out), dataset.where(held_out)
    return plain_auc(rest.y, risk.grow(known, known.y, settings, seed, monotone).log_odds(rest.x))


def _example(part: Dataset) -> pd.DataFrame:
    """One made-up row: the middle of each feature."""
    middle = [float(np.median(known)) if len(known := column[~np.isnan(column)]) else 0.0 for column in part.x.T]
    return pd.DataFrame([middle], columns=list(part.features))


def _summary(part: Dataset) -> dict[str, Any]:
    return {
        "from": date_of(part.day.min()).isoformat(),
        "to": date_of(part.day.max()).isoformat(),
        "rows": len(part),
        "cases": part.cases,
        "digest": part.digest,
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in ("handrail", "lightgbm", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "source"
    return found


def _table(kind: type[T], config: Mapping[str, Any], name: str) -> T:
    values, where = config.get(name, {}), f"model.toml [{name}]"
    defaults = {one.name: one.default for one in fields(kind)}  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in defaults:
            raise BadConfig(f"{key} is not a setting", where=where, mend=f"There are {', '.join(defaults)}")
        wanted = type(defaults[key])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise BadConfig(f"{key} is {value!r}", where=where, mend=f"Write it like {defaults[key]!r}")
    return kind(**values)
