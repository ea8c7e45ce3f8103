"""Whether a step is called for, as this machine's files tell it: no engine, no request."""

from __future__ import annotations

from pathlib import Path

import pytest
from parity.sides import BUILD, manifest
from stepping import CREDENTIALS, noted, quiet

from fcx.config import Settings
from fcx.errors import EngineUnavailable
from fcx.image.progress import Silent
from fcx.parity.manifest import Shipped, Sqsh
from fcx.records import replace
from fcx.ship.delivery import Delivered
from fcx.ship.mark import Mark
from fcx.ship.shelf import Slot
from fcx.state.facts import Facts
from fcx.steps.away import Push, Ship, away
from fcx.steps.edf import Edf
from fcx.steps.image import Image
from fcx.steps.project import Project, proposed
from fcx.steps.shipment import Parcel
from fcx.steps.step import Look

THERE = f"/scratch/me/fcx-images/fcx-image-{BUILD[:16]}.sqsh"


def packed(project: Project) -> None:
    """As `fcx image pack` leaves it."""
    file = project.settings.root / "edf/fcx-image.sqsh"
    file.write_bytes(b"x")
    noted(project, replace(project.manifest(), sqsh=Sqsh(str(file), "0" * 64)))


def again(project: Project, text: str) -> Project:
    """The same with another fcx.toml."""
    (project.settings.root / "fcx.toml").write_text(text)
    return Project(Settings.load(project.settings.root), project.credentials)


def test_an_image_of_the_same_source_is_not_built(project: Project):
    """Nobody has to be asked for that, as long as it is packed or somewhere on the cluster."""
    packed(project)
    found = Image(project, quiet).look()
    assert found.why == "up to date, its source has not changed since it was built"
    assert (found.needed, found.data["build_id"]) == (False, BUILD)


@pytest.mark.parametrize(
    ("toml", "why"),
    [
        ("[image]\ntarget = 'other'\n", "another stage"),
        ("[image]\nbuild_args = { A = '2' }\n", "other arguments"),
        ("[image]\nplatform = 'linux/amd64'\n", "it was for linux/arm64"),
        ("[image]\npython = '/opt/py'\n", "its Python was another"),
        ("[image]\ndockerfile = 'other/Dockerfile'\n", "it was built of containers/Dockerfile"),
    ],
)
def test_an_image_that_is_asked_for_otherwise_is_built(project: Project, toml: str, why: str):
    """What fcx.toml says counts, beside the files."""
    packed(project)
    found = Image(again(project, toml), quiet).look()
    assert found.needed
    assert why in found.why


def test_an_image_is_for_the_nodes_of_the_system(project: Project, monkeypatch: pytest.MonkeyPatch):
    """Where these have another processor than this machine, and fcx.toml says nothing else."""
    packed(project)
    for own, wanted in (("linux/arm64", True), ("linux/amd64", False)):
        monkeypatch.setattr("fcx.image.plan.OWN", own)
        found = Image(again(project, "[image]\nsite = 'eiger'\n"), quiet).look()
        assert found.needed == wanted
        assert ("it was for linux/arm64" in found.why) == wanted
    said = "[image]\nsite = 'eiger'\nplatform = 'linux/arm64'\n"
    monkeypatch.setattr("fcx.image.plan.OWN", "linux/arm64")
    assert not Image(again(project, said), quiet).look().needed


def test_an_image_of_another_source_is_built(project: Project):
    """So is one of which there is no manifest; one that was adopted never is."""
    packed(project)
    (project.settings.root / "containers/new.py").write_text("")
    found = Image(project, quiet).look()
    assert found.needed
    assert found.why == "containers/Dockerfile or containers has changed"
    noted(project, replace(project.manifest(), origin="adopted"))
    assert Image(project, quiet).look().why == "fcx-image was adopted, so it is built elsewhere"
    project.manifest_path.write_text("{")
    assert "is damaged" in Image(project, quiet).look().why
    project.manifest_path.unlink()
    assert Image(project, quiet).look().needed


def test_an_image_that_went_nowhere_is_asked_for(project: Project):
    """The next step would need it from the engine, which may have lost it."""
    with pytest.raises(EngineUnavailable):
        Image(project, quiet).look()


def ship(project: Project, to: str = "", working_dir: str = "") -> Look:
    return Ship(project, quiet, to, working_dir, None).look()


