from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model import bundle
from model.calibration import Calibration, CalibrationSettings
from model.dataset import Dataset, Split, SplitSettings, split
from model.learning import Learnt, Recipe
from model.registry import Registry
from model.risk import RiskModel, RiskSettings

FEATURES = (
    "days_without_login",
    "active_days_7d",
    "clicks_7d",
    "clicks_28d",
    "homework_overdue_now",
    "homework_mean_score",
    "days_since_start",
    "noise",
)
MONOTONE = {
    "days_without_login": 1,
    "active_days_7d": -1,
    "clicks_7d": -1,
    "clicks_28d": -1,
    "homework_overdue_now": 1,
    "homework_mean_score": -1,
}
FAMILIES = {
    "days_without_login": "activity",
    "active_days_7d": "activity",
    "clicks_7d": "activity",
    "clicks_28d": "activity",
    "homework_overdue_now": "homework",
    "homework_mean_score": "homework",
    "days_since_start": "progress",
    "noise": "noise",
}
FIRST_DAY = 18_000
HORIZON = 28


def panel(
    seed: int = 0,
    enrolments: int = 800,
    weeks: int = 30,
    rate: float = 0.01,
    first_day: int = FIRST_DAY,
    course: str = "course",
    signal: float = 1.6,
) -> pd.DataFrame:
    """Weekly snapshots of live enrolments whose weekly hazard is ``rate * exp(signal * slackness)``.

    Slackness has a part that logins show and one that only homework shows, so a model can beat a rule on logins.
    """
    random = np.random.default_rng(seed)
    quiet, behind = (random.normal(size=(enrolments, weeks + 4)) for _ in range(2))
    for week in range(1, weeks + 4):
        quiet[:, week] = 0.95 * quiet[:, week - 1] + 0.3 * quiet[:, week]
        behind[:, week] = 0.95 * behind[:, week - 1] + 0.3 * behind[:, week]
    hazard = np.clip(rate * np.exp(signal * (quiet + behind) / 1.4), 0, 0.9)
    leaves = random.random(hazard.shape) < hazard
    left = np.where(leaves.any(axis=1), leaves.argmax(axis=1), 10_000)
    rows = []
    for week in range(weeks):
        live = np.flatnonzero(left >= week)
        q, b, n = quiet[live, week], behind[live, week], len(live)
        clicks = np.exp(3 - q + random.normal(size=n) * 0.5).round()
        rows.append(
            pd.DataFrame(
                {
                    "enrolment_id": [f"{course}-{one}" for one in live],
                    "student_id": [f"student-{one}" for one in live],
                    "course_id": course,
                    "day": first_day + 7 * week,
                    "days_without_login": np.where(
                        random.random(n) < 0.05, np.nan, np.exp(q + random.normal(size=n) * 0.7).round()
                    ),
                    "active_days_7d": np.clip(np.round(3.5 - 1.5 * q + random.normal(size=n)), 0, 7),
                    "clicks_7d": clicks,
                    "clicks_28d": (clicks * 4 * np.exp(random.normal(size=n) * 0.3)).round(),
                    "homework_overdue_now": np.clip(np.round(1 + b + random.normal(size=n) * 0.5), 0, 9),
                    "homework_mean_score": np.where(
                        random.random(n) < 0.2, np.nan, np.clip(70 - 10 * b + random.normal(size=n) * 10, 0, 100)
                    ),
                    "days_since_start": float(7 * week + 3),
                    "noise": random.normal(size=n),
                    "y": (left[live] < week + HORIZON // 7).astype("float64"),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def as_dataset(rows: pd.DataFrame) -> Dataset:
    return Dataset(rows, FEATURES, "withdrawal_28d", 1, HORIZON)


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., pd.DataFrame]:
    return panel


@pytest.fixture(scope="session")
def make_dataset() -> Callable[..., Dataset]:
    return lambda **how: as_dataset(panel(**how))


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    return as_dataset(panel())


@pytest.fixture(scope="session")
def parts(dataset: Dataset) -> Split:
    return split(dataset, SplitSettings())


@pytest.fixture(scope="session")
def monotone() -> dict[str, int]:
    return MONOTONE


@pytest.fixture(scope="session")
def families() -> dict[str, str]:
    return FAMILIES


@pytest.fixture(scope="session")
def quick() -> RiskSettings:
    return RiskSettings(rounds=60)


@pytest.fixture(scope="session")
def recipe(quick: RiskSettings) -> Recipe:
    return Recipe(SplitSettings(), quick, CalibrationSettings(), MONOTONE, 1)


@pytest.fixture(scope="session")
def learnt(parts: Split, recipe: Recipe) -> Learnt:
    return recipe.learn(parts.fit)


@pytest.fixture(scope="session")
def risk_model(learnt: Learnt) -> RiskModel:
    return learnt.model


@pytest.fixture(scope="session")
def quick_config() -> dict[str, dict[str, object]]:
    return {"risk": {"rounds": 60}, "metrics": {"draws": 100}, "gates": {"shuffles": 5}}


@pytest.fixture(scope="session")
def made_bundle(tmp_path_factory: pytest.TempPathFactory, parts: Split, risk_model: RiskModel) -> Path:
    """A good bundle; copy it before doing it harm."""
    folder = tmp_path_factory.mktemp("bundle") / "good"
    bundle.save(
        risk_model,
        folder,
        meta={
            "label": "withdrawal_28d",
            "label_version": 1,
            "horizon_days": HORIZON,
            "trained_until": "2020-01-01",
            "risk_percentiles": [risk / 100 for risk in range(101)],
        },
        reference=bundle.reference_of(parts.fit),
        families=FAMILIES,
        monotone=MONOTONE,
        card="# Model card\n",
    )
    return folder


@pytest.fixture
def bundle_copy(made_bundle: Path, tmp_path: Path) -> Path:
    return shutil.copytree(made_bundle, tmp_path / "bundle")


@pytest.fixture(scope="session")
def empty_registry(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home whose MLflow tables are made: that takes seconds, a copy takes none."""
    home = tmp_path_factory.mktemp("template")
    assert Registry(home).champion("withdrawal_28d") is None
    return home


@pytest.fixture
def home(empty_registry: Path, tmp_path: Path) -> Path:
    return shutil.copytree(empty_registry, tmp_path / "my school")


@pytest.fixture
def scaled() -> Callable[[RiskModel, float], RiskModel]:
    """A model whose log-odds are multiplied."""

    def times(model: RiskModel, by: float) -> RiskModel:
        kind, numbers = model.calibration.kind, model.calibration.numbers
        assert kind == "line"
        return replace(model, calibration=Calibration("line", tuple(by * number for number in numbers)))

    return times
