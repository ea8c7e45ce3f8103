"""What becomes of a run's tasks, read from its directory: nothing is fetched, run or changed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from ..errors import NoSuchPath
from ..protocol import keys
from ..protocol.layout import LogFile
from .effects.context import Context
from .effects.sent import SentTasks
from .resumption import attached
from .wire import BackLine, DiedLine, DoneLine, Line, RunLine, read

Begun = set[tuple[str, str, int]]  # task, job and attempt
DONE = {"value": "done"}  # any other outcome is an exception


@dataclass
class TaskView:
    """One task of a run as its directory shows it."""

    id: str
    name: str
    key: str
    state: str = (
        "queued"  # queued | running | done | raised | died; gone, or unknown: not looked at
    )
    job: str = ""
    runs: int = 0  # how often it was begun


class Survey:
    """Reads one run."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._pilots: list[str] = []

    async def tasks(self) -> list[TaskView]:
        """All tasks, in the order of submission. Raises UsageError where our key is wrong."""
        context = self.context
        sent = SentTasks(context, self._pilots.append)
        found, pilots = await sent.tasks(), await sent.pilots()
        journal = context.memory.journal
        event = await asyncio.to_thread(
            attached, journal, context.identity.id, found, pilots, by_key=False
        )
        self._pilots += [name for name, _ in event.pilots]
        views = {info.id: TaskView(info.id, info.name, info.key) for info in event.tasks}
        begun: Begun = set()
        for job, line in await self._lines():
            heed(views, begun, job, line)
        return list(views.values())

    async def _lines(self) -> list[tuple[str, Line]]:
        """The records of all logs, each with the job that wrote it."""
        path = self.context.place.path("logs")
        try:
            entries = await self.context.client.files.list(path)
        except NoSuchPath:
            return []
        logs = [log for log in map(LogFile.parse, sorted(entries)) if log and log.what.isdigit()]
        texts = await asyncio.gather(*(self._text(f"{path}/{log}") for log in logs))
        own = [keys.pilot_key(self.context.identity.key, name) for name in set(self._pilots)]
        return [
            (log.incarnation.job, line)
            for log, text in zip(logs, texts, strict=True)
            for line in max((read(text, key).records for key in own), key=len, default=[])
        ]

    async def _text(self, path: str) -> bytes:
        try:
            return await self.context.client.files.read_from(path, 0)
        except NoSuchPath:
            return b""


def heed(views: dict[str, TaskView], begun: Begun, job: str, line: Line) -> None:
    """What one record says of a task; an outcome is the last word."""
    if isinstance(line, BackLine) or not isinstance(line, (RunLine, DoneLine, DiedLine)):
        return
    view = views.get(line.t)
    if view is None:
        return
    this = (line.t, job, line.a)  # a short task is only said to have ended
    view.runs += this not in begun
    begun.add(this)
    if view.state in {"done", "raised"}:
        return
    view.job = job
    if isinstance(line, DoneLine):
        view.state = DONE.get(line.o, "raised")
    else:
        view.state = "died" if isinstance(line, DiedLine) else "running"
