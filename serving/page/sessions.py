"""Who is looking: a signed cookie that names a login until a fixed moment, and the token that every form carries."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from fastapi import Request, Response
from itsdangerous import BadSignature, URLSafeSerializer

from features.errors import BadConfig

COOKIE = "handrail_session"
LASTS = timedelta(hours=12)  # a working day; then the password is asked for again
_SHORTEST_SECRET = 32  # characters


@dataclass(frozen=True)
class Session:
    """What the cookie says.

    Attributes:
        login: whose it is; empty before signing in.
        proof: fingerprint of the user's stored password hash, so that a new password ends older sessions.
        csrf: what a form has to carry to be believed.
        until: when it ends, in seconds since 1970.
    """

    login: str
    proof: str
    csrf: str
    until: int

    def believes(self, token: str) -> bool:
        """Whether a form that carries this token comes from our own page."""
        return hmac.compare_digest(self.csrf.encode(), token.encode())


class Sessions:
    """Reads and writes sessions.

    Args:
        secret: what cookies are signed with; the same after a restart, and on every server of one school.
        now: tells the time.

    Raises:
        BadConfig: the secret is too short to be one.
    """

    def __init__(self, secret: str, now: Callable[[], datetime]) -> None:
        if len(secret) < _SHORTEST_SECRET:
            raise BadConfig(
                f"the session secret is shorter than {_SHORTEST_SECRET} characters",
                where="settings",
                mend="Leave it out, and one is made and kept",
            )
        self._signer = URLSafeSerializer(secret, salt="handrail.page", signer_kwargs={"digest_method": hashlib.sha256})
        self._now = now

    def new(self, login: str = "", password_hash: str = "") -> Session:
        """A session that starts now, with a token of its own."""
        until = int((self._now() + LASTS).timestamp())
        return Session(login, proof_of(password_hash), secrets.token_urlsafe(24), until)

    def read(self, request: Request) -> Session | None:
        """The session that a request carries; None when there is none, it is over or it is not ours."""
        try:
            session = Session(**self._signer.loads(request.cookies.get(COOKIE, "")))
        except (BadSignature, TypeError):
            return None
        return session if session.until > self._now().timestamp() else None

    def write(self, request: Request, response: Response, session: Session) -> None:
        """Puts the session on its way to the browser."""
        response.set_cookie(
            COOKIE,
            self._signer.dumps(asdict(session)),
            max_age=int(LASTS.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )


def proof_of(password_hash: str) -> str:
    """A fingerprint of a password hash that tells nothing about it."""
    return hashlib.blake2b(password_hash.encode(), digest_size=12).hexdigest()
