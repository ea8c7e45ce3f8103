"""What a report says, as data: the stable form that `fcx runs report --json` writes.

Times are seconds since the epoch by the clock of the client; what nodes and Slurm told was moved
there (``Clock``). None: not known. Tables (``tasks``, ``attempts``) are columns and rows, as
``pandas.DataFrame(**report["tasks"])`` takes them.
"""

from __future__ import annotations

from typing import Any

from ..records import Struct

FORMAT = 1

TASK = (
    *("id", "function", "state", "submitted", "wait", "work", "ended"),
    *("attempts", "failure", "shape"),
)
ATTEMPT = ("task", "attempt", "agent", "worker", "begin", "seconds", "outcome", "bytes")
STATES = ("waiting", "running", "done", "raised", "failed", "cancelled", "unknown")
"""``failed``: by what ended it from outside, a job or a worker; ``unknown``: nobody looked."""


class Table(Struct, frozen=True):
    """Rows under named columns."""

    columns: tuple[str, ...]
    data: list[list[Any]]


class Process(Struct, frozen=True):
    """One process that has served the run. ``ended`` is None where it was killed, or goes on."""

    began: float
    ended: float | None
    host: str
    fcx: str
    python: str


class Agent(Struct, frozen=True):
    """One agent: a node in a pilot. ``busy``: seconds in which any of its workers had a task."""

    name: str
    node: str
    cpus: int
    workers: int
    began: float
    ended: float | None
    seen: float  # the last sign of it
    why: str  # it ended, where it said so
    busy: float
    work: float  # seconds of all workers
    tasks: int


class Pilot(Struct, frozen=True):
    """A Slurm job. ``basis`` says whose word its time is: Slurm's, or that of the agents.

    ``sure``: its end is known, so that the node hours are no lower bound. ``nodes`` are those of
    its last start; ``starts``: how many it had (more than one: it was requeued).
    """

    name: str
    job: str
    shape: int
    state: str
    reason: str
    submitted: float | None
    began: float | None
    ended: float | None
    nodes: int
    node_hours: float
    idle_node_hours: float
    basis: str
    sure: bool
    agents: list[Agent]
    starts: int


class Function(Struct, frozen=True):
    """The tasks of one function. ``digest``: SHA-256 of its code, empty where it cannot be seen."""

    name: str
    digest: str
    tasks: int
    done: int
    failed: int
    work: float
    median: float | None


class Failure(Struct, frozen=True):
    """Tasks that have failed alike, with the words of the first of them."""

    number: int
    error: str
    text: str
    traceback: str
    count: int
    functions: tuple[str, ...]
    examples: tuple[str, ...]  # ids of some tasks


class Shape(Struct, frozen=True):
    """What pilots were asked for with, and what is known of where they ran."""

    shape: int
    sbatch_options: tuple[str, ...]
    srun_options: tuple[str, ...]
    workers_per_node: int
    place: dict[str, Any]


class Clock(Struct, frozen=True):
    """What was added to the times of nodes: nothing, unless cause and effect would be reversed.

    ``least`` and ``most``: between them it must lie, where that is known.
    """

    shift: float
    least: float | None
    most: float | None


class Quantiles(Struct, frozen=True):
    """Seconds below which that share of the tasks lies."""

    count: int
    min: float
    p10: float
    median: float
    p90: float
    max: float
    total: float


class Totals(Struct, frozen=True):
    """The run in a few numbers; hours of nodes are at least so many unless ``sure``."""

    tasks: int
    states: dict[str, int]
    repeated: int  # tasks that were begun more than once
    lost_work: float  # seconds of attempts that came to nothing
    work: float  # seconds of those that did not
    elapsed: float
    wait: Quantiles | None
    seconds: Quantiles | None
    node_hours: float
    idle_node_hours: float
    sure: bool
    utilisation: float | None  # of workers' time that was work
    requests: int
    bytes_sent: int
    bytes_returned: int


class Report(Struct, frozen=True, kw_only=True):
    """All of it. ``notes``: what is not in it, or was derived, in sentences."""

    report: int = FORMAT
    fcx: str
    drawn: float
    run: str
    name: str
    state: str  # running | ended | open: no process of this machine serves it, and none ended it
    system: str
    api_url: str
    account: str
    began: float
    ended: float | None
    broken: str
    whole: bool  # all that the processes learnt was noted, and could be read
    totals: Totals
    processes: list[Process]
    shapes: list[Shape]
    pilots: list[Pilot]
    functions: list[Function]
    failures: list[Failure]
    modules: dict[str, int]
    requests: dict[str, int]
    clock: Clock
    notes: list[str]
    tasks: Table
    attempts: Table
