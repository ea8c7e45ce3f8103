"""How many pilots, what became of each, and what that means for the calls they had.

Pure decisions over what the cluster said: asking it is the run's business.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field

from ..errors import (
    JobCancelled,
    JobFailed,
    JobNeverRuns,
    NodeFailed,
    OutOfMemory,
    TaskError,
    TimeLimitExceeded,
)
from ..firecrest.jobs import JobState
from ..protocol.rundir import Bundle, Incarnation

GRACE_SECONDS = 30.0  # how long a job may be unknown to the server before it counts as gone
GRACE_ANSWERS = 3  # and in how many answers
SHORT_WORK = 2.0  # seconds of work that are not worth another pilot
DISK_FULL = 75  # exit code of an agent that cannot write any more
RAMP = 0.5  # seconds for which the first pilot stays alone: bursts of small calls need no other


@dataclass
class Pilot:
    """One pilot as the caller knows it."""

    name: str
    nodes: int
    job: str = ""  # as submit answered
    submitted: float = field(default_factory=time.monotonic)
    reserved: Bundle | None = None  # calls that this pilot, and only it, runs first
    inlined: list[Bundle] = field(default_factory=list)
    archives: dict[str, bytes] = field(default_factory=dict)  # modules that ride with them
    agents: set[Incarnation] = field(default_factory=set)  # that came up
    ended: bool = False
    leaving: bool = False  # we cancelled it; whether it had begun is not known yet
    ambiguous: bool = False  # the submit was repeated: it may run as another job
    state: JobState | None = None
    unknown_since: float = 0.0
    unknown_answers: int = 0
    told_reason: str = ""

    @property
    def live(self) -> bool:
        """Whether it may yet run calls."""
        return not self.ended

    @property
    def pending(self) -> bool:
        """Submitted, and no agent has come up."""
        return not self.ended and not self.agents

    def jobs(self) -> set[str]:
        """All job ids it is known under: an ambiguous submit may have made another."""
        return {self.job} | {agent.job for agent in self.agents}

    def missing(self, now: float) -> bool:
        """Note that an answer did not have this job; True once that means that it is gone."""
        if not self.unknown_answers:
            self.unknown_since = now
        self.unknown_answers += 1
        return self.unknown_answers >= GRACE_ANSWERS and now - self.unknown_since >= GRACE_SECONDS

    def seen(self, state: JobState) -> None:
        """Note what the server said."""
        self.state = state
        self.unknown_answers = 0


@dataclass(frozen=True)
class Demand:
    """What there is to do, and what may be used for it."""

    unfinished: int
    max_workers: int
    per_pilot: int  # workers of one pilot
    mean_seconds: float | None  # of a call, as seen so far

    def pilots(self, running: int, *, gated: bool, ramping: bool) -> int:
        """How many pilots there should be, the running ones included."""
        calls = min(self.unfinished, self.max_workers)
        wanted = math.ceil(calls / self.per_pilot)
        if wanted and (gated or ramping):
            return 1
        if running and self.mean_seconds is not None:
            work = self.unfinished * self.mean_seconds / (running * self.per_pilot)
            if work < SHORT_WORK:
                return min(wanted, running)
        return wanted


def workers_by_node(per_node: int, nodes: int, most: int) -> list[int]:
    """How many workers the agent of each node drives, never more than ``most`` in all."""
    counts = []
    for _ in range(nodes):
        count = min(per_node, most)
        counts.append(count)
        most -= count
    return counts


@dataclass(frozen=True)
class Fate:
    """Why a pilot or an agent ended, as the error of a call that it ran."""

    kind: str  # time | memory | node | cancelled | failed
    error: TaskError

    @property
    def retried(self) -> bool:
        """Infrastructure's fault: the call is repeated, within task_retries."""
        return self.kind in {"node", "cancelled", "failed"}


def fate(pilot: Pilot, detail: str = "") -> Fate:
    """What the end of a pilot means for the calls that were running in it."""
    job = pilot.job
    state = pilot.state.state if pilot.state else "unknown"
    if state in {"TIMEOUT", "DEADLINE"}:
        return time_limit(job)
    if state == "OUT_OF_MEMORY":
        return Fate("memory", OutOfMemory(f"Job {job} ran out of memory. Ask for more with --mem."))
    if state in {"NODE_FAIL", "BOOT_FAIL", "PREEMPTED"}:
        return Fate("node", NodeFailed(f"Job {job} ended as {state}: its node failed or was taken"))
    if state == "CANCELLED":
        return Fate("cancelled", JobCancelled(f"Job {job} was cancelled from outside"))
    if pilot.state is not None and pilot.state.exit_code == DISK_FULL:
        detail = "No space left on device, or over quota: the run directory cannot be written to"
    told = f" Its output ends with:\n{detail.rstrip()}" if detail.strip() else ""
    how = _how(pilot.state)
    return Fate("failed", JobFailed(f"Job {job} ended ({how}) without finishing its work.{told}"))


def _how(state: JobState | None) -> str:
    if state is None:
        return "the server no longer knows it"
    if state.signal:
        return f"{state.state}, signal {state.signal}"
    return f"{state.state}, exit code {state.exit_code}"


def time_limit(job: str) -> Fate:
    """The job's time limit cut a call off that had the whole of it."""
    return Fate(
        "time",
        TimeLimitExceeded(
            f"The time limit of job {job} ended the call, although it was its worker's first. "
            "Ask for more with --time."
        ),
    )


def never_runs(pilot: Pilot, state: JobState) -> JobNeverRuns:
    """The error for calls whose pilot Slurm will not start."""
    return JobNeverRuns(
        f"Slurm will never start job {pilot.job}: it is pending for {state.reason}. Ask for what "
        "the partition allows (--time, --nodes, --partition, --account); the job was cancelled."
    )
