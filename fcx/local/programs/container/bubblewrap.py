"""Image files and folders: run by bubblewrap, in this process tree."""

from __future__ import annotations

import os
from collections.abc import Mapping

from . import store
from .edf import Mount, Problem
from .session import Session
from .settings import SHELL_STATE, Settings

HOST_FILES = ("/etc/resolv.conf", "/etc/hosts", "/etc/passwd", "/etc/group")

# A root that can be written to, in a mount namespace of its own: an overlay with its upper
# layer in memory. Its arguments: a folder to mount over, the image's tree, the command.
OVERLAY = """
set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/upper" "$1/work" "$1/root"
cd "$2"
mount -t overlay -o "lowerdir=.,upperdir=$1/upper,workdir=$1/work" overlay "$1/root"
cd /
shift 2
exec "$@"
"""


class Engine:
    """Bubblewrap, and the folder where images are unpacked."""

    def __init__(self, program: str, folder: str) -> None:
        self.program, self.store = program, folder

    def run(self, image: str, settings: Settings, command: list[str]) -> int:
        """Run the command in a mount namespace that holds the image's tree as an overlay."""
        if not self.program:
            raise Problem(
                f"the image {image} is a file, which needs bubblewrap, and none was found"
            )
        if settings.entrypoint:
            raise Problem(
                "entrypoint = true: an image file's entrypoint is not run here; say false"
            )
        tree = store.tree(self.store, image)
        over = os.path.join(self.store, "over")
        os.makedirs(over, exist_ok=True)
        root = os.getuid() == 0
        outer = ["unshare", "--mount", *([] if root else ["--user", "--map-root-user"])]
        outer += ["sh", "-c", OVERLAY, "sh", over, tree, self.program]
        ids = ["--unshare-user", "--uid", str(os.getuid()), "--gid", str(os.getgid())]
        words = [*self._words(over, settings, store.environment(tree)), *([] if root else ids)]
        return Session(outer, words, command).wait()

    def _words(self, over: str, settings: Settings, image_env: Mapping[str, str]) -> list[str]:
        """Bubblewrap's words for the root, the mounts and the environment."""
        variables = settings.variables(image_env)
        words = ["--bind", f"{over}/root", "/", "--dev-bind", "/dev", "/dev"]
        words += ["--bind", "/proc", "/proc", "--ro-bind", "/sys", "/sys"]
        for path in filter(os.path.exists, HOST_FILES):
            words += ["--ro-bind", path, path]
        for mount in settings.mounts(variables):
            words += self._mount(mount)
        words += [] if settings.writable else ["--remount-ro", "/"]
        words += ["--chdir", settings.workdir(variables) or "/", "--clearenv"]
        for name, value in _environment(image_env, settings.env(variables)).items():
            words += ["--setenv", name, value]
        return words

    def _mount(self, mount: Mount) -> list[str]:
        if mount.source == "tmpfs":
            return ["--tmpfs", mount.target]
        if "sqsh" in mount.flags:
            return ["--ro-bind", store.tree(self.store, mount.source), mount.target]
        return ["--ro-bind" if "ro" in mount.flags else "--bind", mount.source, mount.target]


def _environment(image_env: Mapping[str, str], env: Mapping[str, str]) -> dict[str, str]:
    """The host's variables, the image's over them, `[env]` over both; what it leaves empty goes."""
    host = {name: value for name, value in os.environ.items() if name not in SHELL_STATE}
    whole = {**host, **image_env, **env}
    return {name: value for name, value in whole.items() if name not in env or env[name]}
