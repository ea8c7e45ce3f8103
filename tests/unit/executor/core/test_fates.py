"""What the end of a job means for a task: its error, and whether the task is repeated."""

from __future__ import annotations

import pytest

from fcx import errors
from fcx.executor.completion import exception_of
from fcx.executor.core import fates
from fcx.executor.core.events import JobSeen


@pytest.mark.parametrize(
    ("state", "error", "retried"),
    [
        ("TIMEOUT", errors.TimeLimitExceeded, False),
        ("DEADLINE", errors.TimeLimitExceeded, False),
        ("OUT_OF_MEMORY", errors.OutOfMemory, False),
        ("NODE_FAIL", errors.NodeFailed, True),
        ("BOOT_FAIL", errors.NodeFailed, True),
        ("PREEMPTED", errors.NodeFailed, True),
        ("CANCELLED", errors.JobCancelled, True),
        ("FAILED", errors.JobFailed, True),
        ("COMPLETED", errors.JobFailed, True),
    ],
)
def test_of_each_state(state, error, retried):
    """The job's id is in the message; infrastructure's faults are retried."""
    why = fates.of_job("4711", JobSeen("4711", state))
    made = exception_of(why.trouble, None)
    assert type(made) is error
    assert "4711" in str(made)
    assert why.retried is retried


def test_shows_the_end_of_the_jobs_output():
    """What the script said before it ended is the usual reason."""
    state = JobSeen("7", "FAILED", exit_code=127)
    text = fates.of_job("7", state, "bash: python3: not found\n").trouble.message
    assert "exit code 127" in text
    assert "python3: not found" in text


def test_names_the_signal_and_the_full_disk():
    """A signal is told as one; the agent's own exit code for a full disk is told in words."""
    assert "signal 9" in fates.of_job("7", JobSeen("7", "FAILED", signal=9)).trouble.message
    full = JobSeen("7", "FAILED", exit_code=fates.DISK_FULL)
    assert "No space left on device" in fates.of_job("7", full).trouble.message


def test_of_one_that_the_server_forgot():
    """No state at all."""
    assert "no longer knows" in fates.of_job("7", None).trouble.message


@pytest.mark.parametrize("reason", fates.NEVER_RUNS)
def test_never_runs(reason):
    """Each reason that waiting does not cure."""
    state = JobSeen("7", "PENDING", reason)
    assert fates.stuck(state)
    assert reason in fates.never_runs("7", state).message


@pytest.mark.parametrize("reason", ["Priority", "Resources", "Dependency", "", "None"])
def test_reasons_that_pass(reason):
    """Waiting is what queues are for."""
    assert not fates.stuck(JobSeen("7", "PENDING", reason))
