"""Users' code at the client, callbacks and unpickling, holds up no other task and no executor."""

from __future__ import annotations

import multiprocessing
import threading
import time
from pathlib import Path

from executors.deadline import WAIT, eventually, within


def wait_for(path):
    """Wait until a file is there."""
    while not Path(path).exists():
        time.sleep(0.02)
    return path


class SlowToLoad:
    """What takes until a file is there to be unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return wait_for, (self.path,)


def say_and_wait(path):
    """Write something, then wait for a file."""
    print("half way", flush=True)
    return wait_for(path)


def test_a_callback_may_read_what_another_task_has_written_so_far(make, tmp_path):
    """It asks the cluster, whose answer comes through the loop that the callback does not hold."""
    go = str(tmp_path / "go")
    seen = []
    with make(max_workers=2) as executor:
        running = executor.submit(say_and_wait, go)
        eventually(lambda: running.stdout() == "half way\n")
        first = executor.submit(abs, -1)
        first.add_done_callback(lambda _: seen.append(running.stdout()))
        assert first.result(WAIT) == 1
        eventually(lambda: seen)
        assert executor.submit(abs, -2).result(WAIT) == 2
        Path(go).touch()
        assert running.result(WAIT) == go
    assert seen == ["half way\n"]


def test_a_result_that_is_slow_to_load_stops_nobody(make, tmp_path):
    """Neither another executor nor the next task of its own."""
    go = str(tmp_path / "go")
    with make(max_workers=1) as one, make(max_workers=1) as other:
        slow = one.submit(SlowToLoad, go)
        eventually(lambda: other.submit(abs, -1).result(WAIT) == 1)
        assert one.submit(abs, -2).result(WAIT) == 2
        assert other.submit(abs, -3).result(WAIT) == 3
        assert not slow.done()
        Path(go).touch()
        assert slow.result(WAIT) == go


def test_a_callback_that_waits_for_another_task(make):
    """As careless code does: the other's result arrives on a spare thread."""
    waited = []
    with make(max_workers=1) as executor:
        first = executor.submit(abs, -1)
        second = executor.submit(abs, -2)
        done = threading.Event()

        def callback(_future):
            waited.append(second.result(WAIT))
            done.set()

        first.add_done_callback(callback)
        within(WAIT, done.wait)
    assert waited == [2]


def child_of(executor, queue):
    """What a forked child finds."""
    try:
        executor.submit(abs, -1)
    except RuntimeError as error:
        queue.put(str(error))


def test_a_forked_child_has_no_executor_and_exits(make):
    """It is told to make its own, and nothing of the parent's holds it."""
    fork = multiprocessing.get_context("fork")
    queue = fork.SimpleQueue()
    with make(max_workers=1) as executor:
        assert executor.submit(abs, -1).result(WAIT) == 1
        child = fork.Process(target=child_of, args=(executor, queue))
        child.start()
        child.join(WAIT)
        assert child.exitcode == 0
        assert "belongs to the process that forked" in queue.get()
        assert executor.submit(abs, -2).result(WAIT) == 2
