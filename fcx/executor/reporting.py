"""The run's side of a future: what it reports, and what it asks. Nobody else's business.

``running``, ``attempts`` and ``pending`` are said in the loop's thread, ``left`` and ``end`` where
users' code may run.
"""
# ruff: noqa: SLF001 - a future shows its owner what it hides from its user

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from ..payload.origin import Origin
from .future import Ended, FirecrestFuture, Left, Owner

T = TypeVar("T")
AnyFuture = FirecrestFuture[Any]


def running(future: AnyFuture, job: str) -> None:
    """The task has begun in this job."""
    future.job_id = job
    with future._condition:
        if future._state == "PENDING":
            future._state = "RUNNING"


def attempts(future: AnyFuture, runs: tuple[tuple[int, str, str], ...]) -> None:
    """It was begun so often; more may become known later."""
    known = (*future._runs, *runs) if future._runs else runs
    if len(known) > 1:
        known = tuple(run for _, run in sorted({run[0]: run for run in known}.items()))
    future._runs = known


def pending(future: AnyFuture) -> None:
    """The task goes back to the queue."""
    if future._state != "RUNNING":  # which the same thread has said, or one before it
        return
    with future._condition:
        if future._state == "RUNNING":
            future._state = "PENDING"


def left(future: AnyFuture, place: tuple[Any, ...], fetch: Callable[[], Ended]) -> bool:
    """Settle it with a value that stays where it lies; False where it was cancelled."""
    pending(future)
    future._place, future._left = place, Left(fetch, threading.Lock())
    if not future.set_running_or_notify_cancel():
        future._left = None
        return False
    future.set_result(None)  # result() fetches it first
    return True


def end(
    future: FirecrestFuture[T],
    value: T | None,
    error: BaseException | None,
    output: tuple[bytes, bytes],
) -> bool:
    """Settle the future; False where the caller had cancelled it."""
    pending(future)
    future._output = output
    if not future.set_running_or_notify_cancel():
        return False
    if error is None:
        future.set_result(value)  # type: ignore[arg-type]  # None only where T allows it
    else:
        future.set_exception(error)
    return True


def leave(future: AnyFuture, error: BaseException) -> None:
    """In a forked child: the parent's threads may hold the lock, and callbacks are theirs."""
    future._condition = threading.Condition()
    future._done_callbacks = []
    if not future.done():
        future.set_exception(error)


def belongs_to(future: AnyFuture, run: Owner) -> bool:
    """Whether its task is one of that run."""
    return future._owner is run


def owner(future: AnyFuture) -> Owner:
    """The run that its task is one of."""
    return future._owner


def take(future: AnyFuture) -> None:
    """It is the argument of a task: its value may be left where it lies."""
    future._handed_on = True


def place(future: AnyFuture) -> tuple[Any, ...]:
    """Where its value lies in the run directory, if it stays there."""
    return future._place


def put_at(future: AnyFuture, place: tuple[Any, ...]) -> None:
    """It lies there."""
    future._place = place


def origin(future: AnyFuture) -> Origin | None:
    """Of its value, for tasks that take it."""
    return future._origin


def comes_from(future: AnyFuture, origin: Origin) -> None:
    """Of its value."""
    future._origin = origin


def error(future: AnyFuture) -> BaseException | None:
    """What it has raised, as far as is known: nothing is waited for, nor fetched."""
    return future._exception
