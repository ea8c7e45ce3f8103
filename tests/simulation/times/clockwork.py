"""One case from its first submit to the last result."""

from __future__ import annotations

import statistics
from dataclasses import dataclass, replace

from fcx.executor.core import Limits
from fcx.executor.core import actions as act
from fcx.executor.core import events as ev

from ..api import Api
from ..client import Client, Journal
from ..cluster import Cluster, Job
from ..faults import Faults
from ..node import Agent
from ..scenario import Caller, Plan, Scenario
from ..table import Table
from ..world import World
from .cases import Case
from .constants import Constants
from .ledger import Ledger, Listener, Quiet
from .measured import TURN, Measured

SEGMENT = 6_700  # records of a log's segment
DAY = 86_400.0
SEEDS, FEW = 5, 1_000  # worlds of a case of at most so many tasks


@dataclass(frozen=True)
class Found:
    """What one case took; ``seconds`` as the bench has them for such a row."""

    case: Case
    seconds: float
    wall: float
    first: float
    requests: int
    refused: int  # of these, by the quota
    jobs: int
    held: float  # seconds of workers, from each job's begin to its end or that of the last task

    @property
    def share(self) -> float | None:
        """Of the ideal."""
        return self.case.ideal / self.wall if self.case.ideal and self.wall else None

    @property
    def idle(self) -> float | None:
        """The share of what was held in which no task ran; None where tasks take no time."""
        work = self.case.count * self.case.seconds
        return 1.0 - work / self.held if work and self.held else None


class Clockwork:
    """A client and a cluster in a world in which nothing goes wrong."""

    def __init__(
        self, case: Case, constants: Constants, seed: int, learnt: act.Remember | None = None
    ) -> None:
        self.case = case
        self.world = World(seed)
        scenario = _scenario(case)
        self.ledger = Ledger(self.world, scenario)
        faults = Faults(self.world, Table(), 0.0, ())
        self.cluster = Cluster(self.world, scenario, faults)
        self.ledger.cluster = self.cluster
        self.cluster.make_agent = self._agent
        self.timing = Measured(self.world, case, constants, self._allowed)
        self.cluster.timing = self.timing
        self.listener = Listener(self.ledger)
        api = Api(self.world, self.cluster, faults)
        self.client = Client(api, self.ledger, Journal(), self.listener)
        self._submitted = 0
        self._learnt = learnt

    def _allowed(self, told: ev.Allowed) -> None:
        self.client.feed(told)

    def _agent(self, job: Job, node: int, workers: int) -> Agent:
        return Agent(self.cluster, job, node, workers, self.ledger, Quiet)

    def run(self) -> Found:
        """Until the caller has all results."""
        case = self.case
        if self._learnt is not None:
            self.client.feed(ev.Recalled(0, self._learnt.seconds, self._learnt.starts))
        self.client.feed(ev.Began(1, True))
        if case.one_by_one or case.every:
            self._submit(1)  # the executor has its node already
            self._until(1)
        began, gate = self.world.now, self.timing.gate
        made, refused = gate.made, gate.refused
        self.ledger.latencies.clear()
        self.ledger.first = None
        if case.one_by_one:
            self.listener.had = lambda _: self._submit(1) if self._submitted <= case.count else None
            self._submit(1)
        elif case.every:
            for number in range(case.count):
                self.world.at(began + number * case.every, self._submit, 1)
        else:
            self._next()
        self._until(case.count)
        wall = self.ledger.last - began
        typical = case.one_by_one or case.every
        return Found(
            case,
            statistics.median(self.ledger.latencies) if typical else wall,
            wall,
            (self.ledger.first or 0.0) - began,
            gate.made - made,
            gate.refused - refused,
            len(self.cluster.jobs),
            sum(map(self._held, self.cluster.jobs.values())),
        )

    def _held(self, job: Job) -> float:
        if not job.times.began:
            return 0.0
        until = min(job.times.left or self.ledger.last, self.ledger.last)
        return max(0.0, until - job.times.began) * sum(job.script.action.workers)

    def _until(self, count: int) -> None:
        ledger = self.ledger
        while len(ledger.latencies) < count and self.world.step():
            pass
        if len(ledger.latencies) < count or ledger.failed:
            raise RuntimeError(
                f"{self.case.name}: {len(ledger.latencies)} ended; {ledger.failed[:3]}"
            )

    def _next(self) -> None:
        """The caller pickles some, as many as in one turn: they are one letter; then the next."""
        each = self.timing.constants.pickle
        count = min(self.case.count - self._submitted, max(1, round(TURN / each)))
        self.timing.pickles = bool(count)
        if count:
            self._submitted += count
            self.world.after(self.timing.pickled(count), self._sent, count, self._submitted - count)

    def _sent(self, count: int, first: int) -> None:
        self._feed(count, first)
        self._next()

    def _submit(self, count: int) -> None:
        self._submitted += count
        self._feed(count, self._submitted - count)

    def _feed(self, count: int, first: int) -> None:
        plan = Plan(self.world.now, self.case.seconds, size=60)
        infos = [self.ledger.submits(f"t{n}", plan) for n in range(first, first + count)]
        self.client.feed(ev.Submitted(tuple(infos)))


def _scenario(case: Case) -> Scenario:
    return Scenario(
        seed=1,
        limits=Limits(max_workers=case.workers, workers_per_node=case.per_node),
        tasks=(),
        caller=Caller(),
        calm=0.0,
        remembered=True,
        latency=case.latency,
        queue=(case.queue, case.queue + case.spread),
        capacity=1_000,
        job_limit=DAY,
        idle_timeout=30.0,
        segment=SEGMENT,
    )


def simulated(case: Case, constants: Constants) -> Found:
    """What it takes: the world in the middle of several, where that is not many tasks.

    As in the bench, the client has had a task on such a site before.
    """
    seeds = range(1, 1 + (SEEDS if case.count <= FEW else 1))
    earlier = Clockwork(replace(case, count=1, one_by_one=False, every=0.0), constants, 1)
    earlier.run()
    learnt = earlier.listener.learnt
    found = [Clockwork(case, constants, seed, learnt).run() for seed in seeds]
    return sorted(found, key=lambda each: each.seconds)[len(found) // 2]
