"""The routes for people: sign in, the ranked list, a student's card and the answers to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import RedirectResponse

from features.config import School
from features.errors import NotFound, Refused
from features.lake import Lake
from serving import access, wording
from serving.decide import Policy
from serving.history import History
from serving.page.board import Board, Filters
from serving.page.card import card_view
from serving.page.desk import Desk
from serving.page.guard import GuardedRoute, SignInNeeded, TooOld
from serving.page.render import LANGUAGE_COOKIE, render, static_answer
from serving.page.sessions import Session, Sessions, proof_of
from serving.page.views import list_view, student_href
from serving.page.voice import Voice
from serving.store import Account, Store
from serving.store.rows import VERDICTS

_YEAR = 365 * 24 * 3600
_SEE_OTHER = 303
_OWN_PATH = re.compile(r"/(?![/\\])[^\x00-\x20\\]*")

Text = Annotated[str, Form(max_length=500)]
Wish = Annotated[str, Query(max_length=200)]


def _filters(course: Wish = "", band: Wish = "", curator: Wish = "", state: Wish = "") -> Filters:
    return Filters(course, band, curator, state)


Wanted = Annotated[Filters, Depends(_filters)]


def build_router(
    store: Store,
    school: School,
    *,
    policy: Callable[[], Policy],
    secret: str,
    now: Callable[[], datetime],
) -> APIRouter:
    """The routes of the curators' page.

    Args:
        store: lists, decisions, answers and accounts.
        school: its name, zone, language and served label.
        policy: gives the policy in force, which names actions and says why rules ask for them.
        secret: what sessions are signed with, 32 characters or more.
        now: tells the time.

    Raises:
        BadConfig: the secret is too short.
    """
    settings = school.config("school")
    sessions = Sessions(secret, now)
    history = History(Lake(school.lake, school.zone), store)
    desk = Desk(store, Board(store, str(settings["served"]["label"])), history)
    router = APIRouter(route_class=GuardedRoute, include_in_schema=False)

    def reader(request: Request) -> tuple[Account, Session]:
        """Who is signed in; asked of the store each time, so that a lost account or a new password ends it."""
        session = sessions.read(request)
        account = store.account(session.login) if session and session.login else None
        if account is None or session is None or session.proof != proof_of(account.password_hash):
            raise SignInNeeded(_path(request) if request.method == "GET" else "/")
        return account, session

    def voice(request: Request, account: Account | None = None) -> Voice:
        lang = wording.choose_language(
            request.cookies.get(LANGUAGE_COOKIE),
            account.language if account else request.headers.get("accept-language"),
            str(settings["language"]),
        )
        return Voice(lang, school.zone, policy(), now())

    def page(request: Request, said: Voice, session: Session, account: Account | None = None) -> dict[str, Any]:
        return {
            "lang": said.lang,
            "languages": wording.OWN_NAMES,
            "path": _path(request) if request.method == "GET" else "/",
            "csrf": session.csrf,
            "login": account.login if account else "",
            "school": str(settings["name"]),
            "zone": school.zone,
        }

    def sign_in_page(request: Request, problem: str, login: str, after: str, status: int) -> Response:
        said, session = voice(request), sessions.read(request) or sessions.new()
        shown = {"problem": said.say(problem) if problem else "", "login": login, "next": after}
        response = render("login.html", said.say, page(request, said, session), status, **shown)
        sessions.write(request, response, session)
        return response

    @router.get("/static/{name}")
    def static(name: str) -> Response:
        if (found := static_answer(name)) is None:
            raise NotFound("there is no such file", where=name)
        return found

    @router.get("/login")
    def sign_in(request: Request, next: Wish = "/") -> Response:
        return sign_in_page(request, "", "", _own(next), 200)

    @router.post("/login")
    def signed_in(
        request: Request, login: Text = "", password: Text = "", csrf: Text = "", next: Text = "/"
    ) -> Response:
        after, login = _own(next), login.strip()
        session = sessions.read(request)
        if session is None or not session.believes(csrf):
            return sign_in_page(request, "login.stale", login, after, 403)
        try:
            person = access.check_password(store, login, password)
        except Refused:
            return sign_in_page(request, "login.wait", login, after, 429)
        account = store.account(person.login) if person else None
        if account is None:
            return sign_in_page(request, "login.wrong", login, after, 401)
        response = RedirectResponse(after, _SEE_OTHER)
        sessions.write(request, response, sessions.new(account.login, account.password_hash))
        return response

    @router.post("/logout")
    def sign_out(request: Request, csrf: Text = "") -> Response:
        _believe(sessions.read(request), csrf)
        response = RedirectResponse("/login", _SEE_OTHER)
        sessions.write(request, response, sessions.new())
        return response

    @router.post("/language")
    def language(request: Request, lang: Text, csrf: Text = "", next: Text = "/") -> Response:
        _believe(sessions.read(request), csrf)
        response = RedirectResponse(_own(next), _SEE_OTHER)
        secure = request.url.scheme == "https"
        chosen = wording.choose_language(lang)
        response.set_cookie(LANGUAGE_COOKIE, chosen, _YEAR, httponly=True, samesite="lax", secure=secure)
        return response

    @router.get("/")
    def risk_list(request: Request, filters: Wanted, after: Annotated[int, Query(ge=0)] = 0) -> Response:
        account, session = reader(request)
        said = voice(request, account)
        sheet = desk.sheet(account, filters, after)
        shown = list_view(said, account, sheet, filters) if sheet else None
        return render("list.html", said.say, page(request, said, session, account), list=shown)

    @router.get("/students/{student_id:path}")
    def student(request: Request, student_id: str, filters: Wanted, said: Wish = "") -> Response:
        account, session = reader(request)
        speaks = voice(request, account)
        dossier = desk.dossier(account, student_id, filters)
        store.audit(account.login, "student.viewed", student_id)
        card = card_view(speaks, dossier, filters, said if said in VERDICTS else "")
        common = page(request, speaks, session, account) | {"path": student_href(student_id, filters)}
        return render("card.html", speaks.say, common, card=card)

    @router.post("/students/{student_id:path}/verdict")
    def verdict(
        request: Request, student_id: str, filters: Wanted, verdict: Text, note: Text = "", csrf: Text = ""
    ) -> Response:
        account, session = reader(request)
        _believe(session, csrf)
        desk.answer(account, student_id, verdict, note.strip())
        return RedirectResponse(student_href(student_id, filters, said=verdict), _SEE_OTHER)

    return router


def _believe(session: Session | None, token: str) -> None:
    """A form is only believed with the token of the session it was shown in.

    Raises:
        TooOld: it has another one, or the session is over.
    """
    if session is None or not session.believes(token):
        raise TooOld


def _path(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _own(path: str) -> str:
    """The path if it is one of ours, otherwise the list: nobody is sent elsewhere by a prepared link."""
    return path if _OWN_PATH.fullmatch(path) else "/"
