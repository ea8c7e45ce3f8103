"""A thousand tasks with one large array: seconds, requests, bytes, and the client's memory.

    python tests/bench/sharing.py [--tasks 1000] [--megabytes 50] [argument partial put value]

Each way in a process of its own, on a local cluster of processes: the array as an argument, in a
partial, put once, and as the value of another task. Run by hand, where nothing else is busy.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from typing import Any

import numpy as np

from fcx import FirecrestExecutor
from fcx.local import cluster

WAYS = ("argument", "partial", "put", "value")


def use(array: Any, number: int) -> float:
    """Something of the array."""
    return float(array[number]) + number


def make(size: int) -> Any:
    """The array, where a task needs it."""
    return np.random.default_rng(1).random(size)


def submitted(executor: FirecrestExecutor, way: str, size: int, tasks: int) -> list[Any]:
    """All tasks."""
    given: Any = executor.submit(make, size).remote() if way == "value" else make(size)
    given = executor.put(given) if way == "put" else given
    if way == "partial":
        return [executor.submit(functools.partial(use, given), n) for n in range(tasks)]
    return [executor.submit(use, given, n) for n in range(tasks)]


def measure(way: str, size: int, tasks: int) -> dict[str, Any]:
    """One way, in this process."""
    options = {"sleep_interval": 1, "max_workers": 2, "parity": "off"}
    with tempfile.TemporaryDirectory() as folder, cluster(scheduler="process", nodes=2) as env:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        with FirecrestExecutor(folder, ["--time=01:00:00"], env=env, **options) as executor:
            began = time.perf_counter()
            futures = submitted(executor, way, size, tasks)
            taken_in = time.perf_counter() - began
            assert len([future.result() for future in futures]) == tasks
            seconds = time.perf_counter() - began
        sent = [each["size"] for each in env.uploads()]
        return {
            "way": way,
            "submit s": round(taken_in, 2),
            "all s": round(seconds, 2),
            "requests": sum(env.counts().values()),
            "uploaded MB": round(sum(sent) / 1e6, 1),
            "memory MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10,
            "memory before MB": before >> 10,
        }


def main(arguments: list[str]) -> int:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ways", nargs="*", default=WAYS)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--here", action="store_true", help="in this process")
    given = parser.parse_args(arguments)
    size = given.megabytes * 10**6 // 8
    for way in given.ways:
        if given.here:
            print(json.dumps(measure(way, size, given.tasks)))
            continue
        options = ["--tasks", str(given.tasks), "--megabytes", str(given.megabytes)]
        with tempfile.TemporaryDirectory() as state:
            command = [sys.executable, __file__, way, "--here", *options]
            subprocess.run(command, check=True, env={**os.environ, "FCX_STATE_DIR": state})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
