"""The pieces of an image on their way: several at a time, and only those that are not there.

Every upload has a name of its own, so that nobody who sends the same image at the same time writes
into another's; what the others have sent meanwhile is looked for now and then, and not sent again.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from typing import Protocol

from ..errors import NotShipped, RequestRefused
from ..firecrest.failures import TOO_LARGE
from ..firecrest.files import Files
from ..firecrest.loop import AT_ONCE
from .plan import BODY, PIECE, Piece, Plan, total
from .progress import Progress

ROUND = 32  # pieces that are sent between two looks at what is there


class Way(Protocol):
    """How pieces get there, and of how many bytes one may be."""

    @property
    def largest(self) -> int:
        """So many."""

    async def put(self, folder: str, name: str, data: bytes) -> None:
        """Bring one, under a name that no other has. Raises NoSuchPath without the folder."""


class Requests:
    """Pieces in the bodies of requests."""

    largest = PIECE

    def __init__(self, files: Files) -> None:
        self._files = files

    async def put(self, folder: str, name: str, data: bytes) -> None:
        """One request; what fails on the way is repeated."""
        try:
            await self._files.write(folder, name, data)
        except RequestRefused as error:
            if error.status != TOO_LARGE:
                raise
            raise NotShipped(
                f"{str(error).rstrip('.')}. FirecREST, or a proxy between here and there, takes no "
                f"request of {BODY} bytes, and no setting makes the pieces smaller: ask the centre "
                "to let bodies of that size pass. Until then an image gets there by a registry: "
                "`fcx image push`."
            ) from None


class Sending:
    """One plan on its way into the folder of its pieces, by ``way``.

    The order is shuffled: two that send the same image then seldom send the same piece.
    """

    def __init__(self, plan: Plan, parts: str, files: Files, way: Way, progress: Progress) -> None:
        self.plan = plan
        self.sent = 0  # bytes, by us
        self._parts = parts
        self._files = files
        self._way = way
        self._progress = progress
        self._me = secrets.token_hex(4)
        self._rng = random.Random(self._me)  # noqa: S311 - an order is no secret

    async def run(self, needed: Callable[[], Awaitable[bool]]) -> None:
        """Until nothing is missing, or it is no longer needed, which is asked now and then.

        Raises NoSuchPath where the folder is gone.
        """
        missing = await self._missing()
        while missing:
            self._rng.shuffle(missing)
            await self._send(missing[:ROUND], self.plan.to_send - total(missing))
            if len(missing) <= ROUND or not await needed():
                return
            missing = await self._missing()

    async def _missing(self) -> list[Piece]:
        return self.plan.missing(await self._files.list(self._parts))

    async def _send(self, pieces: Iterable[Piece], there: int) -> None:
        """Some of them; the first failure ends the others' as well."""
        queue = deque(pieces)
        self._tell(there)

        async def work() -> None:
            nonlocal there
            while queue:
                piece = queue.popleft()
                data = await asyncio.to_thread(self.plan.read, piece)
                await self._way.put(self._parts, f"{piece.name}.{self._me}", data)
                there += piece.length
                self.sent += piece.length
                self._tell(there)

        tasks = [asyncio.ensure_future(work()) for _ in range(AT_ONCE)]
        try:
            await asyncio.gather(*tasks)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _tell(self, there: int) -> None:
        self._progress.layer(self.plan.source.name, "sending", there, self.plan.to_send)
