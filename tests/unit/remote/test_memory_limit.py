"""A worker that is killed while it holds what the job may take has run out of memory."""

from __future__ import annotations

import pytest
from agents import Pilot

from fcx.remote import pool


def eater():
    """A call that is killed while it holds memory; a local function travels by value."""

    def eat_and_be_killed(size):
        import os
        import signal

        held = b"x" * size
        os.kill(os.getpid(), signal.SIGKILL)
        return held

    return eat_and_be_killed


@pytest.fixture
def pilot(tmp_path):
    made = Pilot(tmp_path)
    yield made
    made.stop()


@pytest.mark.parametrize(("size", "memory"), [(160 << 20, True), (1 << 20, False)])
def test_who_held_little_was_killed_for_something_else(pilot, monkeypatch, size, memory):
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "150")
    pilot.put(1, [(eater(), size)])
    pilot.start()
    how = pilot.wait("died", t="t10")["how"]
    assert how["oom"] is memory
    assert ("the job may take 150 MB" in how["text"]) is memory
    assert how["outside"] is not memory


@pytest.mark.parametrize(
    ("environ", "limit"),
    [
        ({}, 0),
        ({"SLURM_MEM_PER_NODE": "500"}, 500 << 20),
        ({"SLURM_MEM_PER_NODE": "0"}, 0),
        ({"SLURM_MEM_PER_CPU": "100", "SLURM_CPUS_ON_NODE": "4"}, 400 << 20),
        ({"SLURM_MEM_PER_CPU": "100"}, 0),
        ({"SLURM_MEM_PER_NODE": "much"}, 0),
    ],
)
def test_the_limit_is_what_slurm_says(environ, limit):
    assert pool.memory_limit(environ) == limit
