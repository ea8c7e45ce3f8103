"""How long each call of a FirecREST server takes, beside what a real one took.

    python tests/bench/latency.py [process|slurm|env] [--rounds N] [--json]

`env` measures the server that the six FIRECREST_* variables name, and works in
FCX_REAL_WORKING_DIR. Times are medians in milliseconds, on one connection, one request at a time.
The figures of the real server are medians of 10 on loopback: good for ratios only.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from conformance.servers import Server, environment_server, local_server, script

REAL = {
    "token": 2.6,
    "systems": 2,
    "submit": 16,
    "job_info(id)": 108,
    "job_info()": 75,
    "job_metadata": 16,
    "view": 10,
    "head": 10,
    "tail": 10,
    "list_files": 10,
    "stat": 10,
    "mkdir": 14,
    "upload 10 KiB": 11,
    "upload 1 MB": 29,
    "download 10 KiB": 21,
    "download 1 MB": 34,
    "rm": 11,
}
"""The real server's medians in ms; a download is two requests, stat and download."""


def calls(server: Server, there: str, scratch: Path) -> dict[str, Callable[[int], Any]]:
    """Each call, given the number of the round."""
    c, system = server.client, server.system
    c.MAX_DIRECT_UPLOAD_SIZE = 10**9
    for name, size in (("small", 10 * 1024), ("big", 1_000_000)):
        (scratch / name).write_bytes(b"x" * size)
        server.put(f"{there}/{name}", b"x" * size)
    job_id = server.submit(there, "sleep 600", "--job-name=bench")
    server.running(job_id)
    text = script("true", "--job-name=bench", "--hold")
    account = server.account

    def token(_: int) -> None:
        server.auth._access_token = None
        server.auth.get_access_token()

    return {
        "token": token,
        "systems": lambda _: c.systems(),
        "nodes": lambda _: c.nodes(system),
        "partitions": lambda _: c.partitions(system),
        "userinfo": lambda _: c.userinfo(system),
        "submit": lambda _: c.submit(system, there, script_str=text, account=account),
        "job_info(id)": lambda _: c.job_info(system, job_id),
        "job_info()": lambda _: c.job_info(system),
        "job_metadata": lambda _: c.job_metadata(system, job_id),
        "view": lambda _: c.view(system, f"{there}/small"),
        "head": lambda _: c.head(system, f"{there}/small", num_bytes=100),
        "tail": lambda _: c.tail(system, f"{there}/small", num_bytes=100),
        "list_files": lambda _: c.list_files(system, there),
        "stat": lambda _: c.stat(system, f"{there}/small"),
        "checksum": lambda _: c.checksum(system, f"{there}/small"),
        "file_type": lambda _: c.file_type(system, f"{there}/small"),
        "mkdir": lambda n: c.mkdir(system, f"{there}/d{n}"),
        "upload 10 KiB": lambda n: c.upload(system, scratch / "small", there, f"s{n}"),
        "upload 1 MB": lambda n: c.upload(system, scratch / "big", there, f"b{n}"),
        "download 10 KiB": lambda _: c.download(system, f"{there}/small", scratch / "down"),
        "download 1 MB": lambda _: c.download(system, f"{there}/big", scratch / "down"),
        "rm": lambda n: c.rm(system, f"{there}/d{n}"),
        "attach": lambda _: c.attach_to_job(system, job_id, "true"),
    }


def median_ms(call: Callable[[int], Any], rounds: int) -> float:
    """The median of some rounds, in ms; the first round is not counted."""
    times = []
    for number in range(rounds + 1):
        begin = time.perf_counter()
        call(number)
        times.append((time.perf_counter() - begin) * 1000)
    return statistics.median(times[1:])


def trip_ms(server: Server, there: str, rounds: int) -> float:
    """Submit, wait and read the output of a trivial Python step, by hand; ms."""

    def trip(_: int) -> None:
        job_id = server.submit(there, "srun python3 -c 'print(6 * 7)'", "--output=out-%j")
        server.finished(job_id)
        assert server.client.view(server.system, f"{there}/out-{job_id}") == "42\n"

    return median_ms(trip, max(1, rounds // 5))


def measure(server: Server, rounds: int) -> dict[str, float]:
    """Every call's median; the jobs that were made are cancelled."""
    there = server.new_dir()
    try:
        with tempfile.TemporaryDirectory() as scratch:
            trip = trip_ms(server, there, rounds)
            named = calls(server, there, Path(scratch))
            found = {name: median_ms(call, rounds) for name, call in named.items()}
            return {**found, "submit, run, read": trip}
    finally:
        for job in server.client.job_info(server.system, name="bench"):
            if job["status"]["state"] in ("PENDING", "RUNNING"):
                server.client.cancel_job(server.system, job["jobId"])


@contextmanager
def chosen(kind: str) -> Iterator[Server]:
    """The server that is asked for."""
    if kind == "env":
        server = environment_server()
        yield server
        server.close()
        return
    with tempfile.TemporaryDirectory() as root:
        if kind == "process":
            with local_server("process", root) as server:
                yield server
            return
        from cluster.slurm import slurm_cluster

        with slurm_cluster(nodes=1) as slurm:
            os.environ.update(slurm.env)
            with local_server("slurm", root) as server:
                yield server


def table(found: dict[str, float]) -> str:
    """The figures beside the real server's."""
    real = {**REAL, "submit, run, read": 1000}
    lines = [f"{'call':<20}{'here ms':>10}{'real ms':>10}{'ratio':>8}"]
    for name, ms in found.items():
        beside = f"{real[name]:>10.1f}{ms / real[name]:>8.2f}" if name in real else f"{'-':>10}"
        lines.append(f"{name:<20}{ms:>10.1f}{beside}")
    return "\n".join(lines)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", nargs="?", default="process", choices=["process", "slurm", "env"])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with chosen(options.kind) as server:
        found = measure(server, options.rounds)
    print(json.dumps(found) if options.json else table(found))


if __name__ == "__main__":
    main()
