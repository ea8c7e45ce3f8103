"""What a task starts of its own in Python, and what it leaves to be done when its process ends."""

from __future__ import annotations

import atexit
import concurrent.futures
import multiprocessing
from pathlib import Path

import pytest
from executors.deadline import WAIT, eventually
from executors.script import run_script


def leave(path):
    """Something to be done at the end."""
    atexit.register(Path(path).touch)


def test_atexit_handlers_run_once_the_run_is_over(make, tmp_path):
    """As they do at the end of a process of the standard library's pool."""
    left = tmp_path / "left"
    with make(max_workers=1) as executor:
        executor.submit(leave, str(left)).result(WAIT)
        assert not left.exists()
    eventually(left.exists)


def double(x):
    return 2 * x


def pooled(method):
    """A pool of either kind in a task."""
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        first = pool.map_async(double, [1, 2]).get(60)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        return first, list(executor.map(double, [3, 4]))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_pool_of_processes_in_a_task(ex, method):
    """With functions of a module of the user's."""
    assert ex.submit(pooled, method).result(WAIT) == ([2, 4], [6, 8])


SCRIPT = """
import concurrent.futures, multiprocessing, os, sys
from dataclasses import dataclass
from fcx import FirecrestExecutor

@dataclass
class Point:
    x: int

def double(point):
    return Point(2 * point.x)

def pooled(method):
    context = multiprocessing.get_context(method)
    with context.Pool(2) as pool:
        first = pool.map_async(double, [Point(1), Point(2)]).get(60)
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as executor:
        return first, list(executor.map(double, [Point(3)]))

def started(method):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=put, args=(queue,))
    process.start()
    found = queue.get(timeout=60)
    process.join()
    return found, process.exitcode

def put(queue):
    queue.put(Point(SIZE))

SIZE = 5

def nested(method):
    return pooled(method)

def inner(method):
    context = multiprocessing.get_context(method)
    with concurrent.futures.ProcessPoolExecutor(1, mp_context=context) as executor:
        return executor.submit(nested, method).result(60)

if __name__ == "__main__":
    with FirecrestExecutor(os.environ["WORKING_DIR"], sleep_interval=1, max_workers=1) as executor:
        for method in "fork", "spawn", "forkserver":
            wanted = [Point(2), Point(4)], [Point(6)]
            assert executor.submit(pooled, method).result() == wanted, method
            assert executor.submit(started, method).result() == (Point(SIZE), 0), method
            assert executor.submit(inner, method).result() == wanted, method
            SIZE += 1  # as a notebook's cell does that is run again
    print("all of them")
"""


@pytest.mark.slow
def test_pools_of_functions_of_a_script(site, tmp_path):
    """Those of ``__main__``, which other processes of the task find there, too."""
    assert "all of them" in run_script(tmp_path, SCRIPT, site).stdout
