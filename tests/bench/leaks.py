"""Many jobs through a local cluster, and what is left of them: processes, files, memory.

    python tests/bench/leaks.py [process|slurm] [--jobs N]

Counts the server's descendants, its open files and its resident memory before and after, the
files under the cluster's private directory, and the processes that the jobs left anywhere. Ends
with 1 if there is a leak: a process, more than a few open files, or memory that grows by more than
the records of the jobs, which the server keeps so that they can be listed, take.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))

from conformance.servers import ENDED, Server, until
from latency import chosen

WARM_UP = 50
AT_ONCE = 100
SPARE_FILES = 8
KIB_PER_JOB = 24
MARK = "FCX_LEAK_BENCH"


def process_table() -> dict[int, tuple[int, str]]:
    """Each process's parent and command line."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except (OSError, UnicodeDecodeError):
                continue
            found[int(entry.name)] = (parent, line)
    return found


def descendants(pid: int) -> list[str]:
    """The command lines of a process's children and theirs."""
    table = process_table()
    chosen_ones, found = {pid}, []
    for _ in range(10):
        more = {one for one, (parent, _) in table.items() if parent in chosen_ones} - chosen_ones
        found += [table[one][1] for one in more]
        chosen_ones |= more
    return found


def marked() -> list[int]:
    """Processes anywhere that a job of this run started: its variable is in their environment."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if f"{MARK}={os.getpid()}".encode() in (entry / "environ").read_bytes():
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def state_of(server: Server) -> dict[str, Any]:
    """The figures of now."""
    pid = server.handle.pid
    status = Path(f"/proc/{pid}/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    root = Path(server.handle.root)
    return {
        "processes": len(descendants(pid)),
        "open files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "resident KiB": int(resident.split()[1]),
        "files under root": sum(1 for path in root.rglob("*") if path.is_file()),
        "processes of jobs": len(marked()),
    }


def run_jobs(server: Server, there: str, count: int) -> None:
    """Submit jobs, at most so many at once, and wait for the end of all."""
    bodies = ["true", "sleep 0.05 & exit 0", "srun true"] + ["true"] * 7
    env = {MARK: str(os.getpid())}
    waiting: set[str] = set()
    done = 0
    while done < count:
        while len(waiting) < AT_ONCE and done + len(waiting) < count:
            body = bodies[(done + len(waiting)) % len(bodies)]
            options = ("--job-name=leak", "--output=/dev/null")
            waiting.add(server.submit(there, body, *options, env_vars=env))
        time.sleep(0.2)
        for record in server.client.job_info(server.system, name="leak"):
            if record["jobId"] in waiting and record["status"]["state"].startswith(ENDED):
                assert record["status"]["state"] == "COMPLETED", record
                waiting.discard(record["jobId"])
                done += 1


def settled(server: Server) -> dict[str, Any]:
    """The figures once the last job's processes are gone (they get a few seconds)."""
    quiet = [state_of(server)]

    def still() -> bool:
        quiet.append(state_of(server))
        return quiet[-1] == quiet[-2]

    until(still, within=60, what="the server to settle", pause=1.0)
    return quiet[-1]


def leaks(before: dict[str, Any], after: dict[str, Any], jobs: int) -> list[str]:
    """What there is more of than there may be."""
    allowed = {
        "processes": 0,
        "open files": SPARE_FILES,
        "resident KiB": 8 * 1024 + KIB_PER_JOB * jobs,
        "processes of jobs": 0,
    }
    return [
        f"{name}: {before[name]} before, {after[name]} after"
        for name, more in allowed.items()
        if after[name] > before[name] + more
    ]


def main() -> None:
    """Run, print, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kind", nargs="?", default="process", choices=["process", "slurm"])
    parser.add_argument("--jobs", type=int, default=1000)
    options = parser.parse_args()
    with chosen(options.kind) as server:
        there = server.new_dir()
        run_jobs(server, there, WARM_UP)
        gc.collect()
        before = settled(server)
        begin = time.monotonic()
        run_jobs(server, there, options.jobs)
        seconds = time.monotonic() - begin
        after = settled(server)
    print(f"{options.kind}: {options.jobs} jobs in {seconds:.0f} s")
    for name in before:
        print(f"{name:<20}{before[name]:>10} -> {after[name]:>8}")
    lost = leaks(before, after, options.jobs)
    left = marked()
    if left:
        lost.append(f"processes {left} outlived the cluster")
    sys.exit("\n".join(lost) or 0)


if __name__ == "__main__":
    main()
