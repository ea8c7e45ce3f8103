"""What a run remembers on this machine and can do without: trouble is told once, in words.

What the journal could not take down waits, and goes in as soon as it can, in the order in which it
came: so a file that was locked for a while has everything in the end.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from ..errors import StateError
from .facts import Facts
from .journal import Journal

T = TypeVar("T")

PATIENCE = 1.0  # seconds that a task may wait for another process which holds the file
LAST_PATIENCE = 20.0  # and that the end of a run may, of which nobody could go on without
RETRY = 0.2  # seconds between two attempts of that
PAUSE = 10.0  # seconds after trouble in which it is not tried again

WITHOUT = (
    "%s Until then this run goes on without: should this process end before its tasks do, only "
    "fcx.attach(directory=..., key=...) can collect them, so keep the executor's run_directory and "
    "run_key; and what a preflight finds counts for this run alone."
)


class Memory:
    """Facts that may be missing, and the journal of one run. Any thread."""

    def __init__(self, logger: logging.Logger, folder: Path | None = None) -> None:
        self.journal = Journal(folder, PATIENCE)
        self._facts = Facts(folder, PATIENCE)
        self._logger = logger
        self._lock = threading.Lock()
        self._not_before = 0.0  # when it may be tried again
        self._told = False
        self._missed: deque[Callable[[], object]] = deque()  # that the journal has not taken down
        self._retry: threading.Timer | None = None

    # -- facts ------------------------------------------------------------------------------

    def get(self, key: str, max_age: float) -> Any:
        """As ``Facts.get``; None where it cannot be read."""
        return self._tried(lambda: self._facts.get(key, max_age))

    def store(self, key: str, value: Any) -> None:
        """As ``Facts.store``, if that can be."""
        self._tried(lambda: self._facts.store(key, value))

    def forget(self, key: str) -> None:
        """As ``Facts.forget``, if that can be."""
        self._tried(lambda: self._facts.forget(key))

    def _tried(self, work: Callable[[], T]) -> T | None:
        if time.monotonic() < self._not_before:
            return None
        try:
            return work()
        except StateError as error:
            self._lost(error)
            return None

    # -- journal ----------------------------------------------------------------------------

    def record(self, work: Callable[[], T]) -> T:
        """Have the journal take something down, after all that it could not take down before.

        Its answer. Raises StateError where it cannot now; it will be tried again.
        """
        with self._lock:
            self._missed.append(work)
            if time.monotonic() < self._not_before:
                raise StateError("What this machine remembers could not be used a moment ago.")
            try:
                return cast("T", self._take_down())
            except StateError:
                self._retry = threading.Timer(PAUSE, self._again)
                self._retry.daemon = True
                self._retry.start()
                raise

    def complete(self, work: Callable[[], None]) -> None:
        """As ``record``, of what comes last: another process that holds the file is waited for.

        Raises StateError where the journal has not everything in the end.
        """
        until, said = time.monotonic() + LAST_PATIENCE, False
        with self._lock:
            self._missed.append(work)
        while True:
            try:
                with self._lock:
                    self._take_down()
            except StateError as error:
                if not error.busy or time.monotonic() >= until:
                    raise
                if not said:
                    self._logger.warning(f"Waiting for the journal, {LAST_PATIENCE:.0f} s: {error}")
                said = True
            else:
                return
            time.sleep(RETRY)

    def cancels(self, run: str) -> dict[str, str]:
        """As ``Journal.cancels``; nothing where it cannot be read."""
        return self._tried(lambda: self.journal.cancels(run)) or {}

    def _take_down(self) -> object:
        """All that waits, in its order; what the last of it gave."""
        given: object = None
        try:
            while self._missed:
                given = self._missed[0]()
                self._missed.popleft()
        except StateError as error:
            self._lost(error)
            raise
        return given

    def _again(self) -> None:
        with self._lock:
            try:
                self._take_down()
            except StateError:
                return
        self._logger.info("What this machine remembers can be used again: the journal is complete")

    def _lost(self, error: StateError) -> None:
        self._not_before = time.monotonic() + PAUSE
        if not self._told:
            self._told = True
            self._logger.warning(WITHOUT, error)
