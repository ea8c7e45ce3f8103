"""``make simulate``: run seeds, explain one, or replay the trace of a real run.

SEED=n tells one scenario from its beginning to its end; SEEDS=n runs so many and shrinks those that
fail; TRACE=file prints what the real core did in a recorded run.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from fcx.executor.core.events import Ticked
from fcx.executor.recorder import Trace
from fcx.remote.events import Tick

from .everything import EVERYTHING
from .faults import KNOWN
from .scenario import Scenario
from .seeds import from_seed
from .shrink import shrink
from .simulation import Report, Simulation, Step
from .table import Table

CHUNK = 50  # seeds that a process takes at a time
SHRUNK = 5  # failures that are shrunk, one of each invariant first


def one(seed: int, *, traced: bool = False) -> Report:
    """The world of a seed."""
    return Simulation(from_seed(seed, KNOWN), Table(), traced=traced).run()


def some(seeds: range) -> tuple[Table, list[Report]]:
    """The worlds of some seeds: what occurred, and those that failed."""
    table, failed = Table(), []
    for seed in seeds:
        report = Simulation(from_seed(seed, KNOWN), table).run()
        if report.failure:
            failed.append(report)
    return table, failed


def digest(seeds: range) -> str:
    """SHA-256 of all that was said in the worlds of some seeds."""
    sha = hashlib.sha256()
    for number in seeds:
        for step in one(number, traced=True).trace:
            sha.update(repr(step).encode())
    return sha.hexdigest()


def many(first: int, count: int, processes: int) -> tuple[Table, list[Report]]:
    """The worlds of many seeds, on several processors."""
    chunks = [
        range(at, min(at + CHUNK, first + count)) for at in range(first, first + count, CHUNK)
    ]
    table, failed = Table(), []
    with multiprocessing.get_context("forkserver").Pool(processes) as pool:
        for seen, reports in pool.imap_unordered(some, chunks):
            table.add(seen)
            failed += reports
    return table, sorted(failed, key=lambda report: report.scenario.seed)


# -- what is printed ------------------------------------------------------------------------


def tell(steps: Iterable[Step]) -> None:
    """Events and what was done about each; where time alone has passed, only if anything was."""
    for now, who, event, actions, _ in steps:
        if actions or not isinstance(event, Ticked | Tick):
            print(f"{now:12.4f}  {who}: {event}")
        for action in actions:
            print(f"{'':14}-> {action}")


def tell_failure(report: Report) -> None:
    """A failure and the shortest scenario that has it."""
    print(f"\nseed {report.scenario.seed} fails:\n{report.failure}")
    short = shrink(report)
    print(f"shortest: {msgspec.json.encode(short.scenario).decode()}")
    tell(Simulation(short.scenario, Table(), traced=True).run().trace[-60:])
    print(f"ends with: {short.failure}")


def story(scenario: Scenario) -> int:
    """Tell the whole story of a scenario."""
    report = Simulation(scenario, Table(), traced=True).run()
    print(report.scenario)
    tell(report.trace)
    print(f"{report.steps} steps, {report.seconds:.1f} s of virtual time")
    if report.failure:
        tell_failure(report)
    return bool(report.failure)


def seeds(first: int, count: int) -> int:
    """Run many, and say what occurred."""
    began = time.perf_counter()
    table, failed = many(first, count, os.cpu_count() or 1)
    taken = time.perf_counter() - began
    print(table.text(EVERYTHING))
    never = table.never(EVERYTHING)
    print(f"\n{count:,} seeds in {taken:.0f} s: {count / taken:.0f} seeds/s; {len(failed)} failed")
    if never:
        print("never occurred:", ", ".join(f"{what} {name}" for what, name in never))
    by_name: dict[str, list[Report]] = {}
    for report in failed:
        by_name.setdefault(report.name, []).append(report)
    for name, reports in by_name.items():
        print(f"{len(reports):6} {name}: seeds {[r.scenario.seed for r in reports[:10]]}")
    for reports in list(by_name.values())[:SHRUNK]:
        tell_failure(reports[0])
    return bool(failed)


def replay(path: Path) -> int:
    """The real core's decisions in a recorded run."""
    trace = Trace.read(path.read_bytes())
    print(trace.limits)
    tell(Step(now, "client", event, actions) for now, event, actions in trace.replay())
    return 0


def main(arguments: list[str]) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seed", type=int, help="tell this one")
    parser.add_argument("--scenario", help="tell this one, as a failure printed it")
    parser.add_argument("--seeds", type=int, default=2000, help="how many to run")
    parser.add_argument("--first", type=int, default=0, help="from which on")
    parser.add_argument("--trace", type=Path, help="replay a recorded run")
    given = parser.parse_args(arguments)
    if given.trace is not None:
        return replay(given.trace)
    if given.scenario:
        return story(msgspec.json.decode(given.scenario, type=Scenario))
    if given.seed is not None:
        return story(from_seed(given.seed, KNOWN))
    return seeds(given.first, given.seeds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
