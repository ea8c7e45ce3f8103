"""The client of a building job through real HTTP; the node's podman and enroot are stand-ins."""

from __future__ import annotations

import subprocess
from pathlib import Path

import building
import pytest
from cluster.project import FCX, Project
from executors.deadline import eventually

from fcx.local import Environment

TOML = """[executor]
working_dir = "{work}"
[image]
build = "remote"
[remote_build]
setup = ["export ROOM={room} PATH={programs}:$PATH"]
"""


@pytest.fixture
def project(tmp_path: Path, site: Environment) -> Project:
    """A project, and a working directory on a cluster whose nodes have the stand-ins."""
    node = building.make(tmp_path / "room", tmp_path / "unused")
    made = Project(tmp_path / "project", {**site, "HOME": str(tmp_path)})
    work = tmp_path / "work"
    work.mkdir()
    made.write("fcx.toml", TOML.format(work=work, room=node.room, programs=node.programs))
    made.write("containers/Dockerfile", "FROM base\nCOPY . /here\n")
    made.write("containers/data", "x" * 100_000)
    return made


def home(project: Project) -> Path:
    """What builds leave for the next one."""
    return project.root.parent / "work/fcx-images/.fcx-image.build"


def test_a_context_that_was_spoiled_there_is_sent_again(project: Project):
    """By whatever: its size is that of the context, its bytes are not."""
    first = project.build()
    (tar,) = home(project).glob("context-*.tar")
    whole = tar.read_bytes()
    tar.write_bytes(bytes(len(whole)))
    second = project.build("--no-cache")
    assert tar.read_bytes() == whole
    assert second["build_id"] != first["build_id"]
    assert Path(second["shipped"]["fcx-local"]["path"]).is_file()
    tar.write_bytes(bytes(len(whole)))  # of which a later one would take what it shares
    project.write("containers/data2", "y")
    assert Path(project.build()["shipped"]["fcx-local"]["path"]).is_file()


def test_what_a_job_has_made_meanwhile_is_taken(project: Project, site: Environment):
    """Its caller has left; the next call for the same source submits no job."""
    room = project.root.parent / "room"
    waiting = building.ENROOT.replace("\n", '\nuntil [ -e "$ROOM/go" ]; do sleep 0.1; done\n', 1)
    (room / "bin/enroot").write_text(waiting)
    words = [*FCX, "image", "build"]
    with (project.root / "log").open("w") as log:
        first = subprocess.Popen(words, cwd=project.root, env=project.environment(), stderr=log)
        eventually(lambda: "Importing podman://" in (project.root / "log").read_text())
        first.kill()
        first.wait()
    (room / "go").touch()
    eventually(lambda: list(home(project).glob("*.made/answer")))
    jobs = len(site.submissions())
    built = project.build()
    assert len(site.submissions()) == jobs
    there = Path(built["shipped"]["fcx-local"]["path"])
    assert there.name == f"fcx-image-{built['build_id'][:16]}.sqsh"
    assert there.is_file()
    assert sorted(path.suffix for path in home(project).iterdir()) == [".chunks", ".made", ".tar"]


def test_a_folder_that_cannot_be_made(project: Project):
    """Said in the server's words, with what to do."""
    said = project.fcx("image", "build", "--to", "/proc/images", code=4).stderr
    assert "/proc/images" in said
    assert "--to, or `ship_to` under [image] in fcx.toml, names another folder" in said
