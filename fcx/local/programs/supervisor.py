"""Owns the processes of one job, from its script to the last daemon that it left behind.

Told by JSON lines on standard input: first the job, then commands. It answers with JSON lines on
standard output. As the child subreaper of all it starts, it is the parent of every orphan of the
job, so that whatever lives below it is the job's, and nothing else is.

job:      {id, node, argv, env, cwd, stdin, stdout, stderr, append, limit, kill_wait, warn, memory}
commands: {"do": "signal", "number": N, "shell_only": bool} | {"do": "end", "grace": S, "why": text}
          | {"do": "attach", "tag": N, "argv": [...], "env": {...}, "cwd": path, "stderr": path}
          | {"do": "detach", "tag": N}
answers:  {"is": "started", "pid": N} | {"is": "warned"} | {"is": "limit"} | {"is": "oom"}
          | {"is": "attached", "tag": N, "status": raw wait status}
          | {"is": "ended", "status": raw wait status or null}

End of input means that the server is gone: the job is killed at once.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
PR_SET_PDEATHSIG = 1
MEMORY_PERIOD = 0.1
SRUN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "srun.py").encode()
PAGE = os.sysconf("SC_PAGE_SIZE")

Answer = dict[str, Any]


def main() -> None:
    """Run the job that the first line of input describes."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    wakeup, notify = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(notify, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(ignored, signal.SIG_IGN)
    lines = Lines(0)
    first = lines.wait()
    if first is not None:
        Supervisor(first, lines, wakeup).run()


class Lines:
    """JSON lines of a file descriptor, without ever blocking on half a line."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self.ended = False
        self._held = b""
        self._early: list[dict[str, Any]] = []

    def wait(self) -> dict[str, Any] | None:
        """The next line; None at the end of input."""
        while not self.ended:
            lines = self.read()
            if lines:
                self._early = lines[1:]
                return lines[0]
        return None

    def early(self) -> list[dict[str, Any]]:
        """Lines that came together with the one waited for."""
        found, self._early = self._early, []
        return found

    def read(self) -> list[dict[str, Any]]:
        """The lines that are there; sets `ended` at the end of input."""
        data = os.read(self.fd, 1 << 16)
        self.ended = not data
        *whole, self._held = (self._held + data).split(b"\n")
        return [json.loads(line) for line in whole]


class Supervisor:
    """One job's life."""

    def __init__(self, job: dict[str, Any], lines: Lines, wakeup: int) -> None:
        self.job = job
        self.lines = lines
        self.wakeup = wakeup
        self.shell = 0
        self.shell_status: int | None = None
        self.began = time.monotonic()
        self.limit: float | None = job["limit"]
        self.warn: dict[str, Any] | None = job["warn"]
        self.kill_at: float | None = None
        self.log: int | None = None
        self.attached: dict[int, int] = {}

    def run(self) -> None:
        """Start the script, see it through, leave nothing behind."""
        try:
            self.shell = self._start()
        except OSError:
            answer({"is": "ended", "status": None})
            return
        answer({"is": "started", "pid": self.shell})
        for command in self.lines.early():
            self._obey(command)
        while self.shell_status is None or (self.kill_at is not None and descendants()):
            self._turn()  # a job that must go has its grace, even when its shell went first
        end_all()
        answer({"is": "ended", "status": self.shell_status})

    def _turn(self) -> None:
        """Wait for the next thing to happen, and see to it."""
        ready, _, _ = select.select([self.lines.fd, self.wakeup], [], [], self._pause())
        if self.wakeup in ready:
            os.read(self.wakeup, 4096)
        self._reap()
        if self.lines.fd in ready:
            for command in self.lines.read():
                self._obey(command)
            if self.lines.ended:
                end_all()
                os._exit(1)
        self._look_at_clock()

    def _start(self) -> int:
        job = self.job
        out = _open_output(job["stdout"], append=job["append"])
        err = out if job["stderr"] == job["stdout"] else _open_output(job["stderr"], job["append"])
        inp = os.open(job["stdin"], os.O_RDONLY | os.O_CLOEXEC)
        self.log = err
        os.stat(job["cwd"])  # fails here, not in the child, where nobody would hear of it
        pid = os.fork()
        if pid == 0:
            _become(job, inp, out, err)
        os.close(inp)
        if out != err:
            os.close(out)
        return pid

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._note(pid, status)

    def _note(self, pid: int, status: int) -> None:
        if pid == self.shell:
            self.shell_status = status
        elif pid in self.attached:
            answer({"is": "attached", "tag": self.attached.pop(pid), "status": status})

    def _obey(self, command: dict[str, Any]) -> None:
        if command["do"] == "signal":
            self._signal(command["number"], shell_only=command["shell_only"])
        elif command["do"] == "attach":
            self.attached[_attach(command)] = command["tag"]
        elif command["do"] == "detach":
            for pid in [pid for pid, tag in self.attached.items() if tag == command["tag"]]:
                _send(-pid, signal.SIGTERM)
        elif command["do"] == "end":
            self._end(command["why"], command["grace"])

    def _end(self, why: str, grace: float) -> None:
        """What Slurm does to a job that must go: CONT and TERM to all of it, later KILL."""
        if self.kill_at is not None:
            self.kill_at = min(self.kill_at, time.monotonic() + grace)
            return
        if self.log is not None:
            stamp = time.strftime("%Y-%m-%dT%H:%M:%S")
            text = f"slurmstepd: error: *** JOB {self.job['id']} ON {self.job['node']} CANCELLED AT"
            os.write(self.log, f"{text} {stamp}{why} ***\n".encode())
        self.kill_at = time.monotonic() + grace
        for number in (signal.SIGCONT, signal.SIGTERM):
            for pid in descendants():
                if not _is_srun(pid):
                    _send(pid, number)

    def _signal(self, number: int, *, shell_only: bool) -> None:
        """A warning signal: to the batch shell, or to every process of every step but it."""
        if shell_only:
            _send(self.shell, number)
            return
        for srun in [pid for pid in descendants() if _is_srun(pid)]:
            for pid in descendants(srun):
                _send(pid, number)

    def _look_at_clock(self) -> None:
        now = time.monotonic()
        if self.kill_at is not None and now >= self.kill_at:
            end_all(self._note)
            return
        if self.limit is None:
            pass
        elif self.warn and now >= self.began + self.limit - self.warn["before"]:
            self._signal(self.warn["number"], shell_only=self.warn["shell_only"])
            self.warn = None
            answer({"is": "warned"})
        elif now >= self.began + self.limit and self.kill_at is None:
            answer({"is": "limit"})
            self._end(" DUE TO TIME LIMIT", self.job["kill_wait"])
        if self.job["memory"]:
            self._look_at_memory()

    def _look_at_memory(self) -> None:
        sizes = {pid: _resident(pid) for pid in descendants()}
        if sum(sizes.values()) > self.job["memory"]:
            _send(max(sizes, key=lambda pid: sizes[pid]), signal.SIGKILL)
            answer({"is": "oom"})

    def _pause(self) -> float | None:
        """Seconds until the clock has something to say."""
        moments = [] if self.kill_at is None else [self.kill_at]
        if self.limit is not None and self.kill_at is None:
            moments.append(self.began + self.limit - (self.warn["before"] if self.warn else 0))
        pauses = [max(0.0, moment - time.monotonic()) for moment in moments]
        if self.job["memory"]:
            pauses.append(MEMORY_PERIOD)
        return min(pauses, default=None)


