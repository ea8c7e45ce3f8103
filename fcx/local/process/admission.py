"""What slurmctld looks at before it takes a job, and which jobs it takes that can never start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fcx.local.process import dependency
from fcx.local.process.sbatch import MAX_SCRIPT, UNLIMITED, JobSpec, refusal, refused_by_controller

NEVER = frozenset({"JobHeldUser", "PartitionTimeLimit", "PartitionConfig"})


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
        Partition("xfer", default_time=60, max_time=24 * 60),
    )
}


def partition_of(spec: JobSpec) -> Partition:
    """The partition that a job names, or the default one."""
    name = spec.partition or "normal"
    if name not in PARTITIONS:
        raise refusal(
            f"error: invalid partition specified: {name}\n"
            "error: Batch job submission failed: Invalid partition name specified"
        )
    return PARTITIONS[name]


def check(spec: JobSpec, accounts: Sequence[str]) -> None:
    """Refuse what slurmctld refuses, in its words."""
    if spec.account is not None and spec.account not in accounts:
        raise refused_by_controller("Invalid account or account/partition combination specified")
    if spec.array is not None:
        raise refused_by_controller("Invalid job array specification")
    if spec.dependency is not None and not dependency.valid(spec.dependency):
        raise refused_by_controller("Job dependency problem")
    if spec.reservation is not None:
        raise refused_by_controller("Requested reservation is invalid")
    if spec.constraint is not None and spec.constraint != "fcx":
        raise refused_by_controller("Invalid feature specification")
    if spec.qos not in {None, "normal"}:
        raise refused_by_controller("Invalid qos specification")
    if len(spec.script.encode("utf-8", "surrogateescape")) > MAX_SCRIPT:
        raise refused_by_controller("Pathname of a file, directory or other parameter too long")


def why_never(spec: JobSpec, partition: Partition, minutes: int, *, fits: bool) -> str:
    """The reason for which a job can never start; "None" if it can."""
    if spec.hold:
        return "JobHeldUser"
    if minutes == UNLIMITED or minutes > partition.max_time:
        return "PartitionTimeLimit"
    return "None" if fits else "PartitionConfig"
