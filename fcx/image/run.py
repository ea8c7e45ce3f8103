"""Run the user's Python in the image on this machine, as it would run on the cluster.

The folder, fcx's state and the six variables come along; the user is the caller.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..config import VARIABLES
from ..errors import UsageError
from ..files import state_folder
from ..parity.manifest import Manifest
from .container import container
from .engine import bind, engine_errors

STATE = "/run/fcx-state"
"""Where the image finds fcx's state folder, which FCX_STATE_DIR tells it."""

SCRIPTS = ("FCX_WORKING_DIR", "FCX_ENVIRONMENT", "FCX_SBATCH_OPTIONS")
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Run:
    """What to start: a command line for the image's Python, or another program."""

    command: tuple[str, ...]
    cwd: Path
    terminal: bool = False
    env: Mapping[str, str] = field(default_factory=lambda: os.environ)

    @classmethod
    def script(cls, manifest: Manifest, arguments: Sequence[str], cwd: Path) -> Run:
        """``SCRIPT.py ARGS`` or ``-m MODULE ARGS`` for the image's interpreter."""
        if not arguments or list(arguments) == ["-m"]:
            raise UsageError("Name a script or a module: `fcx image run SCRIPT.py|-m MODULE`.")
        if not arguments[0].startswith("-") and not (cwd / arguments[0]).exists():
            raise UsageError(f"There is no script {arguments[0]} (in {cwd}).")
        return cls((manifest.python.executable, *arguments), cwd)

    def mounts(self) -> list[Any]:
        """The folder under its own path, the script's folder if it is another, and the state."""
        state = state_folder()
        state.mkdir(parents=True, exist_ok=True)
        folders = [self.cwd]
        script = Path(self.command[1]) if len(self.command) > 1 else None
        if script and (self.cwd / script).is_file():
            home = (self.cwd / script).resolve().parent
            folders += [] if home.is_relative_to(self.cwd.resolve()) else [home]
        mounts = [bind(str(folder), str(folder)) for folder in folders]
        return [*mounts, bind(str(state.absolute()), STATE)]

    def environment(self) -> dict[str, str]:
        """The six variables, those that scripts read, and where home and state are inside."""
        names = [*VARIABLES, *SCRIPTS, "USER", "LOGNAME", "TZ", *(["TERM"] * self.terminal)]
        passed = {name: self.env[name] for name in names if self.env.get(name)}
        own = {"HOME": "/tmp", "FCX_STATE_DIR": STATE, "PYTHONUNBUFFERED": "1"}  # noqa: S108 - the container's
        return passed | own

    def network(self) -> dict[str, str]:
        """The host's own network where the API is on this machine's loopback."""
        urls = (self.env.get("FIRECREST_URL", ""), self.env.get("AUTH_TOKEN_URL", ""))
        local = any((urlsplit(url).hostname or "") in LOOPBACK for url in urls)
        return {"network_mode": "host"} if local else {}


@contextmanager
def prepared(client: Any, image: Any, manifest: Manifest, wanted: Run) -> Iterator[Any]:
    """A container that only has to be started; removed at the end whatever happens."""
    _refuse_hidden_python(manifest, wanted.cwd)
    options = {
        "entrypoint": list(wanted.command),
        "command": [],
        "working_dir": str(wanted.cwd),
        "mounts": wanted.mounts(),
        "environment": wanted.environment(),
        "stdin_open": True,
        "tty": wanted.terminal,
        **wanted.network(),
        **_user(client),
    }
    with container(client, image.id, **options) as made:
        yield made


def _refuse_hidden_python(manifest: Manifest, cwd: Path) -> None:
    """The folder appears in the image under its own path; it must not cover the image's Python."""
    for part in (manifest.python.executable, manifest.python.prefix):
        if part and Path(part).is_relative_to(cwd):
            raise UsageError(
                f"The current folder {cwd} would hide the image's Python ({part}), because it is "
                "mounted under the same path. Change to a folder of your project."
            )


def _user(client: Any) -> dict[str, Any]:
    """The caller's own ids; an engine without root has ways of its own to give them."""
    ids = f"{os.getuid()}:{os.getgid()}"
    with engine_errors("Asking the engine about itself"):
        info = client.info()
        podman = "podman" in str(client.version().get("Components", "")).lower()
    rootless = any("rootless" in str(option) for option in info.get("SecurityOptions") or [])
    if podman and rootless:
        return {"user": ids, "userns_mode": "keep-id"}
    return {"user": "0:0" if rootless else ids}  # root inside is the caller
