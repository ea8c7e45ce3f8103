"""Images of several platforms in a private registry: each pushed alone, joined under one tag."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cluster.bases import docker
from cluster.emulation import arm_image
from cluster.engine import Engine
from cluster.foreign import missing_foreign
from cluster.project import Project
from cluster.registry import PASSWORD, USER, log_in, serving

from fcx.image.registry import DOCKER_LIST, Login, Repository

pytestmark = pytest.mark.docker


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[str]:
    """A real registry that wants a name and a password: host and port."""
    with serving(tmp_path / "registry", private=True) as address:
        yield address


def platforms(registry: str, tag: str) -> dict[str, str]:
    """{platform: digest} of the list under a tag of the team's thing."""
    found = Repository(registry, "team/thing", Login(USER, PASSWORD)).manifest(tag)
    assert found
    assert found.kind == DOCKER_LIST
    entries = found.content()["manifests"]
    return {"/".join(one["platform"].values()): one["digest"] for one in entries}


def test_each_is_pushed_alone_and_joined(
    built: Project, registry: str, engine: Engine, tmp_path: Path
):
    """Who pulls the tag has the one for his processor; to do it again changes nothing."""
    lack = missing_foreign()
    if lack:
        pytest.skip(lack)
    to = f"{registry}/team/thing:1"
    message = built.fcx("image", "push", to, code=5).stderr
    assert "docker login" in message
    built.env |= log_in(tmp_path / "login", registry)
    assert "--join wants the tag" in built.fcx("image", "push", to[:-2], "--join", code=2).stderr
    plain = built.fcx("image", "push", to).stdout.strip()
    built.write("far/Dockerfile", f"FROM {arm_image(engine)}\nENV X=1\n")
    built.build("far", "--tag", "far", "--platform", "linux/arm64")
    said = json.loads(built.fcx("image", "push", to, "--name", "far", "--join", "--json").stdout)
    far = said["repo_digest"].partition("@")[2]
    near = plain.partition("@")[2]
    assert said["joined"]["platforms"] == ["linux/amd64", "linux/arm64"]
    assert platforms(registry, "1") == {"amd64/linux": near, "arm64/linux": far}
    again = built.fcx("image", "push", to, "--join")
    assert again.stdout.strip() == plain
    assert said["joined"]["digest"] in again.stderr
    for platform, image in (("amd64", built.manifest()), ("arm64", built.manifest("far"))):
        docker(engine, "image", "rm", "--force", to, check=False)
        config = ["--config", built.env["DOCKER_CONFIG"]]
        docker(engine, *config, "pull", "--platform", f"linux/{platform}", to)
        found = json.loads(docker(engine, "image", "inspect", to).stdout)[0]
        assert (found["Id"], found["Architecture"]) == (image.image_id, platform)
    docker(engine, "image", "rm", "--force", to)
    assert PASSWORD not in again.stderr + again.stdout + message


def test_an_edf_goes_by_digest(built: Project, registry: str, tmp_path: Path):
    """Written after the push, as each engine spells it."""
    built.env |= log_in(tmp_path / "login", registry)
    pushed = built.fcx("image", "push", f"{registry}/team/thing").stdout.strip()
    digest = pushed.partition("@")[2]
    for words, image in (
        ((), f"{registry}#team/thing@{digest}"),
        (("--dialect", "sarus"), f"{registry}/team/thing@{digest}"),
    ):
        said = json.loads(built.fcx("edf", "write", "--json", *words).stdout)
        assert said["image"] == image
        assert f'image = "{image}"' in Path(said["generated"]).read_text()
