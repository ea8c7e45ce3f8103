"""What is shown of a run while it is waited for: its numbers as a snapshot, and those of a map."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from ..jobscript.reasons import in_words
from ..progress.display import Watch, display
from ..progress.snapshot import Pilots, Snapshot
from .counts import first
from .future import FirecrestFuture

if TYPE_CHECKING:
    import logging

    from ..config import Wanted
    from .core.fleet import Fleet, Pilot
    from .mailbox import Mailbox

T = TypeVar("T")
SHORT = 30  # letters of a name


class Meter:
    """Node hours, by looking: from when a pilot is seen to have nodes until it has none."""

    def __init__(self) -> None:
        self._began: dict[str, float] = {}
        self._spent = 0.0  # of those that have ended

    def read(self, fleet: Fleet, now: float) -> float:
        """Up to now."""
        hours = self._spent
        for pilot in list(fleet.pilots):
            name, nodes = pilot.name, fleet.limits(pilot).nodes
            began = self._began.get(name)
            if _has_nodes(pilot):
                began = self._began.setdefault(name, now)
                hours += nodes * (now - began) / 3600
            elif began is not None and pilot.phase == "ended":
                del self._began[name]
                self._spent += nodes * (now - began) / 3600
                hours += nodes * (now - began) / 3600
        return hours


def _has_nodes(pilot: Pilot) -> bool:
    leaving = pilot.phase == "leaving" and bool(pilot.agents)
    return pilot.works or leaving


class Shown:
    """A run as a source of snapshots: it reads what there is, and takes no lock."""

    def __init__(self, name: str, mailbox: Mailbox, fleet: Fleet, made: Callable[[], int]) -> None:
        self.name = name
        self.mailbox = mailbox
        self._fleet = fleet
        self._made = made  # requests
        self._meter = Meter()
        self._since = time.monotonic()
        self._watch: Watch | None = None

    def begin(self, wanted: Wanted, logger: logging.Logger) -> None:
        """Show it while it is waited for."""
        self._since = time.monotonic()
        self._watch = display.watch(self, wanted, logger)

    def over(self) -> None:
        """It is over; nobody is held up."""
        display.end(self._watch, wait=0.0)

    def end(self) -> None:
        """It is over, and nothing of it is to be seen from now on."""
        display.end(self._watch)

    def snapshot(self) -> Snapshot:
        """Its numbers now."""
        counts, now = self.mailbox.counts, time.monotonic()
        pending = self.mailbox.pending  # first: of what comes meanwhile, none is taken for done
        return Snapshot(
            self.name,
            counts.total,
            max(0, counts.total - pending),
            counts.failed,
            counts.cancelled,
            min(len(counts.running), pending),
            self.mailbox.oldest,
            self._pilots(now),
            self._made(),
            now - self._since,
        )

    def _pilots(self, now: float) -> Pilots:
        up, waits = 0, dict[str, int]()
        for pilot in list(self._fleet.pilots):
            if pilot.works:
                up += 1
            elif pilot.pending:
                why = _why(pilot)
                waits[why] = waits.get(why, 0) + 1
        return Pilots(up, tuple(waits.items()), self._meter.read(self._fleet, now))


def _why(pilot: Pilot) -> str:
    """Why it has no nodes."""
    if pilot.refused:
        return "the system takes no more jobs now"
    if pilot.phase == "submitting":
        return "it is being submitted"
    return in_words(pilot.heard.reason)


class ShownMap:
    """The tasks of one map, as a source of snapshots; ``submit`` is the executor's."""

    def __init__(self, run: Shown, name: str, submit: Callable[..., FirecrestFuture[Any]]) -> None:
        self.name = name if len(name) <= SHORT else f"{name[: SHORT - 3]}..."
        self._run = run
        self._submit = submit
        self._pending: dict[str, None] = {}  # by the ids that they were submitted with
        self._counts: list[int] = [0, 0, 0]  # in all, failed, cancelled
        self._since = time.monotonic()
        self._watch: Watch | None = None

    def begin(self, wanted: Wanted, logger: logging.Logger) -> None:
        """Show it, in the place of its run."""
        self._watch = display.watch(self, wanted, logger, within=self._run)

    def end(self) -> None:
        """Nobody waits for it any more."""
        display.end(self._watch, wait=0.0)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> FirecrestFuture[T]:
        """One task more."""
        future = self._submit(fn, *args, **kwargs)
        self._counts[0] += 1
        if not future.done():
            self._pending[future.task_id] = None
        future.add_done_callback(partial(self._done, future.task_id))
        return future

    def _done(self, task: str, future: Any) -> None:
        self._pending.pop(task, None)
        self._counts[1] += future.state == "failed"
        self._counts[2] += future.state == "cancelled"

    def snapshot(self) -> Snapshot:
        """Its tasks, and what its run has and costs."""
        run = self._run.snapshot()
        running = list(self._run.mailbox.counts.running)
        total, failed, cancelled = self._counts
        pending = self._pending
        return Snapshot(
            self.name,
            total,
            max(0, total - len(pending)),
            failed,
            cancelled,
            sum(task in pending for task in running),
            first(pending),
            run.pilots,
            run.requests,
            time.monotonic() - self._since,
        )
