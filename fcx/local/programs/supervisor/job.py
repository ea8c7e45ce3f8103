"""One job's life, from the line that describes it to the status it ended with."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import time

from . import children
from .clock import Clock
from .lines import Lines, Message, answer
from .processes import descendants, end_all, is_srun, reap, resident, send

PR_SET_CHILD_SUBREAPER = 36


def main() -> None:
    """Run the job that the first line of input describes."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wakeup, notify = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(notify, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for ignored in children.IGNORED:
        signal.signal(ignored, signal.SIG_IGN)
    lines = Lines(0)
    first = lines.wait()
    if first is not None:
        Supervisor(first, lines, wakeup).run()


class Supervisor:
    """Starts the script, obeys the server, keeps the limits, leaves nothing behind."""

    def __init__(self, job: Message, lines: Lines, wakeup: int) -> None:
        self.job = job
        self.lines = lines
        self.wakeup = wakeup
        self.clock = Clock(job)
        self.shell = 0
        self.shell_status: int | None = None
        self.log: int | None = None
        self.attached: dict[int, int] = {}

    def run(self) -> None:
        """Start the script, see it through, leave nothing behind."""
        try:
            self.shell, self.log = children.start(self.job)
        except OSError:
            answer({"is": "ended", "status": None})
            return
        answer({"is": "started", "pid": self.shell})
        for command in self.lines.early():
            self._obey(command)
        # A job that must go has its grace, even when its shell went first.
        while self.shell_status is None or (self.clock.kill_at is not None and descendants()):
            self._turn()
        end_all()
        answer({"is": "ended", "status": self.shell_status})

    def _turn(self) -> None:
        """Wait for the next thing to happen, and see to it."""
        ready, _, _ = select.select([self.lines.fd, self.wakeup], [], [], self.clock.pause())
        if self.wakeup in ready:
            os.read(self.wakeup, 4096)
        reap(self._note)
        if self.lines.fd in ready:
            for command in self.lines.read():
                self._obey(command)
            if self.lines.ended:
                end_all()
                os._exit(1)
        self._keep_limits()

    def _note(self, pid: int, status: int) -> None:
        if pid == self.shell:
            self.shell_status = status
        elif pid in self.attached:
            answer({"is": "attached", "tag": self.attached.pop(pid), "status": status})

    def _obey(self, command: Message) -> None:
        if command["do"] == "signal":
            self._signal(command["number"], shell_only=command["shell_only"])
        elif command["do"] == "attach":
            self.attached[children.attach(command)] = command["tag"]
        elif command["do"] == "detach":
            for pid in [pid for pid, tag in self.attached.items() if tag == command["tag"]]:
                send(-pid, signal.SIGTERM)
        elif command["do"] == "end":
            self._end(command["why"], command["grace"])

    def _end(self, why: str, grace: float) -> None:
        """What Slurm does to a job that must go: CONT and TERM to all of it, later KILL."""
        if not self.clock.grace(grace):
            return
        if self.log is not None:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
            text = f"slurmstepd: error: *** JOB {self.job['id']} ON {self.job['node']} CANCELLED AT"
            os.write(self.log, f"{text} {stamp}{why} ***\n".encode())
        for number in (signal.SIGCONT, signal.SIGTERM):
            for pid in descendants():
                if not is_srun(pid):
                    send(pid, number)

    def _signal(self, number: int, *, shell_only: bool) -> None:
        """A warning signal: to the batch shell, or to every process of every step but it."""
        if shell_only:
            send(self.shell, number)
            return
        for srun in [pid for pid in descendants() if is_srun(pid)]:
            for pid in descendants(srun):
                send(pid, number)

    def _keep_limits(self) -> None:
        if self.clock.killing:
            end_all(self._note)
            return
        if warning := self.clock.warning():
            self._signal(warning["number"], shell_only=warning["shell_only"])
            answer({"is": "warned"})
        elif self.clock.over:
            answer({"is": "limit"})
            self._end(" DUE TO TIME LIMIT", self.job["kill_wait"])
        if self.job["memory"]:
            self._keep_memory_limit()

    def _keep_memory_limit(self) -> None:
        sizes = {pid: resident(pid) for pid in descendants()}
        if sum(sizes.values()) > self.job["memory"]:
            send(max(sizes, key=lambda pid: sizes[pid]), signal.SIGKILL)
            answer({"is": "oom"})
