"""The files by which enroot knows an image: its variables, mounts and start-up script (pure)."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from ..errors import ImageRefused

RC = """\
mkdir -p {workdir} 2> /dev/null
cd {workdir} && unset OLDPWD || exit 1

if [ -s /etc/rc.local ]; then
    . /etc/rc.local
fi

if [ $# -gt 0 ]; then
    exec {entrypoint}"$@"
else
    exec {entrypoint}{command}
fi
"""


def layout(attrs: Mapping[str, Any]) -> dict[str, tuple[int, bytes]]:
    """{path: (mode, content)} of the files that tell enroot what the image's record says."""
    config = attrs.get("Config") or {}
    env = config.get("Env") or []
    broken = [pair.partition("=")[0] for pair in env if "\n" in pair]
    if broken:
        raise ImageRefused(
            f"The image's variable {broken[0]} holds a line break, which /etc/environment cannot. "
            "Take it out of the Dockerfile's ENV."
        )
    volumes = sorted(config.get("Volumes") or {})
    mounts = [
        f"${{ENROOT_ROOTFS}}{v} {v} none x-create=dir,bind,rw,nosuid,nodev\n" for v in volumes
    ]
    return {
        "etc/environment": (0o644, "".join(f"{pair}\n" for pair in env).encode()),
        "etc/fstab": (0o644, "".join(mounts).encode()),
        "etc/rc": (0o755, _rc(config).encode()),
    }


def mode_there(mode: int, name: str, *, folder: bool) -> int:
    """The mode under which enroot keeps what an export has: its owner may read it, at least.

    As `chmod u+rX` does it; and may write into a folder of the first five levels.
    """
    mode |= 0o400
    if folder or mode & 0o111:
        mode |= 0o100
    return mode | 0o200 if folder and name.count("/") < 5 else mode


def _rc(config: Mapping[str, Any]) -> str:
    """The script that enroot starts: labels as comments, workdir, entrypoint and command."""
    labels = sorted((config.get("Labels") or {}).items())
    comments = "".join(f"# {key} {' '.join(value.split())}\n" for key, value in labels)
    entrypoint, command = config.get("Entrypoint") or [], config.get("Cmd") or []
    if not entrypoint and not command:
        command = ["/bin/sh"]
    return comments + RC.format(
        workdir=shlex.quote(config.get("WorkingDir") or "/"),
        entrypoint="".join(shlex.quote(word) + " " for word in entrypoint),
        command=shlex.join(command),
    )
