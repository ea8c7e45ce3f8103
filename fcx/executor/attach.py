"""Collect a run whose process is gone: from the journal, or from its directory and key alone."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

from ..config import Credentials, Wanted
from ..errors import FcxError, UsageError
from ..payload.shared import SharedObject
from ..state.journal import Journal, RunRecord
from .future import FirecrestFuture
from .intake import Intake
from .leaving import leaving
from .plainly import SHUT, plainly
from .resumption import collect, find, given, lies_on
from .run import Run
from .view import Call, ExecutorView

T = TypeVar("T")


class AttachedRun:
    """The tasks of an earlier run as futures, by task id, in the order of submission.

    Leaving its ``with`` block waits for them; results that exist are there at once. Each future
    has the ``name`` of its function, its ``key`` and its ``attempts``; new tasks may be submitted.
    """

    def __init__(self, run: Run, intake: Intake, futures: dict[str, FirecrestFuture[Any]]) -> None:
        self.futures = futures
        self._run = run
        self._intake = intake
        self._lock = threading.Lock()
        self._shut = False

    @property
    def id(self) -> str:
        """The run's id."""
        return self._run.id

    @property
    def name(self) -> str:
        """The run's name: the one that it was given, or else its id."""
        return self._run.name

    @property
    def by_key(self) -> dict[str, FirecrestFuture[Any]]:
        """The futures of tasks that have a key, by that."""
        return {future.key: future for future in list(self.futures.values()) if future.key}

    @property
    def by_name(self) -> dict[str, list[FirecrestFuture[Any]]]:
        """The futures of each function, by its name."""
        found: dict[str, list[FirecrestFuture[Any]]] = {}
        for future in list(self.futures.values()):
            found.setdefault(future.name, []).append(future)
        return found

    @plainly
    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> FirecrestFuture[T]:
        """As an executor's: a new task of this run, or the one that has the same ``key=``."""
        return self._submit(self._intake, (None, fn, args, kwargs))

    @plainly
    def submit_as(
        self, key: str, fn: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> FirecrestFuture[T]:
        """``submit`` under a key, also for a function with an argument of that name."""
        return self._submit(self._intake, (key, fn, args, kwargs))

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
        """As an executor's: a view whose tasks go to pilots of another shape, in the same run."""
        return ExecutorView(self._intake, self._submit).options(
            sbatch_options=sbatch_options,
            srun_options=srun_options,
            workers_per_node=workers_per_node,
            environment=environment,
            walltime=walltime,
        )

    @plainly
    def put(self, value: Any, /) -> SharedObject:
        """As an executor's: an object for tasks that are submitted."""
        return self._intake.put(value)

    def _submit(self, intake: Intake, call: Call) -> FirecrestFuture[Any]:
        key, fn, args, kwargs = call
        draft = intake.prepare(fn, args, kwargs, key)
        self._refuse()
        intake.judge(draft.needs)
        with self._lock:
            self._refuse()
            future = intake.submit(draft)
            self.futures[future.task_id] = future
            return future

    def _refuse(self) -> None:
        if self._run.broken is not None:
            raise FcxError(f"the run is broken: {self._run.broken}") from self._run.broken
        if self._shut or leaving.begun:
            raise RuntimeError(SHUT)

    @plainly
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As an executor's: ``wait`` for all tasks, or cancel those that do not run yet."""
        with self._lock:
            self._shut = True
        if cancel_futures:
            self._run.cancel_pending()
        self._run.close(abort=False)
        if wait:
            self._run.wait()

    def _repr_html_(self) -> str:
        from .cards import of_run

        return of_run("Run", self._run, self._run.state(shut=self._shut))

    def __enter__(self) -> AttachedRun:
        return self

    @plainly
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()


@plainly
def runs(
    *, everywhere: bool = False, env: Mapping[str, str | None] | None = None
) -> list[RunRecord]:
    """Runs on this cluster that were not collected to the end or have a name, the newest first.

    As this machine remembers them: the cluster is not asked. ``everywhere``: on all clusters; each
    says which (``system``, ``api_url``).
    """
    found = Journal().runs()
    if everywhere:
        return found
    credentials = Credentials.from_env(env)
    return [record for record in found if lies_on(record, credentials)]


@plainly
def latest(*, env: Mapping[str, str | None] | None = None) -> RunRecord:
    """The newest of ``runs()``. Raises UsageError where there is none."""
    here = runs(env=env)
    if here:
        return here[0]
    credentials, others = Credentials.from_env(env), len(runs(everywhere=True))
    elsewhere = f" It remembers {others} on others: fcx.runs(everywhere=True)." if others else ""
    raise UsageError(
        f"This machine remembers no run on {credentials.system} behind {credentials.api_url}: "
        "what was collected to its end and has no name is forgotten. A run of another machine "
        f"is known by its directory and key: fcx.attach(directory=..., key=...).{elsewhere}"
    )


@plainly
def attach(
    run: str = "",
    *,
    directory: str = "",
    key: str = "",
    env: Mapping[str, str | None] | None = None,
    logger: logging.Logger | None = None,
    progress: Wanted = None,
) -> AttachedRun:
    """Take over a run by its name or id, or on another machine by its directory and key (hex).

    The process that began it should be gone. ``progress``: as an executor's. Raises UsageError for
    a run that this machine does not remember, and for a key that is not the run's.
    """
    journal = Journal()
    credentials = Credentials.from_env(env)
    elsewhere = bool(directory and key)
    if bool(directory) != bool(key) or elsewhere == bool(run):
        raise UsageError("Give the name of a run, or its directory= and its key=.")
    record = (
        given(directory, key, credentials, journal)
        if elsewhere
        else find(journal, run, credentials)
    )
    return AttachedRun(*collect(record, journal, credentials, logger, progress))
