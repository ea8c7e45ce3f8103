"""Outcomes that lie in parts, on their way to the client: several parts at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec

from ...errors import NoSuchPath, ResultError, Unreachable
from ...firecrest.loop import LARGE, LoopThread
from ...payload.received import Received
from ...protocol import names
from ...protocol.parts import PART
from ..wire import Outcome
from .context import Context

LOOKS, PAUSE = 4, 1.5  # at a part that is not there, and seconds between two


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """All of it side by side; what fails ends the rest."""
    tasks = [asyncio.ensure_future(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class OutcomeParts:
    """Brings outcomes into memory.

    Of each outcome only so many parts are asked for at a time as the door lets through: so one that
    is smaller need not wait for all the parts of another.
    """

    def __init__(self, context: Context) -> None:
        self.context = context

    async def bring(self, task: str, attempt: int, outcome: Outcome) -> bool:
        """Have its bytes come; False where they are not what its record says.

        Through failures that pass, what has come stays: the next try brings the others.
        """
        coming = outcome.coming = outcome.coming or Received(outcome.size, PART)
        try:
            await together(self._take(task, attempt, coming) for _ in range(LARGE))
        except Unreachable:
            raise
        except BaseException:
            outcome.coming = None
            raise
        outcome.coming = None
        if not await asyncio.to_thread(coming.is_what, outcome.sha):
            return False
        coming.again = partial(self._again, task, attempt, outcome)
        outcome.data = coming
        return True

    async def _take(self, task: str, attempt: int, coming: Received) -> None:
        """Fetch parts while any is missing."""
        place = self.context.place
        while coming.missing:
            at = coming.missing.pop()
            path = place.path("parts", names.part(task, attempt, at // PART))
            try:
                coming.put(at, await self._part(path, coming.size_at(at)))
            except BaseException:
                coming.missing.append(at)
                raise

    async def _part(self, path: str, size: int) -> bytes:
        """One of them, for which another machine may have to wait a while. Raises NoSuchPath."""
        files = self.context.client.files
        for _ in range(LOOKS - 1):
            with suppress(NoSuchPath):
                return await files.part(path, size)
            await asyncio.sleep(PAUSE)
        return await files.part(path, size)

    def _again(self, task: str, attempt: int, outcome: Outcome) -> Received:
        """Once more, for what cannot be loaded; in the thread that has tried. Raises FcxError."""
        fresh = msgspec.structs.replace(outcome, data=None)
        whole = LoopThread.shared().run(self.bring(task, attempt, fresh))
        if not whole or not isinstance(fresh.data, Received):
            raise ResultError(f"The value of task {task} is damaged.")
        return fresh.data
