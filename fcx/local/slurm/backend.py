"""The `slurm` back end: the machine's own sbatch, scontrol, scancel and srun, found by SLURM_CONF.

While jobs of this server are under way a watcher looks at them often enough to see each one's end
before Slurm forgets it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import time
from collections.abc import Iterator

from ..errors import CommandTimeout, SchedulerError
from ..scheduler import JobRequest, Record, Scheduler, SchedulerSettings
from . import records, sbatch, scontrol
from .commands import Commands, Done
from .memory import Memory

CLOSE_TIMEOUT = 60.0


class SlurmScheduler(Scheduler):
    """Jobs in the Slurm that SLURM_CONF (or the machine's own configuration) names."""

    def __init__(self, settings: SchedulerSettings) -> None:
        super().__init__(settings)
        self.memory: Memory
        self._commands: Commands
        self._watcher: asyncio.Task[None] | None = None
        self._min_job_age = 300.0

    async def start(self) -> None:
        """Check that Slurm is there and answers. Raises SchedulerError."""
        self._commands = Commands(self.settings)
        self.memory = Memory(self._commands)
        try:
            done = await self._commands.ask("scontrol", "show", "config")
        except CommandTimeout:
            done = Done(1, "", "scontrol show config hangs")
        if done.status:
            raise SchedulerError(
                f"Slurm does not answer: {done.stderr.strip()} "
                f"(SLURM_CONF is {os.environ.get('SLURM_CONF', 'not set')})"
            )
        age = re.search(r"^MinJobAge\s*=\s*(\d+)", done.stdout, re.MULTILINE)
        self._min_job_age = float(age[1]) if age else self._min_job_age
        version = re.search(r"^SLURM_VERSION\s*=\s*(\S+)", done.stdout, re.MULTILINE)
        self.version = version[1] if version else self.version
        self._watcher = asyncio.create_task(self._watch())

    async def close(self) -> None:
        """Cancel what this server submitted and wait until Slurm has cleaned up after it."""
        if self._watcher is None:
            return
        self._watcher.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._watcher
        deadline = time.monotonic() + CLOSE_TIMEOUT
        while time.monotonic() < deadline:
            with contextlib.suppress(SchedulerError, CommandTimeout):
                await self.memory.look()
                if not self.memory.mine:
                    return
                for chunk in _chunks(sorted(self.memory.mine), 200):
                    await self._commands.ask("scancel", "--quiet", *chunk)
            await asyncio.sleep(0.1)

    async def submit(self, request: JobRequest, *, delay: float = 0.0) -> str:
        """`sbatch`, the script on its standard input."""
        if not request.script and not request.script_path:
            # The real server's command waits for a standard input that never comes.
            await asyncio.sleep(self.settings.command_timeout)
            raise CommandTimeout
        command = ["sbatch", *sbatch.options(request, delay)]
        if request.script is None:
            command.append(request.script_path or "")
        stdin = None if request.script is None else request.script.encode("utf-8", "surrogatepass")
        try:
            done = await self._commands.launch(*command, stdin=stdin)
        except CommandTimeout as error:
            raise SchedulerError("('Channel not open for sending',)") from error
        job_id = sbatch.submitted_id(done.stdout)
        if done.status or job_id is None:
            # `--parsable` lands here although the job runs, as on the real server.
            self.memory.mine.update(re.findall(r"^\d+$", done.stdout.strip(), re.MULTILINE))
            raise SchedulerError.of_command(done.status, done.stderr)
        self.memory.submitted.add(job_id)
        self.memory.mine.add(job_id)
        return job_id

    async def jobs(
        self,
        job_id: str | None = None,
        *,
        all_users: bool = False,
        account: str | None = None,
        name: str | None = None,
        window: float = 24 * 3600.0,
    ) -> list[Record]:
        """`scontrol show job`, and what is remembered of jobs that Slurm has forgotten."""
        if job_id is not None and not job_id.isdigit():
            raise SchedulerError.of_query(1, f"sacct: fatal: Bad job/step specified: {job_id}\n")
        found = await self.memory.records(job_id, window)
        return [
            record
            for record in found
            if (all_users or record["user"] == self._commands.user.pw_name)
            and account in {None, record["account"]}
            and name in {None, record["name"]}
        ]

    async def metadata(self, job_id: str) -> list[Record]:
        """`scontrol show job` and `write batch_script`: nothing once MinJobAge is over."""
        done = await self._commands.ask("scontrol", "show", "job", job_id)
        if done.status:
            return []
        jobs = list(scontrol.blocks(done.stdout, "JobId"))
        script = await self._commands.ask("scontrol", "write", "batch_script", job_id, "-")
        return [
            records.metadata_record(job, script.stdout if script.status == 0 else None)
            for job in jobs[:1]
        ]

    async def cancel(self, job_id: str) -> None:
        """`scancel`; it reports errors with exit status 0, and so does the real server."""
        before = job_id in self.memory.cancelled
        self.memory.cancelled.add(job_id)
        done = await self._commands.ask("scancel", "-v", job_id)
        if done.status or "error:" in done.stderr:
            if not before:
                self.memory.cancelled.discard(job_id)
            raise SchedulerError.of_command(done.status, done.stderr)

    async def attach(self, job_id: str, command: str) -> None:
        """`srun --overlap`."""
        done = await self._commands.launch(
            "srun", "--overlap", f"--jobid={job_id}", "bash", "-c", command
        )
        if done.status:
            raise SchedulerError.of_command(done.status, done.stderr)

    async def nodes(self) -> list[Record]:
        """`scontrol show nodes`."""
        shown = await self._show("nodes")
        return [records.node_record(node) for node in scontrol.blocks(shown, "NodeName")]

    async def partitions(self, *, show_hidden: bool = False) -> list[Record]:
        """`scontrol show partitions`."""
        parts = await self._partitions()
        return [
            records.partition_record(p) for p in parts if show_hidden or p.get("Hidden") != "YES"
        ]

    async def _partitions(self) -> list[scontrol.Fields]:
        return list(scontrol.blocks(await self._show("partitions", "--all"), "PartitionName"))

    async def reservations(self) -> list[Record]:
        """`scontrol show reservations`."""
        shown = await self._show("reservations")
        return [
            records.reservation_record(one) for one in scontrol.blocks(shown, "ReservationName")
        ]

    async def accounts(self) -> list[Record]:
        """Those of the settings: without an accounting database Slurm takes any account."""
        names = self.settings.accounts
        return [{"name": name, "default": name == names[0]} for name in names]

    async def requeue(self, job_id: str) -> None:
        """`scontrol requeue`."""
        done = await self._commands.ask("scontrol", "requeue", job_id)
        if done.status:
            raise SchedulerError.of_command(done.status, done.stderr)

    async def fail_node(self, job_id: str) -> None:
        """Set the node of the job's script down and up again. Takes Slurm's administrator."""
        node = (await self.memory.running(job_id)).get("BatchHost", "")
        await self._change(f"NodeName={node}", "State=DOWN", "Reason=fault on request")
        try:
            await self._change(f"NodeName={node}", "State=RESUME")
        except SchedulerError as error:
            # slurmd may have reported in the meantime: then the node is back already.
            if "Invalid node state" not in error.message:
                raise

    async def run_out_of_memory(self, job_id: str) -> None:
        """Kill all of the job. Only with cgroups would Slurm itself call that OUT_OF_MEMORY."""
        await self.memory.running(job_id)
        self.memory.starved.add(job_id)
        done = await self._commands.ask("scancel", "--full", "--signal=KILL", job_id)
        if done.status:
            raise SchedulerError.of_command(done.status, done.stderr)

    async def preempt(self, job_id: str) -> None:
        """Ask for the job's nodes in a partition whose jobs go before it, if Slurm has one."""
        job = await self.memory.running(job_id)
        parts = {p["PartitionName"]: p for p in await self._partitions()}
        tier = int(parts.get(job["Partition"], {}).get("PriorityTier", "1"))
        higher = [n for n, p in parts.items() if int(p.get("PriorityTier", "1")) > tier]
        if not higher:
            raise SchedulerError("no partition of this Slurm goes before the job's", status=501)
        done = await self._commands.launch(
            "sbatch", f"--partition={higher[0]}", f"--nodelist={job['NodeList']}", "--exclusive",
            "--mem=0", "--output=/dev/null", "--time=1", "--wrap=true",
        )  # fmt: skip
        other = sbatch.submitted_id(done.stdout)
        if other is None:
            raise SchedulerError.of_command(done.status, done.stderr)
        self.memory.mine.add(other)
        self.memory.hidden.add(other)  # somebody else's job, as far as the user is concerned

    async def _change(self, *what: str) -> None:
        done = await self._commands.ask("scontrol", "update", *what)
        if done.status:
            raise SchedulerError.of_command(done.status, done.stdout + done.stderr)

    async def _watch(self) -> None:
        """See the end of each job of this server before Slurm forgets it."""
        while True:
            await asyncio.sleep(max(1.0, min(60.0, self._min_job_age / 3)))
            if self.memory.mine:
                with contextlib.suppress(SchedulerError, CommandTimeout):
                    await self.memory.look()

    async def _show(self, what: str, *options: str) -> str:
        try:
            done = await self._commands.ask("scontrol", *options, "show", what)
        except CommandTimeout as error:
            raise SchedulerError(error.message, caused_by=[error.message]) from error
        if done.status:
            raise SchedulerError.of_query(done.status, done.stderr)
        return done.stdout


def _chunks(items: list[str], size: int) -> Iterator[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
