"""What FirecREST, or somebody in its place, answers: from the bytes on the line to records."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import json
import logging
import random
import re
import ssl
from collections.abc import Awaitable, Callable
from typing import Any
from unittest import mock

import httpcore
import httpx

from fcx.config import Credentials
from fcx.errors import FcxError
from fcx.executor.home import Home
from fcx.firecrest import answers, network, session
from fcx.firecrest.client import Client
from fcx.firecrest.failures import Odd
from fuzzing.entry import Entry, lenient

CREDENTIALS = Credentials("id", "secret", "http://api.test/token", "http://api.test", "sys", "acc")
TOKEN = {"access_token": "t", "expires_in": 300, "token_type": "Bearer"}
JOB = {
    "jobId": "7",
    "name": "fcx-001",
    "status": {"state": "RUNNING", "stateReason": "None", "exitCode": 0, "interruptSignal": 0},
    "tasks": [],
}
FILE = {"name": "7.0.0.0", "type": "-", "linkTarget": None, "size": "120", "user": "me"}
STAT = {"mode": 16832, "ino": 1, "dev": 2, "nlink": 1, "uid": 1000, "gid": 1000, "size": 5}
USER = {"user": {"id": "1000", "name": "me"}, "group": {"id": "1", "name": "g"}, "groups": []}
WAY = {
    "transferMethod": "s3",
    "downloadUrl": "https://s/k?sig=1",
    "partsUploadUrls": ["https://s/k?part=1"] * 3,
    "completeUploadUrl": "https://s/k?sig=2",
    "maxPartSize": 10,
}
BODIES: tuple[Any, ...] = (
    {"jobs": [JOB]},
    {"jobId": 7},
    {"transferJob": {"jobId": "7", "logs": {"outputLog": "/l"}}, "transferDirectives": WAY},
    {"output": {"algorithm": "SHA-256", "checksum": "00"}},
    {"jobs": [{"jobId": "7", "standardOutput": "/o", "standardError": "/e"}]},
    {"output": [FILE]},
    {"output": {"content": "text", "contentType": "bytes", "startPosition": 0}},
    {"output": STAT},
    USER,
    {"systems": [{"name": "sys"}]},
    {"systems": [{"name": "sys", "fileSystems": [{"path": "/s", "defaultWorkDir": True}]}]},
    {"errorType": "error", "message": "sbatch: error: Invalid qos", "data": None, "user": "me"},
    {"errorType": "error", "message": "Not Found"},
    {"error": "invalid_client", "error_description": "no"},
    TOKEN,
)


class Nothing:
    """Remembers nothing."""

    def get(self, key: str, max_age: float) -> Any:
        """Nothing."""

    def store(self, key: str, value: Any) -> None:
        """Not kept."""

    def forget(self, key: str) -> None:
        """It never was known."""


def _home(client: Client) -> Home:
    return Home(client, CREDENTIALS, "/scratch", Nothing())


REQUESTS: tuple[Callable[[Client], Awaitable[Any]], ...] = (
    lambda client: client.jobs.listing(),
    lambda client: client.jobs.ask("7"),
    lambda client: client.jobs.submit("/w", "#!/bin/sh\n"),
    lambda client: client.jobs.output_paths("7"),
    lambda client: client.jobs.cancel("7"),
    lambda client: client.files.list("/d"),
    lambda client: client.files.read_from("/d/f", 3),
    lambda client: client.files.read_end("/d/f", 3),
    lambda client: client.files.download("/d/f"),
    lambda client: client.files.stat("/d/f"),
    lambda client: client.files.make_folder("/d"),
    lambda client: client.files.link("/d/l", "t"),
    lambda client: client.files.write("/d", "f", b"data"),
    lambda client: client.files.remove("/d"),
    lambda client: client.user(),
    lambda client: client.uid(),
    lambda client: client.systems(),
    lambda client: client.work_folders(),
    lambda client: client.about.health(),
    lambda client: client.about.identity(),
    lambda client: client.about.partitions(),
    lambda client: client.transfers.offered(),
    lambda client: client.transfers.pack("/d", "[.]/f", "/d.tar"),
    lambda client: client.transfers.send("/d.tar"),
    lambda client: client.transfers.receive("/d", 25),
    lambda client: client.transfers.sha256("/d"),
    lambda client: _home(client).find(),
    lambda client: _home(client).check("/scratch/.fcx-me"),
)
READERS = (
    answers.read_jobs,
    answers.read_paths,
    answers.read_accepted,
    answers.read_files,
    answers.read_text,
    answers.read_stat,
    answers.read_user,
    answers.read_uid,
    answers.read_systems,
    answers.read_file_systems,
    answers.read_stagers,
    answers.read_health,
    answers.read_identity,
    answers.read_partitions,
    answers.read_transfer,
    answers.read_checksum,
)


class Line:
    """A line on which the same comes whatever is asked; only the token endpoint has its own."""

    def __init__(self, data: bytes, token: bytes) -> None:
        self.data, self.token = data, token

    def routes(self, _verify: Any) -> Line:
        """In place of the ways through the network."""
        return self

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """What httpx makes of what comes."""
        data = self.token if request.url.path == "/token" else self.data
        way = httpx.AsyncHTTPTransport(verify=CONTEXT)
        way._pool = httpcore.AsyncConnectionPool(network_backend=httpcore.AsyncMockBackend([data]))
        return await way.handle_async_request(request)

    async def aclose(self) -> None:
        """There is nothing to let go of."""


CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def page(body: bytes, status: int = 200, headers: bytes = b"") -> bytes:
    """An answer as it comes on the line."""
    told = b"Content-Type: application/json\r\nContent-Length: %d\r\n" % len(body)
    return b"HTTP/1.1 %d Said\r\n" % status + told + headers + b"\r\n" + body


_LENGTH = re.compile(rb"Content-Length: [^\r]*")


def with_length(data: bytes) -> bytes:
    """An answer whose length is what it says."""
    head, gap, body = data.partition(b"\r\n\r\n")
    return _LENGTH.sub(b"Content-Length: %d" % len(body), head) + gap + body


FINE = page(json.dumps(TOKEN).encode())
LOOP = asyncio.new_event_loop()


async def _ask(number: int, line: Line) -> None:
    """One request, not repeated."""
    log = logging.getLogger("fcx.silent")
    client = Client(CREDENTIALS, -1.0, log, random.Random(0))
    try:
        await REQUESTS[number % len(REQUESTS)](client)
    finally:
        await client.close()


def _through(number: int, data: bytes, token: bytes = FINE) -> None:
    line = Line(data, token)
    with mock.patch.object(session, "Routes", line.routes):
        with mock.patch.object(network, "trusted", lambda: CONTEXT):
            LOOP.run_until_complete(_ask(number, line))


def read_line(data: bytes) -> None:
    """The first byte says what was asked; the others come."""
    _through(data[0] if data else 0, data[1:])


def read_token(data: bytes) -> None:
    """They come from the token endpoint."""
    _through(0, page(b'{"jobs": []}'), data)


def read_answer(data: bytes) -> None:
    """[what was asked, status, body]."""
    known = lenient(data)
    if isinstance(known, list) and len(known) == 3 and all(type(n) is int for n in known[:2]):
        _through(known[0], page(json.dumps(known[2]).encode(), 100 + known[1] % 500))


def read_values(data: bytes) -> None:
    """By each reader of an answer's value."""
    value = lenient(data)
    for read in READERS:
        with contextlib.suppress(Odd):
            read(value)


