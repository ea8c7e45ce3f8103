"""Send many jobs through the local server and tell what it leaves behind; then time each call.

    python tests/cluster/leakcheck.py [--jobs 1000] [--scheduler slurm|process] [--json]

With `slurm`, a Slurm of its own is brought up. Exit status 1 if processes, threads, files or
loop devices are left, or if memory grew by more than --allow-kib a job.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import firecrest
from slurm import slurm_cluster

from fcx.local import Environment, cluster

SCRIPT = "#!/bin/bash\n#SBATCH --job-name=leak --output=/dev/null --mem=50\nexit 0\n"
THREADS = 4
PATIENCE = 1800.0


class Probe:
    """What a process and all below it hold."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def look(self) -> dict[str, int]:
        """Processes, threads, open files, and resident memory in KiB."""
        pids = [self.pid, *_below(self.pid)]
        status = Path(f"/proc/{self.pid}/status").read_text()
        fields = dict(line.partition(":")[::2] for line in status.splitlines())
        return {
            "processes": len(pids),
            "threads": int(fields["Threads"]),
            "files": len(list(Path(f"/proc/{self.pid}/fd").iterdir())),
            "resident_kib": int(fields["VmRSS"].split()[0]),
        }

    def settled(self) -> dict[str, int]:
        """The least of some looks: idle threads and connections take a while to go."""
        looks = []
        for _ in range(20):
            looks.append(self.look())
            time.sleep(0.1)
        return {name: min(look[name] for look in looks) for name in looks[0]}


def _below(pid: int) -> Iterator[int]:
    """Process ids of all descendants."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for child in map(int, (task / "children").read_text().split()):
                yield child
                yield from _below(child)


@contextlib.contextmanager
def served(scheduler: str) -> Iterator[Environment]:
    """A local server, with a Slurm behind it where that is asked for."""
    with contextlib.ExitStack() as stack:
        if scheduler == "slurm":
            os.environ.update(stack.enter_context(slurm_cluster(nodes=2, cpus=32)).env)
        yield stack.enter_context(cluster(scheduler=scheduler))


def connect(env: Environment) -> firecrest.v2.Firecrest:
    """A client of its own."""
    login = firecrest.ClientCredentialsAuth(
        env["FIRECREST_CLIENT_ID"],
        env["FIRECREST_CLIENT_SECRET"],
        env["AUTH_TOKEN_URL"],
        min_token_validity=60,
    )
    return firecrest.v2.Firecrest(env["FIRECREST_URL"], login)


def run_jobs(env: Environment, count: int, folder: str) -> dict[str, Any]:
    """Submit and wait; states at the end and how long both took."""
    system, started = env["FIRECREST_SYSTEM"], time.monotonic()
    clients = [connect(env) for _ in range(THREADS)]

    def submit(number: int) -> str:
        api = clients[number % THREADS]
        return str(api.submit(system, working_dir=folder, script_str=SCRIPT)["jobId"])

    with ThreadPoolExecutor(THREADS) as pool:
        ids = set(pool.map(submit, range(count)))
    submitted = time.monotonic() - started
    states: Counter[str] = Counter()
    while states["COMPLETED"] < count and time.monotonic() - started < PATIENCE:
        time.sleep(5.0)
        jobs = clients[0].job_info(system)
        states = Counter(job["status"]["state"] for job in jobs if job["jobId"] in ids)
    for api in clients:
        api.close_session()
    return {
        "jobs": len(ids),
        "states": dict(states),
        "submit_s": round(submitted, 1),
        "all_done_s": round(time.monotonic() - started, 1),
    }


def time_calls(env: Environment, folder: str) -> dict[str, float]:
    """The median of ten of each call, in milliseconds."""
    api, system = connect(env), env["FIRECREST_SYSTEM"]
    api.submit(system, working_dir=folder, script_str=SCRIPT)
    sleeper = "#!/bin/bash\n#SBATCH --output=/dev/null --mem=50\nexec sleep 600\n"
    sleepers: list[str] = []

    def submit() -> None:
        sleepers.append(api.submit(system, working_dir=folder, script_str=sleeper)["jobId"])

    def cancel() -> None:
        api.cancel_job(system, sleepers.pop())

    calls: dict[str, Callable[[], Any]] = {
        "systems": api.systems,
        "nodes": lambda: api.nodes(system),
        "partitions": lambda: api.partitions(system),
        "userinfo": lambda: api.userinfo(system),
        "submit": submit,
        "job_info(id)": lambda: api.job_info(system, sleepers[0]),
        "job_info()": lambda: api.job_info(system),
        "job_metadata": lambda: api.job_metadata(system, sleepers[0]),
        "cancel_job": cancel,
        "list_files": lambda: api.list_files(system, folder),
    }
    figures = {name: _median(call) for name, call in calls.items()}
    api.close_session()
    return figures


def _median(call: Callable[[], Any]) -> float:
    times = []
    for _ in range(10):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return round(statistics.median(times) * 1000, 1)


def check(jobs: int, scheduler: str, allow_kib: float) -> tuple[dict[str, Any], list[str]]:
    """All figures, and what is wrong with them."""
    with served(scheduler) as env, tempfile.TemporaryDirectory() as folder:
        (server,) = (pid for pid in _below(os.getpid()) if _is_server(pid))
        probe = Probe(server)
        run_jobs(env, 20, folder)
        before = probe.settled()
        figures = {"scheduler": scheduler, **run_jobs(env, jobs, folder), "before": before}
        after = probe.settled()
        figures["after"] = after
        figures["calls_ms"] = time_calls(env, folder)
    wrong = [
        f"{name}: {before[name]} before, {after[name]} after"
        for name in ("processes", "threads", "files")
        if after[name] > before[name]
    ]
    grown = (after["resident_kib"] - before["resident_kib"]) / jobs
    figures["grown_kib_a_job"] = round(grown, 2)
    if grown > allow_kib:
        wrong.append(f"memory: {grown:.1f} KiB a job, {allow_kib} allowed")
    if figures["states"].get("COMPLETED") != jobs:
        wrong.append(f"states: {figures['states']}")
    return figures, wrong


def _is_server(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"fcx.local" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def main() -> None:
    """Parse, check, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--scheduler", choices=("slurm", "process"), default="slurm")
    # A record that is remembered takes some 4 KiB.
    parser.add_argument("--allow-kib", type=float, default=16.0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures, wrong = check(options.jobs, options.scheduler, options.allow_kib)
    if options.json:
        print(json.dumps({**figures, "wrong": wrong}))
    else:
        for name, value in figures.items():
            print(f"{name:16} {value}")
    sys.exit("\n".join(wrong) if wrong else 0)


if __name__ == "__main__":
    main()
