"""Values that were left where they lie: fetched when somebody asks for them, or at the end."""

from __future__ import annotations

import asyncio

import msgspec

from ...errors import ResultError
from ...payload import outcome as outcomes
from ..core.actions import FetchLeft
from ..core.events import AnyEvent, Done
from ..future import Ended
from ..mailbox import Mailbox
from ..wire import Outcome
from .context import Context
from .parts import OutcomeParts
from .table import Table


class ValueFiles:
    """Reads them, and leaves them there."""

    def __init__(self, context: Context, mailbox: Mailbox) -> None:
        self.context = context
        self.mailbox = mailbox
        self.parts = OutcomeParts(context)
        self.table: Table = {FetchLeft: self.fetch_left}

    async def fetch_left(self, action: FetchLeft) -> AnyEvent:
        """For a future that somebody still has: the run is about to end."""
        future = self.mailbox.done(action.task) or self.mailbox.future(action.task)
        if future is not None and not future.cancelled():
            await asyncio.to_thread(future.exception)
        return Done(action.id)

    async def fetch(self, task: str, attempt: int, outcome: Outcome) -> Ended:
        """The value, and what the task has printed. Raises ResultError for what is damaged."""
        own = msgspec.structs.replace(outcome)
        if not await self.parts.bring(task, attempt, own):
            raise ResultError(f"The value of task {task} is damaged: it is not what was written.")
        result, out, err = own.split()
        value, trouble = await asyncio.to_thread(outcomes.load, own.kind, result)
        return value, trouble, (out, err)
