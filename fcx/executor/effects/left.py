"""Values that were left where they lie: fetched when somebody asks for them, or at the end."""

from __future__ import annotations

import asyncio

from ...errors import ResultError
from ...payload import outcome as outcomes
from ...protocol import layout, names, parts
from ..core.actions import FetchLeft
from ..core.events import AnyEvent, Done
from ..future import Ended
from ..mailbox import Mailbox
from ..wire import Outcome
from .context import Context
from .table import Table


class ValueFiles:
    """Reads them, and leaves them there."""

    def __init__(self, context: Context, mailbox: Mailbox) -> None:
        self.context = context
        self.mailbox = mailbox
        self.table: Table = {FetchLeft: self.fetch_left}

    async def fetch_left(self, action: FetchLeft) -> AnyEvent:
        """For a future that somebody still has: the run is about to end."""
        future = self.mailbox.done(action.task) or self.mailbox.future(action.task)
        if future is not None and not future.cancelled():
            await asyncio.to_thread(future.exception)
        return Done(action.id)

    async def fetch(self, task: str, attempt: int, outcome: Outcome) -> Ended:
        """The value, and what the task has printed. Raises ResultError for what is damaged."""
        files, place = self.context.client.files, self.context.place
        paths = [
            place.path("parts", names.part(task, attempt, number))
            for number in range(parts.count(outcome.size))
        ]
        texts = await asyncio.gather(*(files.read_from(path, 0) for path in paths))
        try:
            data = await asyncio.to_thread(layout.decoded, texts, outcome.size, outcome.sha)
        except ValueError as error:
            raise ResultError(f"The value of task {task} is damaged: {error}") from error
        first, second, _ = outcome.lengths
        value, trouble = await asyncio.to_thread(outcomes.load, outcome.kind, data[:first])
        return value, trouble, (data[first : first + second], data[first + second :])
