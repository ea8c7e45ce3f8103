"""Where it is measured: a Slurm of 8 slots behind a local FirecREST server, or processes alone."""

from __future__ import annotations

import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.slurm import missing, slurm_cluster
from firecrest import ClientCredentialsAuth
from firecrest.v2 import Firecrest

from fcx.local import Environment, cluster
from fcx.local.api.window import SECONDS

from .rows import SITES, WORKERS

REST = 1.0  # seconds for what ends after a job
ASKED, WARM = 12, 2  # times; and those at first, which do not count
LONGEST = 120.0  # seconds until the last job of a contestant has gone


@dataclass(frozen=True)
class Site:
    """A cluster that runs."""

    env: Environment
    scheduler: str
    folder: Path
    home: Path  # where runs lie: as to any user from the second time on, it is known

    @contextmanager
    def like(self, site: str) -> Iterator[None]:
        """Requests take what they take at such a site; of a quota nothing is used up by others."""
        if "quota" in SITES[site]:
            time.sleep(SECONDS)
        if SITES[site]:
            self.env.faults.set("*", **SITES[site])
        try:
            yield
        finally:
            self.env.faults.clear()

    def settle(self) -> None:
        """Wait until nothing runs: what one contestant left must not cost the next."""
        until = time.monotonic() + LONGEST
        while self.scheduler == "slurm" and _jobs() and time.monotonic() < until:
            time.sleep(0.2)
        if self.scheduler == "slurm" and _jobs():
            subprocess.run(["scancel", "--user", str(os.getuid())], check=True)
        time.sleep(REST)

    def requests(self) -> dict[str, float]:
        """Seconds of a request that touches files alone, and of one that asks Slurm: in alternation."""
        env, folder = self.env, str(self.room())
        secrets = env["FIRECREST_CLIENT_ID"], env["FIRECREST_CLIENT_SECRET"]
        auth = ClientCredentialsAuth(*secrets, env["AUTH_TOKEN_URL"])
        client, system = Firecrest(env["FIRECREST_URL"], auth), env["FIRECREST_SYSTEM"]
        ways: dict[str, Callable[[], Any]] = {
            "request": lambda: client.list_files(system, folder),
            "slurm": lambda: client.job_info(system),
        }
        times: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(ASKED):
            for name, ask in ways.items():
                began = time.perf_counter()
                ask()
                times[name].append(time.perf_counter() - began)
        return {name: statistics.median(found[WARM:]) for name, found in times.items()}

    def room(self) -> Path:
        """A new folder that jobs may write in."""
        made = Path(tempfile.mkdtemp(dir=self.folder))
        made.chmod(0o755)
        return made


def _jobs() -> str:
    found = subprocess.run(["squeue", "-h"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


@contextmanager
def site(scheduler: str) -> Iterator[Site]:
    """Start it; ``slurm`` where that can be had, unless ``process`` is asked for."""
    if scheduler == "slurm" and missing():
        raise SystemExit(f"{missing()}\nor measure without Slurm: --scheduler process")
    with ExitStack() as stack:
        if scheduler == "slurm":
            os.environ.update(stack.enter_context(slurm_cluster(cpus=WORKERS)).env)
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="fcx-bench-"))
        Path(folder).chmod(0o755)
        for name in ("FCX_STATE_DIR", "FCX_LOCAL_HOME"):  # nothing of the user's, nothing left
            os.environ[name] = stack.enter_context(tempfile.TemporaryDirectory(prefix="fcx-bench-"))
        env = stack.enter_context(cluster(scheduler=scheduler, cpus_per_node=WORKERS))
        home = Path(folder, "home")
        home.mkdir()
        yield Site(env, scheduler, Path(folder), home)
