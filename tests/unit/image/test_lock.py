"""The releases of an image, written back beside its Dockerfile."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from cluster.project import Project
from parity.sides import manifest
from places import REPOSITORY

from fcx.config import Settings
from fcx.errors import UsageError
from fcx.image.lock import lock
from fcx.image.plan import Plan
from fcx.image.request import Request
from fcx.image.source import source_of, stale
from fcx.parity.manifest import Manifest
from fcx.records import replace

RELEASES = {"dill": "0.4.1", "numpy": "2.4.6", "pip": "24.0", "firecrest-fcx": "0.1.0"}


@pytest.fixture
def built(tmp_path: Path) -> Manifest:
    """The manifest of an image that has just been built of the project's own Dockerfile."""
    shutil.copytree(REPOSITORY / "containers", tmp_path / "containers")
    plan = Plan.from_request(Request.from_settings(Settings(tmp_path)), tmp_path / "edf")
    return replace(manifest(), source=source_of(plan, tmp_path), distributions=RELEASES)


def lines(path: Path) -> list[str]:
    """What is in it but for comments."""
    return [line for line in path.read_text().splitlines() if not line.startswith("#")]


def test_every_release_but_those_that_follow_the_client(built: Manifest, tmp_path: Path):
    """And the file says who wrote it."""
    done = lock(built, Settings(tmp_path))
    assert done.path == tmp_path / "containers/constraints.txt"
    assert lines(done.path) == ["numpy==2.4.6", "pip==24.0"]
    assert done.path.read_text().startswith("# Written by `fcx lock` from the image fcx-image")
    assert done.notes == ()


def test_a_locked_image_is_not_older_than_its_source(built: Manifest, tmp_path: Path):
    """It is what the source so locked would give; a change of anything else still counts."""
    settings = Settings(tmp_path)
    first = lock(built, settings)
    assert first.changed
    assert stale(first.manifest, tmp_path) == ""
    again = lock(first.manifest, settings)
    assert (again.changed, again.manifest) == (False, first.manifest)
    rebuilt = replace(first.manifest, build_id="c" * 64, created="later")
    assert lock(rebuilt, settings).changed is False  # or to lock and to build would never end
    (tmp_path / "containers/requirements.txt").write_text("tqdm\n")
    assert stale(first.manifest, tmp_path)
    other = replace(first.manifest, distributions={**RELEASES, "numpy": "2.5.0"})
    assert stale(lock(other, settings).manifest, tmp_path), "it was older before it was locked"


def test_an_edited_lock_makes_the_image_older(built: Manifest, tmp_path: Path):
    """A release that was let move is another image; to lock anew takes that back."""
    settings = Settings(tmp_path)
    first = lock(built, settings)
    first.path.write_text(first.path.read_text().replace("numpy==2.4.6\n", ""))
    assert stale(first.manifest, tmp_path)
    again = lock(first.manifest, settings)
    assert again.changed
    assert stale(again.manifest, tmp_path) == ""


def test_what_others_wrote_is_left_alone(built: Manifest, tmp_path: Path):
    """Constraints of the user's own, and a lock of another tool; no folder is made up."""
    settings, path = Settings(tmp_path), tmp_path / "containers/constraints.txt"
    path.write_text("numpy<2\n")
    with pytest.raises(UsageError, match="not written by `fcx lock`"):
        lock(built, settings)
    assert lock(built, settings, force=True).changed
    (tmp_path / "containers/requirements.lock").write_text("numpy==2.4.6\n")
    with pytest.raises(UsageError, match="the tool that made it"):
        lock(built, settings)
    with pytest.raises(UsageError, match="no folder"):
        lock(built, Settings(tmp_path / "nowhere"))


def test_what_constraints_do_not_hold_is_said(built: Manifest, tmp_path: Path):
    """A repository's commit; a Dockerfile that does not take them."""
    url = f"git+https://example.org/own.git@{'0' * 40}"
    own = replace(
        built,
        distributions={**RELEASES, "own": "1.0", "odd\nname": "1", "odd": "not a version"},
        origins={"own": url, "firecrest-fcx": "file:///opt/fcx/fcx.whl"},
    )
    (tmp_path / "containers/Dockerfile").write_text("FROM a\n")
    done = lock(own, Settings(tmp_path))
    assert lines(done.path)[1] == f"own==1.0  # from {url}"
    assert set(done.pins) == {"numpy", "pip", "own"}
    assert any("does not take constraints.txt" in note for note in done.notes)
    assert any(f"name the commit (own @ {url})" in note for note in done.notes)


def test_by_the_command(built: Manifest, tmp_path: Path):
    """It notes in the manifest what the image is of, once."""
    project = Project(tmp_path)
    path = project.write("edf/fcx-image.manifest.json", built.to_json())
    said = json.loads(project.fcx("lock", "--json").stdout)
    assert (said["changed"], said["pins"]) == (True, {"numpy": "2.4.6", "pip": "24.0"})
    assert stale(project.manifest(), tmp_path) == ""
    written = path.read_bytes()
    assert "is up to date" in project.fcx("lock").stdout
    assert path.read_bytes() == written
    assert "no manifest" in project.fcx("lock", "--name", "other", code=2).stderr
