"""The run: one executor's life on the cluster. All of it happens in one event loop.

::

    submit ─ pickled in the caller's thread ─> _arrived ─ _collect ─> Ledger.outbox
                                                                        │ _send: a bundle
        pilots <─ _ensure_pilots ── Demand                              v
        │  script.render ── cluster.submit (a small bundle rides along) │ cluster.write
        v                                                               v
      agents on the nodes ──────────── claim, run, append ──────── inbox/, logs/
                                                                        │ _poll: one listing or
      futures <── payload.load <── _on_done, _on_died ... <── records <─┘        one read
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import posixpath
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from . import payload, rundir, script
from .cluster import Cluster, JobState, LoopThread
from .config import Credentials
from .errors import (
    ConfigError,
    FcxError,
    InitializerFailed,
    JobFailed,
    NoSuchPath,
    OutOfMemory,
    ParityError,
    RequestRefused,
    ResultError,
    RunLost,
    WorkerDied,
)
from .executor_pace import Pace
from .executor_tasks import Ledger, Task
from .journal import Journal, RunRecord
from .parity_verdict import Verdict
from .pilots import RAMP, Demand, Fate, Pilot, fate, never_runs, time_limit, workers_by_node
from .preflight import Gate
from .rundir import Bundle, Incarnation, LogCursor

WINDOW = 0.003  # seconds without a new call after which a bundle leaves
LONGEST_WINDOW = 1.0  # seconds for which a bundle may gather while calls keep coming
INLINE_BUNDLE = 192 << 10  # bytes of a bundle that may ride in a job script
BUNDLE = 64 << 20  # bytes of payload in one bundle
LARGEST_FILE = 5_000_000  # bytes of one upload: under the server's 5 MiB, with its form around it
SILENCE = 30.0  # seconds without a heartbeat after which Slurm is asked
LISTED_FROM = 2.0  # seconds between looks from which a listing replaces a blind read
OUTPUT_TAIL = 2000  # bytes of a job's output that an error shows
CUT = 10.0  # seconds left of a job when SIGTERM means its time limit
FACT_AGE = 7 * 86400.0  # seconds for which who we are over there is remembered
DIRECTORY_AGE = 86400.0  # seconds for which a working_dir that was fine is not looked at again


_RECORDED = (
    *("working_dir", "max_workers", "workers_per_node", "max_tasks_per_child", "idle_timeout"),
    *("gate_timeout", "sleep_interval", "task_retries", "python", "inline", "edf_option"),
)
"""Settings that another process needs to carry a run on."""


@dataclass(frozen=True)
class RunSettings:
    """What an executor was asked for, checked."""

    credentials: Credentials
    working_dir: str
    options: script.Options
    max_workers: int
    workers_per_node: int
    max_tasks_per_child: int | None
    idle_timeout: float
    gate_timeout: float
    sleep_interval: float
    task_retries: int
    python: str
    inline: bool
    logger: logging.Logger
    initializer: bytes = b""
    edf: tuple[str, bytes] | None = None  # file name and text of the run's own EDF
    edf_option: str = "--environment"

    def to_record(self) -> dict[str, Any]:
        """What another process needs to carry the run on; no secrets."""
        record: dict[str, Any] = {name: getattr(self, name) for name in _RECORDED}
        record["sbatch"], record["srun"] = self.options.sbatch, self.options.srun
        record["edf"] = [self.edf[0], self.edf[1].decode("ascii")] if self.edf else None
        record["account"] = self.credentials.account
        return record

    @property
    def states_pause(self) -> float:
        """Seconds between job listings: they are the dearest requests."""
        host = self.credentials.api_url.split("//")[-1]
        return 2.0 if host.startswith(("127.", "localhost", "[::1]")) else 10.0


@dataclass
class _Poll:
    """When was what looked at."""

    looked: float = 0.0
    states: float = 0.0
    progress: dict[Incarnation, float] = field(default_factory=dict)


class Run:
    """Owns the futures. Methods without an underscore may be called from any thread."""

    def __init__(self, settings: RunSettings, gate: Gate, journal: Journal) -> None:
        self.settings = settings
        self.gate = gate
        self.journal = journal
        self.log = settings.logger
        if gate.policy == "off":
            self.log.warning("parity off: whatever Python and packages are over there will be used")
        self.id = time.strftime("%Y%m%d-%H%M%S-") + secrets.token_hex(4)
        self.key = secrets.token_bytes(32)
        self.cluster = Cluster(settings.credentials)
        self.directory = ""  # known once we know who we are over there
        self.ledger = Ledger(settings.task_retries)
        self.pilots: list[Pilot] = []
        self.cursors: dict[Incarnation, LogCursor] = {}
        self.broken: BaseException | None = None
        self.finished = threading.Event()
        self.keep = False  # the run directory holds something that was not fetched
        self._arrived: deque[Task] = deque()
        self._arrival = 0.0
        self._first_arrival = 0.0
        self._window = WINDOW * 8
        self._lock = threading.Lock()
        self._closing = False
        self._aborting = False
        self._wake = asyncio.Event()
        self._poll_times = _Poll()
        self._pace = Pace(settings.sleep_interval)
        self._sending: asyncio.Task[None] | None = None
        self._submitting: asyncio.Task[None] | None = None
        self._orders = 0
        self._bundles = 0
        self._cancels: list[str] = []
        self._uploaded: set[str] = set()
        self._landed = False  # an agent has come up: the run directory is there
        self._made = False  # we made the run directory ourselves
        self._barren = 0  # pilots in a row that ended before an agent came up
        self._barren_until = 0.0
        self._started = False
        self.verdict: Verdict | None = None
        self.resumed = False
        self._directory_fact = ""
        self._probing = False  # a preflight: one pilot, no calls

    # -- from the caller's threads ----------------------------------------------------------

    def submit(self, task: Task) -> None:
        """Take a call in; it leaves with the next bundle."""
        with self._lock:
            quiet = not self._arrived
            self._arrived.append(task)
            self._arrival = time.monotonic()
            if not self._started:
                self._started = True
                LoopThread.shared().loop.call_soon_threadsafe(self._begin)
            elif quiet:
                LoopThread.shared().loop.call_soon_threadsafe(self._wake.set)

    def resume(self, record: RunRecord, pilots: list[tuple[str, str]]) -> None:
        """Take over a run that another process began; ``submit`` then names its calls."""
        self.id, self.key, self.directory = record.id, record.key, record.directory
        self.resumed = True
        for name, job in pilots:
            self.pilots.append(Pilot(name, self.settings.options.nodes, job))
        self._bundles = self._orders = int(time.time()) % 100_000 * 10  # past all earlier numbers

    def expect(self, tasks: list[Task]) -> None:
        """Calls of a resumed run: they have been sent already."""
        for task in tasks:
            self.ledger.unfinished[task.id] = task
        with self._lock:
            self._started = True
        LoopThread.shared().loop.call_soon_threadsafe(self._begin)

    def preflight(self) -> None:
        """Start one pilot that probes, and end. ``finished`` is set when its verdict is there."""
        with self._lock:
            self._probing = self._started = self._closing = True
        LoopThread.shared().loop.call_soon_threadsafe(self._begin)

    def cancel_task(self, task: str) -> None:
        """The future was cancelled: forget the task here, and over there."""
        LoopThread.shared().loop.call_soon_threadsafe(self._cancel_task, task)

    def close(self, *, abort: bool) -> None:
        """No more calls. ``abort``: end the pilots now; otherwise when all calls are settled."""
        with self._lock:
            self._closing = True
            self._aborting = self._aborting or abort
            if not self._started:
                self.finished.set()
                return
        LoopThread.shared().loop.call_soon_threadsafe(self._wake.set)

    def cancel_pending(self) -> None:
        """Cancel every call that is not known to run."""
        with self._lock:
            tasks = [*self._arrived, *self.ledger.unfinished.values()]
        for task in tasks:
            if not task.future.running():
                task.future.cancel()

    def live_output(self, task: str, stream: int) -> bytes:
        """What a running call has written so far."""
        return LoopThread.shared().run(self._live_output(task, stream))

    def fetch(self, parts: Callable[[], Coroutine[Any, Any, bytes]]) -> bytes:
        """Run a download in the loop."""
        return LoopThread.shared().run(parts())

    # -- the loop ---------------------------------------------------------------------------

    def _begin(self) -> None:
        self._main_task = asyncio.get_running_loop().create_task(self._main())

    async def _main(self) -> None:
        try:
            await self._prepare()
            while not await self._step():
                with contextlib.suppress(asyncio.TimeoutError):
                    await asyncio.wait_for(self._wake.wait(), self._next_step())
                self._wake.clear()
        except Exception as error:  # noqa: BLE001 - it belongs to the futures, whatever it is
            self._break(error)
        try:
            await self._end()
        except Exception as error:  # noqa: BLE001 - the results are safe; the rest is a warning
            self.log.warning(f"Run {self.id} was not tidied up: {error}")
        finally:
            with contextlib.suppress(Exception):
                await self.cluster.close()
            self.finished.set()

    async def _prepare(self) -> None:
        """Learn who we are over there, and that working_dir will do: remembered for next time."""
        settings = self.settings
        where = f"{settings.credentials.api_url} {settings.credentials.system}"
        who = f"user {where} {settings.credentials.client_id}"
        await asyncio.to_thread(self.gate.recall)
        if self.resumed:
            return
        user = await asyncio.to_thread(self.journal.fact, who, FACT_AGE)
        if user is None:
            user = await self._ask_user()
            await asyncio.to_thread(self.journal.store, who, user)
        base = posixpath.join(settings.working_dir, f".fcx-{user}")
        fine = f"directory {where} {base}"
        if not await asyncio.to_thread(self.journal.fact, fine, DIRECTORY_AGE):
            await self._check_working_dir(base)
            await asyncio.to_thread(self.journal.store, fine, True)
        self._directory_fact = fine  # forgotten when it turns out otherwise
        self.directory = posixpath.join(base, self.id)
        record = RunRecord(
            self.id,
            settings.credentials.api_url,
            settings.credentials.system,
            self.directory,
            self.key,
            time.time(),
            "open",
            settings.to_record(),
        )
        await asyncio.to_thread(self.journal.open_run, record)

    async def _ask_user(self) -> str:
        try:
            return await self.cluster.user()
        except RequestRefused as error:
            if error.status != 404:
                raise
            known = ", ".join(await self.cluster.systems())
            raise ConfigError(
                f"{self.settings.credentials.api_url} has no system "
                f"{self.cluster.system!r}; it has: {known}. Set FIRECREST_SYSTEM to one of them."
            ) from error

    async def _check_working_dir(self, base: str) -> None:
        working_dir = self.settings.working_dir
        try:
            await self.cluster.make_folder(base, parents=False)
        except NoSuchPath as error:
            raise ConfigError(
                f"working_dir {working_dir} does not exist on {self.cluster.system}. "
                "Make it there, or name one that exists."
            ) from error
        except RequestRefused as error:
            if "File exists" in str(error):
                return
            if error.status == 403 or "ermission denied" in str(error):
                raise ConfigError(
                    f"working_dir {working_dir} cannot be written to on {self.cluster.system}: "
                    f"{error}. Name a directory of your own."
                ) from error
            raise ConfigError(f"working_dir {working_dir} cannot be used: {error}") from error

    async def _step(self) -> bool:
        """Do what is due; True when the run is over."""
        self._collect()
        if self._aborting:
            return True
        self._harvest()
        if self._ready_to_send():
            self._sending = asyncio.create_task(self._send())
        self._ensure_pilots()
        if self._cancels:
            await self._order_cancel()
        if self._waiting() and self._poll_due() <= 0:
            await self._poll()
        if self._states_due() <= 0:
            await self._ask_states()
        return not self._waiting() and not self._arrived and self._closing

    def _waiting(self) -> bool:
        """Whether something is expected of the cluster."""
        return bool(self.ledger.unfinished) or (self._probing and self.verdict is None)

    def _harvest(self) -> None:
        """Errors of what ran beside the loop come up here."""
        for name in "_sending", "_submitting":
            work = getattr(self, name)
            if work is not None and work.done():
                setattr(self, name, None)
                work.result()

    def _next_step(self) -> float | None:
        """Seconds until something is due; None: only a new call or the end wakes us."""
        times = []
        if self._arrived or self.ledger.outbox:
            times.append(WINDOW)
        if self._waiting():
            times += [self._poll_due(), self._states_due(), RAMP]
        return max(0.001, min(times)) if times else None

    def _collect(self) -> None:
        with self._lock:
            tasks = list(self._arrived)
            self._arrived.clear()
        if not tasks:
            return
        if not self.ledger.outbox:
            self._first_arrival = time.monotonic()
        if not self.ledger.unfinished:
            self._pace.hurry()
            self._poll_times.looked = time.monotonic()
        self.ledger.add(tasks)

    # -- sending ----------------------------------------------------------------------------

    def _ready_to_send(self) -> bool:
        """Whether the outbox may leave: calls have stopped coming, or the window is over."""
        if self._sending is not None or self.gate.guard is None or not self.ledger.outbox:
            return False
        now = time.monotonic()
        if now - self._arrival < WINDOW and now - self._first_arrival < self._window:
            return False
        streaming = now - self._arrival < WINDOW
        self._window = min(LONGEST_WINDOW, self._window * 2) if streaming else WINDOW * 8
        return True

    async def _send(self) -> None:
        """One bundle: uploaded, or kept to ride in the script of the next pilot."""
        tasks = self.ledger.take(BUNDLE)
        if not tasks:
            return
        if any(not task.payload for task in tasks):
            await self._recall_payloads(tasks)
        bundle = self._bundle(tasks)
        archives = dict(archive for task in tasks for archive in task.archives)
        archives = {k: v for k, v in archives.items() if k not in self._uploaded}
        size = bundle.size + sum(map(len, archives.values()))
        riders = sum(b.size for p in self.pilots if p.pending for b in p.inlined)
        live = [pilot for pilot in self.pilots if pilot.live]
        if self.settings.inline and not live and size + riders < INLINE_BUNDLE:
            self._uploaded |= set(archives)
            self._submit_pilots(1, [bundle], archives)
        else:
            await self._make_run_directory()
            for name, data in archives.items():
                await self._upload("modules", name, data)
                self._uploaded.add(name)
            await self._upload_bundle(bundle)
        await asyncio.to_thread(
            self.journal.add_tasks, self.id, [(t.id, t.name, t.attempt) for t in tasks]
        )
        self._wake.set()

    async def _recall_payloads(self, tasks: list[Task]) -> None:
        """After attaching, payloads are only in the bundles over there."""
        wanted = {task.id: task for task in tasks if not task.payload}
        for bundle in await self.read_bundles():
            for item in (item for portion in bundle.portions for item in portion):
                if item.task in wanted:
                    task = wanted.pop(item.task)
                    task.payload, task.function = item.payload, item.function
                    task.walltime, task.modules = item.walltime, item.modules
        if wanted:
            raise self._run_lost()

    async def read_bundles(self) -> list[Bundle]:
        """The bundles that lie in the inbox."""
        inbox = posixpath.join(self.directory, "inbox")
        try:
            names = sorted(
                n for n in await self.cluster.list(inbox) if n[0] == "b" and "." not in n
            )
        except NoSuchPath:
            raise self._run_lost() from None
        found = []
        for name in names:
            head = await self.cluster.download(posixpath.join(inbox, name))
            more = range(1, rundir.bundle_chunks(head))
            rest = [
                await self.cluster.download(posixpath.join(inbox, f"{name}.{number}"))
                for number in more
            ]
            found.append(rundir.read_bundle(name, [head, *rest]))
        return found

    def _bundle(self, tasks: list[Task], pilot: str | None = None) -> Bundle:
        assert self.gate.guard is not None
        self._bundles += 1
        bundle = rundir.make_bundle(
            f"b{self._bundles:06d}",
            [task.item() for task in tasks],
            self.gate.guard,
            slots=self.settings.max_workers,
            pilot=pilot,
            seen=self.ledger.longest,
        )
        by_id = {task.id: task for task in tasks}
        for number, portion in enumerate(bundle.portions):
            for item in portion:
                by_id[item.task].bundle, by_id[item.task].portion = bundle.name, number
        return bundle

    async def _upload_bundle(self, bundle: Bundle) -> None:
        """Chunks side by side, the head last: without it the bundle is not there."""
        *chunks, head = bundle.files
        await asyncio.gather(*(self._upload("inbox", *chunk) for chunk in chunks))
        await self._upload("inbox", *head)

    async def _upload(self, folder: str, name: str, data: bytes) -> None:
        if len(data) > LARGEST_FILE:
            raise ConfigError(f"{name} is larger than {LARGEST_FILE} bytes: it cannot be uploaded")
        try:
            await self.cluster.write(posixpath.join(self.directory, folder), name, data)
        except NoSuchPath as error:
            raise self._run_lost() from error
        self._pace.spend(1)

    async def _make_run_directory(self) -> None:
        """Before anything is uploaded: private first (what the API makes is 0755), then folders."""
        if self._landed or self._made:
            return
        await self.cluster.make_folder(self.directory)
        await self.cluster.set_mode(self.directory, "700")
        for folder in "inbox", "modules":
            await self.cluster.make_folder(posixpath.join(self.directory, folder))
        await self._upload_secrets()
        self._made = True

    def _run_lost(self) -> RunLost:
        return RunLost(
            f"The run directory {self.directory} is gone: somebody or a clean-up removed it. "
            "Calls that had not ended are lost; submit them again."
        )

    # -- pilots -----------------------------------------------------------------------------

    def _per_pilot(self) -> int:
        counts = workers_by_node(
            self.settings.workers_per_node, self.settings.options.nodes, self.settings.max_workers
        )
        return sum(counts)

    def _ensure_pilots(self) -> None:
        """As many pilots as the calls need, surplus pending ones cancelled."""
        if self._submitting is not None or not self._waiting():
            return
        if time.monotonic() < self._barren_until:
            return
        if self.ledger.fresh:
            self._submit_reserved()
            return
        live = [pilot for pilot in self.pilots if pilot.live]
        if not live and self.gate.guard is not None and self._unsent():
            return  # the first bundle rides in the first pilot's script: _send submits it
        running = sum(1 for pilot in live if pilot.agents)
        ramping = bool(live) and time.monotonic() - live[0].submitted < RAMP
        demand = Demand(
            len(self.ledger.unfinished) or 1,
            self.settings.max_workers,
            self._per_pilot(),
            self.ledger.mean,
        )
        gated = self.gate.guard is None
        wanted = demand.pilots(running, gated=gated, ramping=ramping or not live)
        if wanted > len(live):
            self._submit_pilots(wanted - len(live), self._not_landed(), {})
        elif running and wanted < len(live):
            surplus = [pilot for pilot in live if pilot.pending and not pilot.reserved]
            for pilot in surplus[: len(live) - wanted]:
                self._cancel_pilot(pilot)

    def _unsent(self) -> bool:
        return self.settings.inline and bool(self.ledger.outbox or self._sending)

    def _not_landed(self) -> list[Bundle]:
        """Bundles that so far exist only in scripts of pilots that have not begun."""
        if self._landed:
            return []
        found = {b.name: b for p in self.pilots for b in p.inlined if not p.ended}
        return list(found.values())

    def _submit_reserved(self) -> None:
        """A fresh pilot for calls that are owed a whole time limit, ahead of all others."""
        tasks: list[Task] = []
        while self.ledger.fresh and len(tasks) < self._per_pilot():
            task = self.ledger.fresh.popleft()
            if task.id in self.ledger.unfinished:
                tasks.append(task)
        if not tasks:
            return
        name = self._next_name()
        bundle = self._bundle(tasks, pilot=name)
        pilot = Pilot(name, self.settings.options.nodes, reserved=bundle)
        self.pilots.append(pilot)
        self._spawn(self._submit_one(pilot, [bundle], {}))

    def _next_name(self) -> str:
        return script.pilot_name(self._shape(), len(self.pilots) + 1)

    def _submit_pilots(self, count: int, bundles: list[Bundle], archives: dict[str, bytes]) -> None:
        fresh = []
        for _ in range(count):
            pilot = Pilot(self._next_name(), self.settings.options.nodes, inlined=bundles)
            self.pilots.append(pilot)
            fresh.append(pilot)

        async def all_of_them() -> None:
            await asyncio.gather(*(self._submit_one(p, bundles, archives) for p in fresh))

        self._spawn(all_of_them())

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        previous = self._submitting

        async def after() -> None:
            if previous is not None:
                await previous
            await work
            self._wake.set()

        self._submitting = asyncio.create_task(after())

    async def _submit_one(
        self, pilot: Pilot, bundles: list[Bundle], archives: dict[str, bytes]
    ) -> None:
        carried = [b for b in bundles if self.settings.inline and b.size < INLINE_BUNDLE]
        for bundle in bundles:
            if bundle not in carried:
                await self._make_run_directory()
                await self._upload_bundle(bundle)
        if not self.settings.inline:
            await self._make_run_directory()
        files = self._files(carried, archives)
        text = script.render(self._shape(), pilot.name, self._config(pilot), files)
        pilot.submitted = time.monotonic()
        pilot.job = await self.cluster.submit(self.settings.working_dir, text)
        self._pace.spend(1)
        self._poll_times.states = time.monotonic()
        self.log.info(f"Job {pilot.job} submitted as {pilot.name}")
        await asyncio.to_thread(self.journal.add_pilot, self.id, pilot.name, pilot.job)

    def _shape(self) -> script.Shape:
        edf = f"edf/{self.settings.edf[0]}" if self.settings.edf else ""
        return script.Shape(
            self.settings.options,
            self.directory,
            self.id,
            self.settings.python,
            edf,
            self.settings.edf_option,
        )

    def _files(self, bundles: list[Bundle], archives: dict[str, bytes]) -> list[script.File]:
        files = []
        if self.settings.edf:
            files.append(script.File(f"edf/{self.settings.edf[0]}", self.settings.edf[1]))
        if self.settings.inline and self.gate.guard is not None:
            files.append(script.File("key", self.key.hex().encode() + b"\n"))
            if self.settings.initializer:
                files.append(script.File("initializer", self.settings.initializer))
        files += [script.File(f"modules/{name}", data) for name, data in archives.items()]
        files += [script.File(f"inbox/{n}", data) for b in bundles for n, data in b.files]
        return files

    def _config(self, pilot: Pilot) -> dict[str, object]:
        settings = self.settings
        edf = posixpath.join(self.directory, "edf", settings.edf[0]) if settings.edf else None
        return {
            "v": rundir.PROTOCOL,
            "pilot": pilot.name,
            "workers": workers_by_node(
                settings.workers_per_node, settings.options.nodes, settings.max_workers
            ),
            "max_tasks_per_child": settings.max_tasks_per_child,
            "idle_timeout": settings.idle_timeout,
            "gate_timeout": settings.gate_timeout,
            "guard": self.gate.guard,
            "probe": self.gate.policy == "off",
            "edf": edf,
        }

    def _cancel_pilot(self, pilot: Pilot) -> None:
        pilot.ended = True
        self.log.info(f"Job {pilot.job} is not needed any more: cancelled")
        self._spawn(self._cancel_jobs([pilot]))

    async def _cancel_jobs(self, pilots: list[Pilot]) -> None:
        jobs = {job for pilot in pilots for job in pilot.jobs() if job}
        await asyncio.gather(*(self.cluster.cancel(job) for job in sorted(jobs)))

    # -- cancelling calls -------------------------------------------------------------------

    def _cancel_task(self, name: str) -> None:
        task = self.ledger.drop(name)
        if task is None:
            return
        task.future.set_running_or_notify_cancel()
        if task.bundle:
            self._cancels.append(name)
        self._wake.set()

    async def _order_cancel(self) -> None:
        if not (self._landed or self._made):
            return  # it rides in a script: the agents will hear of it once there is an inbox
        names, self._cancels = self._cancels, []
        self._orders += 1
        await self._upload("inbox", f"o{self._orders:06d}", rundir.order({"cancel": names}))

    # -- looking ----------------------------------------------------------------------------

    def _poll_due(self) -> float:
        return self._poll_times.looked + self._pace.pause() - time.monotonic()

    def _states_due(self) -> float:
        if not self._waiting() or not self._in_doubt():
            return 3600.0
        return self._poll_times.states + self.settings.states_pause - time.monotonic()

    def _in_doubt(self) -> list[Pilot]:
        """Pilots of which only Slurm can say what they do: pending, or silent."""
        now = time.monotonic()
        return [
            pilot
            for pilot in self.pilots
            if pilot.live and pilot.job and (pilot.pending or self._silent(pilot, now))
        ]

    def _silent(self, pilot: Pilot, now: float) -> bool:
        last = [self._poll_times.progress.get(agent, now) for agent in pilot.agents]
        return bool(last) and now - max(last) > SILENCE

    async def _poll(self) -> None:
        """See what the logs say: one blind read of the only log there is, or one listing."""
        self._poll_times.looked = time.monotonic()
        if not self.directory or not any(pilot.job for pilot in self.pilots):
            return
        cursor = self._only_log()
        if cursor is not None and self._pace.pause() < LISTED_FROM:
            news = await self._read(cursor)
        else:
            news = await self._read_listed()
        if news:
            self._pace.news()
        else:
            self._pace.quiet()
        self._poll_times.looked = time.monotonic()

    def _only_log(self) -> LogCursor | None:
        """The log to read without a listing: one pilot of one node, begun or about to."""
        live = [pilot for pilot in self.pilots if pilot.live]
        if self.resumed or len(live) != 1 or live[0].nodes != 1 or not live[0].job:
            return None
        agents = [self.cursors[a] for a in live[0].agents if not self.cursors[a].ended]
        if live[0].agents:
            return agents[0] if len(agents) == 1 else None
        if time.monotonic() - live[0].submitted > 60:
            return None  # it may run under another id
        return LogCursor(Incarnation(live[0].job, 0, 0))

    async def _read_listed(self) -> bool:
        try:
            entries = await self.cluster.list(posixpath.join(self.directory, "logs"))
        except NoSuchPath:
            self._pace.spend(1)
            if self._landed:
                raise self._run_lost() from None
            return False
        self._pace.spend(1)
        self._find_logs(entries)
        grown = []
        for cursor in self.cursors.values():
            beat = entries.get(f"{cursor.incarnation}.beat")
            if beat is not None and beat.size != cursor.beat:
                cursor.beat = beat.size
                self._poll_times.progress[cursor.incarnation] = time.monotonic()
            entry = entries.get(cursor.name)
            if entry is not None and entry.size > cursor.offset:
                grown.append(cursor)
        news = await asyncio.gather(*(self._read(cursor) for cursor in grown))
        await self._see_exits(entries)
        return any(news)

    def _find_logs(self, entries: dict[str, Any]) -> None:
        """New agents; a later life of an agent means that the earlier one is over."""
        for name in entries:
            incarnation = Incarnation.parse(name.rpartition(".")[0])
            if incarnation is None or not name.endswith(".0") or incarnation in self.cursors:
                continue
            self.cursors[incarnation] = LogCursor(incarnation)

    async def _read(self, cursor: LogCursor) -> bool:
        """Take in what a log has to say since the last time."""
        path = posixpath.join(self.directory, "logs", cursor.name)
        self._pace.spend(1)
        try:
            data = await self.cluster.read_from(path, cursor.offset)
        except NoSuchPath:
            if self._landed and cursor.incarnation in self.cursors and cursor.offset:
                raise self._run_lost() from None
            return False
        segment = cursor.segment
        records = cursor.take(data)
        if not records:
            return False
        cursor = self.cursors.setdefault(cursor.incarnation, cursor)
        self._poll_times.progress[cursor.incarnation] = time.monotonic()
        for record in records:
            await self._on_record(cursor, record)
        if cursor.segment != segment:
            await self._read(cursor)
        return True

    async def _see_exits(self, entries: dict[str, Any]) -> None:
        """Agents that died, and lives that were followed by others."""
        for cursor in list(self.cursors.values()):
            if cursor.ended:
                continue
            me = cursor.incarnation
            later = Incarnation(me.job, me.restart + 1, me.node)
            if f"{me}.exit" in entries:
                await self._agent_gone(cursor, "its agent was killed")
            elif later in self.cursors:
                await self._agent_gone(cursor, "the job was requeued")

    # -- what the records say ---------------------------------------------------------------

    async def _on_record(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        kind = record["k"]
        if kind == "up":
            await self._on_up(cursor, record)
        elif kind == "run":
            self._on_run(cursor, record)
        elif kind == "done":
            await self._on_done(cursor, record)
        elif kind == "died":
            await self._on_died(cursor, record)
        elif kind == "back":
            self._on_back(record)
        elif kind == "failed":
            raise InitializerFailed(
                "The initializer failed in a worker, so no call can run:\n" + record["error"]
            )
        elif kind == "refused":
            raise self.gate.refused(record["findings"])
        elif kind == "end":
            await self._on_end(cursor, record)

    async def _on_up(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        pilot = next((p for p in self.pilots if p.name == record["pilot"]), None)
        if pilot is None:
            return
        pilot.agents.add(cursor.incarnation)
        self._landed = True
        self._barren = 0
        self.log.info(f"Job {cursor.incarnation.job} runs on {record['node']}")
        if record.get("probe"):
            await self._on_probe(record)

    async def _on_probe(self, record: dict[str, Any]) -> None:
        """Judge the far side; what had waited for it is judged too, or leaves now."""
        closed = self.gate.guard is None
        hashes = {"the EDF": record.get("edf")}
        verdict = await asyncio.to_thread(self.gate.admit, record["probe"], hashes)
        self.verdict = verdict
        notes = len(verdict.differences)
        told = f" with {notes} note(s): `fcx preflight` shows them" if notes else ""
        self.log.info(f"The far side passes under {self.gate.policy!r}{told}")
        if closed and self.ledger.unfinished:
            await self._upload_secrets()
            for task in list(self.ledger.outbox):
                self._judge_call(task)

    def _judge_call(self, task: Task) -> None:
        if task.requirements is None:
            return
        try:
            self.gate.refuse_call(task.requirements)
        except ParityError as error:
            self._settle(task, None, error)

    async def _upload_secrets(self) -> None:
        """What only goes to a place that has passed: the key, and the user's initializer."""
        if self._made:
            return
        await self._upload("", "key", self.key.hex().encode())
        if self.settings.initializer:
            await self._upload("", "initializer", self.settings.initializer)

    def _on_run(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        task = self.ledger.unfinished.get(record["t"])
        if task is None or task.attempt != record["a"]:
            return
        task.running, task.slot, task.first = cursor.incarnation, record["slot"], record["first"]
        task.future.report_running(cursor.incarnation.job)

    async def _data(self, record: dict[str, Any]) -> bytes:
        """A record's data: in the record, or in parts."""
        if "d" in record:
            return base64.b64decode(record["d"])
        names = [f"{record['t']}.{record['a']}.{number}" for number in range(record["parts"])]
        folder = posixpath.join(self.directory, "parts")

        async def part(name: str) -> bytes:
            text = await self.cluster.read_from(posixpath.join(folder, name), 0)
            return await asyncio.to_thread(base64.b64decode, text)

        self._pace.spend(len(names))
        return b"".join(await asyncio.gather(*map(part, names)))

    async def _on_done(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        task = self.ledger.unfinished.get(record["t"])
        if task is None:
            return
        data = await self._data(record)
        if not rundir.authentic(self.key, record, data):
            self.log.warning(f"An outcome of {task.name} is not of this run: it was not loaded")
            return
        task.future.job_id = cursor.incarnation.job
        self.ledger.ran(task, record["s"])
        result, out, err = _split(data, record["n"])
        if len(result) > 1 << 20:
            value, error = await asyncio.to_thread(payload.load, record["o"], result)
        else:
            value, error = payload.load(record["o"], result)
        if isinstance(error, ResultError) and error.data:
            self.keep = True
        self._settle(task, value, error, (out, err))

    def _settle(
        self,
        task: Task,
        value: Any,
        error: BaseException | None,
        output: tuple[bytes, bytes] = (b"", b""),
    ) -> None:
        if self.ledger.drop(task.id) is not None:
            task.future.report_end(value, error, output)

    async def _on_died(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        """The worker ended before its call did: say how, or run it again."""
        task = self.ledger.unfinished.get(record["t"])
        if task is None or task.attempt != record["a"]:
            return
        task.running, task.first = cursor.incarnation, record["first"]
        task.future.job_id = cursor.incarnation.job
        how = record["how"]
        _, out, err = _split(await self._data(record), record["n"])
        told = f"The worker of {task.name} in job {cursor.incarnation.job} {how['text']}."
        left = record["left"]
        if how["signal"] == 15 and left is not None and left < CUT:
            why = time_limit(cursor.incarnation.job)
        elif how["oom"]:
            why = Fate("memory", OutOfMemory(f"{told} Ask for more with --mem, or use less."))
        elif how["outside"]:
            why = Fate("failed", WorkerDied(f"{told} It was tried {task.charged + 1} times."))
        else:
            why = Fate("own", WorkerDied(told))
        self._lost(task, why, (out, err))

    def _lost(self, task: Task, why: Fate, output: tuple[bytes, bytes] = (b"", b"")) -> None:
        error = self.ledger.lost(task, why)
        if error is None:
            self.log.warning(f"{task.name} will run again: {why.error}")
        else:
            self._settle(task, None, error, output)

    def _on_back(self, record: dict[str, Any]) -> None:
        for name, attempt in record["t"]:
            task = self.ledger.unfinished.get(name)
            if task is not None and task.attempt == attempt:
                error = self.ledger.back(task)
                if error is not None:
                    self._settle(task, None, error)

    async def _on_end(self, cursor: LogCursor, record: dict[str, Any]) -> None:
        """An agent has left by itself. What it held has outcomes or went back."""
        pilot = self._pilot_of(cursor.incarnation)
        if pilot is None:
            return
        restarts = record["why"] == "signal" and self.settings.options.requeue
        agents = [self.cursors[agent] for agent in pilot.agents]
        if len(agents) >= pilot.nodes and all(agent.ended for agent in agents) and not restarts:
            self._pilot_over(pilot)

    def _pilot_of(self, incarnation: Incarnation) -> Pilot | None:
        for pilot in self.pilots:
            if incarnation in pilot.agents or incarnation.job == pilot.job:
                return pilot
        return None

    def _pilot_over(self, pilot: Pilot) -> None:
        """Nothing more comes from this pilot: what was reserved for it goes back."""
        pilot.ended = True
        self.log.info(f"Job {pilot.job} has ended")
        bundles = [pilot.reserved] if pilot.reserved else []
        if not self._landed:
            others = {b.name for p in self.pilots if p.live for b in p.inlined}
            bundles += [bundle for bundle in pilot.inlined if bundle.name not in others]
        for bundle in bundles:
            for task in self.ledger.in_bundle(bundle.name):
                error = self.ledger.back(task)
                if error is not None:
                    self._settle(task, None, error)

    async def _agent_gone(self, cursor: LogCursor, how: str) -> None:
        """An agent ended without a word: what it had claimed is lost, or runs again."""
        await self._read(cursor)
        if cursor.ended:
            return
        cursor.ended = "gone"
        pilot = self._pilot_of(cursor.incarnation)
        if pilot is None:
            return
        why = fate(pilot)
        if pilot.state is None or not pilot.state.terminal:
            told = f"Job {cursor.incarnation.job}: {how} while the call ran"
            why = Fate("failed", JobFailed(told))
        await self._lose_claims(cursor.incarnation, why)
        agents = [self.cursors[agent] for agent in pilot.agents]
        all_gone = len(agents) >= pilot.nodes and all(agent.ended for agent in agents)
        if all_gone and "requeued" not in how:
            self._pilot_over(pilot)

    async def _lose_claims(self, incarnation: Incarnation, why: Fate) -> None:
        try:
            entries = await self.cluster.list(posixpath.join(self.directory, "claims"))
        except NoSuchPath:
            raise self._run_lost() from None
        mine = set()
        for name, entry in entries.items():
            bundle, _, portion = name.partition(".")
            if entry.target == str(incarnation):
                mine.add((bundle, int(portion)))
        for task in self.ledger.in_portions(mine):
            self._lost(task, why)

    # -- what Slurm says --------------------------------------------------------------------

    async def _ask_states(self) -> None:
        """One listing of all jobs, compared with the pilots that are in doubt."""
        doubtful = self._in_doubt()
        self._poll_times.states = time.monotonic()
        states = {state.job: state for state in await self.cluster.jobs()}
        self._pace.spend(1)
        self._poll_times.states = time.monotonic()
        for pilot in doubtful:
            known = [states[job] for job in pilot.jobs() if job in states]
            state = next((s for s in known if not s.terminal), known[0] if known else None)
            await self._on_state(pilot, state)

    async def _on_state(self, pilot: Pilot, state: JobState | None) -> None:
        if state is None:
            if pilot.missing(time.monotonic()):
                await self._pilot_gone(pilot)
            return
        if pilot.state is None or pilot.state.state != state.state:
            self.log.info(f"Job {pilot.job}: {state.state}")
        pilot.seen(state)
        if state.terminal:
            await self._pilot_gone(pilot)
        elif state.never_runs:
            self._cancel_pilot(pilot)
            raise never_runs(pilot, state)
        elif state.state == "PENDING" and state.reason not in {"", "None", pilot.told_reason}:
            pilot.told_reason = state.reason
            self.log.info(f"Job {pilot.job} waits: {state.reason}")

    async def _pilot_gone(self, pilot: Pilot) -> None:
        """Slurm says that it has ended. Its logs are read first: an outcome wins over a state."""
        await self._read_listed()
        if pilot.ended or await self._seated_elsewhere(pilot):
            return
        for agent in list(pilot.agents):
            cursor = self.cursors[agent]
            if not cursor.ended:
                await self._agent_gone(cursor, "it ended")
        if not pilot.agents:
            await self._on_barren(pilot)
        if not pilot.ended:
            self._pilot_over(pilot)

    async def _seated_elsewhere(self, pilot: Pilot) -> bool:
        """After an ambiguous submit another job may hold the pilot's seat: that one counts."""
        try:
            seats = await self.cluster.list(posixpath.join(self.directory, "seats"))
        except NoSuchPath:
            return False
        seat = seats.get(pilot.name)
        if seat is None or not seat.target or seat.target in pilot.jobs():
            return False
        self.log.info(f"{pilot.name} runs as job {seat.target}, not {pilot.job}")
        pilot.job, pilot.state = seat.target, None
        return True

    async def _on_barren(self, pilot: Pilot) -> None:
        """A pilot ended before its agent came up: again, but not for ever."""
        self._barren += 1
        told = await self._output_tail(pilot.job)
        why = fate(pilot, told)
        if self.gate.guard is None and why.kind == "failed" and pilot.state is not None:
            raise await asyncio.to_thread(self.gate.not_started, pilot.job, told)
        await asyncio.to_thread(self.gate.forget)
        if self._barren > self.settings.task_retries or why.kind == "time":
            raise why.error
        self._barren_until = time.monotonic() + min(30.0, 0.5 * 2**self._barren)
        self.log.warning(f"{why.error} Another pilot is submitted.")

    async def _output_tail(self, job: str) -> str:
        path = await self.cluster.output_path(job)
        path = path or posixpath.join(self.settings.working_dir, f"slurm-{job}.out")
        try:
            return (await self.cluster.read_end(path, OUTPUT_TAIL)).decode("utf-8", "replace")
        except FcxError:
            await asyncio.to_thread(self.journal.forget, self._directory_fact)
            with contextlib.suppress(FcxError):
                return await self._working_dir_complaint()
            return ""

    async def _working_dir_complaint(self) -> str:
        """No output at all: the usual reason is a working_dir that is not there any more."""
        try:
            await self.cluster.stat(self.settings.working_dir)
        except NoSuchPath:
            return f"working_dir {self.settings.working_dir} does not exist over there\n"
        return ""

    async def _live_output(self, name: str, stream: int) -> bytes:
        task = self.ledger.unfinished.get(name)
        if task is None or task.running is None:
            return b""
        file = f"{task.running}.{task.slot}.{('out', 'err')[stream]}"
        try:
            return await self.cluster.read_from(posixpath.join(self.directory, "output", file), 0)
        except NoSuchPath:
            return b""

    # -- the end ----------------------------------------------------------------------------

    def _break(self, error: BaseException) -> None:
        """The run cannot go on: every call gets the reason."""
        self.broken = error
        self._aborting = True
        if isinstance(error, FcxError):
            self.log.error(str(error))
        else:
            self.log.error("fcx failed", exc_info=error)
        self._collect()
        for task in list(self.ledger.unfinished.values()):
            own = _copy_of(error)
            own.__cause__ = error.__cause__
            self._settle(task, None, own)

    async def _end(self) -> None:
        """Leave nothing behind: neither jobs nor, if all of it was fetched, the run directory."""
        for work in self._sending, self._submitting:
            if work is not None:
                with contextlib.suppress(Exception):
                    await work
        live = [pilot for pilot in self.pilots if pilot.live]
        running = [pilot for pilot in live if pilot.agents]
        pending = live if self._aborting else [p for p in live if not p.agents]
        if self._aborting and live:
            self.log.warning(f"Cancelling {len(live)} job(s) of run {self.id}")
        await self._cancel_jobs(pending)
        for task in list(self.ledger.unfinished.values()):
            task.future.cancel()
            self._cancel_task(task.id)
        await self._tidy(running and not self._aborting)
        await asyncio.to_thread(self.journal.end_run, self.id, kept=self.keep)

    async def _tidy(self, running: bool | list[Pilot]) -> None:
        if not self.directory or not (self._landed or self._made):
            return
        with contextlib.suppress(NoSuchPath):
            if running:
                word = b"keep" if self.keep else b"remove"
                await self.cluster.write(posixpath.join(self.directory, "inbox"), "closed", word)
            elif not self.keep:
                await self.cluster.remove(self.directory)


def _split(data: bytes, lengths: list[int]) -> tuple[bytes, bytes, bytes]:
    first, second, third = lengths
    return data[:first], data[first : first + second], data[first + second : first + second + third]


def _copy_of(error: BaseException) -> BaseException:
    """An exception of its own for each future: a traceback shared between threads grows."""
    try:
        made = type(error)(*error.args)
    except Exception:  # noqa: BLE001 - then the one there is must do
        return error
    made.__dict__.update(error.__dict__)
    return made
