"""Pilots' jobs: submit, cancel, list, and what they wrote."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from ...errors import RequestRefused, StateError
from ...firecrest.client import Client
from ...firecrest.jobs import JobState
from ...jobscript.render import File
from ..core.actions import AskJob, CancelJob, ListJobs, ReadOutput, SubmitPilot
from ..core.events import AnyEvent, Done, JobAnswered, JobMade, JobSeen, JobsListed, OutputRead
from ..ledger import Ledger
from .context import Context
from .table import Table

BY_US = (
    "the run's own client: it was left (Ctrl-C, an error, or the end of its `with` block), or had "
    "no work for it"
)
OUTPUT_TAIL = 2000  # bytes of a job's output that an error shows


class JobEffects:
    """Asks Slurm, through the door."""

    def __init__(self, context: Context, ledger: Ledger) -> None:
        self.context = context
        self.ledger = ledger
        self._cancels: dict[str, str] = {}  # jobs that a program of ours has cancelled: which
        self.table: Table = {
            SubmitPilot: self.submit,
            CancelJob: self.cancel,
            ListJobs: self.listing,
            AskJob: self.ask,
            ReadOutput: self.output,
        }

    async def submit(self, action: SubmitPilot) -> AnyEvent:
        """A pilot, with what its script brings along."""
        context = self.context
        store, directory = context.store, context.place.directory
        kit = context.kits[action.shape]
        guard, look = kit.gate.guard if action.open else None, kit.gate.look
        config = kit.scripts.config(directory, action.pilot, action.workers, guard, look=look)
        files = [self._supply(name) for name in action.archives]
        files += [
            File(f"inbox/{name}", data)
            for bundle in action.bundles
            if bundle in store.bundles  # else it has arrived already, with a job nobody heard of
            for name, data in store.bundles[bundle].files
        ]
        text = kit.scripts.text(directory, config, files, opened=action.open)
        working_dir, account = kit.settings.table.working_dir, kit.settings.credentials.account
        made = await context.client.jobs.submit(working_dir, text, account)
        return JobMade(action.id, made.job, made.repeated)

    def _supply(self, name: str) -> File:
        """What a script brings along for its tasks."""
        store = self.context.store
        content = store.objects.get(name)
        if content is not None:
            return File(name, content.piece(0, content.size))
        return File(f"modules/{name}", store.payloads.archive(name))

    async def cancel(self, action: CancelJob) -> AnyEvent:
        """One that has ended counts as cancelled. Who did it is noted first, for a later client."""
        memory, run = self.context.memory, self.context.identity.id
        note = partial(memory.journal.add_cancel, run, action.job, BY_US)
        self._cancels.setdefault(action.job, BY_US)
        with contextlib.suppress(StateError):  # said already
            await asyncio.to_thread(memory.record, note)
        await self.context.client.jobs.cancel(action.job)
        return Done(action.id)

    async def listing(self, action: ListJobs) -> AnyEvent:
        """All of the user's recent jobs or some, and how long the answer took."""
        jobs = self.context.client.jobs
        listing = await (jobs.each(*action.jobs) if action.jobs else jobs.listing())
        return JobsListed(action.id, await self._seen(*listing.jobs), listing.seconds)

    async def ask(self, action: AskJob) -> AnyEvent:
        """One job, which a listing need not have."""
        state = await self.context.client.jobs.ask(action.job)
        return JobAnswered(action.id, (await self._seen(state))[0] if state else None)

    async def output(self, action: ReadOutput) -> AnyEvent:
        """The end of it; without any, the usual reason is a working_dir that is gone, or full."""
        context = self.context
        text = await end_of_output(context.client, context.settings.table.working_dir, action.job)
        if text is None:
            await context.home.forget(context.place.base)
        return OutputRead(action.id, text or await context.home.complaint())

    async def _seen(self, *jobs: JobState) -> tuple[JobSeen, ...]:
        self.ledger.jobs(jobs)
        run = self.context.identity.id
        ours = [job for job in jobs if job.state == "CANCELLED" and run in job.name]
        if any(job.job not in self._cancels for job in ours):
            noted = await asyncio.to_thread(self.context.memory.cancels, run)
            unknown = dict.fromkeys((job.job for job in ours), "")
            self._cancels = {**unknown, **self._cancels, **noted}
        return tuple(
            JobSeen(
                job.job,
                job.state,
                job.reason,
                job.exit_code,
                job.signal,
                job.name,
                job.user,
                self._cancels.get(job.job, ""),
            )
            for job in jobs
        )


async def end_of_output(client: Client, working_dir: str, job: str) -> str | None:
    """The end of what a job wrote, with its errors where they go elsewhere; None: no such file.

    Raises what keeps the server from telling.
    """
    paths = await client.jobs.output_paths(job) or (f"{working_dir}/slurm-{job}.out",)
    found: list[str] = []
    for path in paths:
        with contextlib.suppress(RequestRefused):
            data = await client.files.read_end(path, OUTPUT_TAIL)
            found.append(data.decode("utf-8", "replace"))
    return "".join(text for text in found if text.strip()) if found else None
