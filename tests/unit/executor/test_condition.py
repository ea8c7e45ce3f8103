"""A future's condition does what the standard's does, for whoever waits."""

from __future__ import annotations

import concurrent.futures
import threading

import pytest

from fcx.executor import reporting
from fcx.executor.condition import SlimCondition
from fcx.executor.future import FirecrestFuture


@pytest.fixture
def future():
    """One that nobody cancels."""
    return FirecrestFuture("t1", None)


def test_nobody_waits():
    """Then there is nothing but a lock, which one thread may take twice."""
    condition = SlimCondition()
    with condition, condition:
        condition.notify_all()
    assert condition.acquire()
    condition.release()


def test_waits_and_is_woken():
    """By a thread that has what is waited for."""
    condition, found = SlimCondition(), []

    def bring():
        with condition:
            found.append(1)
            condition.notify_all()

    with condition:
        thread = threading.Thread(target=bring)
        thread.start()
        while not found:
            assert condition.wait(30)
    thread.join()


def test_wait_ends_by_itself():
    """After the time that is given."""
    condition = SlimCondition()
    with condition:
        assert not condition.wait(0.01)


def test_all_who_wait_are_woken(future):
    """Each has the value."""
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        told = [pool.submit(future.result, 30) for _ in range(8)]
        reporting.end(future, 5, None, (b"", b""))
        assert [each.result() for each in told] == [5] * 8


def test_standard_functions_wait(future):
    """Those of concurrent.futures take the lock of each future, and are told."""
    other = FirecrestFuture("t2", None)
    timer = threading.Timer(0.05, reporting.end, (future, 1, None, (b"", b"")))
    timer.start()
    first = concurrent.futures.FIRST_COMPLETED
    done, open_ones = concurrent.futures.wait([future, other], 30, first)
    assert (done, open_ones) == ({future}, {other})
    reporting.end(other, 2, None, (b"", b""))
    assert {each.result() for each in concurrent.futures.as_completed([future, other])} == {1, 2}
    with pytest.raises(concurrent.futures.TimeoutError):
        FirecrestFuture("t3", None).result(0.01)


def test_attempts_are_told_in_order(future):
    """Each once, as it was told last."""
    reporting.attempts(future, ((1, "12", ""),))
    assert [tuple(each) for each in future.attempts] == [(1, "12", "")]
    reporting.attempts(future, ((2, "13", ""), (0, "11", "node"), (1, "12", "node")))
    assert [tuple(each) for each in future.attempts] == [
        (0, "11", "node"),
        (1, "12", "node"),
        (2, "13", ""),
    ]


def test_a_future_begins_as_the_standards():
    """It does not call what makes that: whatever else a Python's has, it must have."""
    mine, its = vars(FirecrestFuture("t1", None)), vars(concurrent.futures.Future())
    del its["_condition"]
    assert {name: mine[name] for name in its} == its
