"""Which nodes and how many tasks a step gets."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import pytest

from fcx.local.errors import SchedulerError
from fcx.local.process import steps
from fcx.local.process.job import Hold, Job
from fcx.local.process.nodes import Node
from fcx.local.process.workplace import Workplace

USUAL: dict[str, Any] = {
    "name": "step", "nodes": None, "ntasks": None, "ntasks_per_node": None, "cpus_per_task": 1,
    "overcommit": False, "nodelist": None, "relative": 0, "overlap": False, "exact": False,
    "pid": os.getpid(),
}  # fmt: skip


@pytest.fixture
def granted(new_job, tmp_path):
    """Asks for a step in a job of three nodes with two CPUs of each."""
    job: Job = new_job()
    job.begin([Node(index, 8) for index in range(3)], 2)
    workplace = Workplace(tmp_path, "/usr/bin/python3")

    def ask(**wanted: Any) -> dict[str, Any]:
        return steps.grant(job, job.run, {**USUAL, **wanted}, workplace)

    return ask


@pytest.mark.parametrize(
    ("wanted", "tasks"),
    [
        ({}, {1: 1, 2: 1, 3: 1}),
        ({"nodes": 2}, {1: 1, 2: 1}),
        ({"ntasks": 5}, {1: 2, 2: 2, 3: 1}),
        ({"ntasks": 2}, {1: 1, 2: 1}),
        ({"ntasks_per_node": 2, "nodes": 1}, {1: 2}),
        ({"nodelist": "fcx-node-3,fcx-node-2"}, {2: 1, 3: 1}),
        ({"relative": 2}, {3: 1}),
        ({"ntasks": 9, "overcommit": True}, {1: 3, 2: 3, 3: 3}),
    ],
)
def test_tasks_are_spread_over_nodes(granted, wanted, tasks):
    """Even, one on each node unless told otherwise."""
    step = granted(**wanted)
    assert {int(node["name"][-1]): node["tasks"] for node in step["nodes"]} == tasks
    assert [node["index"] for node in step["nodes"]] == list(range(len(tasks)))
    assert step["nodes"][0]["env"]["SLURM_CPUS_ON_NODE"] == "2"


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"nodes": 4}, "Only allocated 3 nodes asked for 4"),
        ({"ntasks": 7}, "More processors requested than permitted"),
        ({"cpus_per_task": 3}, "More processors requested than permitted"),
        ({"nodelist": "fcx-node-9"}, "Requested node configuration is not available"),
    ],
)
def test_what_does_not_fit_is_refused(granted, wanted, words):
    """In Slurm's words."""
    with pytest.raises(SchedulerError, match=words):
        granted(**wanted)


@pytest.mark.parametrize(
    ("first", "second", "waits"),
    [
        ({}, {}, True),
        ({}, {"exact": True}, True),
        ({"nodes": 1}, {"relative": 1}, False),
        ({"overlap": True}, {}, False),
        ({}, {"overlap": True}, False),
        ({"exact": True, "ntasks": 3}, {"exact": True, "ntasks": 3}, False),
        ({"exact": True, "ntasks": 3, "cpus_per_task": 2}, {"exact": True, "ntasks": 3}, True),
        ({"exact": True, "ntasks": 3}, {}, True),
    ],
)
def test_a_step_waits_for_the_cpus_that_another_holds(granted, first, second, waits):
    """All of its nodes, unless it is exact; who overlaps neither waits nor lets wait."""
    step = granted(**first)
    assert granted(**second).get("busy", False) is waits
    assert step["step"] == 0


def test_a_step_whose_srun_is_gone_holds_nothing(granted):
    """It was killed, and could not say that the step is over."""
    gone = subprocess.Popen(["true"])
    gone.wait()
    granted(pid=gone.pid)
    assert "busy" not in granted()


def test_steps_are_numbered_and_end_with_code_or_signal(new_job):
    """A signal stands in the high byte; what the job ran out of, it did too."""
    job: Job = new_job()
    job.begin([], 1)
    run = job.run
    numbers = [run.new_step(name, Hold()) for name in ("fine", "fails", "killed", "late")]
    assert numbers == [0, 1, 2, 3]
    steps.end(run, "0", 0)
    steps.end(run, "1", 5)
    steps.end(run, "2", 9 << 8)
    run.ran_out = "TIMEOUT"
    steps.end(run, "3", 15 << 8)
    found = [(step.state, step.exit_code, step.signal) for step in run.steps[1:]]
    assert found == [("COMPLETED", 0, 0), ("FAILED", 5, 0), ("CANCELLED", 0, 9), ("TIMEOUT", 0, 15)]
