"""HTTP with bounds: on the seconds of an answer, the bytes that come, and what those unpack to.

A whole answer is read here, and only then handed on; what breaks a bound is httpx's own error for
a line that failed, or an answer that cannot be decoded.
"""

from __future__ import annotations

import asyncio
import re
import ssl
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import httpx

from . import quiet
from .network import Proxy, proxy_for, unusable

MOST = 16 << 20  # bytes of one answer, packed or not: a page of text is up to 5 MB
MOST_VALUES = 1_000_000  # values in one answer in JSON: each costs some 60 bytes
CONTENTS = "/ops/download"  # ends the way to a file's bytes, which are no JSON
BEGINS = 60.0  # seconds for an answer to begin; and for all of it, beside what its size allows
CONNECTS = 20.0  # seconds for a connection
RATE = 16 << 10  # bytes a second that a line must carry at least
CLOSES = 5.0  # seconds for an answer that was given up to be let go of

_WBITS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_LENGTH = re.compile("[0-9]{1,18}")
_STRUCTURE = (b",", b"[", b"{")

TIMEOUT = httpx.Timeout(BEGINS, connect=CONNECTS)


def session(
    verify: ssl.SSLContext,
    most: int = MOST,
    noted: Callable[[Any], Any] | None = None,
    *,
    bare: bool = False,
) -> httpx.AsyncClient:
    """A client that reads nothing of the environment but what ``network`` does.

    ``noted`` hears of each answer. ``bare``: answers are the bytes of files, and no JSON.
    """
    quiet.install()
    return httpx.AsyncClient(
        transport=Bounded(Routes(verify), most, bare=bare),
        headers={"Accept-Encoding": "gzip, deflate"},
        timeout=TIMEOUT,
        trust_env=False,  # no .netrc either, which may name others
        event_hooks={"response": [noted] if noted else []},
    )


class Routes(httpx.AsyncBaseTransport):
    """The direct way, and those through proxies."""

    def __init__(self, verify: ssl.SSLContext) -> None:
        self._verify = verify
        self._ways: dict[Proxy | None, httpx.AsyncHTTPTransport] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it on its way."""
        proxy = proxy_for(str(request.url))
        if proxy not in self._ways:
            self._ways[proxy] = self._way(proxy)
        try:
            return await self._ways[proxy].handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            if proxy is None:
                raise
            raise httpx.ProxyError(f"{proxy}: {error}", request=request) from error

    def _way(self, proxy: Proxy | None) -> httpx.AsyncHTTPTransport:
        try:
            through = None if proxy is None else httpx.Proxy(proxy.address)
        except httpx.InvalidURL as error:
            assert proxy is not None
            raise unusable(proxy, f"which is no address: {error}") from error
        return httpx.AsyncHTTPTransport(verify=self._verify, proxy=through)

    async def aclose(self) -> None:
        """Let go of all connections."""
        for way in self._ways.values():
            await way.aclose()


class Allowance:
    """Until when an answer may take: the more has come, the longer. One of a byte a second ends."""

    def __init__(self, sent: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._until = self._loop.time() + BEGINS + sent / RATE

    def came(self, size: int) -> None:
        """So many bytes more."""
        self._until += size / RATE

    @property
    def left(self) -> float:
        """Seconds."""
        return self._until - self._loop.time()


class Bounded(httpx.AsyncBaseTransport):
    """Reads answers whole, unpacked, and gives those up that are too slow or too large."""

    def __init__(self, inner: httpx.AsyncBaseTransport, most: int, *, bare: bool = False) -> None:
        self._inner = inner
        self._most = most
        self._bare = bare

    async def aclose(self) -> None:
        """Let go of all connections."""
        await self._inner.aclose()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer to a request, whole."""
        allowance = Allowance(int(request.headers.get("Content-Length", 0)))
        work = asyncio.ensure_future(self._whole(request, allowance))
        try:
            while not work.done():
                if allowance.left <= 0:
                    raise httpx.ReadTimeout("the answer took too long", request=request)
                await asyncio.wait({work}, timeout=allowance.left)
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait({work}, timeout=CLOSES)
        return work.result()

    async def _whole(self, request: httpx.Request, allowance: Allowance) -> httpx.Response:
        response = await self._inner.handle_async_request(request)
        try:
            body = await self._read(response, request, allowance)
        finally:
            with suppress(httpx.HTTPError):
                await response.aclose()
        told = {b"content-encoding", b"content-length", b"transfer-encoding"}  # of what came
        headers = [
            (name, value) for name, value in response.headers.raw if name.lower() not in told
        ]
        return httpx.Response(response.status_code, headers=headers, content=body)

    async def _read(
        self, response: httpx.Response, request: httpx.Request, allowance: Allowance
    ) -> bytes:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        length = response.headers.get("Content-Length", "")
        try:
            unpack = Unpacking(response.headers.get("Content-Encoding", ""), self._most)
            unpack.expect(int(length) if _LENGTH.fullmatch(length) else 0)
            async for packed in response.stream:
                allowance.came(len(packed))
                unpack.feed(packed)
            whole = unpack.whole()
            bare = self._bare or request.url.path.endswith(CONTENTS)
            return whole if bare else _with_few_values(whole)
        except (Unfit, zlib.error) as error:
            raise httpx.DecodingError(str(error), request=request) from error


class Unfit(ValueError):
    """An answer that breaks a bound, or cannot be unpacked."""


class Unpacking:
    """The bytes of an answer as they come; never more of them than ``most``."""

    def __init__(self, encoding: str, most: int) -> None:
        self._most = most
        self._packed = 0
        self._bytes = bytearray()
        self._first = True
        self._gzip: Any = None
        encoding = encoding.strip().lower()
        if encoding in _WBITS:
            self._gzip = zlib.decompressobj(_WBITS[encoding])
        elif encoding not in {"", "identity"}:
            raise Unfit(f"it is packed as {encoding[:20]!r}, which was not asked for")

    def expect(self, packed: int) -> None:
        """So many bytes are said to come."""
        if packed > self._most:
            raise Unfit(f"it is longer than {self._most >> 20} MiB")

    def feed(self, packed: bytes) -> None:
        """These have come."""
        self._packed += len(packed)
        self.expect(self._packed)
        room = self._most - len(self._bytes) + 1
        self._bytes += packed if self._gzip is None else self._unpack(packed, room)
        self.expect(len(self._bytes))
        self._first = False

    def _unpack(self, packed: bytes, room: int) -> bytes:
        try:
            return bytes(self._gzip.decompress(packed, room))
        except zlib.error:
            if not self._first:
                raise
            self._gzip = zlib.decompressobj(-zlib.MAX_WBITS)  # deflate without its frame
            return bytes(self._gzip.decompress(packed, room))

    def whole(self) -> bytes:
        """All of it."""
        if self._gzip is not None and self._packed:
            if not self._gzip.eof:
                raise Unfit("it is cut off")
            if self._gzip.unused_data:
                raise Unfit("there is more after its end")
        return bytes(self._bytes)


def _with_few_values(body: bytes) -> bytes:
    """As it is, unless it would make millions of values of a few bytes each."""
    if sum(map(body.count, _STRUCTURE)) > MOST_VALUES:
        bare = _TEXT.sub(b'""', body)
        if sum(map(bare.count, _STRUCTURE)) > MOST_VALUES:
            raise Unfit(f"it has more than {MOST_VALUES:,} values")
    return body
