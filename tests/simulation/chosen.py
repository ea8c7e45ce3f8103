"""Few seeds that see much: for mutation testing, where each world is run thousands of times.

A world's signature is the set of what its cores did in one step: the state before, the event, what it
answers, the actions. The chosen seeds have every
signature of many seeds several times, as far as it occurs so often.
"""

from __future__ import annotations

import heapq
from collections import Counter
from typing import Any

from .faults import KNOWN
from .scenario import from_seed
from .simulation import Simulation, Step
from .table import Table

OFTEN = 4  # worlds that should show each signature
LONGEST = 4000  # steps of a world that is chosen
SHORT = 100  # steps that every world costs, as it were


def signature(steps: list[Step]) -> set[Any]:
    """What the cores did."""
    asked: dict[int, str] = {}
    found: set[Any] = set()
    for step in steps:
        words = tuple(sorted({_word(action) for action in step.actions}))
        client = step.who == "client"
        answers = asked.get(getattr(step.event, "action", 0), "") if client else ""
        found.add((client, step.state, _word(step.event), answers, words))
        if client:
            ids = {action.id: _word(action) for action in step.actions if hasattr(action, "id")}
            asked.update(ids)
    return found


def _word(thing: Any) -> str:
    """Its kind, with what tells kinds of it apart."""
    name = type(thing).__name__
    if name == "Failed":
        return f"{name} {thing.kind}"
    if name in {"ListFolder", "ListLinks"}:
        return f"{name} {thing.folder}"
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
    """The seeds that show most: each signature counts a few times, a long world has to show more."""
    seen: dict[int, set[Any]] = {}
    steps: dict[int, int] = {}
    for seed in many:
        report = Simulation(from_seed(seed, KNOWN), Table(), traced=True).run()
        if not report.failure and report.steps < LONGEST:
            seen[seed], steps[seed] = signature(report.trace), report.steps
    shown: Counter[Any] = Counter()
    picked: list[int] = []
    heap = [(-_gain(seen[seed], shown) / (SHORT + steps[seed]), seed) for seed in seen]
    heapq.heapify(heap)
    while heap and len(picked) < most:
        _, seed = heapq.heappop(heap)
        gain = -_gain(seen[seed], shown) / (SHORT + steps[seed])
        if heap and gain > heap[0][0]:  # others have shown meanwhile what it would
            heapq.heappush(heap, (gain, seed))
        else:
            picked.append(seed)
            shown.update(seen[seed])
    return picked


def _gain(signs: set[Any], shown: Counter[Any]) -> float:
    """What a world would add: most for what has never been shown."""
    return sum(1.0 / (1 + shown[each]) for each in signs if shown[each] < OFTEN)
