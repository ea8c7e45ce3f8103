"""FirecrestExecutor: the standard Executor interface, with the calls run on a cluster.

::

    submit(fn, *args) ──> payload.dump ──> Task ──> Run (executor_run: one event loop)
                                             │          │
    future <── FirecrestFuture <─────────────┘          └── cluster, pilots, agents, workers
"""

from __future__ import annotations

import functools
import hashlib
import importlib
import itertools
import logging
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Executor
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from ..config import Credentials, Settings, resolve
from ..edf.run import run_edf, run_edf_over
from ..errors import FcxError, OptionError, ParityError
from ..jobscript import render as script
from ..parity.gate import Gate, manifest_beside
from ..parity.manifest import Manifest
from ..parity.verdict import Verdict
from ..payload import dump as payload
from ..payload.needs import Needs, RequirementsCache
from ..state.journal import Journal
from .future import FirecrestFuture
from .run import Run
from .state import RunSettings
from .tasks import Task

T = TypeVar("T")

_live: weakref.WeakSet[FirecrestExecutor] = weakref.WeakSet()


class FirecrestExecutor(Executor):
    """Runs calls on a Slurm cluster behind the FirecREST v2 API.

    working_dir: absolute path on the cluster. sbatch_options, srun_options: lists of strings.
    max_workers: calls at the same time (default: min(32, CPUs here + 4)). sleep_interval: longest
    pause between two looks, in seconds. task_retries: how often a call is run again when a node
    fails or a job is cancelled. env: the six FIRECREST variables, instead of the environment's.
    Raises ConfigError or OptionError for what can be told without asking the cluster.
    """

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
        python: str | None = None,
    ) -> None:
        self._logger = _logger(logger, logger_level)
        credentials = Credentials.from_env(env)
        project = Settings.load()
        table = resolve(
            {
                "working_dir": working_dir,
                "sbatch_options": sbatch_options or None,
                "srun_options": srun_options or None,
                "environment": environment,
                "parity": parity,
                "max_workers": max_workers,
                "workers_per_node": workers_per_node,
                "max_tasks_per_child": max_tasks_per_child,
                "sleep_interval": sleep_interval,
                "task_retries": task_retries,
                "idle_timeout": idle_timeout,
                "gate_timeout": gate_timeout,
                "inline": inline,
                "python": python,
            },
            project,
        )
        options = script.Options.check(table.sbatch_options, table.srun_options)
        place = _place(table.environment, options, table.working_dir)
        gate = Gate(
            table.parity,
            Journal(),
            f"{credentials.api_url} {credentials.system}",
            rules=project.parity,
            manifest=place.manifest,
            python=table.python or "",
            edf=place.name,
            edf_digest=place.digest,
        )
        settings = RunSettings(
            credentials=credentials,
            working_dir=table.working_dir,
            options=options,
            max_workers=table.max_workers,
            workers_per_node=table.workers_per_node,
            max_tasks_per_child=table.max_tasks_per_child,
            idle_timeout=table.idle_timeout,
            gate_timeout=table.gate_timeout,
            sleep_interval=table.sleep_interval,
            task_retries=table.task_retries,
            parity=table.parity,
            python=gate.interpreter,
            inline=table.inline,
            logger=self._logger,
            initializer=_initializer(initializer, initargs),
            edf=place.file,
            edf_option=place.option,
        )
        self._settings = settings
        self.gate = gate
        self._modules = RequirementsCache(tuple(include))
        self._run = Run(settings, gate, gate.journal)
        self._lock = threading.Lock()
        self._shut = False
        self._numbers = itertools.count(1)
        self._finalizer = weakref.finalize(self, self._run.close, abort=False)
        _live.add(self)

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> FirecrestFuture[T]:
        """Have ``fn(*args, **kwargs)`` run on the cluster.

        Raises PayloadError at once for what cannot be pickled, RuntimeError after shutdown.
        """
        if not callable(fn):
            raise TypeError(f"{fn!r} is not callable")
        data = payload.dump(fn, args, kwargs)
        needs = self._modules.needs(fn, data)
        self.gate.refuse_call(needs.requirements)
        with self._lock:
            self._refuse_if_over()
            return self._enter(fn, data, needs)

    def _enter(self, fn: Callable[..., T], data: bytes, needs: Needs) -> FirecrestFuture[T]:
        suffix = ".x.zip" if needs.extract else ".zip"
        archive = needs.archive_name.removesuffix(".zip") + suffix if needs.archive else ""
        name = f"t{next(self._numbers):07d}"
        future: FirecrestFuture[T] = FirecrestFuture(name, self._run)
        walltime = getattr(fn, "walltime", None)
        self._run.submit(
            Task(
                name,
                future,
                data,
                payload.function_key(fn),
                payload.name_of(fn),
                float(walltime) if isinstance(walltime, (int, float)) else None,
                (archive,) if archive else (),
                ((archive, needs.archive),) if archive else (),
                needs.requirements,
            )
        )
        return future

    def _refuse_if_over(self) -> None:
        if self._run.broken is not None:
            raise _Broken(f"the executor is broken: {self._run.broken}") from self._run.broken
        if self._shut or _exiting:
            raise RuntimeError("cannot schedule new futures after shutdown")

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        **kwargs: Any,
    ) -> Iterator[T]:
        """Submit a call for each set of arguments at once; results come in order.

        timeout: seconds from now for all of them. chunksize: arguments that travel as one call.
        """
        if kwargs:
            raise TypeError(f"map() does not know {', '.join(kwargs)}")
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if chunksize == 1:
            return super().map(fn, *iterables, timeout=timeout)
        chunks = _chunks(zip(*iterables, strict=False), chunksize)
        run_chunk = functools.partial(payload.run_chunk(), fn)
        results = super().map(run_chunk, chunks, timeout=timeout)
        return itertools.chain.from_iterable(results)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls; with ``wait`` until all are settled and the cluster is tidied up."""
        with self._lock:
            self._shut = True
        if cancel_futures:
            self._run.cancel_pending()
        self._run.close(abort=False)
        if wait:
            self._run.finished.wait()

    def __exit__(self, exc_type: object, exc: object, tb: object) -> None:
        """Wait for all calls; after an exception (Ctrl-C, say) cancel them instead."""
        if exc_type is None:
            self.shutdown(wait=True)
            return
        self.abort()
        self._run.finished.wait()

    def abort(self) -> None:
        """Cancel all calls and end all jobs, without waiting for either."""
        with self._lock:
            self._shut = True
        if not self._run.finished.is_set():
            self._logger.warning("Calls and jobs are cancelled")
        self._run.close(abort=True)

    def preflight(self, *, fresh: bool = False) -> Verdict:
        """Prove that the far side is this environment, with one short job unless that is known.

        Credentials, system and working_dir are checked first, by requests alone. Returns the
        verdict, passed or not; ``fresh`` asks again whatever is remembered.
        """
        Run(self._settings, self.gate, self.gate.journal).check_place()
        self.gate.fresh = fresh
        try:
            self.gate.recall()
        except ParityError as error:
            return cast("Verdict", error.verdict)  # the image alone tells: that needs no job
        if self.gate.verdict is not None and self.gate.guard is not None and not fresh:
            return self.gate.verdict
        gate = replace(self.gate, guard=None, known=None, verdict=None, fresh=True)
        probe = Run(self._settings, gate, gate.journal)
        probe.preflight()
        probe.finished.wait()
        if gate.verdict is None:
            raise probe.broken or FcxError("the preflight job ended without an answer")
        self.gate.fresh, self.gate.far = False, gate.far
        self.gate.recall()
        return gate.verdict


@dataclass(frozen=True)
class _Place:
    """Where calls run: the run's own EDF, if any, and the manifest of its image."""

    name: str = ""
    file: tuple[str, bytes] | None = None
    digest: str | None = None
    manifest: Manifest | None = None
    option: str = "--environment"


