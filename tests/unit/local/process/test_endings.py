"""How an end is written down: of the job, of its batch step, of steps that were still under way."""

from __future__ import annotations

import signal

import pytest

from fcx.local.process import endings
from fcx.local.process.job import Hold

EXIT_3 = 3 << 8
KILLED = int(signal.SIGKILL)


@pytest.mark.parametrize(
    ("status", "fate", "ran_out", "job", "batch"),
    [
        (0, None, None, ("COMPLETED", 0, 0), ("COMPLETED", 0, 0)),
        (EXIT_3, None, None, ("FAILED", 3, 0), ("FAILED", 3, 0)),
        (KILLED, None, None, ("FAILED", 0, 9), ("CANCELLED", 0, 9)),
        (None, None, None, ("FAILED", 0, 53), ("CANCELLED", 0, 53)),
        (None, "CANCELLED by 7", None, ("CANCELLED by 7", 0, 53), ("CANCELLED", 0, 53)),
        (KILLED, "NODE_FAIL", None, ("NODE_FAIL", 0, 0), ("CANCELLED", 0, 9)),
        (0, None, "TIMEOUT", ("TIMEOUT", 0, 0), ("TIMEOUT", 0, 0)),
        (KILLED, None, "OUT_OF_MEMORY", ("OUT_OF_MEMORY", 0, 125), ("CANCELLED", 0, 9)),
    ],
)
def test_state_code_and_signal(new_job, status, fate, ran_out, job, batch):
    """From the script's wait status, what was done to it, and what it ran out of."""
    ended = new_job()
    ended.begin([], 1)
    ended.run.fate, ended.run.ran_out = fate, ran_out
    ended.run.new_step("inner", Hold())
    endings.write_down(ended, status)
    found = ended.status
    assert (found.state, found.exit_code, found.signal) == job
    first, inner = ended.run.steps
    assert (first.state, first.exit_code, first.signal) == batch
    assert (inner.state, inner.signal) == ("CANCELLED", 9)
    assert ended.end is not None
