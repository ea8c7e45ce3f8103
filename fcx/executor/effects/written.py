"""What a task writes while it runs, read from where its worker writes, and proven to be its own.

A worker writes all its tasks' output to the same two files, emptied between them. So what was read
counts only once the agent's log shows, a moment later, that the task had not ended: its end stands
there within a fraction of a second, before or after the next one begins.
"""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from ...errors import NoSuchPath
from ...protocol import layout, names
from ..core.logs import Place
from ..wire import BackLine, DataLine, DriftLine, Line, NextLine
from .context import Context
from .files import FileEffects

MOMENT = 1.0  # seconds after which the end of a task is in its agent's log for sure
UNKNOWN = "\N{REPLACEMENT CHARACTER}".encode()  # bytes that are no text: how many is not known


class Written(NamedTuple):
    """Some of what an attempt has written: text, from ``offset`` on."""

    of: tuple[str, int, int]  # its agent and slot there, and the attempt
    offset: int
    data: bytes
    pause: float  # seconds after which to ask again, at the soonest
    stuck: bool = False  # what comes next is no text

    @property
    def end(self) -> int:
        """Where the next begins."""
        return self.offset + len(self.data)


class Output:
    """Reads it."""

    def __init__(self, context: Context, files: FileEffects) -> None:
        self.context = context
        self.files = files

    async def so_far(self, agent: str, slot: int, stream: int, offset: int = 0) -> bytes:
        """What lies in a worker's file (0: stdout, 1: stderr)."""
        incarnation = names.Incarnation.parse(agent)
        assert incarnation is not None, agent
        name = layout.output(incarnation, slot, ("out", "err")[stream])
        try:
            return await self.files.files.read_from(self.context.place.path("output", name), offset)
        except NoSuchPath:
            return b""

    async def more(
        self, running: Place, stream: int, before: Written | None = None
    ) -> Written | None:
        """What it has written since then; None where that may be another's."""
        of = running.cursor.name, running.slot, running.attempt
        offset = 0
        if before is not None and before.of == of:
            offset = before.end
            if before.stuck:
                return before._replace(offset=offset, data=b"")
        data = await self.so_far(running.cursor.name, running.slot, stream, offset)
        text = data.partition(UNKNOWN)[0]  # of a letter that is not whole, no length is known
        if text:
            await asyncio.sleep(MOMENT)
            if await self._has_ended(running):
                return None
        stuck = not text and len(data.replace(UNKNOWN, b"")) > 0
        return Written(of, offset, text, self.pause(), stuck)

    async def _has_ended(self, running: Place) -> bool:
        """Whether the log says so, or cannot be read to its end."""
        cursor = running.cursor
        path, offset = self.context.place.path("logs", cursor.file), cursor.offset
        data = await self.files.files.read_from(path, offset)
        stretch = self.files.decoded(cursor.name, data)
        return stretch.used < len(data) or any(_ends(line, running) for line in stretch.records)

    def pause(self) -> float:
        """Seconds that should lie between two pieces: half of the requests are for all else."""
        now = asyncio.get_running_loop().time()
        return 4.0 / max(1e-3, self.context.client.quota.allowed(now).rate)


def _ends(line: Line, running: Place) -> bool:
    """Whether the attempt ends with this record, or the log goes on elsewhere."""
    if isinstance(line, DataLine):
        return (line.t, line.a) == (running.task, running.attempt)
    if isinstance(line, (BackLine, DriftLine)):
        return (running.task, running.attempt) in line.t
    return isinstance(line, NextLine)
