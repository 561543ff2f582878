"""The app: the routes for programs and the pages for people, on one store."""

from __future__ import annotations

from fastapi import FastAPI

from features import clock
from serving.api import errors
from serving.api.metrics import Measured, Metrics
from serving.api.routes import build_router as build_api
from serving.current import Current
from serving.page.render import error_page
from serving.page.routes import build_router as build_page

MOST_BYTES = 2_000_000


def build_app(current: Current, session_secret: str, version: str) -> FastAPI:
    """The whole application.

    Args:
        current: gives the adviser in force, and the store.
        session_secret: what curators' sessions are signed with.
        version: of the product.
    """
    app = FastAPI(
        title="Handrail",
        version=version,
        summary="Who is about to leave, why, and what to do about it",
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    errors.install(app, error_page)
    metrics = Metrics(current)
    app.include_router(build_api(current, metrics))
    app.include_router(metrics.router())
    app.include_router(
        build_page(current.store, current.school, policy=current.policy, secret=session_secret, now=clock.now)
    )
    app.add_middleware(errors.BodyLimit, most=MOST_BYTES)
    app.add_middleware(Measured, metrics=metrics)
    return app
