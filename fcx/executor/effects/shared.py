"""Objects that tasks share, on their way to the run directory, piece by piece."""

from __future__ import annotations

import asyncio

from ...errors import NoSuchPath, RequestRefused
from ...payload.contents import Content
from ...protocol.parts import LARGEST_FILE
from .context import Context

AT_ONCE = 4  # pieces that are in memory: as many as the door lets through


class ObjectFiles:
    """Writes them to ``objects/``."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._gate = asyncio.Semaphore(AT_ONCE)

    async def upload(self, content: Content) -> None:
        """One content; a large one in pieces side by side: who takes it knows how many."""
        if content.size <= LARGEST_FILE:
            await self._piece(content, 0, content.sha)
            return
        starts = range(0, content.size, LARGEST_FILE)
        await asyncio.gather(
            *(self._piece(content, at, f"{content.sha}.{n}") for n, at in enumerate(starts))
        )

    async def _piece(self, content: Content, at: int, name: str) -> None:
        async with self._gate:
            await self._write(name, content.piece(at, LARGEST_FILE))

    async def _write(self, name: str, data: bytes) -> None:
        """The folder is made where no pilot has made it yet."""
        files, folder = self.context.client.files, self.context.place.path("objects")
        try:
            await files.write(folder, name, data)
        except NoSuchPath:
            await self._make(folder)
            await files.write(folder, name, data)

    async def _make(self, folder: str) -> None:
        """Several pieces may find at once that it is not there."""
        try:
            await self.context.client.files.make_folder(folder, parents=False)
        except RequestRefused as error:
            if "File exists" not in str(error):
                raise
