"""joblib on a cluster, and with it scikit-learn: its batches are tasks of an executor.

::

    with FirecrestExecutor(...) as executor, fcx.joblib.backend(executor):
        GridSearchCV(model, grid).fit(x, y)

The import registers the backend, too: ``joblib.parallel_config("fcx", executor=executor)`` does the
same. Needs joblib 1.3 or later, which comes with the extra ``firecrest-fcx[joblib]``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any
from weakref import WeakKeyDictionary

import joblib
from joblib.parallel import ParallelBackendBase, SequentialBackend

SHORTEST, LONGEST = 0.2, 30.0  # seconds that a batch should take
AHEAD = 10  # batches for each worker that joblib takes for one: it keeps twice as many under way
GROWTH = 20  # how many times larger than the one before a batch may become


def backend(executor: Executor, *, n_jobs: int = -1, **options: Any) -> joblib.parallel_config:
    """What joblib runs within ``with fcx.joblib.backend(executor):`` are tasks of the executor.

    ``n_jobs``: how many side by side where the caller doesn't say; -1: the executor's
    ``max_workers``. ``options`` are those of ``joblib.parallel_config``.
    """
    return joblib.parallel_config(FcxBackend(executor=executor), n_jobs=n_jobs, **options)


class FcxBackend(ParallelBackendBase):  # type: ignore[misc]  # joblib has no types
    """A backend of joblib whose workers are an executor's; that stays open when joblib is done."""

    supports_retrieve_callback = True
    default_n_jobs = -1

    def __init__(self, executor: Executor, **options: Any) -> None:
        super().__init__(**options)
        self.executor = executor
        self._timed = timing()
        self._size = BatchSize()
        self._sent: WeakKeyDictionary[Future[Any], float] = WeakKeyDictionary()  # and when

    def effective_n_jobs(self, n_jobs: int | None) -> int:
        """How many batches run side by side; 1 would mean to joblib: in this process."""
        if n_jobs == 0:
            raise ValueError("n_jobs == 0 in Parallel has no meaning")
        if n_jobs == 1:
            return 1
        most: int = self.executor._max_workers  # type: ignore[attr-defined]  # noqa: SLF001 - all executors have it
        if n_jobs is None:
            return max(most, 2)
        return max(most + 1 + n_jobs if n_jobs < 0 else min(n_jobs, most), 2)

    def configure(
        self,
        n_jobs: int = 1,
        parallel: Any = None,
        prefer: Any = None,
        require: Any = None,
        **_: Any,
    ) -> int:
        """How many workers joblib shall provide for: more, for their batches travel together."""
        self.parallel = parallel
        count = self.effective_n_jobs(n_jobs)
        return count if count == 1 else AHEAD * count

    def submit(
        self, func: Callable[[], Any], callback: Callable[[Any], Any] | None = None
    ) -> Future[Any]:
        """Send a batch; where that is not possible, what it is told is the batch's own error."""
        future: Future[Any]
        try:
            future = self.executor.submit(self._timed, func)
        except Exception as error:  # noqa: BLE001 - raised in a callback nobody would see it
            future = Future()
            future.set_exception(error)
        self._sent[future] = time.monotonic()
        if callback is not None:
            future.add_done_callback(callback)
        return future

    apply_async = submit  # its name before joblib 1.5

    def retrieve_result_callback(self, out: Future[tuple[Any, float]]) -> Any:
        """What the batch gave, or raise what it raised."""
        result, seconds = out.result()
        self._size.took(time.monotonic() - self._sent[out], len(result), seconds)
        return result

    def compute_batch_size(self) -> int:
        """Calls in the next batch."""
        return self._size.size

    def get_nested_backend(self) -> tuple[ParallelBackendBase, None]:
        """What a task itself gives to joblib runs one after the other, in its process."""
        return SequentialBackend(nesting_level=(self.nesting_level or 0) + 1), None

    def abort_everything(self, ensure_ready: bool = True) -> None:
        """After an error or Ctrl-C: cancel what is under way, and nothing else of the executor."""
        for future in list(self._sent):
            future.cancel()
        self._sent.clear()


class BatchSize:
    """How many calls travel as one task: so many that workers do not wait for the next.

    A worker needs work for as long as it takes until the client has the result of a batch and the
    worker has another; so long all batches that are under way for it should last.
    """

    def __init__(self) -> None:
        self.size = 1

    def took(self, elapsed: float, calls: int, seconds: float) -> None:
        """A batch came back after ``elapsed`` seconds, of which its calls took ``seconds``."""
        wanted = min(max((elapsed - seconds) / (2 * AHEAD), SHORTEST), LONGEST)
        fitting = int(wanted * calls / max(seconds, 1e-9))
        self.size = max(1, min(fitting, GROWTH * self.size))


def timing() -> Callable[[Callable[[], Any]], tuple[Any, float]]:
    """What runs a batch at the worker, and times it: made anew, for fcx itself is not there."""

    def timed(batch: Callable[[], Any]) -> tuple[Any, float]:
        from time import monotonic

        began = monotonic()
        return batch(), monotonic() - began

    return timed


joblib.register_parallel_backend("fcx", FcxBackend)
