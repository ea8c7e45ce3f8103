"""Whether a job is to build the image: as this machine's files tell it, without a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from stepping import noted, quiet

from fcx.config import Settings
from fcx.errors import UsageError
from fcx.image.request import Request
from fcx.parity.manifest import Shipped
from fcx.records import replace
from fcx.steps.project import Project
from fcx.steps.remote import RemoteImage, is_remote

THERE = "/scratch/me/fcx-images/fcx-image-0123456789abcdef.sqsh"


def step(project: Project, to: str = "", **asked: Any) -> RemoteImage:
    request = Request.from_settings(project.settings, **asked)
    return RemoteImage(project, quiet, request, to, "", None)


def again(project: Project, text: str) -> Project:
    """The same with another fcx.toml."""
    (project.settings.root / "fcx.toml").write_text(text)
    return Project(Settings.load(project.settings.root), project.credentials)


def there(project: Project) -> None:
    """As a build there leaves the manifest."""
    shipped = {project.system: Shipped(THERE, "0" * 64, 1)}
    noted(project, replace(project.manifest(), shipped=shipped))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"no_cache": True}, "it was asked for anew"),
        ({"pull": True}, "it was asked for anew"),
        ({"target": "other"}, "another stage"),
        ({"build_args": {"A": "2"}}, "other arguments"),
    ],
)
def test_what_is_asked_for_otherwise_is_built(project: Project, asked: Mapping[str, Any], why: str):
    """And what lies in another folder than is named."""
    there(project)
    found = step(project, platform="linux/arm64", **asked).look()
    assert found.needed
    assert why in found.why
    found = step(project, to="/elsewhere", platform="linux/arm64").look()
    assert (found.needed, found.why) == (True, f"it was built into {THERE}")


def test_a_build_that_is_not_there_is_built_there(project: Project):
    """It was built here, or for another system, or never."""
    found = step(project).look()  # for what is known of that system, whatever this machine is
    assert (found.needed, found.why) == (True, f"this build is not on {project.system}")
    project.manifest_path.write_text("{")
    assert step(project).look().needed
    project.manifest_path.unlink()
    assert "there was no" in step(project).look().why


def test_what_cannot_be_is_refused(project: Project):
    """Secrets, a registry, another processor than the system has."""
    with pytest.raises(UsageError, match="--secret stays on this machine"):
        step(project, secrets=["id=a,env=A"])
    text = "[image]\nsite = 'there'\n[site.there]\narchitecture = 'amd64'\n"
    with pytest.raises(UsageError, match="there has nodes of linux/amd64, and the image is to be"):
        step(again(project, text), platform="linux/arm64").look()
    with pytest.raises(UsageError, match="take `push_to` out"):
        step(again(project, "[image]\npush_to = 'r.example.org/me/img'\n"))


def test_who_asks_for_it(project: Project):
    """The command line, or fcx.toml."""
    asked = (None, False, True)
    assert [is_remote(project.settings, one) for one in asked] == [False, False, True]
    remote = again(project, "[image]\nbuild = 'remote'\n").settings
    assert [is_remote(remote, one) for one in asked] == [True, False, True]
