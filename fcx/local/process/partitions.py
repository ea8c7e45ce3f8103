"""The partitions of the process back end, and the nodes that each has."""

from __future__ import annotations

from dataclasses import dataclass

from .nodes import Node, Pool
from .sbatch import refusal

TRANSFER = "xfer"
TRANSFER_PREFIX = "fcx-xfer-"
TRANSFER_SLOTS = 64  # CPUs of the node that only transfer jobs use


@dataclass(frozen=True)
class Partition:
    """A partition; its times are in minutes."""

    name: str
    default_time: int
    max_time: int


PARTITIONS = {
    one.name: one
    for one in (
        Partition("normal", default_time=60, max_time=24 * 60),
        Partition("debug", default_time=30, max_time=30),
        Partition(TRANSFER, default_time=60, max_time=24 * 60),
    )
}


def partition(name: str | None) -> Partition:
    """The partition of a name, or the default one."""
    name = name or "normal"
    if name not in PARTITIONS:
        raise refusal(
            f"error: invalid partition specified: {name}\n"
            "error: Batch job submission failed: Invalid partition name specified"
        )
    return PARTITIONS[name]


class Pools:
    """The nodes by partition; transfer jobs have one of their own, so they never wait."""

    def __init__(self, count: int, cpus: int) -> None:
        self.working = Pool(count, cpus)
        self.transfer = Pool(1, TRANSFER_SLOTS, TRANSFER_PREFIX)

    def of(self, name: str) -> Pool:
        """The nodes that a partition has."""
        return self.transfer if name == TRANSFER else self.working

    def all_nodes(self) -> list[Node]:
        """Every node, those for transfers last."""
        return [*self.working.nodes, *self.transfer.nodes]

    def partitions_of(self, node: Node) -> list[str]:
        """The partitions that a node belongs to."""
        return [name for name in PARTITIONS if node in self.of(name).nodes]
