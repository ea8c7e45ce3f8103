"""What a verdict costs: remembered and unchanged, and fresh. Requests and milliseconds.

    python tests/bench/verdicts.py [--rounds N] [--packages N] [--json FILE]

On a local cluster of processes, with an environment of --packages distributions beside the client's
own. A remembered verdict is recalled as the first `submit` of an executor does it, and judged anew
against the caller. Ends with 1 where a bound is missed: no request, and less than 5 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from fcx import FirecrestExecutor
from fcx.local import Environment, cluster
from fcx.parity.gate import Gate
from fcx.protocol import probe

TIME = "--time=00:05:00"
BOUND_MS, BOUND_REQUESTS = 5.0, 0


@dataclass(frozen=True)
class Row:
    """What was measured: medians of the rounds."""

    name: str
    ms: float
    requests: int
    bounded: bool


def fill(site: Path, count: int) -> None:
    """Distributions with nothing but metadata."""
    for number in range(count):
        info = site / f"made_{number}-1.{number}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: made-{number}\nVersion: 1.{number}\n"
        )
        (info / "RECORD").write_text(f"made_{number}.py,,0\n")
        (site / f"made_{number}.py").write_text("")


def timed(call: Callable[[], object], env: Environment) -> tuple[float, int]:
    """Milliseconds, and requests that the server has seen meanwhile."""
    env.reset_counts()
    begin = time.perf_counter()
    call()
    taken = (time.perf_counter() - begin) * 1000
    return taken, sum(env.counts().values())


def executor(env: Environment, folder: Path) -> FirecrestExecutor:
    """As a script makes it."""
    chosen = {"sleep_interval": 1, "idle_timeout": 1.0, "max_workers": 1}
    return FirecrestExecutor(folder, [TIME], env=env, parity="minor", **chosen)


def measure(env: Environment, folder: Path, rounds: int) -> list[Row]:
    """Each way to come by a verdict."""
    with executor(env, folder) as one:
        fresh = [timed(lambda: one.preflight(fresh=True), env) for _ in range(3)]
        question, facts = one._intake.question, one._intake._gate.facts
        own = [timed(probe.snapshot, env) for _ in range(3)]
        recalled = [timed(Gate(question, facts).recall, env) for _ in range(rounds)]
        told = [timed(one.preflight, env) for _ in range(3)]
        result, submitted = one.submit(pow, 2, 3), []
        assert result.result(120) == 8
        for number in range(rounds):
            submitted.append(timed(lambda n=number: one._intake._gate.recall(), env))
    return [
        row("remembered: recalled, read and judged", recalled, bounded=True),
        row("remembered: each later submit", submitted, bounded=True),
        row("remembered: executor.preflight(), which looks for its place", told),
        row("fresh: a pilot that probes", fresh),
        row("either way, once for each process: the client's own environment", own),
    ]


def row(name: str, times: list[tuple[float, int]], *, bounded: bool = False) -> Row:
    """The medians."""
    ms = statistics.median(taken for taken, _ in times)
    return Row(name, round(ms, 3), int(statistics.median(count for _, count in times)), bounded)


def missed(one: Row) -> bool:
    """Whether a bound was."""
    return one.bounded and (one.ms >= BOUND_MS or one.requests > BOUND_REQUESTS)


def main() -> None:
    """Measure, print the table, write the JSON, hold it to the bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--packages", type=int, default=300)
    parser.add_argument("--json", type=Path, default=Path("build/verdicts.json"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fcx-bench-") as name, cluster(nodes=2) as env:
        folder = Path(name)
        os.environ["FCX_STATE_DIR"] = str(folder / "state")
        fill(folder / "site-packages", options.packages)
        sys.path.append(str(folder / "site-packages"))
        (folder / "work").mkdir()
        rows = measure(env, folder / "work", options.rounds)
    for one in rows:
        late = "   over its bound" if missed(one) else ""
        print(f"{one.name:62}{one.requests:4} requests{one.ms:10.2f} ms{late}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps([asdict(one) for one in rows], indent=1) + "\n")
    sys.exit(any(map(missed, rows)))


if __name__ == "__main__":
    main()
