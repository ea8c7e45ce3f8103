"""What the core says without waiting for an answer: to the log, to futures, to the completion."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

from ..errors import ResultError
from ..firecrest.loop import LoopThread
from . import experience, reporting
from .completion import Completion, Delivery, exception_of
from .core.actions import (
    Broken,
    Discard,
    DropBundle,
    DropValue,
    Forget,
    Found,
    Hurry,
    KeepValue,
    Note,
    Remember,
    Same,
    Say,
    Settle,
    TellPending,
    TellRunning,
)
from .core.events import Trouble
from .effects.context import Context
from .effects.left import ValueFiles
from .future import Ended as Result
from .ledger import Ledger
from .mailbox import Mailbox
from .values import Ended

LEFT = (
    "The value of {} was handed on and stayed on the cluster: it was not fetched while the "
    "executor was open. Call result() before it is shut down"
)
GONE = "What this task was to take the value of is not known any more: submit both again"
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class Notes:
    """One method for each kind of note."""

    def __init__(
        self,
        context: Context,
        mailbox: Mailbox,
        completion: Completion,
        values: ValueFiles,
        ledger: Ledger,
    ) -> None:
        self.context = context
        self.ledger = ledger
        self.mailbox = mailbox
        self.completion = completion
        self.values = values
        self._deliveries: list[Delivery] = []  # not handed over yet
        self._table: dict[type, Callable[[Any], None]] = {
            Say: self._say,
            TellRunning: self._running,
            TellPending: self._pending,
            Settle: self._settle,
            Discard: self._discard,
            DropBundle: self._drop_bundle,
            Forget: self._forget,
            Remember: self._remember,
            Broken: self._broken,
            Hurry: self._hurry,
            Same: self._same,
            KeepValue: self._keep_value,
            DropValue: self._drop_value,
            Found: self._found,
        }

    def take(self, note: Note) -> None:
        """Do it."""
        self._table[type(note)](note)

    def _say(self, note: Say) -> None:
        self.context.settings.logger.log(LEVELS[note.level], note.text)

    def _running(self, note: TellRunning) -> None:
        future = self.mailbox.future(note.task)
        if future is not None:
            self.mailbox.counts.began(note.task)
            reporting.running(future, note.job)

    def _pending(self, note: TellPending) -> None:
        self.mailbox.counts.stopped(note.task)
        future = self.mailbox.future(note.task)
        if future is not None:
            reporting.pending(future)

    def _settle(self, note: Settle) -> None:
        store = self.context.store
        self.mailbox.counts.stopped(note.task)
        store.payloads.drop(note.task)
        store.objects.drop(note.task)
        if note.trouble is not None or note.cancelled or note.like:
            self.ledger.settled(note)  # anything else stands in the agent's log
        ended = self._ended(note)
        store.values.add(note.task, ended)
        future = self.mailbox.future(note.task)
        if future is not None:
            reporting.attempts(future, note.runs)
            told = (ended.outcome, ended.trouble, ended.original, ended.place)
            of = self.mailbox.called(ended.task) if note.like else ""
            fetch = partial(self._fetch, ended) if note.left else None
            self._deliveries.append(Delivery(note.task, future, note.job, *told, fetch, of))

    def deliver(self) -> None:
        """Hand the outcomes over, those of one answer at once: a log tells thousands."""
        if self._deliveries:
            deliveries, self._deliveries = self._deliveries, []
            self.completion.put(deliveries)

    def _fetch(self, ended: Ended) -> Result:
        """Called by whoever asks for a value that was left where it lies, in his thread."""
        outcome = ended.outcome
        assert outcome is not None
        if self.mailbox.finished.is_set():
            raise ResultError(LEFT.format(self.mailbox.called(ended.task)))
        where = ended.task, ended.attempt
        return LoopThread.shared().run(self.values.fetch(*where, outcome))

    def _ended(self, note: Settle) -> Ended:
        """With what the task has come to its end, or another whose value it was to take."""
        if note.like:
            known = self.context.store.values.get(note.like)
            return known or Ended(note.like, trouble=Trouble("RunLost", GONE))
        outcome = self.context.store.outcomes.pop((note.task, note.attempt), None)
        original = self._original(note.trouble)
        return Ended(note.task, note.attempt, outcome, note.trouble, original)

    def _keep_value(self, note: KeepValue) -> None:
        self.context.store.values.keep(note.task)

    def _drop_value(self, note: DropValue) -> None:
        self.context.store.values.drop(note.task)

    def _original(self, trouble: Trouble | None) -> BaseException | None:
        return self.context.store.errors.get(trouble.ref) if trouble else None

    def _discard(self, note: Discard) -> None:
        self.context.store.outcomes.pop((note.task, note.attempt), None)
        future = self.mailbox.future(note.task) or self.mailbox.done(note.task)
        if future is not None and note.job:
            reporting.attempts(future, ((note.attempt, note.job, ""),))

    def _same(self, note: Same) -> None:
        self.ledger.same(note.task, note.earlier)
        self.context.store.payloads.rename(note.task, note.earlier)
        self.context.store.objects.rename(note.task, note.earlier)
        self.context.store.values.rename(note.task, note.earlier)
        self.mailbox.rename(note.task, note.earlier)

    def _found(self, note: Found) -> None:
        self.mailbox.found(note.tasks)

    def _drop_bundle(self, note: DropBundle) -> None:
        self.context.store.bundles.pop(note.bundle, None)

    def _forget(self, note: Forget) -> None:
        """The journal may be slow: nobody waits for it."""
        gate = self.context.kits[note.shape].gate
        asyncio.get_running_loop().run_in_executor(None, gate.forget)

    def _remember(self, note: Remember) -> None:
        """The interpreter may be about to end, and take no more work."""
        with contextlib.suppress(RuntimeError):
            told = self.context.memory, self.context.kits[note.shape], note
            asyncio.get_running_loop().run_in_executor(None, experience.remember, *told)

    def _broken(self, note: Broken) -> None:
        error = exception_of(note.trouble, self._original(note.trouble))
        self.mailbox.break_off(error, note.shape)
        if note.shape is None:
            self.ledger.broken(note.trouble.message)

    def _hurry(self, _note: Hurry) -> None:
        self.context.client.hurry()
