"""FirecrestExecutor: the standard Executor interface, with the tasks run on a cluster.

::

    submit(fn, *args) ──> payload ──> Mailbox ──> Driver ──> Core (decides)
                             │                       │
    future <── completion <──┴── outcomes <──────────┴── firecrest: pilots, agents, workers
"""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from . import mapping
from .leaving import leaving
from .plainly import SHUT, plainly

if TYPE_CHECKING:
    from ..config import Wanted
    from ..parity.verdict import Verdict
    from ..payload.shared import SharedObject
    from .future import FirecrestFuture
    from .intake import Intake
    from .view import Call, ExecutorView

T = TypeVar("T")


class FirecrestExecutor(Executor):
    """Runs tasks on a Slurm cluster behind the FirecREST v2 API.

    working_dir: absolute path on the cluster. sbatch_options, srun_options: lists of strings.
    max_workers: tasks at the same time (default: min(32, CPUs of this machine + 4)).
    sleep_interval: longest pause between two looks, in seconds (30). task_retries: how often a
    task is run again when a node fails or a job is cancelled (3). env: the six FIRECREST
    variables, instead of the environment's. run: a name, under which the same script run again
    goes on with what is queued, running and done. progress: what is shown while the run is waited
    for: True, False, "line" or "panel" (None: whatever suits). What is not given is taken from
    ``fcx.toml``.
    Raises ConfigError or OptionError for what can be told without asking the cluster.
    """

    @plainly
    def __init__(
        self,
        working_dir: str | os.PathLike[str],
        sbatch_options: Sequence[str] = (),
        srun_options: Sequence[str] = (),
        logger: logging.Logger | None = None,
        logger_level: int = logging.INFO,
        max_workers: int | None = None,
        sleep_interval: float | None = None,
        task_retries: int | None = None,
        env: Mapping[str, str | None] | None = None,
        *,
        environment: Any = None,
        parity: str | None = None,
        workers_per_node: int | None = None,
        max_tasks_per_child: int | None = None,
        initializer: Callable[..., Any] | None = None,
        initargs: tuple[Any, ...] = (),
        idle_timeout: float | None = None,
        gate_timeout: float | None = None,
        include: Sequence[Any] = (),
        inline: bool | None = None,
        setup: Sequence[str] = (),
        python: str | None = None,
        run: str | None = None,
        requests_per_minute: float | None = None,
        progress: Wanted = None,
    ) -> None:
        given = dict(locals())  # each setting of the table is an argument of the same name
        from ..payload.dump import dump_initializer
        from .resumption import open_run

        self._logger = _logger(logger, logger_level)
        first = _initializer(initializer, initargs)
        initial = dump_initializer(*first) if first else b""
        self._intake = open_run(given, env, self._logger, initial, include, run)
        self._run = self._intake.run
        self._run.context.client.begin()
        self._lock = threading.Lock()
        self._shut = False
        weakref.finalize(self, self._run.let_go).atexit = False  # there it is waited for

    @plainly
    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> FirecrestFuture[T]:
        """Have ``fn(*args, **kwargs)`` run on the cluster.

        ``key="..."`` names the task for later starts of the run, and ``walltime=`` (seconds) ends
        it once it has taken so long, unless the function itself takes an argument of that name:
        then it is the function's, and ``submit_as`` or ``options`` has the other. Raises
        PayloadError at once for what cannot be pickled, ParityError for what the remote side is
        known to lack, RuntimeError after shutdown.
        """
        return self._submit(self._intake, (None, fn, args, kwargs))

    @plainly
    def submit_as(
        self, key: str, fn: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> FirecrestFuture[T]:
        """``submit`` under a key: the same key again is the same task, also at a later start."""
        return self._submit(self._intake, (key, fn, args, kwargs))

    def _submit(self, intake: Intake, call: Call) -> FirecrestFuture[Any]:
        """One of ours, or of a view's: by that one's intake."""
        self._run.refuse_if_inherited()
        key, fn, args, kwargs = call
        draft = intake.prepare(fn, args, kwargs, key)
        broken = intake.broken
        if broken is not None:
            raise _Broken(f"the executor is broken: {broken}") from broken
        self._refuse_if_shut()
        intake.judge(draft.needs)  # may begin the run: what breaks it then is the future's
        with self._lock:
            self._refuse_if_shut()
            return intake.submit(draft)

    def _refuse_if_shut(self) -> None:
        if self._shut or leaving.begun:
            raise RuntimeError(SHUT)

    @plainly
    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
        progress: Wanted = None,
        **kwargs: Any,
    ) -> Iterator[T]:
        """Submit a task for each set of arguments at once; results come in order.

        timeout: seconds from now for all of them. chunksize: arguments that travel as one task.
        buffersize: tasks that are submitted ahead of the results that were taken (None: all).
        progress: show this map's tasks while they are waited for: True, "line" or "panel".
        """
        if kwargs:
            raise TypeError(f"map() does not know {', '.join(kwargs)}")
        submit, ends = mapping.shown(self._run.shown, self.submit, fn, progress, self._logger)
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
        """A view: an executor whose tasks go to pilots of another shape, in the same run.

        What is given takes the place of that setting, what is not stays as it is. ``walltime``:
        seconds after which each of its tasks is ended. Raises OptionError for what cannot be.
        """
        from .view import ExecutorView

        self._run.refuse_if_inherited()
        return ExecutorView(self._intake, self._submit).options(
            sbatch_options=sbatch_options,
            srun_options=srun_options,
            workers_per_node=workers_per_node,
            environment=environment,
            walltime=walltime,
        )

    @plainly
    def put(self, value: Any, /) -> SharedObject:
        """Keep an object for tasks: it is uploaded once, and each task that is given it has a copy.

        What this gives stands for the object wherever it stands in a call. It is this run's, and
        is gone with it. Raises PayloadError for what cannot be pickled.
        """
        self._run.refuse_if_inherited()
        self._refuse_if_shut()
        return self._intake.put(value)

    @plainly
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; with ``wait`` until all are settled and the cluster is tidied up."""
        if self._run.inherited:
            return
        with self._lock:
            self._shut = True
        if cancel_futures:
            self._run.cancel_pending()
        self._run.close(abort=False)
        if wait:
            self._run.wait()

    @plainly
    def __exit__(self, exc_type: object, exc: object, tb: object) -> None:
        """Wait for all tasks; after an exception (Ctrl-C, say) cancel them instead."""
        if exc_type is None:
            self.shutdown(wait=True)
            return
        self.abort()
        self._run.wait()

    def abort(self) -> None:
        """Cancel all tasks and end all jobs, without waiting for either."""
        if self._run.inherited:
            return
        with self._lock:
            self._shut = True
        if not self._run.finished.is_set():
            self._logger.warning("Tasks and jobs are cancelled")
        self._run.close(abort=True)

    def terminate_workers(self) -> None:
        """Cancel all tasks and end all jobs, as ``abort``: the name that Python 3.14 has for it."""
        self.abort()

    def kill_workers(self) -> None:
        """The same: what ends a job kills its workers where they do not end by themselves."""
        self.abort()

    def _repr_html_(self) -> str:
        from .cards import of_run

        return of_run("Executor", self._run, self._run.state(shut=self._shut))

    def __reduce__(self) -> NoReturn:
        """It is no part of any task: that would be run on the cluster, and submit from there."""
        raise TypeError(
            "a FirecrestExecutor stays with the process that made it: submit from there, and give "
            "a task futures of others as arguments"
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._run.described(shut=self._shut)}>"

    @property
    def _max_workers(self) -> int:
        """Under the name that the standard executors have for it: dask, joblib and others ask."""
        return self._run.context.settings.table.max_workers

    @property
    def run_directory(self) -> str:
        """Where the run lies on the cluster; empty until its first task was taken in."""
        return self._run.directory

    @property
    def run_key(self) -> str:
        """With ``run_directory`` all that ``fcx.attach`` needs on any machine. Keep it secret."""
        return self._run.key

    @property
    def sent(self) -> bool:
        """Whether all that was submitted lies on the cluster, with a job that may run it.

        Then this process may end in any way: the run goes on, and ``fcx.attach`` collects it.
        """
        return self._run.sent

    @plainly
    def preflight(self, *, fresh: bool = False) -> Verdict:
        """Prove that the remote side is this environment, with one short job unless that is known.

        Credentials, system and working_dir are checked first, by requests alone. Returns the
        verdict, passed or not; ``fresh`` asks again whatever is remembered.
        """
        return self._intake.preflight(fresh=fresh)


class _Broken(BrokenExecutor):
    """The executor takes no more tasks, for the reason that its tasks were given."""


def _logger(logger: logging.Logger | None, level: int) -> logging.Logger:
    """The logger that was given, or ``fcx`` at this level; handlers are the application's."""
    if logger is not None:
        return logger
    own = logging.getLogger("fcx")
    own.setLevel(level)
    return own


def _initializer(
    initializer: Callable[..., Any] | None, initargs: tuple[Any, ...]
) -> tuple[Callable[..., Any], tuple[Any, ...]] | None:
    if initializer is None:
        return None
    if not callable(initializer):
        raise TypeError("initializer must be a callable")
    return initializer, tuple(initargs)