def test_what_was_never_shipped_is_shipped(project: Project):
    """To this system, or to this folder: no request tells more."""
    assert ship(project) == Look(True, "this build was not on santis yet")
    shipped = {"daint": Shipped(THERE, "0" * 64, 9)}
    noted(project, replace(project.manifest(), shipped=shipped))
    assert ship(project) == Look(True, "this build was not on santis yet")
    noted(project, replace(project.manifest(), shipped={"santis": shipped["daint"]}))
    assert ship(project, to="/store/me") == Look(True, f"it was shipped to {THERE}")
    assert ship(project, working_dir="/other") == Look(True, f"it was shipped to {THERE}")


def test_a_manifest_of_another_build_is_not_written_over(project: Project):
    """One that somebody has built while ours was sent; what else is new in ours is kept."""
    mine = noted(project, replace(project.manifest(), build_id=BUILD))
    parcel = Parcel(mine, project.manifest_path, "", Silent())
    slot = Slot.of("/scratch/me", mine)
    done = Delivered(Mark(mine.name, BUILD, 9, "0" * 64, 1.0))
    noted(project, replace(mine, repo_digest="r/x@sha256:" + "1" * 64))
    parcel.note("santis", slot, done)
    found = project.manifest()
    assert (found.repo_digest[:3], found.shipped["santis"].path) == ("r/x", slot.image)
    theirs = noted(project, replace(mine, build_id="12" * 32))
    assert parcel.note("santis", slot, done).shipped["santis"].path == slot.image
    assert project.manifest() == theirs


def test_an_adopted_image_stays_where_it_is(project: Project):
    """It is neither shipped nor pushed."""
    noted(project, replace(project.manifest(), origin="adopted"))
    assert not ship(project).needed
    assert not Push(project, quiet).look().needed


def test_a_registry_goes_before_the_api(project: Project):
    """Where one is named; a tag is no part of it."""
    pushed = again(project, "[image]\npush_to = 'r.example.org:5000/me/img:dev'\n")
    assert isinstance(away(project, quiet, "", "", None), Ship)
    step = away(pushed, quiet, "", "", None)
    assert isinstance(step, Push)
    assert step.look() == Look(True, "this build was not pushed yet")
    other, own = (f"r.example.org:5000/{name}@sha256:{'0' * 64}" for name in ("img", "me/img"))
    noted(project, replace(project.manifest(), repo_digest=other))
    assert step.look() == Look(True, f"it was pushed as {other}")
    noted(project, replace(project.manifest(), repo_digest=own))
    assert not step.look().needed


def test_the_edf_is_written_where_that_changes_it(project: Project):
    """Once; again when the image lies elsewhere, or when somebody changed fcx's own file."""
    step = Edf(project)
    assert step.look().why == "there was none"
    done = step.do()
    assert done.data["build_id"] == BUILD
    assert any("only" in warning for warning in done.warnings)
    assert step.look().why == "up to date, edf/fcx-image.toml is for this image and where it lies"
    users = project.edf_path.read_text().replace("# NCCL_DEBUG", "NCCL_DEBUG")
    project.edf_path.write_text(users)
    assert not step.look().needed  # that is theirs
    noted(project, replace(project.manifest(), shipped={"santis": Shipped(THERE, "0" * 64, 9)}))
    assert step.look() == Look(True, "it was for another image or place", step.look().data)
    assert THERE in step.do().said
    assert project.edf_path.read_text() == users
    assert not step.look().needed
    generated = project.edf_path.with_name("fcx-image-generated.toml")
    generated.write_text(generated.read_text() + "# odd\n")
    assert step.look().needed
    project.edf_path.unlink()
    assert step.look().needed


def test_the_edf_of_an_adopted_image_is_the_users(project: Project):
    """It came with the image."""
    noted(project, replace(manifest(), name="fcx-image", origin="adopted"))
    project.edf_path.write_text('image = "a"\n')
    assert not Edf(project).look().needed


def test_a_proposal_is_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """So the second time costs no request."""
    monkeypatch.setenv("FCX_STATE_DIR", str(tmp_path))
    Facts().store("proposal https://api.example.org/v2 santis id", "/scratch/me")
    assert proposed(CREDENTIALS, known=True) == "/scratch/me"
