"""What a run notes of itself for `fcx runs report`: beside its work, and never in its way.

Lines gather in the loop's thread and are appended to a file of this machine once a second, beside
the loop. What goes wrong there is said once; the run goes on without.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

from .. import __version__
from ..firecrest.jobs import JobState
from ..payload.code import code_digest
from ..report import lines
from ..report.lines import Line
from ..state.ledger import LedgerFile, runs
from .core.actions import Settle
from .core.events import AnyEvent, Attached, InboxRead, Submitted, TaskInfo
from .effects.context import Context
from .failing import Failures
from .placing import place_of
from .wire import DiedLine, DoneLine, EndLine, RunLine, Understood, UpLine
from .wire import Line as LogLine

PAUSE = 1.0  # seconds for which lines gather


class Ledger:
    """The notes of one process on one run. All but ``code`` in the loop's thread."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._file = LedgerFile(context.identity.id)
        self._started = time.time()
        self._lines: list[Line] = []
        self._code: dict[str, str] = {}  # digests of functions that are not noted yet
        self._seen: set[str] = set()  # marks of all
        self._known: dict[str, Any] = {}  # what was noted last: of jobs, places, requests, shapes
        self._failures = Failures(self._note)
        self._table: dict[type, Callable[[Any], None]] = {
            Submitted: self._submitted,
            Attached: self._attached,
            InboxRead: self._inbox,
        }
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Future[None] | None = None
        self._lost = False
        self._broken = ""

    # -- what happens -----------------------------------------------------------------------

    def code(self, function: str, fn: Callable[..., Any]) -> None:
        """What is submitted under this mark; from the caller's thread."""
        if function not in self._seen:
            self._seen.add(function)
            self._code[function] = code_digest(fn)

    def event(self, event: AnyEvent) -> None:
        """What the core is told; most is not noted."""
        take = self._table.get(type(event))
        if take is not None:
            take(event)

    def _submitted(self, event: Submitted) -> None:
        self._tasks(event.tasks)

    def _attached(self, event: Attached) -> None:
        if self.context.identity.id not in runs():
            self._tasks(event.tasks, earlier=True)
        for name, job in event.pilots:
            self._note(lines.Pilot(0.0, name, job))

    def _inbox(self, event: InboxRead) -> None:
        if event.tasks:
            self._tasks(tuple(task for task, _, _ in event.tasks), earlier=True)

    def pilot(self, pilot: str, job: str, shape: int) -> None:
        """One is about to be submitted, or has a job now."""
        self._note(lines.Pilot(time.time(), pilot, job, shape))

    def same(self, task: str, earlier: str) -> None:
        """A task that was submitted is one of an earlier process."""
        self._note(lines.Same(task, earlier))

    def broken(self, why: str) -> None:
        """The run takes no more tasks."""
        self._broken = why

    def read(self, log: str, found: Sequence[LogLine], understood: Sequence[Understood]) -> None:
        """What an agent's log told."""
        now = time.time()
        runs_, done, died = [], [], []
        for line, each in zip(found, understood, strict=True):
            if isinstance(line, DoneLine):
                failure = 0 if line.o == "value" else self._failures.raised(each.outcome)
                done.append((line.t, line.a, line.w, line.b, line.s, line.n[0], failure))
            elif isinstance(line, RunLine):
                runs_.append((line.t, line.a, line.slot, line.at))
            elif isinstance(line, DiedLine):
                died.append((line.t, line.a, line.w, line.b, line.at, line.how.text))
            elif isinstance(line, UpLine):
                told = (line.pilot, line.node, line.at, line.cpus, line.workers)
                self._note(lines.Up(now, log, *told))
            elif isinstance(line, EndLine):
                self._note(lines.Left(now, log, line.why, line.at))
        if runs_ or done or died:
            self._note(lines.Read(now, log, runs_, done, died))

    def jobs(self, listed: Iterable[JobState]) -> None:
        """What Slurm says: of the run's own jobs, and where it is new."""
        ours = [job for job in listed if self.context.identity.id in job.name]
        told = [(j.job, j.state, j.reason, j.began, j.ended, j.nodes) for j in ours]
        new = [each for each in told if self._is_new(f"job {each[0]}", each)]
        if new:
            self._note(lines.Jobs(time.time(), new))

    # -- lines ------------------------------------------------------------------------------

    def _tasks(self, tasks: tuple[TaskInfo, ...], *, earlier: bool = False) -> None:
        """As they are: ``lines.Task`` has the same fields in the same places."""
        rows = cast("tuple[lines.Task, ...]", tasks)
        self._note(lines.Tasks(time.time(), rows, earlier))

    def settled(self, note: Settle) -> None:
        """A task has ended otherwise than the log tells."""
        failure = self._failures.trouble(note.trouble) if note.trouble else 0
        told = (note.task, failure, note.cancelled, note.like)
        self._note(lines.Settled(time.time(), *told))

    def _is_new(self, what: str, told: Any) -> bool:
        new = self._known.get(what) != told
        self._known[what] = told
        return bool(new)

    def _note(self, line: Line) -> None:
        if self._lost:
            return
        self._lines.append(line)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(PAUSE, self._soon)

    # -- the file ---------------------------------------------------------------------------

    def _soon(self) -> None:
        """One after the other: a home directory may be slow, and lines have an order."""
        loop, self._timer = asyncio.get_running_loop(), None
        if self._writing is not None and not self._writing.done():
            self._timer = loop.call_later(PAUSE, self._soon)
            return
        with contextlib.suppress(RuntimeError):  # the interpreter ends, and takes no more work
            self._writing = loop.run_in_executor(None, self._write, self._taken())

    async def close(self) -> None:
        """The last word of this process."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._known and not self._lines:
            return  # nothing ever happened
        if self._writing is not None:
            await asyncio.wait([self._writing])
        ended = lines.Ended(time.time(), self._broken)
        last = [*self._taken(), ended]
        try:
            await asyncio.to_thread(self._write, last)
        except RuntimeError:
            self._write(last)

    def _taken(self) -> list[Line]:
        """What has gathered, after what has changed meanwhile."""
        gathered, self._lines = self._lines, []
        return [*self._surroundings(), *gathered]

    def _surroundings(self) -> list[Line]:
        """Who serves, for what pilots, in which place, at what cost: as far as it is new."""
        found: list[Line] = [] if "began" in self._known else [self._began()]
        while self._code:
            found.append(lines.Code(*self._code.popitem()))
        for kit in self.context.kits:
            table, options = kit.settings.table, kit.settings.options
            asked = (table.sbatch_options, table.srun_options, table.workers_per_node)
            if self._is_new(f"shape {kit.shape}", asked):
                found.append(lines.Shape(kit.shape, *asked, options.nodes))
            if self._is_new(f"place {kit.shape}", id(kit.gate.judgement)):
                found.append(lines.Place(time.time(), kit.shape, place_of(kit)))
        made = dict(self.context.client.requests.made_for)
        if self._is_new("requests", made):
            found.append(lines.Requests(time.time(), made))
        return found

    def _began(self) -> Line:
        self._known["began"] = True
        identity, credentials = self.context.identity, self.context.settings.credentials
        names = (identity.id, identity.directory, credentials.system, credentials.api_url)
        me = (__version__, platform.python_version(), socket.gethostname(), os.getpid())
        return lines.Began(self._started, *names, *me, account=credentials.account)

    def _write(self, taken: list[Line]) -> None:
        """In another thread."""
        try:
            if not self._file.full:
                self._file.append(lines.encode(taken))
                if self._file.full:
                    self._file.append(lines.encode([lines.Full(time.time())]))
                    self._lost = True
        except Exception as error:  # noqa: BLE001 - whatever it is, no run ends otherwise for it
            if not self._lost:
                told = f"`fcx runs report` will know nothing more of this run: {error}"
                self.context.settings.logger.info(told)
            self._lost = True
