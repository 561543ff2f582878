"""Trials drawn from worlds whose effects are known; small, and made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.decisions.coverage_uplift import Drawn, draw
from features.config import School
from model.uplift import Effects, Learnt, learn


@pytest.fixture(scope="session")
def settings() -> dict:
    config = School(Path("no-school")).config("uplift")
    return config | {"nuisance": config["nuisance"] | {"rounds": 30, "learning_rate": 0.15}}  # so that tests are cheap


@pytest.fixture(scope="session")
def linear() -> Drawn:
    return draw(4000, 1, "linear", "launch")


@pytest.fixture(scope="session")
def of_linear(linear: Drawn, settings: dict) -> Learnt:
    return learn(linear.trial, settings, seed=1)


@pytest.fixture(scope="session")
def served_at(linear: Drawn, settings: dict) -> dict[str, Effects]:
    return {level: learn(linear.trial, settings, seed=1, level=level).effects for level in ("L1", "L2", "L3")}
