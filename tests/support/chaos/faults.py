"""What the proxy does to a request: before it is carried out, or to the answer afterwards."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass

PAGE = b"<html><title>Sign in</title><h1>Please sign in</h1></html>"
MISSHAPEN = (
    b"[]",
    b"null",
    b"{}",
    b'"x"',
    b'{"jobs": {"jobId": 1}, "output": [7], "jobId": [], "access_token": 7}',
    b'{"jobs": [{"jobId": "1", "status": {"state": "FAILED", "exitCode": "0:0"}}]}',
    b'{"output": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    b'{"jobs": "\xff\xfe"}',
    b'{"jobId": ' + b"9" * 6000 + b"}",
)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; ``cut``: only so many bytes of it are sent before the connection closes."""

    status: int
    kind: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    cut: int | None = None


def page(status: int) -> Answer:
    """Of somebody in between."""
    return Answer(status, "text/html", PAGE)


def worded(status: int, message: str, **headers: str) -> Answer:
    """In FirecREST's form."""
    body = json.dumps({"errorType": "error", "message": message}).encode()
    return Answer(status, "application/json", body, tuple(headers.items()))


@dataclass(frozen=True)
class Fault:
    """One kind. ``forwards``: the request is carried out all the same.

    ``answer``: what is answered in the place of ``real``; None drops the connection.
    """

    name: str
    forwards: bool
    answer: Callable[[random.Random, Answer | None], Answer | None]
    delay: float = 0.0  # seconds at most, before anything else


def _nothing(rng: random.Random, real: Answer | None) -> None:
    return None


def _as_it_is(rng: random.Random, real: Answer | None) -> Answer | None:
    return real


def _cut(rng: random.Random, real: Answer | None) -> Answer | None:
    if real is None or not real.body:
        return None
    return Answer(real.status, real.kind, real.body, cut=rng.randrange(len(real.body)))


def _misshapen(rng: random.Random, real: Answer | None) -> Answer | None:
    status = 200 if real is None else real.status
    return Answer(status, "application/json", rng.choice(MISSHAPEN))


def _empty(rng: random.Random, real: Answer | None) -> Answer:
    return Answer(200, "text/plain", b"")


def _one_of(*answers: Answer) -> Callable[[random.Random, Answer | None], Answer]:
    return lambda rng, real: rng.choice(answers)


REFUSED = _one_of(page(403), worded(403, "Forbidden by a rule"), page(400), worded(400, "Bad"))
BROKEN = _one_of(page(502), page(503), page(504), worded(500, "Down"), worded(503, "Unhealthy"))
KINDS = (
    Fault("dropped before", False, _nothing),
    Fault("dropped after", True, _nothing),
    Fault("late", True, _as_it_is, delay=2.0),
    Fault("5xx", False, BROKEN),
    Fault("5xx after", True, BROKEN),
    Fault("page", False, _one_of(page(200))),
    Fault("page after", True, _one_of(page(200), page(201))),
    Fault("cut", True, _cut),
    Fault("misshapen", True, _misshapen),
    Fault("empty", False, _empty),
    Fault("400 or 403", False, REFUSED),
    Fault("401", False, _one_of(worded(401, "Access token is invalid."), page(401))),
    Fault("404", False, _one_of(page(404), worded(404, "Not Found"))),
    Fault("408", False, _one_of(worded(408, "Command execution timeout limit exceeded."))),
    Fault("408 after", True, _one_of(worded(408, "Command execution timeout limit exceeded."))),
    Fault("429", False, _one_of(worded(429, "API rate limit exceeded", **{"Retry-After": "1"}))),
)
