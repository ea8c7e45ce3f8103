"""What jobs of the process back end find: interpreter, environment, names of files."""

from __future__ import annotations

import sys

import pytest
from workbench import MINUTE


@pytest.mark.parametrize("shebang", ["#!/bin/bash", "#!/bin/bash -l", "#!/usr/bin/env bash"])
def test_python3_is_the_interpreter_that_runs_the_cluster(bench, shebang):
    """In login shells too, and in what they call."""
    ask = "python3 -c 'import sys; print(sys.executable)'"
    text = bench.run(f'{ask}\nbash -c "{ask}"\nbash -lc "{ask}"\nsrun {ask}', shebang=shebang)
    assert text.split() == [sys.executable] * 4


def test_what_a_script_puts_first_in_path_stays_first(bench):
    """A virtual environment that a job activates holds in the shells that it calls."""
    (bench.folder / "venv").mkdir()
    (bench.folder / "venv" / "python3").write_text("#!/bin/sh\necho mine\n")
    (bench.folder / "venv" / "python3").chmod(0o755)
    for shebang in ("#!/bin/bash", "#!/bin/bash -l"):
        body = "PATH=$PWD/venv:$PATH; python3; bash -c python3; srun bash -c python3"
        assert bench.run(body, shebang=shebang) == "mine\n" * 3


def test_nothing_of_the_servers_environment_reaches_a_job(bench):
    """Neither secrets nor the virtual environment it runs in."""
    names = {line.partition("=")[0] for line in bench.run("env").splitlines()}
    assert not names & {"FCX_SERVERS_OWN", "VIRTUAL_ENV", "PYTHONPATH", "FIRECREST_CLIENT_SECRET"}
    assert {"HOME", "PATH", "USER", "SLURM_JOB_ID", "SLURMD_NODENAME", "TMPDIR"} <= names


def test_slurms_variables_tell_the_truth(bench):
    """Ids, nodes, tasks, times."""
    body = "env | grep ^SLURM > vars-$SLURM_JOB_ID"
    job_id = bench.submit(body, "-J named", "-N 2", "--ntasks-per-node=3", "-t 30", "-p debug")
    job = bench.ended(job_id)
    lines = (bench.folder / f"vars-{job_id}").read_text().splitlines()
    found = dict(line.split("=", 1) for line in lines)
    expected = {
        "SLURM_JOB_ID": job_id,
        "SLURM_JOB_NAME": "named",
        "SLURM_JOB_NUM_NODES": "2",
        "SLURM_JOB_NODELIST": "fcx-node-[1-2]",
        "SLURM_NTASKS_PER_NODE": "3",
        "SLURM_TASKS_PER_NODE": "3(x2)",
        "SLURM_CPUS_ON_NODE": "3",
        "SLURM_JOB_PARTITION": "debug",
        "SLURM_JOB_START_TIME": str(job["time"]["start"]),
        "SLURM_JOB_END_TIME": str(job["time"]["start"] + 30 * int(MINUTE)),
        "SLURM_SUBMIT_DIR": str(bench.folder),
    }
    assert {name: found.get(name) for name in expected} == expected
    assert "SLURM_RESTART_COUNT" not in found
    assert "SLURM_NTASKS" not in found


def test_output_names_are_filled_in(bench):
    """%j, %x, %N, padding, and a file for errors."""
    options = ("-J pat", "-o %x-%10j.%N", "-e %x.err")
    job_id = bench.submit("echo out; echo err >&2", *options)
    bench.ended(job_id)
    assert (bench.folder / f"pat-{job_id:0>10}.fcx-node-1").read_text() == "out\n"
    assert (bench.folder / "pat.err").read_text() == "err\n"
    (meta,) = bench.api.job_metadata(bench.system, job_id)
    assert meta["standardOutput"] == str(bench.folder / f"pat-{job_id:0>10}.fcx-node-1")
