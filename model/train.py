"""From a dataset to a challenger: split, fit, judge, write down. A short list of calls."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import numpy as np
import pandas as pd

from features.clock import date_of
from features.errors import BadConfig, BadInput, Unavailable
from model import bundle, plots, promotion, tuning
from model.calibration import CalibrationSettings
from model.card import model_card
from model.dataset import Dataset, Split, SplitSettings, split
from model.judging import LOGISTIC, RANDOM_ROWS, Judged, judge, one_horizon_earlier
from model.learning import Learnt, Recipe
from model.metrics import Metrics, MetricSettings
from model.promotion import Gate, GateSettings
from model.registry import Registry, Release, Trial
from model.risk import RiskSettings, probability
from model.tuning import TuningSettings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

T = TypeVar("T")


@dataclass(frozen=True)
class Settings:
    """configs/model.toml, table by table."""

    split: SplitSettings
    risk: RiskSettings
    calibration: CalibrationSettings
    metrics: MetricSettings
    gates: GateSettings
    tuning: TuningSettings

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> Settings:
        """Reads them from the plain values of the file.

        Raises:
            BadConfig: a name is not known, or a value is of the wrong kind.
        """
        for name in set(config) - {*KINDS, "monotone"}:
            known = ", ".join(f"[{one}]" for one in (*KINDS, "monotone"))
            raise BadConfig(f"[{name}] is no table", where="model.toml", mend=f"There are {known}")
        return cls(**{one.name: _table(KINDS[one.name], config, one.name) for one in fields(cls)})

    def recipe(self, monotone: Mapping[str, int], seed: int) -> Recipe:
        """How a history becomes a model under these settings."""
        return Recipe(self.split, self.risk, self.calibration, monotone, seed)


KINDS: dict[str, type] = {
    "split": SplitSettings,
    "risk": RiskSettings,
    "calibration": CalibrationSettings,
    "metrics": MetricSettings,
    "gates": GateSettings,
    "tuning": TuningSettings,
}


@dataclass(frozen=True)
class TrainResult:
    """What a training made.

    Attributes:
        version: of the registered model; it is the challenger now.
        run_id: of the MLflow run.
        judged: how the recipe did on later time, and what it is held against.
        tuned: what a tuning came to, in words; empty where none was asked for.
        gates: with their answers.
        card: the model card, Markdown.
    """

    version: int
    run_id: str
    judged: Judged
    tuned: str
    gates: tuple[Gate, ...]
    card: str

    @property
    def metrics(self) -> Metrics:
        """On the test part."""
        return self.judged.metrics


def train(
    dataset: Dataset,
    registry: Registry,
    settings: Mapping[str, Any],
    *,
    monotone: Mapping[str, int],
    families: Mapping[str, str],
    seed: int,
    tune: int = 0,
    progress: Callable[[str], None] | None = None,
) -> TrainResult:
    """Trains a challenger: a recipe is judged on later time, and what it makes of the whole history is released.

    The test part is a good part of the newest facts. A model that never learns from them is worse than the one that
    was judged will be by the time it serves; so the released model is the same recipe on all rows, and the gates that
    ask about the model itself (additivity, bytes, latency) are asked of the released one.

    Args:
        dataset: labelled snapshots.
        registry: where it is written down.
        settings: the plain values of configs/model.toml.
        monotone: feature -> -1, 0 or 1.
        families: feature -> family.
        seed: the same rows, settings and seed give the same bundle, byte for byte.
        tune: trials of other tree settings, on the part before the test period; 0 keeps those of the settings.
        progress: told in words what is being done.

    Raises:
        NotReady: there is not enough data.
        BadConfig: the settings do not hold.
    """
    chosen, say = Settings.of(settings), progress or (lambda _: None)
    parts = split(dataset, chosen.split)
    tuned = None
    if tune:
        tuned = tuning.tune(
            parts.fit,
            chosen.recipe(monotone, seed),
            chosen.tuning,
            tune,
            f"sqlite:///{registry.home / 'optuna.db'}",
            say,
        )
        chosen = replace(chosen, risk=tuned.risk)
    recipe = chosen.recipe(monotone, seed)
    judged = judge(parts, recipe, chosen, say)
    say("learning from the whole history")
    made = _Made(recipe.learn(dataset), judged, dataset, chosen, recipe, families)
    say("asking the gates")
    with TemporaryDirectory() as folder:
        draft, final = Path(folder, "draft"), Path(folder, "bundle")
        made.write(draft, ())
        gates = _gates(made, draft, registry)
        say("writing it down")
        kept = tuple(promotion.timeless(gate) for gate in gates)
        made.write(final, kept)
        release = Release(
            label=dataset.label,
            booster=made.learnt.model.booster,
            example=_example(parts.fit),
            bundle=final,
            params=made.params(),
            metrics=made.numbers(gates),
            gates=gates,
            digest=dataset.digest,
            card=made.card(kept),
            plots=made.plots(),
            trials=tuple(_trial(one) for one in tuned.trials) if tuned else (),
        )
        version, run_id = registry.log(release)
    return TrainResult(version, run_id, judged, tuned.words if tuned else "", gates, release.card)


def _gates(made: _Made, draft: Path, registry: Registry) -> tuple[Gate, ...]:
    judged, settings, recipe, test = made.judged, made.settings.gates, made.recipe, made.judged.parts.test
    golden = bundle.golden_rows(made.learnt.model.features, made.reference)
    champion = _champion(registry, made.dataset)
    known = (test, judged.log_odds)
    return (
        promotion.beats_baseline(*known, judged.resampling, settings),
        promotion.beats_logistic(*known, judged.beside[LOGISTIC], judged.resampling, settings),
        promotion.beats_champion(
            *known, champion, lambda one: _anew(one, judged.parts, recipe.seed), settings, judged.draws
        ),
        promotion.shuffled_labels(judged.parts, recipe.risk, recipe.seed, settings),
        _shifted(made),
        promotion.no_suspicious_feature(test, settings),
        promotion.calibration(test, judged.metrics, settings),
        promotion.subgroups(judged.metrics, settings),
        promotion.shap_additivity(made.learnt.model, test, settings),
        promotion.bundle_loads(draft, made.learnt.model, golden, settings),
        promotion.latency(made.learnt.model, golden, settings),
    )


def _shifted(made: _Made) -> Gate:
    """The test rows with the features that their enrolment had one horizon earlier."""
    judged, whole = made.judged, made.dataset
    now, before = one_horizon_earlier(whole, judged.parts.test)
    part = judged.parts.test.where(now)
    earlier = judged.learnt.model.log_odds(whole.x[before])
    own = judged.log_odds[now]
    return promotion.loses_skill_when_shifted(part, own, earlier, judged.draws(part), made.settings.gates)


def _anew(champion: bundle.Bundle, parts: Split, seed: int) -> np.ndarray:
    """What the champion's recipe says of the test part, learnt on the same past with the champion's features."""
    settings = Settings.of(champion.meta["settings"])
    past, later = (replace(part, features=champion.features) for part in (parts.fit, parts.test))
    return settings.recipe(champion.monotone, seed).learn(past).model.log_odds(later.x)


@dataclass(frozen=True)
class _Made:
    """All that a training made, and how it is written down."""

    learnt: Learnt
    judged: Judged
    dataset: Dataset
    settings: Settings
    recipe: Recipe
    families: Mapping[str, str]

    @cached_property
    def reference(self) -> dict[str, Any]:
        return bundle.reference_of(self.dataset)

    def card(self, gates: tuple[Gate, ...]) -> str:
        return model_card(self.judged, self.learnt, self.dataset, gates)

    def write(self, folder: Path, gates: tuple[Gate, ...]) -> None:
        """The bundle, with the gates known so far."""
        bundle.save(
            self.learnt.model,
            folder,
            meta=self.meta(gates),
            reference=self.reference,
            families=self.families,
            monotone=self.recipe.monotone,
            card=self.card(gates),
        )

    def meta(self, gates: tuple[Gate, ...]) -> dict[str, Any]:
        whole, forecasts = self.dataset, self.learnt.forecasts
        parts = {**self.judged.parts.parts, "whole": whole}
        return {
            "label": whole.label,
            "label_version": whole.label_version,
            "horizon_days": whole.horizon_days,
            "trained_until": date_of(whole.known_until).isoformat(),
            # What is a high risk is said against forecasts that were made ahead, of all phases of the courses, so that
            # the bands mean the same from night to night.
            "risk_percentiles": np.percentile(probability(forecasts.log_odds), range(101)).tolist(),
            "seed": self.recipe.seed,
            "settings": asdict(self.settings),
            "parts": {name: _summary(part) for name, part in parts.items()},
            "metrics": self.judged.metrics.as_dict(),
            "beside": self.judged.beside_as_dict(),
            "flattering": self.judged.flattering,
            "calibration": [one.as_dict() for one in self.learnt.candidates],
            "gates": [gate.as_dict() for gate in gates],
            "versions": _versions(),
        }

    def params(self) -> dict[str, object]:
        whole = self.dataset
        named = {"label": whole.label, "label_version": whole.label_version, "features": len(whole.features)}
        line = {"seed": self.recipe.seed, "calibration": self.learnt.model.calibration.kind}
        tables = asdict(self.settings)
        settings = {f"{table}.{name}": value for table, values in tables.items() for name, value in values.items()}
        parts = {**self.judged.parts.parts, "whole": whole}
        sizes = {f"{name}.{key}": value for name, part in parts.items() for key, value in _summary(part).items()}
        return {**named, **line, **settings, **sizes}

    def plots(self) -> dict[str, Figure]:
        judged = self.judged
        model = judged.learnt.model
        share = self.settings.metrics.top_share
        return plots.of_test_part(
            judged.parts.test, judged.log_odds, model.contributions, judged.beside, judged.resampling, share
        )

    def numbers(self, gates: tuple[Gate, ...]) -> dict[str, float]:
        metrics = self.judged.metrics
        found = {"auc_flattering_random_rows": self.judged.flattering[RANDOM_ROWS] or np.nan}
        found |= {"test_rows": float(metrics.rows), "test_cases": float(metrics.cases)}
        for name, one in metrics.figures.items():
            found |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
        for other, figures in self.judged.compared.items():
            found |= {f"{other.replace(' ', '_')}_{name}": one.value for name, one in figures.items()}
        for gate in gates:
            found[f"gate_{gate.name}"] = np.nan if gate.figure is None else gate.figure
            found[f"gate_{gate.name}_passed"] = np.nan if gate.passed is None else float(gate.passed)
        return {name: float(value) for name, value in found.items() if np.isfinite(value)}


def _trial(tried: tuning.Tried) -> Trial:
    risk = {name: value for name, value in asdict(tried.risk).items() if name in tuning.SEARCHED}
    steps = {step: float(np.nanmean(tried.areas[: step + 1])) for step in range(len(tried.areas))}
    state: Literal["pruned", "complete"] = "pruned" if tried.given_up else "complete"
    return Trial(tried.number, state, risk, {"auc": tried.mean}, steps)


def _champion(registry: Registry, dataset: Dataset) -> bundle.Bundle | str | None:
    try:
        return registry.champion_bundle(dataset.label)
    except (BadInput, Unavailable) as error:
        return error.what


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
