"""The lines of a run's ledger, taken in one after the other: what happened, before it is summed up.

What is told twice (two processes have read the same log) counts once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from ..jobstates import TERMINAL, WITHOUT_NODES
from . import lines
from .clock import Bounds
from .lines import AnyLine

DIGITS = 10  # of the number of a start, at most
SAME = 1.0  # seconds by which one begin may differ from another that is the same
OBJECTS = "objects/"  # begins the names of what travels with tasks and is no module


@dataclass
class Task:
    """One task."""

    id: str
    function: tuple[str, str]  # its name, and the digest of its code
    size: int
    shape: int
    submitted: float | None
    attempts: list[Attempt] = field(default_factory=list)
    failure: int = 0
    settled: str = ""  # failed | cancelled, or like another task (``like``)
    like: str = ""
    ended: float | None = None  # when the caller was told so, by the client's clock
    settling: Attempt | None = None  # the attempt whose outcome is the task's, once all is read


@dataclass
class Attempt:
    """A task that was begun on a worker; ``begin`` by the node's clock, 0: not told."""

    task: str
    attempt: int
    agent: str
    worker: int
    begin: float
    seconds: float | None = None
    outcome: str = "running"  # running | value | raised | died | lost
    bytes: int = 0
    failure: int = 0


@dataclass
class Agent:
    """An agent, by the node's clock."""

    name: str
    pilot: str = ""
    node: str = ""
    cpus: int = 0
    workers: int = 0
    began: float = 0.0
    ended: float = 0.0
    why: str = ""
    last: float = 0.0  # sign of it, by the node's clock

    @property
    def job(self) -> str:
        """The job that it is of."""
        return self.name.partition(".")[0]

    @property
    def start(self) -> int:
        """Which start of that job: the agents of all its nodes have the same."""
        number = self.name.partition(".")[2].partition(".")[0]
        return int(number) if number.isdecimal() and len(number) < DIGITS else 0


@dataclass
class Start:
    """One start of a job, as Slurm tells of it: a requeued job has several."""

    began: float
    ended: float = 0.0
    nodes: int = 0
    seen: float = 0.0  # when Slurm last said that it has its nodes, by the client's clock


@dataclass
class Pilot:
    """A pilot; ``submitted`` by the client's clock, its starts by Slurm's."""

    name: str
    job: str = ""
    shape: int = 0
    submitted: float = 0.0
    state: str = ""
    reason: str = ""
    heard: float = 0.0  # when Slurm said so, by the client's clock
    waits: bool = False  # it said that the job has no nodes, or none again
    over: float = 0.0  # when it ended, unless it was begun again; 0: not told
    starts: list[Start] = field(default_factory=list)

    @property
    def has_ended(self) -> bool:
        """Whether it has, also where it was not told when."""
        return self.state in TERMINAL or bool(self.over)

    def told(self, at: float, row: lines.Job) -> None:
        """What Slurm says of its job; what it said earlier counts less, whenever that is read."""
        _, state, reason, began, ended, nodes = row
        waits = state in WITHOUT_NODES  # what it then tells of its begin is an estimate
        if at >= self.heard:
            self.heard, self.state, self.waits, self.over = at, state, waits, ended
            self.reason = "" if reason == "None" else reason
        if waits or not began:
            return
        start = self._start(began)
        start.ended, start.nodes = ended or start.ended, nodes or start.nodes
        if state not in TERMINAL:
            start.seen = max(start.seen, at)

    def _start(self, began: float) -> Start:
        """That which is known, or one more."""
        for known in self.starts:
            if abs(known.began - began) <= SAME:
                return known
        self.starts.append(Start(began))
        self.starts.sort(key=lambda one: one.began)
        return self._start(began)


@dataclass
class Process:
    """One process that has served the run."""

    line: lines.Began
    ended: float = 0.0
    made: dict[str, int] = field(default_factory=dict)


