"""A user's script that is killed now and then: run again, it takes up what it had begun.

Arguments: folder, number of tasks, seed. What a task does it writes into ``ran``, what comes back
into ``results``, and what it submits into ``sent``, one line each.
"""

from __future__ import annotations

import functools
import logging
import os
import random
import sys
import time
import uuid
from concurrent.futures import Future, wait
from pathlib import Path
from typing import Any

import fcx
from fcx import FirecrestExecutor
from fcx.errors import RunLost
from fcx.executor.core import budget

LONGEST = 0.3  # seconds of a task
AT_ONCE, PAUSE = 50, 0.2  # tasks are submitted so many at once, and so many seconds apart
OPTIONS = ["--time=00:10:00"]
SETTINGS: dict[str, Any] = {
    "max_workers": 8,
    "workers_per_node": 4,
    "sleep_interval": 1,
    "idle_timeout": 10.0,
    "gate_timeout": 30.0,
}


def work(folder: str, number: int, seconds: float) -> tuple[int, int, str]:
    """One task: leaves a trace of each time that it runs."""
    token = uuid.uuid4().hex
    with (Path(folder) / "ran").open("a") as file:
        file.write(f"{number} {token}\n")
    time.sleep(seconds)
    return number, number * number, token


class Results:
    """What came back, in this life and in earlier ones."""

    def __init__(self, folder: Path) -> None:
        self._life = os.getpid()
        self._path = folder / "results"
        self._file = os.open(self._path, os.O_CREAT | os.O_APPEND | os.O_WRONLY)

    def note(self, future: Future[Any]) -> None:
        """A line of: life, number, value, token; or life and the error."""
        error = future.exception()
        if isinstance(error, RunLost):
            return  # never sent: it is submitted again
        told = (
            f"error {type(error).__name__}: {error}"
            if error
            else " ".join(map(str, future.result()))
        )
        line = " ".join(f"{self._life} {told}".split())
        os.write(self._file, f"{line}\n".encode("utf-8", "replace"))

    def known(self) -> set[int]:
        """The numbers that have come back."""
        rows = [line.split() for line in self._path.read_text().splitlines()]
        return {int(row[1]) for row in rows if len(row) == 4 and row[1] != "error"}


def main() -> None:
    """Take up the runs of earlier lives; then submit what none of them has."""
    folder, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    logging.basicConfig(filename=folder / "log", format="%(asctime)s %(process)d %(message)s")
    logging.getLogger("fcx").setLevel(logging.INFO)
    budget.RATE = 50.0  # requests are not what is scarce here
    results = Results(folder)
    for run in fcx.runs():
        with fcx.attach(run.id) as attached:
            for future in attached.futures.values():
                future.add_done_callback(results.note)
            wait(attached.futures.values())
    left = sorted(set(range(count)) - results.known())
    rng = random.Random(seed)
    with FirecrestExecutor(folder, OPTIONS, **SETTINGS) as executor:
        submit = functools.partial(executor.submit, work, str(folder))
        with (folder / "sent").open("a", buffering=1) as sent:
            for place, number in enumerate(left):
                submit(number, LONGEST * rng.random()).add_done_callback(results.note)
                sent.write(f"{number}\n")
                time.sleep(0 if (place + 1) % AT_ONCE else PAUSE)


if __name__ == "__main__":
    main()
