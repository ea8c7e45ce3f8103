"""What tasks have given, for those that take it: kept until these have it.

A large value stays where it lies, in the run directory: only its place is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec.structs import replace

from ..payload.sharing import Parcel, wrapped
from ..protocol.record import INLINE
from .core.events import Trouble
from .wire import Outcome

AWAITED = "w"  # a value that agents wait for, as ``protocol/objects.py`` calls it


class Ended(msgspec.Struct, frozen=True):
    """How a task ended: with an outcome, a trouble, or neither."""

    task: str
    attempt: int = -1
    outcome: Outcome | None = None
    trouble: Trouble | None = None
    original: BaseException | None = None  # the exception that the trouble names, if there is one

    @property
    def place(self) -> tuple[Any, ...]:
        """Where its value lies, as ``protocol/objects.py`` reads it; nothing where it is small."""
        outcome = self.outcome
        if outcome is None or outcome.kind != "value" or outcome.size <= INLINE:
            return ()
        name = f"{self.task}.{self.attempt}"
        return ("v", outcome.sha, outcome.size, name, outcome.lengths[0])

    @property
    def entry(self) -> tuple[Any, ...]:
        """As a task takes it."""
        assert self.outcome is not None
        return self.place or ("i", self.outcome.split()[0])


class Values:
    """By task, from its end until the caller has its outcome and nobody takes it."""

    def __init__(self) -> None:
        self._ended: dict[str, Ended] = {}
        self._kept: dict[str, None] = {}
        self._names: dict[str, str] = {}  # of tasks that are known under another id

    def add(self, task: str, ended: Ended) -> None:
        """It has ended; the bytes of a large value are not kept."""
        if ended.place and ended.outcome is not None:
            ended = replace(ended, outcome=replace(ended.outcome, data=None))
        self._ended[task] = ended

    def get(self, task: str) -> Ended | None:
        """How a task ended."""
        return self._ended.get(self._names.get(task, task))

    def keep(self, task: str) -> None:
        """Others take what comes of it."""
        self._kept[task] = None

    def drop(self, task: str) -> None:
        """Nobody does any more."""
        self._kept.pop(task, None)
        self._ended.pop(task, None)

    def settled(self, tasks: Iterable[str]) -> None:
        """The caller has them."""
        for task in tasks:
            if task not in self._kept:
                self._ended.pop(task, None)

    def rename(self, task: str, to: str) -> None:
        """It is known under another id now."""
        for name in [each for each, known in self._names.items() if known == task]:
            self._names[name] = to
        self._names[task] = to

    def payload(self, parcel: Parcel, lacks: tuple[str, ...]) -> bytes:
        """What is sent of a task that takes values, all but those of ``lacks`` known."""
        entries = []
        for supply in parcel.supplies:
            of = self._names.get(supply.takes, supply.takes)
            ended = self._ended.get(of) if of else None
            if of in lacks:
                entries.append((AWAITED, of))
            else:
                entries.append(ended.entry if ended else supply.entry)
        return wrapped(parcel.data, entries)
