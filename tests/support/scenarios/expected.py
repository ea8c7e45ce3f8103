"""What the simulator says of a scenario: each task's fate, and how the run ends, in many worlds.

What a task comes to may depend on who is quicker. So the same scenario runs in worlds that differ
in chance, in latency and in how long jobs wait: what happens in any of them may happen.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from msgspec.structs import replace
from simulation.invariants import AGAIN
from simulation.scenario import Caller, Plan, Scenario
from simulation.simulation import Simulation
from simulation.table import Table

SEEDS = 10_000_000  # between those of two worlds; a multiple of what scenarios divide by
SLOWER = (0.0, 0.0, 1.0, 3.0)  # seconds that jobs wait longer: real ones take their time to begin
SLOWEST = 10.0  # the same, in a part of many worlds: machines may be busy
FARTHER = (1.0, 2.0, 4.0)  # times the latency: an action may be several requests
WAY = 0.03  # seconds that each takes on this machine
SOONER = (0.0, 0.3, 1.0)  # seconds that the caller loses before it dies
DOOR = (0.0, 15.0, 0.0, 5.0)  # seconds at most for which the door repeats what fails
ERRANDS = (0.0, 0.0, 3.0)  # seconds more on a machine that is busy, in many worlds
SPREAD = (0.0, 0.02, 0.0, 0.2)  # seconds that it takes to submit a task, in many worlds
SHARES = 7  # of its life in which it comes to nothing, in many worlds
RARER = (1.0, 0.3)  # the door itself repeats requests: not each that fails does so for the core
OFTENER = 3.0  # in a part of many worlds: what rarely comes twice running may
AT_ONCE = 1e-4
NONE = "-"  # no outcome


class Ending(NamedTuple):
    """How it ended: what the last life was told, and whether the run directory is there."""

    broken: str
    directory: bool


class World(NamedTuple):
    """What became of a scenario, once."""

    fates: tuple[str, ...]  # of each task: the last that the caller was told
    ending: Ending
    seconds: float
    lives: int
    failure: str = ""


class Expected:
    """What may become of a scenario."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.worlds: list[World] = []

    def see(self, count: int) -> Expected:
        """So many worlds."""
        for variant in _variants(self.scenario, len(self.worlds), count):
            self.worlds.append(world(variant))
        return self

    def fates(self, number: int) -> set[str]:
        """Those of one task."""
        return {world.fates[number] for world in self.worlds}

    @property
    def endings(self) -> set[Ending]:
        """All that there were."""
        return {world.ending for world in self.worlds}

    @property
    def seconds(self) -> float:
        """Of the longest."""
        return max(world.seconds for world in self.worlds)

    @property
    def failures(self) -> list[str]:
        """Invariants that did not hold in one of them."""
        return [world.failure for world in self.worlds if world.failure]


def _variants(scenario: Scenario, begin: int, end: int) -> Iterator[Scenario]:
    for number in range(begin, end):
        many = begin > 0
        slower, farther = SLOWER[number % 4], FARTHER[number // 3 % 3]
        slower = SLOWEST if many and not number % 5 else slower
        rarer = OFTENER if many and not number % 8 else RARER[number // 2 % 2]
        low, high = scenario.queue
        yield replace(
            scenario,
            seed=scenario.seed + number * SEEDS,
            queue=(low + slower, high + slower),
            latency=(scenario.latency + WAY * (farther - 1.0)) * farther,
            door=DOOR[number % len(DOOR)],
            errand=ERRANDS[number % len(ERRANDS)] if many else 0.0,
            tasks=_spread(scenario.tasks, SPREAD[number % len(SPREAD)] if many else 0.0),
            caller=_hasty(scenario.caller, number, many=many),
            faults=tuple((name, min(1.0, likely * rarer)) for name, likely in scenario.faults),
        )


def _spread(tasks: tuple[Plan, ...], each: float) -> tuple[Plan, ...]:
    """None is submitted before those before it are."""
    now, found = 0.0, []
    for plan in tasks:
        now = max(plan.at, now + each)
        found.append(replace(plan, at=now) if each else plan)
    return tuple(found)


def _hasty(caller: Caller, number: int, *, many: bool) -> Caller:
    """One that dies before it has done as much: a real one takes its time for all that it does."""
    if caller.dies is None:
        return caller
    lost = SOONER[number % len(SOONER)]
    if many and not number % 2:
        lost = caller.dies * (number % SHARES) / SHARES
    return replace(caller, dies=max(AT_ONCE, caller.dies - lost))


def world(scenario: Scenario) -> World:
    """Run it."""
    simulation = Simulation(scenario, Table())
    report = simulation.run()
    fates = [NONE] * len(scenario.tasks)
    sessions = simulation.checks.sessions
    for session in sessions:
        for task, note in session.settled.items():
            fates[int(task.partition(AGAIN)[0][1:])] = _fate(note)
    broken = sessions[-1].broken
    ending = Ending(broken.error if broken else "", simulation.cluster.directory.exists)
    return World(tuple(fates), ending, report.seconds, len(sessions), report.failure)


def _fate(note: Any) -> str:
    if note.cancelled:
        return "cancelled"
    return note.trouble.error if note.trouble is not None else "value"
