"""What a seed stands for: sizes, limits, tasks, what the caller does, and how likely which fault is.

A scenario is plain data: ``shrink.py`` makes smaller ones, and a failing one is printed.
"""

from __future__ import annotations

import msgspec

from fcx.executor.core import Limits

from .kinds import Kind

HOWS = ("value", "large", "stale", "exits", "killed", "memory", "stubborn")


class Plan(msgspec.Struct, frozen=True):
    """One task: when it is submitted, how long it takes, and what becomes of it.

    ``how``: value; large: its outcome lies in parts; stale: its worker is to be replaced; exits: it ends its worker; killed: from
    outside, in its first attempts; memory: it needs too much; stubborn: killed every time.
    """

    at: float
    seconds: float
    how: str = "value"
    size: int = 1000
    function: str = "f"
    walltime: float | None = None
    archive: str = ""
    requirements: int = 0
    shape: int = 0
    takes: tuple[int, ...] = ()  # numbers of tasks whose values it takes
    raises: bool = False  # its outcome is no value
    handed_on: bool = False  # the caller does not want its value himself

    @property
    def overlong(self) -> bool:
        """Whether it is ended for its walltime, should nothing else end it."""
        return self.walltime is not None and self.seconds >= self.walltime


class Caller(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller does, and when."""

    close: float = 0.0  # not before the last submit
    abort: float | None = None
    cancels: tuple[tuple[float, int], ...] = ()  # (when, number of a task)
    breaks: float | None = None  # an error of ours in the driver
    dies: float | None = None  # kill -9
    attaches: float = 5.0  # seconds after that, or after a run that was left open
    beside: bool = False  # it does not die: the next takes the run from it while it lives
    elsewhere: bool = False  # the next is on another machine, which remembers nothing
    again: float = 0.0  # seconds until the same script has submitted all of its tasks
    gives_up: float | None = None  # seconds after which whoever attached wants no more


SPOILT = "spoilt"  # a version that passes for nobody


class Drift(msgspec.Struct, frozen=True):
    """What a set of requirements relies on becomes another version, at a time in seconds."""

    at: float
    requirements: int
    version: str


class Allowance(msgspec.Struct, frozen=True):
    """What the server lets the client ask from a time in seconds on."""

    at: float
    rate: float  # requests a second
    burst: float  # at once
    rest: float = 0.0  # seconds for which it wants to be left alone
    renews: float = 0.0  # seconds until it counts anew; 0: it does not say


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One little world."""

    seed: int
    limits: Limits
    tasks: tuple[Plan, ...]
    caller: Caller
    faults: tuple[tuple[str, float], ...] = ()
    calm: float = 300.0  # no fault strikes after this
    remembered: bool = False  # a verdict is, so payload may leave at once
    place: str = "fine"  # fine | refused (by the client) | moved, updated (the guard refuses it)
    refused: int = 0  # number of a set of requirements that does not pass
    latency: float = 0.2
    dark: float = 0.0  # seconds from the beginning for which nothing is answered
    queue: tuple[float, float] = (0.0, 5.0)
    lag: float = 0.0  # of the shared file system
    capacity: int = 100  # jobs that run at the same time
    job_limit: float = 3600.0
    idle_timeout: float = 5.0
    gate_timeout: float = 60.0
    segment: int = 1000  # records of a log's segment
    tasks_per_child: int | None = None
    probe: bool = False  # agents tell what they found although there is a guard
    door: float = 0.0  # seconds at most for which the door repeats a request before it gives up
    drifts: tuple[Drift, ...] = ()
    allowed: tuple[Allowance, ...] = ()
    recalled: tuple[tuple[str, float], ...] = ()  # seconds of tasks, as earlier runs have learnt
    starts: tuple[float, ...] = ()  # seconds that pilots took to begin, as they have
    errand: float = 0.0  # seconds at most that what is done on the client's machine takes longer
    kinds: tuple[Kind, ...] = ()  # shapes of pilots beside the first

    def limits_of(self, shape: int) -> Limits:
        """What pilots of this shape are."""
        return self.kinds[shape - 1].limits if shape else self.limits

    def like(self, shape: int) -> int:
        """The shape whose verdict is its own."""
        return self.kinds[shape - 1].like if shape else 0

    def refuses(self, shape: int) -> bool:
        """Whether the client refuses its place."""
        like = self.like(shape)
        return self.kinds[like - 1].refused if like else self.place == "refused"

    def opens(self, shape: int) -> bool:
        """Whether a verdict on its place is remembered."""
        like = self.like(shape)
        return self.kinds[like - 1].remembered if like else self.remembered

    def most(self) -> int:
        """Tasks that may run at the same time: the last pilot may have more workers than are left."""
        each = [sum(kind.limits.workers()) for kind in self.kinds]
        own = self.limits.max_workers
        return own - 1 + max(each + [sum(self.limits.workers())]) if each else own

    def spoilt(self) -> set[int]:
        """Sets of requirements that do not pass, or at some time do not."""
        return {self.refused, *(one.requirements for one in self.drifts if one.version == SPOILT)}

    def work(self) -> float:
        """Seconds that all tasks take, one after the other."""
        return sum(task.seconds for task in self.tasks)