def answer(message: Answer) -> None:
    """One line to the server; it may be gone already."""
    with contextlib.suppress(BrokenPipeError):
        os.write(1, json.dumps(message).encode() + b"\n")


def _open_output(path: str, append: bool) -> int:
    kept = os.O_APPEND if append else os.O_TRUNC
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_APPEND | kept, 0o644)


def _attach(command: dict[str, Any]) -> int:
    """Start a command that joins the job; its process."""
    pid = os.fork()
    if pid == 0:
        inp = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        out = os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)
        _become(command, inp, out, _open_output(command["stderr"], append=False))
    return pid


def _become(job: dict[str, Any], inp: int, out: int, err: int) -> None:
    """In the child: turn into the job's script."""
    try:
        os.setsid()
        for number in (
            signal.SIGINT,
            signal.SIGTERM,
            signal.SIGHUP,
            signal.SIGUSR1,
            signal.SIGUSR2,
        ):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        for source, target in ((inp, 0), (out, 1), (err, 2)):
            os.dup2(source, target)
        os.chdir(job["cwd"])
        env = {**job["env"], "SLURM_TASK_PID": str(os.getpid())}
        os.execve(job["argv"][0], job["argv"], env)
    except OSError as error:
        os.write(2, f"slurmstepd: error: execve(): {job['argv'][0]}: {error.strerror}\n".encode())
    os._exit(127)


def descendants(root: int | None = None) -> list[int]:
    """Every process below one (this one by default), nearest first."""
    found: list[int] = []
    waiting = [os.getpid() if root is None else root]
    while waiting:
        for child in _children(waiting.pop(0)):
            found.append(child)
            waiting.append(child)
    return found


def _children(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found.extend(int(word) for word in file.read().split())
    except OSError:
        pass  # the process is gone
    return found


def end_all(note: Any = None) -> None:
    """KILL whatever is below this process, and again, until there is nothing."""
    while True:
        for pid in descendants():
            _send(pid, signal.SIGKILL)
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG)
                if pid == 0:
                    break
                if note is not None:
                    note(pid, status)
        except ChildProcessError:
            return
        time.sleep(0.002)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _is_srun(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return SRUN in file.read().split(b"\0")
    except OSError:
        return False


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, IndexError):
        return 0


if __name__ == "__main__":
    main()
    sys.exit(0)
