"""What a task of srun reads, writes and finds in its environment."""

from __future__ import annotations

import os

import pytest

from fcx.local.programs.srun.streams import Labels, output_file
from fcx.local.programs.srun.task import Task, environment

STEP = {
    "job": "7",
    "step": 2,
    "nodelist": "n[1-2]",
    "tasks_per_node": "2,1",
    "nodes": [
        {"name": "n1", "index": 0, "tasks": 2, "env": {"SLURMD_NODENAME": "n1"}},
        {"name": "n2", "index": 1, "tasks": 1, "env": {"SLURMD_NODENAME": "n2"}},
    ],
}
LAST = Task(2, STEP["nodes"][1], 0)


@pytest.mark.parametrize(
    ("options", "output", "error"),
    [
        ({}, None, None),
        ({"output": "all"}, None, None),
        ({"output": "none"}, os.devnull, os.devnull),
        ({"output": "2"}, None, None),
        ({"output": "0"}, os.devnull, os.devnull),
        ({"output": "%t-%n-%N-%J"}, "2-1-n2-7.2", "2-1-n2-7.2"),
        ({"output": "o", "error": "e%s"}, "o", "e2"),
    ],
)
def test_where_a_task_writes(options, output, error):
    """A file by pattern, srun's own stream (None), or nowhere; errors go with the output."""
    assert output_file("output", LAST, STEP, options) == output
    assert output_file("error", LAST, STEP, options) == error


def test_a_task_knows_its_place(monkeypatch):
    """Ranks, node and step; `--export` decides what else there is."""
    monkeypatch.setattr(os, "environ", {"MINE": "1", "SLURM_X": "2"})
    found = environment(LAST, STEP, {})
    assert (found["MINE"], found["SLURM_X"], found["SLURMD_NODENAME"]) == ("1", "2", "n2")
    assert (found["SLURM_PROCID"], found["SLURM_LOCALID"], found["SLURM_NODEID"]) == ("2", "0", "1")
    assert (found["SLURM_NTASKS"], found["SLURM_STEP_ID"], found["SLURM_GTIDS"]) == ("3", "2", "2")
    assert "MINE" not in environment(LAST, STEP, {"export": "NONE"})
    assert environment(LAST, STEP, {"export": "ALL,MINE=3"})["MINE"] == "3"


def test_lines_are_labelled_one_by_one(tmp_path):
    """Halves are held until they are whole; the last one is given out at the end."""
    with (tmp_path / "out").open("w+b") as out:
        labels = Labels(tasks=12)
        writing = labels.pipe(LAST, out.fileno())
        (reading,) = labels.open
        for part in (b"one\ntw", b"o\nthree"):
            os.write(writing, part)
            labels.relay(reading)
        os.close(writing)
        labels.relay(reading)
        assert labels.open == []
        out.seek(0)
        assert out.read() == b" 2: one\n 2: two\n 2: three\n"
