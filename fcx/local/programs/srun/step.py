"""The tasks of one srun: all started, seen through, and ended together where that is asked."""

from __future__ import annotations

import os
import select
import signal
import time
from typing import Any

from . import messages
from .streams import Input, Labels, output_file
from .task import FORWARDED, Task, become, send


class Step:
    """A step that the controller has granted; `worst` is how the tasks ended, see `run`."""

    def __init__(self, step: dict[str, Any], options: dict[str, str], command: list[str]) -> None:
        tasks = sum(node["tasks"] for node in step["nodes"])
        self.step = step
        self.options = options
        self.command = command
        self.running: dict[int, Task] = {}
        self.labels = Labels(tasks)
        self.input = Input(options.get("input", "all"), tasks)
        self.worst = 0
        self.deadline: float | None = None
        self.wakeup, self.notify = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    @property
    def name(self) -> str:
        """The step as Slurm writes it."""
        return f"{self.step['job']}.{self.step['step']}"

    def run(self) -> int:
        """Start all tasks and see them through; the exit status, a signal in the high byte."""
        signal.set_wakeup_fd(self.notify, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        for number in FORWARDED:
            signal.signal(number, self._forward)
        rank = 0
        for node in self.step["nodes"]:
            for local in range(node["tasks"]):
                self._start(Task(rank, node, local))
                rank += 1
        while self.running or self.labels.open:
            self._turn()
        return self.worst

    def _turn(self) -> None:
        pause = None if self.deadline is None else max(0.0, self.deadline - time.monotonic())
        ready, _, _ = select.select([self.wakeup, *self.labels.open], [], [], pause)
        if self.wakeup in ready:
            os.read(self.wakeup, 4096)
        for fd in ready:
            if fd != self.wakeup:
                self.labels.relay(fd)
        self._reap()
        if self.deadline is not None and time.monotonic() >= self.deadline and self.running:
            self.deadline = None
            self._end_others()

    def _start(self, task: Task) -> None:
        outputs = [self._output("output", 1, task), self._output("error", 2, task)]
        pid = os.fork()
        if pid == 0:
            streams = (self.input.of(task), outputs[0], outputs[1])
            become(task, self.step, self.options, self.command, streams)
        self.running[pid] = task
        for fd in outputs:
            if fd >= 0:
                os.close(fd)

    def _output(self, name: str, channel: int, task: Task) -> int:
        """A descriptor for what the task writes there; -1 for srun's own."""
        path = output_file(name, task, self.step, self.options)
        if path is not None:
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        return self.labels.pipe(task, channel) if "label" in self.options else -1

    def _forward(self, number: int, _frame: object) -> None:
        """Every process of the step gets the signal, the children of its tasks too."""
        if number in {signal.SIGINT, signal.SIGTERM}:
            messages.aborted()
        for pid in list(self.running):
            send(pid, number)

    def _reap(self) -> None:
        while self.running:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            task = self.running.pop(pid, None)
            if task is not None:
                self._note(task, status)

    def _note(self, task: Task, status: int) -> None:
        """Take down how a task ended; with a bad end, or after a while, go the others too."""
        messages.task_ended(task.node["name"], task.rank, status)
        bad = os.WEXITSTATUS(status) if os.WIFEXITED(status) else os.WTERMSIG(status) << 8
        self.worst = max(self.worst, bad, key=lambda one: one if one < 256 else 128 + (one >> 8))
        wait = int(self.options.get("wait", "0"))
        if bad and self.options.get("kill-on-bad-exit", "0") != "0" and self.running:
            messages.terminating(self.name)
            self._end_others()
        elif self.deadline is None and wait > 0 and self.running:
            self.deadline = time.monotonic() + wait

    def _end_others(self) -> None:
        for pid, task in list(self.running.items()):
            messages.task_killed(task.node["name"], self.name)
            send(pid, signal.SIGKILL)
