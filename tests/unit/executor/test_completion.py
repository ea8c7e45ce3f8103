"""Outcomes on their way to futures: users' code holds up nobody else."""

from __future__ import annotations

import pickle
import sys
import threading

import pytest
from executors.deadline import WAIT, within

from fcx import errors
from fcx.errors import NodeFailed
from fcx.executor.completion import SLOW, Completion, Delivery, exception_of
from fcx.executor.core.events import Trouble
from fcx.executor.future import FirecrestFuture
from fcx.executor.wire import Outcome


class Owner:
    """A future's owner that does nothing."""

    def live_output(self, task, stream, start=0):
        return b""

    def cancel_task(self, task):
        pass


def value(data):
    """An outcome of a task that returned this."""
    pickled = pickle.dumps(data)
    return Outcome("value", (len(pickled), 0, 0), "", len(pickled), pickled)


class Told:
    """What the driver is told."""

    def __init__(self):
        self.tasks = []
        self.words = 0  # in which it was told
        self.changed = threading.Condition()

    def __call__(self, tasks, kept):
        with self.changed:
            self.tasks += [(task, kept) for task in tasks]
            self.words += 1
            self.changed.notify_all()

    def wait_for(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.tasks) >= count, WAIT)


def deliver(completion, name, **fields):
    future = FirecrestFuture(name, Owner())
    completion.put([Delivery(name, future, **fields)])
    return future


def test_values_and_troubles_arrive_in_order():
    """And the driver hears of each, after its callbacks."""
    told = Told()
    completion = Completion(told)
    seven = deliver(completion, "t1", outcome=value(7), job="4711")
    lost = deliver(completion, "t2", trouble=Trouble("NodeFailed", "gone"))
    told.wait_for(2)
    completion.close()
    assert (seven.result(0), seven.job_id) == (7, "4711")
    assert isinstance(lost.exception(0), NodeFailed)
    assert told.tasks == [("t1", False), ("t2", False)]


def test_neither_data_nor_trouble_is_a_cancellation():
    """Waiters are told."""
    told = Told()
    completion = Completion(told)
    future = deliver(completion, "t1")
    told.wait_for(1)
    completion.close()
    assert future.cancelled()


def test_a_callback_that_never_ends_does_not_hold_up_the_others():
    """A spare takes the queue over."""
    told, stuck, release = Told(), threading.Event(), threading.Event()
    completion = Completion(told)

    def callback(_future):
        stuck.set()
        release.wait(WAIT)

    first = FirecrestFuture("t1", Owner())
    first.add_done_callback(callback)
    completion.put([Delivery("t1", first, outcome=value(1))])
    assert stuck.wait(WAIT)
    second = deliver(completion, "t2", outcome=value(2))

    def relieved():
        while not second.done():
            completion.relieve()
            threading.Event().wait(SLOW / 10)

    within(WAIT, relieved)
    assert told.tasks == [("t2", False)]
    release.set()
    told.wait_for(2)
    completion.close()


def test_what_a_thread_has_taken_is_not_held_up_either():
    """It has several at a time: a callback waits for the last of them, and a spare gives it."""
    told, stuck, queued = Told(), threading.Event(), threading.Event()
    completion = Completion(told)
    futures = [FirecrestFuture(f"t{number}", Owner()) for number in range(40)]
    futures[0].add_done_callback(lambda _: (stuck.set(), queued.wait(WAIT)))
    futures[1].add_done_callback(lambda _: futures[-1].result(WAIT))
    for number, future in enumerate(futures):
        completion.put([Delivery(future.task_id, future, outcome=value(number))])
    assert stuck.wait(WAIT)
    queued.set()

    def relieved():
        while not futures[-1].done():
            completion.relieve()
            threading.Event().wait(SLOW / 10)

    within(WAIT, relieved)
    told.wait_for(len(futures))
    assert [future.result(0) for future in futures] == list(range(40))
    assert sorted(told.tasks) == sorted((future.task_id, False) for future in futures)
    assert completion.waiting_bytes == 0
    completion.close()


