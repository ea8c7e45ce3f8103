"""FirecrestFuture: a standard Future that also knows where its task ran and what it wrote."""

# ruff: noqa: B904 - what is raised again is the same, with a cause or context of its own

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from ..errors import UsageError
from .condition import SlimCondition
from .plainly import ADDS_A_LINE, plainly

if TYPE_CHECKING:
    from ..payload.origin import Origin
    from .effects.written import Written

T = TypeVar("T")

STREAMS = ("stdout", "stderr")

_LOGGER = logging.getLogger("concurrent.futures")  # where the base class says it, too


class Owner(Protocol):
    """What a future asks of the run it belongs to."""

    def live_output(self, task: str, stream: int, start: int = 0) -> bytes:
        """What a running task has written so far, from a byte on (0: stdout, 1: stderr)."""

    def written(self, task: str, stream: int, before: Written | None) -> Written | None:
        """What a running task has written since then; None while it is not known to run."""

    def hand_on(self, task: str) -> None:
        """Leave a large value where it lies."""

    def cancel_task(self, task: str) -> None:
        """Take a task back, or kill the worker that runs it."""


Ended = tuple[Any, BaseException | None, tuple[bytes, bytes]]
"""A value or an exception, and what went to stdout and stderr."""


class RemoteValue(NamedTuple):
    """Stands for the value of a task in a call of another one: ``future.remote()`` gives it."""

    future: FirecrestFuture[Any]

    def __repr__(self) -> str:
        return f"<RemoteValue of {self.future!r}>"


class Left(NamedTuple):
    """A value that was left where it lies: one thread fetches it."""

    fetch: Callable[[], Ended]
    lock: threading.Lock


class Attempt(NamedTuple):
    """One time that a task was begun; ``error``: why that was not the last, empty where it was.

    An agent that died without a word may have begun what it had claimed: that counts, and
    ``error`` says "perhaps".
    """

    number: int
    job_id: str
    error: str = ""


