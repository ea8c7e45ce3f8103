"""Slurm's words for what a job does (pure)."""

from __future__ import annotations

TERMINAL = (
    "COMPLETED",
    "FAILED",
    "TIMEOUT",
    "OUT_OF_MEMORY",
    "NODE_FAIL",
    "PREEMPTED",
    "BOOT_FAIL",
    "DEADLINE",
    "CANCELLED",
    "REVOKED",
)
"""States in which a job has ended."""

WITHOUT_NODES = (
    "PENDING",
    "REQUEUED",
    "REQUEUE_FED",
    "REQUEUE_HOLD",
    "RESV_DEL_HOLD",
    "SPECIAL_EXIT",
)
"""States in which it waits, at first or once more: a start that Slurm then tells is an estimate.

In all others that are no end it has its nodes, and they count: those of a job that is CONFIGURING
boot for it, and one that is SUSPENDED or COMPLETING has not given them back.
"""

NEVER_RUNS = (
    "PartitionTimeLimit",
    "PartitionConfig",
    "BadConstraints",
    "AccountNotAllowed",
    "QOSNotAllowed",
    "InvalidAccount",
    "InvalidQOS",
    "AssocMaxWallDurationPerJobLimit",
    "QOSMaxWallDurationPerJobLimit",
    "DependencyNeverSatisfied",
)
"""Reasons for which a job is pending that do not go away by waiting."""
