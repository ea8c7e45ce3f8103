"""One task of a step: where it runs, what it finds in its environment, how it begins."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
from typing import Any, NoReturn

from .messages import daemon_error

FORWARDED = tuple(
    signal.Signals[f"SIG{name}"]
    for name in ("INT", "TERM", "QUIT", "HUP", "USR1", "USR2", "CONT", "TSTP")
)
PR_SET_PDEATHSIG = 1


class Task:
    """One process of a step: its rank, its node, its number on that node."""

    def __init__(self, rank: int, node: dict[str, Any], local: int) -> None:
        self.rank = rank
        self.node = node
        self.local = local


def become(
    task: Task,
    step: dict[str, Any],
    options: dict[str, str],
    command: list[str],
    streams: tuple[int, int, int],
) -> NoReturn:
    """In the child: turn into the task's command; a stream of -1 is srun's own."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for number in (*FORWARDED, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)
    os.setsid()
    for target, fd in enumerate(streams):
        if fd >= 0:
            os.dup2(fd, target)
    os.closerange(3, 256)
    if options.get("chdir"):
        _change_directory(options["chdir"])
    try:
        os.execvpe(command[0], command, environment(task, step, options))
    except OSError as error:
        daemon_error(f"execve(): {command[0]}: {error.strerror}")
        os._exit(13 if isinstance(error, PermissionError) else 2)


def _change_directory(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        daemon_error(f"couldn't chdir to `{directory}': {error.strerror}: going to /tmp instead")
        os.chdir("/tmp")


def environment(task: Task, step: dict[str, Any], options: dict[str, str]) -> dict[str, str]:
    """What `--export` lets through, the node's variables, and Slurm's own of step and task."""
    return {
        **_exported(options),
        **task.node["env"],
        **_of_step(step),
        "SLURM_PROCID": str(task.rank),
        "SLURM_LOCALID": str(task.local),
        "SLURM_NODEID": str(task.node["index"]),
        "SLURM_GTIDS": ",".join(
            str(task.rank - task.local + number) for number in range(task.node["tasks"])
        ),
        "SLURM_TASK_PID": str(os.getpid()),
    }


def _exported(options: dict[str, str]) -> dict[str, str]:
    given = options.get("export", "ALL")
    found = dict(os.environ)
    if given.upper() == "NONE":
        found = {name: value for name, value in found.items() if name.startswith("SLURM_")}
    pairs = (pair.partition("=") for pair in given.split(","))
    return {**found, **{name: value for name, equals, value in pairs if equals}}


def _of_step(step: dict[str, Any]) -> dict[str, str]:
    total = str(sum(node["tasks"] for node in step["nodes"]))
    count = str(len(step["nodes"]))
    return {
        "SLURM_JOB_ID": step["job"],
        "SLURM_JOBID": step["job"],
        "SLURM_STEP_ID": str(step["step"]),
        "SLURM_STEPID": str(step["step"]),
        "SLURM_NTASKS": total,
        "SLURM_NPROCS": total,
        "SLURM_STEP_NUM_TASKS": total,
        "SLURM_STEP_NUM_NODES": count,
        "SLURM_NNODES": count,
        "SLURM_STEP_NODELIST": step["nodelist"],
        "SLURM_STEP_TASKS_PER_NODE": step["tasks_per_node"],
        "SLURM_TASKS_PER_NODE": step["tasks_per_node"],
    }


def send(leader: int, number: int) -> None:
    """A signal to every process of a task, by its process group."""
    try:
        os.killpg(leader, number)
    except ProcessLookupError:  # a task that has not become the leader of its group yet
        with contextlib.suppress(ProcessLookupError):
            os.kill(leader, number)
    except PermissionError:
        pass
