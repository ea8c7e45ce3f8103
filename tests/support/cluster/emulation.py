"""Programs of another processor on this machine, for as long as a `with` block lasts.

Handlers of the kernel are the whole machine's: one lock is held by whoever changes them, and by
whoever counts on there being none. What is registered here is taken out again.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from cluster.bases import docker, imported
from cluster.engine import Engine, exclusive, which
from cluster.foreign import debian_root
from fcx.image.emulation import HANDLERS, known_handlers, program

PACKAGE = "apt-get install qemu-user-static"
QEMU = "qemu-aarch64-static"
LOCK = Path("/tmp/fcx-binfmt-misc.lock")
MAGIC = r"\x7fELF\x02\x01\x01" + r"\x00" * 9 + r"\x02\x00\xb7\x00"
MASK = r"\xff" * 7 + r"\x00" + r"\xff" * 8 + r"\xfe\xff\xff\xff"
BASE = "arm64-base:1"


def missing_emulation() -> str | None:
    """What this machine lacks for it, or None."""
    if os.geteuid() != 0:
        return "handlers of the kernel are registered by root"
    return None if shutil.which(QEMU) else f"no {QEMU} here: {PACKAGE}"


@contextlib.contextmanager
def handlers() -> Iterator[Path]:
    """The kernel's list, mounted and locked; what goes for arm64 in it is switched off."""
    LOCK.touch(mode=0o666)
    with LOCK.open() as lock, contextlib.ExitStack() as undo:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (HANDLERS / "register").exists():
            subprocess.run(["mount", "-t", "binfmt_misc", "binfmt_misc", HANDLERS], check=True)
            undo.callback(subprocess.run, ["umount", "--lazy", HANDLERS], check=True)
        for left in HANDLERS.glob("fcx-*"):  # by a run that was killed: the lock is ours now
            left.write_text("-1")
        for one in known_handlers(HANDLERS):
            if one.enabled and one.takes(program("arm64")):
                (HANDLERS / one.name).write_text("0")
                undo.callback((HANDLERS / one.name).write_text, "1")
        yield HANDLERS


@contextlib.contextmanager
def registered(folder: Path, flags: str = "FOC") -> Iterator[str]:
    """A handler for arm64 in the list: its name."""
    name = f"fcx-{secrets.token_hex(4)}"
    line = f":{name}:M::{MAGIC}:{MASK}:{shutil.which(QEMU)}:{flags}"
    (folder / "register").write_text(line)
    try:
        yield name
    finally:
        (folder / name).write_text("-1")


def arm_files(engine: Engine) -> str:
    """The tag of an image with arm64 files, which its record takes for this machine's own."""
    return imported(engine, "arm:1", debian_root)


def arm_image(engine: Engine) -> str:
    """The tag of a base with Debian's Python for arm64 and dill, that says what it is."""
    source = arm_files(engine)

    def fill(folder: Path) -> None:
        made = docker(engine, "create", source).stdout.strip()
        docker(engine, "export", "--output", str(folder / "root.tar"), made)
        docker(engine, "rm", made)

    head = 'FROM scratch\nADD root.tar /\nENV PATH=/usr/local/bin:/usr/bin:/bin\nCMD ["sh"]\n'
    return arm_built(engine, BASE, head, fill)


def arm_built(engine: Engine, tag: str, dockerfile: str, fill: Callable[[Path], None]) -> str:
    """An image for arm64 of what `fill` puts into a folder, unless this engine has it already.

    The Dockerfile runs nothing: nobody has to emulate that.
    """
    with exclusive(Path(engine.root) / "bases.lock"):
        if docker(engine, "image", "inspect", tag, check=False).returncode == 0:
            return tag
        with tempfile.TemporaryDirectory(dir=engine.root) as scratch:
            fill(Path(scratch))
            Path(scratch, "Dockerfile").write_text(dockerfile)
            env = {**os.environ, **engine.env, "DOCKER_BUILDKIT": "0"}
            command = [which("docker") or "docker", "build", "--platform", "linux/arm64"]
            command += ["--tag", tag, scratch]
            subprocess.run(command, env=env, check=True, capture_output=True)
    return tag
