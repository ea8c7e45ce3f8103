"""Few seeds that see much: for mutation testing, where each world is run thousands of times.

A world's signature is the set of what its cores did in one step: the event, the actions, the phase. The
chosen seeds have every signature of many seeds several times, as far as it occurs so often.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from .faults import KNOWN
from .scenario import from_seed
from .simulation import Simulation, Step
from .table import Table

OFTEN = 4  # worlds that should show each signature
LONGEST = 4000  # steps of a world that is chosen


def signature(steps: list[Step]) -> set[Any]:
    """What the cores did."""
    return {
        (step.who == "client", _word(step.event), tuple(sorted({_word(a) for a in step.actions})))
        for step in steps
    }


def _word(thing: Any) -> str:
    """Its kind, with what tells kinds of it apart."""
    name = type(thing).__name__
    if name == "Failed":
        return f"{name} {thing.kind}"
    if name == "LogRead":
        return f"{name} {sorted({type(record).__name__ for record in thing.records})}"
    if name in {"Settle", "Broken"} and thing.trouble is not None:
        return f"{name} {thing.trouble.error}"
    if name == "JobsListed":
        return f"{name} {sorted({job.state for job in thing.jobs})}"
    if name == "Record":
        return f"{name} {thing.kind} {thing.fields.get('why', '')}"
    return name


def chosen(many: range, most: int) -> list[int]:
    """The seeds: rare signatures first, short worlds before long ones."""
    seen: dict[int, set[Any]] = {}
    steps: dict[int, int] = {}
    counts: Counter[Any] = Counter()
    for seed in many:
        report = Simulation(from_seed(seed, KNOWN), Table(), traced=True).run()
        if not report.failure and report.steps < LONGEST:
            seen[seed], steps[seed] = signature(report.trace), report.steps
            counts.update(seen[seed])
    wanted = {each: min(OFTEN, count) for each, count in counts.items()}
    picked: list[int] = []
    for each, _ in sorted(counts.items(), key=lambda item: (item[1], repr(item[0]))):
        while wanted[each] > 0 and len(picked) < most:
            able = [seed for seed in seen if each in seen[seed] and seed not in picked]
            best = max(able, key=lambda seed: _gain(seen[seed], wanted) / (100 + steps[seed]))
            picked.append(best)
            for one in seen[best]:
                wanted[one] -= 1
    return picked


def _gain(signs: set[Any], wanted: dict[Any, int]) -> int:
    return sum(wanted[each] > 0 for each in signs)
