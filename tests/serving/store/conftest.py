from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from serving.store import Entry, Store


@pytest.fixture(scope="session")
def _empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with the tables and nothing in them, made once."""
    file = tmp_path_factory.mktemp("store") / "empty.db"
    store = Store(f"sqlite:///{file}")
    store.migrate()
    store.close()
    return file


@pytest.fixture
def url(_empty: Path, tmp_path: Path) -> str:
    return f"sqlite:///{shutil.copy(_empty, tmp_path / 'handrail.db')}"


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    store = Store(url)
    yield store
    store.close()


@pytest.fixture
def start() -> Iterator[Callable[..., Any]]:
    """start(function, *arguments): runs it in a process of its own, which is ended with the test at the latest."""
    context = multiprocessing.get_context("spawn")
    started: list[Any] = []

    def begun(function: Callable[..., None], *arguments: Any) -> Any:
        started.append(context.Process(target=function, args=arguments, daemon=True))
        started[-1].start()
        return started[-1]

    yield begun
    for process in started:
        process.kill()
        process.join()


@pytest.fixture(scope="session")
def make_record() -> Callable[..., dict[str, Any]]:
    """A decision's record: the columns that the store looks at, and anything else."""

    def make(number: int = 1, **fields: Any) -> dict[str, Any]:
        day = date(2025, 3, 1) + timedelta(days=number)
        record = {
            "decision_id": f"d_{number}",
            "student_id": "s1",
            "decision_date": day.isoformat(),
            "request_digest": "",
            "model_version": "m1",
            "policy_version": "p1",
            "action": "care_sms",
            "channel": "sms",
            "not_before": f"{day.isoformat()}T09:00:00+00:00",
            "arm": "treatment",
            "case": {"values": {"z": 0.1 + 0.2, "a": None}},
        }
        return {**record, **fields}

    return make


@pytest.fixture(scope="session")
def make_entries() -> Callable[..., list[Entry]]:
    """A list: enrolment e1 first; every third is of course c2, odd ones are anna's, the last has not enough data."""

    def make(number: int, **fields: Any) -> list[Entry]:
        scored = [
            Entry(
                rank=rank,
                enrolment_id=f"e{rank}",
                student_id=f"s{rank}",
                course_id="c2" if rank % 3 == 0 else "c1",
                curator="anna" if rank % 2 else None,
                state="scored",
                **{
                    "risk": 1 / (rank + 1),
                    "band": "high" if rank <= 2 else "low",
                    "previous_band": "low",
                    "changed": rank <= 2,
                    "reasons": [{"feature": "days_without_login", "value": 9.0}],
                    "decision_id": f"d_{rank}",
                    **fields,
                },
            )
            for rank in range(1, number)
        ]
        return [*scored, Entry(number, f"e{number}", f"s{number}", "c1", None, "not_enough_data")]

    return make
