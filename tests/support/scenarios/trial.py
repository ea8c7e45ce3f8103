"""One scenario carried out for real, and held against what the simulator says of it.

PYTHONPATH=tests:tests/support python -m scenarios.trial SEED FOLDER [process|slurm]
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from chaos.relay import serving
from simulation.scenario import Scenario

from fcx.local import Environment
from fcx.protocol import names
from fcx.state.journal import Journal
from scenarios import caller
from scenarios.door import Door
from scenarios.expected import NONE, Ending, Expected
from scenarios.site import site
from scenarios.strikes import FOREVER

LIVES = 3
UNTOLD = (NONE, "cancelled")  # fates after which nobody reads how often a task was begun
MANY = (150, 1000)  # worlds that are asked before an outcome counts as another
LEAVES = 60.0  # seconds beside its own times until a job has ended after its run
PATIENCE = 600.0  # seconds for a life
GOING = ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING", "REQUEUED", "SUSPENDED")


@dataclass
class Outcome:
    """What became of it; ``disagrees`` says what the simulator has otherwise."""

    seed: int
    seconds: float = 0.0
    fates: list[str] = field(default_factory=list)
    ending: Ending = Ending("", False)
    words: str = ""
    lives: int = 0
    jobs: int = 0
    struck: dict[str, int] = field(default_factory=dict)
    sure: int = 0  # tasks of which the simulator knows one fate alone
    worlds: int = 0
    disagrees: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        verdict = "; ".join(self.disagrees) or "agrees"
        return (
            f"seed {self.seed}: {verdict} ({len(self.fates)} tasks, {self.sure} sure, "
            f"{self.lives} lives, {self.jobs} jobs, struck {self.struck}, {self.worlds} worlds, "
            f"{self.seconds:.0f} s)"
        )


class Trial:
    """One scenario on one cluster."""

    def __init__(self, scenario: Scenario, folder: Path, env: Environment) -> None:
        self.scenario = scenario
        self.folder = folder
        self.env = env
        self.door = Door(scenario, env, folder)
        self.outcome = Outcome(scenario.seed)

    def run(self) -> Outcome:
        """Until the last life has ended and no job is left."""
        began = time.monotonic()
        self._lay_out()
        with serving(self.door.relay), self.door.strikes.striking():
            if self.scenario.remembered:
                self._live(0, "preflight")
            if self.scenario.lag:
                self.env.faults.set("ls", lag=self.scenario.lag)
            self.door.strikes.living = True
            for life in range(1, LIVES + 1):
                self.outcome.lives = life
                self._live(life)
                if not self._goes_on(life):
                    break
                time.sleep(self.scenario.caller.attaches)
                self._left_by_another()
            self._wait_for_jobs()
        self._gather()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _lay_out(self) -> None:
        for name in ("work", "begun", "modules"):
            (self.folder / name).mkdir()
        for name in ("a", "b"):
            text = f"NAME = {name!r}\n\n\ndef help():\n    return NAME\n"
            (self.folder / "modules" / f"module_{name}.py").write_text(text)
        (self.folder / "scenario").write_bytes(msgspec.json.encode(self.scenario))

    def _live(self, *arguments: Any) -> None:
        command = [sys.executable, caller.__file__, str(self.folder), *map(str, arguments)]
        surroundings = {
            **os.environ,
            **self.door.env(self.env),
            "FCX_STATE_DIR": str(self.folder / "state"),
        }
        with (self.folder / "stderr").open("ab") as errors:
            done = subprocess.run(
                command, env=surroundings, stderr=errors, timeout=PATIENCE, check=False
            )
        if done.returncode not in {0, -9}:
            words = (self.folder / "stderr").read_text()[-2000:]
            self.outcome.disagrees.append(f"the caller ended with {done.returncode}: {words}")

    # -- between lives ------------------------------------------------------------------------

    def _goes_on(self, life: int) -> bool:
        """Whether another life follows: this one died, or left its run open."""
        ended = self.folder / f"end-{life}"
        left = self._directory()
        if not ended.exists():
            return True
        broken = json.loads(ended.read_text())["broken"]
        is_open = left is not None and not (left / "inbox" / "closed").exists()
        return bool(broken and is_open and self._remembered())

    def _remembered(self) -> bool:
        return bool(Journal(self.folder / "state").runs())

    def _directory(self) -> Path | None:
        """The run directory, if there is one."""
        found = [
            path
            for path in (self.folder / "work").glob(".fcx-*/*/")
            if not path.name.startswith("programs-")
        ]
        return found[0] if found else None

    # -- the end ------------------------------------------------------------------------------

    def _gather(self) -> None:
        outcome, count = self.outcome, len(self.scenario.tasks)
        outcome.jobs, outcome.struck = len(self.door.fates.jobs), self.door.fates.struck
        outcome.fates = [NONE] * count
        known: dict[int, int] = {}  # how often a task was begun, by the last life that had it
        for life in range(1, outcome.lives + 1):
            for line in self._lines(f"told-{life}"):
                number, _, fate = line.partition(" ")
                outcome.fates[int(number)] = fate
                known.pop(int(number), None)
            for text in self._lines(f"end-{life}"):
                told = json.loads(text)
                known.update((int(number), runs) for number, runs in told["attempts"].items())
                outcome.ending = Ending(told["broken"], self._directory() is not None)
                outcome.words = told["words"] if told["broken"] else ""
        for number in range(count):
            ran = len(self._lines(f"ran-{number}"))
            told = number in known and outcome.fates[number] not in UNTOLD
            if told and ran > known[number]:
                text = f"task {number} began {ran} times, and {known[number]} are known"
                outcome.disagrees.append(text)

    def _lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []

    def _wait_for_jobs(self) -> None:
        """None outlives the run for long."""
        scenario = self.scenario
        longest = max(plan.seconds for plan in scenario.tasks)
        allowed = LEAVES + longest + max(scenario.idle_timeout, scenario.gate_timeout)
        deadline = time.monotonic() + allowed + scenario.queue[1]
        while (left := self._jobs_left()) and time.monotonic() < deadline:
            time.sleep(0.5)
        if left:
            self.outcome.disagrees.append(f"jobs {left} outlive the run")

    def _jobs_left(self) -> list[str]:
        """Those that Slurm does not call ended; without those that never begin."""
        strikes, known = self.door.strikes, self.door.fates.jobs
        if not known:
            return []
        states = [
            (str(job["jobId"]), job["status"]["state"])
            for job in json.loads(strikes.listing())["jobs"] or []
        ]
        going = [number for number, state in states if state.split()[0] in GOING]
        return [number for number in going if number in known and known[number].waits < FOREVER]

    def _left_by_another(self) -> None:
        """In every fifth world without jobs somebody else has collected the run before."""
        left = self._directory()
        if left is not None and not self.scenario.seed % 5 and not self._jobs_left():
            (left / "inbox" / "closed").write_bytes(names.KEEP)


def compare(outcome: Outcome, expected: Expected) -> None:
    """Say what the simulator has otherwise, in any of many worlds."""
    for count in MANY:
        if any(_differences(outcome, expected)):
            expected.see(count)
    outcome.disagrees += _differences(outcome, expected)
    outcome.worlds = len(expected.worlds)
    outcome.sure = sum(len(expected.fates(n)) == 1 for n in range(len(outcome.fates)))
    outcome.disagrees += [f"in the simulator: {failure}" for failure in expected.failures[:1]]


def _differences(outcome: Outcome, expected: Expected) -> Iterator[str]:
    for number, fate in enumerate(outcome.fates):
        allowed = expected.fates(number)
        if fate not in allowed:
            yield f"task {number} came to {fate}, not {sorted(allowed)}"
    if outcome.ending not in expected.endings:
        yield f"ended {outcome.ending} ({outcome.words}), not {sorted(expected.endings)}"


def attempt(expected: Expected, folder: Path, scheduler: str) -> Outcome:
    """Carry it out and compare."""
    folder.mkdir(parents=True)
    with site(scheduler, expected.scenario) as env:
        outcome = Trial(expected.scenario, folder, env).run()
    compare(outcome, expected)
    return outcome


def main() -> int:
    """One seed, in a process of its own."""
    from simulation.faults import KNOWN
    from simulation.seeds import drawn

    from scenarios.eligible import FEW

    seed, folder, scheduler = int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    expected = Expected(drawn(seed, KNOWN)).see(FEW)
    outcome = attempt(expected, folder, scheduler)
    print(outcome, flush=True)
    return bool(outcome.disagrees)


if __name__ == "__main__":
    sys.exit(main())
