"""What befalls a cluster while a client works: jobs end, processes are killed, Slurm's daemon too.

Tasks leave the process ids of their worker and its agent in ``ran``, so only those of the trial that
it is are killed.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from firecrest import ClientCredentialsAuth, FirecrestException
from firecrest.v2 import Firecrest

from fcx.local import Environment

AWAY = 5.0  # seconds for which Slurm's controller is gone
LAUNCH = 10.0  # seconds within which a job that has begun has its step
NEWEST = 8  # lines of ``ran`` whose processes may still live


class Strikes:
    """Kinds of trouble, one drawn at a time, of all or of some.

    ``slurm``: a Slurm whose controller may be killed, None on another back end.
    """

    def __init__(
        self,
        env: Environment,
        folder: Path,
        slurm: Any,
        rng: random.Random,
        only: tuple[str, ...] = (),
    ) -> None:
        self._env = env
        self._folder = folder
        self._slurm = slurm
        self._rng = rng
        self._kinds: dict[str, Callable[[], bool]] = {
            "worker killed": lambda: self._kill(0),
            "agent killed": lambda: self._kill(1),
            "node failed": lambda: self._befall(env.faults.fail_node),
            "job preempted": lambda: self._befall(env.faults.preempt),
            "job requeued": lambda: self._befall(env.faults.requeue),
            "job cancelled": lambda: self._befall(self._cancel),
        }
        if slurm is not None:
            self._kinds["slurmctld killed"] = self._restart_controller
        self._drawn = only or tuple(self._kinds)

    def strike(self) -> str:
        """Let something happen: its name, or nothing where it met nobody."""
        name = self._rng.choice(self._drawn)
        return name if self._kinds[name]() else ""

    def _befall(self, what: Callable[[str], object]) -> bool:
        """One of the last jobs, if it has not ended."""
        jobs = [submission["jobId"] for submission in self._env.submissions()[-2:]]
        with contextlib.suppress(RuntimeError, FirecrestException):
            what(self._rng.choice(jobs or [""]))
            return True
        return False

    def _cancel(self, job: str) -> None:
        """By somebody else, past the proxy."""
        env = self._env
        account = ClientCredentialsAuth(
            env["FIRECREST_CLIENT_ID"], env["FIRECREST_CLIENT_SECRET"], env["AUTH_TOKEN_URL"]
        )
        door = Firecrest(env["FIRECREST_URL"], authorization=account)
        try:
            door.cancel_job(env["FIRECREST_SYSTEM"], job)
        finally:
            door.close_session()

    def _kill(self, which: int) -> bool:
        """``kill -9`` of a worker (0) or its agent (1)."""
        path = self._folder / "ran"
        lines = path.read_text().splitlines()[-NEWEST:] if path.exists() else []
        pids = [int(line.split()[2 + which]) for line in lines]
        alive = [pid for pid in dict.fromkeys(pids) if _is_python(pid)]
        if not alive:
            return False
        os.kill(self._rng.choice(alive), signal.SIGKILL)
        return True

    def _restart_controller(self) -> bool:
        """Not while a job begins its step: Slurm may lose that, and the job waits to its end."""
        until = time.monotonic() + LAUNCH
        while _launching() and time.monotonic() < until:
            time.sleep(0.1)
        self._slurm.kill_controller()
        time.sleep(AWAY)
        self._slurm.start_controller()
        return True


def _launching() -> bool:
    """Whether a job runs that has no step yet."""
    running = _listed("--states=RUNNING")
    steps = _listed("--steps") if running else []
    return any(f"{job}.0" not in steps for job in running)


def _listed(what: str) -> list[str]:
    """What squeue has of that; nothing while the controller is away."""
    command = ["squeue", "--noheader", "--format=%i", what]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.split()


def _is_python(pid: int) -> bool:
    """Not another process that has got its id since."""
    with contextlib.suppress(OSError):
        return b"python" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False
