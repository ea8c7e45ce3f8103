"""Runs Slurm's commands as a fresh login would: its environment, a time limit, few at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from .. import login
from ..errors import CommandTimeout, SchedulerError
from ..scheduler import SchedulerSettings

NEEDED = ("sbatch", "scontrol", "scancel", "squeue", "srun")

# So many commands run at once; the rest waits its turn, as on a login node with MaxSessions.
AT_ONCE = 8


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    stdout: str
    stderr: str


class Commands:
    """The machine's sbatch, scontrol, ... as `user`. Raises SchedulerError where they are missing.

    `lost` tells what was started by a command that gave no answer in time, and may exist all the
    same: the command's session id, which Slurm notes with the job, and when that was.
    """

    def __init__(self, settings: SchedulerSettings) -> None:
        self.user = pwd.getpwuid(os.geteuid())
        self.lost: dict[int, float] = {}
        self._limit = settings.command_timeout
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._programs = {name: path for name in NEEDED if (path := shutil.which(name))}
        absent = [name for name in NEEDED if name not in self._programs]
        if absent:
            raise SchedulerError(
                f"no {', '.join(absent)} on this machine: install Slurm's client commands "
                "(Debian: slurm-wlm), or choose the process back end"
            )
        self._home = str(Path.home())
        self._place = self._home if Path(self._home).is_dir() else "/"
        self._environment = self._login(settings)

    async def ask(self, *command: str) -> Done:
        """Run a command that only tells or changes something; times come in epoch seconds."""
        return await self._run(command, self._environment | {"SLURM_TIME_FORMAT": "%s"}, None)

    async def launch(self, *command: str, stdin: bytes | None = None) -> Done:
        """Run a command that starts work, which inherits its environment."""
        sent = time.time()
        return await self._run(command, self._environment, stdin, sent)

    async def _run(
        self,
        command: tuple[str, ...],
        environment: dict[str, str],
        stdin: bytes | None,
        sent: float | None = None,
    ) -> Done:
        async with self._slots:
            try:
                process = await asyncio.create_subprocess_exec(
                    self._programs[command[0]],
                    *command[1:],
                    env=environment,
                    cwd=self._place,
                    stdin=asyncio.subprocess.DEVNULL if stdin is None else asyncio.subprocess.PIPE,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    start_new_session=True,
                    umask=0o022,
                )
            except OSError as error:
                # More than the kernel takes as arguments; the real server runs bash for it.
                raise SchedulerError.of_command(1, f"/bin/bash: {error.strerror}\n") from error
            except ValueError as error:  # a NUL, a lone surrogate
                raise SchedulerError.of_command(1, f"{command[0]}: {error}\n") from error
            return await self._finish(process, stdin, sent)

    async def _finish(
        self, process: asyncio.subprocess.Process, stdin: bytes | None, sent: float | None
    ) -> Done:
        try:
            out, err = await asyncio.wait_for(process.communicate(stdin), self._limit)
        except (asyncio.TimeoutError, asyncio.CancelledError) as error:
            if sent is not None:
                self.lost[process.pid] = sent
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            if isinstance(error, asyncio.CancelledError):
                raise
            raise CommandTimeout from error
        return Done(
            process.returncode or 0, out.decode(errors="replace"), err.decode(errors="replace")
        )

    def _login(self, settings: SchedulerSettings) -> dict[str, str]:
        """The environment of a fresh login: nothing of the server's own, which may hold secrets."""
        folder, login_file = login.install(settings.root, settings.python)
        places = [str(folder), *login.system_path().split(":")]
        places += [str(Path(program).parent) for program in self._programs.values()]
        variables = {
            "PATH": ":".join(dict.fromkeys(places)),
            "HOME": self._home,
            "USER": self.user.pw_name,
            "LOGNAME": self.user.pw_name,
            "SHELL": self.user.pw_shell or "/bin/sh",
            "BASH_ENV": str(login_file),
        }
        if "SLURM_CONF" in os.environ:
            variables["SLURM_CONF"] = os.environ["SLURM_CONF"]
        return variables
