"""What a task starts of its own, as a batch script would: srun, several at once, and Slurm's words.

On the local cluster, which blocks where Slurm blocks, and on a real Slurm.
"""

from __future__ import annotations

import os
import subprocess
import time

import pytest
from executors.deadline import WAIT
from executors.fixtures import TIME, making

from fcx.local import cluster

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """The jobs' home, with the start-up file of the login shell."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FCX_LOCAL_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module", params=["process", pytest.param("slurm", marks=pytest.mark.slurm)])
def served(request, home):
    """A local cluster of either kind."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "slurm":
            patch.setenv("SLURM_CONF", str(request.getfixturevalue("slurm").conf))
        with cluster(scheduler=request.param) as env:
            yield env


def inner(*words: str) -> str:
    """What a step inside the task prints."""
    return subprocess.run(
        ["srun", *words], check=True, capture_output=True, text=True, timeout=40
    ).stdout


def variables(prefixes: tuple[str, ...]) -> dict[str, str]:
    """Those of the task's own process."""
    return {name: value for name, value in os.environ.items() if name.startswith(prefixes)}


@pytest.mark.parametrize(
    "options", [[], ["--exclusive"], ["--mem=2000"], ["--hint=nomultithread"], ["--ntasks=1"]]
)
def test_a_step_inside_a_task_begins_at_once(served, tmp_path, options):
    """Whatever the job was asked for with."""
    with making(served, tmp_path) as make:
        executor = make(tmp_path, [TIME, *options], max_workers=1)
        assert executor.submit(inner, "echo", "from the step").result(WAIT) == "from the step\n"


def test_steps_of_neighbours_do_not_wait_for_each_other(served, tmp_path):
    """Four workers of one node, each with a step that lasts longer than its share of the time."""
    with making(served, tmp_path) as make:
        executor = make(tmp_path, [TIME], max_workers=4, workers_per_node=4)
        executor.submit(int).result(WAIT)
        began = time.monotonic()
        list(executor.map(inner, ["sleep"] * 4, ["4"] * 4, timeout=WAIT))
        assert time.monotonic() - began < 4 * 4


def test_the_step_that_hosts_the_workers_is_not_the_tasks(served, tmp_path):
    """A task has the variables of its job, as a batch script has, none of that step."""
    with making(served, tmp_path) as make:
        executor = make(tmp_path, [TIME], max_workers=1)
        found = executor.submit(variables, ("SLURM_", "PMI")).result(WAIT)
    assert found["SLURM_JOB_ID"]
    assert found["SLURM_NODEID"] == "0"  # of the pilot's nodes
    foreign = [name for name in found if name.startswith(("SLURM_STEP", "SLURM_SRUN", "PMI"))]
    assert not foreign
    assert not {"SLURM_PROCID", "SLURM_GTIDS", "SLURM_EXPORT_ENV"} & set(found)


PROFILES = {
    "moves": "cd /",
    "exports nothing": "export SLURM_EXPORT_ENV=NONE",
    "memory": "export SLURM_MEM_PER_NODE=999999999",
    "memory of a CPU": "export SLURM_MEM_PER_CPU=999999999",
    "tasks": "export SLURM_NTASKS=64 SLURM_NPROCS=64 SLURM_NTASKS_PER_NODE=64",
    "CPUs": "export SLURM_CPUS_PER_TASK=999 SRUN_CPUS_PER_TASK=999",
    "binding": "export SLURM_CPU_BIND=cores SLURM_HINT=nomultithread SLURM_DISTRIBUTION=cyclic",
    "output": "export SLURM_STDOUTMODE=/nonexistent/x SLURM_LABELIO=1 SLURM_STDINMODE=none",
    "place": "export SLURM_WORKING_DIR=/nonexistent SLURM_REMOTE_CWD=/nonexistent",
    "wholes": "export SLURM_EXCLUSIVE=1 SLURM_EXACT=1 SLURM_OVERCOMMIT=1 SLURM_GRES=gpu:1",
    "nodes": "export SLURM_NNODES=9",
}


@pytest.mark.parametrize("kind", PROFILES)
def test_a_profile_that_changes_srun(served, home, tmp_path, kind):
    """It neither moves the tasks nor stops them."""
    profile = home / ".bash_profile"
    profile.write_text(f"{PROFILES[kind]}\n")
    try:
        with making(served, tmp_path) as make:
            executor = make(tmp_path, [TIME], max_workers=1)
            assert executor.submit(os.getcwd).result(WAIT) == str(tmp_path)
    finally:
        profile.unlink()
