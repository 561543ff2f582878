"""From a template to an answer: texts, static files and the headers that keep a page of personal data at home."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from serving import wording
from serving.page.voice import TEXTS

LANGUAGE_COOKIE = "handrail_lang"
_ROOM = Path(__file__).parent
_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_KINDS = {403: "403", 404: "404", 405: "404", 422: "422", 503: "503"}


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_ROOM / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@cache
def static_files() -> dict[str, tuple[bytes, str, str]]:
    """The files of the page by name: content, media type and a version that changes with the content."""
    found = {}
    for path in sorted((_ROOM / "static").iterdir()):
        content = path.read_bytes()
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        found[path.name] = (content, kind, hashlib.sha256(content).hexdigest()[:10])
    return found


def static_href(name: str) -> str:
    """Where a static file is; another content has another address, so browsers may keep it."""
    return f"/static/{name}?v={static_files()[name][2]}"


def static_answer(name: str) -> Response | None:
    """A static file; None when there is none of this name."""
    if name not in static_files():
        return None
    content, kind, _ = static_files()[name]
    return Response(content, media_type=kind, headers={"Cache-Control": "public, max-age=31536000, immutable"})


def render(template: str, say: Callable[..., str], page: dict[str, Any], status: int = 200, **values: Any) -> Response:
    """A page.

    Args:
        template: its file.
        say: gives the page's texts.
        page: what every page has: `lang`, `languages`, `path`, `csrf`, `login`, `school`, `zone`.
        status: the HTTP status.
        values: what this template needs.
    """
    text = _templates().get_template(template).render(say=say, static=static_href, page=page, **values)
    return HTMLResponse(text, status, {"Cache-Control": "no-store"})


def harden(response: Response) -> Response:
    """Adds the headers of every answer of the page: only our own scripts and styles, and nobody frames it."""
    response.headers.update(_HEADERS)
    return response


def error_page(request: Request, status: int) -> Response:
    """An error in words, for people, whoever is looking.

    Args:
        request: what was asked; its language is that of the cookie or of the browser.
        status: the HTTP status.
    """
    lang = wording.choose_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language"))

    def say(key: str, count: float | None = None, **values: object) -> str:
        return TEXTS.say(key, lang, count, **values)

    page = {"lang": lang, "languages": {}, "path": "/", "csrf": "", "login": "", "school": "", "zone": ""}
    response = render("error.html", say, page, status, kind=_KINDS.get(status, "500"))
    if status == 503:
        response.headers["Retry-After"] = "60"
    return harden(response)
