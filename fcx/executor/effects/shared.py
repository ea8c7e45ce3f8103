"""Objects that tasks share, on their way to the run directory, piece by piece."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from ...firecrest.loop import LARGE
from ...payload.contents import Content
from ...protocol.layout import LARGEST_FILE
from .folders import Folders
from .parts import together


class ObjectFiles:
    """Writes them to ``objects/``."""

    def __init__(self, folders: Folders) -> None:
        self.folders = folders
        self._gate = asyncio.Semaphore(LARGE)  # pieces that are in memory

    async def upload(self, content: Content) -> None:
        """One content; a large one in pieces side by side: who takes it knows how many."""
        if content.size <= LARGEST_FILE:
            await self._piece(content, 0, content.sha)
            return
        starts = iter(range(0, content.size, LARGEST_FILE))
        await together(self._pieces(content, starts) for _ in range(LARGE))

    async def _pieces(self, content: Content, starts: Iterator[int]) -> None:
        """A few at a time, so that another content need not wait for all of this one."""
        for at in starts:
            await self._piece(content, at, f"{content.sha}.{at // LARGEST_FILE}")

    async def _piece(self, content: Content, at: int, name: str) -> None:
        async with self._gate:
            await self.folders.write("objects", name, content.piece(at, LARGEST_FILE))
