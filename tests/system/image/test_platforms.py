"""An image for another processor: built and asked under emulation, refused where there is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.bases import bare_image, docker
from cluster.emulation import arm_files, arm_image, handlers, missing_emulation, registered
from cluster.engine import Engine
from cluster.foreign import missing_foreign
from cluster.project import Project

pytestmark = pytest.mark.docker

TO = ("--platform", "linux/arm64")
TEXT = """\
FROM {base}
ARG TARGETARCH
ENV FOR=$TARGETARCH
RUN python3 -c "import os; open('/made-on', 'w').write(os.uname().machine)"
"""


@pytest.fixture
def project(tmp_path: Path, engine: Engine) -> Project:
    """A project of this test's own, on a base for arm64."""
    lack = missing_foreign() or missing_emulation()
    if lack:
        pytest.skip(lack)
    made = Project(tmp_path / "project", dict(engine.env))
    made.write("containers/Dockerfile", TEXT.format(base=arm_image(engine)))
    return made


@pytest.fixture
def unemulated() -> Iterator[Path]:
    """The kernel's list of handlers, without one for arm64."""
    with handlers() as folder:
        yield folder


@pytest.fixture
def emulated(unemulated: Path) -> Iterator[None]:
    """A handler for arm64."""
    with registered(unemulated):
        yield


def dockerfile(project: Project, text: str) -> None:
    """Another Dockerfile for it."""
    project.write("containers/Dockerfile", text)


def test_built_and_asked_under_emulation(project: Project, engine: Engine, emulated: None):
    """By BuildKit and by the classic builder alike: ids, labels, the machine that was seen."""
    by_kit = project.build(*TO)
    project.env["DOCKER_BUILDKIT"] = "0"
    assert project.build(*TO) == {**by_kit, "fresh": False}
    project.write("fcx.toml", '[image]\nplatform = "linux/arm64"\n')
    classic = project.build("--no-cache")
    for built in (by_kit, classic):
        assert (built["architecture"], built["machine"]) == ("arm64", "aarch64")
        assert (built["env"]["FOR"], built["warnings"]) == ("arm64", by_kit["warnings"])
        assert not [text for text in built["warnings"] if "read from its files" in text]
        image = json.loads(docker(engine, "image", "inspect", built["tag"]).stdout)[0]
        assert (image["Os"], image["Architecture"]) == ("linux", "arm64")
        assert image["Config"]["Labels"]["fcx.build-id"] == built["build_id"]
    of_its_own = {"build_id", "image_id", "created", "size", "tag", "content", "seal", "source"}
    assert {k: v for k, v in classic.items() if k not in of_its_own} == {
        k: v for k, v in by_kit.items() if k not in of_its_own
    }
    assert "aarch64" in project.fcx("image", "inspect").stdout
    code = "import os; print(os.uname().machine, open('/made-on').read())"
    assert project.fcx("image", "run", "-c", code).stdout == "aarch64 aarch64\n"


def test_a_step_that_fails_is_told_as_ever(project: Project, emulated: None):
    """The emulated one, by either builder."""
    dockerfile(project, "FROM arm64-base:1\nRUN echo first; exit 42\n")
    for kit in "10":
        project.env["DOCKER_BUILDKIT"] = kit
        message = project.fcx("image", "build", *TO, code=5).stderr
        assert "RUN echo first; exit 42" in message
        assert "exit code 42" in message


def test_refused_before_anything_is_built(project: Project, unemulated: Path):
    """With both ways out; whoever would build, and wherever the platform is said."""
    for kit in "10":
        project.env["DOCKER_BUILDKIT"] = kit
        message = project.fcx("image", "build", *TO, code=5).stderr
        assert "Step" not in message
        assert "no handler for it is registered" in message
        assert "qemu-user-static" in message
        assert "tonistiigi/binfmt --install arm64" in message
        assert "--build-remote" in message
    project.write("fcx.toml", '[image]\nplatform = "arm64"\n')
    assert "to be for linux/arm64" in project.fcx("image", "build", code=5).stderr
    dockerfile(project, "FROM nowhere.invalid/x\nRUN true\n")
    message = project.fcx("image", "build", code=5).stderr
    assert "no handler" in message
    assert "Pulling" not in message
    with registered(unemulated, flags="OC") as name:
        message = project.fcx("image", "build", *TO, code=5).stderr
        assert f"handler {name} is registered without the flag F" in message


def test_nothing_has_to_run_for_files_alone(project: Project, unemulated: Path):
    """What is only copied is built, and its files are read; so much is said."""
    dockerfile(project, "FROM arm64-base:1\nENV X=1\n")
    built = project.build(*TO)
    assert (built["architecture"], built["machine"]) == ("arm64", "")
    assert any("what it has was read from its files" in text for text in built["warnings"])


def test_a_base_for_another_processor(project: Project, engine: Engine, emulated: None):
    """Under the name that the Dockerfile has: what the engine has of it is said, either way."""
    dockerfile(project, f"FROM {bare_image(engine)}\nRUN true\n")
    message = project.fcx("image", "build", *TO, code=5).stderr
    assert "Pulling the base image bare:1 for linux/arm64 failed" in message
    assert "The engine has bare:1 for linux/amd64 only." in message
    dockerfile(project, "FROM arm64-base:1\nRUN true\n")
    message = project.fcx("image", "build", code=5).stderr
    assert "The engine has arm64-base:1 for linux/arm64 only." in message


def test_a_record_is_not_believed(project: Project, engine: Engine, unemulated: Path):
    """An image that says amd64 and has arm64 in it: its interpreter's header tells."""
    dockerfile(project, f"FROM {arm_files(engine)}\nENV X=1\n")
    message = project.fcx("image", "build", "--platform", "amd64", code=5).stderr
    assert "was to be for linux/amd64, and its Python is for linux/arm64" in message
    assert "arm:1" in message
    assert project.build()["architecture"] == "arm64"
