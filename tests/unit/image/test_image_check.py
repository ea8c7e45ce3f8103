"""What is said of an image beside the client and beside its system."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcx.config import Settings, Site
from fcx.errors import ParityError
from fcx.image.check import (
    architecture_finding,
    client_warnings,
    require_architecture,
    secret_warnings,
    target_site,
)
from fcx.parity.manifest import Manifest
from fcx.parity.snapshot import Snapshot
from fcx.protocol import probe
from fcx.records import replace

ARGUMENTS = ("PYTHON_VERSION", "DILL_VERSION")


@pytest.fixture
def client() -> Snapshot:
    """The snapshot of the interpreter that runs the tests."""
    return Snapshot.from_probe(probe.snapshot())


def test_differences_from_this_host(client: Snapshot):
    """Both sides and a command for each; nothing where nothing differs."""
    same = Manifest.adopt("x", client)
    assert list(client_warnings(same, client, ARGUMENTS)) == []
    other = replace(same, python=replace(client.python, version="3.99.1"), dill="0.0.1")
    python, dill = client_warnings(other, client, ARGUMENTS)
    assert (
        f"wanted cpython {client.python.version} as at the client, found cpython 3.99.1" in python
    )
    assert "minor and strict" in python
    assert f"`fcx image build --build-arg PYTHON_VERSION={client.python.version}`" in python
    assert f"`fcx image build --build-arg DILL_VERSION={client.dill}`" in dill
    _, dill = client_warnings(other, client, ())
    assert f"installs dill {client.dill}, as its Dockerfile has no `ARG DILL_VERSION`" in dill
    assert f"wanted {client.dill} as at the client, found 0.0.1" in dill
    patch = replace(same, python=replace(client.python, version=client.python.minor + ".99"))
    assert "under parity strict" in next(client_warnings(patch, client, ()))


@pytest.mark.parametrize(
    ("tool", "word"), [("uv", "uv pip"), ("conda", "conda"), ("pip", "-m pip")]
)
def test_commands_in_the_callers_tool(client: Snapshot, tool: str, word: str):
    """What fixes it is said in uv, conda or pip, whichever made the environment."""
    caller = replace(client, live=replace(client.live, tool=tool))
    other = replace(Manifest.adopt("x", client), dill="0.0.1")
    assert word in next(client_warnings(other, caller, ARGUMENTS))


def test_architecture_of_the_target(client: Snapshot, tmp_path: Path):
    """Known systems, those of fcx.toml, and unknown ones, of which nothing is said."""
    manifest = replace(Manifest.adopt("x", client), architecture="amd64")
    settings = Settings(tmp_path)
    wanted = {"clariden": "arm64", "daint": "arm64", "santis": "arm64"}
    wanted |= dict.fromkeys(("eiger", "bristen", "beverin"), "amd64")
    for name, architecture in wanted.items():
        site = target_site(settings, {"FIRECREST_SYSTEM": name})
        assert bool(architecture_finding(manifest, site)) is (architecture == "arm64")
    assert architecture_finding(manifest, target_site(settings, {"FIRECREST_SYSTEM": "?"})) is None
    assert target_site(settings, {}) is None
    with pytest.raises(ParityError, match="wanted arm64 for s, found amd64") as caught:
        require_architecture(manifest, Site("s", "arm64"))
    assert caught.value.exit_code == 3


def test_secrets_by_name():
    """Names give them away; the official images' own variables do not count."""
    found = list(secret_warnings({"PIP_TOKEN": "x", "V": "1"}, {"GPG_KEY": "f", "A_SECRET": "v"}))
    assert len(found) == 2
    assert not any("x" == word for text in found for word in text.split())
