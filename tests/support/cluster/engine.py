"""A real Docker engine for as long as a `with` block lasts: dockerd on a socket of its own.

Debian's package is enough (`apt-get install docker.io`), as root, without systemd. All it keeps is
in one private directory, and containers reach the network over a bridge of its own, so several
such engines run beside each other. `shared_engine` lets the workers of one test run share one:
each holds a lock on a file while it uses the engine, and who leaves last stops it.

    python tests/support/cluster/engine.py     serves until a signal, prints DOCKER_HOST
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

PACKAGES = "apt-get install docker.io squashfs-tools docker-registry qemu-user-static"
START_TIMEOUT = 60.0
STOP_TIMEOUT = 30.0
ATTEMPTS = 5


@dataclass(frozen=True)
class Engine:
    """A running dockerd: where it listens, where it keeps things, who it is."""

    host: str
    root: str
    pid: int
    bridge: str

    @property
    def env(self) -> dict[str, str]:
        """The variables with which docker's clients find it."""
        return {"DOCKER_HOST": self.host, "DOCKER_CONFIG": f"{self.root}/config"}


def missing_docker() -> str | None:
    """What this machine lacks for an engine, or None."""
    if os.geteuid() != 0:
        return "a Docker engine of one's own needs root"
    absent = [name for name in ("dockerd", "containerd", "iptables") if not which(name)]
    return f"no {', '.join(absent)} here: {PACKAGES}" if absent else None


def which(program: str) -> str | None:
    """A program on PATH or where a plain user's PATH has none: in sbin."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin:/usr/local/sbin")


@contextlib.contextmanager
def engine(data_root: Path | None = None, programs: Path | None = None) -> Iterator[Engine]:
    """Start an engine, and at the end stop it and remove all that it kept."""
    started = start(data_root, programs)
    try:
        yield started
    finally:
        stop(started)


@contextlib.contextmanager
def shared_engine(folder: Path) -> Iterator[Engine]:
    """The engine that `folder` knows of, started by the first and stopped by the last who asks."""
    folder.mkdir(parents=True, exist_ok=True)
    record = folder / "engine.json"
    with (folder / "users.lock").open("w") as users:
        with exclusive(folder / "start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            found = running(record)
            if found is None:
                found = start()
                record.write_text(json.dumps(asdict(found)))
                command = [sys.executable, __file__, "--guard", str(folder)]
                null = subprocess.DEVNULL
                guard = subprocess.Popen(command, stdout=null, stderr=null, start_new_session=True)
                guard.returncode = 0  # it outlives this process where that one is killed
        try:
            yield found
        finally:
            leave(folder, users)


def leave(folder: Path, users: IO[str]) -> bool:
    """Stop the engine unless somebody else still uses it; whether nobody does."""
    record = folder / "engine.json"
    with exclusive(folder / "start.lock"):
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        found = running(record)
        if found:
            record.unlink()
            stop(found)
        fcntl.flock(users, fcntl.LOCK_UN)
    return True


def watch(folder: Path) -> None:
    """Wait until nobody uses the engine any more, killed or not, and see that it is stopped."""
    gone = False
    while not gone:
        with (folder / "users.lock").open("w") as users:
            fcntl.flock(users, fcntl.LOCK_EX)  # until the last user lets go
            fcntl.flock(users, fcntl.LOCK_UN)
            gone = leave(folder, users)


@contextlib.contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold a lock between processes; it goes with its holder, however that one ends."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def running(record: Path) -> Engine | None:
    """The engine of a record, if it still answers."""
    try:
        found = Engine(**json.loads(record.read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return found if answers(found) else None


def start(data_root: Path | None = None, programs: Path | None = None) -> Engine:
    """Start dockerd and wait until it answers; another bridge is tried where one is taken.

    ``programs``: a folder whose dockerd and containerd are taken before this machine's own.
    """
    path = os.pathsep.join([*([str(programs)] if programs else []), os.environ["PATH"]])
    daemon = shutil.which("dockerd", path=path) or which("dockerd") or "dockerd"
    for attempt in range(ATTEMPTS):
        root = Path(tempfile.mkdtemp(prefix="fcx-dk-", dir="/tmp"))  # a socket's path is short
        bridge = make_bridge()
        command = [daemon, "--data-root", str(data_root or root / "data")]
        command += ["--exec-root", str(root / "exec"), "--pidfile", str(root / "pid")]
        command += ["-H", f"unix://{root}/sock", *(["--bridge", bridge] if bridge else [])]
        with (root / "log").open("w") as log:
            process = subprocess.Popen(
                command,
                env={**os.environ, "PATH": path},
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        made = Engine(f"unix://{root}/sock", str(root), process.pid, bridge)
        if wait_for(lambda made=made, p=process: answers(made) or p.poll() is not None):
            if process.poll() is None:
                process.returncode = 0  # let go of it: another process of the run may end it
                return made
        log_text = (root / "log").read_text()[-2000:]
        stop(made)
        if attempt == ATTEMPTS - 1:
            raise RuntimeError(f"dockerd does not start:\n{log_text}")
    raise AssertionError


def make_bridge() -> str:
    """A network bridge of this engine's own; the common docker0 where `ip` is not here."""
    ip = which("ip")
    for _ in range(ATTEMPTS if ip else 0):
        name = f"fcx{random.randrange(16**6):06x}"
        address = f"10.{random.randrange(200, 250)}.{random.randrange(256)}.1/24"
        command = [ip, "link", "add", name, "type", "bridge"]
        if subprocess.run(command, capture_output=True, check=False).returncode == 0:
            subprocess.run([ip, "addr", "add", address, "dev", name], check=True)
            subprocess.run([ip, "link", "set", name, "up"], check=True)
            return name
    return ""


def stop(made: Engine) -> None:
    """End dockerd by its id, give back its mounts, its bridge and its files."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(made.pid, signal.SIGTERM)
        if not wait_for(lambda: ended(made.pid), STOP_TIMEOUT):
            os.kill(made.pid, signal.SIGKILL)
            wait_for(lambda: ended(made.pid), STOP_TIMEOUT)
    for mount in sorted(mounts_below(made.root), reverse=True):
        subprocess.run(["umount", "--lazy", mount], capture_output=True, check=False)
    if made.bridge:
        command = [which("ip") or "ip", "link", "del", made.bridge]
        subprocess.run(command, capture_output=True, check=False)
    shutil.rmtree(made.root, ignore_errors=True)


def mounts_below(root: str) -> list[str]:
    """The mount points in a directory."""
    points = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [point for point in points if point.startswith(root + "/")]


def ended(pid: int) -> bool:
    """Whether a process is gone, or waits only for its parent to take note."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def answers(made: Engine) -> bool:
    """Whether the engine's API says OK."""
    with socket.socket(socket.AF_UNIX) as link, contextlib.suppress(OSError):
        link.settimeout(5)
        link.connect(made.host.removeprefix("unix://"))
        link.sendall(b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n")
        return b" 200 " in link.recv(64)
    return False


def wait_for(condition, timeout: float = START_TIMEOUT) -> bool:
    """Wait until a condition holds; False if it does not in time."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def main() -> None:
    """Serve until a signal, or watch over a shared engine."""
    if sys.argv[1:2] == ["--guard"]:
        watch(Path(sys.argv[2]))
        return
    lack = missing_docker()
    if lack:
        sys.exit(lack)
    with engine() as made, contextlib.suppress(KeyboardInterrupt):
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        print(f"export DOCKER_HOST={made.host}", flush=True)
        signal.pause()


if __name__ == "__main__":
    main()
