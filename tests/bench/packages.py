"""Other people's packages on our executor: seconds and requests of each.

    PYTHONPATH=tests/support python tests/bench/packages.py [words of a package's name]

One executor with eight workers, as a user makes it, on a local cluster behind a proxy that counts. Each
is run before for the imports at the workers, and then once more, which is what is printed.
"""

from __future__ import annotations

import sys
import tempfile
import time
import warnings
from functools import partial
from pathlib import Path

from chaos.faults import Answer
from chaos.relay import Relay, Request, serving
from consumers import notebooks, searches
from consumers.everything import CONSUMERS

from fcx import FirecrestExecutor
from fcx.local import Environment, cluster

LONGER = {"emcee: 20 steps": partial(searches.emcee_pool, steps=20)}
WARM = 2  # times that each is run before, so that most workers have its imports
NOTEBOOK = "a notebook, its kernel and executor included"


class Counter:
    """Forwards each request, and counts."""

    def __init__(self, url: str) -> None:
        self.relay = Relay(url, self._treat)
        self.requests = 0

    async def _treat(self, request: Request) -> Answer | None:
        self.requests += 1
        return await self.relay.forward(request)


def main(words: list[str]) -> None:
    print(f"{'':45}  seconds  requests")
    with cluster(scheduler="process", nodes=8) as env, tempfile.TemporaryDirectory() as folder:
        counter = Counter(env["FIRECREST_URL"])
        with serving(counter.relay):
            measure(words, counter, counter.relay.env(env), Path(folder))


def measure(words: list[str], counter: Counter, env: Environment, folder: Path) -> None:
    chosen = [name for name in (*CONSUMERS, *LONGER) if all(word in name for word in words)]
    options = {"max_workers": 8, "workers_per_node": 8, "idle_timeout": 600.0}
    with FirecrestExecutor(folder, ["--time=00:30:00"], env=env, **options) as executor:
        executor.submit(int).result()
        for name in chosen:
            consumer = {**CONSUMERS, **LONGER}[name]
            for _ in range(WARM):
                consumer(executor)
            row(counter, name, lambda: consumer(executor))  # noqa: B023 - called at once
    if not words:
        row(counter, NOTEBOOK, lambda: notebooks.run(env, folder))


def row(counter, name, work) -> None:
    began, before = time.monotonic(), counter.requests
    work()
    print(f"{name:45}  {time.monotonic() - began:7.2f}  {counter.requests - before:8}", flush=True)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main(sys.argv[1:])
