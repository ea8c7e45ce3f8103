"""What Slurm says of pilots that are pending or silent; asked seldom, believed late."""

from __future__ import annotations

import asyncio
import contextlib
import posixpath
import time

from ..errors import FcxError, NoSuchPath
from ..firecrest.jobs import JobState
from .pilots import Pilot, fate, never_runs
from .state import LEAST_PAUSE
from .watch import Watch

SILENCE = 30.0  # seconds without a heartbeat after which Slurm is asked
MOST_PAUSE = 10.0  # seconds between job listings
LISTING_SHARE = 20.0  # pauses between listings are so many times as long as a listing takes
OUTPUT_TAIL = 2000  # bytes of a job's output that an error shows


class States(Watch):
    """Compares the list of jobs with the pilots that are in doubt."""

    def _states_due(self) -> float:
        if not self._waiting() or not self._in_doubt():
            return 3600.0
        return self._poll_times.states + self._states_pause - time.monotonic()

    def _in_doubt(self) -> list[Pilot]:
        """Pilots of which only Slurm can say what they do: pending, silent, or cancelled by us."""
        now = time.monotonic()
        return [
            pilot
            for pilot in self.pilots
            if pilot.job
            and (pilot.leaving or (pilot.live and (pilot.pending or self._silent(pilot, now))))
        ]

    def _silent(self, pilot: Pilot, now: float) -> bool:
        last = [self._poll_times.progress.get(agent, now) for agent in pilot.agents]
        return bool(last) and now - max(last) > SILENCE

    async def _ask_states(self) -> None:
        """One listing of all jobs, compared with the pilots that are in doubt."""
        doubtful = self._in_doubt()
        self._poll_times.states = time.monotonic()
        listing = await self.client.jobs.listing()
        states = {state.job: state for state in listing.jobs}
        self._states_pause = min(MOST_PAUSE, max(LEAST_PAUSE, LISTING_SHARE * listing.seconds))
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
        elif pilot.leaving:
            return
        elif state.never_runs:
            self._cancel_pilot(pilot)
            raise never_runs(pilot, state)
        elif state.state == "PENDING" and state.reason not in {"", "None", pilot.told_reason}:
            pilot.told_reason = state.reason
            self.log.info(f"Job {pilot.job} waits: {state.reason}")

    async def _pilot_gone(self, pilot: Pilot) -> None:
        """Slurm says that it has ended. Its logs are read first: an outcome wins over a state."""
        await self._read_listed()
        if pilot.leaving:
            await self._left(pilot)
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

    async def _left(self, pilot: Pilot) -> None:
        """One that we cancelled has ended: had it begun after all, its calls go back uncharged."""
        pilot.leaving = False
        for cursor in list(self.cursors.values()):
            if cursor.incarnation.job in pilot.jobs() and not cursor.ended:
                cursor.ended = "gone"
                for task in await self._claimed(cursor.incarnation):
                    self._on_back({"t": [[task.id, task.attempt]]})

    async def _seated_elsewhere(self, pilot: Pilot) -> bool:
        """After an ambiguous submit another job may hold the pilot's seat: that one counts."""
        try:
            seats = await self.client.files.list(posixpath.join(self.directory, "seats"))
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
        path = await self.client.jobs.output_path(job)
        path = path or posixpath.join(self.settings.working_dir, f"slurm-{job}.out")
        try:
            return (await self.client.files.read_end(path, OUTPUT_TAIL)).decode("utf-8", "replace")
        except FcxError:
            await asyncio.to_thread(self.gate.facts.forget, self._directory_fact)
            with contextlib.suppress(FcxError):
                return await self._working_dir_complaint()
            return ""

    async def _working_dir_complaint(self) -> str:
        """No output at all: the usual reason is a working_dir that is not there any more."""
        try:
            await self.client.files.stat(self.settings.working_dir)
        except NoSuchPath:
            return f"working_dir {self.settings.working_dir} does not exist over there\n"
        return ""
