"""Which builder there is, what it lacks of a Dockerfile, and what is said of that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fcx.errors import EngineError
from fcx.image.builder import Builder, find_builder
from fcx.image.dockerfile import Dockerfile

CLASSIC = Builder("Docker 20.10.24", (20, 10), why="because there is no docker command here.")
DOCKER_20 = Builder("Docker 20.10.24", (20, 10), ("docker", "build"))
DOCKER_23 = Builder("Docker 23.0.1", (23, 0), ("docker", "build"))
DOCKER_28 = Builder("Docker 28.2.2", (28, 2), ("docker", "build"))
PODMAN_4 = Builder("Podman 4.3.1", (4, 3))
PODMAN_5 = Builder("Podman 5.0.0", (5, 0))

# of a line after FROM: what it is called, and by whom it can be built (the older, all newer too)
ASKED = {
    "RUN --mount=type=cache,target=/c x": ("RUN --mount", DOCKER_20),
    "RUN --mount=type=secret,id=a x": ("RUN --mount", DOCKER_20),
    "RUN --network=none x": ("RUN --network", DOCKER_23),
    "COPY --chmod=755 a b": ("COPY --chmod", DOCKER_20),
    "ADD --chmod=$M a b": ("ADD --chmod", DOCKER_20),
    "FROM --platform=$BUILDPLATFORM a": ("FROM with $BUILDPLATFORM", DOCKER_20),
    "FROM a-${TARGETARCH}": ("FROM with $TARGETARCH", DOCKER_20),
    "COPY --link a b": ("COPY --link", DOCKER_23),
    "ADD --link a b": ("ADD --link", DOCKER_23),
    "RUN <<EOF\nx\nEOF": ("RUN <<EOF, a heredoc", DOCKER_23),
    "COPY <<a /b\nx\na": ("COPY <<a, a heredoc", DOCKER_23),
    "COPY --chmod=u+x a b": ("COPY --chmod=u+x", DOCKER_28),
    "ADD --checksum=sha256:a http://a b": ("ADD --checksum", DOCKER_28),
    "RUN x": ("", CLASSIC),
    "COPY --from=a --chown=1:1 a b": ("", CLASSIC),
    "ARG TARGETARCH=amd64": ("", CLASSIC),
    "ARG TARGETARCH": ("", CLASSIC),
    "RUN echo '--mount' $((1<<2))": ("", CLASSIC),
    "ENV A=${TARGETARCH:-x}": ("", CLASSIC),
}


@pytest.mark.parametrize("line", ASKED)
def test_what_a_line_asks_for(line: str):
    """Each by the first builder that has it, and by none before."""
    name, first = ASKED[line]
    file = Dockerfile.from_text(f"FROM a\n\n{line}\n")
    able = False
    for builder in (CLASSIC, DOCKER_20, DOCKER_23, DOCKER_28):
        able = able or builder is first
        lacking = builder.lacks(file)
        assert (not lacking) is able, builder
        assert able or str(lacking[0]).startswith(f"line 3: {name}")
    assert not PODMAN_5.lacks(file)
    assert bool(PODMAN_4.lacks(file)) is ("heredoc" in name)


@pytest.mark.parametrize(
    ("syntax", "able"),
    [
        ("docker/dockerfile:1", True),
        ("docker.io/docker/dockerfile:1.7-labs", True),
        ("docker/dockerfile", True),
        ("docker/dockerfile:1.4", True),
        ("docker/dockerfile:1.2.1", False),
        ("example.org/own:1", True),
    ],
)
def test_a_syntax_line_brings_a_reader_of_its_own(syntax: str, able: bool):
    """Which the classic builder does not look at, and says so of one that is another's."""
    file = Dockerfile.from_text(f"# syntax={syntax}\nFROM a\nRUN <<EOF\nx\nEOF\n")
    assert (not DOCKER_20.lacks(file)) is able
    plain = Dockerfile.from_text(f"# syntax={syntax}\nFROM a\n")
    assert bool(CLASSIC.lacks(plain)) is ("own" in syntax)


