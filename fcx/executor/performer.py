"""Performs what the core asks for: one table of effects, and the notes."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable

from .completion import Completion
from .core.actions import Answered, JudgeRequirements, Note, ReadInbox, SubmitPilot, TakeOver
from .core.events import AnyEvent
from .effects.context import Context
from .effects.errands import Errands
from .effects.files import FileEffects
from .effects.jobs import JobEffects
from .effects.keeping import Keeping
from .effects.left import ValueFiles
from .effects.ownership import Ownership
from .effects.sent import SentTasks
from .effects.table import Table
from .effects.usage import Usage
from .effects.written import Output
from .ledger import Ledger
from .mailbox import Mailbox, NewTask
from .notes import Notes


class Performer:
    """All effects of one run."""

    def __init__(self, context: Context, mailbox: Mailbox, completion: Completion) -> None:
        self.context = context
        self.completion = completion
        self.ledger = Ledger(context)
        keeping = Keeping(context, completion, self.ledger)
        self.files = FileEffects(context, keeping)
        self.output = Output(context, self.files)
        self.errands = Errands(context, self.ledger)
        self.sent = SentTasks(context, self.files.expect_pilot)
        self.ownership = Ownership(context)
        values = ValueFiles(context, mailbox)
        self.usage = Usage(context)
        self._effects: Table = {
            **values.table,
            **self.files.table,
            **JobEffects(context, self.ledger).table,
            **self.errands.table,
            ReadInbox: self.sent.read,
            TakeOver: self.ownership.take_over,
        }
        self._notes = Notes(context, mailbox, completion, values, self.ledger)

    @property
    def log(self) -> logging.Logger:
        """The run's."""
        return self.context.settings.logger

    def take_in(self, tasks: Iterable[NewTask]) -> None:
        """Keep what new tasks are made of."""
        self.ledger.submitted(tasks)
        for task in tasks:
            self.context.store.payloads.add(task)
            self.context.store.objects.add(task)

    def settled(self, tasks: Iterable[str]) -> None:
        """The caller has their outcomes."""
        self.context.store.values.settled(tasks)

    def expect_pilots(self, pilots: Iterable[str]) -> None:
        """Pilots of an earlier process."""
        for pilot in pilots:
            self.files.expect_pilot(pilot)

    def note(self, note: Note) -> None:
        """Do what is not answered."""
        self._notes.take(note)

    def deliver(self) -> None:
        """Hand over the outcomes that notes were about."""
        self._notes.deliver()

    def judge_requirements(self, action: JudgeRequirements) -> AnyEvent:
        """Answered at once."""
        return self.errands.judge_requirements(action)

    async def perform(self, action: Answered) -> AnyEvent:
        """Do what is answered; raises what went wrong."""
        if isinstance(action, SubmitPilot):
            self.files.expect_pilot(action.pilot)
        return await self._effects[type(action)](action)

    def keep_error(self, error: BaseException) -> int:
        """A number for an exception."""
        return self.context.store.errors.keep(error)

    async def close(self) -> None:
        """Let go of threads and connections."""
        self.completion.close()
        await self.ledger.close()
        await self.files.external.close()
        self.context.presence.release()
        with contextlib.suppress(RuntimeError):  # the interpreter ends, and takes no more work
            await self.usage.keep()
        with contextlib.suppress(Exception):
            await self.context.client.close()
