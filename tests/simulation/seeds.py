"""From a seed to its scenario: sizes, limits, tasks, caller and faults by chance, or a scene."""

from __future__ import annotations

import random

from msgspec.structs import replace

from fcx.executor.core import Limits, Words
from fcx.executor.core.crew import INLINE_BUNDLE

from .kinds import with_kinds
from .packages import drifts
from .parcel import HEAD
from .scenario import HOWS, SPOILT, Allowance, Caller, Drift, Plan, Scenario
from .scenes import SCENES

STAGED = 0.4  # share of seeds that are a scene
EXPERIENCED = 0.4  # share of those in which something was learnt by earlier runs
LINKED = 0.15  # share of those in which tasks take the values of others
LINKED_AGAIN = 0.6  # and where a script is run again: few of these tasks are submitted anew
STAGING = 0.25  # share of those in which something is large enough for the site's staging area
OVERRUN = 0.05  # share of those in which tasks take longer than they may
SIZES = (  # that are frequent, less so, rare
    (300, 100_000, 400_000),
    (300, INLINE_BUNDLE - HEAD, 10_000),  # just too large for a script
    (30 << 20, 1 << 20, 10 << 20),
)


def from_seed(seed: int, known: dict[str, tuple[float, float]]) -> Scenario:
    """What a seed stands for: as it is drawn, or a scene made of that."""
    scenario = drawn(seed, known)
    chance = random.Random(f"scene {seed}")
    if chance.random() < STAGED:
        scenario = chance.choice(SCENES)(chance, scenario)
    scenario = _drifting(random.Random(f"drifting {seed}"), scenario)
    return staging(_experienced(linked(with_kinds(timed(scenario)))))


def staging(scenario: Scenario) -> Scenario:
    """In some worlds what is large may go through the site's staging area, which fails in some."""
    chance = random.Random(f"staging {scenario.seed}")
    if chance.random() >= STAGING:
        return scenario
    faults = scenario.faults
    if chance.random() < 0.6:
        faults += (("staging_fails", chance.uniform(0.2, 0.8)),)
    limits = replace(scenario.limits, external=chance.choice((1, 6000)))
    return replace(scenario, limits=limits, faults=faults)


def _experienced(scenario: Scenario) -> Scenario:
    """In some worlds earlier runs have learnt how long tasks take: rightly, or not at all so."""
    chance = random.Random(f"experience {scenario.seed}")
    if chance.random() >= EXPERIENCED:
        return scenario
    times = chance.choice((1.0, 1.0, 0.01, 100.0))
    of = {
        function: [t.seconds for t in scenario.tasks if t.function == function] for function in "fg"
    }
    known = tuple((name, times * sum(took) / len(took)) for name, took in of.items() if took)
    starts = tuple(chance.uniform(*scenario.queue) for _ in range(chance.choice((0, 1, 8))))
    return replace(scenario, recalled=known[: chance.choice((1, 2))], starts=starts)


def linked(scenario: Scenario) -> Scenario:
    """In some worlds tasks take the values of others, and some of those have none."""
    chance = random.Random(f"links {scenario.seed}")
    if chance.random() >= (LINKED_AGAIN if scenario.limits.durable else LINKED):
        return scenario
    share, most, raises = chance.choice((0.3, 1.0)), chance.choice((1, 3)), chance.random() * 0.3
    tasks = []
    for number, plan in enumerate(scenario.tasks):
        few = chance.randint(1, most) if number and chance.random() < share else 0
        before = range(max(0, number - 5), number)
        takes = tuple(sorted(chance.sample(before, min(few, len(before)))))
        mine = {"raises": chance.random() < raises, "handed_on": chance.random() < 0.1}
        how = "large" if plan.how == "value" and chance.random() < 0.3 else plan.how
        tasks.append(replace(plan, takes=takes, how=how, **mine))
    return replace(scenario, tasks=tuple(tasks))


def timed(scenario: Scenario) -> Scenario:
    """In some worlds tasks have walltimes, and some take longer."""
    chance = random.Random(f"walltimes {scenario.seed}")
    if chance.random() >= OVERRUN:
        return scenario
    tasks = (
        replace(plan, walltime=plan.seconds * chance.choice((0.5, 0.9, 2.0)) + 0.01)
        if chance.random() < 0.5
        else plan
        for plan in scenario.tasks
    )
    return replace(scenario, tasks=tuple(tasks))


def drawn(seed: int, known: dict[str, tuple[float, float]]) -> Scenario:
    """By chance alone; ``known``: each fault, and between which bounds its likelihood lies."""
    chance = random.Random(seed)
    tasks = _tasks(chance)
    last = tasks[-1].at
    idle = chance.choice((0.5, 2.0, 5.0, 10.0))
    scenario = Scenario(
        seed=seed,
        limits=_limits(chance),
        tasks=tasks,
        caller=_caller(chance, len(tasks), last),
        faults=_faults(chance, known),
        calm=last + chance.choice((20.0, 100.0, 300.0)),
        remembered=chance.random() < 0.6,
        place=chance.choices(("fine", "refused", "moved", "updated"), (45, 1, 1, 1))[0],
        refused=chance.choices((0, 1), (9, 1))[0],
        latency=chance.choice((0.01, 0.2, 0.2, 1.0)),
        dark=chance.choices((0.0, 20.0, 100.0, 1000.0), (94, 2, 2, 2))[0],
        queue=chance.choice(((0.0, 0.5), (0.0, 5.0), (2.0, 60.0), (0.0, 600.0))),
        lag=chance.choice((0.0, 0.0, 0.1, 3.0)),
        capacity=chance.choice((1, 2, 100, 100)),
        job_limit=chance.choice((40.0, 120.0, 3600.0, 3600.0)),
        idle_timeout=idle,
        gate_timeout=chance.choice((3.0, 60.0, 60.0)),
        segment=chance.choice((1000, 1000, 5)),
        tasks_per_child=chance.choice((None, None, 1, 2)),
        probe=chance.random() < 0.2,
    )
    scenario = replace(scenario, drifts=drifts(random.Random(-1 - seed), scenario.tasks))
    scenario = replace(scenario, allowed=_allowed(random.Random(f"allowed {seed}")))
    if scenario.caller.dies is None or seed % 2:
        return scenario
    return replace(scenario, limits=replace(scenario.limits, durable=True))