class History:
    """What the files of a ledger tell, the oldest file first."""

    def __init__(self) -> None:
        self.processes: list[Process] = []
        self.tasks: dict[str, Task] = {}
        self.agents: dict[str, Agent] = {}
        self.pilots: dict[str, Pilot] = {}
        self.failures: list[lines.Failure] = []
        self.shapes: dict[int, lines.Shape] = {}
        self.places: dict[int, dict[str, Any]] = {}
        self.modules: dict[str, int] = {}
        self.bounds = Bounds()
        self.full = False
        self.unread = 0  # lines that make no sense
        self.broken = ""
        self._process: Process | None = None  # whose file is read
        self._attempts: dict[tuple[str, int, str], Attempt] = {}
        self._code: dict[str, str] = {}  # digests, by the marks of functions
        self._ways: dict[int, int] = {}  # of the file that is read: numbers of failures here
        self._alike: dict[tuple[str, str, str], int] = {}
        self._take: dict[type, Callable[[Any], None]] = {
            lines.Began: self._began,
            lines.Shape: self._shape,
            lines.Code: self._coded,
            lines.Tasks: self._tasks,
            lines.Same: self._same,
            lines.Pilot: self._pilot,
            lines.Up: self._up,
            lines.Read: self._read,
            lines.Left: self._left,
            lines.Jobs: self._jobs,
            lines.Failure: self._failure,
            lines.Settled: self._settled,
            lines.Place: self._place,
            lines.Requests: self._requests,
            lines.Full: self._filled,
            lines.Unread: self._not_read,
            lines.Ended: self._ended,
        }

    def take(self, file: Iterable[AnyLine]) -> None:
        """The lines of one file."""
        self._ways, self._process = {}, None
        for line in file:
            self._take[type(line)](line)

    # -- the client -------------------------------------------------------------------------

    def _began(self, line: lines.Began) -> None:
        self._process = Process(line)
        self.processes.append(self._process)
        self.broken = ""

    def _ended(self, line: lines.Ended) -> None:
        self.broken = line.broken
        if self._process is not None:
            self._process.ended = line.at

    def _requests(self, line: lines.Requests) -> None:
        if self._process is not None:
            self._process.made = line.made

    def _filled(self, _line: lines.Full) -> None:
        self.full = True

    def _not_read(self, line: lines.Unread) -> None:
        self.unread += line.lines

    def _shape(self, line: lines.Shape) -> None:
        self.shapes[line.shape] = line

    def _place(self, line: lines.Place) -> None:
        """The later word counts, but what was known of the remote side is not forgotten."""
        self.places[line.shape] = {**self.places.get(line.shape, {}), **line.place}

    # -- tasks ------------------------------------------------------------------------------

    def _coded(self, line: lines.Code) -> None:
        self._code[line.function] = line.digest

    def _tasks(self, line: lines.Tasks) -> None:
        submitted = None if line.earlier else line.at
        for task in line.tasks:
            if task.id not in self.tasks:
                function = task.name, self._code.get(task.function, "")
                made = Task(task.id, function, task.size, task.shape, submitted)
                self.tasks[task.id] = made
            for name, size in task.archives:
                if not name.startswith(OBJECTS):
                    self.modules[name] = size

    def _same(self, line: lines.Same) -> None:
        """What was submitted again is one task, since it was submitted first: not just now."""
        again = self.tasks.pop(line.task, None)
        if again is None:
            return
        known = self.tasks.get(line.earlier)
        if known is None:
            again.id, again.submitted = line.earlier, None
            self.tasks[line.earlier] = again
        elif not known.function[0]:  # an agent's log has told of it before
            known.function, known.size, known.shape = again.function, again.size, again.shape

    def _settled(self, line: lines.Settled) -> None:
        task = self.tasks.get(line.task)
        if task is not None:
            task.settled = "cancelled" if line.cancelled else "failed" if line.failure else ""
            task.failure, task.like = self._ways.get(line.failure, 0), line.like
            task.ended = line.at

    def _failure(self, line: lines.Failure) -> None:
        """One that another process has met, too, is the same."""
        alike = (line.error, line.traceback, "" if line.traceback else line.text)
        number = self._alike.get(alike)
        if number is None:
            self.failures.append(line)
            number = self._alike[alike] = len(self.failures)
        self._ways[line.n] = number

    # -- the cluster ------------------------------------------------------------------------

    def _pilot(self, line: lines.Pilot) -> None:
        known = self.pilots.setdefault(line.pilot, Pilot(line.pilot))
        known.job, known.shape = line.job or known.job, line.shape or known.shape
        known.submitted = known.submitted or line.at

    def _jobs(self, line: lines.Jobs) -> None:
        by_job = {pilot.job: pilot for pilot in self.pilots.values() if pilot.job}
        for row in line.jobs:
            known = by_job.get(row[0])
            if known is not None:
                known.told(line.at, row)

    def _agent(self, name: str) -> Agent:
        return self.agents.setdefault(name, Agent(name))

    def _up(self, line: lines.Up) -> None:
        agent = self._agent(line.log)
        agent.pilot, agent.node = line.pilot, line.node
        agent.cpus, agent.workers = line.cpus, line.workers
        agent.began = agent.began or line.node_at
        self._sign(agent, line.node_at, line.at)
        pilot = self.pilots.setdefault(line.pilot, Pilot(line.pilot, agent.job))
        self.bounds.after(pilot.submitted, line.node_at)

    def _left(self, line: lines.Left) -> None:
        agent = self._agent(line.log)
        agent.why, agent.ended = line.why, agent.ended or line.node_at
        self._sign(agent, line.node_at, line.at)

    def _sign(self, agent: Agent, node: float, read: float) -> None:
        agent.last = max(agent.last, node)
        self.bounds.before(node, read)

    def _read(self, line: lines.Read) -> None:
        agent = self._agent(line.log)
        for task, number, worker, at in line.runs:
            self._attempt(task, number, line.log, worker, at)
            self._sign(agent, at, line.at)
        for task, number, worker, begin, seconds, size, failure in line.done:
            known = self._attempt(task, number, line.log, worker, begin)
            known.seconds, known.bytes = seconds, size
            known.outcome = "raised" if failure else "value"
            known.failure = self._ways.get(failure, 0)
            self._sign(agent, begin + seconds if begin else 0.0, line.at)
        for task, number, worker, begin, end, _how in line.died:
            known = self._attempt(task, number, line.log, worker, begin)
            known.seconds = round(max(0.0, end - known.begin), 6) if known.begin and end else None
            known.outcome = "died"
            self._sign(agent, end, line.at)

    def _attempt(self, task: str, number: int, agent: str, worker: int, begin: float) -> Attempt:
        """The one that is known, or a new one; its outcome knows its begin best."""
        known = self._attempts.get((task, number, agent))
        if known is None:
            known = Attempt(task, number, agent, worker, begin)
            self._attempts[task, number, agent] = known
            found = self.tasks.get(task)
            if found is None:  # the line that told of it was lost
                found = self.tasks[task] = Task(task, ("", ""), 0, 0, None)
            found.attempts.append(known)
            self.bounds.after(found.submitted or 0.0, begin)
        known.begin, known.worker = begin or known.begin, worker if worker >= 0 else known.worker
        return known
