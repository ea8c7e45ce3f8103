"""The backend for joblib, whatever executor is behind it."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import joblib
import pytest
from joblib import Parallel, delayed

import fcx.joblib
from fcx.joblib import BatchSize, FcxBackend


@pytest.fixture
def threads():
    """An executor of the standard library: the backend asks no more of one."""
    with ThreadPoolExecutor(3) as executor:
        yield executor


def double(x):
    if x == 13:
        raise LookupError("thirteen")
    return 2 * x


@pytest.mark.parametrize(
    ("asked", "workers", "wanted"),
    [(-1, 8, 8), (None, 8, 8), (-2, 8, 7), (3, 8, 3), (99, 8, 8), (1, 8, 1), (-1, 1, 2)],
)
def test_how_many_side_by_side(asked, workers, wanted):
    """As many as there are workers; one worker is not this process, which joblib calls 1."""
    with ThreadPoolExecutor(workers) as executor:
        assert FcxBackend(executor).effective_n_jobs(asked) == wanted


def test_no_jobs_have_no_meaning(threads):
    """As for joblib's own backends."""
    with pytest.raises(ValueError, match="n_jobs == 0"):
        FcxBackend(threads).effective_n_jobs(0)


def test_results_come_in_order_and_the_executor_stays_open(threads):
    """By either of its names, and as generators, too."""
    calls = [delayed(double)(x) for x in range(14, 200)]
    with fcx.joblib.backend(threads):
        assert Parallel()(calls) == [2 * x for x in range(14, 200)]
        assert list(Parallel(return_as="generator")(calls))[-1] == 398
    with joblib.parallel_config("fcx", executor=threads):
        assert Parallel(n_jobs=2)(calls)[0] == 28


def test_an_error_is_the_calls_own_and_ends_only_what_was_asked_for(threads):
    """The rest of the batch's calls are not waited for; the executor goes on."""
    with fcx.joblib.backend(threads):
        with pytest.raises(LookupError, match="thirteen"):
            Parallel()(delayed(double)(x) for x in range(10**9))
        assert Parallel()(delayed(double)(x) for x in (1, 2)) == [2, 4]


def test_what_cannot_be_sent_is_raised_and_waited_for_by_nobody(threads):
    """In the caller's thread, also where it is sent only when another batch has come back."""
    closed = ThreadPoolExecutor(2)

    def calls():
        for x in range(100):
            if x == 50:
                closed.shutdown(wait=False)
            yield delayed(double)(x + 20)

    with fcx.joblib.backend(closed), pytest.raises(RuntimeError, match="after shutdown"):
        Parallel()(calls())


def inner(x):
    """What a task gives to joblib in its turn: by which backend, and the results."""
    parallel = Parallel(n_jobs=-1)
    return type(parallel._backend).__name__, parallel(delayed(double)(x) for _ in range(3))


def test_parallel_calls_within_a_task_run_one_after_the_other(threads):
    """A node's cores are its workers' already."""
    with fcx.joblib.backend(threads):
        assert Parallel()(delayed(inner)(x) for x in (1, 2)) == [
            ("SequentialBackend", [2, 2, 2]),
            ("SequentialBackend", [4, 4, 4]),
        ]


def test_abort_cancels_what_is_under_way():
    """And what joblib does not know of any longer is nobody's."""
    with ThreadPoolExecutor(1) as executor:
        own = FcxBackend(executor)
        running, waiting = (own.submit(lambda: time.sleep(0.1)) for _ in range(2))
        own.abort_everything()
        assert waiting.cancelled()
        assert not running.cancelled()


@pytest.mark.parametrize(
    ("waited", "calls", "seconds", "wanted"),
    [(42.0, 1, 2.0, 1), (41.0, 1, 1.0, 2), (40.0, 1, 0.0, 20), (0.1, 1, 0.1, 2), (0.0, 1, 60.0, 1)],
)
def test_batches_last_as_long_as_their_way(waited, calls, seconds, wanted):
    """Short calls travel together, long ones alone, and no batch grows without bound."""
    size = BatchSize()
    size.took(waited, calls, seconds)
    assert size.size == wanted
