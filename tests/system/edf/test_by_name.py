"""An EDF given by name, from the command line and in a script: its image is compared all the same."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from cluster.project import Project
from executors.deadline import WAIT
from executors.fixtures import TIME, Make

from fcx.errors import ParityError
from fcx.local import Environment
from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe
from fcx.records import replace

EDF = 'image = "registry.example.org#team/img@sha256:0123"\nentrypoint = false\n'


def other_image() -> Manifest:
    """An image like this process's environment but for a Python that nobody has."""
    own = Manifest.adopt("img", Snapshot.from_probe(probe.snapshot()))
    return replace(own, python=replace(own.python, version="3.99.0"))


@pytest.fixture
def project(tmp_path: Path, site: Environment) -> Project:
    """A project with an EDF, the manifest of its image, and a cluster."""
    made = Project(tmp_path / "project", {**site, "HOME": str(tmp_path / "home")})
    made.write("edf/img.toml", EDF)
    made.write("edf/img.manifest.json", other_image().to_json())
    (tmp_path / "work").mkdir()
    return made


@pytest.mark.parametrize("place", ["the project", "EDF_PATH", "home"])
def test_preflight_compares_the_image_of_an_edf_given_by_name(
    project: Project, tmp_path: Path, site: Environment, place: str
):
    """Its manifest lies beside the file that the name stands for; no job is needed to refuse."""
    folders = {"EDF_PATH": tmp_path / "path", "home": tmp_path / "home/.edf"}
    if place in folders:
        folders[place].parent.mkdir(exist_ok=True)
        (project.root / "edf").rename(folders[place])
        project.env["EDF_PATH"] = str(folders[place]) if place == "EDF_PATH" else ""
    words = ("--edf", "img", "--working-dir", str(tmp_path / "work"), "--json")
    verdict = json.loads(project.fcx("preflight", *words, code=3).stdout)
    assert verdict["passed"] is False
    assert any(
        one["wanted"] == "3.99.0" or one["found"] == "3.99.0" for one in verdict["differences"]
    )
    assert str(tmp_path) not in json.dumps([job["script"] for job in site.submissions()])


def test_an_executor_compares_the_image_of_an_edf_given_by_name(
    project: Project, tmp_path: Path, make: Make, monkeypatch: pytest.MonkeyPatch
):
    """As with the path of the same file."""
    monkeypatch.chdir(project.root)
    for environment in ("img", "edf/img.toml"):
        executor = make(tmp_path / "work", [TIME], environment=environment)
        with pytest.raises(ParityError, match=r"3\.99\.0"):
            executor.submit(pow, 2, 3).result(WAIT)


def test_an_adopted_image_is_found_under_its_plain_name(
    project: Project, tmp_path: Path, site: Environment
):
    """A team's name before it makes no other file of it."""
    words = ("--adopt", "team/bare", "--working-dir", str(tmp_path / "work"), f"--sbatch={TIME}")
    done = project.fcx("preflight", *words)
    assert "edf/bare.toml" in done.stderr
    assert project.manifest("bare").name == "bare"
    project.write("edf/bare.toml", EDF)
    assert project.fcx("edf", "check", "bare", "--dialect", "ce").stdout == ""
