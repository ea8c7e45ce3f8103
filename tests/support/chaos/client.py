"""A user's script that is killed now and then: run again, it goes on with what it had begun.

Arguments: folder, number of tasks, seed. Each time that a task runs it leaves a line in ``ran``: its
number, the token of that time, the process ids of its worker and of the agent. What comes back is a line in ``results``: life, number, value, the token of that time. A life that ends
well leaves ``attempts``: each number, and how often it is known to have been begun.
"""

from __future__ import annotations

import functools
import logging
import os
import random
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from fcx import FirecrestExecutor
from fcx.executor.future import FirecrestFuture

LONGEST = 0.3  # seconds of a task
AT_ONCE, PAUSE = 50, 0.2  # tasks are submitted so many at once, and so many seconds apart
OPTIONS = ["--time=00:10:00"]
SETTINGS: dict[str, Any] = {
    "max_workers": 8,
    "workers_per_node": 4,
    "sleep_interval": 1,
    "idle_timeout": 10.0,
    "gate_timeout": 30.0,
    "task_retries": 3,
}


def work(folder: str, number: int, seconds: float) -> tuple[int, int, str]:
    """One task: leaves a trace of each time that it runs."""
    token = uuid.uuid4().hex
    with (Path(folder) / "ran").open("a") as file:
        file.write(f"{number} {token} {os.getpid()} {os.getppid()}\n")
    time.sleep(seconds)
    return number, number * number, token


def note(results: int, future: FirecrestFuture[Any]) -> None:
    """A line; of an error its words."""
    error = future.exception()
    words = " ".join(map(str, () if error else future.result()))
    told = f"error {type(error).__name__}: {error}" if error else words
    line = " ".join(f"{os.getpid()} {told}".split())
    os.write(results, f"{line}\n".encode("utf-8", "replace"))


def main() -> None:
    """Submit everything; what earlier lives have submitted is not sent again."""
    folder, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    logging.basicConfig(filename=folder / "log", format="%(asctime)s %(process)d %(message)s")
    logging.getLogger("fcx").setLevel(logging.INFO)
    results = os.open(folder / "results", os.O_CREAT | os.O_APPEND | os.O_WRONLY)
    rng, futures = random.Random(seed), []
    with FirecrestExecutor(folder, OPTIONS, run="chaos", **SETTINGS) as executor:
        for number in range(count):
            seconds = LONGEST * rng.random()
            future = executor.submit_as(str(number), work, str(folder), number, seconds)
            future.add_done_callback(functools.partial(note, results))
            futures.append(future)
            time.sleep(0 if (number + 1) % AT_ONCE else PAUSE)
    told = [f"{number} {len(future.attempts)}\n" for number, future in enumerate(futures)]
    (folder / "attempts").write_text("".join(told))


if __name__ == "__main__":
    main()
