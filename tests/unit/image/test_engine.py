"""Finding the engine, and what is said when it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from fcx.errors import EngineUnavailable
from fcx.image.advice import explain
from fcx.image.engine import candidates, connect


def test_what_is_set_decides(tmp_path: Path):
    """DOCKER_HOST, then podman's CONTAINER_HOST; nothing else is tried then."""
    assert candidates({"DOCKER_HOST": "a", "CONTAINER_HOST": "b"}) == ["a"]
    assert candidates({"CONTAINER_HOST": "b"}) == ["b"]
    socket = tmp_path / "podman/podman.sock"
    socket.parent.mkdir()
    socket.touch()
    assert f"unix://{socket}" in candidates({"XDG_RUNTIME_DIR": str(tmp_path)})


@pytest.mark.parametrize("host", ["unix:///nowhere/s", "tcp://127.0.0.1:1", "what://x", "ssh://"])
def test_nobody_answers(host: str):
    """Each kind of address that does not work ends in the same kind of error."""
    with pytest.raises(EngineUnavailable, match="Tried:\n  ") as caught:
        connect({"DOCKER_HOST": host})
    assert caught.value.exit_code == 5


@pytest.mark.parametrize(
    ("words", "fix"),
    [
        ("write /x: no space left on device", "docker system prune"),
        ("exec /bin/sh: exec format error", "binfmt"),
        ("unauthorized: authentication required", "docker login`, with the host of its registry"),
        ('Get "https://r.io/v2/x": unauthorized', "`docker login r.io`."),
        ("dial tcp: lookup registry-1.docker.io: no such host", "nothing of the image's"),
        ("Get https://r.io/v2/: net/http: request canceled (Client.Timeout exceeded)", "network"),
        ('Head "https://x/v2/docker/dockerfile/manifests/1": dial tcp: no such host', "# syntax="),
        ('load cache key: Get "http://r.io:9/x": connection refused', "reach r.io:9, where the Do"),
        ('Head "http://r.io:9/v2/x/manifests/1": connection refused', "reach the registry r.io:9:"),
        ('Get "https://auth.r.io/?scope=x&token": no such host', "reach the registry auth.r.io:"),
        ("something else", ""),
    ],
)
def test_what_to_do(words: str, fix: str):
    """The engine's own words stay, and known ones come with a remedy."""
    text = explain("Doing it", words)
    assert words in text
    assert fix in text


@pytest.mark.parametrize(
    ("words", "registry", "fix"),
    [
        ("unauthorized", "r.io:5000", "Log in first: `docker login r.io:5000`."),
        ("unauthorized", "docker.io", "Log in first: `docker login`."),
        ("dial tcp 1.2.3.4:5000: connection refused", "r.io:5000", "reach the registry r.io:5000:"),
        ('Get "http://r.io/blob": connection refused', "r.io", "reach the registry r.io:"),
    ],
)
def test_the_registry_that_it_was_done_with_is_named(words: str, registry: str, fix: str):
    """Not one that the user has to find out; no advice on base images where none was asked for."""
    text = explain("Pushing", words, registry)
    assert fix in text
    assert "base images" not in text
