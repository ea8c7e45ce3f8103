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
        ("unauthorized: authentication required", "docker login"),
        ("dial tcp: lookup registry-1.docker.io: no such host", "nothing of the image's"),
        ("Get https://r.io/v2/: net/http: request canceled (Client.Timeout exceeded)", "network"),
        ('Head "https://x/v2/docker/dockerfile/manifests/1": dial tcp: no such host', "# syntax="),
        ("something else", ""),
    ],
)
def test_what_to_do(words: str, fix: str):
    """The engine's own words stay, and known ones come with a remedy."""
    text = explain("Doing it", words)
    assert words in text
    assert fix in text
