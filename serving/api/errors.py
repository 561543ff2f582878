"""Errors of the API as problem+json (RFC 9457): what went wrong, where, and what to do."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from features.errors import BadConfig, BadInput, HandrailError, NotFound, NotReady, Refused, Unavailable

API = ("/v1/", "/healthz", "/readyz", "/metrics")
_STATUS: tuple[tuple[type[HandrailError], int], ...] = (
    (BadConfig, 503),
    (BadInput, 422),
    (NotFound, 404),
    (NotReady, 503),
    (Unavailable, 503),
    (Refused, 409),
)
_RETRY_SECONDS = "5"
_log = logging.getLogger("handrail.api")


def problem(
    status: int, detail: str, *, instance: str = "", errors: Sequence[dict[str, Any]] = (), mend: str = ""
) -> Response:
    """One problem document.

    Args:
        status: HTTP status.
        detail: what is wrong, in words.
        instance: the path asked for.
        errors: one per field: `field`, `detail`.
        mend: what to do about it.
    """
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
    }
    document |= {"instance": instance} if instance else {}
    document |= {"mend": mend} if mend else {}
    document |= {"errors": list(errors)} if errors else {}
    headers = {"Retry-After": _RETRY_SECONDS} if status == 503 else {}
    headers |= {"WWW-Authenticate": "Bearer"} if status == 401 else {}
    return Response(orjson.dumps(document), status, headers, "application/problem+json")


def is_api(path: str) -> bool:
    """Whether a path is for programs; the others are pages for people."""
    return path.startswith(API)


def install(app: FastAPI, page: Callable[[Request, int], Response]) -> None:
    """Makes every error of a path for programs a problem document, and of a path for people a page.

    Args:
        app: whose errors.
        page: the page for a status.
    """

    @app.exception_handler(HandrailError)
    async def refused(request: Request, error: HandrailError) -> Response:
        status = next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
        what = f"{error.where}: {error.what}" if error.where else error.what
        return problem(status, what, instance=request.url.path, mend=error.mend)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [
            {"field": ".".join(str(part) for part in one["loc"] if part != "body") or "body", "detail": one["msg"]}
            for one in error.errors()
        ]
        return problem(422, "the request is not what it should be", instance=request.url.path, errors=errors)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        if not is_api(request.url.path):
            return page(request, error.status_code)
        answer = problem(error.status_code, str(error.detail), instance=request.url.path)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        _log.exception("unforeseen error at %s %s", request.method, request.url.path, exc_info=error)
        if not is_api(request.url.path):
            return page(request, 500)
        return problem(500, "something went wrong here; it was written down", instance=request.url.path)


class BodyLimit:
    """Refuses a body that is too long before it is read, and stops reading one that turns out to be.

    A body within the limit is read whole before the app sees it.

    Args:
        app: what it guards.
        most: bytes.
    """

    def __init__(self, app: ASGIApp, most: int) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = problem(413, f"the body is longer than {self.most:,} bytes", instance=scope["path"])
        said = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if not said.isdigit() or int(said) > self.most:
            await refusal(scope, receive, send)
            return
        body = bytearray()
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > self.most:
                await refusal(scope, receive, send)
                return
            if not message.get("more_body"):
                break
        told = False

        async def again() -> Message:
            nonlocal told
            if told or message["type"] == "http.disconnect":
                return await receive()
            told = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self.app(scope, again, send)
