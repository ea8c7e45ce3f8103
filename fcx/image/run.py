"""Run the user's Python in the image on this machine, as it would run on the cluster.

The folder, fcx's state and the six variables come along; the user is the caller; what the program
writes is passed on as it comes, and so is its exit code.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import struct
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from docker.types import Mount

from ..config import VARIABLES
from ..errors import EngineError, UsageError
from ..files import state_folder
from ..parity.manifest import Manifest
from .engine import engine_errors, explain
from .probe import container

STATE = "/run/fcx-state"
"""Where the image finds fcx's state folder, which FCX_STATE_DIR tells it."""

SCRIPTS = ("FCX_WORKING_DIR", "FCX_ENVIRONMENT", "FCX_SBATCH_OPTIONS")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
GRACE = 10
"""Seconds between asking a program to stop and killing it."""

WRONG_PROCESSOR = b"exec format error"
HEADER = struct.Struct(">BxxxL")


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

    def mounts(self) -> list[Mount]:
        """The folder under its own path, the script's folder if it is another, and the state."""
        state = state_folder()
        state.mkdir(parents=True, exist_ok=True)
        folders = [self.cwd]
        script = Path(self.command[1]) if len(self.command) > 1 else None
        if script and (self.cwd / script).is_file():
            home = (self.cwd / script).resolve().parent
            folders += [] if home.is_relative_to(self.cwd.resolve()) else [home]
        mounts = [Mount(str(folder), str(folder), type="bind") for folder in folders]
        return [*mounts, Mount(STATE, str(state.absolute()), type="bind")]

    def environment(self) -> dict[str, str]:
        """The six variables, those that scripts read, and where home and state are in there."""
        names = [*VARIABLES, *SCRIPTS, "USER", "LOGNAME", "TZ", *(["TERM"] * self.terminal)]
        passed = {name: self.env[name] for name in names if self.env.get(name)}
        own = {"HOME": "/tmp", "FCX_STATE_DIR": STATE, "PYTHONUNBUFFERED": "1"}  # noqa: S108
        return passed | own

    def network(self) -> dict[str, str]:
        """The host's own network where the API is on this machine's loopback."""
        urls = (self.env.get("FIRECREST_URL", ""), self.env.get("AUTH_TOKEN_URL", ""))
        local = any((urlsplit(url).hostname or "") in LOOPBACK for url in urls)
        return {"network_mode": "host"} if local else {}


def run(client: Any, image: Any, manifest: Manifest, wanted: Run) -> int:
    """Run it to its end and return its exit code (128 + signal where one ended it)."""
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
        return _attached(client, made, terminal=wanted.terminal)


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
    return {"user": "0:0" if rootless else ids}  # in there, root is the caller


def _attached(client: Any, made: Any, *, terminal: bool) -> int:
    query = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
    with engine_errors("Attaching to the container"):
        link = client.api.attach_socket(made.id, params=query)
    wire = getattr(link, "_sock", link)
    with engine_errors("Starting the image"), _signals(made), _raw(terminal):
        made.start()
        if terminal:
            _resize(client, made)
        threading.Thread(target=_feed, args=(wire,), daemon=True).start()
        last = b""
        for stream, data in _frames(wire, framed=not terminal):
            target = sys.stderr if stream == 2 else sys.stdout
            target.buffer.write(data)
            target.flush()
            last = data
        code = int(made.wait()["StatusCode"])
    if code and WRONG_PROCESSOR in last:
        raise EngineError(explain("Running the image", WRONG_PROCESSOR.decode()))
    return code


def _frames(wire: socket.socket, *, framed: bool) -> Iterator[tuple[int, bytes]]:
    """(1 for stdout or 2 for stderr, bytes) until the program closes both."""
    while not framed:
        data = wire.recv(65536)
        if not data:
            return
        yield 1, data
    while True:
        header = _exactly(wire, HEADER.size)
        if len(header) < HEADER.size:
            return
        stream, size = HEADER.unpack(header)
        yield stream, _exactly(wire, size)


def _exactly(wire: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        chunk = wire.recv(size - len(data))
        if not chunk:
            break
        data += chunk
    return bytes(data)


def _feed(wire: socket.socket) -> None:
    """Pass standard input on until it ends; then the program sees its end too."""
    with suppress(OSError, ValueError):  # the program ended first, or there is no standard input
        source = sys.stdin.fileno()
        while True:
            select.select([source], [], [])
            data = os.read(source, 65536)
            if not data:
                break
            wire.sendall(data)
        wire.shutdown(socket.SHUT_WR)


@contextmanager
def _signals(made: Any) -> Iterator[None]:
    """Hand an interrupt on to the program; ask it to stop, then kill it, on a request to end."""

    def interrupt(*_: object) -> None:
        with suppress(Exception):
            made.kill(signal="SIGINT")

    def end(*_: object) -> None:
        threading.Thread(target=lambda: made.stop(timeout=GRACE), daemon=True).start()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {
        signal.SIGINT: signal.signal(signal.SIGINT, interrupt),
        signal.SIGTERM: signal.signal(signal.SIGTERM, end),
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _raw(terminal: bool) -> Iterator[None]:
    """Give the program the keys as they are pressed, for as long as it runs."""
    if not terminal or not sys.stdin.isatty():
        yield
        return
    import termios
    import tty

    before = termios.tcgetattr(sys.stdin)
    tty.setraw(sys.stdin)
    try:
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def _resize(client: Any, made: Any) -> None:
    """The program's terminal is as large as the caller's, now and when that one changes."""

    def fit(*_: object) -> None:
        with suppress(Exception):
            size = os.get_terminal_size()
            client.api.resize(made.id, height=size.lines, width=size.columns)

    fit()
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGWINCH, fit)
