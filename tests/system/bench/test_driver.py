"""The bench's driver measures what it is asked for, and writes it down; how long it took is no matter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from places import REPOSITORY

NAMES = {"row", "site", "who", "seconds", "wall", "requests", "memory_MB", "first", "cpu", "trials"}


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    """`make bench` without make."""
    path = os.pathsep.join((str(REPOSITORY / "tests"), str(REPOSITORY / "tests" / "support")))
    return subprocess.run(
        [sys.executable, "-m", "bench.run", *words],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
def test_a_row_of_two_contestants(tmp_path: Path):
    """A hundred tasks by hand and by fcx, each in a process of its own."""
    out = tmp_path / "bench.json"
    who = ("--who", "floor,fcx", "--scheduler", "process", "--sites", "loopback")
    done = bench("--rows", "noops-100", *who, "--repeats", "1", "--json", str(out))
    assert done.returncode in {0, 1}, done.stderr  # 1: it is slower than what is stored
    document = json.loads(out.read_text(encoding="utf-8"))
    assert {"machine", "when", "scheduler", "rows"} <= set(document)
    rows = {row["who"]: row for row in document["rows"]}
    assert list(rows) == ["floor", "fcx"]
    for row in rows.values():
        assert NAMES - {"first"} <= set(row)
        assert len(row["trials"]) == 1
        assert row["seconds"] > 0.0
        assert row["requests"] > 0
    assert rows["fcx"]["requests"] < 100  # not one a task
    assert "100 no-ops" in done.stdout


def test_what_there_is():
    """It says so, and that there is no other row."""
    said = bench("--list").stdout
    assert all(word in said for word in ("noops-100", "trickle-15", "dask", "300 ms, 60/min"))
    unknown = bench("--rows", "noops-7")
    assert unknown.returncode
    assert "no row is called noops-7" in unknown.stderr
