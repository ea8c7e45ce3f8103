"""One contestant does one row in a process of its own; run.py starts it and reads what it prints.

The first line of the input says what to do. ``ready`` is printed before the clock starts and a line
of JSON once it has stopped; each waits for a line of input, while requests are counted. What runs
on the cluster stands in this file, which is ``__main__``: every contestant's pickler takes it along.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import statistics
import sys
import threading
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

LONG = 3600.0  # seconds until which every task has ended


def noop(_=None):
    """A task that does nothing."""


def sleep(seconds):
    """A task that takes time."""
    import time

    time.sleep(seconds)


def length(data):
    """A task that takes much."""
    return len(data)


def block(megabytes, salt):
    """A task that gives much back, and nothing that shrinks."""
    import random

    return random.Random(salt).randbytes(10**6) * megabytes


def bell(x):
    """What is sampled."""
    return -0.5 * float((x**2).sum())


class Meter:
    """A clock, and what the machine has given meanwhile."""

    def __init__(self) -> None:
        self._began = 0.0
        self.since = 0.0  # the epoch
        self._cpu: dict[str, float] = {}
        self.first: float | None = None

    def start(self) -> None:
        """All is ready."""
        gc.collect()
        _say("ready")
        self.first = None
        self._cpu = _cpu_of_threads()
        self.since, self._began = time.time(), time.perf_counter()

    def came(self) -> None:
        """The first result."""
        self.first = self.elapsed()

    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.perf_counter() - self._began

    def stop(self, seconds: float | None = None, **more: float) -> None:
        """All results are here; ``seconds`` instead of the time that has passed."""
        wall, cpu = self.elapsed(), _cpu_of_threads()
        used = {name: cpu[name] - self._cpu.get(name, 0.0) for name in cpu}
        figures = {
            "seconds": wall if seconds is None else seconds,
            "wall": wall,
            "first": self.first,
            "memory_MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "cpu": {name: value for name, value in used.items() if value > 0.0},
        }
        _say(json.dumps({**figures, **more}))


def _say(line: str) -> None:
    print(line, file=sys.stdout, flush=True)
    sys.stdin.readline()


def _cpu_of_threads() -> dict[str, float]:
    """Seconds of processor time by the name of the thread; threads that have ended are ``ended``."""
    names = {thread.native_id: thread.name for thread in threading.enumerate()}
    ticks = os.sysconf("SC_CLK_TCK")
    found: dict[str, float] = {}
    for task in Path("/proc/self/task").iterdir():
        words = (task / "stat").read_text().rpartition(")")[2].split()
        name = names.get(int(task.name), "other").rstrip("0123456789")
        found[name] = found.get(name, 0.0) + (int(words[11]) + int(words[12])) / ticks
    usage = resource.getrusage(resource.RUSAGE_SELF)
    found["ended"] = max(0.0, usage.ru_utime + usage.ru_stime - sum(found.values()))
    return found


# -- the rows, for whoever is an Executor -------------------------------------------------------


def collect(meter: Meter, futures: list[Future[Any]]) -> None:
    """All results."""
    futures[0].result(timeout=LONG)
    meter.came()
    for future in futures:
        future.result(timeout=LONG)


def noops(way: Any, task: Any, meter: Meter) -> None:
    """From making the executor to the last result."""
    meter.start()
    with way.executor(task) as executor:
        collect(meter, way.many(executor, noop, [None] * task.size["count"]))
        meter.stop(**_queue(way, task, meter))


def sleeps(way: Any, task: Any, meter: Meter) -> None:
    """The same with tasks that take time."""
    meter.start()
    with way.executor(task) as executor:
        times = [task.size["seconds"]] * task.size["count"]
        collect(meter, way.many(executor, sleep, times))
        meter.stop(**_queue(way, task, meter))


def _queue(way: Any, task: Any, meter: Meter) -> dict[str, float]:
    """How long after the start the first job began, from a way that knows."""
    began = getattr(way, "began", None)
    return {"job": began(task, meter.since) - meter.since} if began else {}


def series(way: Any, task: Any, meter: Meter) -> None:
    """Each task waits for the one before."""
    with way.executor(task) as executor:
        executor.submit(noop).result(timeout=LONG)
        meter.start()
        times = []
        for _ in range(task.size["count"]):
            began = meter.elapsed()
            executor.submit(noop).result(timeout=LONG)
            times.append(meter.elapsed() - began)
        last = statistics.median(times[-10:])
        meter.stop(statistics.median(times), last=last, worst=max(times))


def trickle(way: Any, task: Any, meter: Meter) -> None:
    """One now and then: how long each takes to come back."""
    times: list[float] = []
    with way.executor(task) as executor:
        executor.submit(noop).result(timeout=LONG)
        meter.start()
        futures = []
        for number in range(task.size["count"]):
            time.sleep(max(0.0, number * task.size["every"] - meter.elapsed()))
            began = meter.elapsed()
            future = executor.submit(noop)
            future.add_done_callback(lambda _, began=began: times.append(meter.elapsed() - began))
            futures.append(future)
        for future in futures:
            future.result(timeout=LONG)
        while len(times) < len(futures):
            time.sleep(0.01)
        late = statistics.quantiles(times, n=20)[-1]
        meter.stop(statistics.median(times), p95=late, worst=max(times))


def emcee(way: Any, task: Any, meter: Meter) -> None:
    """A sampler whose pool is the executor."""
    import emcee as sampling
    import numpy as np

    walkers = np.random.default_rng(1).normal(size=(8, 2))
    meter.start()
    with way.executor(task) as executor:
        sampler = sampling.EnsembleSampler(8, 2, bell, pool=executor)
        sampler.run_mcmc(walkers, task.size["steps"])
        meter.stop()


def array(way: Any, task: Any, meter: Meter) -> None:
    """A product of matrices in chunks, whose scheduler is the executor."""
    import dask.array

    x = dask.array.arange(400, chunks=100, dtype=float).reshape(20, 20)
    work = (x @ x.T).mean(axis=0).sum()
    meter.start()
    with way.executor(task) as executor:
        work.compute(scheduler=way.scheduler(executor))
        meter.stop()


def argument(way: Any, task: Any, meter: Meter) -> None:
    """Much goes there; the executor has its node."""
    data = block(task.size["megabytes"], 7)
    with way.executor(task) as executor:
        executor.submit(noop).result(timeout=LONG)
        meter.start()
        assert executor.submit(length, data).result(timeout=LONG) == len(data)
        meter.stop()


def result(way: Any, task: Any, meter: Meter) -> None:
    """Much comes back; the executor has its node."""
    wanted = task.size["megabytes"] * 10**6
    with way.executor(task) as executor:
        executor.submit(noop).result(timeout=LONG)
        meter.start()
        got = executor.submit(block, task.size["megabytes"], 7).result(timeout=LONG)
        meter.stop()
        assert len(got) == wanted


def after_large(way: Any, task: Any, meter: Meter) -> None:
    """A small task, once much has come back."""
    with way.executor(task) as executor:
        executor.submit(block, task.size["megabytes"], 7).result(timeout=LONG)
        meter.start()
        assert executor.submit(pow, 2, 3).result(timeout=LONG) == 8
        meter.stop()


ROWS = (noops, sleeps, series, trickle, emcee, array, argument, result, after_large)


def main() -> None:
    """Do what the first line says; a way may do a row in its own manner."""
    task = SimpleNamespace(**json.loads(sys.stdin.readline()))
    way = importlib.import_module(f"ways.{task.way}")
    ours = {row.__name__: row for row in ROWS}
    own: dict[str, Any] = getattr(way, "ROWS", {})  # of a way that is no executor
    if task.kind in own:
        own[task.kind](task, Meter())
    else:
        ours[task.kind](way, task, Meter())
    sys.stdout.flush()
    os._exit(0)  # what a contestant has left behind does not hold us up


if __name__ == "__main__":
    main()
