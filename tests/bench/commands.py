"""What starting costs: processor time of imports and commands, each against its bound.

    python tests/bench/commands.py [--repeat N] [--json FILE]

Processor time (user and system) of a process of its own, the median of N: what else the machine
does counts little. Ends with 1 where a bound is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Row:
    """What was measured, in seconds."""

    name: str
    seconds: float
    bound: float


def large_edf() -> str:
    """5,000 lines: mounts and variables."""
    mounts = "".join(f'  "/d/{n}:/x/{n}",\n' for n in range(2_498))
    env = "".join(f'V{n} = "${{SCRATCH}}/{n}"\n' for n in range(2_498))
    return f'image = "a/b:1"\nmounts = [\n{mounts}]\n[env]\n{env}'


SUBJECTS = {  # the words for Python, and the most processor time that they may take
    "nothing": (("-c", "pass"), 0.1),
    "import fcx": (("-c", "import fcx"), 0.1),
    "from fcx import FirecrestExecutor": (("-c", "from fcx import FirecrestExecutor"), 0.15),
    "the probe": ((str(ROOT / "fcx/protocol/probe.py"),), 0.1),
    "fcx --help": (("-c", "from fcx.cli import main; main()", "--help"), 0.09),
    "fcx edf check, 5,000 lines": (
        ("-c", "from fcx.cli import main; main()", "edf", "check", "large.toml"),
        1.0,
    ),
}


def processor_seconds(words: tuple[str, ...], folder: str) -> float:
    """User and system time of one run."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, *words]
    subprocess.run(command, cwd=folder, env=environment(), check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment() -> dict[str, str]:
    """The caller's, with this fcx."""
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def measure(repeat: int) -> list[Row]:
    """Every subject, after one run that fills the caches."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="fcx-bench-") as folder:
        Path(folder, "large.toml").write_text(large_edf(), encoding="utf-8")
        for name, (words, bound) in SUBJECTS.items():
            processor_seconds(words, folder)
            times = [processor_seconds(words, folder) for _ in range(repeat)]
            rows.append(Row(name, round(statistics.median(times), 3), bound))
    return rows


def main() -> None:
    """Measure, print the table, write the JSON, hold it to the bounds."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=10)
    parser.add_argument("--json", type=Path, default=Path("build/commands.json"))
    options = parser.parse_args()
    rows = measure(options.repeat)
    for row in rows:
        late = "" if row.seconds <= row.bound else "   over its bound"
        print(f"{row.name:36}{row.seconds:8.3f} s of {row.bound:5.2f} s{late}")
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    sys.exit(any(row.seconds > row.bound for row in rows))


if __name__ == "__main__":
    main()
