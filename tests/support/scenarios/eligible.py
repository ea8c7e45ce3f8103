"""Which scenarios can be carried out for real, and why the others cannot."""

from __future__ import annotations

from collections.abc import Iterator

from simulation.faults import KNOWN
from simulation.scenario import Scenario
from simulation.seeds import drawn

from scenarios.expected import Expected
from scenarios.spoiling import AFTER, BEFORE
from scenarios.strikes import BEGINS

LONGEST = 120.0  # seconds that it may take in any world
LARGEST = 2 << 20  # bytes of a task
MINUTE = 60.0
REAL = {
    *BEFORE,
    *AFTER,
    *BEGINS,
    *("barren_job", "agent_killed", "agent_vanishes", "initializer_dies"),
    *("waits_for_limit", "thinks_again", "never_starts", "cancelled_waiting"),
    *("hidden_job", "long_hidden_job", "directory_removed", "slow_callback", "time_unknown"),
}
FEW = 12  # worlds by which that is judged
TASKS = 40


def why_not(scenario: Scenario) -> str:
    """Why it cannot be carried out, by what stands in it; empty if it can."""
    tasks = scenario.tasks
    reasons = {
        "a fault that cannot be made for real": any(
            name not in REAL for name, _ in scenario.faults
        ),
        "another place": scenario.place != "fine",
        "requirements": any(plan.requirements for plan in tasks),
        "a time limit below Slurm's minute": scenario.job_limit < MINUTE,
        "an error of ours": scenario.caller.breaks is not None,
        "tasks of many megabytes": any(plan.size > LARGEST for plan in tasks),
        "a stream of many tasks": len(tasks) > TASKS,
        "agents that tell what they found": scenario.probe,
    }
    return next((reason for reason, holds in reasons.items() if holds), "")


def judged(seed: int) -> tuple[Scenario, str, Expected | None]:
    """The scenario of a seed, why it cannot be carried out, and what is expected if it can."""
    scenario = drawn(seed, KNOWN)
    reason = why_not(scenario)
    if reason:
        return scenario, reason, None
    expected = Expected(scenario).see(FEW)
    if expected.seconds > LONGEST:
        return scenario, "longer than two minutes", None
    return scenario, "", expected


def chosen(first: int, count: int) -> Iterator[tuple[Scenario, Expected]]:
    """The first so many from a seed on that can."""
    seed = first
    while count:
        scenario, _, expected = judged(seed)
        if expected is not None:
            count -= 1
            yield scenario, expected
        seed += 1
