"""Streams of tasks on a pilot that is up: how near they come to the ideal, and with how many requests.

The ideal is what the workers would take without a client. A world of these has no faults; its
invariants hold as those of any other.
"""

from __future__ import annotations

from typing import NamedTuple

from fcx.executor.core import Limits
from fcx.executor.core import actions as act

from .scenario import Allowance, Caller, Plan, Scenario
from .simulation import Simulation
from .table import Table

WARM = 30.0  # seconds after which the stream is submitted: the first tasks are over
SPREAD = 0.03  # of its length by which a task is longer than another, at most


class Site(NamedTuple):
    """What a request takes, in seconds, and how many are allowed each minute."""

    latency: float = 0.02
    per_minute: float = 3600.0


class Went(NamedTuple):
    """What became of a stream."""

    share: float  # of the ideal
    requests: int


def stream(count: int, seconds: float, site: Site, *, workers: int = 8, seed: int = 1) -> Went:
    """So many tasks of this length, submitted at once."""
    first = [Plan(0.0, seconds)] * (2 * workers)
    lengths = [seconds * (1 + SPREAD * (number * 7919 % 101) / 101) for number in range(count)]
    scenario = Scenario(
        seed=seed,
        limits=Limits(max_workers=workers, workers_per_node=workers, sleep_interval=30.0),
        tasks=(*first, *(Plan(WARM, length) for length in lengths)),
        caller=Caller(close=WARM),
        remembered=True,
        latency=site.latency,
        queue=(0.5, 0.5),
        idle_timeout=60.0,
        allowed=(Allowance(0.0, site.per_minute / 60, min(60.0, site.per_minute / 4)),),
    )
    world = Simulation(scenario, Table(), traced=True)
    report = world.run()
    assert not report.failure, report.failure
    mine = [step for step in report.trace if step.who == "client" and step.now >= WARM]
    settled = [s.now for s in mine for action in s.actions if isinstance(action, act.Settle)]
    until = max(settled)
    asked = [a for s in mine if s.now <= until for a in s.actions if isinstance(a, act.Request)]
    return Went(sum(lengths) / workers / (until - WARM), len(asked))
