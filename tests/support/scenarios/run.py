"""``make scenarios``: the first eligible seeds, carried out for real, several at a time.

PYTHONPATH=tests:tests/support python -m scenarios.run [--count 100] [--first 0] [--seed N]
    [--scheduler process|slurm] [--beside 6] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from scenarios.eligible import judged

TESTS = Path(__file__).resolve().parents[2]
WHOLE = 1800.0  # seconds for one


def share(first: int, count: int) -> tuple[list[int], Counter[str]]:
    """The first eligible seeds, and why those between are not."""
    seeds: list[int] = []
    reasons: Counter[str] = Counter()
    seed = first
    while len(seeds) < count:
        _, reason, _ = judged(seed)
        reasons[reason or "eligible"] += 1
        if not reason:
            seeds.append(seed)
        seed += 1
    return seeds, reasons


def one(seed: int, folder: Path, scheduler: str) -> tuple[int, bool, str]:
    """A process for itself: servers are told apart by what surrounds them."""
    command = [sys.executable, "-m", "scenarios.trial", str(seed), str(folder), scheduler]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=WHOLE,
        check=False,
        env={**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS / 'support'}"},
    )
    words = done.stdout.strip() or done.stderr[-3000:]
    return seed, done.returncode == 0, words


def main() -> int:
    """Run them, and say how many agree."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, action="append", help="these alone")
    parser.add_argument("--scheduler", choices=["process", "slurm"], default="process")
    parser.add_argument("--beside", type=int, default=6, help="how many at a time")
    parser.add_argument("--keep", help="a folder in which everything is left")
    given = parser.parse_args()
    seeds = given.seed
    if not seeds:
        seeds, reasons = share(given.first, given.count)
        print(json.dumps(dict(reasons.most_common()), indent=1), flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(given.beside) as pool:
        root = Path(given.keep or scratch)
        trials = [pool.submit(one, seed, root / f"seed-{seed}", given.scheduler) for seed in seeds]
        done = []
        for trial in as_completed(trials):
            done.append(trial.result())
            print(done[-1][2], flush=True)
    bad = sorted(seed for seed, good, _ in done if not good)
    taken = time.monotonic() - began
    print(f"{len(done) - len(bad)} of {len(done)} agree, in {taken:.0f} s; others: {bad}")
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main())
