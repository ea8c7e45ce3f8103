"""An image that a job on a real Slurm builds with podman; enroot is the tests' stand-in."""

from __future__ import annotations

import json
import random
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cluster.foreign import bring_dill
from cluster.podman import BASE, BUILD, FLAGS, Podman
from cluster.project import FCX, Project
from cluster.slurm import SlurmCluster
from documents.pages import Command, is_like, read
from documents.reader import DIRECTORY
from executors.deadline import WAIT, eventually, within
from executors.fixtures import TIME, making
from places import REPOSITORY

from fcx.local import Environment

pytestmark = pytest.mark.slow

MINOR = "{}.{}".format(*sys.version_info)
DOCKERFILE = f"""FROM {BASE}
COPY packages/ /usr/local/lib/python{MINOR}/site-packages/
RUN echo "built by $USER_OF" > /made
ENV GREETING="grüß dich"
"""
TOML = """[executor]
working_dir = "{work}"
sbatch_options = ["{time}"]
[image]
build = "remote"
build_args = {{ USER_OF = "a job's; $HOME" }}
[remote_build]
podman = "podman {flags}"
build_options = {build}
setup = {setup}
"""


def teller() -> Callable[[], str]:
    """A function that needs no module of the client's: what it finds of the image around it."""

    def found() -> str:
        from pathlib import Path

        return Path("/etc/fcx/image.json").read_text() + Path("/made").read_text()

    return found


def shown() -> Command:
    """The one command of the page on images that wants such a job."""
    stories = [one for one in read(REPOSITORY / "docs/images.md") if one.needs == "building job"]
    ((command,),) = [story.steps for story in stories]
    assert isinstance(command, Command)
    return command


@pytest.fixture
def work(tmp_path: Path) -> Path:
    """The working directory on the cluster."""
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def project(
    tmp_path: Path, work: Path, podman: Podman, slurm: SlurmCluster, slurm_firecrest: Environment
) -> Project:
    """A project on a machine without an engine; the cluster's nodes have podman."""
    made = Project(tmp_path / "project", {**slurm_firecrest, "HOME": str(tmp_path)})
    made.env["DOCKER_HOST"] = "unix:///nowhere"
    setup = [f"export {name}={value}" for name, value in podman.env.items()]
    setup += [f"export ENROOT_CODE=1 PATH={podman.programs}:$PATH"]
    made.write(
        "fcx.toml",
        TOML.format(
            work=work, time=TIME, flags=" ".join(FLAGS), build=list(BUILD), setup=json.dumps(setup)
        ),
    )
    made.write("containers/Dockerfile", DOCKERFILE.replace("RUN", "ARG USER_OF\nRUN", 1))
    bring_dill(made.root / "containers/packages")
    return made


@pytest.mark.lasts(60)
def test_from_a_dockerfile_to_a_task(
    project: Project, environment_slurm: object, slurm_firecrest: Environment, work: Path
):
    """Built, asked what it is, imported and run, as the page shows; then nothing is to be done."""
    noise = random.Random(1).randbytes(3_000_000)
    (project.root / "containers/packages/noise.bin").write_bytes(noise)
    command = shown()
    done = project.fcx(*shlex.split(command.text, comments=True)[1:])
    wanted = tuple(line.replace(DIRECTORY, str(work)) for line in command.prints)
    assert is_like(done.stderr + done.stdout, wanted), done.stderr + done.stdout
    steps = re.findall(r"^(image|edf|preflight): (?!skipped)", done.stdout, re.MULTILINE)
    assert steps == ["image", "edf", "preflight"]
    for told in ("Building in job", "STEP 1/", "the image is whole all the same"):
        assert told in done.stderr, told  # as it happened: the log was followed
    manifest = project.manifest()
    (there,) = manifest.shipped.values()
    assert Path(there.path).stat().st_size == there.size
    assert manifest.env["GREETING"] == "grüß dich"
    with making(slurm_firecrest, work) as make:
        executor = make(work, [TIME], environment=str(project.root / "edf/fcx-image.toml"))
        found = within(3 * WAIT, executor.submit(teller()).result)
    assert manifest.build_id in found
    assert "built by a job's; $HOME" in found

    slurm_firecrest.reset_counts()
    said = project.fcx("up").stdout.splitlines()
    assert [line.partition(": skipped: ")[0] for line in said] == ["image", "edf", "preflight"]
    assert "its source has not changed since" in said[0]
    counts = slurm_firecrest.counts()
    assert sum(counts.values()) - counts["token"] <= 3, counts

    project.write("containers/packages/fresh.py", "NAME = 1\n")
    step = json.loads(project.fcx("up", "--json").stdout)["steps"][0]
    assert 0 < step["sent"] < 0.15 * len(noise)
    assert project.manifest().build_id != manifest.build_id
    left = sorted(path.name for path in (work / "fcx-images/.fcx-image.build").glob("*[!e]"))
    assert [re.sub("[0-9a-f]{16}", "", name) for name in left] == [
        "context-.chunks",
        "context-.tar",
    ]


def test_a_step_that_fails_and_a_base_that_is_nowhere(project: Project, slurm: SlurmCluster):
    """Told with the step, its line and its last words; the base with what to do."""
    project.write("containers/Dockerfile", f"FROM {BASE}\n# a line\nRUN echo so; exit 42\n")
    said = project.fcx("image", "build", code=5).stderr
    step = "'STEP 2/4: RUN echo so; exit 42', line 3 of the Dockerfile, with exit code 42"
    assert f"The build failed in {step}" in said
    assert "  | so\n" in said
    project.write("containers/Dockerfile", "FROM nowhere:1\n")
    said = project.fcx("image", "build", code=5).stderr
    assert "cannot have the base image of 'STEP 1/3: FROM nowhere:1'" in said
    assert "podman login" in said


def test_an_image_that_fcx_cannot_use_is_not_left_there(project: Project, work: Path):
    """Its Python has no dill, which only who reads the answer can tell."""
    project.write("containers/Dockerfile", f"FROM {BASE}\n")
    said = project.fcx("image", "build", "--build-remote", code=5).stderr
    assert "The image has no dill" in said
    assert not [path for path in (work / "fcx-images").iterdir() if path.name[0] != "."]
    assert not (project.root / "edf/fcx-image.manifest.json").exists()


def test_who_leaves_finds_the_build_again(project: Project, slurm: SlurmCluster, work: Path):
    """The next call follows the job; what ends that from outside is told as such."""
    project.write("containers/Dockerfile", f"FROM {BASE}\nRUN echo begun; sleep 600\n")
    log = project.root / "first.log"
    with log.open("w") as stream:
        first = subprocess.Popen(
            [*FCX, "image", "build"], cwd=project.root, env=project.environment(), stderr=stream
        )
        eventually(lambda: "  begun" in log.read_text())
        first.kill()
        first.wait()
    (job,) = re.findall(r"Building in job (\d+)", log.read_text())
    with (project.root / "second.log").open("w+") as stream:
        second = subprocess.Popen(
            [*FCX, "image", "build"], cwd=project.root, env=project.environment(), stderr=stream
        )
        eventually(lambda: f"Following job {job}" in Path(stream.name).read_text())
        slurm.run("scancel", job)
        assert second.wait(600) == 4
        said = Path(stream.name).read_text()
    assert "was ended from outside at 'STEP 2/4: RUN echo begun; sleep 600' (CANCELLED)" in said
    assert not list((work / "fcx-images").glob("*.sqsh"))
