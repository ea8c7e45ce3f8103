"""The run: one executor's life on the cluster. All of it happens in one event loop.

::

    submit ─ pickled in the caller's thread ─> _collect ─> Ledger.outbox (executor_tasks)
                                                               │
      executor_pilots: _ensure_pilots, _send ──────────────────┤ a small bundle rides along
          │ script.render, jobs.submit                         │ executor_inbox: files.write
          v                                                    v
      agents on the nodes: claim, run, append ──────────> inbox/, logs/
                                                               │
      executor_watch: _poll, _on_record <──────────────────────┘ one listing or one read
      executor_states: what Slurm says of pilots that are silent
          │
          v
      payload.load ──> FirecrestFuture
"""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import time

from ..errors import ConfigError, FcxError, NoSuchPath, RequestRefused
from ..firecrest.loop import LoopThread
from ..state.journal import RunRecord
from .pilots import RAMP, Pilot
from .state import WINDOW
from .states import States
from .tasks import Task

FACT_AGE = 7 * 86400.0  # seconds for which who we are over there is remembered
DIRECTORY_AGE = 86400.0  # seconds for which a working_dir that was fine is not looked at again


class Run(States):
    """Owns the futures. Methods without an underscore may be called from any thread."""

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
        loop = LoopThread.shared().loop
        if abort:
            loop.call_soon_threadsafe(self.client.hurry)
        loop.call_soon_threadsafe(self._wake.set)

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
                await self.client.close()
            self.finished.set()

    async def _prepare(self) -> None:
        """Learn who we are over there, and that working_dir will do: remembered for next time."""
        settings = self.settings
        await asyncio.to_thread(self.gate.recall)
        if self.resumed:
            return
        base = await self._place()
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

    async def _place(self, *, afresh: bool = False) -> str:
        """The folder of all runs, in a working_dir that will do; ``afresh``: remember nothing."""
        credentials = self.settings.credentials
        where = f"{credentials.api_url} {credentials.system}"
        who = f"user {where} {credentials.client_id}"
        user = None if afresh else await asyncio.to_thread(self.gate.facts.get, who, FACT_AGE)
        if user is None:
            user = await self._ask_user()
            await asyncio.to_thread(self.gate.facts.store, who, user)
        base = posixpath.join(self.settings.working_dir, f".fcx-{user}")
        fine = self._directory_fact = f"directory {where} {base}"
        if afresh or not await asyncio.to_thread(self.gate.facts.get, fine, DIRECTORY_AGE):
            await self._check_working_dir(base)
            await asyncio.to_thread(self.gate.facts.store, fine, True)
        return base

    def check_place(self) -> None:
        """Credentials, system and working_dir, by requests alone; raises what is wrong."""

        async def ask() -> None:
            try:
                await self._place(afresh=True)
            finally:
                await self.client.close()

        LoopThread.shared().run(ask())

    async def _ask_user(self) -> str:
        try:
            return await self.client.user()
        except RequestRefused as error:
            if error.status != 404:
                raise
            known = ", ".join(await self.client.systems())
            raise ConfigError(
                f"{self.settings.credentials.api_url} has no system "
                f"{self.client.system!r}; it has: {known}. Set FIRECREST_SYSTEM to one of them."
            ) from error

    async def _check_working_dir(self, base: str) -> None:
        working_dir = self.settings.working_dir
        try:
            await self.client.files.make_folder(base, parents=False)
        except NoSuchPath as error:
            raise ConfigError(
                f"working_dir {working_dir} does not exist on {self.client.system}. "
                "Make it there, or name one that exists."
            ) from error
        except RequestRefused as error:
            if "File exists" in str(error):
                return
            if error.status == 403 or "ermission denied" in str(error):
                raise ConfigError(
                    f"working_dir {working_dir} cannot be written to on {self.client.system}: "
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

    def _cancel_task(self, name: str) -> None:
        self._collect()  # it may be so new that the ledger has not seen it
        task = self.ledger.drop(name)
        if task is None:
            return
        task.future.set_running_or_notify_cancel()
        if task.bundle:
            self._cancels.append(name)
        self._wake.set()

    def _break(self, error: BaseException) -> None:
        """The run cannot go on: every call gets the reason."""
        self.broken = error
        self._aborting = True
        if isinstance(error, FcxError):
            self.log.error(str(error).splitlines()[0])
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
        pending = live if self._aborting else [p for p in live if not p.agents or p.ambiguous]
        jobs = sum(bool(pilot.job) for pilot in live)
        if self._aborting and jobs:
            self.log.warning(f"Cancelling {jobs} job(s) of run {self.id}")
        await self._cancel_jobs(pending)
        for task in list(self.ledger.unfinished.values()):
            task.future.cancel()
            self._cancel_task(task.id)
        await self._tidy(running and not self._aborting)
        await asyncio.to_thread(self.journal.end_run, self.id, kept=self.keep)

    async def _tidy(self, running: bool | list[Pilot]) -> None:
        if not self.directory or not (self._landed or self._made):
            return
        stays = self.keep or self.linger
        with contextlib.suppress(NoSuchPath):
            if running or stays:
                word = b"keep" if stays else b"remove"
                await self.client.files.write(
                    posixpath.join(self.directory, "inbox"), "closed", word
                )
            else:
                await self.client.files.remove(self.directory)


def _copy_of(error: BaseException) -> BaseException:
    """An exception of its own for each future: a traceback shared between threads grows."""
    try:
        made = type(error)(*error.args)
    except Exception:  # noqa: BLE001 - then the one there is must do
        return error
    made.__dict__.update(error.__dict__)
    return made
