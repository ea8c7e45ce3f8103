"""What befalls jobs, as the simulator has it: drawn when one is submitted or begins."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import shutil
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulation.faults import FAULTS
from simulation.faults.jobs import LAST_WORDS, PASSING_LIMITS
from simulation.scenario import Scenario
from simulation.simulation import HOUR

from fcx.local import Environment

FOREVER = 7200.0  # seconds: no job that waits so long begins
REASONS = ("InvalidAccount", "InvalidQOS", "BadConstraints")
NEVER = ("PartitionTimeLimit", "PartitionConfig")
TICK = 0.05


@dataclass
class Job:
    """What is in store for one job."""

    waits: float = 0.0  # seconds more in the queue
    reason: str = ""  # that is told while it waits
    until: float = float("inf")  # the time of the scenario at which that ends
    hidden: tuple[float, float] = (0.0, 0.0)  # between these times listings do not have it
    called: str = ""  # its end, whatever Slurm calls it
    lines: tuple[str, ...] = ()  # of its script
    begins: str = ""  # the fault that strikes when it begins
    waiting: bool = False  # somebody cancels it while it waits


class Fates:
    """Draws what befalls jobs; ``now`` is the time of the scenario."""

    def __init__(self, scenario: Scenario, rng: random.Random, now: Callable[[], float]) -> None:
        self.scenario = scenario
        self.random = rng
        self.now = now
        self.jobs: dict[str, Job] = {}
        self.struck: dict[str, int] = {}

    def draw(self, where: str) -> str:
        """The fault that strikes at this place, or none."""
        if self.now() >= self.scenario.calm:
            return ""
        for name, likely in self.scenario.faults:
            if FAULTS[name].where == where and self.random.random() < likely:
                if name == "requeued" and not self.scenario.limits.requeue:
                    continue
                self.note(name)
                return name
        return ""

    def note(self, name: str) -> None:
        """It has struck."""
        self.struck[name] = self.struck.get(name, 0) + 1

    def submitted(self) -> Job:
        """What is in store for the next job."""
        job = Job(waits=self.random.uniform(*self.scenario.queue))
        self._waits(job, self.draw("job"))
        job.begins = self.draw("begin")
        lines = ("squeue() { return 1; }",) if self.draw("time") else ()
        if job.begins == "barren_job":
            lines = (f"echo {self.random.choice(LAST_WORDS)!r} >&2; exit 127",)
        job.lines = lines
        return job

    def _waits(self, job: Job, name: str) -> None:
        uniform = self.random.uniform
        if name == "waits_for_limit":
            job.reason, job.waits = self.random.choice(PASSING_LIMITS), uniform(30.0, 600.0)
        elif name == "thinks_again":
            job.reason, job.waits = self.random.choice(REASONS), uniform(10.0, 100.0)
            job.until = self.now() + uniform(0.5, 9.0)
        elif name == "never_starts":
            job.reason, job.waits = self.random.choice(NEVER), FOREVER
        elif name == "hidden_job":
            job.hidden = 0.0, self.now() + self.random.choice((5.0, 20.0, 28.0))
        elif name == "long_hidden_job":
            job.hidden = 0.0, self.now() + uniform(60.0, 300.0)
        elif name == "cancelled_waiting":
            job.waiting = True

    def seen(self, records: list[Any], *, listing: bool) -> list[Any]:
        """What is told of jobs in the place of what Slurm says."""
        kept = []
        for record in records:
            job = self.jobs.get(str(record["jobId"]), Job())
            first, last = job.hidden
            if listing and first <= self.now() < last:
                continue
            status = record["status"]
            if status["state"] == "PENDING" and job.reason and self.now() < job.until:
                status["stateReason"] = job.reason
            if job.called and status["state"].split()[0] in {"CANCELLED", "NODE_FAIL"}:
                status["state"] = job.called
            kept.append(record)
        return kept


class Strikes:
    """Carries it out, on a thread of its own."""

    def __init__(self, fates: Fates, env: Environment, folder: Path) -> None:
        self.fates = fates
        self.env = env
        self.folder = folder
        self.authorization = ""  # of the client's last request
        self.living = False  # a client does
        self._due: list[tuple[float, Callable[[], None]]] = []
        self._begun: set[str] = set()
        self._stop = threading.Event()
        self._hour = HOUR

    @contextlib.contextmanager
    def striking(self) -> Iterator[None]:
        """For as long as the context lasts."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(TICK):
            for note in sorted(os.listdir(self.folder / "begun")):
                if note not in self._begun:
                    self._begun.add(note)
                    self._begins(*note.split("."))
            now = self.fates.now()
            due = [do for when, do in self._due if when <= now]
            self._due = [(when, do) for when, do in self._due if when > now]
            for do in due:
                with contextlib.suppress(RuntimeError, OSError):  # it has ended
                    do()
            if now >= self._hour:
                self._hour += HOUR
                self._an_hour()

    def after(self, low: float, high: float, do: Callable[..., None], *values: Any) -> None:
        """Some time later."""
        when = self.fates.now() + self.fates.random.uniform(low, high)
        self._due.append((when, lambda: do(*values)))

    def submitted(self, number: str, job: Job) -> None:
        """A job has this number."""
        self.fates.jobs[number] = job
        if job.waiting:
            self.after(0.0, 60.0, self.cancel, number)

    def _begins(self, number: str, restart: str) -> None:
        job = self.fates.jobs.setdefault(number, Job())
        name = job.begins if restart == "0" else self.fates.draw("begin")
        if name in BEGINS:
            BEGINS[name](self, number, job)
        for node in range(self.fates.scenario.limits.nodes):
            name = self.fates.draw("agent")
            if name in {"agent_killed", "agent_vanishes"}:
                noted = name == "agent_killed"
                self.after(0.1, 30.0, self._kill_agent, number, node, noted)

    def _an_hour(self) -> None:
        if self.living and self.fates.draw("hour") == "directory_removed":
            for path in (self.folder / "work").glob(".fcx-*/*/"):
                if not path.name.startswith("programs-"):
                    shutil.rmtree(path, ignore_errors=True)

    # -- what happens to a job ----------------------------------------------------------------

    def cancel(self, number: str) -> None:
        """By somebody else."""
        self._ask("DELETE", f"/{number}")

    def _ask(self, method: str, path: str) -> bytes:
        host, _, port = self.env.url.removeprefix("http://").partition(":")
        system = self.env["FIRECREST_SYSTEM"]
        with contextlib.closing(http.client.HTTPConnection(host, int(port), timeout=30)) as line:
            headers = {"Authorization": self.authorization}
            line.request(method, f"/compute/{system}/jobs{path}", headers=headers)
            return line.getresponse().read()

    def listing(self) -> bytes:
        """What Slurm says of all jobs."""
        return self._ask("GET", "")

    def boot_fails(self, number: str, job: Job) -> None:
        """At once."""
        job.called = "BOOT_FAIL"
        self.after(0.0, 0.1, self.env.faults.fail_node, number)

    def node_fails(self, number: str, job: Job) -> None:
        """While it works."""
        self.after(0.5, 60.0, self.env.faults.fail_node, number)

    def deadline(self, number: str, job: Job) -> None:
        """Its end is called so."""
        job.called = "DEADLINE"
        self.after(1.0, 60.0, self.cancel, number)

    def preempted(self, number: str, job: Job) -> None:
        """By a job that goes before it."""
        self.after(0.5, 60.0, self.env.faults.preempt, number)

    def cancelled_outside(self, number: str, job: Job) -> None:
        """While it works."""
        self.after(0.5, 60.0, self.cancel, number)

    def job_memory(self, number: str, job: Job) -> None:
        """The kernel kills all of it."""
        self.after(0.5, 60.0, self.env.faults.run_out_of_memory, number)

    def requeued(self, number: str, job: Job) -> None:
        """scontrol requeue."""
        self.after(0.0, 60.0, self.env.faults.requeue, number)

    def forgotten_job(self, number: str, job: Job) -> None:
        """Listings lose it."""
        job.hidden = self.fates.now() + self.fates.random.uniform(0.0, 60.0), float("inf")

    def _kill_agent(self, number: str, node: int, noted: bool) -> None:
        """SIGKILL; without a note its shell goes first."""
        agents = sorted(agents_of(number))
        for pid, parent in agents[node : node + 1]:
            if not noted:
                os.kill(parent, signal.SIGKILL)
            os.kill(pid, signal.SIGKILL)


BEGINS: dict[str, Callable[[Strikes, str, Job], None]] = {
    "boot_fails": Strikes.boot_fails,
    "node_fails": Strikes.node_fails,
    "deadline": Strikes.deadline,
    "preempted": Strikes.preempted,
    "cancelled_outside": Strikes.cancelled_outside,
    "job_memory": Strikes.job_memory,
    "requeued": Strikes.requeued,
    "forgotten_job": Strikes.forgotten_job,
}


def agents_of(number: str) -> Iterator[tuple[int, int]]:
    """(pid, its parent's) of the agents of a job that run on this machine."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if b"agent" not in words or words[0].endswith(b"sh"):
                continue
            environ = (entry / "environ").read_bytes().split(b"\0")
            if f"SLURM_JOB_ID={number}".encode() in environ:
                status = (entry / "stat").read_text().rpartition(")")[2].split()
                yield int(entry.name), int(status[1])
