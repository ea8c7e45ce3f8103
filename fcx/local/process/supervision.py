"""The processes of running jobs: a supervisor (programs/supervisor) for each, told and heard here.

`ended` is called with a job whose processes are gone, and the raw wait status of its script: None
if it never began.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import signal
from asyncio.subprocess import Process
from collections.abc import Callable

from ..programs import command
from ..scheduler import Record
from . import file_names, orphans
from .job import Job
from .workplace import Workplace

CLOSE_TIMEOUT = 15.0


class Supervision:
    """Starts the scripts of jobs and speaks with those that look after them.

    A minute of a job's time lasts `minute` seconds; after TERM it has `kill_wait` until KILL.
    """

    def __init__(
        self,
        workplace: Workplace,
        minute: float,
        kill_wait: float,
        ended: Callable[[Job, int | None], None],
    ) -> None:
        self._workplace = workplace
        self._minute = minute
        self._kill_wait = kill_wait
        self._ended = ended
        self._supervisors: dict[str, Process] = {}
        self._drives: dict[asyncio.Task[None], Job] = {}
        self._attached: dict[int, asyncio.Future[int]] = {}
        self._tags = itertools.count(1)
        self._closing = False

    def has(self, job: Job) -> bool:
        """Whether the job's supervisor is up."""
        return job.id in self._supervisors

    def busy(self, job: Job) -> bool:
        """Whether an incarnation of the job is about to begin, runs, or is being ended."""
        return job in self._drives.values()

    def start(self, job: Job) -> None:
        """Begin an incarnation of a job."""
        task = asyncio.ensure_future(self._drive(job))
        self._drives[task] = job
        task.add_done_callback(self._drives.__delitem__)

    def end(self, job: Job, why: str = "", grace: float | None = None) -> None:
        """TERM now, KILL in `grace` seconds (KillWait by default)."""
        wait = self._kill_wait if grace is None else grace
        self._tell(job, {"do": "end", "why": why, "grace": wait})

    def send_signal(self, job: Job, number: int, *, shell_only: bool) -> None:
        """To the steps, or to the batch shell alone."""
        self._tell(job, {"do": "signal", "number": number, "shell_only": shell_only})

    async def attach(self, job: Job, line: str, limit: float) -> tuple[int, str]:
        """Run a line of bash inside a job: its raw wait status and its errors.

        asyncio.TimeoutError where it takes longer than `limit` seconds; it is ended then.
        """
        tag = next(self._tags)
        answer = self._attached[tag] = asyncio.get_running_loop().create_future()
        errors = job.directory / f"attach-{tag}.err"
        order = {
            "do": "attach",
            "tag": tag,
            "argv": ["/bin/bash", "-c", line],
            "env": self._workplace.of_job(job),
            "cwd": self._workplace.home,
            "stderr": str(errors),
        }
        self._tell(job, order)
        try:
            return await asyncio.wait_for(answer, limit), errors.read_text(errors="replace")
        except asyncio.TimeoutError:
            self._tell(job, {"do": "detach", "tag": tag})
            raise
        finally:
            self._attached.pop(tag, None)

    async def close(self, jobs: list[Job], grace: float) -> None:
        """End the jobs, with so many seconds between TERM and KILL; all are gone then."""
        self._closing = True
        for job in jobs:
            self.end(job, grace=grace)
        if self._drives:
            await asyncio.wait(self._drives, timeout=CLOSE_TIMEOUT)

    async def _drive(self, job: Job) -> None:
        """One incarnation, from its supervisor's start to the end of its last process."""
        assert job.run is not None
        status: int | None = None
        try:
            supervisor = await _supervisor()
            self._supervisors[job.id] = supervisor
            self._tell(job, self._orders(job))
            if job.run.fate is not None or self._closing:
                self.end(job, grace=0.0)
            status = await self._follow(job, supervisor)
            await supervisor.wait()
        finally:
            gone = self._supervisors.pop(job.id, None)
            if gone is not None and gone.stdin is not None:
                gone.stdin.close()
            self._ended(job, status)

    def _orders(self, job: Job) -> Record:
        """The first line that a supervisor hears."""
        spec = job.spec
        warn, memory = spec.timing.signal, spec.size.mem
        return {
            "id": job.id,
            "node": job.nodes[0].name,
            "argv": [str(job.script)],
            "env": self._workplace.of_job(job),
            "cwd": spec.chdir,
            "stdin": file_names.source(job),
            "stdout": file_names.output(job),
            "stderr": file_names.error(job),
            "append": spec.files.append,
            "limit": job.terms.limit,
            "kill_wait": self._kill_wait,
            "memory": None if memory is None else memory * 1024 * 1024,
            "warn": None
            if warn is None
            else {
                "number": warn.number,
                "before": warn.before * self._minute / 60,
                "shell_only": warn.shell_only,
            },
        }

    async def _follow(self, job: Job, supervisor: Process) -> int | None:
        """Hear the supervisor out; the script's raw wait status, None if it never began."""
        assert supervisor.stdout is not None
        while line := await supervisor.stdout.readline():
            said = json.loads(line)
            if said["is"] == "ended":
                found: int | None = said["status"]
                return found
            self._heed(job, said)
        # It was killed; its orphans are known by this cluster's marks in their environment.
        orphans.kill(f"SLURM_JOB_ID={job.id}", f"BASH_ENV={self._workplace.login_file}")
        return int(signal.SIGKILL)

    def _heed(self, job: Job, said: Record) -> None:
        assert job.run is not None
        if said["is"] == "limit" and job.run.fate is None:
            job.run.ran_out = "TIMEOUT"
            job.be_over("TIMEOUT")
        elif said["is"] == "oom":
            job.run.ran_out = "OUT_OF_MEMORY"
        elif said["is"] == "attached":
            waiting = self._attached.pop(said["tag"], None)
            if waiting is not None and not waiting.done():
                waiting.set_result(said["status"])

    def _tell(self, job: Job, order: Record) -> None:
        supervisor = self._supervisors.get(job.id)
        if supervisor is None or supervisor.stdin is None or supervisor.stdin.is_closing():
            return
        supervisor.stdin.write(json.dumps(order).encode() + b"\n")


async def _supervisor() -> Process:
    return await asyncio.create_subprocess_exec(
        *command("supervisor"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={},
        cwd="/",
        start_new_session=True,
    )
