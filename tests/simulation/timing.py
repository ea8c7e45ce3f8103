"""How long what happens takes: by chance, as worlds are drawn; `times/` has what was measured."""

from __future__ import annotations

from typing import Any

from .scenario import Plan, Scenario
from .world import World


class Timing:
    """Seconds by chance, between wide bounds."""

    def __init__(self, world: World, scenario: Scenario) -> None:
        self.world = world
        self.scenario = scenario

    def request(self, request: Any) -> float:
        """A request, its way there and back."""
        return self.scenario.latency * self.world.between(0.5, 1.5)

    def answer(self, answer: Any) -> float:
        """What the client has to do with an answer before its core hears of it."""
        return 0.0

    def queue(self) -> float:
        """A job, until it may begin."""
        return self.world.between(*self.scenario.queue)

    def seen(self) -> float:
        """What the client's side has written, until agents see it."""
        return self.world.random.random() * self.scenario.lag

    def script(self) -> float:
        """What a job's script does before agents begin."""
        return self.world.between(0.05, 0.5)

    def hello(self, agent: Any) -> float:
        """A worker's process, until it says so."""
        return self.world.between(0.05, 0.4)

    def run(self, agent: Any, plan: Plan) -> float:
        """A task, until its agent hears of its end."""
        return plan.seconds

    def errand(self) -> float:
        """What is done on the client's machine."""
        longer = self.scenario.errand
        seconds = self.world.between(0.0005, 0.02)
        return seconds + (self.world.between(0.0, longer) if longer else 0.0)

    def settle(self) -> float:
        """An outcome, until the caller has it."""
        return self.world.between(0.0, 0.01)
