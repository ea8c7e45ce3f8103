"""CPython's own executor tests, run against ours: ExecutorTest, WaitTests, AsCompletedTests,
ExecutorShutdownTest.

They are the suite's own classes; what is adapted, and why:

- `executor_type` binds the working directory and the cluster: CPython's tests call it with
  `max_workers` alone.
- Three tests start an interpreter of their own (`assert_python_ok`), whose code does `from
  concurrent.futures import <executor_type>`: some lines that put ours there go before it. They look
  for what a task prints in that interpreter's own output, which a worker on a cluster does not
  share: a callback prints what `stdout()` has when the task is done.
- `test_cancel_futures` cancels as soon as it has submitted, and wants some tasks to have begun by
  then, as they have in a pool on the same machine: here `shutdown` waits for one first.
- `test_timeout` and `test_map_timeout` give quick tasks five seconds, in which a pool on the same
  machine has long begun: here they count from when a worker is there, or the task done.
- `BaseTestCase` is left out: it counts threads and children before and after each test, and our one
  loop thread serves the whole process.
- `ThreadPoolWaitTests.test_pending_calls_race` is no mixin's, since its event is a
  `threading.Event`, which no other process sees; the same test is here with a file for the event.

Nothing is skipped. Where the suite is not the interpreter's own, its functions travel to the workers
as any module of the user's does.
"""

from __future__ import annotations

import subprocess
import sys
import time
import unittest
from concurrent import futures

import pytest
from executors import cpython
from executors.deadline import WAIT, eventually
from executors.fixtures import TIME, making

from fcx import FirecrestExecutor

SUITE = cpython.find()
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SUITE is None, reason=f"no CPython test suite here ({cpython.PACKAGES})"),
]

BINDING = """\
import concurrent.futures, sys
sys.path[:0] = {path!r}
from fcx import FirecrestExecutor
class BoundExecutor(FirecrestExecutor):
    def __init__(self, max_workers=None):
        super().__init__({folder!r}, [{time!r}], env={env!r}, max_workers=max_workers,
                         sleep_interval=1, idle_timeout=3.0)
concurrent.futures.BoundExecutor = BoundExecutor
"""
SUBMIT = 't.submit(sleep_and_print, 1.0, "apple")'
PRINT = ".add_done_callback(lambda done: print(done.stdout(), end='', flush=True))"


class ClusterMixin:
    """What CPython's ExecutorMixin is for its own executors."""

    worker_count = 5

    @pytest.fixture(autouse=True)
    def _bind(self, site, tmp_path, monkeypatch):
        with making(site, tmp_path) as build:

            class BoundExecutor(FirecrestExecutor):
                def __new__(cls, max_workers=None):
                    return build(max_workers=max_workers)

            self.executor_type = BoundExecutor
            self.executor = BoundExecutor(max_workers=self.worker_count)
            binding = BINDING.format(
                path=[SUITE.path] if SUITE.path else [],
                folder=str(tmp_path),
                time=TIME,
                env=dict(site),
            )

            def assert_python_ok(flag, code):
                code = code.replace(SUBMIT, SUBMIT + PRINT)
                return run_python(flag, binding + code)

            shutdown = SUITE.modules["ExecutorShutdownTest"]
            monkeypatch.setattr(shutdown, "assert_python_ok", assert_python_ok)
            yield


def run_python(flag, code):
    """What CPython's `assert_python_ok` does."""
    command = [sys.executable, flag, code]
    done = subprocess.run(command, capture_output=True, timeout=WAIT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.returncode, done.stdout, done.stderr


class CancelLater:
    """test_cancel_futures: not before a task has begun."""

    def test_cancel_futures(self):
        """Tasks that have begun end; the others are cancelled."""
        submit, shutdown, submitted = self.executor.submit, self.executor.shutdown, []

        def later(*args, **options):
            eventually(lambda: any(future.running() or future.done() for future in submitted))
            shutdown(*args, **options)

        self.executor.submit = lambda *call: submitted.append(submit(*call)) or submitted[-1]
        self.executor.shutdown = later
        super().test_cancel_futures()


class WaitLater:
    """test_timeout: the seconds of its wait begin when its quick task is done."""

    def test_timeout(self):
        """The task that sleeps for longer is not."""
        submit = self.executor.submit

        def quick_first(function, *args):
            future = submit(function, *args)
            if function.__name__ == "mul":
                future.result(WAIT)
            return future

        self.executor.submit = quick_first
        super().test_timeout()


class MapLater:
    """test_map_timeout: its seconds begin when a worker is there."""

    def test_map_timeout(self):
        """The tasks that do not sleep are done in time."""
        self.executor.submit(abs, -1).result(WAIT)
        super().test_map_timeout()


def on_the_cluster(name, *bases):
    """One of CPython's mixins on our executor, as a class that pytest collects."""
    return type(f"Test{name}", (*bases, ClusterMixin, SUITE.mixins[name], unittest.TestCase), {})


if SUITE is not None:
    TestExecutor = on_the_cluster("ExecutorTest", MapLater)
    TestWait = on_the_cluster("WaitTests", WaitLater)
    TestAsCompleted = on_the_cluster("AsCompletedTests")
    TestShutdown = on_the_cluster("ExecutorShutdownTest", CancelLater)


def test_every_mixin_was_found_with_its_tests():
    """The suite has the four classes, and no fewer tests than Python 3.11 has."""
    assert set(SUITE.mixins) == set(cpython.MIXINS)
    count = sum(name.startswith("test_") for m in SUITE.mixins.values() for name in dir(m))
    assert count >= 27


def test_a_hundred_tasks_that_wait_for_one_event(make, tmp_path):
    """CPython's test_pending_calls_race: calls that all end at once are all seen to end."""
    event = tmp_path / "event"

    def wait(path):
        import os

        while not os.path.exists(path):
            time.sleep(0.01)

    with make(max_workers=2) as executor:
        pending = {executor.submit(wait, str(event)) for _ in range(100)}
        eventually(lambda: any(future.running() for future in pending))
        event.touch()
        done, left = futures.wait(pending, timeout=WAIT)
    assert (len(done), len(left)) == (100, 0)
