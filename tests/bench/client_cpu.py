"""What a task costs the client's processor, by part of its way.

    python tests/bench/client_cpu.py [--tasks 100000] [--by submit|map] [--json]

No-ops through the process back end, which serves from other processes. Every other millisecond it is
noted where each thread of the client is, weighed with the processor's time that it has taken since:
so what is measured runs as it always does. Microseconds per task; the sampler's own are left out.

The sampler has its turn when another thread lets go of the interpreter. What the loop's thread does
in steps of less than a switch interval is therefore put down to where it waits then, as *loop*: of
that, most is the core's and the driver's. `py-spy record --gil` sees it where it is.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

STEP = 0.002  # seconds between samples
OPTIONS = ["--time=00:10:00", "--nodes=1"]
PARTS = (  # what stands in the file's name, the innermost first
    ("/bench/", "bench"),
    ("/protocol/pickling", "pickle"),
    ("/payload/dump", "pickle"),
    ("/payload/sharing", "pickle"),
    ("/payload/repeated", "pickle"),
    ("/payload/pickler", "pickle"),
    ("/payload/unchanged", "pickle"),
    ("/payload/key", "key"),
    ("/payload/canonical", "key"),
    ("/payload/code", "key"),
    ("/payload/outcome", "settling"),
    ("/payload/", "what it needs"),
    ("/parity/", "gate"),
    ("/executor/intake", "submit"),
    ("/executor/interface", "submit"),
    ("/executor/mapping", "submit"),
    ("/executor/walltime", "submit"),
    ("/executor/future", "future"),
    ("/executor/mailbox", "mailbox"),
    ("/executor/core/", "core"),
    ("/executor/completion", "settling"),
    ("/executor/wire", "reading records"),
    ("/protocol/record", "reading records"),
    ("/protocol/mac", "reading records"),
    ("/protocol/packing", "bundle"),
    ("/protocol/bundle", "bundle"),
    ("/executor/effects/errands", "bundle"),
    ("/state/", "journal"),
    ("/firecrest/loop", "loop"),
    ("/firecrest/", "requests"),
    ("/executor/", "driver"),
    ("/fcx/", "the rest of fcx"),
)


class Sampler:
    """Where the threads of this process spend its processor's time."""

    def __init__(self) -> None:
        self.parts: Counter[str] = Counter()  # seconds
        self.lines: Counter[str] = Counter()
        self._before: dict[int, float] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Sampler:
        self._before = {each.ident: _seconds_of(each.ident) for each in _threads()}
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        own = threading.get_ident()
        while not self._over.wait(STEP):
            frames = sys._current_frames()
            for each in _threads():
                if each.ident == own or each.ident not in frames:
                    continue
                now = _seconds_of(each.ident)
                taken = now - self._before.get(each.ident, 0.0)
                self._before[each.ident] = now
                if taken:
                    part, line = _place(frames[each.ident])
                    self.parts[part] += taken
                    self.lines[line] += taken


def _threads() -> list[Any]:
    return [each for each in threading.enumerate() if each.ident is not None]


def _seconds_of(thread: int) -> float:
    try:
        return time.clock_gettime(time.pthread_getcpuclockid(thread))
    except OSError:  # it has ended
        return 0.0


def _place(frame: FrameType | None) -> tuple[str, str]:
    """The part of fcx that a thread is in, and where in it."""
    while frame is not None:
        file = frame.f_code.co_filename
        if str(ROOT) in file and "/.venv/" not in file:
            for mark, part in PARTS:
                if mark in file:
                    where = f"{part:16} {file.rpartition('/fcx/')[2]}:{frame.f_code.co_name}"
                    return part, where
        frame = frame.f_back
    return "elsewhere", "elsewhere"


def noop(_=None):
    """The task that is measured."""


def work(executor: Any, count: int, by: str) -> None:
    """Submit and collect."""
    if by == "map":
        for _ in executor.map(noop, range(count)):
            pass
        return
    futures = [executor.submit(noop, number) for number in range(count)]
    for future in futures:
        future.result(timeout=600)


def measure(count: int, by: str) -> dict[str, Any]:
    """One run, warm: its executor has had a task before."""
    from fcx import FirecrestExecutor
    from fcx.local import cluster

    with cluster() as env, tempfile.TemporaryDirectory(prefix="fcx-bench-") as folder:
        with FirecrestExecutor(folder, OPTIONS, env=env, parity="minor") as executor:
            executor.submit(noop).result()
            env.reset_counts()
            memory, began = peak(), time.perf_counter()
            with Sampler() as sampler:
                work(executor, count, by)
            seconds = time.perf_counter() - began
            told = {"tasks": count, "seconds": round(seconds, 2), "MB": round(peak() - memory)}
            told["requests"] = sum(env.counts().values())
    each = 1e6 / count
    told["parts"] = {part: round(s * each, 1) for part, s in sampler.parts.most_common()}
    told["all"] = round(sampler.parts.total() * each, 1)
    told["places"] = {line: round(s * each, 1) for line, s in sampler.lines.most_common(40)}
    return told


def peak() -> float:
    """MB that this process has had in memory at most."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=100_000)
    parser.add_argument("--by", choices=("submit", "map"), default="submit")
    parser.add_argument("--places", action="store_true", help="by function, too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ["FCX_STATE_DIR"] = tempfile.mkdtemp(prefix="fcx-bench-state-")
    os.environ["FCX_LOCAL_HOME"] = tempfile.mkdtemp(prefix="fcx-bench-home-")
    found = measure(options.tasks, options.by)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    print("{tasks} tasks: {seconds} s, {requests} requests, {MB} MB more at most".format(**found))
    for part, microseconds in found["places" if options.places else "parts"].items():
        print(f"{microseconds:8.1f}  {part}")
    print(f"{found['all']:8.1f}  in all, microseconds per task")


if __name__ == "__main__":
    main()
