"""Collect a run whose process is gone: from the journal, or from its directory and key alone."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from ..config import Credentials, ExecutorSettings
from ..errors import UsageError
from ..firecrest.loop import LoopThread
from ..jobscript.options import Options
from ..parity.gate import Gate, Question
from ..state.journal import Journal, RunRecord
from ..state.memory import Memory
from .core.events import Attached, TaskInfo
from .effects.context import Identity
from .future import FirecrestFuture
from .run import Run, make_context
from .settings import RunEnvironment, RunSettings


class AttachedRun:
    """The tasks of an earlier run as futures, by task id, in the order of submission.

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
        """As an executor's: ``wait`` for all tasks, or cancel those that do not run yet."""
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
    settings = _settings(record, credentials, logger)
    environment = settings.environment
    question = Question(
        settings.table.parity,
        f"{credentials.api_url} {credentials.system}",
        python=settings.python,
        edf=environment.name,
        edf_digest=environment.digest,
    )
    memory = Memory(settings.logger)
    gate = Gate(question, memory)
    gate.recall()
    identity = Identity(record.id, record.key)
    resumed = Run(make_context(settings, gate, identity, memory, record.directory))
    sent = journal.tasks(record.id) or _sent(resumed)
    futures = {task: FirecrestFuture[Any](task, resumed) for task, *_ in sent}
    resumed.mailbox.expect(futures)
    resumed.attach(
        Attached(
            tuple(TaskInfo(task, name, 0) for task, name, _ in sent),
            tuple(attempt for *_, attempt in sent),
            tuple(journal.pilots(record.id)),
        )
    )
    return AttachedRun(resumed, futures)


def _settings(
    record: RunRecord, credentials: Credentials, logger: logging.Logger | None
) -> RunSettings:
    """What the run was begun with."""
    known = record.settings
    table = ExecutorSettings.from_record(known)
    edf = known.get("edf")
    environment = RunEnvironment()
    if edf:
        option = known.get("edf_option", "--environment")
        environment = RunEnvironment(edf[0], edf[1].encode("ascii"), option)
    return RunSettings(
        table,
        credentials,
        Options.check(table.sbatch_options, table.srun_options),
        environment,
        table.python or "python3",
        logger or logging.getLogger("fcx"),
    )


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
            "the run's directory= and key= (fcx.runs() on the machine that began it has both)."
        )
    return record


def _sent(run: Run) -> list[tuple[str, str, int]]:
    """The tasks in the run's bundles, where no journal has them: the last attempt of each."""
    sent: dict[str, int] = {}
    for item in LoopThread.shared().run(run.items_in_inbox()):
        sent[item.task] = max(item.attempt, sent.get(item.task, 0))
    return [(task, task, attempt) for task, attempt in sorted(sent.items())]
