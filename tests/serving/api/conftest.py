from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from handrail import journeys
from handrail.serving_app import app_of


class Caller:
    """A program with a key."""

    def __init__(self, home) -> None:
        self.home = home
        key = journeys.create_key(home.settings, ["score", "read", "write"], "tests", None)
        self.client = TestClient(app_of(home.settings), raise_server_exceptions=False)
        self.client.headers["Authorization"] = f"Bearer {key}"

    def list(self) -> list[dict]:
        return self.client.get("/v1/risk-list", params={"limit": 1000}).json()["entries"]

    def score(self, student_id: str, **more):
        return self.client.post("/v1/score", json={"student_id": student_id, **more})


@pytest.fixture(scope="module")
def caller(made_home, tmp_path_factory) -> Caller:
    """The made school, served; tests of one file share it."""
    return Caller(made_home.copy(tmp_path_factory.mktemp("served") / "home"))


@pytest.fixture
def own_caller(made_home, tmp_path) -> Caller:
    """The made school, served to one test alone."""
    return Caller(made_home.copy(tmp_path / "home"))
