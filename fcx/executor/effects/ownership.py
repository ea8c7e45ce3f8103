"""Who a run belongs to: the client that made the highest link in ``clients/``.

A link is made or it is there: of two clients that would take the same number, one has to take the
next. None is ever removed. An older client sees the copy of the link in ``logs/``, which it lists.
"""

from __future__ import annotations

import os
import platform
import re
import secrets

from ...errors import NoSuchPath
from ...protocol import layout
from ..core.actions import TakeOver
from ..core.events import AnyEvent, Owned
from .context import Context

EPOCH = re.compile("[0-9]{1,9}")  # what else lies in clients/ is no link of a client


class Ownership:
    """Takes a run over."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.files = context.client.files
        host = re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:60] or "unknown"
        self._me = f"{host}.{os.getpid()}.{secrets.token_hex(8)}"  # for people; it names no file

    async def take_over(self, _action: TakeOver) -> AnyEvent:
        """As an action of the core."""
        return Owned(_action.id, await self.take())

    async def take(self) -> int:
        """Become the newest client of the run: its number. Raises NoSuchPath without a run."""
        place = self.context.place
        epoch = await self._newest()
        while not await self._made(place.path("clients", str(epoch + 1))):
            epoch += 1
        await self.files.make_folder(place.path("logs"))
        await self.files.link(place.path("logs", layout.client(epoch + 1)), self._target)
        return epoch + 1

    @property
    def _target(self) -> str:
        return self.context.place.path("clients", self._me)

    async def _newest(self) -> int:
        """The newest client so far; the first has made no link."""
        place = self.context.place
        try:
            entries = await self.files.list(place.path("clients"))
        except NoSuchPath:
            await self.files.list(place.directory)
            await self.files.make_folder(place.path("clients"))
            return 1
        return max([1, *map(int, filter(EPOCH.fullmatch, entries))])

    async def _made(self, path: str) -> bool:
        """Whether the link is ours: also where a request was repeated that had had its effect."""
        if await self.files.link(path, self._target):
            return True
        folder, _, name = path.rpartition("/")
        entries = await self.files.list(folder)
        return name in entries and entries[name].target == self._target
