"""What a preflight says of the engine's logins: on a cluster behind real HTTP, by a registry's word."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from small_registry import BASIC, BEARER, small_registry

from fcx import FirecrestExecutor
from fcx.config import Credentials
from fcx.errors import FcxError
from fcx.executor.logins import asking, complaints, machines
from fcx.firecrest.client import Client
from fcx.local import Environment, cluster

SECRET = "s3cret-t0ken"
SHELL = r"machine a login _json_key password $(jq -c '.' $KEY | sed 's/ /\\u0020/g')"
"""As enroot's own documentation has a password."""


@pytest.fixture
def small() -> Iterator[Any]:
    """A registry that wants a name and a password."""
    with small_registry() as server:
        server.how = BASIC
        yield server


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the cluster shows."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def cluster_of_homes(home: Path) -> Iterator[Environment]:
    """A cluster with one file system, in which the user's files lie."""
    with cluster(filesystems=[str(home)]) as site:
        yield site


def said(site: Environment, image: str) -> list[str]:
    """The complaints about an image."""

    async def ask() -> list[str]:
        client = Client(Credentials.from_env(dict(site)))
        try:
            return await complaints(client, image)
        finally:
            await client.close()

    return asyncio.run(ask())


def credentials(home: Path, text: str, mode: int = 0o600) -> Path:
    """The file as the user has it."""
    path = home / ".config/enroot/.credentials"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_file_is_missing_or_lacks_the_host(
    cluster_of_homes: Environment, home: Path, small: Any
):
    """How to write the line is said; nothing once it is there; others may not read it."""
    image = f"{small.host}#team/thing@sha256:{'1' * 64}"
    host = small.host.partition(":")[0]
    (line,) = said(cluster_of_homes, image)
    assert "shows no ~/.config/enroot/.credentials" in line
    assert f"`machine {host} login NAME password TOKEN`" in line
    credentials(home, f"machine other.org login ada password {SECRET}\n")
    (line,) = said(cluster_of_homes, image)
    assert f"has no login for {small.host}" in line
    assert SECRET not in line
    path = credentials(home, f"# mine\nmachine {host}\n  login ada\n  password {SECRET}\n")
    assert said(cluster_of_homes, image) == []
    path.chmod(0o640)
    (line,) = said(cluster_of_homes, image)
    assert "others may read it (mode 0640)" in line
    assert "chmod 600" in line
    path.unlink()


@pytest.mark.parametrize("kind", ["nowhere", "loop", "folder"])
def test_what_is_no_file_is_missing(
    cluster_of_homes: Environment, home: Path, small: Any, kind: str
):
    """A link to nowhere or to itself, a folder: nobody logs in with these."""
    path = credentials(home, "")
    path.unlink()
    if kind == "folder":
        path.mkdir()
    else:
        path.symlink_to(path if kind == "loop" else "gone")
    try:
        (line,) = said(cluster_of_homes, f"{small.host}#team/thing:1")
    finally:
        path.rmdir() if kind == "folder" else path.unlink()
    assert "shows no ~/.config/enroot/.credentials" in line


def test_a_preflight_says_it_and_goes_on(
    cluster_of_homes: Environment, home: Path, small: Any, tmp_path: Path, caplog
):
    """Before its job; the engine may have the image in its cache, after all."""
    edf = tmp_path / "private.toml"
    edf.write_text(f'image = "{small.host}#team/thing:1"\n')
    caplog.set_level(logging.INFO, logger="fcx")
    with FirecrestExecutor(
        str(home), ["--time=5"], env=cluster_of_homes, environment=str(edf)
    ) as executor:
        with pytest.raises(FcxError):
            executor.preflight(fresh=True)
    lines = [record.getMessage() for record in caplog.records]
    (warned,) = [n for n, line in enumerate(lines) if "wants a login for" in line]
    assert any("submitted as" in line for line in lines[warned:])


@pytest.mark.parametrize(
    "image",
    ["/scratch/x.sqsh", "python:3.12", "", "${REGISTRY}#a/b:1", "127.0.0.1:1#a/b:1", "#", "a/"],
)
def test_what_is_no_private_image(image: str):
    """Files, official images, registries that this machine does not reach: nothing is known."""
    assert asking(image) == ()


def test_a_public_image_wants_no_login(small: Any):
    """Whoever asks has a token; nor does one that is not there."""
    small.how, small.public = BEARER, True
    assert asking(f"{small.host}#a/b:1") == ()
    small.public = False
    assert asking(f"{small.host}#a/b:1") == (small.host,)


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("machine a login x password y machine b login x password machine", {"a", "b"}),
        ("machine a\n\tlogin default\n\tpassword z\ndefault login x password y", {"a", "default"}),
        ("# machine c login x password y\n", set()),
        ("machine", set()),
        (SHELL + "\nmachine b login x password y", {"a", "b"}),
        (SHELL + " machine b login x password y", {"a", "b"}),
        ("machine a login x password p # not machine b login x password p", {"a"}),
        ("machine a login x # password p\nmachine b login x #password p", set()),
        ("machine a login x password #1 machine b", {"a"}),
        ("machine a\nmachine b login x password y", {"b"}),
        ("machine a login\nmachine b login x password y", {"b"}),
        ('machine "A.Org" login "x" password "y z"', {"a.org"}),
        ('machine a login x password ""', set()),
        ("default\nmachine a", set()),
        ("\ufeffmachine a login x password y", set()),  # curl does not know the word either
        ("", set()),
    ],
)
def test_hosts_of_a_netrc(text: str, hosts: set[str]):
    """Whatever the lines and the words of a password."""
    assert machines(text.encode()) == hosts
