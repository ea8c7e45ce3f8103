"""What srun says on its standard error, in the words of the real one."""

# ruff: noqa: T201  # what a program prints is its answer

from __future__ import annotations

import os
import signal
import sys
import time
from typing import NoReturn


def fail(text: str, status: int = 1) -> NoReturn:
    """End as srun does: its name, the reason, a status."""
    for line in text.splitlines():
        print(f"srun: error: {line}", file=sys.stderr)
    sys.exit(status)


def refuse_usage(problem: str) -> NoReturn:
    """End as srun does where it cannot read its command line."""
    print(f'srun: {problem}\nTry "srun --help" for more information', file=sys.stderr)
    sys.exit(255)


def task_ended(node: str, rank: int, status: int) -> None:
    """A task that did not end well: its code or its signal."""
    where = f"srun: error: {node}: task {rank}:"
    if os.WIFSIGNALED(status):
        core = " (core dumped)" if os.WCOREDUMP(status) else ""
        _say(f"{where} {signal.strsignal(os.WTERMSIG(status))}{core}")
    elif os.WEXITSTATUS(status):
        _say(f"{where} Exited with exit code {os.WEXITSTATUS(status)}")


def waits(job: str) -> None:
    """Other steps hold what this one needs."""
    _say(f"srun: Job {job} step creation temporarily disabled, retrying (Requested nodes are busy)")


def terminating(step: str) -> None:
    """The other tasks are about to be killed for the sake of one."""
    _say(f"srun: Terminating StepId={step}")


def task_killed(node: str, step: str) -> None:
    """A task is killed with its step."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
    _say(f"slurmstepd: error: *** STEP {step} ON {node} CANCELLED AT {stamp} ***")


def aborted() -> None:
    """A signal asks the step to end. Said by a handler, which must not use buffered output."""
    text = "Job step aborted: Waiting up to 32 seconds for job step to finish."
    os.write(2, f"srun: {text}\n".encode())


def daemon_error(text: str) -> None:
    """What slurmstepd says of a task; said by the child that is about to become it."""
    os.write(2, f"slurmstepd: error: {text}\n".encode())


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
