"""Starting what belongs to a job: its script, and commands that join it."""

from __future__ import annotations

import os
import signal
from typing import Any, NoReturn

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
"""Signals that the supervisor does not hear, and its children do."""


def open_output(path: str, *, append: bool) -> int:
    """A file to write to from its beginning, or from its end."""
    kept = os.O_APPEND if append else os.O_TRUNC
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_APPEND | kept, 0o644)


def start(job: dict[str, Any]) -> tuple[int, int]:
    """Start a job's script: its process, and its standard error, which stays open here."""
    append = job["append"]
    out = open_output(job["stdout"], append=append)
    err = out if job["stderr"] == job["stdout"] else open_output(job["stderr"], append=append)
    inp = os.open(job["stdin"], os.O_RDONLY | os.O_CLOEXEC)
    os.stat(job["cwd"])  # fails here, not in the child, where nobody would hear of it
    pid = os.fork()
    if pid == 0:
        _become(job, inp, out, err)
    os.close(inp)
    if out != err:
        os.close(out)
    return pid, err


def attach(command: dict[str, Any]) -> int:
    """Start a command that joins the job; its process."""
    pid = os.fork()
    if pid == 0:
        inp = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        out = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        _become(command, inp, out, open_output(command["stderr"], append=False))
    return pid


def _become(what: dict[str, Any], inp: int, out: int, err: int) -> NoReturn:
    """In the child: turn into the script or command."""
    try:
        os.setsid()
        for number in (*IGNORED, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        for source, target in ((inp, 0), (out, 1), (err, 2)):
            os.dup2(source, target)
        os.chdir(what["cwd"])
        env = {**what["env"], "SLURM_TASK_PID": str(os.getpid())}
        os.execve(what["argv"][0], what["argv"], env)
    except OSError as error:
        os.write(2, f"slurmstepd: error: execve(): {what['argv'][0]}: {error.strerror}\n".encode())
    os._exit(127)