class FirecrestFuture(Future[T]):
    """The result of a task that runs elsewhere: a standard Future, with output and job id.

    ``name`` is its function's; ``key``, where it has one, is how a later process asks for it. What
    the run tells it goes through ``reporting.py``.
    """

    # As each begins: there are many, and what never changes is not set in them.
    job_id: str | None = None  # of the Slurm job, once the task is known to run
    _origin: Origin | None = None  # of its value, for tasks that take it
    _place: tuple[Any, ...] = ()  # where its value lies in the run directory, if it stays
    _output: tuple[bytes, bytes] | None = None
    _runs: tuple[tuple[int, str, str], ...] = ()  # what attempts are made of, when asked
    _handed_on = False  # its value may be left where it lies
    _left: Left | None = None  # what fetches a value that was left there

    def __init__(self, task_id: str, owner: Owner, name: str = "", key: str = "") -> None:
        # As the base class begins, whose own condition takes as long to make as all the rest.
        self._condition = SlimCondition()  # type: ignore[assignment]  # does the same
        self._state = "PENDING"
        self._result: T | None = None
        self._exception: BaseException | None = None
        self._waiters: list[Any] = []
        self._done_callbacks: list[Callable[[Future[T]], object]] = []
        self.task_id = task_id
        self.name = name
        self.key = key
        self._owner = owner

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """How often the task was begun, as far as is known: more than once after a failure."""
        return tuple(Attempt(*run) for run in self._runs)

    @property
    def state(self) -> str:
        """In a word: pending, running, done, failed or cancelled; takes no lock.

        Of a value that was left on the cluster it is known that there is one: that is done.
        """
        if self._state in {"PENDING", "RUNNING"}:
            return self._state.lower()
        if self._state == "FINISHED":
            return "done" if self._exception is None else "failed"
        return "cancelled"

    def remote(self) -> RemoteValue:
        """A reference to the value, for other tasks of the run, which does not fetch it.

        A large value then stays on the cluster, until ``result()`` is called after all.
        """
        if not self._handed_on:
            self._handed_on = True
            self._owner.hand_on(self.task_id)
        return RemoteValue(self)

    def result(self, timeout: float | None = None) -> T:
        """The value, once there is one; as the standard's. What was left is fetched now."""
        __tracebackhide__ = True
        try:
            value = super().result(timeout)
        except BaseException as error:
            self = None  # type: ignore[assignment]  # noqa: PLW0642 - else its error keeps it
            if ADDS_A_LINE:
                raise error.with_traceback(None)
            error.__traceback__ = None  # how the task ended
            raise
        if self._left is None:
            return value
        self._fetch()
        return self.result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """The exception, if it raised one; as the standard's. What was left is fetched now."""
        __tracebackhide__ = True
        try:
            found = super().exception(timeout)
        except BaseException as error:
            if ADDS_A_LINE:
                raise error.with_traceback(None)
            error.__traceback__ = None  # how the task ended
            raise
        if self._left is None:
            return found
        self._fetch()
        return self.exception(timeout)

    def _fetch(self) -> None:
        left = self._left
        if left is None or not self.done():  # it is about to be: set_result() would undo this
            return
        with left.lock:
            if self._left is not None:
                self._result, self._exception, self._output = left.fetch()
                self._left = None

    def _get_snapshot(self) -> tuple[bool, bool, Any, BaseException | None]:
        """What newer Pythons' asyncio.wrap_future() reads at once in place of result().

        As the base class there: done, cancelled, value, exception. What was left is fetched now.
        """
        self._fetch()
        with self._condition:
            ended = self._state == "FINISHED"
            cancelled = not ended and self._state not in {"PENDING", "RUNNING"}
            return ended or cancelled, cancelled, self._result, self._exception

    def stdout(self) -> str:
        """What the task has written to stdout: all of it once it is done, so far while it runs."""
        return self._stream(0)

    def stderr(self) -> str:
        """What the task has written to stderr: all of it once it is done, so far while it runs."""
        return self._stream(1)

    @plainly
    def follow(self, stream: str = "stdout") -> Iterator[str]:
        """What the task writes to that stream ("stdout" or "stderr"), as it comes, to its end.

        ``for text in future.follow(): print(text, end="")``: whole lines while it runs, seconds
        after they were written; the rest once it is done, however it ended (``result()`` tells).
        In all it is what ``stdout()`` gives then. A task that is begun again writes it again.
        """
        if stream not in STREAMS:
            raise UsageError(f"stream must be one of {', '.join(STREAMS)}, not {stream!r}")
        from .following import pieces

        return pieces(self, self._owner, STREAMS.index(stream))

    def written(self, which: int, start: int = 0) -> bytes:
        """The bytes of stdout (0) or stderr (1) from ``start`` on; so far while the task runs.

        While it runs they come through the API as text: what is none is U+FFFD there.
        """
        self._fetch()
        if self._output is None and self.running():
            return self._owner.live_output(self.task_id, which, start)
        return self._output[which][start:] if self._output else b""

    def _stream(self, which: int) -> str:
        return self.written(which).decode("utf-8", "replace")

    def __await__(self) -> Generator[Any, None, T]:
        """Wait in an event loop: ``await executor.submit(f)``; what is cancelled is cancelled."""
        waited = self._awaited() if self._handed_on else asyncio.wrap_future(self)
        return waited.__await__()

    async def _awaited(self) -> T:
        """What is fetched is fetched beside the event loop."""
        ended: Future[None] = Future()

        def end(_: Any) -> None:
            if ended.set_running_or_notify_cancel():
                ended.set_result(None)

        self.add_done_callback(end)
        ended.add_done_callback(lambda future: future.cancelled() and self.cancel())
        await asyncio.wrap_future(ended)
        if self.cancelled():
            raise asyncio.CancelledError
        return await asyncio.to_thread(self.result)

    def _repr_html_(self) -> str:
        from .cards import of_future

        return of_future(self)

    def __repr__(self) -> str:
        job = f" in job {self.job_id}" if self.job_id else ""
        shown = super().__repr__()[:-1]
        if self._left is not None:
            shown = shown.replace("returned NoneType", "has its value on the cluster")
        return f"{shown} task={self.name or self.task_id}{job}>"

    def cancel(self) -> bool:
        """Cancel the task: at once while it is pending; a running one loses its worker."""
        with self._condition:
            if self._state == "RUNNING":
                self._state = "PENDING"  # the base class refuses what runs in this process
        if not super().cancel():
            return False
        self._owner.cancel_task(self.task_id)
        return True

    def _invoke_callbacks(self) -> None:
        """As the base class does, but all of them, whatever one raises: an exit comes last."""
        exits: BaseException | None = None
        for callback in self._done_callbacks:
            try:
                callback(self)
            except Exception:
                _LOGGER.exception("exception calling callback for %r", self)
            except BaseException as error:  # noqa: BLE001 - raised again below
                exits = exits or error
        if exits is not None:
            raise exits


__all__ = ["Attempt", "CancelledError", "FirecrestFuture"]
