"""Stands between a client and a server: each request is read whole, and somebody decides about it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from urllib.parse import urlsplit

from chaos.faults import Answer

HEAD = 64 << 10  # bytes of a head
PASSED_ON = ("f7t-appversion", "retry-after")
OURS = (b"connection:", b"accept-encoding:", b"content-length:")  # lines that are written anew


@dataclass(frozen=True)
class Request:
    """An HTTP request as it came; each connection carries one."""

    head: bytes
    body: bytes

    @property
    def method(self) -> str:
        """GET, POST, ..."""
        return self.head.split(b" ", 1)[0].decode("latin-1")

    @property
    def target(self) -> str:
        """Path and query."""
        return self.head.split(b" ", 2)[1].decode("latin-1")


Treat = Callable[[Request], Awaitable[Answer | None]]


class Relay:
    """What ``treat`` answers is sent back; None closes the connection without a word."""

    def __init__(self, url: str, treat: Treat) -> None:
        self.port = 0
        self._target = urlsplit(url)
        self._treat = treat

    def env(self, env: Mapping[str, str]) -> dict[str, str]:
        """The six variables, with the relay in the place of the server."""
        server = f"http://{self._target.netloc}"
        own = f"http://127.0.0.1:{self.port}"
        return {name: value.replace(server, own) for name, value in env.items()}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            answer = await self._treat(await _read(reader))
            if answer is not None:
                writer.write(_written(answer))
                await writer.drain()
        writer.close()

    async def forward(self, request: Request) -> Answer:
        """What the server answers."""
        lines = request.head.rstrip(b"\r\n").split(b"\r\n")
        kept = [line for line in lines if not line.lower().startswith(OURS)]
        length = b"Content-Length: %d" % len(request.body)
        assert self._target.hostname is not None
        reader, writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            writer.write(b"\r\n".join([*kept, length, b"Connection: close", b"", b""]))
            writer.write(request.body)
            await writer.drain()
            status, headers, content = _taken_apart(await reader.read(-1))
        finally:
            writer.close()
        told = tuple((name, headers[name]) for name in PASSED_ON if name in headers)
        return Answer(status, headers.get("content-type", "text/plain"), content, told)


async def _read(reader: asyncio.StreamReader) -> Request:
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return Request(head, await reader.readexactly(length))


def _taken_apart(answer: bytes) -> tuple[int, dict[str, str], bytes]:
    head, _, body = answer.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    if headers.get("transfer-encoding") == "chunked":
        body = _unchunked(body)
    return int(first.split()[1]), headers, body


def _unchunked(body: bytes) -> bytes:
    found, rest = b"", body
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size, 16)
        found, rest = found + rest[:length], rest[length + 2 :]
    return found


def _written(answer: Answer) -> bytes:
    """As it goes over the wire."""
    headers = {"Content-Type": answer.kind, "Connection": "close", **dict(answer.headers)}
    if answer.status != 204:
        headers["Content-Length"] = str(len(answer.body))
    lines = [
        f"HTTP/1.1 {answer.status} So",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + answer.body[: answer.cut]


@contextlib.contextmanager
def serving(relay: Relay) -> Iterator[None]:
    """For as long as the context lasts, on a loop of its own."""
    ready: Future[Callable[[], object]] = Future()

    async def serve() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        async with await asyncio.start_server(relay.serve, "127.0.0.1", 0, limit=HEAD) as server:
            relay.port = server.sockets[0].getsockname()[1]
            ready.set_result(lambda: loop.call_soon_threadsafe(stop.set))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    stop = ready.result()
    try:
        yield
    finally:
        stop()
        thread.join()
