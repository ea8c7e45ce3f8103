"""Calls in a steady trickle, tokens that live a minute: what grows while nothing happens.

    python tests/bench/soak.py [--minutes 30] [--rate 5] [--limit MINUTES] [--json FILE]

One executor on the local cluster of processes. Prints, minute by minute, how long a call took from
submit to result, and memory, threads and open files of client, server, agent and worker; at the
end the first minute beside the last. `--limit` is the time limit of a pilot: one that is shorter
than the soak makes pilots follow each other. Ends with 1 if a call failed, or if threads, files or
memory have grown by more than the bounds below.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

TOKENS = 60.0  # seconds that a token lives
SPARE = {"MB": 20.0, "threads": 3, "files": 8}  # by how much each may grow
ROLES = {b"fcx.local.child": "server", b"agent": "agent", b"worker": "worker"}


@dataclass
class Minute:
    """What one minute showed; `processes` by role, then by figure."""

    number: int
    calls: int
    median_ms: float
    most_ms: float  # of 99 in 100
    requests: int
    tokens: int
    processes: dict[str, dict[str, float]] = field(default_factory=dict)
    run_directory: dict[str, float] = field(default_factory=dict)


@dataclass
class Calls:
    """The calls that were made, and the seconds of those that are done."""

    made: int = 0
    failed: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def make(self, executor: Any) -> None:
        """One more."""
        self.made += 1
        began, future = time.perf_counter(), executor.submit(abs, -self.made)
        future.add_done_callback(lambda done: self._done(done, began))

    def _done(self, future: Future[int], began: float) -> None:
        error = future.exception()
        if error is not None:
            self.failed.append(repr(error))
        self.seconds.append(time.perf_counter() - began)

    @property
    def waiting(self) -> int:
        """How many are not done."""
        return self.made - len(self.seconds)


def below(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            yield from below(int(child))


def role(pid: int) -> str:
    """What a process is, by its command line; nothing for what does not count."""
    words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    if not words[0].rpartition(b"/")[2].startswith(b"python"):
        return ""
    found = [name for word, name in ROLES.items() if any(word in one for one in words[1:])]
    return found[0] if found else ""


def figures(pid: int) -> dict[str, float]:
    """Memory, threads and open files."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    return {
        "MB": round(int(status["VmRSS"].split()[0]) / 1024, 1),
        "threads": int(status["Threads"]),
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
    }


def processes(server: int) -> dict[str, dict[str, float]]:
    """The figures of each role: the sum, where there are several of one."""
    found: dict[str, dict[str, float]] = {"client": figures(os.getpid())}
    for pid in below(server):
        try:
            name, now = role(pid), figures(pid)
        except (OSError, KeyError):  # it has just ended
            continue
        if name:
            so_far = found.setdefault(name, dict.fromkeys(now, 0.0))
            found[name] = {key: round(value + so_far[key], 1) for key, value in now.items()}
    return found


def size_of(folder: Path) -> dict[str, float]:
    """Files, and what they take."""
    sizes = [path.lstat().st_size for path in folder.rglob("*") if not path.is_dir()]
    return {"files": len(sizes), "MB": round(sum(sizes) / 2**20, 2)}


def share(seconds: list[float], part: float) -> float:
    """The milliseconds that this part of all calls stayed under."""
    ordered = sorted(seconds)
    return round(1000 * ordered[min(len(ordered) - 1, int(part * len(ordered)))], 1)


def one_minute(
    env: Any, executor: Any, calls: Calls, number: int, rate: float, folder: Path
) -> Minute:
    """Make the calls of a minute, each at its time, and look at what there is then."""
    before, done = env.counts(), len(calls.seconds)
    began = time.monotonic()
    for index in range(int(60 * rate)):
        time.sleep(max(0.0, began + index / rate - time.monotonic()))
        calls.make(executor)
    time.sleep(max(0.0, began + 60 - time.monotonic()))
    recent, after = calls.seconds[done:], env.counts()
    return Minute(
        number,
        len(recent),
        round(1000 * statistics.median(recent), 1),
        share(recent, 0.99),
        sum(after.values()) - sum(before.values()),
        after.get("token", 0) - before.get("token", 0),
        processes(env.pid),
        size_of(folder),
    )


