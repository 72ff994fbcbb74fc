"""What every request must pass: who may ask, how much, how often; and what browsers may do.

A plain ASGI layer in front of everything else. Refusals are JSON with a `detail` in words.
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from backprove.web.settings import Settings
from backprove.web.workers import Answer

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Scope, Receive, Send], Awaitable[None]]

COOKIE = "backprove-token"
#: clients whose requests are counted, and seconds in which a request must have arrived
CLIENTS = 10_000
ARRIVAL = 20.0

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)


class Refused(Exception):
    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.answer = Answer.error(status, message)


class Guard:
    """Wraps an application: nothing gets to it that the settings do not allow."""

    def __init__(self, app: Asgi, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {
            key.decode("latin-1").lower(): v.decode("latin-1") for key, v in scope["headers"]
        }
        protected = _protected(send)
        try:
            self._called_by_its_name(headers)
            self._from_its_own_pages(scope, headers)
            if self.settings.token and await self._welcomed(scope, headers, protected):
                return
            self._not_too_often(scope)
            arrived = await self._arrived(scope, headers, receive)
        except Refused as refusal:
            await _say(protected, refusal.answer)
            return
        await self.app(scope, arrived, protected)

    def _called_by_its_name(self, headers: dict[str, str]) -> None:
        """A page elsewhere must not reach a server on loopback under a name of its own."""
        host = headers.get("host", "")
        name = host.rsplit(":", 1)[0] if not host.endswith("]") else host
        if self.settings.hosts and name.strip("[]") not in self.settings.hosts:
            raise Refused(421, "this server does not go by that name")

    def _from_its_own_pages(self, scope: Scope, headers: dict[str, str]) -> None:
        """Other sites may link here; they may not have a browser send anything."""
        if scope["method"] in ("GET", "HEAD"):
            return
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Refused(403, "requests from other sites are not answered")
        if not headers.get("content-type", "").startswith("application/json"):
            raise Refused(415, "requests are JSON (content-type: application/json)")

    async def _welcomed(self, scope: Scope, headers: dict[str, str], send: Send) -> bool:
        """Ask for the token. In an address it becomes a cookie; True when that was all."""
        token = self.settings.token
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if _same(bearer, token) or _same(_cookie(headers.get("cookie", "")), token):
            return False
        pairs = parse_qsl(scope.get("query_string", b"").decode("latin-1"))
        if not any(key == "token" and _same(value, token) for key, value in pairs):
            raise Refused(
                401, "a token is asked for: open the address that `backprove serve` printed"
            )
        rest = urlencode([(key, value) for key, value in pairs if key != "token"])
        to = scope["path"] + (f"?{rest}" if rest else "")
        to = "/" + to.lstrip("/\\")  # never to another host
        cookie = f"{COOKIE}={token}; Path=/; HttpOnly; SameSite=Strict; Max-Age=86400"
        found = [(b"location", to.encode("latin-1", "ignore")), (b"set-cookie", cookie.encode())]
        await send({"type": "http.response.start", "status": 303, "headers": found})
        await send({"type": "http.response.body", "body": b""})
        return True

    def _not_too_often(self, scope: Scope) -> None:
        """A bucket of requests for each client, that fills again with time."""
        rate, burst = self.settings.rate, float(self.settings.burst)
        if not rate or scope["path"].startswith("/static/"):
            return
        client = (scope.get("client") or ("",))[0]
        now = time.monotonic()
        left, since = self._buckets.pop(client, (burst, now))
        left = min(burst, left + (now - since) * rate)
        self._buckets[client] = (max(0.0, left - 1), now)
        if len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        if left < 1:
            raise Refused(429, "too many requests at once; wait a moment")

    async def _arrived(self, scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
        """The whole body, if it is not too large and comes in time."""
        whole = scope["path"] == "/api/document"
        most = self.settings.document if whole else self.settings.body
        told = headers.get("content-length", "0")
        if not told.isdecimal():
            raise Refused(400, "content-length must be a whole number")
        if int(told[:20]) > most:
            raise Refused(413, f"this is too large: {most:,} bytes is the most that is read")
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(ARRIVAL):
                while True:
                    message = await receive()
                    if message["type"] != "http.request":
                        raise Refused(400, "the request was broken off")
                    parts.append(message.get("body", b""))
                    size += len(parts[-1])
                    if size > most:
                        raise Refused(
                            413, f"this is too large: {most:,} bytes is the most that is read"
                        )
                    if not message.get("more_body"):
                        break
        except TimeoutError:
            raise Refused(408, "the request did not arrive in time") from None
        body: bytes | None = b"".join(parts)

        async def arrived() -> Message:
            nonlocal body
            if body is None:
                return await receive()
            given, body = body, None
            return {"type": "http.request", "body": given, "more_body": False}

        return arrived


def _protected(send: Send) -> Send:
    """Every answer tells browsers what it may do; `cache-control` is the answer's own matter."""

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            own = {key.lower() for key, _ in message.get("headers", ())}
            added = [pair for pair in HEADERS if pair[0] not in own]
            if b"cache-control" not in own:
                added.append((b"cache-control", b"no-store"))
            message["headers"] = [*message.get("headers", ()), *added]
        await send(message)

    return sent


async def _say(send: Send, answer: Answer) -> None:
    headers = [(b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _same(given: str, token: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), token.encode())


def _cookie(header: str) -> str:
    pairs = (part.strip().partition("=") for part in header.split(";"))
    return next((value for name, _, value in pairs if name == COOKIE), "")
