"""Ours against firecrest-executor and a floor written by hand, in one run, on the local cluster.

    python tests/bench/run.py [--back-end process,slurm] [--calls 1,100,1000,10000] [--json FILE]

Each figure is the time from the first submit to the last result of no-op calls, with an executor
that has its node (``warm``) or needs one (``cold``); requests are counted by the server; memory
(peak RSS growth) and threads are the client's. The floor is what one call costs by hand: submit a
script, poll the job every 0.1 s, read its output, with plain pyfirecrest.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "support")]

SEED = "firecrest-executor==0.3.1"
SEED_MOST = 100  # calls: beyond that it takes minutes
GOING = ("PENDING", "RUNNING", "COMPLETING", "CONFIGURING")
OPTIONS = ["--time=00:10:00", "--nodes=1"]


def noop(_=None):
    """The call that is measured."""


@contextlib.contextmanager
def back_end(name: str) -> Iterator[Any]:
    """The local cluster on one of its back ends."""
    from fcx.local import cluster

    with contextlib.ExitStack() as stack:
        if name == "slurm":
            from cluster.slurm import slurm_cluster

            os.environ.update(stack.enter_context(slurm_cluster()).env)
        yield stack.enter_context(cluster(scheduler=name))


def by_hand(env: dict[str, str]) -> Any:
    """A plain pyfirecrest client."""
    from firecrest import ClientCredentialsAuth
    from firecrest.v2 import Firecrest

    auth = ClientCredentialsAuth(
        env["FIRECREST_CLIENT_ID"], env["FIRECREST_CLIENT_SECRET"], env["AUTH_TOKEN_URL"]
    )
    return Firecrest(env["FIRECREST_URL"], auth)


def floor(env: dict[str, str], folder: str) -> None:
    """One call by hand."""
    client = by_hand(env)
    system = env["FIRECREST_SYSTEM"]
    script = (
        "#!/bin/bash -l\n#SBATCH " + " ".join(OPTIONS) + "\n"
        "srun python3 -c 'import dill; print(dill.loads(dill.dumps(None)))'\n"
    )
    job = client.submit(system, folder, script_str=script, account=env["FIRECREST_ACCOUNT"])
    while True:
        time.sleep(0.1)
        state = client.job_info(system, job["jobId"])[0]["status"]["state"]
        if state not in GOING:
            break
    assert client.view(system, f"{folder}/slurm-{job['jobId']}.out").strip().endswith("None")


def settle(env: dict[str, str]) -> None:
    """Wait until the node is free: what an earlier row left must not cost the next one."""
    client = by_hand(env)
    while any(job["status"]["state"] in GOING for job in client.job_info(env["FIRECREST_SYSTEM"])):
        time.sleep(0.2)
    time.sleep(1.0)


def ours(env: dict[str, str], folder: str) -> Any:
    """An executor of this project, on a free node."""
    from fcx import FirecrestExecutor

    settle(env)
    return FirecrestExecutor(folder, OPTIONS, env=env, max_workers=1, sleep_interval=5)


def seed(env: dict[str, str], folder: str) -> Any:
    """An executor of firecrest-executor; the one it was when this project began."""
    import logging

    from firecrest_executor import FirecrestExecutor

    logging.getLogger("FirecrestExecutor").setLevel(logging.CRITICAL)
    return FirecrestExecutor(
        folder, OPTIONS, [], env=env, max_workers=8, sleep_interval=1, logger_level=50
    )


def calls(executor: Any, count: int) -> None:
    """Submit and collect."""
    futures = [executor.submit(noop) for _ in range(count)]
    for future in futures:
        future.result(timeout=600)


def measure(env: Any, what: Callable[[], None]) -> dict[str, Any]:
    """Seconds, requests, memory and threads of one action."""
    env.reset_counts()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.perf_counter()
    what()
    seconds = time.perf_counter() - began
    return {
        "seconds": round(seconds, 3),
        "requests": sum(env.counts().values()),
        "memory_MB": round((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024, 1),
        "threads": threading.active_count(),
    }


def bench(name: str, counts: list[int], *, with_seed: bool) -> list[dict[str, Any]]:
    """All rows of one back end."""
    rows: list[dict[str, Any]] = []

    def row(who: str, count: int, state: str, figures: dict[str, Any]) -> None:
        rows.append({"back_end": name, "who": who, "calls": count, "state": state, **figures})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)

    with back_end(name) as env, tempfile.TemporaryDirectory(prefix="fcx-bench-") as folder:
        Path(folder).chmod(0o755)
        floors = []
        for _ in range(5):
            settle(env)
            floors.append(measure(env, lambda: floor(env, folder)))
        row("floor", 1, "cold", sorted(floors, key=lambda f: f["seconds"])[2])
        with ours(env, folder) as executor:
            row("fcx", 1, "cold, verdict not known", measure(env, lambda: calls(executor, 1)))
        runs = []
        for _ in range(5):
            with ours(env, folder) as executor:
                runs.append(measure(env, lambda: calls(executor, 1)))
        row("fcx", 1, "cold", sorted(runs, key=lambda f: f["seconds"])[2])
        with ours(env, folder) as executor:
            calls(executor, 1)
            for count in counts:
                row("fcx", count, "warm", measure(env, lambda: calls(executor, count)))
        if with_seed:
            settle(env)
            executor = seed(env, folder)
            for count in [count for count in counts if count <= SEED_MOST]:
                row("seed", count, "cold", measure(env, lambda: calls(executor, count)))
            executor.shutdown()
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as text, each beside the floor of its back end."""
    head = f"{'back end':9}{'who':7}{'calls':>6}  {'state':26}{'seconds':>9}{'x floor':>9}"
    lines = [head + f"{'requests':>10}{'memory MB':>11}{'threads':>9}"]
    for row in rows:
        base = next(r for r in rows if r["who"] == "floor" and r["back_end"] == row["back_end"])
        lines.append(
            f"{row['back_end']:9}{row['who']:7}{row['calls']:>6}  {row['state']:26}"
            f"{row['seconds']:>9.3f}{row['seconds'] / base['seconds']:>9.2f}"
            f"{row['requests']:>10}{row['memory_MB']:>11}{row['threads']:>9}"
        )
    return "\n".join(lines)


def install_seed() -> bool:
    """Make firecrest-executor importable from a folder of its own; False where it can't be had."""
    folder = tempfile.mkdtemp(prefix="fcx-bench-seed-")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", folder]
    if subprocess.run([*command, SEED], check=False).returncode:
        print("firecrest-executor cannot be installed here: left out", file=sys.stderr)
        return False
    sys.path.append(folder)
    return True


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--back-end", default="process,slurm")
    parser.add_argument("--calls", default="1,100,1000,10000")
    parser.add_argument("--json", default="build/bench.json")
    parser.add_argument("--no-seed", action="store_true")
    options = parser.parse_args()
    os.environ["FCX_STATE_DIR"] = tempfile.mkdtemp(prefix="fcx-bench-state-")
    os.environ["FCX_LOCAL_HOME"] = tempfile.mkdtemp(prefix="fcx-bench-home-")
    with_seed = not options.no_seed and install_seed()
    rows: list[dict[str, Any]] = []
    for name in options.back_end.split(","):
        rows += bench(name, [int(n) for n in options.calls.split(",")], with_seed=with_seed)
    print(table(rows))
    Path(options.json).parent.mkdir(parents=True, exist_ok=True)
    Path(options.json).write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
