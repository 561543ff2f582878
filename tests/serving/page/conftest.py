"""The page on a real store with one small list, read through HTTP."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from features import clock
from features.config import School
from serving.decide import Policy
from serving.page.routes import build_router
from serving.policies import policy_of
from serving.store import Store
from tests.serving.page import made_list

SECRET = "a secret of the tests that is long enough"

SignIn = Callable[..., TestClient]


class Clock:
    """The present moment, moved by a test."""

    def __init__(self) -> None:
        self.ahead = clock.now() - clock.now()

    def __call__(self) -> datetime:
        return clock.now() + self.ahead


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with accounts and a list, made once."""
    home = tmp_path_factory.mktemp("school")
    store = Store(f"sqlite:///{home / 'handrail.db'}")
    store.migrate()
    made_list.accounts(store)
    made_list.publish(store, policy_of(School(home)))
    store.close()
    return home


@pytest.fixture
def school(published: Path, tmp_path: Path) -> School:
    return School(Path(shutil.copytree(published, tmp_path / "school")))


@pytest.fixture
def policy(school: School) -> Policy:
    return policy_of(school)


@pytest.fixture
def store(school: School) -> Iterator[Store]:
    store = Store(f"sqlite:///{school.home / 'handrail.db'}")
    yield store
    store.close()


@pytest.fixture
def now() -> Clock:
    return Clock()


@pytest.fixture
def app(store: Store, school: School, policy: Policy, now: Clock) -> FastAPI:
    app = FastAPI()
    app.include_router(build_router(store, school, policy=lambda: policy, secret=SECRET, now=now))
    return app


@pytest.fixture
def browse(app: FastAPI) -> TestClient:
    """A browser that has not signed in."""
    return TestClient(app, follow_redirects=False)


@pytest.fixture
def sign_in(app: FastAPI) -> SignIn:
    """Gives a browser in which somebody has signed in."""

    def sign(login: str, password: str = made_list.PASSWORD, base_url: str = "http://testserver") -> TestClient:
        client = TestClient(app, base_url=base_url, follow_redirects=False)
        token = token_of(client.get("/login").text)
        client.post("/login", data={"login": login, "password": password, "csrf": token})
        return client

    return sign


def token_of(html: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', html)
    assert found
    return found[1]


@pytest.fixture(scope="session")
def token() -> Callable[[str], str]:
    """The token that the forms of a page carry."""
    return token_of
