"""A failing scenario, cut to the shortest that fails in the same way."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from .scenario import Scenario
from .simulation import Report, Simulation
from .table import Table

ROUNDS = 400  # worlds that are tried
SEEDS = 3  # of each smaller scenario: what chance decides is decided anew in it


def shrink(report: Report) -> Report:
    """The smallest scenario found that violates the same invariant."""
    best, left = report, ROUNDS
    smaller = True
    while smaller and left > 0:
        smaller = False
        for scenario in _smaller(best.scenario):
            found = _fails(scenario, report.name)
            left -= SEEDS
            if found is not None:
                best, smaller = found, True
                break
            if left <= 0:
                break
    return best


def _fails(scenario: Scenario, name: str) -> Report | None:
    for more in range(SEEDS):
        tried = msgspec.structs.replace(scenario, seed=scenario.seed + more * 1_000_003)
        report = Simulation(tried, Table()).run()
        if report.name == name:
            return report
    return None


def _smaller(scenario: Scenario) -> Iterator[Scenario]:
    """Every step towards less, the largest first."""
    change = msgspec.structs.replace
    tasks = scenario.tasks
    half = len(tasks) // 2
    if half:
        yield _with_tasks(scenario, range(half))
        yield _with_tasks(scenario, range(half, len(tasks)))
    for number, _ in enumerate(scenario.faults):
        yield change(scenario, faults=scenario.faults[:number] + scenario.faults[number + 1 :])
    for field, value in _SIMPLE.items():
        if getattr(scenario, field) != value:
            yield change(scenario, **{field: value})
    yield from _simpler(scenario.limits, _LIMITS, lambda new: change(scenario, limits=new))
    yield from _simpler(scenario.caller, _CALLER, lambda new: change(scenario, caller=new))
    if 1 < len(tasks) <= 8:
        for number in range(len(tasks)):
            yield _with_tasks(scenario, [n for n in range(len(tasks)) if n != number])
    for number, plan in enumerate(tasks):
        for field, value in _PLAN.items():
            if getattr(plan, field) != value:
                new = change(plan, **{field: value})
                yield change(scenario, tasks=(*tasks[:number], new, *tasks[number + 1 :]))


def _simpler(
    part: msgspec.Struct, simple: dict[str, object], build: Callable[[msgspec.Struct], Scenario]
) -> Iterator[Scenario]:
    for field, value in simple.items():
        if getattr(part, field) != value:
            yield build(msgspec.structs.replace(part, **{field: value}))


def _with_tasks(scenario: Scenario, kept: range | list[int]) -> Scenario:
    """Some of its tasks; what the caller cancels keeps its task."""
    numbers = {old: new for new, old in enumerate(kept)}
    caller = scenario.caller
    cancels = tuple((when, numbers[old]) for when, old in caller.cancels if old in numbers)
    return msgspec.structs.replace(
        scenario,
        tasks=tuple(scenario.tasks[number] for number in kept),
        caller=msgspec.structs.replace(caller, cancels=cancels),
    )


_SIMPLE = {
    "lag": 0.0,
    "capacity": 100,
    "job_limit": 3600.0,
    "segment": 1000,
    "queue": (0.0, 0.5),
    "latency": 0.01,
    "dark": 0.0,
    "place": "fine",
    "refused": 0,
    "remembered": True,
    "drifts": (),
    "recalled": (),
    "starts": (),
    "kinds": (),
}
_LIMITS: dict[str, object] = {
    "nodes": 1,
    "workers_per_node": 1,
    "max_workers": 1,
    "inline": True,
    "requeue": False,
    "initializer": False,
}
_CALLER: dict[str, object] = {"cancels": (), "abort": None, "breaks": None, "dies": None}
_PLAN = {
    "at": 0.0,
    "how": "value",
    "size": 300,
    "function": "f",
    "walltime": None,
    "archive": "",
    "requirements": 0,
    "shape": 0,
}
