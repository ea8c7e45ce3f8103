"""A view of an executor: its tasks go to pilots of another shape, or have a walltime; one run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, Future, wait
from typing import TYPE_CHECKING, Any, TypeVar

from . import mapping
from .future import FirecrestFuture
from .intake import Intake
from .plainly import SHUT, plainly

if TYPE_CHECKING:
    from ..config import Wanted
    from ..parity.verdict import Verdict
    from ..payload.shared import SharedObject

T = TypeVar("T")

Call = tuple[str | None, Callable[..., Any], tuple[Any, ...], dict[str, Any]]
"""A key or none, the function, its arguments."""
Submit = Callable[[Intake, Call], FirecrestFuture[Any]]


class ExecutorView(Executor):
    """What ``executor.options(...)`` gives: usable wherever an executor is.

    To close it, by ``shutdown`` or the end of its ``with`` block, closes the view alone: its run,
    and the pilots that there are, go on until the executor is closed.
    """

    def __init__(self, intake: Intake, submit: Submit) -> None:
        self._intake = intake
        self._through = submit
        self._lock = threading.RLock()  # what is being pickled may submit, too
        self._shut = False
        self._pending: dict[int, Future[Any]] = {}  # by identity

    @plainly
    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> FirecrestFuture[T]:
        """As the executor's, in pilots of this shape."""
        return self._submit((None, fn, args, kwargs))

    @plainly
    def submit_as(
        self, key: str, fn: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> FirecrestFuture[T]:
        """As the executor's, in pilots of this shape."""
        return self._submit((key, fn, args, kwargs))

    def _submit(self, call: Call) -> FirecrestFuture[Any]:
        self._intake.run.refuse_if_inherited()
        with self._lock:
            if self._shut:
                raise RuntimeError(SHUT)
            future = self._through(self._intake, call)
            self._pending[id(future)] = future
        future.add_done_callback(self._done)
        return future

    def _done(self, future: Future[Any]) -> None:
        self._pending.pop(id(future), None)

    @plainly
    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        progress: Wanted = None,
    ) -> Iterator[T]:
        """As the executor's, in pilots of this shape."""
        run = self._intake.run
        logger = run.context.settings.logger
        submit, ends = mapping.shown(run.shown, self.submit, fn, progress, logger)
        return mapping.over(submit, fn, iterables, timeout, chunksize, buffersize, ends)

    @plainly
    def options(
        self,
        *,
        sbatch_options: Sequence[str] | None = None,
        srun_options: Sequence[str] | None = None,
        workers_per_node: int | None = None,
        environment: Any = None,
        walltime: float | None = None,
    ) -> ExecutorView:
        """Another view: what is given takes the place of what this one has."""
        given = {
            "sbatch_options": sbatch_options,
            "srun_options": srun_options,
            "workers_per_node": workers_per_node,
            "environment": environment,
            "walltime": walltime,
        }
        return ExecutorView(self._intake.reshaped(given), self._through)

    @plainly
    def put(self, value: Any, /) -> SharedObject:
        """As the executor's: it is the run's, and tasks of any shape may take it."""
        self._intake.run.refuse_if_inherited()
        return self._intake.put(value)

    @plainly
    def preflight(self, *, fresh: bool = False) -> Verdict:
        """The verdict on the place of its pilots: as the executor's."""
        return self._intake.preflight(fresh=fresh)

    @plainly
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; with ``wait`` until those that came through this view are settled."""
        if self._intake.run.inherited:
            return
        with self._lock:
            self._shut = True
            pending = list(self._pending.values())
        for future in pending if cancel_futures else ():
            if not future.running():
                future.cancel()
        if wait:
            _until_settled(pending)

    @plainly
    def __exit__(self, exc_type: object, exc: object, tb: object) -> None:
        """Wait for its tasks; after an exception (Ctrl-C, say) cancel them instead."""
        self.shutdown(wait=exc_type is None)
        for future in list(self._pending.values()) if exc_type is not None else ():
            future.cancel()

    def __repr__(self) -> str:
        state = "shut down" if self._shut else "open"
        called = self._intake.settings.called or " of the executor's own shape"
        return f"<{type(self).__name__}{called}: {state}, {len(self._pending)} task(s) pending>"

    @property
    def _max_workers(self) -> int:
        """As the executor's: dask, joblib and others ask."""
        return self._intake.settings.table.max_workers


def _until_settled(futures: list[Future[Any]]) -> None:
    wait(futures)
