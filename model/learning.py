"""Learning from a history: trees on all that is known, calibrated on forecasts that were made before their answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from features.catalogue import FEATURES
from features.errors import BadConfig
from model.calibration import CalibrationSettings, Candidate, choose
from model.dataset import Dataset, SplitSettings, enough, forward_folds, not_enough
from model.risk import RiskModel, RiskSettings, grow


@dataclass(frozen=True)
class Forecasts:
    """What earlier trees said of later rows: the honest past of a recipe.

    Attributes:
        rows: (m,) row numbers in the history, in the order of time.
        stretch: (m,) number of the fold.
        raw: (m,) the trees' log-odds.
        log_odds: (m,) calibrated with all of them.
    """

    rows: np.ndarray
    stretch: np.ndarray
    raw: np.ndarray
    log_odds: np.ndarray


@dataclass(frozen=True)
class Learnt:
    """A model and how it came about.

    Attributes:
        model: trees on the whole history, with the calibration.
        forecasts: of the folds.
        candidates: the calibrations that were tried.
    """

    model: RiskModel
    forecasts: Forecasts
    candidates: tuple[Candidate, ...]


@dataclass(frozen=True)
class Recipe:
    """How a history becomes a model; the same recipe and history give the same bytes.

    Attributes:
        split: folds and least cases.
        risk: how trees are grown.
        calibration: what is tried.
        monotone: feature -> -1, 0 or 1.
        seed: of the trees.
    """

    split: SplitSettings
    risk: RiskSettings
    calibration: CalibrationSettings
    monotone: Mapping[str, int]
    seed: int

    def learn(self, known: Dataset, progress: Callable[[str], None] = lambda _: None) -> Learnt:
        """Fits trees to all rows and calibrates them on the forecasts of trees that knew only what came before.

        Withholding the newest rows for a calibration costs trees their best rows and leaves the level to one phase of
        a course. Forecasts of several stretches cost a few more fits and neither; their trees are not the served ones,
        but were grown in the same way on less.

        Raises:
            NotReady: there is not enough data.
        """
        if not enough(known, self.split):
            raise not_enough(known, self.split)
        rows, stretch, raw = [], [], []
        folds = forward_folds(known, self.split)
        for number, fold in enumerate(folds):
            progress(f"forecasting stretch {number + 1} of {len(folds)}")
            past = known.where(fold.past)
            trees = grow(past, past.y, self.held_back(len(past) / len(known)), self.seed, self.monotone)
            rows.append(fold.later)
            stretch.append(np.full(len(fold.later), number))
            raw.append(trees.raw_log_odds(known.x[fold.later]))
        at, number_of, said = (np.concatenate(parts) for parts in (rows, stretch, raw))
        first_days = np.array([known.day[fold.later].min() for fold in folds])
        known_day = known.day[at] + known.horizon_days
        made, tried = choose(said, known.y[at], first_days[number_of], known_day, known.students[at], self.calibration)
        progress(f"fitting on {len(known)} rows with {known.cases} cases of {known.event}")
        model = replace(grow(known, known.y, self.risk, self.seed, self.monotone), calibration=made)
        return Learnt(model, Forecasts(at, number_of, said, made(said)), tried)

    def held_back(self, share: float) -> RiskSettings:
        """How trees are grown on a share of the rows, so that they are shrunk as much as those grown on all of them."""
        least = self.risk.least_leaf_hessian * share
        return replace(self.risk, l2=self.risk.l2 * share, least_leaf_hessian=least)


def signs(config: Mapping[str, Any]) -> dict[str, int]:
    """Monotone constraints by feature: the catalogue's, with those of [monotone] in model.toml laid over them.

    Raises:
        BadConfig: a feature is not known, or a sign is neither 1 (more means more risk), -1 nor 0 (free).
    """
    own = config.get("monotone", {})
    for name, sign in own.items():
        where = f"model.toml [monotone] {name}"
        if name not in FEATURES:
            raise BadConfig("is no feature", where=where, mend="The names are in docs/reference/features.md")
        if type(sign) is not int or sign not in (-1, 0, 1):
            raise BadConfig(f"is {sign!r}", where=where, mend="Write 1 for more risk, -1 for less, 0 for free")
    return {name: feature.monotone for name, feature in FEATURES.items()} | own
