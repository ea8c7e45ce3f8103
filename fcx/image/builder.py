"""What builds an image here: BuildKit where it can be had, else the engine's own classic way.

BuildKit is the daemon's; its client is the docker command of before version 23, or the buildx
plugin. Podman has a builder of its own behind the same API.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EngineError
from .dockerfile import Dockerfile
from .engine import engine_errors
from .features import PODMAN_HEREDOCS, Feature, Version, features, reader_of

FIRST: Version = (18, 9)
"""The first dockerd with BuildKit in it."""

PLUGINS = (
    "/usr/local/lib/docker/cli-plugins",
    "/usr/local/libexec/docker/cli-plugins",
    "/usr/lib/docker/cli-plugins",
    "/usr/libexec/docker/cli-plugins",
    "/opt/homebrew/lib/docker/cli-plugins",
    "/Applications/Docker.app/Contents/Resources/cli-plugins",
)
INSTALL = (
    "`sudo apt-get install docker-buildx` (of Docker's own packages: docker-buildx-plugin), `sudo "
    "dnf install docker-buildx-plugin` or `brew install docker-buildx`"
)


@dataclass(frozen=True)
class Builder:
    """Who builds: with a ``command`` of BuildKit's, else through the SDK; ``why`` not the first."""

    engine: str
    version: Version
    command: tuple[str, ...] = ()
    why: str = ""

    @property
    def is_podman(self) -> bool:
        """Whether it is Podman's."""
        return self.engine.startswith("Podman")

    def lacks(self, file: Dockerfile) -> list[Feature]:
        """What the file asks for and this builder does not have."""
        wanted = features(file)
        if self.is_podman:  # of the others it says itself what it does not know
            old = self.version < PODMAN_HEREDOCS
            return [one for one in wanted if old and one.name.endswith("heredoc")]
        if not self.command:
            return wanted
        return [one for one in wanted if one.reader > reader_of(file, self.version)]

    def require(self, file: Dockerfile, secrets: Sequence[str] = ()) -> None:
        """Raise EngineError with what is lacking, in which lines, and what to install."""
        lacking = self.lacks(file)
        if secrets and not self.command:
            raise EngineError(
                f"A secret can be given to BuildKit alone; found: {self.engine} {self.why}".rstrip()
            )
        if not lacking:
            return
        lines = "".join(f"\n  {one}" for one in lacking)
        raise EngineError(
            f"The Dockerfile asks for what the builder here lacks:{lines}\n{self._found(lacking)}"
        )

    def _found(self, lacking: list[Feature]) -> str:
        """Which builder it is, and which one would do."""
        first = max(lacking, key=lambda one: one.reader)
        if self.is_podman:
            return f"Wanted: Podman 4.8 or later; found: {self.engine}. Install a newer one."
        if self.command:
            return (
                f"Wanted: Docker {first.docker} or later; found: BuildKit of {self.engine}. "
                "Install a newer engine; or begin the file with `# syntax=docker/dockerfile:1`, "
                "where the engine reaches Docker Hub: BuildKit fetches from there what reads it."
            )
        newer = f" and Docker {first.docker} or later" if first.reader > (1, 2) else ""
        return f"Wanted: BuildKit{newer}; found: the classic builder of {self.engine}, {self.why}"


def find_builder(client: Any, env: Mapping[str, str] | None = None) -> Builder:
    """The builder of an engine. ``DOCKER_BUILDKIT=0`` asks for the classic one, as with docker."""
    env = os.environ if env is None else env
    with engine_errors("Asking the engine for its version"):
        about = client.version()
    names = [str(part.get("Name", "")) for part in about.get("Components") or ()]
    podman = any("podman" in name.lower() for name in names)
    version = _numbers(str(about.get("Version", "")))
    engine = f"{'Podman' if podman else 'Docker'} {about.get('Version', '')}"
    if podman:
        return Builder(engine, version)
    if env.get("DOCKER_BUILDKIT") == "0":
        return Builder(engine, version, why="because DOCKER_BUILDKIT=0 is set. Unset it.")
    if version < FIRST:
        return Builder(engine, version, why="which has none. Install a newer engine.")
    command, why = _command(env)
    return Builder(engine, version, command, why)


def _command(env: Mapping[str, str]) -> tuple[tuple[str, ...], str]:
    """(the command that builds with BuildKit, why there is none)."""
    for plugin in _plugins(env):
        return (str(plugin), "build", "--builder", "default"), ""
    seen = []
    for program in _on_path("docker", env):
        version = _client_version(program)
        if FIRST <= version < (23,):
            return (str(program), "build"), ""
        if version >= (23,):
            seen.append(f"{program} lacks its buildx plugin")
    found = " and ".join(seen) or "there is no docker command"
    return (), f"because {found} here. Install it: {INSTALL}."


def _plugins(env: Mapping[str, str]) -> Iterator[Path]:
    own = Path(env.get("DOCKER_CONFIG") or Path(env.get("HOME", "/"), ".docker"))
    for folder in (own / "cli-plugins", *map(Path, PLUGINS)):
        if os.access(folder / "docker-buildx", os.X_OK):
            yield folder / "docker-buildx"
    for name in ("docker-buildx", "buildx"):
        yield from _on_path(name, env)


def _on_path(name: str, env: Mapping[str, str]) -> Iterator[Path]:
    """Each program of that name, not only the first."""
    for folder in env.get("PATH", os.defpath).split(os.pathsep):
        path = Path(folder or os.curdir, name)
        if path.is_file() and os.access(path, os.X_OK):
            yield path


def _client_version(program: Path) -> Version:
    """What `docker --version` says; nothing of what is only called docker."""
    try:
        done = subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False, timeout=30
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    match = re.match(r"Docker version (\S+?),", done.stdout)
    return _numbers(match[1]) if match else ()


def _numbers(text: str) -> Version:
    """``(20, 10)`` of ``20.10.24+dfsg1``."""
    match = re.match(r"(\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else ()
