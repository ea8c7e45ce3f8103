"""Few seeds that see much: for mutation testing, where each world is run thousands of times.

A world's signature is the set of what its cores did in one step: the state before, the event, what it
answers, the actions. The chosen seeds have every
signature of many seeds several times, as far as it occurs so often. A change of a line can only be
found by a world that runs it: which do is known for every line.
"""

from __future__ import annotations

import heapq
import multiprocessing
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

from .faults import KNOWN
from .seeds import from_seed
from .simulation import Report, Simulation, Step
from .table import Table

OFTEN = 4  # worlds that should show each signature
LONGEST = 4000  # steps of a world that is chosen
SHORT = 100  # steps that every world costs, as it were
CHUNK = 50  # seeds that a process takes at a time
Line = tuple[str, int]
"""A file's path, and a line's number."""


def signature(steps: list[Step]) -> set[Any]:
    """What the cores did."""
    asked: dict[int, str] = {}
    found: set[Any] = set()
    for step in steps:
        words = tuple(sorted({_word(action) for action in step.actions}))
        client = step.who.startswith("client")
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


class Worlds:
    """What the worlds of many seeds show, and which lines of the cores each runs."""

    def __init__(self, files: Iterable[Path]) -> None:
        self.steps: dict[int, int] = {}
        self._files = {str(path): None for path in files}
        self._shown: dict[int, set[Any]] = {}
        self._by_line: dict[Line, list[int]] = {}

    def see(self, many: range, processes: int) -> None:
        """Run them all, once."""
        chunks = [many[at : at + CHUNK] for at in range(0, len(many), CHUNK)]
        with multiprocessing.get_context("fork").Pool(processes) as pool:
            for rows in pool.imap(self.see_some, chunks):
                for seed, shown, steps, lines in rows:
                    self._shown[seed], self.steps[seed] = shown, steps
                    for line in lines:
                        self._by_line.setdefault(line, []).append(seed)

    def see_some(self, seeds: range) -> list[tuple[int, set[Any], int, set[Line]]]:
        """(seed, signature, steps, lines) of each that passes and is not too long."""
        rows = []
        for seed in seeds:
            lines: set[Line] = set()
            report = self._traced(seed, lines)
            if not report.failure and report.steps < LONGEST:
                rows.append((seed, signature(report.trace), report.steps, lines))
        return rows

    def _traced(self, seed: int, lines: set[Line]) -> Report:
        def in_core(frame: FrameType, what: str, _value: Any) -> Any:
            if what == "line":
                lines.add((frame.f_code.co_filename, frame.f_lineno))
            return in_core

        def anywhere(frame: FrameType, _what: str, _value: Any) -> Any:
            return in_core if frame.f_code.co_filename in self._files else None

        def watch(call: Callable[..., Any]) -> Callable[..., Any]:
            def watched(*values: Any) -> Any:
                sys.settrace(anywhere)
                try:
                    return call(*values)
                finally:
                    sys.settrace(None)

            return watched

        return Simulation(from_seed(seed, KNOWN), Table(), traced=True, watch=watch).run()

    def running(self, path: Path, lines: Iterable[int]) -> list[int]:
        """Those that run any of these lines, the shortest first: no other can tell a change there."""
        found = {seed for line in lines for seed in self._by_line.get((str(path), line), ())}
        return sorted(found, key=lambda seed: (self.steps[seed], seed))

    def chosen(self, most: int) -> list[int]:
        """Those that show most: each signature counts a few times, a long world has to show more."""
        seen, steps = self._shown, self.steps
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
