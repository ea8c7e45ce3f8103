"""When bundles leave and how many pilots there are: the first bundle rides in a job script."""

from __future__ import annotations

import asyncio
import posixpath
import time
from collections.abc import Coroutine
from typing import Any

from ..jobscript import render as script
from ..protocol import rundir
from ..protocol.rundir import Bundle
from .inbox import Inbox
from .pilots import RAMP, Demand, Pilot, workers_by_node
from .state import WINDOW
from .tasks import Task

LONGEST_WINDOW = 1.0  # seconds for which a bundle may gather while calls keep coming
INLINE_BUNDLE = 192 << 10  # bytes of a bundle that may ride in a job script
BUNDLE = 64 << 20  # bytes of payload in one bundle


class Pilots(Inbox):
    """Submits and cancels pilots, and sends what they shall do."""

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
            self.ledger.expected_seconds(),
        )
        gated = self.gate.guard is None
        wanted = demand.pilots(running, gated=gated, ramping=ramping or not live)
        if wanted > len(live):
            self._submit_pilots(wanted - len(live), *self._not_landed())
        elif running and wanted < len(live):
            surplus = [pilot for pilot in live if pilot.pending and not pilot.reserved]
            for pilot in surplus[: len(live) - wanted]:
                self._cancel_pilot(pilot)

    def _unsent(self) -> bool:
        return self.settings.inline and bool(self.ledger.outbox or self._sending)

    def _not_landed(self) -> tuple[list[Bundle], dict[str, bytes]]:
        """Bundles and modules that so far are only in scripts of pilots that have not begun.

        Every script has both: whichever pilot begins first must find the modules of its calls.
        """
        if self._landed:
            return [], {}
        waiting = [pilot for pilot in self.pilots if not pilot.ended]
        bundles = {b.name: b for pilot in waiting for b in pilot.inlined}
        archives = {n: data for pilot in waiting for n, data in pilot.archives.items()}
        return list(bundles.values()), archives

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
            nodes = self.settings.options.nodes
            pilot = Pilot(self._next_name(), nodes, inlined=bundles, archives=archives)
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
        submitted = await self.client.jobs.submit(self.settings.working_dir, text)
        pilot.job = submitted.job
        if submitted.repeated:
            pilot.ambiguous = True
            self.linger = True
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
        if self.settings.inline and self.gate.guard is not None and self.settings.initializer:
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
        pilot.ended = pilot.leaving = True
        self.log.info(f"Job {pilot.job} is not needed any more: cancelled")
        self._spawn(self._cancel_jobs([pilot]))

    async def _cancel_jobs(self, pilots: list[Pilot]) -> None:
        jobs = {job for pilot in pilots for job in pilot.jobs() if job}
        await asyncio.gather(*(self.client.jobs.cancel(job) for job in sorted(jobs)))
