from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from features.catalogue import FEATURES
from features.config import DEFAULTS, read_toml
from serving.decide import FILES, Case, EnrolmentCase, Policy


def _policy(change: Callable[[dict[str, Any]], None] = lambda files: None) -> Policy:
    """The default policy without lots, with some of its settings changed; files by name, as `FILES` has them."""
    files = {name: read_toml(DEFAULTS / f"{name}.toml") for name in FILES}
    files["value"]["exploration"]["share"] = 0.0
    change(files)
    return Policy.from_config(files, FEATURES)


def _case(*, risk: float | None = None, band: str | None = None, values: dict | None = None, **fields: Any) -> Case:
    """A student of one course; noon in London is not a quiet hour."""
    one = EnrolmentCase("e1", "c1", risk, band, values or {})
    defaults = {
        "student_id": "s1",
        "decision_date": date(2025, 3, 10),
        "time_zone": "Europe/London",
        "enrolments": (one,),
        "consents": (),
        "touches": (),
        "model_version": "m1",
    }
    return Case(**{**defaults, **fields})


@pytest.fixture(scope="session")
def make_policy() -> Callable[..., Policy]:
    return _policy


@pytest.fixture(scope="session")
def make_case() -> Callable[..., Case]:
    return _case


@pytest.fixture(scope="session")
def policy() -> Policy:
    """The default policy with nobody in the control group."""
    return _policy(lambda files: files["gates"]["holdout"].update(share=0.0))


@pytest.fixture(scope="session")
def noon() -> datetime:
    return datetime(2025, 3, 10, 12, tzinfo=UTC)
