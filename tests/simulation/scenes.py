"""Scenes: worlds set up for what chance alone would seldom bring together.

Most faults need something to strike: a task that runs, a script with a payload, a second pilot. A
scene changes a scenario so that there is, and draws the faults that belong to it.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from msgspec.structs import replace

from .packages import drifts
from .scenario import Caller, Plan, Scenario

Scene = Callable[[random.Random, Scenario], Scenario]
ENDS = (
    *("node_fails", "preempted", "cancelled_outside", "job_memory", "deadline", "requeued"),
    *("agent_killed", "agent_vanishes", "worker_cut"),
)
BLIND = ("hidden_job", "long_hidden_job", "forgotten_job", "listing_without_job", "empty_listing")


def _tasks(
    chance: random.Random,
    count: int,
    seconds: tuple[float, float],
    *,
    how: tuple[str, ...] = ("value",),
    size: int = 300,
    gap: float = 0.0,
) -> tuple[Plan, ...]:
    """Tasks that come one after the other, so long after each other."""
    return tuple(
        Plan(number * gap, chance.uniform(*seconds), chance.choice(how), size=size)
        for number in range(count)
    )


def _with(scenario: Scenario, tasks: tuple[Plan, ...], **more: object) -> Scenario:
    """These tasks, whose caller wants all of them and waits; the faults last for long enough."""
    last = tasks[-1].at
    given = {"caller": Caller(close=last), "calm": last + 200.0, "refused": 0, "dark": 0.0, **more}
    return replace(scenario, tasks=tasks, **given)


def _likely(chance: random.Random, *names: str, low: float = 0.3) -> tuple[tuple[str, float], ...]:
    return tuple((name, chance.uniform(low, 1.0)) for name in sorted(names))


def _some(chance: random.Random, names: tuple[str, ...], most: int) -> list[str]:
    return chance.sample(names, chance.randint(1, most))


# -- tasks that run -------------------------------------------------------------------------


def cut_at_work(chance: random.Random, scenario: Scenario) -> Scenario:
    """Jobs and agents end while tasks run that take their time."""
    tasks = _tasks(chance, chance.choice((1, 3, 6)), (5.0, 60.0), how=("value", "value", "large"))
    limits = replace(scenario.limits, requeue=chance.random() < 0.5)
    faults = _likely(chance, *_some(chance, (*ENDS, "requeued_in_order"), 2))
    if chance.random() < 0.2:
        faults += _likely(chance, "question_refused")
    return _with(scenario, tasks, limits=limits, faults=faults, queue=(0.0, 5.0), place="fine")


def last_words(chance: random.Random, scenario: Scenario) -> Scenario:
    """Workers die of tasks that have written much; what they wrote cannot always be fetched."""
    how = ("killed", "stubborn", "exits", "memory")
    tasks = _tasks(chance, chance.choice((1, 2, 5)), (0.1, 5.0), how=how, size=100_000)
    faults = _likely(chance, *_some(chance, ("fetch_spoilt", "fetch_refused", "lost_answer"), 1))
    return _with(scenario, tasks, faults=faults if chance.random() < 0.5 else (), place="fine")


def owed(chance: random.Random, scenario: Scenario) -> Scenario:
    """Tasks that hardly fit into a job: some are cut short, and owed the whole of another."""
    tasks = _tasks(chance, chance.choice((2, 4, 8)), (8.0, 36.0))
    faults = _likely(chance, *_some(chance, ("time_unknown", "slow_answer", "cancel_refused"), 1))
    more = {"job_limit": 40.0, "queue": (0.0, 5.0), "calm": 300.0, "place": "fine"}
    scenario = _with(scenario, tasks, faults=faults if chance.random() < 0.5 else (), **more)
    if chance.random() < 0.3:
        return replace(scenario, caller=_dies(chance, 60.0))
    return scenario


def called_off(chance: random.Random, scenario: Scenario) -> Scenario:
    """Many tasks for few workers, and many of them are not wanted any more."""
    count = chance.choice((12, 40))
    tasks = _tasks(chance, count, (0.1, 100.0 / count), how=("value", "value", "killed"))
    cancels = tuple((chance.uniform(0.01, 20.0), chance.randrange(count)) for _ in range(8))
    limits = replace(scenario.limits, max_workers=chance.choice((1, 2)), sleep_interval=1.0)
    faults = _likely(chance, *_some(chance, (*ENDS, "claim_unanswered", "permission"), 1), low=0.1)
    if chance.random() < 0.3:
        faults = _likely(chance, "order_refused")
    caller = Caller(close=0.0, cancels=cancels)
    return _with(scenario, tasks, limits=limits, faults=faults, caller=caller, place="fine")


# -- pilots ---------------------------------------------------------------------------------


def barren(chance: random.Random, scenario: Scenario) -> Scenario:
    """Pilots end before an agent is up."""
    names = ("barren_job", "boot_fails", "cancelled_waiting", "slow_start")
    faults = _likely(chance, "srun_fails", *_some(chance, names, 1), low=0.2)
    tasks = _tasks(chance, chance.choice((1, 4)), (0.0, 3.0), size=chance.choice((300, 250_000)))
    more = {"remembered": chance.random() < 0.3, "queue": (0.0, 5.0), "place": "fine"}
    return _with(scenario, tasks, faults=faults, **more)


def two_jobs(chance: random.Random, scenario: Scenario) -> Scenario:
    """One pilot has become two jobs, which begin late: one of them holds the lock."""
    names = ("ghost_submit", "repeated_submit", "lost_answer", "submit_limited", "submit_refused")
    faults = _likely(chance, *_some(chance, names[:3], 1), low=0.5)
    faults += _likely(chance, *_some(chance, ("slow_start", *names[3:], *BLIND), 2), low=0.2)
    if chance.random() < 0.5:
        faults = _likely(chance, chance.choice(names[:2]), "slow_start", low=0.5)
    tasks = _tasks(chance, chance.choice((1, 4)), (0.0, 20.0), gap=chance.choice((0.0, 10.0)))
    queue = chance.choice(((2.0, 60.0), (0.0, 5.0)))
    return _with(scenario, tasks, faults=tuple(sorted(faults)), queue=queue, place="fine")


def surplus(chance: random.Random, scenario: Scenario) -> Scenario:
    """Many pilots for short tasks: most wait when the work is done, and cannot always be ended."""
    tasks = _tasks(chance, 16, (0.5, 3.0))
    limits = replace(scenario.limits, max_workers=8, nodes=1, workers_per_node=1)
    names = ("cancel_refused", "slow_start", "early_record", "never_starts", "submit_limited")
    faults = _likely(chance, *_some(chance, names, 2), low=0.2)
    more = {"queue": (0.0, 20.0), "capacity": chance.choice((2, 100)), "place": "fine"}
    return _with(scenario, tasks, limits=limits, faults=faults, **more)


def waiting(chance: random.Random, scenario: Scenario) -> Scenario:
    """Jobs wait for one reason after another."""
    names = ("waits_for_limit", "thinks_again", "never_starts", "cancelled_waiting")
    faults = _likely(chance, *_some(chance, names, 2), low=0.5)
    tasks = _tasks(chance, chance.choice((1, 4)), (0.0, 3.0), gap=chance.choice((0.0, 30.0)))
    return _with(scenario, tasks, faults=faults, queue=(2.0, 60.0), place="fine")


def blind(chance: random.Random, scenario: Scenario) -> Scenario:
    """What lives cannot be seen: jobs are not listed, logs and claims are not read."""
    names = (*BLIND, "listing_refused", "claims_unread")
    faults = _likely(chance, "question_refused", *_some(chance, names, 2))
    if chance.random() < 0.7:
        faults = tuple(row for row in faults if row[0] != "question_refused")
    faults += _likely(chance, *_some(chance, ENDS, 1), low=0.2)
    tasks = _tasks(chance, chance.choice((1, 4)), (1.0, 90.0))
    return _with(scenario, tasks, faults=tuple(sorted(faults)), queue=(0.0, 5.0), place="fine")


# -- logs -----------------------------------------------------------------------------------


def damage(chance: random.Random, scenario: Scenario) -> Scenario:
    """Logs read badly, for a moment or for good."""
    names = ("damaged_line", "spoilt_read", "half_read", "flush_fails")
    faults = _likely(chance, *_some(chance, names, 2), low=0.1)
    tasks = _tasks(chance, 8, (0.0, 2.0), gap=chance.choice((0.0, 1.0, 5.0)))
    limits = replace(scenario.limits, sleep_interval=chance.choice((0.1, 1.0)))
    return _with(scenario, tasks, limits=limits, faults=faults, segment=5, place="fine")


def ill_agents(chance: random.Random, scenario: Scenario) -> Scenario:
    """Agents and workers that cannot do what they should, for long."""
    names = (
        *(
            "modules_unread",
            "flush_fails",
            "no_room",
            "claim_unanswered",
            "looks_gone",
            "look_fails",
        ),
        *("worker_hangs", "worker_unfit", "worker_breaks", "worker_cut"),
        *("disk_full", "directory_removed"),
    )
    faults = _likely(chance, *_some(chance, names, 2), low=0.05)
    if chance.random() < 0.1:
        faults = (
            (chance.choice(("modules_unread", "flush_fails")), 1.0),
        )  # for as long as it takes
    tasks = _tasks(chance, 6, (0.1, 20.0), how=("value", "stale", "large"))
    tasks = tuple(replace(plan, archive=chance.choice(("", "a", "b"))) for plan in tasks)
    limits = replace(scenario.limits, initializer=chance.random() < 0.5)
    if limits.initializer:
        faults += (("initializer_dies", chance.choice((0.0, 0.1, 0.3))),)
    more = {"lag": chance.choice((0.0, 3.0)), "calm": 900.0, "job_limit": 3600.0}
    return _with(scenario, tasks, limits=limits, faults=faults, place="fine", **more)


# -- clients --------------------------------------------------------------------------------


def _dies(chance: random.Random, most: float, close: float = 0.0) -> Caller:
    return Caller(
        close=close,
        dies=chance.uniform(0.05, most),
        attaches=chance.choice((0.5, 5.0, 60.0)),
        again=chance.choice((0.0, 0.0, 5.0, 60.0)),
        elsewhere=chance.random() < 0.3,
        gives_up=chance.choice((None, None, None, 0.1, 3.0, 30.0)),
    )


def other_lives(chance: random.Random, scenario: Scenario) -> Scenario:
    """A client dies while its tasks run, and another goes on with them."""
    how = ("value", "large", "killed", "exits")
    tasks = _tasks(chance, chance.choice((2, 4, 8)), (0.5, 20.0), how=how, size=100_000)
    names = ("outage", "permission", "timeout_before", *ENDS, "cancel_refused")
    names += ("journal_lost",)
    faults = _likely(chance, *_some(chance, names, 1), low=0.02)
    limits = replace(scenario.limits, durable=chance.random() < 0.5, max_workers=2)
    caller = _dies(chance, 30.0, close=chance.choice((0.0, 100.0)))
    more = {"queue": chance.choice(((0.0, 5.0), (2.0, 60.0))), "place": "fine"}
    faults = faults if chance.random() < 0.7 else ()
    return _with(scenario, tasks, limits=limits, faults=faults, caller=caller, **more)


def forgotten(chance: random.Random, scenario: Scenario) -> Scenario:
    """The journal had no room for what was sent: the next client finds it where it lies."""
    tasks = _tasks(chance, chance.choice((1, 3)), (3.0, 20.0), how=("value", "large"))
    limits = replace(scenario.limits, durable=chance.random() < 0.5)
    caller = replace(_dies(chance, 20.0, close=100.0), gives_up=None, elsewhere=False)
    more = {"faults": _likely(chance, "journal_lost"), "queue": (0.0, 5.0), "place": "fine"}
    return _with(scenario, tasks, limits=limits, caller=caller, **more)


def two_clients(chance: random.Random, scenario: Scenario) -> Scenario:
    """Another client takes the run while the first one lives."""
    tasks = _tasks(chance, chance.choice((2, 4, 8)), (0.5, 60.0), gap=chance.choice((0.0, 5.0)))
    caller = replace(_dies(chance, 60.0, close=tasks[-1].at), beside=True)
    faults = _likely(chance, *_some(chance, ("outage", *ENDS), 1), low=0.02)
    limits = replace(scenario.limits, durable=chance.random() < 0.3)
    more = {"faults": faults if chance.random() < 0.3 else (), "queue": (0.0, 5.0)}
    return _with(scenario, tasks, limits=limits, caller=caller, place="fine", **more)


def judged(chance: random.Random, scenario: Scenario) -> Scenario:
    """Tasks refer to what is judged on its own, and come while it is; some are claimed together."""
    many = chance.random() < 0.4
    gap = 0.0 if many else chance.choice((0.0, 0.05, 2.0))
    tasks = _tasks(chance, 100 if many else 8, (0.0, 1.0 if many else 3.0), gap=gap)
    numbers = (0, 1, 2)
    tasks = tuple(replace(plan, requirements=chance.choice(numbers)) for plan in tasks)
    more = {"remembered": chance.random() < 0.5, "refused": chance.choice((0, 1)), "place": "fine"}
    if many:
        more["limits"] = replace(scenario.limits, max_workers=1, nodes=1)
    return _with(scenario, tasks, **more, drifts=drifts(chance, tasks))


def left_early(chance: random.Random, scenario: Scenario) -> Scenario:
    """The caller has had enough, or the server is away, while much is under way."""
    tasks = _tasks(chance, chance.choice((2, 8)), (0.5, 30.0), how=("value", "large"))
    names = ("outage", "long_outage", "tidying_refused", "cancel_refused", "timeout_before")
    names += ("ghost_submit", "slow_start", "html_page", "rate_limited", "repeated_submit")
    faults = _likely(chance, *_some(chance, names, 2), low=0.05)
    limits = replace(scenario.limits, patience=chance.choice((40.0, 100.0)))
    abort = chance.choice((None, chance.uniform(0.1, 40.0)))
    return _with(
        scenario, tasks, limits=limits, faults=faults, caller=Caller(abort=abort), place="fine"
    )


SCENES: tuple[Scene, ...] = (
    *(cut_at_work, last_words, owed, called_off, barren, two_jobs, surplus, waiting, blind, damage),
    *(ill_agents, other_lives, forgotten, two_clients, judged, left_early),
)
