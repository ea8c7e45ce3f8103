"""One display for a process: a thread looks at what is under way, and has it shown.

::

    run ── snapshot() ──> Watch: long enough waited for? ──> Sink: terminal, notebook, lines, log
             plain data          (patience.py)                  (choice.py says which)

It looks four times a second and asks each run for numbers that it has anyway: no lock of a run is
taken, and nothing is done for each task. What goes wrong here is nobody else's matter: that way of
showing is given up. The thread is there only while something is watched.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
import time
from typing import Protocol

from ..config import Wanted
from .choice import sink_for
from .patience import Patience
from .sinks import Sink
from .snapshot import Snapshot

REFRESH = 0.25  # seconds
GOODBYE = 1.0  # seconds for which the end of a run waits for what is shown of it to be wiped


class Source(Protocol):
    """What is watched."""

    def snapshot(self) -> Snapshot:
        """How it is; at any time, from any thread."""


class Watch:
    """One source, and where it is shown."""

    def __init__(self, source: Source, sink: Sink, within: object = None) -> None:
        self.source = source
        self.sink = sink
        self.within = within  # what its tasks are part of, which is not shown meanwhile
        self.ended = False  # nothing more is to come
        self.wiped = threading.Event()  # and all has been shown
        self.ever_shown = False
        self._patience = Patience()

    def look(self, now: float) -> Snapshot | None:
        """What is to be shown now."""
        seen = self.source.snapshot()
        shows = self._patience.shows(seen, now) and not self.ended
        self.ever_shown = self.ever_shown or shows
        return seen if shows else None


class Display:
    """All watches of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._turn = threading.Lock()  # one looks at a time
        self._watches: list[Watch] = []
        self._sinks: dict[str, Sink] = {}
        self._thread: threading.Thread | None = None
        self._stir = threading.Event()

    def watch(
        self, source: Source, wanted: Wanted, logger: logging.Logger, within: object = None
    ) -> Watch | None:
        """Show it from now on, if it is wanted and there is where; None where it is not."""
        try:
            found = sink_for(wanted, logger, self.look)
            if found is None:
                return None
            with self._lock:
                watch = Watch(source, self._sinks.setdefault(*found), within)
                self._watches.append(watch)
                if self._thread is None:
                    self._begin()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on without
            logging.getLogger(__name__).debug("Nothing is shown: %r", error)
            return None
        return watch

    def end(self, watch: Watch | None, wait: float = GOODBYE) -> None:
        """It is over: what is shown of it is wiped, and what it came to is said.

        Without ``wait`` no lock is taken: garbage is collected in any thread, whatever that holds.
        """
        if watch is None:
            return
        watch.ended = True
        if wait and self._thread is not None:
            self._stir.set()
            watch.wiped.wait(wait)

    def close(self) -> None:
        """The process ends."""
        with self._lock:
            watches, self._watches = self._watches, []
        for sink in {id(watch.sink): watch.sink for watch in watches}.values():
            with contextlib.suppress(Exception):
                sink.show([], time.monotonic())

    def leave(self) -> None:
        """In a forked child: all of it is the parent's."""
        for sink in self._sinks.values():
            with contextlib.suppress(Exception):
                sink.leave()
        self._lock, self._turn, self._stir = threading.Lock(), threading.Lock(), threading.Event()
        self._watches, self._sinks, self._thread = [], {}, None

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, name="fcx-progress", daemon=True)
        thread.start()
        self._thread = thread

    def _run(self) -> None:
        while True:
            self._stir.wait(REFRESH)
            self._stir.clear()
            with self._lock:
                if not self._watches:
                    self._thread = None
                    self._sinks.clear()  # the next one may be shown in another way
                    return
            self.look()

    def look(self) -> None:
        """See how everything is, and have it shown."""
        with self._turn:
            watches = list(self._watches)
            for sink in {id(watch.sink): watch.sink for watch in watches}.values():
                self._refresh(sink, [watch for watch in watches if watch.sink is sink])

    def _refresh(self, sink: Sink, watches: list[Watch]) -> None:
        over = [watch for watch in watches if watch.ended]
        try:
            _show(sink, watches, time.monotonic())
        except Exception as error:  # noqa: BLE001 - what cannot be shown harms no run
            logging.getLogger(__name__).debug("Nothing more is shown: %r", error)
            over = watches
            with contextlib.suppress(Exception):
                sink.show([], time.monotonic())  # the streams are their owners' again
        with self._lock:
            self._watches = [watch for watch in self._watches if watch not in over]
        for watch in over:
            watch.wiped.set()


def _show(sink: Sink, watches: list[Watch], now: float) -> None:
    """What is waited for, and what those came to that are over."""
    seen = {watch: found for watch in watches if (found := watch.look(now)) is not None}
    parts = [watch.within for watch in seen if watch.within is not None]
    over = [watch for watch in watches if watch.ended and watch.ever_shown]
    for watch in over:
        if watch.within is None:
            sink.over(watch.source.snapshot())
    sink.show([found for watch, found in seen.items() if watch.source not in parts], now)


display = Display()
atexit.register(display.close)

if hasattr(os, "register_at_fork"):  # not on Windows, where nothing forks
    os.register_at_fork(after_in_child=display.leave)
