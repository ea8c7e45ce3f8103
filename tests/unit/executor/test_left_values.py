"""A value that was left on the cluster: whoever asks for it gets it, and not None."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest

from fcx.executor import reporting
from fcx.executor.future import FirecrestFuture

OUTPUT = b"out", b"err"


def left(*ended) -> FirecrestFuture:
    future: FirecrestFuture[int] = FirecrestFuture("t1", None, "f")
    assert reporting.left(future, ("7.0.0", 0, 9), lambda: (*ended, OUTPUT))
    return future


async def as_newer_pythons(future: Future) -> int:
    """As their asyncio copies how a future has ended: by one look at it."""
    done, cancelled, value, error = future._get_snapshot()
    assert (done, cancelled) == (True, False)
    if error is not None:
        raise error
    return value


async def as_this_one(future: Future) -> int:
    return await asyncio.wrap_future(future)


@pytest.mark.parametrize("wait", [as_newer_pythons, as_this_one])
def test_an_event_loop_gets_the_value(wait):
    """Or what was raised while it was fetched."""
    assert asyncio.run(wait(left(5, None))) == 5
    with pytest.raises(OSError, match="gone"):
        asyncio.run(wait(left(None, OSError("gone"))))


def test_a_look_at_what_has_not_ended():
    """As the base class's: not done; cancelled, without a value."""
    future: FirecrestFuture[int] = FirecrestFuture("t1", None, "f")
    assert future._get_snapshot() == (False, False, None, None)
    reporting.running(future, "7")
    assert future._get_snapshot() == (False, False, None, None)
    reporting.pending(future)
    Future.cancel(future)
    assert future._get_snapshot() == (True, True, None, None)


def test_it_is_not_fetched_before_it_is_done():
    """Who asks for its output in that moment would have its value set to None after all."""
    future: FirecrestFuture[int] = FirecrestFuture("t1", None, "f")
    asked = threading.Event()
    future.set_running_or_notify_cancel = lambda: (  # in the middle of its end
        future.written(0),
        asked.set(),
        Future.set_running_or_notify_cancel(future),
    )[-1]
    assert reporting.left(future, (), lambda: (5, None, OUTPUT))
    assert asked.is_set()
    assert future.result() == 5
    assert future.stdout() == "out"


def test_what_is_shown_of_it():
    """It is not None that was returned."""
    future = left(5, None)
    assert "has its value on the cluster" in repr(future)
    future.result()
    assert "returned int" in repr(future)
