"""How a job ended, from its script's wait status and from what was done to it."""

from __future__ import annotations

import os
import signal
import time

from .job import Job, Status

LAUNCH_FAILED = 53  # the signal that Slurm reports when a job could not even start
OOM_SIGNAL = 125  # and when it ran out of memory


def write_down(job: Job, status: int | None) -> None:
    """Note the job's end and its steps'. `status` is None for a script that never began."""
    assert job.run is not None
    run, batch = job.run, job.run.steps[0]
    job.end = job.end or time.time()
    if status is None:
        job.status = Status(run.fate or "FAILED", job.status.reason, 0, LAUNCH_FAILED)
        batch.finish("CANCELLED", 0, LAUNCH_FAILED)
    else:
        code, number = code_and_signal(status)
        ended = run.fate or run.ran_out
        job.status = _status(job.status.reason, ended, code, number)
        own = "FAILED" if code else "CANCELLED" if number else "COMPLETED"
        batch.finish(own if ended is None or own != "COMPLETED" else ended, code, number)
    for step in run.steps:
        step.finish("CANCELLED", 0, int(signal.SIGKILL))


def _status(reason: str, ended: str | None, code: int, number: int) -> Status:
    if ended == "OUT_OF_MEMORY":
        return Status(ended, reason, 0, OOM_SIGNAL)
    if ended is not None:
        return Status(ended, reason)
    return Status("FAILED" if code or number else "COMPLETED", reason, code, number)


def code_and_signal(status: int) -> tuple[int, int]:
    """What a raw wait status says."""
    code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else 0
    return code, os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
