"""Serving: builds the app of one school and runs it until it is stopped."""

from __future__ import annotations

import logging
import socket
from typing import Any

from features.errors import Refused
from handrail import __version__
from handrail.journeys import store
from handrail.settings import Settings


def app_of(settings: Settings) -> Any:
    """The app of one school, its database brought up to date."""
    from serving.app import build_app
    from serving.current import Current

    return build_app(Current(settings.school, store(settings)), settings.session_secret(), __version__)


def check_port(host: str, port: int) -> None:
    """Refuses a port that is taken, before any work is done.

    Raises:
        Refused: says how to choose another.
    """
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise Refused(
                f"port {port} of {host} cannot be used ({error.strerror})",
                where="serve",
                mend="Stop what uses it, or choose another: --port 8001 (make demo PORT=8001)",
            ) from error


def serve(settings: Settings, host: str, port: int) -> None:
    """Serves until it is told to stop; Ctrl-C ends it after the requests under way.

    Raises:
        Refused: the port is taken.
    """
    import uvicorn

    check_port(host, port)
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    uvicorn.run(app_of(settings), host=host, port=port, log_level="warning", timeout_graceful_shutdown=5)