def test_a_refusal_names_all_that_is_needed():
    """Feature, line, what is here, and what to install."""
    file = Dockerfile.from_text("FROM a\nRUN --mount=type=cache,target=/c x\nRUN <<EOF\nx\nEOF\n")
    with pytest.raises(EngineError) as caught:
        CLASSIC.require(file)
    assert str(caught.value).splitlines()[1:] == [
        "  line 2: RUN --mount",
        "  line 3: RUN <<EOF, a heredoc",
        f"Wanted: BuildKit and Docker 23.0 or later; found: the classic builder of Docker 20.10.24, {CLASSIC.why}",
    ]
    with pytest.raises(
        EngineError, match="Docker 23.0 or later; found: BuildKit of Docker 20.10.24"
    ):
        DOCKER_20.require(file)
    with pytest.raises(EngineError, match="Podman 4.8 or later; found: Podman 4.3.1"):
        PODMAN_4.require(file)
    DOCKER_23.require(file)


class Engine:
    """Tells a version, as the SDK's client does."""

    def __init__(self, version: str, name: str = "Engine") -> None:
        self._about: dict[str, Any] = {"Version": version, "Components": [{"Name": name}]}

    def version(self) -> dict[str, Any]:
        """As an engine has it."""
        return self._about


def place(folder: Path, name: str, says: str) -> str:
    """A program that says its version; the folder that it lies in."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho '{says}'\n")
    (folder / name).chmod(0o755)
    return str(folder)


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No plugin of this machine's own is found."""
    monkeypatch.setattr("fcx.image.builder.PLUGINS", ())


@pytest.mark.usefixtures("elsewhere")
def test_the_client_of_buildkit_is_looked_for(tmp_path: Path):
    """A plugin first; then each docker on PATH that has it in itself; else why there is none."""
    new = place(tmp_path / "new", "docker", "Docker version 28.2.2, build e6534b4")
    old = place(tmp_path / "old", "docker", "Docker version 20.10.24+dfsg1, build 297e128")
    shim = place(tmp_path / "shim", "docker", "podman version 4.3.1")
    home = {"HOME": str(tmp_path / "home")}
    engine = Engine("20.10.24+dfsg1")
    found = find_builder(engine, {"PATH": f"{shim}:{new}:{old}", **home})
    assert found.command == (f"{old}/docker", "build")
    assert (found.engine, found.version) == ("Docker 20.10.24+dfsg1", (20, 10))
    none = find_builder(engine, {"PATH": f"{new}:{shim}", **home})
    assert none.command == ()
    assert f"{new}/docker lacks its buildx plugin here. Install it: `sudo apt-get" in none.why
    assert "there is no docker command here" in find_builder(engine, {"PATH": shim, **home}).why
    place(tmp_path / "home/.docker/cli-plugins", "docker-buildx", "")
    found = find_builder(engine, {"PATH": old, **home})
    assert found.command[0] == f"{tmp_path}/home/.docker/cli-plugins/docker-buildx"
    alone = place(tmp_path / "alone", "buildx", "")
    assert find_builder(engine, {"PATH": alone}).command[0] == f"{alone}/buildx"


@pytest.mark.usefixtures("elsewhere")
def test_engines_that_build_otherwise(tmp_path: Path):
    """Podman by itself; one from before BuildKit; and whoever asks for the classic one."""
    path = {"PATH": place(tmp_path, "docker", "Docker version 20.10.24, build 297e128")}
    assert find_builder(Engine("4.3.1", "Podman Engine"), path).is_podman
    assert find_builder(Engine("17.03.1-ce"), path).command == ()
    assert (
        "DOCKER_BUILDKIT=0" in find_builder(Engine("20.10.1"), path | {"DOCKER_BUILDKIT": "0"}).why
    )
