"""What slurmctld looks at before it takes a job, and what it takes that can never start."""

from __future__ import annotations

from collections.abc import Sequence

from . import dependency
from .options import UNLIMITED
from .partitions import Partition
from .sbatch import MAX_SCRIPT, refused_by_controller
from .spec import JobSpec


def check(spec: JobSpec, accounts: Sequence[str]) -> None:
    """Refuse what slurmctld refuses, in its words."""
    charge, waits_for = spec.charge, spec.timing.dependency
    if charge.account is not None and charge.account not in accounts:
        raise refused_by_controller("Invalid account or account/partition combination specified")
    if spec.array is not None:
        raise refused_by_controller("Invalid job array specification")
    if waits_for is not None and not dependency.valid(waits_for):
        raise refused_by_controller("Job dependency problem")
    if charge.reservation is not None:
        raise refused_by_controller("Requested reservation is invalid")
    if charge.constraint not in {None, "fcx"}:
        raise refused_by_controller("Invalid feature specification")
    if charge.qos not in {None, "normal"}:
        raise refused_by_controller("Invalid qos specification")
    if len(spec.script.encode("utf-8", "surrogateescape")) > MAX_SCRIPT:
        raise refused_by_controller("Pathname of a file, directory or other parameter too long")


def why_never(spec: JobSpec, partition: Partition, minutes: int, *, fits: bool) -> str:
    """The reason for which a job can never start; "None" if it can."""
    if spec.timing.hold:
        return "JobHeldUser"
    if minutes == UNLIMITED or minutes > partition.max_time:
        return "PartitionTimeLimit"
    return "None" if fits else "PartitionConfig"
