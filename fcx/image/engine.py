"""The container engine, Docker or Podman behind its socket: find it, and speak of its failures.

The one place that knows the docker SDK's exceptions; nothing of them leaves this package.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import docker
import docker.errors
from docker.context import ContextAPI

from ..errors import EngineError, EngineUnavailable

PATIENCE = 10
"""Seconds that an engine has for its first answer."""

FULL = "no space left on device"


def connect(env: Mapping[str, str] | None = None) -> Any:
    """A client of the first engine that answers; DOCKER_HOST or CONTAINER_HOST, if set, decides.

    Raises EngineUnavailable with what was tried and how to start an engine.
    """
    env = os.environ if env is None else env
    tried = []
    for where in candidates(env):
        client, reason = _try(where, env)
        if client is not None:
            return client
        tried.append(f"{where}: {reason}")
    raise EngineUnavailable(_no_engine(tried))


def _try(where: str, env: Mapping[str, str]) -> tuple[Any, str]:
    """A client of the engine at one place, or None and why not."""
    try:
        _knock(where)
        if where == env.get("DOCKER_HOST"):
            client: Any = docker.from_env(environment=dict(env), timeout=PATIENCE)
        else:
            client = docker.DockerClient(base_url=where, timeout=PATIENCE)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        return None, _reason(error)
    client.api.timeout = None  # a build step, a push or an export may be silent for long
    return client, ""


def _knock(where: str) -> None:
    """Raise OSError where nobody listens: the SDK would leave its socket open then."""
    if where.startswith("unix://"):
        with closing(socket.socket(socket.AF_UNIX)) as link:
            link.settimeout(PATIENCE)
            link.connect(where.removeprefix("unix://"))


def candidates(env: Mapping[str, str]) -> list[str]:
    """Where an engine may listen, in the order in which it is tried."""
    for name in ("DOCKER_HOST", "CONTAINER_HOST"):
        if env.get(name):
            return [env[name]]
    home, runtime = Path(env.get("HOME", "/")), Path(env.get("XDG_RUNTIME_DIR", "/nonexistent"))
    sockets = (
        Path("/var/run/docker.sock"),
        home / ".docker/run/docker.sock",
        runtime / "docker.sock",
        runtime / "podman/podman.sock",
        Path("/run/podman/podman.sock"),
    )
    places = [_context_host(), *(f"unix://{path}" for path in sockets if path.exists())]
    return list(dict.fromkeys(place for place in places if place)) or [
        "unix:///var/run/docker.sock"
    ]


def _context_host() -> str:
    """The endpoint of the `docker context` in use; empty for the default one."""
    try:
        context = ContextAPI.get_current_context()
    except (docker.errors.DockerException, OSError, ValueError, KeyError):
        return ""
    if context is None or context.Name == "default":
        return ""
    return str(context.Host or "")


def _reason(error: Exception) -> str:
    """The innermost cause, which is what a person can act on."""
    text = str(error)
    for word, meaning in (
        ("Permission", "permission denied"),
        ("No such file", "nothing there"),
        ("Connection refused", "nobody listens"),
    ):
        if word in text:
            return meaning
    return text.splitlines()[0] if text else type(error).__name__


def _no_engine(tried: list[str]) -> str:
    lines = "".join(f"\n  {line}" for line in tried)
    if any("permission denied" in line for line in tried):
        mend = "Let yourself use it: `sudo usermod -aG docker $USER`, then log in again."
    elif not any(shutil.which(program) for program in ("docker", "podman", "dockerd")):
        mend = "Install Docker (https://docs.docker.com/engine/install/) or Podman, and start it."
    elif sys.platform == "darwin":
        mend = "Start Docker Desktop, or `colima start`, or `podman machine start`."
    else:
        mend = (
            "Start one: `sudo systemctl start docker`, or `systemctl --user start podman.socket`; "
            "or set DOCKER_HOST to where it listens."
        )
    return f"No container engine answers. Tried:{lines}\n{mend}"


@contextmanager
def engine_errors(doing: str) -> Iterator[None]:
    """Turn what the SDK raises into an EngineError that says what was being done."""
    try:
        yield
    except docker.errors.APIError as error:
        raise EngineError(explain(doing, str(error.explanation or error))) from error
    except docker.errors.DockerException as error:
        raise EngineError(explain(doing, str(error))) from error
    except OSError as error:  # the HTTP library's exceptions are OSErrors
        raise EngineError(
            f"{doing} failed: the container engine stopped answering ({_reason(error)}). See "
            "whether it still runs: `docker info`."
        ) from error


def explain(doing: str, words: str) -> str:
    """``doing`` failed, in the engine's words, and what can be done where that is known."""
    words = words.strip().rstrip(".")
    return f"{doing} failed: {words}." + _hint(words)


def _hint(words: str) -> str:
    low = words.lower()
    if FULL in low:
        return (
            " The disk that holds the engine's images is full: `docker system df` shows what "
            "takes the room, `docker system prune` frees what nothing uses."
        )
    if "exec format error" in low:
        return (
            " The image is for another processor than this machine's. To emulate it: "
            "`docker run --privileged --rm tonistiigi/binfmt --install all`; or build on a machine "
            "of that kind."
        )
    if re.search("unauthorized|no basic auth|authentication required|access.* denied", low):
        return " Log in first: `docker login REGISTRY`."
    return ""


def find_image(client: Any, name: str) -> Any | None:
    """The image of that name or id, or None where the engine has none."""
    with engine_errors(f"Looking for the image {name}"):
        try:
            return client.images.get(name)
        except docker.errors.ImageNotFound:
            return None


def local_platform(client: Any) -> str:
    """What the engine builds for unless told otherwise, as ``linux/amd64``."""
    with engine_errors("Asking the engine for its platform"):
        version = client.version()
    return f"{version.get('Os', 'linux')}/{version.get('Arch', '')}"
