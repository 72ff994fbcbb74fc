"""Starting the server: the socket first, so that its address is known, then Uvicorn on it."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Callable
from dataclasses import replace

import uvicorn

from backprove.errors import BackproveError
from backprove.web.app import application
from backprove.web.settings import Settings, is_loopback

#: connections that may be open at once
CONNECTIONS = 400


def run(
    host: str, port: int, workers: int, rate: float, token: str, say: Callable[[str], object]
) -> None:
    """Serve until stopped; raises `BackproveError` where the address cannot be had."""
    settings = Settings(host=host, port=port, rate=rate)
    if workers:
        settings = replace(settings, workers=workers)
    if token and not re.fullmatch(r"[\w.~-]{16,200}", token, re.ASCII):
        raise BackproveError("a token has 16 to 200 letters, digits or signs of . _ ~ -")
    if not is_loopback(host):
        # under which names others call this machine cannot be known; the token keeps strangers out
        settings = replace(settings, hosts=(), token=token or secrets.token_urlsafe(24))
    elif token:
        settings = replace(settings, token=token)
    bound = _bound(host, port)
    settings = replace(settings, port=bound.getsockname()[1])
    config = uvicorn.Config(
        application(settings),
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=30,
        http="h11",  # which limits what comes before a body; httptools, where it is there, does not
        ws="none",
        timeout_graceful_shutdown=2,
    )
    server = uvicorn.Server(config)
    say(f"Backprove is at {address(settings)} (Ctrl-C stops it)")
    server.run(sockets=[bound])


def address(settings: Settings) -> str:
    """What to open in a browser; a token is a part of it."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    if settings.host in ("0.0.0.0", "::"):
        host = socket.gethostname()
    token = f"?token={settings.token}" if settings.token else ""
    return f"http://{host}:{settings.port}/{token}"


def _bound(host: str, port: int) -> socket.socket:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, number, _, where = found[0]
        bound = socket.socket(family, kind, number)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(where)
        bound.listen(256)  # who comes before the workers are ready waits, and is not refused
    except (OSError, OverflowError, UnicodeError) as error:
        raise BackproveError(f"cannot listen at {host}, port {port}: {error}") from None
    return bound
