"""Programs that die of SIGKILL at a step of their choice, and what a new process makes of it.

A step is a request, or an entry into the journal: before it is made, or when it has had its effect.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from executors.deadline import WAIT
from fcx.jobscript import programs

PRELUDE = """
import os, signal, sys, time
from fcx.firecrest import retries
from fcx.state.journal import Journal

signal.signal(signal.SIGINT, signal.default_int_handler)  # who started us may ignore it
steps = 0
def step(what):
    global steps
    steps += 1
    print(steps, what, file=sys.stderr, flush=True)
    if str(steps) == os.environ.get("DIE_AT") or what == os.environ.get("DIE_AT"):
        os.kill(os.getpid(), signal.SIGKILL)

make = retries.Requests.make
async def counted(self, what, *rest, **more):
    step("before " + what.split()[0])
    answer = await make(self, what, *rest, **more)
    step("after " + what.split()[0])
    return answer
retries.Requests.make = counted

def remembering(name):
    method = getattr(Journal, name)
    def counted(self, *rest, **more):
        step("before " + name)
        answer = method(self, *rest, **more)
        step("after " + name)
        return answer
    setattr(Journal, name, counted)
for name in ("begin_run", "open_run", "add_tasks", "add_pilot", "end_run"):
    remembering(name)

jobs = {}
add_pilot = Journal.add_pilot
def noting(self, run, name, job, *more):
    add_pilot(self, run, name, job, *more)
    jobs[name] = job
Journal.add_pilot = noting
def jobs_are_known():  # a job of which no answer told may yet begin
    while not all(jobs.values()):
        time.sleep(0.01)

FOLDER = os.environ["WORKING_DIR"]
def work(folder, number, seconds=0.0):
    import time
    with open(f"{folder}/ran-{number}", "a") as file:
        file.write("x")
    time.sleep(seconds)
    if number == 7:
        raise ValueError("seven")
    return number * number
"""


@dataclass
class Mortal:
    """A folder for a script's files and what its machine remembers, and a cluster."""

    folder: Path
    env: Mapping[str, str]
    state: str = "state"

    def run(
        self, text: str, die_at: int | str = 0, *, prelude: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a script; one that is to die may also come to its end before."""
        path = self.folder / "script.py"
        path.write_text((PRELUDE if prelude else "") + textwrap.dedent(text))
        variables = {
            "WORKING_DIR": str(self.folder / "work"),
            "FCX_STATE_DIR": str(self.folder / self.state),
            "DIE_AT": str(die_at),
        }
        (self.folder / "work").mkdir(exist_ok=True)
        self._bring_programs()
        done = subprocess.run(
            [sys.executable, str(path)],
            env={**os.environ, **self.env, **variables},
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=WAIT * 2,
            check=False,
        )
        fine = done.returncode == (-signal.SIGKILL if die_at else 0)
        assert fine or (die_at and done.returncode == 0), done.stdout + done.stderr
        return done

    def _bring_programs(self) -> None:
        """What each machine packs once has been packed here: for the script it is as a later start."""
        programs.program()
        state = self.folder / self.state
        state.mkdir(mode=0o700, exist_ok=True)
        with contextlib.suppress(OSError):
            shutil.copy2(Path(os.environ["FCX_STATE_DIR"]) / programs.KEPT, state)

    @contextlib.contextmanager
    def start(self, text: str) -> Iterator[subprocess.Popen[str]]:
        """A script that goes on beside the test; it is ended with it."""
        path = self.folder / "beside.py"
        path.write_text(PRELUDE + textwrap.dedent(text))
        (self.folder / "work").mkdir(exist_ok=True)
        variables = {
            "WORKING_DIR": str(self.folder / "work"),
            "FCX_STATE_DIR": str(self.folder / self.state),
        }
        process = subprocess.Popen(
            [sys.executable, str(path)],
            env={**os.environ, **self.env, **variables},
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            with process:  # its pipe is closed, and its end waited for
                pass

    def ran(self) -> dict[int, int]:
        """How often each task was begun."""
        files = (self.folder / "work").glob("ran-*")
        return {int(file.name[4:]): len(file.read_text()) for file in files}
