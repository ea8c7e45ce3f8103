"""What happens a while after the request that caused it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Later:
    """Work that is put off; it is dropped when the server stops before."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def after(self, seconds: float, work: Coroutine[Any, Any, None]) -> None:
        """Do something in so many seconds."""

        async def wait_and_work() -> None:
            try:
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                work.close()
                raise
            await work

        task = asyncio.ensure_future(wait_and_work())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def drop(self) -> None:
        """Forget what was put off."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
