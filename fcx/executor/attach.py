"""Collect a run whose process is gone: from the journal, or from its directory and key alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from ..config import Credentials
from ..errors import UsageError
from ..firecrest.loop import LoopThread
from ..jobscript.render import Options
from ..parity.gate import Gate
from ..state.journal import Journal, RunRecord
from .future import FirecrestFuture
from .run import Run
from .state import RunSettings
from .tasks import Task

DEFAULTS: dict[str, Any] = {
    "working_dir": "/",
    "max_workers": 8,
    "workers_per_node": 1,
    "max_tasks_per_child": None,
    "idle_timeout": 30.0,
    "gate_timeout": 300.0,
    "sleep_interval": 30.0,
    "task_retries": 3,
    "parity": "minor",
    "python": "python3",
    "inline": True,
    "edf_option": "--environment",
}


class AttachedRun:
    """The calls of an earlier run as futures, by task id, in the order of submission.

    Leaving its ``with`` block waits for them; results that exist are there at once.
    """

    def __init__(self, run: Run, futures: dict[str, FirecrestFuture[Any]]) -> None:
        self.futures = futures
        self._run = run

    @property
    def id(self) -> str:
        """The run's id."""
        return self._run.id

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """As an executor's: ``wait`` for all calls, or cancel those that do not run yet."""
        if cancel_futures:
            self._run.cancel_pending()
        self._run.close(abort=False)
        if wait:
            self._run.finished.wait()

    def __enter__(self) -> AttachedRun:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.shutdown()


def runs() -> list[RunRecord]:
    """Runs of this machine that were not collected to the end, the newest first."""
    return Journal().runs()


def attach(
    run: str = "",
    *,
    directory: str = "",
    key: str = "",
    env: Mapping[str, str | None] | None = None,
    logger: logging.Logger | None = None,
) -> AttachedRun:
    """Take over a run by its id, or on another machine by its directory and key (hex).

    The process that began it should be gone: two collectors would both tidy up. Raises UsageError
    for a run that this machine does not remember.
    """
    journal = Journal()
    credentials = Credentials.from_env(env)
    record = _record(journal, run, directory, key, credentials)
    known = {**DEFAULTS, **record.settings}
    edf = known.get("edf")
    options = Options.check(known.get("sbatch", ()), known.get("srun", ()))
    settings = RunSettings(
        credentials=credentials,
        options=options,
        logger=logger or logging.getLogger("fcx"),
        edf=(edf[0], edf[1].encode("ascii")) if edf else None,
        **{name: known[name] for name in DEFAULTS},
    )
    gate = Gate(
        settings.parity,
        journal,
        f"{credentials.api_url} {credentials.system}",
        edf=edf[0] if edf else "",
    )
    resumed = Run(settings, gate, journal)
    resumed.resume(record, journal.pilots(record.id))
    names = [(task, name) for task, name, _ in journal.tasks(record.id)] or _sent(resumed)
    futures = {task: FirecrestFuture[Any](task, resumed) for task, _ in names}
    resumed.expect([Task(task, futures[task], b"", "", name) for task, name in names])
    return AttachedRun(resumed, futures)


def _record(
    journal: Journal, run: str, directory: str, key: str, credentials: Credentials
) -> RunRecord:
    if directory and key:
        name = directory.rstrip("/").rpartition("/")[2]
        working_dir = directory.partition("/.fcx-")[0]
        return RunRecord(
            name,
            credentials.api_url,
            credentials.system,
            directory.rstrip("/"),
            bytes.fromhex(key),
            0.0,
            "open",
            {"working_dir": working_dir},
        )
    record = journal.run(run)
    if record is None:
        known = ", ".join(found.id for found in journal.runs()) or "none"
        raise UsageError(
            f"This machine remembers no run {run!r}; open runs: {known}. On another machine give "
            "the run's directory= and key= (the file `key` in it)."
        )
    return record


def _sent(run: Run) -> list[tuple[str, str]]:
    """The calls that lie in the run's bundles, where no journal has them."""
    bundles = LoopThread.shared().run(run.read_bundles())
    items = {item.task for b in bundles for portion in b.portions for item in portion}
    return [(task, task) for task in sorted(items)]