def test_bytes_that_wait_are_counted():
    """So that more are not fetched than can be loaded."""
    told, stuck, release = Told(), threading.Event(), threading.Event()
    completion = Completion(told)
    first = FirecrestFuture("t1", Owner())
    first.add_done_callback(lambda _: (stuck.set(), release.wait(WAIT)))
    completion.put([Delivery("t1", first, outcome=value(1))])
    assert stuck.wait(WAIT)
    assert completion.waiting_bytes == 0
    waiting = value(bytes(1000))
    completion.put([Delivery("t2", FirecrestFuture("t2", Owner()), outcome=waiting)])
    assert completion.waiting_bytes == len(waiting.data)
    release.set()
    told.wait_for(2)
    assert completion.waiting_bytes == 0
    completion.close()


def test_an_error_that_the_core_names_is_of_that_type():
    """What it came from is its cause: a result that cannot be fetched is no missing path of the caller's."""
    original = errors.NoSuchPath("404: no such file", 404)
    made = exception_of(Trouble("ResultError", "f has ended, but ...", 1), original)
    assert type(made) is errors.ResultError
    assert str(made) == "f has ended, but ..."
    assert made.__cause__ is original


def test_an_original_error_keeps_its_type_and_says_what_the_core_says():
    """And each future has one of its own."""
    original = errors.RequestRefused("no", 403)
    made = exception_of(Trouble("RequestRefused", "no, again", 1), original)
    assert type(made) is errors.RequestRefused
    assert made is not original
    assert (str(made), made.status) == ("no, again", 403)


def test_what_is_given_quickly_is_told_in_few_words():
    """All of it, and in order: thousands come at once, and the driver does not hear of each."""
    told, futures = Told(), [FirecrestFuture(f"t{number}", Owner()) for number in range(1000)]
    completion = Completion(told)
    completion.put([Delivery(each.task_id, each, outcome=value(1)) for each in futures])
    told.wait_for(len(futures))
    completion.close()
    assert told.tasks == [(each.task_id, False) for each in futures]
    assert told.words <= len(futures) / 2


def test_what_was_given_is_told_while_the_next_one_takes_long():
    """It has ended, whatever a callback of another one waits for."""
    told, stuck, release = Told(), threading.Event(), threading.Event()
    completion = Completion(told)
    futures = [FirecrestFuture(f"t{number}", Owner()) for number in range(3)]
    futures[1].add_done_callback(lambda _: (stuck.set(), release.wait(WAIT)))
    completion._heard = float("inf")  # so quick that nothing is told in between
    completion.put([Delivery(each.task_id, each, outcome=value(1)) for each in futures])
    assert stuck.wait(WAIT)
    completion.relieve()
    assert told.tasks == [("t0", False)]
    release.set()
    told.wait_for(len(futures))
    completion.close()


def test_a_callback_that_asks_for_the_end_of_the_process(caplog):
    """Only the main thread can do that: the other callbacks are called, later outcomes come."""
    told, called = Told(), []
    completion = Completion(told)
    future = FirecrestFuture("first", Owner(), "work")
    future.add_done_callback(lambda _: sys.exit(3))
    future.add_done_callback(called.append)
    completion.put([Delivery("first", future, outcome=value(1))])
    second = deliver(completion, "second", outcome=value(2))
    assert second.result(WAIT) == 2
    assert called == [future]
    assert future.result() == 1
    assert "A callback of work asked for the end of this process" in caplog.text
    told.wait_for(2)


def test_a_callback_of_a_cancelled_future_ends_its_own_process():
    """In the thread that cancelled, as with any future; the other callbacks are called first."""
    called = []
    future = FirecrestFuture("task", Owner())
    future.add_done_callback(lambda _: sys.exit(3))
    future.add_done_callback(called.append)
    with pytest.raises(SystemExit):
        future.cancel()
    assert called == [future]


class Leaves:
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return sys.exit, (3,)


def test_a_result_that_ends_the_process_that_loads_it():
    """It ends no thread: the future has the error, and the next outcome comes."""
    completion = Completion(Told())
    odd = deliver(completion, "odd", outcome=value(Leaves()))
    assert deliver(completion, "next", outcome=value(2)).result(WAIT) == 2
    assert isinstance(odd.exception(WAIT), errors.ResultError)
