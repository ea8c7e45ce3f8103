"""Folders of the run directory that a pilot makes, should none have begun yet."""

from __future__ import annotations

import asyncio

from ...errors import NoSuchPath, RequestRefused
from .context import Context

LATER = ("modules", "objects", "pilots")  # those that are only made once something is to lie there
DEAR = 1 << 18  # bytes that are not sent to find out whether there is a folder


class Folders:
    """Those in which something is written, be it before any pilot has begun."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._there: set[str] = set()  # those that are known to be
        self._asking = asyncio.Lock()  # one file finds out for all others

    async def write(self, folder: str, name: str, data: bytes) -> None:
        """A file; its folder may have to be made. Raises NoSuchPath without a run directory."""
        files, path = self.context.client.files, self.context.place.path(folder)
        if folder in LATER and len(data) > DEAR:
            async with self._asking:
                if folder not in self._there:
                    await self.make(folder)
        try:
            await files.write(path, name, data)
        except NoSuchPath:
            if folder not in LATER:
                raise
            await self.make(folder)
            await files.write(path, name, data)
        self._there.add(folder)

    async def make(self, folder: str) -> None:
        """Several files may find at once that it is not there."""
        path = self.context.place.path(folder)
        try:
            await self.context.client.files.make_folder(path, parents=False)
        except RequestRefused as error:
            if "File exists" not in str(error):
                raise
        self._there.add(folder)
