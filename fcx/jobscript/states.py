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
