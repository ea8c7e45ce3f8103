"""The back end that runs job scripts as processes of this machine."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass, field
from typing import Any

from fcx.local.errors import SchedulerError
from fcx.local.scheduler import JobRequest, Record, Scheduler, SchedulerSettings
from fcx.local.site import group_name, user_name


@dataclass
class Job:
    id: str
    request: JobRequest
    name: str
    submitted: float
    state: str = "PENDING"
    reason: str = "None"
    exit_code: int | None = None
    signal: int | None = None
    start: float | None = None
    end: float | None = None
    process: asyncio.subprocess.Process | None = None
    cancelled: bool = False
    output: str = ""
    task: asyncio.Task[None] | None = field(default=None)


class ProcessScheduler(Scheduler):
    """Runs each job at once, as a process with a session of its own."""

    def __init__(self, settings: SchedulerSettings) -> None:
        super().__init__(settings)
        self._jobs: dict[str, Job] = {}
        self._next = 1_000_000 + int(time.time()) % 8_000_000

    async def close(self) -> None:
        for job in self._jobs.values():
            self._kill(job, signal.SIGKILL)
        await asyncio.gather(*(job.task for job in self._jobs.values() if job.task))

    def _kill(self, job: Job, number: int) -> None:
        if job.process and job.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.process.pid, number)

    async def submit(self, request: JobRequest) -> str:
        script = request.script or open(request.script_path or "").read()
        if not script.startswith("#!"):
            raise SchedulerError.of_command(
                1,
                "sbatch: error: This does not look like a batch script.  The first\n"
                "sbatch: error: line must start with #! followed by the path to an interpreter.\n"
                "sbatch: error: For instance: #!/bin/sh\n",
            )
        self._next += 1
        job = Job(str(self._next), request, "sbatch", time.time())
        for line in script.splitlines():
            if line.startswith("#SBATCH"):
                for word in line.split()[1:]:
                    key, _, value = word.partition("=")
                    if key in ("--job-name", "-J"):
                        job.name = value
                    if key == "--output":
                        job.output = value
        self._jobs[job.id] = job
        job.task = asyncio.ensure_future(self._run(job, script))
        return job.id

    async def _run(self, job: Job, script: str) -> None:
        spool = self.settings.root / f"job{job.id}.sh"
        spool.write_text(script)
        spool.chmod(0o700)
        bin_dir = self.settings.root / "bin"
        bin_dir.mkdir(exist_ok=True)
        python = bin_dir / "python3"
        if not python.exists():
            python.write_text(f'#!/bin/sh\nexec "{self.settings.python}" "$@"\n')
            python.chmod(0o755)
            srun = bin_dir / "srun"
            srun.write_text('#!/bin/sh\nwhile [ "${1#-}" != "$1" ]; do shift; done\nexec "$@"\n')
            srun.chmod(0o755)
        cwd = job.request.working_directory
        path = os.path.join(cwd, (job.output or "slurm-%j.out").replace("%j", job.id))
        job.start, job.state = time.time(), "RUNNING"
        try:
            with open(path, "ab") as out:
                job.process = await asyncio.create_subprocess_exec(
                    str(spool), cwd=cwd, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out,
                    start_new_session=True,
                    env={"PATH": f"{bin_dir}:/usr/local/bin:/usr/bin:/bin", "HOME": os.path.expanduser("~"),
                         "USER": user_name(), "SLURM_JOB_ID": job.id, "SLURM_JOB_NUM_NODES": "1",
                         "SLURM_RESTART_COUNT": "0", "SLURMD_NODENAME": "fcx-node-1", **job.request.environment},
                )
            status = await job.process.wait()
            self._kill(job, signal.SIGKILL)
        except OSError:
            status = -53
        job.end = time.time()
        job.exit_code, job.signal = max(status, 0), max(-status, 0)
        job.state = "FAILED" if status else "COMPLETED"
        if job.cancelled:
            job.state, job.exit_code, job.signal = f"CANCELLED by {os.getuid()}", 0, 0

    def _record(self, job: Job) -> Record:
        now = job.end or time.time()
        times = {"elapsed": int(now - job.start) if job.start else 0, "start": job.start and int(job.start),
                 "end": job.end and int(job.end), "suspended": 0, "limit": 3600}
        ended = job.end is not None
        status = {"state": job.state, "stateReason": job.reason,
                  "exitCode": job.exit_code if ended else 0, "interruptSignal": job.signal if ended else 0}
        return {
            "jobId": job.id, "name": job.name, "status": status,
            "tasks": [] if not job.start else [{"id": f"{job.id}.batch", "name": "batch", "status": {**status, "stateReason": None}, "time": {**times, "limit": None}}],
            "time": times, "account": job.request.account or "staff", "allocationNodes": 1, "cluster": self.cluster,
            "group": group_name(), "nodes": "fcx-node-1" if job.start else "", "partition": "normal", "killRequestUser": None,
            "user": user_name(), "workingDirectory": job.request.working_directory, "priority": 1,
        }

    async def jobs(self, job_id: str | None = None, *, all_users: bool = False, account: str | None = None,
                   name: str | None = None, window: float = 86400.0) -> list[Record]:
        found = [self._jobs[job_id]] if job_id in self._jobs else [] if job_id else list(self._jobs.values())
        return [self._record(job) for job in found]

    async def metadata(self, job_id: str) -> list[Record]:
        job = self._jobs.get(job_id)
        if job is None:
            return []
        out = os.path.join(job.request.working_directory, (job.output or "slurm-%j.out").replace("%j", job.id))
        return [{"jobId": job.id, "script": job.request.script, "standardInput": "/dev/null",
                 "standardOutput": out, "standardError": out}]

    async def cancel(self, job_id: str) -> None:
        job = self._jobs.get(job_id)
        words = None if job else "Invalid job id specified"
        if job and job.end:
            words = "Job/step already completing or completed"
        if words:
            raise SchedulerError.of_command(0, f"scancel: Terminating job {job_id}\nscancel: error: Kill job error on job id {job_id}: {words}\n")
        assert job
        job.cancelled = True
        self._kill(job, signal.SIGTERM)

    async def attach(self, job_id: str, command: str) -> None:
        raise SchedulerError("not yet")

    async def nodes(self) -> list[Record]:
        return [{"sockets": 1, "cores": 8, "threads": 1, "cpus": 8, "cpuLoad": 0.1, "freeMemory": 1000, "features": "fcx",
                 "name": f"fcx-node-{n + 1}", "address": "127.0.0.1", "hostname": f"fcx-node-{n + 1}", "state": ["IDLE"],
                 "partitions": ["normal"], "weight": 1, "allocMemory": 0, "allocCpus": 0, "idleCpus": 8}
                for n in range(self.settings.nodes)]

    async def partitions(self, *, show_hidden: bool = False) -> list[Record]:
        return [{"name": "normal", "cpus": 8, "totalNodes": self.settings.nodes, "partition": "UP"}]

    async def reservations(self) -> list[Record]:
        return []

    async def accounts(self) -> list[Record]:
        return [{"name": "staff", "default": True}]


_: Any = None
