"""map(): the results of many tasks in order, all submitted at once or only so many ahead."""

# ruff: noqa: B904 - what is raised again is the same, with a cause or context of its own

from __future__ import annotations

import contextlib
import functools
import itertools
import time
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import UsageError
from .plainly import ADDS_A_LINE

if TYPE_CHECKING:
    import logging

    from ..config import Wanted
    from .future import FirecrestFuture
    from .shown import Shown

T = TypeVar("T")


def check(chunksize: int, buffersize: int | None) -> None:
    """Raise as the standard library does."""
    if chunksize < 1:
        raise UsageError("chunksize must be >= 1.")
    if buffersize is not None and not isinstance(buffersize, int):
        raise TypeError("buffersize must be an integer or None")
    if buffersize is not None and buffersize < 1:
        raise UsageError("buffersize must be None or > 0")


def shown(
    run: Shown,
    submit: Callable[..., FirecrestFuture[Any]],
    fn: Callable[..., Any],
    wanted: Wanted,
    logger: logging.Logger,
) -> tuple[Callable[..., Future[Any]], Callable[[], None]]:
    """A map's own ``submit``, and what ends it: its tasks are shown, where that is wanted."""
    if not wanted:
        return submit, _nothing
    from ..payload.dump import name_of
    from .shown import ShownMap

    own = ShownMap(run, name_of(fn), submit)
    own.begin(wanted, logger)
    return own.submit, own.end


def _nothing() -> None:
    """Nothing is shown."""


def over(
    submit: Callable[..., Future[Any]],
    fn: Callable[..., T],
    iterables: Sequence[Iterable[Any]],
    timeout: float | None,
    chunksize: int,
    buffersize: int | None,
    ends: Callable[[], None] = _nothing,
) -> Iterator[T]:
    """``map`` of an executor, by its ``submit``: see there. ``ends``: called at the end of it."""
    with contextlib.ExitStack() as where_none_begins:
        where_none_begins.callback(ends)
        check(chunksize, buffersize)
        arguments = zip(*iterables, strict=False)
        if chunksize == 1:
            one = functools.partial(submit, fn)
            results = mapped(one, arguments, timeout, buffersize, ends)
        else:
            from ..payload.dump import run_chunk

            many = functools.partial(submit, functools.partial(run_chunk(), fn))
            pieces = chunks(arguments, chunksize)
            found: Iterator[list[T]] = mapped(many, pieces, timeout, buffersize, ends)
            results = itertools.chain.from_iterable(found)
        where_none_begins.pop_all()
    return results


def mapped(
    submit: Callable[..., Future[T]],
    arguments: Iterator[Sequence[Any]],
    timeout: float | None,
    buffersize: int | None,
    ends: Callable[[], None] = _nothing,
) -> Iterator[T]:
    """Submit what may be under way now, and give an iterator over the results.

    ``submit`` takes one set of ``arguments``; with ``buffersize`` the next is submitted as a result
    is taken. ``timeout``: seconds from now for all of them.
    """
    end = None if timeout is None else time.monotonic() + timeout
    futures = deque(submit(*each) for each in itertools.islice(arguments, buffersize))
    found = _results(submit, arguments if buffersize else iter(()), futures, end, ends)
    weakref.finalize(found, ends).atexit = False  # nobody may ever ask it for a result
    return found


def _results(
    submit: Callable[..., Future[T]],
    arguments: Iterator[Sequence[Any]],
    futures: deque[Future[T]],
    end: float | None,
    ends: Callable[[], None],
) -> Iterator[T]:
    __tracebackhide__ = True
    try:
        while futures:
            futures.extend(submit(*each) for each in itertools.islice(arguments, 1))
            try:
                yield _result(futures.popleft(), end)  # which is kept nowhere here
            except BaseException as error:
                if ADDS_A_LINE:
                    raise error.with_traceback(None)
                error.__traceback__ = None  # how the task ended
                raise
    finally:
        for future in futures:
            future.cancel()
        ends()


def _result(future: Future[T], end: float | None) -> T:
    """Its result; what is not waited for any longer is cancelled."""
    try:
        return future.result(None if end is None else end - time.monotonic())
    finally:
        future.cancel()  # without effect on one that is done


def chunks(items: Iterable[Any], size: int) -> Iterator[tuple[list[Any]]]:
    """Sets of arguments that travel as one task, each as the only argument of that."""
    source = iter(items)
    while chunk := list(itertools.islice(source, size)):
        yield (chunk,)
