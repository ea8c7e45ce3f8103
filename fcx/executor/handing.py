"""Futures as arguments: the value goes from task to task, and not by way of the client."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
from typing import Any

from ..errors import PayloadError
from ..payload.contents import Contents
from ..payload.shared import SharedObject
from ..payload.sharing import InPlace, References, Supply
from . import reporting
from .completion import noted
from .future import FirecrestFuture, RemoteValue
from .run import Run

ELSEWHERE = (
    "{!r} is a future of another executor, whose values lie in another run directory: pass its "
    "result(), or submit both to one executor"
)
FOREIGN = (
    "{!r} is a future of this process: only those that submit of this executor gave can be "
    "arguments. Pass its result()"
)


class TakenFailed(PayloadError):
    """The value that a task takes will never be: its task has failed, or was cancelled."""

    def __init__(self, future: FirecrestFuture[Any]) -> None:
        super().__init__(f"{future!r} has no value")
        self.future = future


class Handing:
    """How futures, and objects that were put, are supplied to the tasks of one run."""

    def __init__(self, run: Run, contents: Contents) -> None:
        self.run = run
        self.contents = contents

    @property
    def references(self) -> References:
        """By type."""
        foreign = (concurrent.futures.Future, asyncio.Future, asyncio.Task)
        return {
            SharedObject: lambda shared: shared.supply_in(self.contents),
            FirecrestFuture: self._supply,
            RemoteValue: lambda value: self._supply(value.future),
            **dict.fromkeys(foreign, _refuse),
        }

    def _supply(self, future: FirecrestFuture[Any]) -> Supply | InPlace:
        """The value of a future of this run, if it is known; else it is waited for."""
        if not reporting.belongs_to(future, self.run):
            raise PayloadError(ELSEWHERE.format(future))
        origin = reporting.origin(future)
        looked = tuple(origin.all()) if origin else ()
        reporting.take(future)
        if not future.done():
            entry = ("w", future.task_id)
            return Supply(entry, looked=looked, takes=future.task_id, origin=origin)
        if place := reporting.place(future):
            return Supply(place, looked=looked, origin=origin)
        if future.cancelled() or future.exception() is not None:
            raise TakenFailed(future)
        return InPlace(future.result())


def _refuse(future: Any) -> Supply:
    raise PayloadError(FOREIGN.format(future))


def end_as(future: FirecrestFuture[Any], other: FirecrestFuture[Any]) -> None:
    """Settle a future as another was, whose value its task was to take."""
    if other.cancelled():
        future.cancel()
        reporting.end(future, None, None, (b"", b""))
        return
    error = other.exception()
    assert error is not None
    reporting.end(future, None, noted(_copied(error), other.name or other.task_id), (b"", b""))


def _copied(error: BaseException) -> BaseException:
    """An exception of its own: what is noted on it is not noted on the other."""
    try:
        made = copy.copy(error)
    except Exception:  # noqa: BLE001 - whatever a class's own __reduce__ raises
        return error
    made.__cause__, made.__context__ = error.__cause__, error.__context__
    return made if type(made) is type(error) else error
