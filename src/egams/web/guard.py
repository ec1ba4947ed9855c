"""`Guard`: stands before the application, so that it only sees requests that are in order."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from egams.web.answers import refused
from egams.web.security import COOKIE, HEADERS, Refusal, Rules

OVERHEAD = 2**20
"""Bytes of a body beside its files; and of one that holds no file."""


@dataclass(frozen=True)
class Limits:
    """What a request may take.

    Parameters
    ----------
    upload_bytes
        Bytes of the files of a request.
    uploads
        Requests at once whose bodies are on the way.
    open_work
        Files and other work that wait.
    first_seconds
        Time for a body to begin; and for each further part of it, beside what `slowest` gives.
    slowest
        Bytes a second that a body has to keep up with.
    """

    upload_bytes: int = 200 * 2**20
    uploads: int = 24
    open_work: int = 5000
    first_seconds: float = 20.0
    slowest: float = 10_000.0

    def of_body(self, path: str) -> int:
        """Bytes that the body of a request to `path` may have."""
        files = path == "/api/files" or path.endswith("/reading")
        return self.upload_bytes + OVERHEAD if files else OVERHEAD


class BodyError(HTTPException):
    """A body that is too long or too slow; an `HTTPException`, so that parsers let it pass."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.status, refusal.problem)
        self.refusal = refusal


class Guard:
    """An application that answers only requests that are in order.

    Parameters
    ----------
    app
        What answers those.
    rules
        Who may speak to it.
    limits
        What a request may take.
    """

    def __init__(self, app: ASGIApp, rules: Rules, limits: Limits) -> None:
        self.app = app
        self.rules = rules
        self.limits = limits
        self._uploads = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, as ASGI has it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":  # a WebSocket
            await send({"type": "websocket.close", "code": 1008})
            return
        answer = _Answer(send)
        headers = Headers(scope=scope)
        path = scope["path"]
        token = self._token_in(scope)
        if token is not None and self._is_named(headers):
            await _signed_in(path, token)(scope, receive, answer)
            return
        refusal = self.rules.refusal(scope["method"], path, headers)
        refusal = refusal or self._too_large(path, headers)
        full = self._uploads >= self.limits.uploads
        if refusal is None and full and self._has_body(headers):
            refusal = Refusal(429, "too many files arrive at once", "Send it again.")
        if refusal is not None:
            await refused(refusal.status, refusal.problem, refusal.hint)(scope, receive, answer)
            return
        await self._answer(scope, receive, answer)

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        body = _Body(receive, self.limits.of_body(scope["path"]), self.limits)
        counted = self._has_body(Headers(scope=scope))
        self._uploads += counted
        try:
            await self.app(scope, body, answer)
        except asyncio.CancelledError:  # Ctrl-C, and what is computed takes longer than it waits
            if not answer.begun:
                gone = refused(503, "egams ends", "Start it again with: egams serve")
                await gone(scope, receive, answer)
        finally:
            self._uploads -= counted

    def _token_in(self, scope: Scope) -> str | None:
        """Return the token of an address that was printed, where it is ours."""
        if scope["method"] != "GET" or self.rules.token is None or scope["path"] != "/":
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.get("token", [""])[0]
        return given if self.rules.is_token(given) else None

    def _is_named(self, headers: Mapping[str, str]) -> bool:
        refusal = self.rules.refusal("GET", "/", headers)
        return refusal is None or refusal.status == 401

    def _too_large(self, path: str, headers: Mapping[str, str]) -> Refusal | None:
        stated, most = headers.get("content-length", "0"), self.limits.of_body(path)
        if not (stated.isascii() and stated.isdigit()):
            return Refusal(400, "the length of the request is no number")
        if len(stated) > 15 or int(stated) > most:
            return too_large(most)
        return None

    @staticmethod
    def _has_body(headers: Mapping[str, str]) -> bool:
        stated = headers.get("content-length", "0")
        return "transfer-encoding" in headers or (stated.isdigit() and int(stated) > OVERHEAD)


def too_large(most: int) -> Refusal:
    """Return what is said of a body of more than `most` bytes."""
    return Refusal(
        413,
        f"the file has more than {max(most - OVERHEAD, OVERHEAD) / 2**20:.0f} MiB",
        "Split it, read it on the command line, or start egams serve with a larger --most-upload.",
    )


class _Body:
    """Counts and times the parts of a body."""

    def __init__(self, receive: Receive, most: int, limits: Limits) -> None:
        self._receive, self._most, self._limits = receive, most, limits
        self._size, self._begun, self._whole = 0, time.monotonic(), False

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()
        waits = self._limits.first_seconds + self._size / self._limits.slowest
        left = waits - (time.monotonic() - self._begun)
        try:
            message = await asyncio.wait_for(self._receive(), max(left, 0.001))
        except TimeoutError:
            raise BodyError(Refusal(408, "the file arrives too slowly", "Send it again.")) from None
        if message["type"] == "http.request":
            self._size += len(message.get("body", b""))
            self._whole = not message.get("more_body", False)
            if self._size > self._most:
                raise BodyError(too_large(self._most))
        return message


class _Answer:
    """Adds the headers that every answer has."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.begun = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.begun = True
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
            headers.setdefault("cache-control", "no-store")
        await self._send(message)


def _signed_in(path: str, token: str) -> RedirectResponse:
    answer = RedirectResponse(path, 303)
    answer.set_cookie(COOKIE, token, httponly=True, samesite="strict", path="/")
    return answer
