"""All that other threads touch of a run: what they want of it, and the futures they hold.

Letters are taken out in the order in which they were put in, by the loop's thread alone.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct

from ..errors import UsageError
from ..payload.sharing import Parcel
from . import reporting
from .core.events import (
    AnyEvent,
    Broke,
    CancelAsked,
    CloseAsked,
    LeaveAsked,
    Recalled,
    Shaped,
    Submitted,
    TaskInfo,
)
from .counts import Counts, first
from .forks import FOREIGN, left_in_children
from .future import FirecrestFuture

NOTHING = Parcel()
SWEPT_FROM = 1000  # futures


class NewTask(Struct, frozen=True):
    """A task on its way in, with what the core never sees: payload, modules, future."""

    info: TaskInfo
    payload: bytes
    future: FirecrestFuture[Any]
    archives: tuple[tuple[str, bytes], ...] = ()
    parcel: Parcel = NOTHING  # what it shares with others, and whose values it takes
    code: str = ""  # SHA-256 of what its function does; empty where that cannot be seen


Letter = NewTask | CancelAsked | CloseAsked | LeaveAsked | Shaped | Broke | Recalled


class Departed:
    """Futures that have their outcome, as long as somebody has them.

    There may be a million: what is left of those that nobody has goes in one sweep, now and then.
    """

    def __init__(self) -> None:
        self._known: dict[str, weakref.ref[FirecrestFuture[Any]]] = {}
        self._most = SWEPT_FROM

    def add(self, task: str, future: FirecrestFuture[Any]) -> None:
        """One more."""
        self._known[task] = weakref.ref(future)
        if len(self._known) > self._most:
            self._known = {name: had for name, had in self._known.items() if had() is not None}
            self._most = max(SWEPT_FROM, 2 * len(self._known))

    def get(self, task: str) -> FirecrestFuture[Any] | None:
        """The future of that task."""
        known = self._known.get(task)
        return None if known is None else known()


class Mailbox:
    """Letters to a run. ``wake`` is called when the first of several has been put in.

    ``over`` is called once the run is, and its cluster tidied up.
    """

    def __init__(self, wake: Callable[[], None], over: Callable[[], None] = lambda: None) -> None:
        self.finished = threading.Event()  # the run is over, its cluster tidied up
        self.counts = Counts()
        self._wake = wake
        self._over = over
        self._lock = threading.Lock()
        self._letters: deque[Letter] = deque()
        self._futures: dict[str, FirecrestFuture[Any]] = {}  # that have no outcome
        self._done = Departed()
        self.broken: BaseException | None = None  # why the run takes no more tasks
        self.broken_shapes: dict[int, BaseException] = {}  # of which no more tasks are taken: why
        self._on_found: Callable[[tuple[TaskInfo, ...]], None] | None = None
        self.left = False  # this process was forked from the one whose run it is
        left_in_children(self)

    # -- for everybody ----------------------------------------------------------------------

    def submit(self, task: NewTask) -> bool:
        """Take a task in; it leaves with the next bundle.

        False for one that takes the value of a task which has ended meanwhile: it is known now.
        """
        with self._lock:
            takes = task.info.takes
            if takes and any(name not in self._futures for name in takes):
                return False
            self._futures[task.info.id] = task.future
            self.counts.total += 1
            self._put(task)
        return True

    def cancel(self, task: str) -> None:
        """The future was cancelled: forget the task, here and on the cluster."""
        with self._lock:
            self._put(CancelAsked(task))

    def tell(self, *events: Shaped | Broke | Recalled) -> None:
        """What the core is to know before the tasks that come next."""
        with self._lock:
            for event in events:
                self._put(event)

    def hand_on(self, task: str) -> None:
        """The caller does not want its value himself."""
        with self._lock:
            self._put(LeaveAsked(task))

    def close(self, *, abort: bool) -> None:
        """No more tasks. ``abort``: those that there are, are not wanted any more."""
        with self._lock:
            self._put(CloseAsked(abort))

    def cancel_pending(self) -> None:
        """Cancel every task that is not known to run, also those that are just being taken in."""
        with self._lock:
            futures = list(self._futures.values())
        for future in futures:
            if not future.running():
                future.cancel()

    @property
    def pending(self) -> int:
        """Tasks without an outcome."""
        return len(self._futures)

    @property
    def oldest(self) -> str:
        """The one of these that came first."""
        return first(self._futures)

    def leave(self) -> None:
        """In a forked child: nobody is woken, and no future will ever be settled but like this."""
        self.left = True
        self._lock = threading.Lock()
        self.finished = threading.Event()
        self.finished.set()
        futures, self._futures = list(self._futures.values()), {}
        for future in futures:
            reporting.leave(future, UsageError(FOREIGN.format(what="future")))

    def _put(self, letter: Letter) -> None:
        if self.left:
            return
        quiet = not self._letters
        self._letters.append(letter)
        if quiet:
            self._wake()

    # -- for the loop's thread --------------------------------------------------------------

    def expect(
        self,
        futures: dict[str, FirecrestFuture[Any]],
        found: Callable[[tuple[TaskInfo, ...]], None] | None = None,
    ) -> None:
        """Futures of tasks that an earlier process has sent; ``found`` hears of further ones."""
        with self._lock:
            self._futures.update(futures)
            self.counts.total += len(futures)
            self._on_found = found or self._on_found

    def take(self) -> list[Letter]:
        """All letters, the oldest first."""
        with self._lock:
            letters = list(self._letters)
            self._letters.clear()
        return letters

    def found(self, tasks: tuple[TaskInfo, ...]) -> None:
        """Tasks of an earlier process that no journal had: whoever attached waits for them, too."""
        if self._on_found is not None:
            self._on_found(tasks)

    def future(self, task: str) -> FirecrestFuture[Any] | None:
        """The future of a task that has no outcome yet."""
        return self._futures.get(task)

    def settled(self, tasks: Iterable[str]) -> None:
        """They have one."""
        with self._lock:
            for task in tasks:
                future = self._futures.pop(task, None)
                if future is not None:
                    self._done.add(task, future)
                    self.counts.ended(future)

    def called(self, task: str) -> str:
        """A task's name for people."""
        future = self._futures.get(task) or self._done.get(task)
        return (future.name if future is not None else "") or task

    def done(self, task: str) -> FirecrestFuture[Any] | None:
        """The future of a task that has its outcome, if somebody still has it."""
        return self._done.get(task)

    def rename(self, task: str, to: str) -> None:
        """A task is known under another id now."""
        with self._lock:
            future = self._futures.pop(task, None)
            if future is not None:
                future.task_id = to
                self._futures[to] = future
                self.counts.renamed(task, to)

    def finish(self) -> None:
        """The run is over, and its cluster tidied up."""
        self.finished.set()
        self._over()

    def break_off(self, error: BaseException, shape: int | None = None) -> None:
        """No more tasks are taken, or none of a shape."""
        if shape is None:
            self.broken = error
        else:
            self.broken_shapes[shape] = error


def events_of(letters: list[Letter]) -> list[tuple[AnyEvent, tuple[NewTask, ...]]]:
    """Letters as events: tasks that came one after the other are one event, with themselves."""
    found: list[tuple[AnyEvent, tuple[NewTask, ...]]] = []
    tasks: list[NewTask] = []

    def gathered() -> None:
        if tasks:
            found.append((Submitted(tuple([task.info for task in tasks])), tuple(tasks)))
            tasks.clear()

    for letter in letters:
        if isinstance(letter, NewTask):
            tasks.append(letter)
        else:
            gathered()
            found.append((letter, ()))
    gathered()
    return found
