"""The end of a script: what was submitted is waited for, whoever still has the executor."""

from __future__ import annotations

import importlib
import os
import sys
import threading
from typing import Protocol


class Unfinished(Protocol):
    """What a script may not end without."""

    def end(self, *, abort: bool) -> None:
        """Take no more tasks, and wait until it is over. ``abort``: cancel those that there are."""


class Leaving:
    """Holds what is unfinished, so that it is there at the end; it is told what is over."""

    def __init__(self) -> None:
        self.begun = False  # the script is at its end: nothing more is taken
        self._unfinished: set[Unfinished] = set()

    def waits_for(self, run: Unfinished) -> None:
        """From now on."""
        self._unfinished.add(run)

    def over(self, run: Unfinished) -> None:
        """Nobody has to wait for it any more."""
        self._unfinished.discard(run)

    def forked(self) -> None:
        """A child has none of its parent's runs, and exits as any child does."""
        self._unfinished.clear()

    def end(self) -> None:
        """Let what was submitted finish, as the standard executors do; after Ctrl-C cancel it.

        One by one, so that a script which has submitted nothing starts no thread here: Python
        3.12.1 has none to give any more.
        """
        self.begun = True
        abort = getattr(sys, "last_type", None) is KeyboardInterrupt
        while self._unfinished:
            run = next(iter(self._unfinished))
            try:
                run.end(abort=abort)
            except KeyboardInterrupt:
                if abort:  # a second one
                    return
                abort = True
            else:
                self.over(run)


leaving = Leaving()

if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=leaving.forked)
# Callbacks run in the reverse order: the thread pool that the loop uses must be registered before.
importlib.import_module("concurrent.futures.thread")
threading._register_atexit(leaving.end)  # type: ignore[attr-defined]  # noqa: SLF001 - as concurrent.futures does
