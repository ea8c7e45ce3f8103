"""Timing by what was measured: processors that do one thing at a time, and a server with a quota."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from fcx.executor.core import events as ev
from fcx.executor.effects.usage import ANEW
from fcx.firecrest.quota import Quota
from fcx.local.api.window import SECONDS, Window

from ..scenario import Plan
from ..world import World
from .cases import Case
from .constants import Constants, made_of

LATER = 1.1  # than the server says, at which what it refused is made again
TURN = 0.005  # seconds for which a thread of Python keeps others waiting (sys.getswitchinterval)
REQUEST_TURNS, ERRAND_TURNS = 4, 2  # of the loop's thread, and those beside it


class Processor:
    """Does one thing after the other."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.free = 0.0

    def takes(self, work: float, since: float | None = None) -> float:
        """So much more is to be done: seconds from now until that is done."""
        begins = max(self.world.now if since is None else since, self.free)
        self.free = begins + work
        return self.free - self.world.now


class Gate:
    """The server's quota, and what the client's door learns of it."""

    def __init__(self, world: World, case: Case, tell: Callable[[ev.Allowed], None]) -> None:
        self.world = world
        self.most = case.quota / 60.0 * SECONDS or math.inf
        self.tell = tell
        self.made = self.refused = 0
        self._window = Window(world.now, case.used)
        self._quota = Quota()
        self._told = (0.0, 0.0)
        self._renewed = 0.0

    def wait(self, count: int) -> float:
        """Some requests: seconds until the server has taken them all.

        What it refused is repeated when it says, and counted then.
        """
        for made in range(count):
            rest = self._ask()
            if rest:
                for _ in range(made, count):
                    self.world.after(rest * LATER, self._ask)
                return rest * LATER
        return 0.0

    def _ask(self) -> float:
        """One request: for how long it is refused."""
        now = self.world.now
        self.made += 1
        taken = self._window.take(self.most, now)
        rest = 0.0 if taken else self._window.began + SECONDS - now
        self.refused += not taken
        self._answered(200 if taken else 429, now, rest)
        return rest

    def _answered(self, status: int, at: float, rest: float) -> None:
        headers = {}
        if math.isfinite(self.most):
            left = max(0, int(self.most - self._window.made))
            reset = math.ceil(max(0.0, self._window.began + SECONDS - at))
            headers = {"RateLimit-Remaining": str(left), "RateLimit-Reset": str(reset)}
        self._quota.answered(status, headers, rest, at)
        found = self._quota.allowed(at)
        new, renewed = (found.rate, found.burst), at + found.renews if found.renews else 0.0
        other = any(not old / 1.1 <= n <= old * 1.1 for n, old in zip(new, self._told))
        if found.rest or other or abs(renewed - self._renewed) >= ANEW:
            self._told, self._renewed = new, renewed
            self.world.at(at, self.tell, ev.Allowed(*found))


class Measured:
    """Seconds as they were measured."""

    def __init__(
        self, world: World, case: Case, constants: Constants, tell: Callable[[ev.Allowed], None]
    ) -> None:
        self.world = world
        self.case = case
        self.constants = constants
        self.client = Processor(world)
        self.pickles = False  # the caller submits as fast as it goes
        self.gate = Gate(world, case, tell)
        self._agents: dict[Any, Processor] = {}

    def request(self, request: Any) -> float:
        """A request, its way there and back."""
        count = made_of(request)
        latency = self.case.latency * self.world.between(0.5, 1.5) * count
        return self.gate.wait(count) + self.constants.seconds(request) * count + latency

    def answer(self, answer: Any) -> float:
        """It is taken in, and what was read is taken apart, before the core has it."""
        records = len(answer.records) if isinstance(answer, ev.LogRead) else 0
        handling = 0.0 if isinstance(answer, ev.Prepared) else self.constants.handling
        work = handling + self.constants.read * records
        return self.client.takes(work) + self._turns(REQUEST_TURNS)

    def queue(self) -> float:
        """A job, until it begins: when one did in the run that this one is compared with."""
        if self.case.begins is not None:
            return max(0.0, self.case.begins - self.world.now)
        return self.world.between(self.case.queue, self.case.queue + self.case.spread)

    def seen(self) -> float:
        """A file, until agents see it."""
        return self.constants.seen

    def script(self) -> float:
        """What a job takes until its agents begin."""
        return self.constants.start

    def hello(self, agent: Any) -> float:
        """A worker's process: those of a node begin together, and share its processors."""
        cores = self.case.cores or self.constants.cores
        return self.constants.worker * max(1.0, agent.workers.count / cores)

    def run(self, agent: Any, plan: Plan) -> float:
        """A task; its agent hears of one end at a time."""
        processor = self._agents.setdefault(agent, Processor(self.world))
        return processor.takes(self.constants.task, self.world.now + plan.seconds)

    def errand(self) -> float:
        """What is done on the client's machine."""
        return 0.002 + self._turns(ERRAND_TURNS)

    def _turns(self, count: int) -> float:
        """While the caller's thread works, each turn of another thread waits for it."""
        return count * TURN if self.pickles else 0.0

    def pickled(self, count: int) -> float:
        """Tasks, from submit to the mailbox."""
        return self.client.takes(self.constants.pickle * count)

    def settle(self) -> float:
        """An outcome, until the caller has it."""
        return self.client.takes(self.constants.settle)
