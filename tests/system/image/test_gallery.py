"""The gallery of containers/ and edf/: each builds, is what its manifest says, and its EDF is what is written.

Built on stand-ins without a network: see `tests/support/gallery`. micromamba is stood in for as well.
"""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from cluster.engine import Engine
from cluster.inside import assert_true, contents, in_image
from cluster.project import Project
from cluster.slurm import SYSTEM_PATH, SlurmCluster
from executors.deadline import WAIT
from gallery import stand_ins
from places import REPOSITORY

from fcx.edf.document import Edf
from fcx.edf.read import read

pytestmark = pytest.mark.docker

TQDM = "import tqdm"
MPI = f"{TQDM}\nfrom mpi4py import MPI\nassert 'MPICH' in MPI.Get_library_version()"

RANKS = """
from mpi4py import MPI
world = MPI.COMM_WORLD
total = world.allreduce(world.Get_rank() + 1)
print(f"{world.Get_rank()} of {world.Get_size()}: {total}", flush=True)
"""


@dataclass(frozen=True)
class Entry:
    """A folder of the gallery, the Python that its image is to have, and what that must be able to."""

    folder: str
    python: str
    code: str = TQDM
    takes_base: bool = True


GALLERY = {
    "python": Entry("containers", "/usr/local/bin/python3"),
    "uv": Entry("containers/uv", "/opt/venv/bin/python3"),
    "micromamba": Entry("containers/micromamba", "/opt/conda/bin/python3", takes_base=False),
    "mpi": Entry("containers/mpi", "/usr/local/bin/python3", MPI),
}


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Project:
    """A project with the whole gallery, as one has it after a clone."""
    made = Project(tmp_path / "project", dict(engine.env))
    shutil.copytree(REPOSITORY / "containers", made.root / "containers")
    dockerfile = made.root / "containers/Dockerfile"
    text = dockerfile.read_text().replace(" .fc[x]/dist/*", "")  # what fcx needs takes a network
    dockerfile.write_text(text)
    made.write("containers/requirements.txt", "tqdm\n")
    return made


@pytest.mark.lasts(30)
@pytest.mark.parametrize("name", GALLERY)
def test_an_entry_of_the_gallery(project: Project, engine: Engine, name: str):
    """Its Python is the one meant, its EDF is that of the repository, built again it is the same."""
    entry, base = GALLERY[name], stand_ins(engine)
    command = [entry.folder, "--tag", f"fcx-{name}"]
    command += ["--build-arg", f"BASE_IMAGE={base}"] if entry.takes_base else []
    built = project.build(*command)
    assert built["warnings"] == []
    assert built["python"]["executable"] == entry.python
    assert_true(engine, built["tag"], project.manifest(f"fcx-{name}"))
    in_image(engine, built["tag"], "-c", entry.code, user="65534")
    check_edf(project, name)
    again = project.build(*command, "--no-cache")
    assert again["image_id"] != built["image_id"]
    first, second = (contents(engine, one["tag"], "/usr/local", "/opt") for one in (built, again))
    assert any(path.endswith(".pyc") and "/tqdm/" in path for path in first)
    assert {path for path in {*first, *second} if first.get(path) != second.get(path)} == set()


def check_edf(project: Project, name: str) -> None:
    """What is written for the image is right, and what edf/ of the repository says of it."""
    kept = read(REPOSITORY / f"edf/{name}.toml")
    write_edf(project, name, "${SCRATCH}", str(kept.image))
    project.fcx("edf", "check", "--strict", "--dialect", "ce", f"edf/fcx-{name}.toml")
    written = read(project.root / f"edf/fcx-{name}-generated.toml")
    assert plain(written) == plain(kept)


def write_edf(project: Project, name: str, folder: str, image: str) -> None:
    """The second of the two commands, for a place on a cluster."""
    manifest = f"edf/fcx-{name}.manifest.json"
    place = ["--working-dir", folder, "--sqsh", image]
    project.fcx("edf", "write", "--manifest", manifest, *place)


def plain(edf: Edf) -> Edf:
    """Without where it lies, and what only a site's network asks for."""
    return replace(edf, annotations={}, file="")


@pytest.mark.slurm
@pytest.mark.slow
def test_ranks_of_the_mpi_image_find_each_other(
    project: Project, engine: Engine, environment_slurm: SlurmCluster
):
    """By the protocol that the Dockerfile names, or by mpiexec; with neither each is alone."""
    project.build(
        "containers/mpi", "--tag", "fcx-mpi", "--build-arg", f"BASE_IMAGE={stand_ins(engine)}"
    )
    packed = project.fcx("image", "pack", "--name", "fcx-mpi", "--compression", "none")
    write_edf(project, "mpi", str(project.root), packed.stdout.split(" sha256:")[0])
    edf = project.root / "edf/fcx-mpi.toml"
    alone, both = ["0 of 1: 1"] * 2, ["0 of 2: 3", "1 of 2: 3"]
    for words, start, wanted in (
        (["--nodes=1", "--ntasks=2", "--mpi=pmi2"], [], both),
        (["--nodes=1", "--ntasks=2", "--mpi=none"], [], alone),
        (["--ntasks=1"], ["mpiexec", "-n", "2"], both),  # as a task starts it, in a step
    ):
        done = subprocess.run(
            ["srun", *words, f"--environment={edf}", *start, "python3", "-c", RANKS],
            cwd=project.root,
            env={
                **environment_slurm.env,
                "PATH": SYSTEM_PATH,
                "EDF_PATH": str(edf.parent),
                "UCX_TLS": "tcp,self",  # what a killed rank left in /dev/shm is in nobody's way
            },
            capture_output=True,
            text=True,
            timeout=WAIT,
            check=False,
        )
        assert sorted(done.stdout.splitlines()) == wanted, done.stderr