def _lines() -> tuple[bytes, ...]:
    bodies = [json.dumps(body).encode() for body in BODIES]
    statuses = [200, 200, 201, 204, 401, 403, 404, 408, 429, 500, 504]
    lines = [
        bytes([number]) + page(body, statuses[(number + at) % len(statuses)])
        for number in range(len(REQUESTS))
        for at, body in enumerate(bodies)
    ]
    packed = gzip.compress(bodies[0])
    lines.append(b"\0" + page(packed, headers=b"Content-Encoding: gzip\r\n"))
    lines.append(b"\0" + page(b"", 429, b"Retry-After: Wed, 21 Oct 2065 07:28:00 GMT\r\n"))
    lines.append(b"\x08HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n[1]\r\n0\r\n\r\n")
    lines.append(b"\0" + page(b"<html>", headers=b"Content-Type: text/html; charset=x\r\n"))
    return tuple(lines)


ENTRIES = (
    Entry("http.line", read_line, _lines(), (FcxError,), with_length),
    Entry(
        "http.token",
        read_token,
        (FINE, *(line[1:] for line in _lines()[::9])),
        (FcxError,),
        with_length,
    ),
    Entry(
        "http.answer",
        read_answer,
        tuple([number, 100, body] for number in range(len(REQUESTS)) for body in BODIES),
        (FcxError,),
    ),
    Entry("http.values", read_values, tuple(BODIES) + tuple(b for o in BODIES for b in o.values())),
)