def _drifting(chance: random.Random, scenario: Scenario) -> Scenario:
    """In a few worlds what all tasks rely on changes while one worker has claimed several of them."""
    if chance.random() > 0.01:
        return scenario
    count = chance.randint(16, 40)
    tasks = tuple(Plan(0.0, chance.uniform(0.5, 3.0), requirements=1) for _ in range(count))
    change = Drift(chance.uniform(1.0, 2.0 * count), 1, chance.choice((SPOILT, "1.1")))
    limits = replace(scenario.limits, max_workers=1)
    caller = Caller(close=1.0)
    more = {"tasks": tasks, "limits": limits, "caller": caller, "refused": 0, "place": "fine"}
    return replace(scenario, drifts=(change,), **more)


def _allowed(chance: random.Random) -> tuple[Allowance, ...]:
    """What the server lets the client ask: in most worlds nothing is known of it."""
    if chance.random() < 0.6:
        return ()
    times = sorted(chance.uniform(0.0, 60.0) for _ in range(chance.choice((0, 1, 3))))
    return tuple(
        Allowance(
            at,
            chance.choice((0.1, 0.5, 1.0, 5.0, 60.0)),
            chance.choice((1.0, 5.0, 60.0)),
            chance.choice((0.0, 0.0, 3.0, 40.0)),
            chance.choice((0.0, 0.0, 5.0, 60.0)),
        )
        for at in (0.0, *times)
    )


def _limits(chance: random.Random) -> Limits:
    return Limits(
        max_workers=chance.choice((1, 2, 4, 8)),
        nodes=chance.choices((1, 2), (5, 1))[0],
        workers_per_node=chance.choice((1, 1, 2, 4)),
        sleep_interval=chance.choice((1.0, 5.0, 30.0)),
        task_retries=chance.choice((0, 1, 3)),
        inline=chance.random() < 0.75,
        requeue=chance.random() < 0.3,
        initializer=chance.random() < 0.15,
        patience=chance.choice((900.0, 900.0, 100.0, 40.0)),
        words=Words(pilots=chance.choice(("fcx", "mine-run-1"))),
    )


def _tasks(chance: random.Random) -> tuple[Plan, ...]:
    count = chance.choice((1, 1, 2, 3, 5, 8, 20))
    shape = chance.choice(("burst", "burst", "trickle", "waves"))
    seconds = chance.choice(((0.0, 0.1), (0.0, 3.0), (1.0, 30.0)))
    if chance.random() < 0.01:
        return _stream(chance)
    odd = chance.choice((0.0, 0.0, 0.1, 0.4))
    large = chance.random() < 0.15
    sizes = chance.choices(SIZES, (90, 7, 3))[0]
    sets = chance.random() < 0.2
    at, found = 0.0, []
    for number in range(count):
        if number and (shape == "trickle" or (shape == "waves" and not number % 4)):
            at += chance.choice((0.001, 0.1, 1.0, 20.0))
        how = "large" if large and number % 2 else "value"
        if chance.random() < odd:
            how = chance.choice(HOWS[1:])
        found.append(
            Plan(
                at,
                chance.uniform(*seconds),
                how,
                size=chance.choices(sizes, (20, 2, 1))[0],
                function=chance.choice("fg"),
                walltime=60.0 if chance.random() < 0.05 else None,
                archive=chance.choices(("", "a", "b"), (20, 2, 1))[0],
                requirements=chance.choice((0, 1, 2)) if sets else 0,
            )
        )
    return tuple(found)


def _stream(chance: random.Random) -> tuple[Plan, ...]:
    """Short tasks that come faster than the budget of requests allows a look for each."""
    count, gap = chance.choice((100, 200)), chance.choice((0.1, 0.2, 0.4))
    return tuple(Plan(number * gap, 0.05 * chance.random()) for number in range(count))


def _caller(chance: random.Random, count: int, last: float) -> Caller:
    soon = last + chance.choice((0.01, 1.0, 10.0, 60.0)) * chance.random()
    cancels = chance.choices((0, 1, 3), (6, 2, 1))[0]
    return Caller(
        close=last + chance.choice((0.0, 0.0, 50.0)),
        abort=soon if chance.random() < 0.08 else None,
        cancels=tuple(
            (soon * chance.random() + 0.01, chance.randrange(count)) for _ in range(cancels)
        ),
        breaks=soon if chance.random() < 0.02 else None,
        dies=soon * 2 if chance.random() < 0.15 else None,
        attaches=chance.choice((0.5, 5.0, 100.0)),
    )


def _faults(
    chance: random.Random, known: dict[str, tuple[float, float]]
) -> tuple[tuple[str, float], ...]:
    if chance.random() < 0.3:  # one alone, and often
        name = chance.choice(sorted(known))
        return ((name, chance.uniform(known[name][1], min(1.0, 3 * known[name][1]))),)
    count = chance.choice((0, 1, 2, 3, 5, 8))
    names = sorted(chance.sample(sorted(known), min(count, len(known))))
    return tuple((name, chance.uniform(*known[name])) for name in names)
