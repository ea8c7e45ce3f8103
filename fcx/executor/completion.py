"""Outcomes become results, on a thread of their own: unpickling and callbacks are users' code.

::

    driver ─ Settle ─> queue ─> one thread for each executor: load, settle the future, callbacks
                                   └─> Settled, back to the driver: of several, where they are quick

A spare thread takes the queue over where one outcome takes long, so that a callback that waits
for another future, or a result that is slow to load, holds up nobody.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct

from .. import errors
from ..errors import FcxError, ResultError
from ..payload import outcome as outcomes
from . import reporting
from .core.events import Trouble
from .forks import left_in_children
from .future import Ended, FirecrestFuture
from .outputs import of_killed
from .wire import Outcome

SLOW = 0.5  # seconds that one outcome may take before a spare thread takes the others
AT_ONCE, SMALL = 64, 1 << 16  # outcomes that a thread takes from the queue together; bytes of each
MOMENT = 0.005  # seconds from which the driver hears of those that are given before the others are


class Delivery(Struct, frozen=True):
    """One outcome on its way to its future: data, or trouble and what was written, or neither."""

    task: str
    future: FirecrestFuture[Any]
    job: str = ""
    outcome: Outcome | None = None
    trouble: Trouble | None = None
    original: BaseException | None = None  # the exception that the trouble names, if there is one
    place: tuple[Any, ...] = ()  # where its value stays, if it does
    fetch: Callable[[], Ended] | None = None  # what fetches it then, if nobody has
    of: str = ""  # the other task that ended so, whose value this one was to take

    @property
    def size(self) -> int:
        """Bytes that wait."""
        data = self.outcome.data if self.outcome else None
        return len(data or b"")


Told = Callable[[tuple[str, ...], bool], None]
"""Called with ids of tasks, and whether the bytes of one's outcome may be wanted again."""


class Completion:
    """The queue of one executor, and the thread that empties it."""

    def __init__(self, told: Told) -> None:
        self._told = told
        self._changed = threading.Condition()
        self._waiting: deque[Delivery] = deque()
        self._taken: deque[Delivery] = deque()  # of these, by the thread that is at it
        self._waiting_bytes = 0
        self._given: deque[tuple[str, bool]] = deque()  # of which the driver has not heard
        self._heard = 0.0  # when it last did
        self._thread: threading.Thread | None = None  # the one that takes from the queue
        self._since: float | None = None  # when it took what it is at
        self._closed = False
        left_in_children(self)

    def prepare(self) -> None:
        """Have the thread, also where nothing has come yet."""
        with self._changed:
            if self._thread is None:
                self._begin()

    def put(self, deliveries: Sequence[Delivery]) -> None:
        """Take outcomes in."""
        if self._thread is None:
            self.prepare()
        size = sum([delivery.size for delivery in deliveries])
        with self._changed:
            self._waiting.extend(deliveries)
            self._waiting_bytes += size
            self._changed.notify()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of outcomes that are not loaded yet."""
        return self._waiting_bytes

    @property
    def busy(self) -> bool:
        """Whether anything waits, is being delivered, or is still to be told."""
        return bool(self._waiting or self._taken or self._given) or self._since is not None

    def relieve(self) -> None:
        """Start a spare where an outcome takes long and others wait."""
        self._tell()
        with self._changed:
            if self._since is None or time.monotonic() - self._since <= SLOW:
                return
            self._put_back()
            if self._waiting:
                with contextlib.suppress(RuntimeError):  # no thread starts: the interpreter exits
                    self._begin()

    def _put_back(self) -> None:
        """What a thread has taken: from its end, one by one, as it may go on just now."""
        taken, self._taken = self._taken, deque()
        while taken:
            with contextlib.suppress(IndexError):
                delivery = taken.pop()
                self._waiting.appendleft(delivery)
                self._waiting_bytes += delivery.size

    def close(self) -> None:
        """Nothing more comes: the thread ends once all is delivered."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def leave(self) -> None:
        """In a forked child: nothing is delivered; a callback that forked is the thread's last."""
        self._changed = threading.Condition()
        self._waiting.clear()
        self._taken.clear()
        self._given.clear()
        self._thread = None

    def _begin(self) -> None:
        """A thread that takes from the queue from now on, in the place of any other."""
        thread = threading.Thread(target=self._run, name="fcx-completion", daemon=True)
        thread.start()
        self._since = None
        self._thread = thread

    def _run(self) -> None:
        me = threading.current_thread()
        while (delivery := self._next(me)) is not None:
            self._given.append((delivery.task, deliver(delivery)))
            del delivery  # a result lives as long as its future, not until the next one comes
            if not self._taken or time.monotonic() - self._heard > MOMENT:
                self._tell()

    def _tell(self) -> None:
        """The driver hears what was given; one by one, as another thread may be at it, too."""
        given = []
        with contextlib.suppress(IndexError):
            while True:
                given.append(self._given.popleft())
        if given:
            self._heard = time.monotonic()
            self._told(tuple([task for task, _ in given]), any(kept for _, kept in given))

    def _next(self, me: threading.Thread) -> Delivery | None:
        """The next outcome; None where another thread has taken over, or all is delivered."""
        if self._thread is me:
            with contextlib.suppress(IndexError):
                delivery = self._taken.popleft()
                self._since = time.monotonic()
                return delivery
        with self._changed:
            if self._thread is not me:
                return None
            self._since = None
            while not self._waiting:
                if self._closed:
                    return None
                self._changed.wait()
                if self._thread is not me:
                    return None
            self._since = time.monotonic()
            delivery = self._waiting.popleft()
            self._waiting_bytes -= delivery.size
            self._take_small()
            return delivery

    def _take_small(self) -> None:
        """Take some of those that follow: so nobody asks for the lock for each."""
        while self._waiting and len(self._taken) < AT_ONCE:
            size = self._waiting[0].size
            if size >= SMALL:
                return
            self._waiting_bytes -= size
            self._taken.append(self._waiting.popleft())


