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
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from msgspec.structs import replace

from .. import __version__
from ..firecrest.jobs import JobState
from ..report import lines
from ..report.lines import Line
from ..state.ledger import LedgerFile, has
from .core.actions import Settle
from .core.events import AnyEvent, Attached, InboxRead, TaskInfo
from .effects.context import Context
from .failing import Failures
from .placing import place_of
from .scribe import Scribe
from .wire import DiedLine, DoneLine, EndLine, RunLine, Understood, UpLine
from .wire import Line as LogLine

if TYPE_CHECKING:
    from .mailbox import NewTask

PAUSE = 1.0  # seconds for which lines gather
HANGS = 120.0  # seconds of one attempt to write after which nothing is kept for another
GOODBYE = 5.0  # seconds for which the end of a run waits for its last word to be written
HANGING = (
    "What this machine notes of runs could not be written within %.0f s: the file system of "
    "FCX_STATE_DIR (or of your home directory) does not answer. The run is over all the same; "
    "`fcx runs report` may not know how it ended."
)


class Ledger:
    """The notes of one process on one run, in the loop's thread."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._file = LedgerFile(context.identity.id)
        self._started = time.time()
        self._lines: list[Line] = []
        self._known_before = has(context.identity.id)
        self._codes: dict[str, dict[str, str]] = {}  # of functions, each as it was: its mark
        self._known: dict[str, Any] = {}  # what was noted last: of jobs, places, requests, shapes
        self._failures = Failures(self._note)
        self._table: dict[type, Callable[[Any], None]] = {
            Attached: self._attached,
            InboxRead: self._inbox,
        }
        self._timer: asyncio.TimerHandle | None = None
        self._scribe = Scribe()
        self._writing: asyncio.Future[None] | None = None
        self._since = 0.0  # when that was begun, by the loop's clock
        self._gap = False  # something was dropped, for want of room in memory
        self._lost = False  # nothing more is taken but how it ends
        self._broken = ""

    # -- what happens -----------------------------------------------------------------------

    def event(self, event: AnyEvent) -> None:
        """What the core is told; most is not noted."""
        take = self._table.get(type(event))
        if take is not None:
            take(event)

    def submitted(self, tasks: Iterable[NewTask]) -> None:
        """These were, just now."""
        self._tasks([self._row(task.info, task.code) for task in tasks])

    def _attached(self, event: Attached) -> None:
        if not self._known_before:
            self._tasks([self._row(task) for task in event.tasks], earlier=True)
        for name, job in event.pilots:
            self._note(lines.Pilot(0.0, name, job))

    def _inbox(self, event: InboxRead) -> None:
        if event.tasks:
            self._tasks([self._row(task) for task, _, _ in event.tasks], earlier=True)

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

    def _tasks(self, rows: Sequence[lines.Task], *, earlier: bool = False) -> None:
        self._note(lines.Tasks(time.time(), tuple(rows), earlier))

    def _row(self, task: TaskInfo, code: str = "") -> lines.Task:
        """The task itself, whose fields are those of ``lines.Task``, in their places.

        But not its key, which may say what is nobody's business.
        """
        mark = self._mark(task.function, code) if code else task.function
        if task.key or mark != task.function:
            task = replace(task, key="", function=mark)
        return cast("lines.Task", task)

    def _mark(self, function: str, code: str) -> str:
        """What tells a function from what it was before it was edited under the same name."""
        known = self._codes.setdefault(function, {})
        mark = known.get(code)
        if mark is None:
            mark = known[code] = f"{function}~{len(known) + 1}" if known else function
            self._note(lines.Code(mark, code))
        return mark

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
            if loop.time() > self._since + HANGS:
                self._lines, self._gap = [], True
            self._timer = loop.call_later(PAUSE, self._soon)
            return
        with contextlib.suppress(RuntimeError):  # the interpreter ends, and takes no more work
            self._since = loop.time()
            self._writing = self._scribe.begin(partial(self._write, self._taken()))

    async def flush(self) -> None:
        """Write what has gathered: this process may end in any way."""
        if self._writing is not None and not await self._is_done(self._writing):
            return
        if self._timer is not None:
            self._timer.cancel()
            self._soon()
        if self._writing is not None:
            await self._is_done(self._writing)

    @staticmethod
    async def _is_done(writing: asyncio.Future[None]) -> bool:
        """Unless the home directory hangs."""
        done, _ = await asyncio.wait([writing], timeout=GOODBYE)
        return bool(done)

    async def close(self) -> None:
        """The last word of this process, whatever was lost of the others."""
        if self._timer is not None:
            self._timer.cancel()
        if not self._known and not self._lines:
            return  # nothing ever happened
        last: list[Line] = [*self._taken(), lines.Ended(time.time(), self._broken)]
        try:
            self._writing = self._scribe.begin(partial(self._write_last, last))
        except RuntimeError:
            self._write_last(last)
            return
        self._scribe.end()
        if not await self._is_done(self._writing):
            self.context.settings.logger.warning(HANGING, GOODBYE)

    def _taken(self) -> list[Line]:
        """What has gathered, after what has changed meanwhile."""
        gathered, self._lines = self._lines, []
        gap: list[Line] = [lines.Full(time.time())] if self._gap else []
        self._gap = False
        return [*self._surroundings(), *gap, *gathered]

    def _surroundings(self) -> list[Line]:
        """Who serves, for what pilots, in which place, at what cost: as far as it is new."""
        found: list[Line] = [] if "began" in self._known else [self._began()]
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
        """In the scribe's thread."""
        try:
            if not self._file.full:
                self._file.append(lines.encode(taken))
                self._lost = self._file.full
        except Exception as error:  # noqa: BLE001 - whatever it is, no run ends otherwise for it
            if not self._lost:
                told = f"`fcx runs report` will know nothing more of this run: {error}"
                self.context.settings.logger.info(told)
            self._lost = True

    def _write_last(self, taken: list[Line]) -> None:
        """How it ended has its room always, and what it cost."""
        if self._lost:
            kept = [line for line in taken if isinstance(line, (lines.Requests, lines.Ended))]
            taken = [lines.Full(time.time()), *kept]
        with contextlib.suppress(Exception):
            self._file.append(lines.encode(taken))
