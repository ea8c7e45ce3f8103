"""The back end that runs job scripts as processes of this machine.

Jobs wait in one line, first come first served, until their nodes are free. Each running job has a
supervisor (programs/supervisor.py) that owns its processes; here are only the books. KillWait is
shorter than Slurm's (2 s, not 30): everything else about an end is as there.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fcx.local.errors import CommandTimeout, SchedulerError
from fcx.local.process import admission, sbatch
from fcx.local.process.dependency import judge
from fcx.local.process.environment import PROGRAMS, Workplace
from fcx.local.process.job import LAUNCH_FAILED, Job, Step
from fcx.local.process.nodes import Pool
from fcx.local.process.steps import StepDesk
from fcx.local.scheduler import JobRequest, Record, Scheduler, SchedulerSettings

NODE_RECOVERY = 2.0  # seconds that a failed node stays down
REQUEUE_DELAY = 1.0
DEPENDENCY_PERIOD = 1.0
CLOSE_GRACE = 0.5
CLOSE_TIMEOUT = 15.0
TRANSFER_SLOTS = (
    64  # CPUs of the node that only transfer jobs use, so that they never wait for others
)


class ProcessScheduler(Scheduler):
    """Jobs as processes, on nodes that are working environments."""

    transfer_directives = ("#SBATCH --partition=xfer --ntasks=1",)

    def __init__(self, settings: SchedulerSettings) -> None:
        super().__init__(settings)
        self.pool = Pool(settings.nodes, settings.cpus_per_node)
        self.transfer_pool = Pool(1, TRANSFER_SLOTS, "fcx-xfer-")
        self.jobs_by_id: dict[str, Job] = {}
        self.workplace = Workplace(settings.root, settings.python)
        self._waiting: list[Job] = []
        self._drives: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1_000_000 + int(time.time()) % 8_000_000)
        self._tags = itertools.count(1)
        self._attached: dict[int, asyncio.Future[int]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._closing = False
        self._desk = StepDesk(self)

    # --- life

    def open_door(self, port: int, token: str, engine: list[str] | None) -> None:
        """Tell the programs of the jobs where to ask."""
        self.workplace.open_door(port, token, engine)

    async def close(self) -> None:
        """End all jobs: TERM, half a second, KILL."""
        self._closing = True
        self._waiting.clear()
        if self._timer is not None:
            self._timer.cancel()
        for job in self.jobs_by_id.values():
            self._tell(job, {"do": "end", "why": "", "grace": CLOSE_GRACE})
        if self._drives:
            await asyncio.wait(self._drives, timeout=CLOSE_TIMEOUT)

    # --- submission

    async def submit(self, request: JobRequest) -> str:
        """Read the script and its options, refuse what sbatch refuses, queue the rest."""
        script = self._script_of(request)
        if not script and not request.script_path:
            await asyncio.sleep(
                self.settings.command_timeout
            )  # sbatch waits for an input without end
            raise CommandTimeout
        spec = sbatch.read_request(request, script)
        partition = admission.partition_of(spec)
        admission.check(spec, self.settings.accounts)
        if spec.answers_oddly == "test-only":
            raise SchedulerError("Unable to submit new job")
        job = self._new_job(spec, partition)
        job.not_before = time.monotonic() + max(request.delay, spec.begin)
        self._waiting.append(job)
        self.schedule()
        if spec.answers_oddly is not None:
            await self._odd_answer(job, spec.answers_oddly)
        return job.id

    def _script_of(self, request: JobRequest) -> str:
        if request.script_path:
            try:
                with open(request.script_path, encoding="utf-8", errors="surrogateescape") as file:
                    return file.read()
            except OSError:
                raise sbatch.refusal(f"error: Unable to open file {request.script_path}") from None
        if not request.script:
            return ""
        return request.script

    def _new_job(self, spec: sbatch.JobSpec, partition: admission.Partition) -> Job:
        number = next(self._numbers)
        minutes = partition.default_time if spec.time is None else spec.time
        directory = self.settings.root / "jobs" / str(number)
        directory.mkdir(parents=True)
        job = Job(
            id=str(number),
            number=len(self.jobs_by_id) + 1,
            spec=spec,
            directory=directory,
            partition=partition.name,
            account=spec.account or self.settings.accounts[0],
            limit=minutes * self.settings.minute if minutes else None,
        )
        script = spec.script.encode("utf-8", "surrogateescape")
        handle = os.open(job.script, os.O_WRONLY | os.O_CREAT, 0o700)
        with os.fdopen(handle, "wb") as file:
            file.write(script)
        job.spec = sbatch.without_script(spec)
        pool = self.pool_of(job)
        fits = pool.possible(pool.need(job.spec))
        job.reason = admission.why_never(spec, partition, minutes, fits=fits)
        self.jobs_by_id[job.id] = job
        return job

    def pool_of(self, job: Job) -> Pool:
        """The nodes that a job may have."""
        return self.transfer_pool if job.partition == "xfer" else self.pool

    async def _odd_answer(self, job: Job, option: str) -> None:
        """`--parsable` and `--wait`: the job runs, and the answer is not what the API reads."""
        if option == "parsable":
            raise SchedulerError("Unable to submit new job")
        deadline = time.monotonic() + self.settings.command_timeout
        while job.end is None:
            if time.monotonic() > deadline:
                raise CommandTimeout
            await asyncio.sleep(0.05)
        if job.state != "COMPLETED":
            raise SchedulerError.of_command(job.exit_code or 1, "")

    # --- the line

    def schedule(self) -> None:
        """Start whatever may start now; say of the others why they wait."""
        if self._closing:
            return
        blocked: set[Pool] = set()
        for job in list(self._waiting):
            if job.reason in admission.NEVER or not self._due(job):
                continue
            pool = self.pool_of(job)
            if pool in blocked:
                job.reason = "Priority"
                continue
            need = pool.need(job.spec)
            taken = pool.take(job.id, need)
            if taken is None:
                job.reason = "Resources"
                blocked.add(pool)
                continue
            job.nodes, job.cpus = taken, need.cpus
            self._waiting.remove(job)
            self._begin(job)
        self._wake_later()

    def _due(self, job: Job) -> bool:
        """Whether its time has come and its dependencies are met; if not, its reason says so."""
        if job.not_before > time.monotonic():
            job.reason = "BeginTime"
            return False
        verdict = judge(job, self.jobs_by_id)
        if verdict == "never" and job.reason == "Dependency":
            job.reason = "DependencyNeverSatisfied"
        elif verdict != "met" and job.reason != "DependencyNeverSatisfied":
            job.reason = "Dependency"
        return verdict == "met"

    def _wake_later(self) -> None:
        """Look again when a delayed job is due or a node comes up."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = time.monotonic()
        pauses = [job.not_before - now for job in self._waiting if job.not_before > now]
        recovery = self.pool.next_recovery()
        if recovery is not None and self._waiting:
            pauses.append(recovery)
        if any(job.reason == "Dependency" for job in self._waiting):
            pauses.append(DEPENDENCY_PERIOD)
        if pauses:
            self._timer = asyncio.get_running_loop().call_later(min(pauses) + 0.01, self.schedule)

    def _begin(self, job: Job) -> None:
        job.state, job.reason, job.start, job.end = "RUNNING", "None", time.time(), None
        job.fate = job.ran_out = None
        job.exit_code = job.signal = 0
        job.steps = [Step("batch", "batch", job.start)]
        job.step_count = 0
        task = asyncio.ensure_future(self._drive(job))
        self._drives.add(task)
        task.add_done_callback(self._drives.discard)

    async def _drive(self, job: Job) -> None:
        """One incarnation of a job, from its supervisor's start to its nodes' release."""
        status: int | None = None
        try:
            supervisor = await asyncio.create_subprocess_exec(
                sys.executable,
                "-I",
                "-S",
                str(PROGRAMS / "supervisor.py"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                env={},
                cwd="/",
                start_new_session=True,
            )
            job.supervisor = supervisor
            self._tell(job, self._orders(job))
            if job.fate is not None or self._closing:
                self._tell(job, {"do": "end", "why": "", "grace": 0.0})
            status = await self._follow(job, supervisor)
            await supervisor.wait()
        finally:
            if job.supervisor is not None and job.supervisor.stdin is not None:
                job.supervisor.stdin.close()
            job.supervisor = None
            self._finish(job, status)

    def _orders(self, job: Job) -> Record:
        spec = job.spec
        warn = spec.signal
        return {
            "id": job.id,
            "node": job.nodes[0].name,
            "argv": [str(job.script)],
            "env": self.workplace.of_job(job),
            "cwd": spec.chdir,
            "stdin": job.stdin,
            "stdout": job.stdout,
            "stderr": job.stderr,
            "append": spec.append,
            "limit": job.limit,
            "kill_wait": self.settings.kill_wait,
            "memory": None if spec.mem is None else spec.mem * 1024 * 1024,
            "warn": None
            if warn is None
            else {
                "number": warn.number,
                "before": warn.before * self.settings.minute / 60,
                "shell_only": warn.shell_only,
            },
        }

    async def _follow(self, job: Job, supervisor: asyncio.subprocess.Process) -> int | None:
        """Read what the supervisor says; the script's raw wait status, None if it never began."""
        assert supervisor.stdout is not None
        while line := await supervisor.stdout.readline():
            said = json.loads(line)
            if said["is"] == "ended":
                found: int | None = said["status"]
                return found
            if said["is"] == "limit" and job.fate is None:
                self._run_out(job, "TIMEOUT")
            elif said["is"] == "oom":
                job.ran_out = "OUT_OF_MEMORY"
            elif said["is"] == "attached":
                waiting = self._attached.pop(said["tag"], None)
                if waiting is not None and not waiting.done():
                    waiting.set_result(said["status"])
        self._sweep(job)
        return int(signal.SIGKILL)

    def _sweep(self, job: Job) -> None:
        """The supervisor was killed: its orphans are known by this cluster's marks in them."""
        marks = (f"SLURM_JOB_ID={job.id}", f"BASH_ENV={self.workplace.login_file}")
        for entry in os.listdir("/proc"):
            if entry.isdigit() and _carries(entry, marks):
                with contextlib.suppress(OSError):
                    os.kill(int(entry), signal.SIGKILL)

    def _run_out(self, job: Job, state: str) -> None:
        job.ran_out = state
        job.state, job.end = state, time.time()

    def _finish(self, job: Job, status: int | None) -> None:
        """Write down how it ended, and give its nodes to the next one."""
        self.pool_of(job).give_back(job.id)
        if job.fate == "REQUEUED":
            self._to_the_line_again(job)
        else:
            self._write_end(job, status)
        self.schedule()

    def _write_end(self, job: Job, status: int | None) -> None:
        job.end = job.end or time.time()
        batch = job.steps[0]
        if status is None:
            job.state, job.signal = job.fate or "FAILED", LAUNCH_FAILED
            batch.finish("CANCELLED", 0, LAUNCH_FAILED)
        else:
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            ended = job.fate or job.ran_out
            self._write_status(job, ended, code, number)
            own = "FAILED" if code else "CANCELLED" if number else "COMPLETED"
            batch.finish(own if ended is None or own != "COMPLETED" else ended, code, number)
        for step in job.steps:
            step.finish("CANCELLED", 0, int(signal.SIGKILL))

    def _write_status(self, job: Job, ended: str | None, code: int, number: int) -> None:
        if ended == "OUT_OF_MEMORY":
            job.state, job.exit_code, job.signal = ended, 0, 125
        elif ended is not None:
            job.state, job.exit_code, job.signal = ended, 0, 0
        else:
            job.state = "FAILED" if code or number else "COMPLETED"
            job.exit_code, job.signal = code, number

    def _to_the_line_again(self, job: Job) -> None:
        job.restarts += 1
        job.state, job.reason, job.start, job.end = "PENDING", "BeginTime", None, None
        job.nodes, job.steps = [], []
        job.not_before = time.monotonic() + REQUEUE_DELAY
        if not self._closing:
            self._waiting.append(job)
            self._waiting.sort(key=lambda one: one.number)

    def _tell(self, job: Job, command: Record) -> None:
        supervisor = job.supervisor
        if supervisor is None or supervisor.stdin is None or supervisor.stdin.is_closing():
            return
        supervisor.stdin.write(json.dumps(command).encode() + b"\n")

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
        if job_id is not None:
            if not job_id.isdigit():
                raise SchedulerError.of_query(
                    1, f"sacct: fatal: Bad job/step specified: {job_id}\n"
                )
            found = [self.jobs_by_id[job_id]] if job_id in self.jobs_by_id else []
        else:
            oldest = time.time() - window
            found = [
                job
                for job in self.jobs_by_id.values()
                if (job.end is None or job.end >= oldest)
                and account in {None, "", job.account}
                and name in {None, "", job.spec.name}
            ]
        estimate = self._next_start()
        return [job.record(estimate if job.pending else None) for job in _readable(found)]

    def _next_start(self) -> float | None:
        """When the next waiting job may start, by the time limits of those that run."""
        ends = [
            job.start + job.limit
            for job in self.jobs_by_id.values()
            if job.supervisor is not None and job.start is not None and job.limit is not None
        ]
        return min(ends, default=None)

    async def metadata(self, job_id: str) -> list[Record]:
        """Script and files, until MinJobAge after the end."""
        job = self.jobs_by_id.get(job_id)
        if job is None or (job.end and time.time() - job.end > self.settings.min_job_age):
            return []
        return [job.metadata()]

    async def cancel(self, job_id: str) -> None:
        """scancel, as the API reads its words."""
        job = self.jobs_by_id.get(job_id)
        problem = self._why_not_cancel(job)
        if problem is not None:
            raise SchedulerError.of_command(
                0,
                f"scancel: Terminating job {job_id}\n"
                f"scancel: error: Kill job error on job id {job_id}: {problem}\n",
            )
        assert job is not None
        self.end(job, f"CANCELLED by {os.getuid()}")

    def _why_not_cancel(self, job: Job | None) -> str | None:
        if job is None:
            return "Invalid job id specified"
        if job.end is not None:
            return "Job/step already completing or completed"
        return None

    def end(self, job: Job, fate: str, grace: float | None = None) -> None:
        """Bring a job to an end from outside; it is over at once, its processes have `grace` s."""
        job.fate = fate
        if job in self._waiting:
            self._waiting.remove(job)
            job.state, job.end = fate, time.time()
            self.schedule()
            return
        if fate == "REQUEUED":
            job.state, job.reason = "PENDING", "BeginTime"
        else:
            job.state, job.end = fate, time.time()
        wait = self.settings.kill_wait if grace is None else grace
        why = {"REQUEUED": " DUE TO JOB REQUEUE", "PREEMPTED": " DUE TO PREEMPTION"}.get(fate, "")
        self._tell(job, {"do": "end", "why": why, "grace": wait})

    def run_again(self, job: Job) -> None:
        """`scontrol requeue` of a job that is over."""
        self._to_the_line_again(job)
        self.schedule()

    def send_signal(self, job: Job, number: int, *, shell_only: bool) -> None:
        """Scancel --signal: to the steps, or to the batch shell alone."""
        self._tell(job, {"do": "signal", "number": number, "shell_only": shell_only})

    async def attach(self, job_id: str, command: str) -> None:
        """`srun --overlap` inside the job, as the login node's shell reads the line."""
        job = self.jobs_by_id.get(job_id)
        if job is None:
            raise _srun_refused(
                f"{job_id}: Invalid job id specified\nsrun: Check SLURM_JOB_ID environment "
                f"variable. Expired or invalid job {job_id}"
            )
        while job.supervisor is None and job.end is None and not job.pending:  # noqa: ASYNC110
            await asyncio.sleep(0.01)  # RUNNING already, its supervisor is being started
        if job.supervisor is None or job.end is not None:
            words = (
                "Job is pending execution"
                if job.pending
                else "Job/step already completing or completed"
            )
            raise _srun_refused(f"{job_id}: {words}")
        tag = next(self._tags)
        answer = self._attached[tag] = asyncio.get_running_loop().create_future()
        errors = job.directory / f"attach-{tag}.err"
        line = f"srun --jobid='{job_id}' --overlap {command}"
        self._tell(
            job,
            {
                "do": "attach",
                "tag": tag,
                "argv": ["/bin/bash", "-c", line],
                "env": self.workplace.of_job(job),
                "cwd": self.workplace.home,
                "stderr": str(errors),
            },
        )
        try:
            status = await asyncio.wait_for(answer, self.settings.command_timeout)
        except asyncio.TimeoutError:
            self._tell(job, {"do": "detach", "tag": tag})
            raise CommandTimeout from None
        finally:
            self._attached.pop(tag, None)
        if status != 0:
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status)
            raise SchedulerError.of_command(code, errors.read_text(errors="replace"))

    async def nodes(self) -> list[Record]:
        """The nodes, all of them this machine."""
        return [
            {
                "sockets": 1,
                "cores": node.cpus,
                "threads": 1,
                "cpus": node.cpus,
                "cpuLoad": round(os.getloadavg()[0], 2),
                "freeMemory": _free_memory(),
                "features": "fcx",
                "name": node.name,
                "address": "127.0.0.1",
                "hostname": node.name,
                "state": [node.state],
                "partitions": ["xfer"] if node.prefix == "fcx-xfer-" else ["normal", "debug"],
                "weight": 1,
                "allocMemory": 0,
                "allocCpus": node.cpus - node.free,
                "idleCpus": node.free,
            }
            for node in (*self.pool.nodes, *self.transfer_pool.nodes)
        ]

    async def partitions(self, *, show_hidden: bool = False) -> list[Record]:
        """The partitions: normal and debug have all nodes, xfer one of its own."""
        pools = {"normal": self.pool, "debug": self.pool, "xfer": self.transfer_pool}
        return [
            {
                "name": name,
                "cpus": len(pool.nodes) * pool.cpus,
                "totalNodes": len(pool.nodes),
                "partition": "UP",
            }
            for name, pool in pools.items()
        ]

    async def reservations(self) -> list[Record]:
        """None are ever made."""
        return []

    async def accounts(self) -> list[Record]:
        """The accounts that may be charged; the first is the default."""
        names = self.settings.accounts
        return [{"name": name, "default": name == names[0]} for name in names]

    async def ask(self, what: str, body: Record) -> Any:
        """Answer a program that runs inside a job."""
        return self._desk.answer(what, body)

    # --- faults

    def _alive(self, job_id: str) -> Job:
        job = self.jobs_by_id.get(job_id)
        if job is None:
            raise SchedulerError("Invalid job id specified", status=404)
        if job.end is not None:
            raise SchedulerError("Job/step already completing or completed", status=409)
        return job

    async def requeue(self, job_id: str) -> None:
        """What `scontrol requeue` does."""
        job = self._alive(job_id)
        if job.supervisor is not None:
            self.end(job, "REQUEUED")

    async def fail_node(self, job_id: str) -> None:
        """The job's nodes die under it and stay down for a while; requeued unless forbidden."""
        job = self._alive(job_id)
        for node in job.nodes:
            node.down_until = time.monotonic() + NODE_RECOVERY
        self.end(job, "REQUEUED" if job.spec.requeue else "NODE_FAIL", grace=0.0)

    async def preempt(self, job_id: str) -> None:
        """Another job takes its place; requeued unless forbidden."""
        job = self._alive(job_id)
        self.end(job, "REQUEUED" if job.spec.requeue else "PREEMPTED")

    async def run_out_of_memory(self, job_id: str) -> None:
        """The kernel kills all of it for its memory."""
        job = self._alive(job_id)
        self.end(job, "OUT_OF_MEMORY", grace=0.0)


def _readable(jobs: list[Job]) -> Iterator[Job]:
    """A `|` in a name breaks what the real server reads: the row, or, with steps, all of it."""
    for job in jobs:
        if "|" not in job.spec.name:
            yield job
        elif not job.pending and job.steps:
            raise SchedulerError("Error executing Slurm command.")


def _srun_refused(words: str) -> SchedulerError:
    return SchedulerError.of_command(
        1, f"srun: error: Unable to confirm allocation for job {words}\n"
    )


def _carries(pid: str, marks: Iterable[str]) -> bool:
    """Whether a process was started with these variables."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return all(mark.encode() in variables for mark in marks)


def _free_memory() -> int:
    """MiB."""
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (1024 * 1024)
