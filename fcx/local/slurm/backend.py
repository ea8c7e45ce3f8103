"""The `slurm` back end: the machine's own sbatch, scontrol, scancel and srun, found by SLURM_CONF.

Slurm forgets an ended job after MinJobAge (300 s by default), where a real site asks its
accounting database. So the last record of each job is kept here, up to a bound, and while jobs of
this server are under way a watcher looks at them often enough to see each one's end.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import re
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping

from fcx.local.errors import CommandTimeout, SchedulerError
from fcx.local.scheduler import JobRequest, Record, Scheduler, SchedulerSettings
from fcx.local.slurm import text
from fcx.local.slurm.commands import Commands, Done

REMEMBERED_JOBS = 20_000
CLOSE_TIMEOUT = 60.0

_SUBMITTED = re.compile(r"^Submitted batch job (\d+)", re.MULTILINE)


class SlurmScheduler(Scheduler):
    """Jobs in the Slurm that SLURM_CONF (or the machine's own configuration) names."""

    def __init__(self, settings: SchedulerSettings) -> None:
        super().__init__(settings)
        self._commands: Commands
        self._known: OrderedDict[str, text.Fields] = OrderedDict()
        self._read: dict[str, text.Fields] = {}
        self._mine: set[str] = set()  # submitted here and not seen to end
        self._submitted: set[str] = set()
        self._cancelled: set[str] = set()
        self._hidden: set[str] = set()
        self._starved: set[str] = set()
        self._watcher: asyncio.Task[None] | None = None
        self._min_job_age = 300.0

    async def start(self) -> None:
        """Check that Slurm is there and answers. Raises SchedulerError."""
        self._commands = Commands(self.settings)
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
                await self._look()
                if not self._mine:
                    return
                for chunk in _chunks(sorted(self._mine), 200):
                    await self._commands.ask("scancel", "--quiet", *chunk)
            await asyncio.sleep(0.1)

    async def submit(self, request: JobRequest) -> str:
        """`sbatch`, the script on its standard input."""
        if not request.script and not request.script_path:
            # The real server's command waits for a standard input that never comes.
            await asyncio.sleep(self.settings.command_timeout)
            raise CommandTimeout
        command = ["sbatch", *_sbatch_options(request)]
        if request.script is None:
            command.append(request.script_path or "")
        stdin = None if request.script is None else request.script.encode("utf-8", "surrogatepass")
        try:
            done = await self._commands.launch(*command, stdin=stdin)
        except CommandTimeout as error:
            raise SchedulerError("('Channel not open for sending',)") from error
        match = _SUBMITTED.search(done.stdout)
        if done.status or match is None:
            # `--parsable` lands here although the job runs, as on the real server.
            self._mine.update(re.findall(r"^\d+$", done.stdout.strip(), re.MULTILINE))
            raise SchedulerError.of_command(done.status, done.stderr)
        self._submitted.add(match[1])
        self._mine.add(match[1])
        return match[1]

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
        try:
            found = await self._look(job_id)
        except CommandTimeout as error:
            raise SchedulerError(
                "Error executing Slurm command.", caused_by=[error.message]
            ) from error
        since = time.time() - window
        records = [
            self._record(job)
            for job in found.values()
            if job["JobId"] not in self._hidden
            and (job_id is not None or text.is_live(job) or _end_of(job) >= since)
        ]
        return [
            record
            for record in records
            if (all_users or record["user"] == self._commands.user.pw_name)
            and account in {None, record["account"]}
            and name in {None, record["name"]}
        ]

    async def metadata(self, job_id: str) -> list[Record]:
        """`scontrol show job` and `write batch_script`: nothing once MinJobAge is over."""
        done = await self._commands.ask("scontrol", "show", "job", job_id)
        if done.status:
            return []
        jobs = list(text.blocks(done.stdout, "JobId"))
        script = await self._commands.ask("scontrol", "write", "batch_script", job_id, "-")
        return [
            text.metadata_record(job, script.stdout if script.status == 0 else None)
            for job in jobs[:1]
        ]

    async def cancel(self, job_id: str) -> None:
        """`scancel`; it reports errors with exit status 0, and so does the real server."""
        before = job_id in self._cancelled
        self._cancelled.add(job_id)
        done = await self._commands.ask("scancel", "-v", job_id)
        if done.status or "error:" in done.stderr:
            if not before:
                self._cancelled.discard(job_id)
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
        return [text.node_record(node) for node in text.blocks(shown, "NodeName")]

    async def partitions(self, *, show_hidden: bool = False) -> list[Record]:
        """`scontrol show partitions`."""
        parts = await self._partitions()
        return [text.partition_record(p) for p in parts if show_hidden or p.get("Hidden") != "YES"]

    async def _partitions(self) -> list[text.Fields]:
        return list(text.blocks(await self._show("partitions", "--all"), "PartitionName"))

    async def reservations(self) -> list[Record]:
        """`scontrol show reservations`."""
        shown = await self._show("reservations")
        return [text.reservation_record(one) for one in text.blocks(shown, "ReservationName")]

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
        node = (await self._running(job_id)).get("BatchHost", "")
        await self._change(f"NodeName={node}", "State=DOWN", "Reason=fault on request")
        try:
            await self._change(f"NodeName={node}", "State=RESUME")
        except SchedulerError as error:
            # slurmd may have reported in the meantime: then the node is back already.
            if "Invalid node state" not in error.message:
                raise

    async def run_out_of_memory(self, job_id: str) -> None:
        """Kill all of the job. Only with cgroups would Slurm itself call that OUT_OF_MEMORY."""
        await self._running(job_id)
        self._starved.add(job_id)
        done = await self._commands.ask("scancel", "--full", "--signal=KILL", job_id)
        if done.status:
            raise SchedulerError.of_command(done.status, done.stderr)

    async def preempt(self, job_id: str) -> None:
        """Ask for the job's nodes in a partition whose jobs go before it, if Slurm has one."""
        job = await self._running(job_id)
        parts = {p["PartitionName"]: p for p in await self._partitions()}
        tier = int(parts.get(job["Partition"], {}).get("PriorityTier", "1"))
        higher = [n for n, p in parts.items() if int(p.get("PriorityTier", "1")) > tier]
        if not higher:
            raise SchedulerError("no partition of this Slurm goes before the job's", status=501)
        done = await self._commands.launch(
            "sbatch", f"--partition={higher[0]}", f"--nodelist={job['NodeList']}", "--exclusive",
            "--mem=0", "--output=/dev/null", "--time=1", "--wrap=true",
        )  # fmt: skip
        match = _SUBMITTED.search(done.stdout)
        if match is None:
            raise SchedulerError.of_command(done.status, done.stderr)
        self._mine.add(match[1])
        self._hidden.add(match[1])  # somebody else's job, as far as the user is concerned

    async def _running(self, job_id: str) -> text.Fields:
        job = (await self._look(job_id)).get(job_id, {})
        if job.get("JobState") != "RUNNING":
            raise SchedulerError(f"job {job_id} is not running", status=409)
        return job

    async def _change(self, *what: str) -> None:
        done = await self._commands.ask("scontrol", "update", *what)
        if done.status:
            raise SchedulerError.of_command(done.status, done.stdout + done.stderr)

    # ------------------------------------------------------------------ what Slurm says of jobs

    async def _look(self, job_id: str | None = None) -> OrderedDict[str, text.Fields]:
        """Jobs that Slurm knows, or that it knew: id -> fields; takes note of those that ended."""
        before = set(self._mine)
        done = await self._commands.ask("scontrol", "show", "job", *([job_id] if job_id else []))
        if done.status and "Invalid job id" not in done.stderr:
            raise SchedulerError.of_query(done.status, done.stderr)
        # Most of a long listing is as it was the last time: that isn't read again.
        read = {
            piece: self._read.get(piece) or text.job_fields(piece)
            for piece in text.pieces(done.stdout, "JobId")
        }
        shown = OrderedDict((job["JobId"], job) for job in read.values())
        for job in shown.values():
            self._note(job)
        if job_id is None:
            self._read = read
            # What Slurm no longer knows has ended, though nobody saw its end.
            self._mine -= before - shown.keys()
            return OrderedDict({**self._known, **shown})
        if not shown and job_id in self._known:
            shown[job_id] = self._known[job_id]
        return shown

    def _note(self, job: text.Fields) -> None:
        """Remember a job that has ended, and which are this server's to end."""
        key = job["JobId"]
        if text.is_live(job):
            self._known.pop(key, None)
            if self._is_ours(job):
                self._mine.add(key)
            return
        self._mine.discard(key)
        self._known[key] = job
        while len(self._known) > REMEMBERED_JOBS:
            oldest, _ = self._known.popitem(last=False)
            for ids in (self._cancelled, self._hidden, self._starved, self._submitted):
                ids.discard(oldest)

    def _is_ours(self, job: text.Fields) -> bool:
        """A task of an array of this server's, or what an sbatch left that gave no answer."""
        if job.get("ArrayJobId") in self._submitted:
            return True
        sent = self._commands.lost.get(_session(job))
        own = job.get("UserId", "").startswith(f"{self._commands.user.pw_name}(")
        return own and sent is not None and int(job.get("SubmitTime", "0")) >= sent - 1

    def _record(self, job: text.Fields) -> Record:
        if job["JobId"] in self._starved and job["JobState"] in {"FAILED", "CANCELLED"}:
            job = {**job, "JobState": "OUT_OF_MEMORY", "ExitCode": "0:125"}
        known = self._cancelled & {job["JobId"], job.get("ArrayJobId", "")}
        by = str(self._commands.user.pw_uid) if known else None
        return text.job_record(job, self.cluster, by)

    async def _watch(self) -> None:
        """See the end of each job of this server before Slurm forgets it."""
        while True:
            await asyncio.sleep(max(1.0, min(60.0, self._min_job_age / 3)))
            if self._mine:
                with contextlib.suppress(SchedulerError, CommandTimeout):
                    await self._look()

    async def _show(self, what: str, *options: str) -> str:
        try:
            done = await self._commands.ask("scontrol", *options, "show", what)
        except CommandTimeout as error:
            raise SchedulerError(error.message, caused_by=[error.message]) from error
        if done.status:
            raise SchedulerError.of_query(done.status, done.stderr)
        return done.stdout


def _sbatch_options(request: JobRequest) -> Iterator[str]:
    """What the server puts on sbatch's command line; it goes before the script's #SBATCH lines."""
    exported = ["ALL", *(f"{name}={value}" for name, value in request.environment.items())]
    yield f"--export={','.join(exported)}"
    yield f"--chdir={request.working_directory}"
    named = {
        "job-name": request.name,
        "account": request.account,
        "partition": request.partition,
        "reservation": request.reservation,
        "constraint": request.constraints,
        "input": request.standard_input,
        "output": request.standard_output,
        "error": request.standard_error,
    }
    if request.delay:
        yield f"--begin=now+{math.ceil(request.delay)}"
    for option, value in named.items():
        if value:
            yield f"--{option}={value}"


def _session(job: Mapping[str, str]) -> int:
    """The session that submitted the job, as `AllocNode:Sid=host:number` tells."""
    sid = job.get("AllocNode:Sid", "").rpartition(":")[2]
    return int(sid) if sid.isdigit() else -1


def _end_of(job: Mapping[str, str]) -> float:
    end = job.get("EndTime", "")
    return float(end) if end.isdigit() else time.time()


def _chunks(items: list[str], size: int) -> Iterator[list[str]]:
    return (items[start : start + size] for start in range(0, len(items), size))
