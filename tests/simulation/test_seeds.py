"""What CI runs: thousands of worlds, each of which must keep every invariant."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from .everything import EVERYTHING
from .run import many

pytestmark = pytest.mark.slow

SEEDS = int(os.environ.get("FCX_SIMULATION_SEEDS", "2000"))
ROOT = Path(__file__).parents[2]
TRACE = "from simulation.run import digest; print(digest(range({first}, {last})))"


@pytest.fixture(scope="module")
def worlds():
    """CI's seeds, run once."""
    return many(0, SEEDS, min(2, os.cpu_count() or 1))


@pytest.mark.lasts(200)
def test_every_world_keeps_the_invariants(worlds):
    """`make simulate SEED=n` tells the story of one that does not."""
    _, failed = worlds
    told = [f"seed {report.scenario.seed}: {report.failure}" for report in failed]
    assert not told, "\n".join(told[:10])


def test_every_fault_and_state_occurs(worlds):
    """A fault that never strikes proves nothing."""
    table, _ = worlds
    print(table.text(EVERYTHING))
    never = table.never(EVERYTHING)
    assert not never


def test_a_seed_is_the_same_world_whatever_the_hashes_are():
    """Sets and dictionaries of strings are ordered differently in each of these interpreters."""
    traces = {_digest(hash_seed) for hash_seed in ("1", "2")}
    assert len(traces) == 1


def _digest(hash_seed: str) -> str:
    """Digest of the traces of some seeds, from an interpreter of its own."""
    env = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT}/tests:{ROOT}"}
    code = TRACE.format(first=0, last=60)
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout
