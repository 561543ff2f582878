"""What every route of the page does around its own work: sends to the sign-in, says errors in words, sets headers."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response
from fastapi.exceptions import HTTPException, RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from features.errors import BadConfig, BadInput, HandrailError, NotFound, NotReady, Unavailable
from serving.page.render import error_page, harden

_STATUS: tuple[tuple[type[HandrailError], int], ...] = (
    (BadConfig, 503),
    (BadInput, 422),
    (NotFound, 404),
    (NotReady, 503),
    (Unavailable, 503),
)


class SignInNeeded(Exception):
    """Nobody is signed in, or not any more.

    Args:
        after: the path to go to afterwards.
    """

    def __init__(self, after: str) -> None:
        self.after = after
        super().__init__(after)


class TooOld(Exception):
    """A form does not carry the token of its session."""


class GuardedRoute(APIRoute):
    """A route of the page."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's own work, guarded."""
        answer = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            try:
                response = await answer(request)
            except SignInNeeded as need:
                query = "" if need.after == "/" else "?" + urlencode({"next": need.after})
                response = RedirectResponse(f"/login{query}", 303)
            except (TooOld, HandrailError, HTTPException, RequestValidationError) as error:
                response = error_page(request, _status(error))
            return harden(response)

        return guarded


def _status(error: Exception) -> int:
    if isinstance(error, TooOld):
        return 403
    if isinstance(error, HTTPException):
        return error.status_code
    if isinstance(error, RequestValidationError):
        return 422
    return next((code for kind, code in _STATUS if isinstance(error, kind)), 500)
