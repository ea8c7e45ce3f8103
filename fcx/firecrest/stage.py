"""The staging area itself: an object store of S3's kind, asked by presigned URLs alone.

Its session knows nothing of the API's: no token goes there. What fails is told without the URL.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

from ..errors import ConfigError
from . import network, quiet
from .transfer import Address, Incoming

if TYPE_CHECKING:
    import httpx

BLOCK = 2 << 20  # bytes that one request reads; several are in memory, each twice for a moment
AHEAD = 4  # requests that read at once
PARTS = 3  # that are written at once
STEP = 1 << 20  # bytes of a part that are in memory
TRIES, PAUSE = 3, 0.5  # of one request, and seconds before the second; twice that before the third
MOST = BLOCK + (1 << 20)  # bytes of one answer

_RANGE = re.compile("bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})")

Source = Callable[[int, int], bytes]
"""So many bytes from there on."""


class StageFailed(Exception):
    """What was to go through the staging area did not."""


class Stage:
    """Reads and writes objects. Opens with the first request."""

    def __init__(self) -> None:
        self._opening = asyncio.Lock()
        self._session: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Let go of the connections."""
        if self._session is not None:
            session, self._session = self._session, None
            await session.aclose()

    async def _opened(self) -> httpx.AsyncClient:
        from .session import session

        async with self._opening:
            if self._session is None:
                verify = await asyncio.to_thread(network.trusted)
                self._session = session(verify, MOST, bare=True)
            return self._session

    # -- reading ----------------------------------------------------------------------------

    async def read(self, address: Address, most: int) -> AsyncIterator[bytes]:
        """An object of at most so many bytes, block by block; a few are under way at once."""
        first, size = await self._block(address, 0, BLOCK)
        if size > most:
            raise StageFailed(f"the object has {size:,} bytes, which is more than there should be")
        yield first
        ahead: deque[asyncio.Task[tuple[bytes, int]]] = deque()
        try:
            for at in range(BLOCK, size, BLOCK):
                work = self._block(address, at, min(BLOCK, size - at), of=size)
                ahead.append(asyncio.ensure_future(work))
                if len(ahead) == AHEAD:
                    yield (await ahead.popleft())[0]
            while ahead:
                yield (await ahead.popleft())[0]
        finally:
            for each in ahead:
                each.cancel()
            await asyncio.gather(*ahead, return_exceptions=True)

    async def _block(
        self, address: Address, at: int, length: int, *, of: int | None = None
    ) -> tuple[bytes, int]:
        """Some bytes of an object, and how many it has in all: ``of``, where that is known."""
        headers = {"Range": f"bytes={at}-{at + length - 1}", "Accept-Encoding": "identity"}
        answer: Any = await self._ask("GET", address, {206}, headers)
        told = _RANGE.fullmatch(answer.headers.get("Content-Range", ""))
        begin, end, size = map(int, told.groups()) if told else (-1, -1, -1)
        content = bytes(answer.content)
        answer.stream = None  # it holds the answer, and the answer it
        asked = begin == at and end + 1 == min(at + length, size) and size == (of or size)
        if not asked or len(content) != end + 1 - begin:
            raise StageFailed(f"{address.host} did not answer with the bytes that were asked for")
        return content, size

    # -- writing ----------------------------------------------------------------------------

    async def write(self, incoming: Incoming, size: int, source: Source) -> None:
        """Make the object, a few of its parts at a time."""
        gate = asyncio.Semaphore(PARTS)
        whole = range(0, size, incoming.part_size)
        work = [
            asyncio.ensure_future(
                self._part(gate, address, at, min(incoming.part_size, size - at), source)
            )
            for address, at in zip(incoming.parts, whole, strict=True)
        ]
        try:
            tags = await asyncio.gather(*work)
        finally:
            for each in work:
                each.cancel()
            await asyncio.gather(*work, return_exceptions=True)
        answer = await self._ask("POST", incoming.complete, {200}, content=_list(tags))
        if b"<Error" in answer.content:  # as S3 says what it finds late
            raise StageFailed(f"{incoming.complete.host} could not join the parts")

    async def _part(
        self, gate: asyncio.Semaphore, address: Address, at: int, length: int, source: Source
    ) -> str:
        """One part; what the store calls it then."""
        async with gate:
            content = _Stretch(source, at, length)
            headers = {"Content-Length": str(length)}
            answer = await self._ask("PUT", address, {200}, headers, content)
        tag = str(answer.headers.get("ETag", ""))
        if not tag:
            raise StageFailed(f"{address.host} did not say what it took")
        return tag

    # -- both -------------------------------------------------------------------------------

    async def _ask(
        self,
        method: str,
        address: Address,
        wanted: set[int],
        headers: dict[str, str] | None = None,
        content: bytes | _Stretch | None = None,
    ) -> httpx.Response:
        """One request, again if it may do better. Raises StageFailed."""
        for failed in range(1, TRIES + 1):
            told, passes = "", True
            try:
                answer = await self._once(method, address, headers, content)
            except StageFailed as error:
                told = str(error)
            else:
                if answer.status_code in wanted:
                    return answer
                told = f"{address.host} answered HTTP {answer.status_code} to a {method}"
                passes = answer.status_code >= 500 or answer.status_code in {404, 408, 429}
            if not passes or failed == TRIES:
                break
            await asyncio.sleep(PAUSE * failed)
        raise StageFailed(told)

    async def _once(
        self,
        method: str,
        address: Address,
        headers: dict[str, str] | None,
        content: bytes | _Stretch | None,
    ) -> httpx.Response:
        import httpx

        session = await self._opened()
        try:
            with quiet.ours():
                return await session.request(method, address.url, headers=headers, content=content)
        except ConfigError as error:  # of the proxies
            raise StageFailed(str(error)) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:  # its words may have the URL
            raise StageFailed(f"{address.host}: {type(error).__name__}") from None


class _Stretch:
    """Some bytes of what is written, as they are sent: from the start, each time they are."""

    def __init__(self, source: Source, at: int, length: int) -> None:
        self._source, self._at, self._end = source, at, at + length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for at in range(self._at, self._end, STEP):
            yield await asyncio.to_thread(self._source, at, min(STEP, self._end - at))


def _list(tags: list[str]) -> bytes:
    """The parts by their numbers, as S3 wants to be told of them."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
        for number, tag in enumerate(tags, 1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
