"""What a task starts of its own in Python, and what it leaves to be done when its process ends."""

from __future__ import annotations

import atexit
import concurrent.futures
import multiprocessing
from pathlib import Path

import pytest
from executors.deadline import WAIT, eventually


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
