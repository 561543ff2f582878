"""Tuning: other tree settings, tried on forward folds of the past alone. The only file that knows Optuna."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from features.errors import BadConfig
from model.dataset import Dataset, enough, forward_folds, not_enough
from model.metrics import plain_auc
from model.risk import RiskSettings, grow

if TYPE_CHECKING:
    from optuna import Trial

    from model.learning import Recipe

SEARCHED = ("depth", "leaves", "rounds", "learning_rate", "l2", "feature_share", "row_share", "least_leaf_share")
SPACE = "3"  # goes up when the space below, or how it is tried, changes: trials of another space are not continued
_PRESENT = "present"  # marks the trial of the present settings


@dataclass(frozen=True)
class TuningSettings:
    """See configs/model.toml."""

    warm_up: int = 10
    doubts: float = 1.0

    def __post_init__(self) -> None:
        if self.warm_up < 1 or self.doubts < 0:
            raise BadConfig("warm_up must be at least 1 and doubts not negative", where="model.toml [tuning]")


@dataclass(frozen=True)
class Tried:
    """One trial.

    Attributes:
        number: of the trial in its study.
        risk: the settings tried.
        areas: AUC in each fold, NaN in a fold without cases; fewer than there are folds where it was given up.
        given_up: whether it was pruned.
    """

    number: int
    risk: RiskSettings
    areas: tuple[float, ...]
    given_up: bool

    @property
    def mean(self) -> float:
        """Over the folds."""
        return float(np.nanmean(self.areas)) if len(self.areas) else float("nan")


@dataclass(frozen=True)
class Tuned:
    """What a tuning found.

    Attributes:
        risk: the settings to use.
        trials: all of the study, of earlier sittings too; the first is of the settings as they were.
        words: why these settings.
    """

    risk: RiskSettings
    trials: tuple[Tried, ...]
    words: str


def tune(
    known: Dataset, recipe: Recipe, settings: TuningSettings, trials: int, storage: str, say: Callable[[str], None]
) -> Tuned:
    """Looks for tree settings that forecast better than the present ones, on rows before the test period.

    A trial is fitted and measured on forward folds, oldest first, and given up when it falls behind the median of the
    others. The best takes the place of the present settings only where its gain over the folds is larger than
    ``doubts`` standard errors: the best of many is lucky too. The study is kept, so that a sitting that was killed goes
    on where it was; it bears the digests of what it saw and of the present settings.

    Args:
        known: what may be seen; the test part is not among it.
        recipe: the present settings.
        settings: see configs/model.toml.
        trials: how many in all, those of earlier sittings included.
        storage: a database for the study, as SQLAlchemy writes it.
        say: told in words what is being done.

    Raises:
        NotReady: there is not enough data.

    Source: Akiba et al. (2019), Optuna, KDD; Bergstra et al. (2011), the tree-structured Parzen estimator.
    """
    import optuna

    if not enough(known, recipe.split):
        raise not_enough(known, recipe.split)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    folds = forward_folds(known, recipe.split)
    parts = [(known.where(fold.past), known.where(fold.later)) for fold in folds]
    asked = hashlib.sha256(repr(recipe).encode()).hexdigest()
    study = optuna.create_study(
        storage=storage,
        study_name=f"{known.label} {known.digest[:16]} {SPACE} {asked[:16]}",
        direction="maximize",
        pruner=optuna.pruners.MedianPruner(n_startup_trials=settings.warm_up),
        load_if_exists=True,
    )
    done = len([trial for trial in study.trials if trial.state.is_finished()])
    # Every sitting draws anew: with the seed of the first it would try the first one's settings again.
    study.sampler = optuna.samplers.TPESampler(seed=recipe.seed + done, n_startup_trials=settings.warm_up)
    present = [trial.state.name for trial in study.trials if _PRESENT in trial.user_attrs]
    if not {"COMPLETE", "WAITING"} & set(present):
        study.enqueue_trial(_plain(recipe.risk), user_attrs={_PRESENT: True})

    def one(trial: Trial) -> float:
        is_present, suggested = _PRESENT in trial.user_attrs, _suggested(trial)
        own = recipe.risk if is_present else replace(recipe.risk, **suggested)
        areas: list[float] = []
        for number, (past, later) in enumerate(parts):
            held = replace(recipe, risk=own).held_back(len(past) / len(known))
            trees = grow(past, past.y, held, recipe.seed, recipe.monotone)
            areas.append(plain_auc(later.y, trees.raw_log_odds(later.x)))
            trial.set_user_attr("areas", areas)
            trial.report(float(np.nanmean(areas)), number)
            if number + 1 < len(parts) and not is_present and trial.should_prune():
                raise optuna.TrialPruned
        return float(np.nanmean(areas))

    to_come = max(trials - done, int("COMPLETE" not in present))
    for number in range(done, done + to_come):
        say(f"trial {number + 1} of {done + to_come}")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Fixed parameter")  # the present settings may lie outside of the space
            study.optimize(one, n_trials=1)
    tried = tuple(_tried(trial, recipe.risk) for trial in study.trials if trial.state.is_finished())
    return _chosen(tried, recipe.risk, settings)


def _chosen(trials: tuple[Tried, ...], risk: RiskSettings, settings: TuningSettings) -> Tuned:
    whole = [trial for trial in trials if not trial.given_up]
    present, best = next(one for one in whole if one.risk == risk), max(whole, key=lambda trial: trial.mean)
    gains = np.array(best.areas) - np.array(present.areas)
    gains = gains[~np.isnan(gains)]
    mean = float(gains.mean())
    doubt = float(gains.std(ddof=1) / np.sqrt(len(gains))) if len(gains) > 1 else float("inf")
    better = mean > settings.doubts * doubt
    if best is present:
        words = (
            f"none of {len(trials)} trials has a mean AUC above that of the present settings, {present.mean:.3f} over "
            f"{len(gains)} folds: they stay"
        )
        return Tuned(risk, trials, words)
    words = (
        f"the best of {len(trials)} trials, number {best.number}, has a mean AUC of {best.mean:.3f} over {len(gains)} "
        f"folds against {present.mean:.3f}: a gain of {mean:.4f} with a standard error of {doubt:.4f}; "
        + ("its settings are taken" if better else "too little to leave the present settings")
    )
    return Tuned(best.risk if better else risk, trials, words)


def _suggested(trial: Trial) -> dict[str, Any]:
    depth = trial.suggest_int("depth", 1, 5)
    return {
        "depth": depth,
        "leaves": min(24, 2**depth),
        "rounds": trial.suggest_int("rounds", 20, 1000, log=True),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.15, log=True),
        "l2": trial.suggest_float("l2", 1.0, 500.0, log=True),
        "feature_share": trial.suggest_float("feature_share", 0.05, 0.8),
        "row_share": trial.suggest_float("row_share", 0.2, 1.0),
        "least_leaf_share": trial.suggest_float("least_leaf_share", 0.001, 0.03, log=True),
    }


def _plain(present: RiskSettings) -> dict[str, Any]:
    return {name: value for name, value in asdict(present).items() if name in SEARCHED and name != "leaves"}


def _tried(trial: Any, present: RiskSettings) -> Tried:
    own = present
    if _PRESENT not in trial.user_attrs:
        own = replace(present, **{**trial.params, "leaves": min(24, 2 ** trial.params["depth"])})
    areas = tuple(float(area) for area in trial.user_attrs.get("areas", ()))
    return Tried(trial.number, own, areas, trial.state.name != "COMPLETE")
