"""A real HTTP proxy before a server: a share of the requests goes wrong, by a seed.

Each connection carries one request. Which fault meets which request depends on their order, so one
seed gives the same faults, but not always to the same requests.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import TypeVar
from urllib.parse import urlsplit

from chaos.faults import KINDS, Answer, Fault

HEAD = 64 << 10  # bytes of a head
PASSED_ON = ("content-type", "f7t-appversion", "retry-after")


class ChaosProxy:
    """Stands in for the server at ``url``, its token endpoint included."""

    def __init__(self, url: str, share: float, seed: int) -> None:
        self.share = share
        self.requests = 0
        self.faults: Counter[str] = Counter()  # how often each occurred
        self.port = 0
        self._target = urlsplit(url)
        self._random = random.Random(seed)

    def env(self, env: Mapping[str, str]) -> dict[str, str]:
        """The six variables, with the proxy in the place of the server."""
        server = f"http://{self._target.netloc}"
        own = f"http://127.0.0.1:{self.port}"
        return {name: value.replace(server, own) for name, value in env.items()}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            head, body = await _read(reader)
            answer = await self._treat(head, body)
            if answer is not None:
                writer.write(_written(answer))
                await writer.drain()
        writer.close()

    async def _treat(self, head: bytes, body: bytes) -> Answer | None:
        self.requests += 1
        fault = self._fault()
        if fault is None:
            return await self._forward(head, body)
        self.faults[fault.name] += 1
        await asyncio.sleep(fault.delay * self._random.random())
        real = await self._forward(head, body) if fault.forwards else None
        return fault.answer(self._random, real)

    def _fault(self) -> Fault | None:
        return self._random.choice(KINDS) if self._random.random() < self.share else None

    async def _forward(self, head: bytes, body: bytes) -> Answer:
        """What the server answers."""
        lines = head.rstrip(b"\r\n").split(b"\r\n")
        dropped = (b"connection:", b"accept-encoding:")
        kept = [line for line in lines if not line.lower().startswith(dropped)]
        assert self._target.hostname is not None
        reader, writer = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            writer.write(b"\r\n".join([*kept, b"Connection: close", b"", b""]) + body)
            await writer.drain()
            status, headers, content = _taken_apart(await reader.read(-1))
        finally:
            writer.close()
        told = tuple((name, headers[name]) for name in PASSED_ON[1:] if name in headers)
        return Answer(status, headers.get("content-type", "text/plain"), content, told)


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """A request's head and body."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = 0
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    return head, await reader.readexactly(length)


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


def chaos_proxy(url: str, share: float, seed: int) -> contextlib.AbstractContextManager[ChaosProxy]:
    """One that serves for as long as the context lasts, on a loop of its own."""
    return served_by(ChaosProxy(url, share, seed))


P = TypeVar("P", bound=ChaosProxy)


@contextlib.contextmanager
def served_by(proxy: P) -> Iterator[P]:
    """Let a proxy serve."""
    ready: Future[Callable[[], object]] = Future()

    async def serve() -> None:
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=HEAD) as server:
            proxy.port = server.sockets[0].getsockname()[1]
            ready.set_result(lambda: loop.call_soon_threadsafe(stop.set))
            await stop.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    stop = ready.result()
    try:
        yield proxy
    finally:
        stop()
        thread.join()
