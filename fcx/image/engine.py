"""The container engine, Docker or Podman behind its socket: find it, and turn its errors into ours.

The one module that imports the docker SDK; nothing of its exceptions leaves this room.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import docker
import docker.auth
import docker.errors
from docker.context import ContextAPI
from docker.types import Mount
from docker.utils import parse_repository_tag

from ..errors import EngineError, EngineUnavailable
from .advice import explain, no_engine, reason
from .registry import Login

PATIENCE = 10
"""Seconds that an engine has for its first answer."""


class Client(docker.DockerClient):
    """The SDK's client, which once closed leaves no connection open.

    The SDK forgets those of streams: one that was attached to, or was not read to its end, would
    stay open until the collector finds it.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.where = ""  # as DOCKER_HOST has it
        self._streams: list[Any] = []
        self.api.hooks["response"].append(self._answered)

    def _answered(self, response: Any, **how: Any) -> None:
        if how.get("stream"):
            self._streams.append(response)

    def close(self) -> None:
        """End all streams, and every connection."""
        for response in self._streams:
            response.close()
        self._streams.clear()
        super().close()


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
    raise EngineUnavailable(no_engine(tried))


def _try(where: str, env: Mapping[str, str]) -> tuple[Any, str]:
    """A client of the engine at one place, or None and why not."""
    client: Any = None
    try:
        _knock(where)
        if where == env.get("DOCKER_HOST"):
            client = Client.from_env(environment=dict(env), timeout=PATIENCE)
        else:
            client = Client(base_url=where, timeout=PATIENCE)
        client.ping()
    except (docker.errors.DockerException, OSError) as error:
        if client is not None:
            client.close()
        return None, reason(error)
    client.where = where
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


@contextmanager
def engine_errors(doing: str, registry: str = "") -> Iterator[None]:
    """Turn what the SDK raises into an EngineError: what was done, and with which registry."""
    try:
        yield
    except docker.errors.APIError as error:
        raise EngineError(explain(doing, str(error.explanation or error), registry)) from error
    except docker.errors.DockerException as error:
        raise EngineError(explain(doing, str(error), registry)) from error
    except OSError as error:  # the HTTP library's exceptions are OSErrors
        raise EngineError(
            f"{doing} failed: the container engine stopped answering ({reason(error)}). See "
            "whether it still runs: `docker info`."
        ) from error


def find_image(client: Any, name: str) -> Any | None:
    """The image of that name or id, or None where the engine has none."""
    with engine_errors(f"Looking for the image {name}"):
        try:
            return client.images.get(name)
        except docker.errors.ImageNotFound:
            return None


def images_with(client: Any, label: str, value: str) -> list[Any]:
    """The images that carry a label with this value."""
    with engine_errors("Looking for an image of the same source"):
        found: list[Any] = client.images.list(filters={"label": f"{label}={value}"})
    return found


def login_for(registry: str) -> Login | None:
    """What `docker login` keeps for a registry, in Docker's file or a helper of its own."""
    try:
        found = docker.auth.load_config().resolve_authconfig(registry) or {}
    except (docker.errors.DockerException, OSError, ValueError):
        return None
    known = {str(name).lower(): str(value or "") for name, value in found.items()}
    login = Login(
        known.get("username", ""), known.get("password", ""), known.get("identitytoken", "")
    )
    return login if login.user or login.token else None


def allows_plain_http(client: Any, registry: str) -> bool:
    """Whether the engine was told to talk to a registry without TLS."""
    with engine_errors("Asking the engine about itself"):
        known = (client.info().get("RegistryConfig") or {}).get("IndexConfigs") or {}
    return (known.get(registry) or {}).get("Secure") is False


def local_platform(client: Any) -> str:
    """What the engine builds for unless told otherwise, as ``linux/amd64``."""
    with engine_errors("Asking the engine for its platform"):
        version = client.version()
    return f"{version.get('Os', 'linux')}/{version.get('Arch', '')}"


def split_tag(name: str) -> tuple[str, str]:
    """Repository and tag of an image's name; an empty tag where it has none."""
    repository, tag = parse_repository_tag(name)
    return repository, tag or ""


def bind(source: str, target: str) -> Any:
    """A folder of this machine at a place in a container."""
    return Mount(target, source, type="bind")