def _place(environment: Any, options: script.Options, working_dir: str) -> _Place:
    """The run's EDF: from ``environment=``, or over the one that the srun options name."""
    if environment is None and not options.environment:
        return _Place()
    if environment is not None and options.environment:
        raise OptionError(
            f"srun_options: --environment={options.environment} and environment= both name an "
            "EDF; give one of them"
        )
    manifest = None
    if environment is not None:
        edf = run_edf(environment, working_dir)
        manifest = manifest_beside(edf.source)
    else:
        edf = run_edf_over(options.environment, working_dir)
    data = edf.text.encode("ascii")
    return _Place(
        edf.name,
        (edf.name, data),
        hashlib.sha256(data).hexdigest(),
        manifest,
        options.engine_option,
    )


class _Broken(BrokenExecutor):
    """The executor takes no more calls, for the reason that its calls were given."""


def _logger(logger: logging.Logger | None, level: int) -> logging.Logger:
    """The logger that was given, or ``fcx`` at this level; handlers are the application's."""
    if logger is not None:
        return logger
    own = logging.getLogger("fcx")
    own.setLevel(level)
    return own


def _initializer(initializer: Callable[..., Any] | None, initargs: tuple[Any, ...]) -> bytes:
    if initializer is None:
        return b""
    if not callable(initializer):
        raise TypeError("initializer must be a callable")
    return payload.dump_initializer(initializer, tuple(initargs))


def _chunks(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while chunk := list(itertools.islice(items, size)):
        yield chunk


_exiting = False


def _at_exit() -> None:
    """Let what was submitted finish, as the standard executors do; after Ctrl-C cancel it."""
    global _exiting  # noqa: PLW0603 - the interpreter exits once
    _exiting = True
    interrupted = getattr(sys, "last_type", None) is KeyboardInterrupt
    for executor in list(_live):
        if interrupted:
            executor.abort()
        executor.shutdown(wait=True)


# Callbacks run in the reverse order: the thread pool that the loop uses must be registered before.
importlib.import_module("concurrent.futures.thread")
threading._register_atexit(_at_exit)  # type: ignore[attr-defined]  # noqa: SLF001 - as concurrent.futures does
