"""The nodes of the process back end: names, CPUs, and which job holds how many of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .spec import Size

PREFIX = "fcx-node-"


@dataclass(eq=False)
class Node:
    """One working environment. `held` is CPUs by job id; after a failure it is down for a while."""

    index: int
    cpus: int
    prefix: str = PREFIX
    held: dict[str, int] = field(default_factory=dict)
    down_until: float = 0.0

    @property
    def name(self) -> str:
        """Its name, counted from 1."""
        return f"{self.prefix}{self.index + 1}"

    @property
    def up(self) -> bool:
        """Whether it takes jobs."""
        return time.monotonic() >= self.down_until

    @property
    def free(self) -> int:
        """CPUs that nobody holds."""
        return self.cpus - sum(self.held.values())

    @property
    def state(self) -> str:
        """Its state as sinfo names it."""
        if not self.up:
            return "DOWN"
        if not self.held:
            return "IDLE"
        return "ALLOCATED" if self.free == 0 else "MIXED"


@dataclass(frozen=True)
class Need:
    """Nodes, and CPUs on each; `whole` takes the nodes for itself."""

    nodes: int
    cpus: int
    whole: bool


class Pool:
    """The nodes of one or more partitions."""

    def __init__(self, count: int, cpus: int, prefix: str = PREFIX) -> None:
        self.nodes = [Node(index, cpus, prefix) for index in range(count)]
        self.cpus = cpus

    def need(self, size: Size) -> Need:
        """What a job must get: its nodes whole, unless it names tasks or CPUs."""
        per_task = size.cpus_per_task or 1
        if not size.shares:
            return Need(size.nodes or 1, self.cpus, whole=True)
        if size.ntasks is None:
            return Need(size.nodes or 1, (size.ntasks_per_node or 1) * per_task, whole=False)
        fit = max(1, min(self.cpus // per_task, size.ntasks_per_node or size.ntasks))
        nodes = size.nodes or -(-size.ntasks // fit)
        return Need(nodes, -(-size.ntasks // nodes) * per_task, whole=False)

    def possible(self, need: Need) -> bool:
        """Whether the need can ever be met."""
        return need.nodes <= len(self.nodes) and need.cpus <= self.cpus

    def take(self, job_id: str, need: Need) -> list[Node] | None:
        """Nodes for a job, held from now on; None while there are too few."""
        fit = [
            node
            for node in self.nodes
            if node.up and (not node.held if need.whole else node.free >= need.cpus)
        ]
        if len(fit) < need.nodes:
            return None
        chosen = fit[: need.nodes]
        for node in chosen:
            node.held[job_id] = node.cpus if need.whole else need.cpus
        return chosen

    def give_back(self, job_id: str) -> None:
        """A job is gone."""
        for node in self.nodes:
            node.held.pop(job_id, None)

    def next_recovery(self) -> float | None:
        """Seconds until a node that is down comes up; None if all are up."""
        now = time.monotonic()
        waits = [node.down_until - now for node in self.nodes if node.down_until > now]
        return min(waits, default=None)


def node_list(nodes: Iterable[Node]) -> str:
    """Slurm's short form: `fcx-node-1`, `fcx-node-[1-3,5]`."""
    listed = sorted(nodes, key=lambda node: node.index)
    if len(listed) < 2:
        return listed[0].name if listed else ""
    numbers = [node.index + 1 for node in listed]
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1] = [spans[-1][0], number]
        else:
            spans.append([number])
    inside = ",".join("-".join(map(str, span)) for span in spans)
    return f"{listed[0].prefix}[{inside}]"


def spread(tasks: int, nodes: int) -> list[int]:
    """How many tasks each node gets: even, the first ones more."""
    base, more = divmod(tasks, nodes)
    return [base + (index < more) for index in range(nodes)]


def repeated(numbers: Sequence[int]) -> str:
    """Slurm's form of a list of counts: `2(x3),1`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][0] == number:
            runs[-1][1] += 1
        else:
            runs.append([number, 1])
    return ",".join(f"{number}(x{times})" if times > 1 else str(number) for number, times in runs)
