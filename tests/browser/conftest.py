"""The page on a real server, looked at with a real browser."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from fastapi import FastAPI
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from features.config import School
from serving.page.routes import build_router
from serving.policies import policy_of
from serving.store import Store
from tests.serving.page import made_list

CHROMIUM = Path("/usr/bin/chromium")
START_SECONDS = 120
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; without one the tests are skipped, but not where the suite is the judge."""
    if not CHROMIUM.exists():
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"there is no {CHROMIUM}: install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """A school with one list, served on a free port; gives its address."""
    school = School(tmp_path)
    store = Store(f"sqlite:///{tmp_path / 'handrail.db'}")
    store.migrate()
    policy = policy_of(school)
    made_list.accounts(store)
    made_list.publish(store, policy)
    app = FastAPI()
    morning = made_list.AT + timedelta(hours=3)
    app.include_router(build_router(store, school, policy=lambda: policy, secret="s" * 40, now=lambda: morning))
    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning"))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    until = time.monotonic() + START_SECONDS
    while not running.started:
        assert thread.is_alive(), "the server ended instead of starting"
        assert time.monotonic() < until, f"the server has not started after {START_SECONDS} s"
        time.sleep(0.02)
    port = running.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    running.should_exit = True
    thread.join(START_SECONDS)
    assert not thread.is_alive(), f"the server has not stopped after {START_SECONDS} s"
    store.close()


@pytest.fixture
def open_page(chromium: Browser, server: str) -> Iterator[Callable[..., Page]]:
    """Gives a page in a fresh browser window; what its console complains about fails the test."""
    windows: list[BrowserContext] = []
    complaints: list[str] = []

    def new(login: str = "anna", lang: str = "en", width: int = 1280, height: int = 800, **options: object) -> Page:
        window = chromium.new_context(viewport={"width": width, "height": height}, **options)  # type: ignore[arg-type]
        windows.append(window)
        window.add_cookies([{"name": "handrail_lang", "value": lang, "url": server}])
        page = window.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.goto(f"{server}/login")
        page.fill("#login", login)
        page.fill("#password", made_list.PASSWORD)
        page.click("form[action='/login'] button")
        page.wait_for_url(f"{server}/")
        return page

    yield new
    for window in windows:
        window.close()
    assert not complaints
