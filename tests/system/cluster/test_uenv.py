"""`srun --uenv` users: no container, another Python first in PATH, and a verdict for each uenv."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cluster import uenv
from executors.deadline import WAIT
from executors.fixtures import TIME, making
from interpreters import current, found

from fcx.errors import ParityError

pytestmark = [pytest.mark.slurm, pytest.mark.slow]
GOOD, OTHER = "prgenv-gnu/24.11:v1", "climana/25.1:v2"


def another() -> str:
    """A Python whose packages are not this one's: of another version, where the machine has one."""
    others = [path for version, path in found().items() if version != sys.version_info[:2]]
    return others[-1] if current() and others else shutil.which("python3", path="/usr/bin:/bin")


@pytest.fixture(scope="module")
def root(environment_slurm):
    """The cluster's folder, with two uenvs: one has the client's Python, one another."""
    uenv.make(environment_slurm.root, GOOD, sys.executable, GREETING="of the view")
    uenv.make(environment_slurm.root, OTHER, another())
    return environment_slurm.root


def look(folder):
    """What a task finds of its uenv."""
    first = os.environ["PATH"].partition(":")[0]
    inner = subprocess.run(["srun", "ls", folder], capture_output=True, text=True, check=True)
    return os.environ.get("GREETING"), first, os.listdir(folder), inner.stdout.split()


def options(name):
    return [f"--uenv={name}", "--view=default"]


@pytest.mark.parametrize("where", ["srun_options", "sbatch_options"])
def test_tasks_run_in_the_uenv(root, slurm_firecrest, tmp_path, where):
    """It is mounted where they run, with the view's variables; `srun` in them has that of sbatch."""
    mounted = uenv.mounted(root)
    with making(slurm_firecrest, tmp_path) as make:
        given = {"sbatch_options": [TIME], "srun_options": []}
        given[where] = [*given[where], *options(GOOD)]
        with make(tmp_path, **given, max_workers=1) as executor:
            found = executor.submit(look, str(mounted)).result(WAIT)
        with make(tmp_path, [TIME], max_workers=1) as executor:
            plain = executor.submit(look, str(mounted)).result(WAIT)
    inner = ["env"] if where == "sbatch_options" else []
    assert found == ("of the view", str(mounted / "env/default/bin"), ["env"], inner)
    assert plain[0] is None
    assert plain[2:] == ([], [])


@pytest.mark.parametrize("where", ["srun_options", "sbatch_options"])
def test_a_verdict_is_of_one_uenv(root, slurm_firecrest, tmp_path, where):
    """One passes and is remembered; that says nothing of another, which is refused unsent."""
    path = tmp_path / "ran"
    with making(slurm_firecrest, tmp_path) as make:
        for name, asked in ((GOOD, True), (GOOD, False), (OTHER, True)):
            given = {"sbatch_options": [TIME], "srun_options": ["--quiet"]}
            given[where] = [*given[where], *options(name)]
            executor = make(tmp_path, **given)
            jobs = len(list(tmp_path.glob("slurm-*.out")))
            passed = executor.preflight().passed
            assert passed is (name == GOOD)
            assert (len(list(tmp_path.glob("slurm-*.out"))) > jobs) is asked
        with pytest.raises(ParityError, match=r"(?i)python|dill"):
            executor.submit(Path(path).touch).result(WAIT)
    assert not path.exists()


def test_the_preflight_of_the_command_line(root, slurm_firecrest, tmp_path):
    """`fcx preflight --srun`, once for each: it says what differs, and ends with 3."""
    env = {**os.environ, **slurm_firecrest, "COLUMNS": "200"}
    for name, code in ((GOOD, 0), (OTHER, 3)):
        words = [f"--srun={word}" for word in options(name)]
        command = [sys.executable, "-m", "fcx", "preflight", f"--working-dir={tmp_path}", *words]
        done = subprocess.run(
            command, env=env, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert ("REFUSED" in done.stdout) is bool(code)


def test_a_uenv_that_is_not_there(root, slurm_firecrest, tmp_path):
    """Its plugin's own words come back."""
    with making(slurm_firecrest, tmp_path) as make:
        executor = make(tmp_path, [TIME], ["--uenv=none/1:v1"], task_retries=0)
        with pytest.raises(Exception, match="no uenv matches 'none/1:v1'"):
            executor.submit(int).result(WAIT)
