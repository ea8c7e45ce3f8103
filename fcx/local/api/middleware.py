"""What every request passes: lower-case paths, counts, faults, FirecREST's headers."""

from __future__ import annotations

import asyncio
import json
import time
from email.utils import formatdate

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import ApiError
from .kinds import kind_of
from .site import Site
from .window import Window

VERSION = "2.x.x"
TIMED_OUT = "Command execution timeout limit exceeded."
HANG_WORDS = {  # what a command that hangs ends in, by kind of request; 408 for all others
    "submit": (500, "('Channel not open for sending',)", None),
    "metadata": (500, "()", None),
    "job": (500, "Error executing Slurm command.", TIMED_OUT),
    "jobs": (500, "Error executing Slurm command.", TIMED_OUT),
    "nodes": (500, TIMED_OUT, TIMED_OUT),
    "partitions": (500, TIMED_OUT, TIMED_OUT),
    "reservations": (500, TIMED_OUT, TIMED_OUT),
    "userinfo": (500, TIMED_OUT, TIMED_OUT),
}


class Middleware:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app = app
        self.site = site
        self.window = Window()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass one request on, unless a fault says otherwise."""
        if scope["type"] != "http" or scope["path"].startswith("/_"):
            await self.app(scope, receive, send)
            return
        if not scope["path"].startswith("/stage/"):
            scope["path"] = scope["path"].lower()
        kind = kind_of(scope["method"], scope["path"])
        ledger = self.site.ledger
        ledger.requests[kind] += 1
        faults = scope["faults"] = self.site.faults.draw(kind)

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                ledger.statuses[message["status"]] += 1
                told = self.window.headers(time.monotonic()) if "quota" in faults else {}
                told["date"] = formatdate(time.time() + faults.get("skew", 0.0), usegmt=True)
                message["headers"] = [*message.get("headers", []), *_headers(scope, told)]
            await send(message)

        if not faults:
            await self.app(scope, receive, send_with_headers)
            return
        if "latency" in faults:
            await asyncio.sleep(self.site.faults.spread(faults["latency"]))
        if not await self._instead(kind, faults, receive, send, send_with_headers):
            await self._through(faults, scope, receive, send, send_with_headers)

    async def _instead(
        self, kind: str, faults: dict[str, float], receive: Receive, send: Send, answer: Send
    ) -> bool:
        """Answer in the request's stead, where a fault wants that."""
        if "drop" in faults:
            _hang_up(send)
            return True
        error = await self._failure(kind, faults)
        if error is None:
            return False
        await _answer(receive, answer, error)
        if error.crash:
            raise Crash
        return True

    async def _failure(self, kind: str, faults: dict[str, float]) -> ApiError | None:
        """The error that a fault puts in the answer's place; a hanging command takes its time."""
        wait = self._until_allowed(faults)
        if wait is not None:
            told = {"retry-after": wait}
            return ApiError("API rate limit exceeded", status=429, headers=told)
        if "status" in faults:
            return ApiError("Injected fault", status=int(faults["status"]))
        if "hang" in faults:
            limit = self.site.system.command_timeout
            await asyncio.sleep(min(faults["hang"], limit))
            if faults["hang"] >= limit:
                status, words, cause = HANG_WORDS.get(kind, (408, TIMED_OUT, None))
                return ApiError(words, status=status, caused_by=None if cause is None else [cause])
        return ApiError("('Connection lost',)", crash=True) if "crash" in faults else None

    def _until_allowed(self, faults: dict[str, float]) -> str | None:
        """Seconds that whoever asks must wait; None where they need not."""
        if "rate" in faults:
            return str(int(faults["rate"]))
        most, now = faults.get("quota", faults.get("unsaid")), time.monotonic()
        if most is None or self.window.take(most, now):
            return None
        return self.window.reset(now)

    async def _through(
        self, faults: dict[str, float], scope: Scope, receive: Receive, send: Send, answer: Send
    ) -> None:
        """Carry the request out; lose its answer, or crash after it, where a fault wants that."""
        if "lost" in faults:
            await self.app(scope, receive, _into_the_void)
            _hang_up(send)
            return
        await self.app(scope, receive, answer)
        if scope.get("crashed"):
            raise Crash


class Crash(Exception):  # what happened, not what is wrong
    """Raised after a complete answer: the connection is closed, as after a real crash."""


async def _into_the_void(message: Message) -> None:
    """An answer that nobody gets."""


def _headers(scope: Scope, told: dict[str, str]) -> list[tuple[bytes, bytes]]:
    headers = [
        *((name.encode(), value.encode()) for name, value in told.items()),
        (b"f7t-timestamp", str(time.time()).encode()),
        (b"f7t-appversion", VERSION.encode()),
    ]
    user = scope.get("state", {}).get("user")
    return [*headers, (b"f7t-authusername", user.encode())] if user else headers


async def _answer(receive: Receive, send: Send, error: ApiError) -> None:
    """Answer with an error, once the request is read to its end."""
    while (await receive()).get("more_body"):
        pass
    headers = {"content-type": "application/json", **error.headers}
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": error.status, "headers": raw})
    await send({"type": "http.response.body", "body": json.dumps(error.body(None)).encode()})


def _hang_up(send: Send) -> None:
    """Close the connection under the request."""
    cycle = send.__self__  # type: ignore[attr-defined]  # uvicorn's `send` is a method of it
    cycle.transport.abort()