def soak(options: argparse.Namespace, folder: Path, calls: Calls) -> list[Minute]:
    """All minutes; the first call of all, which waits for the pilot, is not counted."""
    from fcx import FirecrestExecutor
    from fcx.local import cluster

    minutes = []
    limit = options.limit or options.minutes + 15
    settings = {"max_workers": 1, "idle_timeout": 120.0, "parity": "minor"}
    with cluster(faults={"token.lifetime": TOKENS}) as env:
        with FirecrestExecutor(folder, [f"--time={limit}"], env=env, **settings) as executor:
            executor.submit(abs, 0).result(timeout=120)
            for number in range(1, options.minutes + 1):
                minutes.append(one_minute(env, executor, calls, number, options.rate, folder))
                print(line(minutes[-1]), flush=True)
            began, waiting = time.monotonic(), calls.waiting
        print(f"the last {waiting} calls done and all closed in {time.monotonic() - began:.1f} s")
        print("requests:", json.dumps(env.counts()), "answers:", json.dumps(env.statuses()))
    return minutes


def line(minute: Minute) -> str:
    """A minute as text."""
    told = [f"{minute.number:>3} min {minute.calls:>4} calls, {minute.median_ms:>6.0f} ms"]
    told.append(f"99 %: {minute.most_ms:>6.0f} ms, {minute.requests} requests")
    told.append(f"{minute.tokens} tokens")
    for name, found in minute.processes.items():
        told.append(f"{name} " + "/".join(f"{value:g}" for value in found.values()))
    told.append("run " + "/".join(f"{value:g}" for value in minute.run_directory.values()))
    return ", ".join(told)


def table(first: Minute, last: Minute, calls: Calls) -> str:
    """The first minute beside the last."""
    rows = [("median of a call, ms", first.median_ms, last.median_ms)]
    rows.append(("99 % of calls, ms", first.most_ms, last.most_ms))
    rows.append(("requests a minute", first.requests, last.requests))
    rows.append(("tokens a minute", first.tokens, last.tokens))
    for name in last.processes:
        for figure, value in last.processes[name].items():
            rows.append((f"{name}, {figure}", first.processes.get(name, {}).get(figure, 0), value))
    rows += [
        (f"run directory, {figure}", first.run_directory[figure], value)
        for figure, value in last.run_directory.items()
    ]
    head = [f"{'':<26}{'first minute':>14}{'last minute':>14}"]
    whole = f"all {len(calls.seconds)} calls: median {share(calls.seconds, 0.5):.0f} ms, "
    whole += f"99 % {share(calls.seconds, 0.99):.0f} ms, most {share(calls.seconds, 1.0):.0f} ms"
    return "\n".join([*head, *(f"{name:<26}{a:>14g}{b:>14g}" for name, a, b in rows), whole])


def grown(first: Minute, last: Minute) -> list[str]:
    """What there is more of than there may be."""
    return [
        f"{name}: {was[figure]:g} {figure} grew to {last.processes[name][figure]:g}"
        for name, was in first.processes.items()
        if name in last.processes
        for figure, spare in SPARE.items()
        if last.processes[name][figure] > was[figure] + spare
    ]


def main() -> None:
    """Soak, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=int, default=30)
    parser.add_argument("--rate", type=float, default=5.0, help="calls a second")
    parser.add_argument("--limit", type=int, help="minutes that a pilot may run")
    parser.add_argument("--json", help="a file for all minutes")
    options = parser.parse_args()
    os.environ["FCX_STATE_DIR"] = tempfile.mkdtemp(prefix="fcx-soak-state-")
    os.environ["FCX_LOCAL_HOME"] = tempfile.mkdtemp(prefix="fcx-soak-home-")
    calls = Calls()
    with tempfile.TemporaryDirectory(prefix="fcx-soak-") as folder:
        minutes = soak(options, Path(folder), calls)
    print(table(minutes[0], minutes[-1], calls))
    if options.json:
        known = [vars(minute) for minute in minutes]
        Path(options.json).write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    wrong = [f"{len(calls.failed)} calls failed: {calls.failed[0]}"] if calls.failed else []
    sys.exit("\n".join(wrong + grown(minutes[0], minutes[-1])) or 0)


if __name__ == "__main__":
    main()
