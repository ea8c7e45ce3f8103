"""One job of the process back end: what was asked, and what became of it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from .nodes import Node, node_list
from .spec import JobSpec


@dataclass(frozen=True)
class Hold:
    """CPUs that a step keeps from others, by node, for as long as its srun lives."""

    srun: int = 0  # its process id
    cpus: dict[str, int] = field(default_factory=dict)

    def on(self, node: str) -> int:
        """How many of one node."""
        return self.cpus.get(node, 0) if os.path.exists(f"/proc/{self.srun}") else 0


@dataclass(eq=False)
class Step:
    """One srun inside a job, or its batch script."""

    number: str
    name: str
    start: float
    state: str = "RUNNING"
    exit_code: int = 0
    signal: int = 0
    end: float | None = None
    hold: Hold = field(default_factory=Hold)

    def finish(self, state: str, exit_code: int = 0, number: int = 0) -> None:
        """It is over."""
        if self.end is None:
            self.state, self.exit_code, self.signal = state, exit_code, number
            self.end = time.time()


@dataclass(frozen=True)
class Terms:
    """What it was admitted on: the partition, who pays, the time limit in seconds."""

    partition: str
    account: str
    limit: float | None


@dataclass
class Status:
    """How it is, and why; exit code and signal count once it has ended."""

    state: str = "PENDING"
    reason: str = "None"
    exit_code: int = 0
    signal: int = 0


@dataclass(eq=False)
class Run:
    """One incarnation: a job that is requeued gets another under the same id.

    `fate` is the state that it was brought to from outside, or "REQUEUED"; `ran_out` is TIMEOUT or
    OUT_OF_MEMORY. The first of the steps is the batch script.
    """

    nodes: list[Node]
    cpus: int  # on each node
    start: float = field(default_factory=time.time)
    steps: list[Step] = field(default_factory=list)
    fate: str | None = None
    ran_out: str | None = None

    def __post_init__(self) -> None:
        self.steps.append(Step("batch", "batch", self.start))

    def new_step(self, name: str, hold: Hold) -> int:
        """The number of a step that begins now."""
        number = len(self.steps) - 1
        self.steps.append(Step(str(number), name, time.time(), hold=hold))
        return number

    def held(self, node: str) -> int:
        """CPUs of a node that steps keep for themselves."""
        return sum(step.hold.on(node) for step in self.steps if step.end is None)


@dataclass(eq=False)
class Job:
    """A job from its submission on; `restarts` counts how often it was requeued."""

    id: str
    number: int
    spec: JobSpec
    terms: Terms
    directory: Path
    submitted: float = field(default_factory=time.time)
    status: Status = field(default_factory=Status)
    not_before: float = 0.0
    end: float | None = None
    restarts: int = 0
    run: Run | None = None

    @property
    def script(self) -> Path:
        """The script as it was handed in."""
        return self.directory / "slurm_script"

    @property
    def pending(self) -> bool:
        """Whether it waits."""
        return self.status.state == "PENDING"

    @property
    def start(self) -> float | None:
        """When it began to run."""
        return None if self.run is None else self.run.start

    @property
    def nodes(self) -> list[Node]:
        """The nodes it has, or had."""
        return [] if self.run is None else self.run.nodes

    @property
    def node_list(self) -> str:
        """The same in Slurm's short form."""
        return node_list(self.nodes)

    @property
    def left(self) -> float | None:
        """Seconds until its time limit; None without one."""
        limit = self.terms.limit
        if limit is None or self.start is None:
            return limit
        return max(0.0, self.start + limit - time.time())

    def begin(self, nodes: list[Node], cpus: int) -> None:
        """It runs from now on."""
        self.status, self.end = Status("RUNNING"), None
        self.run = Run(nodes, cpus)

    def be_over(self, state: str) -> None:
        """It has come to this state, whatever its processes still do."""
        self.status.state, self.end = state, time.time()

    def wait_again(self, delay: float) -> None:
        """It goes back to the queue, for another incarnation in so many seconds."""
        self.restarts += 1
        self.status, self.run, self.end = Status("PENDING", "BeginTime"), None, None
        self.not_before = time.monotonic() + delay
