"""A forked child: locks that other threads held at the fork hold it up nowhere, nor does any future."""

from __future__ import annotations

import os
import threading
import traceback
from concurrent.futures import as_completed

import pytest
from executors.deadline import WAIT, within

from fcx.errors import UsageError
from fcx.executor.completion import Completion, Delivery
from fcx.executor.core.events import TaskInfo, Trouble
from fcx.executor.future import FirecrestFuture
from fcx.executor.mailbox import Mailbox, NewTask

# Python warns of what is tried here: that a process with threads is forked.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")


def in_child(check):
    """Run a check in a forked child, which must end with it."""
    pid = os.fork()
    if pid == 0:
        try:
            check()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = within(WAIT, os.waitpid, pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


@pytest.fixture
def held():
    """Hold a lock in another thread for as long as the test lasts."""
    done, threads = threading.Event(), []

    def hold(lock):
        ready = threading.Event()

        def run():
            with lock:
                ready.set()
                done.wait(WAIT)

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        assert ready.wait(WAIT)

    yield hold
    done.set()
    for thread in threads:
        thread.join(WAIT)


def mailbox_with(task, woken):
    """A mailbox that holds a future."""
    mailbox = Mailbox(lambda: woken.append(task))
    future = FirecrestFuture(task, mailbox)
    mailbox.submit(NewTask(TaskInfo(task, task, 1), b"", future))
    return mailbox, future


def test_a_mailbox_wakes_nobody_and_its_futures_are_settled(held):
    woken, called = [], []
    mailbox, future = mailbox_with("t1", woken)
    future.add_done_callback(called.append)
    mailbox.take()
    held(mailbox._lock)
    held(future._condition)

    def check():
        with pytest.raises(UsageError, match="belongs to the process that forked this one"):
            future.result()
        assert list(as_completed([future])) == [future]
        assert not future.cancel()
        mailbox.close(abort=True)
        assert mailbox.finished.is_set()
        assert mailbox.left
        assert (woken, called) == (["t1"], [])  # what the parent had done

    in_child(check)
    assert not mailbox.left
    assert not mailbox.finished.is_set()
    assert future._state == "PENDING"  # its lock is held


def test_what_was_settled_before_stays_so():
    mailbox, future = mailbox_with("t1", [])
    future.set_result(3)
    in_child(lambda: future.result() == 3 or os._exit(1))
    assert not mailbox.left


def test_a_callback_that_forks_is_the_last_in_the_child():
    """The thread that ran it is all that the child has: it ends, and so does the child."""
    told = []
    completion = Completion(lambda tasks, kept: told.extend(tasks))
    futures = [FirecrestFuture(name, None) for name in ("t1", "t2")]
    pids = []
    futures[0].add_done_callback(lambda _: pids.append(os.fork()))
    trouble = Trouble("JobFailed", "it failed")
    for future in futures:
        completion.put([Delivery(future.task_id, future, trouble=trouble)])
    assert str(futures[1].exception(WAIT)) == "it failed"
    completion.close()
    _, status = within(WAIT, os.waitpid, pids[0], 0)
    assert os.waitstatus_to_exitcode(status) == 0