def deliver(delivery: Delivery) -> bool:
    """Settle a future; whether the bytes of its outcome may be wanted again."""
    future = delivery.future
    if delivery.outcome is None and delivery.trouble is None:
        _called(future, future.cancel)
        reporting.end(future, None, None, (b"", b""))
        return False
    if delivery.job:
        future.job_id = delivery.job
    if delivery.fetch is not None:
        _called(future, reporting.left, future, delivery.place, delivery.fetch)
        return False
    result, out, err = delivery.outcome.split() if delivery.outcome else (b"", b"", b"")
    reporting.put_at(future, delivery.place)
    value: Any = None
    error: BaseException | None
    if delivery.trouble is not None:
        error = exception_of(delivery.trouble, delivery.original)
        out, err = of_killed(out), of_killed(err)
    else:
        assert delivery.outcome is not None
        value, error = outcomes.load(delivery.outcome.kind, result)
    if delivery.of:
        out = err = b""
        error = noted(error, delivery.of) if error is not None else None
    _called(future, reporting.end, future, value, error, (out, err))
    return isinstance(error, ResultError) and bool(error.data)


def noted(error: BaseException, name: str) -> BaseException:
    """With a word on the task that ended so, for one that was to take its value."""
    text = f"[fcx] This is how {name} ended, whose value this task was to take: it was not run."
    with contextlib.suppress(Exception):  # a class may have no room for it
        error.__notes__ = [*getattr(error, "__notes__", ()), text]  # Python 3.10 shows none
    return error


def _called(future: FirecrestFuture[Any], settle: Callable[..., object], *told: Any) -> None:
    """A callback that asks for the end of the process: it is told, and the outcomes go on."""
    try:
        settle(*told)
    except BaseException:
        logging.getLogger("fcx").exception(
            "A callback of %s asked for the end of this process; only the main thread can do that",
            future.name or future.task_id,
        )


def exception_of(trouble: Trouble, original: BaseException | None) -> BaseException:
    """An exception of its own for each future: a traceback shared between threads grows."""
    named = ERRORS.get(trouble.error)
    if original is None or (named is not None and not isinstance(original, named)):
        error = (named or FcxError)(trouble.message)
        error.__cause__ = original
        return error
    try:
        made = type(original)(*original.args)
    except Exception:  # noqa: BLE001 - whatever a class's own __init__ raises
        return original
    made.__dict__.update(original.__dict__)
    made.__cause__ = original.__cause__
    if str(made) != trouble.message and isinstance(made, FcxError):
        made.args = (trouble.message,)
    return made


ERRORS: dict[str, type[FcxError]] = {
    kind.__name__: kind
    for kind in (
        errors.InitializerFailed,
        errors.JobCancelled,
        errors.JobFailed,
        errors.JobNeverRuns,
        errors.JobRefused,
        errors.NodeFailed,
        errors.OutOfMemory,
        errors.ParityError,
        errors.ResultError,
        errors.RunLost,
        errors.RunTaken,
        errors.TimeLimitExceeded,
        errors.Unreachable,
        errors.WorkerDied,
    )
}
"""Errors that the core names; each is made of its message alone."""
