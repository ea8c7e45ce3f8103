"""The `process` back end: runs job scripts as processes of this machine, behind the API.

Jobs wait in one queue, first come first served, until their nodes are free. Each running job has a
supervisor (programs/supervisor) that owns its processes; here are only the books. KillWait is
shorter than Slurm's (2 s, not 30): everything else about an end is as there.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from typing import Any

from ..errors import CommandTimeout, SchedulerError
from ..scheduler import JobRequest, Record, Scheduler, SchedulerSettings
from . import admission, records, sbatch
from .controller import Controller
from .job import Job
from .partitions import partition
from .questions import OVER, UNKNOWN, Questions


class ProcessScheduler(Scheduler):
    """Jobs as processes, on nodes that are working environments."""

    transfer_directives = ("#SBATCH --partition=xfer --ntasks=1",)

    def __init__(self, settings: SchedulerSettings) -> None:
        super().__init__(settings)
        self.controller = Controller(settings)
        self.questions = Questions(self.controller)

    def announce(self, port: int, token: str, engine: list[str] | None) -> None:
        """Tell the programs of the jobs where to ask."""
        self.controller.workplace.announce(port, token, engine)

    async def close(self) -> None:
        """End all jobs."""
        await self.controller.close()

    # --- submission

    async def submit(self, request: JobRequest, *, delay: float = 0.0) -> str:
        """Read the script and its options, refuse what sbatch refuses, queue the rest."""
        script = sbatch.script_of(request)
        if not script and not request.script_path:
            # sbatch waits for an input without end
            await asyncio.sleep(self.settings.command_timeout)
            raise CommandTimeout
        spec = sbatch.read_request(request, script)
        chosen = partition(spec.charge.partition)
        admission.check(spec, self.settings.accounts)
        if spec.answers_oddly == "test-only":
            raise SchedulerError("Unable to submit new job")
        job = self.controller.submit(spec, chosen, delay)
        if spec.answers_oddly is not None:
            await self._odd_answer(job, spec.answers_oddly)
        return job.id

    async def _odd_answer(self, job: Job, option: str) -> None:
        """`--parsable` and `--wait`: the job runs, and the answer is not what the API reads."""
        if option == "parsable":
            raise SchedulerError("Unable to submit new job")
        deadline = time.monotonic() + self.settings.command_timeout
        while job.end is None:
            if time.monotonic() > deadline:
                raise CommandTimeout
            await asyncio.sleep(0.05)
        if job.status.state != "COMPLETED":
            raise SchedulerError.of_command(job.status.exit_code or 1, "")

    # --- what the API asks

    async def jobs(
        self,
        job_id: str | None = None,
        *,
        all_users: bool = False,
        account: str | None = None,
        name: str | None = None,
        window: float = 24 * 3600.0,
    ) -> list[Record]:
        """Records, as squeue and sacct together give them."""
        known = self.controller.jobs
        if job_id is None:
            oldest = time.time() - window
            found = [
                job
                for job in known.values()
                if (job.end is None or job.end >= oldest)
                and account in {None, "", job.terms.account}
                and name in {None, "", job.spec.name}
            ]
        elif job_id.isdigit():
            found = [known[job_id]] if job_id in known else []
        else:
            raise SchedulerError.of_query(1, f"sacct: fatal: Bad job/step specified: {job_id}\n")
        next_start = self.controller.next_start()
        return [
            records.job_record(job, next_start if job.pending else None) for job in _readable(found)
        ]

    async def metadata(self, job_id: str) -> list[Record]:
        """Script and files, until MinJobAge after the end."""
        job = self.controller.known(job_id)
        return [] if job is None else [records.metadata_record(job)]

    async def cancel(self, job_id: str) -> None:
        """scancel, as the API reads its words."""
        job = self.controller.jobs.get(job_id)
        if job is None or job.end is not None:
            raise SchedulerError.of_command(
                0,
                f"scancel: Terminating job {job_id}\nscancel: error: Kill job error on job id "
                f"{job_id}: {UNKNOWN if job is None else OVER}\n",
            )
        self.controller.cancel(job)

    async def attach(self, job_id: str, command: str) -> None:
        """`srun --overlap` inside the job, as the login node's shell reads the line."""
        job = await self._attachable(job_id)
        line = f"srun --jobid='{job_id}' --overlap {command}"
        try:
            status, errors = await self.controller.running.attach(
                job, line, self.settings.command_timeout
            )
        except asyncio.TimeoutError:
            raise CommandTimeout from None
        if status != 0:
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
            raise SchedulerError.of_command(code, errors)

    async def _attachable(self, job_id: str) -> Job:
        """The job, once its supervisor is up; SchedulerError unless it runs."""
        job = self.controller.jobs.get(job_id)
        if job is None:
            raise _srun_refused(
                f"{job_id}: {UNKNOWN}\nsrun: Check SLURM_JOB_ID environment "
                f"variable. Expired or invalid job {job_id}"
            )
        running = self.controller.running
        while not running.has(job) and job.end is None and not job.pending:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # RUNNING already, its supervisor is being started
        if not running.has(job) or job.end is not None:
            raise _srun_refused(f"{job_id}: {'Job is pending execution' if job.pending else OVER}")
        return job

    async def nodes(self) -> list[Record]:
        """The nodes, all of them this machine."""
        pools = self.controller.pools
        return [records.node_record(node, pools.partitions_of(node)) for node in pools.all_nodes()]

    async def partitions(self, *, show_hidden: bool = False) -> list[Record]:
        """The partitions: normal and debug have all nodes, xfer one of its own."""
        return records.partition_records(self.controller.pools)

    async def reservations(self) -> list[Record]:
        """None are ever made."""
        return []

    async def accounts(self) -> list[Record]:
        """The accounts that may be charged; the first is the default."""
        names = self.settings.accounts
        return [{"name": name, "default": name == names[0]} for name in names]

    async def ask(self, what: str, body: Record) -> Any:
        """Answer a program that runs inside a job."""
        return self.questions.answer(what, body)

    # --- faults

    def _alive(self, job_id: str) -> Job:
        job = self.controller.jobs.get(job_id)
        if job is None:
            raise SchedulerError(UNKNOWN, status=404)
        if job.end is not None:
            raise SchedulerError(OVER, status=409)
        return job

    async def requeue(self, job_id: str) -> None:
        """What `scontrol requeue` does."""
        job = self._alive(job_id)
        if self.controller.running.has(job):
            self.controller.requeue(job)

    async def fail_node(self, job_id: str) -> None:
        """The job's nodes die under it."""
        self.controller.fail_nodes(self._alive(job_id))

    async def preempt(self, job_id: str) -> None:
        """Another job takes its place."""
        self.controller.preempt(self._alive(job_id))

    async def run_out_of_memory(self, job_id: str) -> None:
        """The kernel kills all of it for its memory."""
        self.controller.end(self._alive(job_id), "OUT_OF_MEMORY", grace=0.0)


def _readable(jobs: list[Job]) -> Iterator[Job]:
    """A `|` in a name breaks what the real server reads: the row, or, with steps, all of it."""
    for job in jobs:
        if "|" not in job.spec.name:
            yield job
        elif not job.pending and job.run is not None:
            raise SchedulerError("Error executing Slurm command.")


def _srun_refused(words: str) -> SchedulerError:
    return SchedulerError.of_command(
        1, f"srun: error: Unable to confirm allocation for job {words}\n"
    )
