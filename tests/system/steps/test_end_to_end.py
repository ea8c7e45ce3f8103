"""From a Dockerfile to a task on Slurm (`make e2e`): one tree in docker, in the file, in the step.

The engine behind `srun --environment` is the tests' stand-in; enroot itself is not run.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import treedigest
from cluster.bases import base_image, docker, interpreters
from cluster.engine import Engine
from cluster.foreign import bring_dill
from cluster.project import Project
from executors.deadline import WAIT, within
from executors.fixtures import TIME, making
from parity.images import OWN

from fcx.local import Environment

pytestmark = pytest.mark.slow

MINOR = OWN.rpartition(".")[0]
SITE = f"/usr/local/lib/python{MINOR}/site-packages"
PROGRAM = Path(treedigest.__file__).read_text()


def inside(program: str) -> Callable[[], str]:
    """A function that needs no module of the client's: the tree that it finds around it."""

    def found() -> str:
        names: dict = {}
        exec(program, names)
        return names["tree"]("/")

    return found


@pytest.fixture
def project(
    tmp_path: Path, engine: Engine, environment_slurm: object, slurm_firecrest: Environment
) -> Project:
    """A Dockerfile, and a working directory on a real Slurm."""
    if OWN not in interpreters():
        pytest.skip(f"no Python {OWN} here that could be put into an image")
    base = base_image(engine, OWN)
    made = Project(tmp_path / "project", {**engine.env, **slurm_firecrest, "HOME": str(tmp_path)})
    made.write("containers/Dockerfile", f"FROM {base}\nCOPY packages/ {SITE}/\n")
    bring_dill(made.root / "containers/packages")
    (tmp_path / "work").mkdir()
    made.write("fcx.toml", f'[executor]\nworking_dir = "{tmp_path}/work"\n')
    return made


def test_the_tree_is_the_same_in_docker_in_the_file_and_in_the_step(
    project: Project, engine: Engine, slurm_firecrest: Environment, tmp_path: Path
):
    """Each file of the image, but for what engines put into any."""
    said = json.loads(project.fcx("up", "--json", f"--sbatch={TIME}").stdout)
    steps = {one["step"]: one for one in said["steps"]}
    image = ["run", "--rm", steps["image"]["image_id"], "/usr/local/bin/python3", "-B", "-c"]
    digests = {"docker": docker(engine, *image, f"{PROGRAM}\nprint(tree('/'))").stdout.strip()}
    words = ["unsquashfs", "-quiet", "-no-progress", "-dest", str(tmp_path / "tree")]
    subprocess.run([*words, steps["ship"]["path"]], check=True, stdout=subprocess.DEVNULL)
    digests["file"] = treedigest.tree(str(tmp_path / "tree"))
    with making(slurm_firecrest, tmp_path / "work") as make:
        edf = str(project.root / "edf/fcx-image.toml")
        executor = make(tmp_path / "work", [TIME], environment=edf)
        digests["step"] = within(3 * WAIT, executor.submit(inside(PROGRAM)).result)
    for place, digest in digests.items():
        print(f"{place:<8}{digest}")
    assert len(set(digests.values())) == 1, digests
    project.write("script.py", "print(open('/etc/fcx/image.json').read())")
    ran = project.fcx("run", "--time", "5", "script.py").stdout  # by the EDF that `up` has written
    assert json.loads(ran)["build_id"] == project.manifest().build_id
