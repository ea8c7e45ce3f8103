"""A mount's flags: joined as the engine joins them, and known to it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator

from ..mounts import Mount
from ..toml import Path
from . import fixes
from .context import ERROR, WARNING, Context, Hit

_PROPAGATION = {
    way + kind for way in ("", "r") for kind in ("private", "slave", "shared", "unbindable")
}
_BOTH = {"ro", "rw", "bind", "rbind", "dev", "nodev", "suid", "nosuid", "exec", "noexec"}
_CE = {
    *("sqsh", "x-create=dir", "x-create=file", "x-create=auto", "x-move", "x-detach", "defaults"),
    *("atime", "noatime", "diratime", "nodiratime", "relatime", "norelatime", "strictatime"),
    *("nostrictatime", "lazytime", "nolazytime", "sync", "async", "dirsync", "remount"),
    *("mand", "nomand", "iversion", "noiversion", "silent", "loud", "nofail"),
}
_PODMAN = {"z", "Z", "O", "U", "copy", "nocopy", "idmap"}
_MEANT = {
    **dict.fromkeys(("readonly", "read-only", "read_only", "r", "RO"), "ro"),
    **dict.fromkeys(("readwrite", "read-write", "read_write", "w", "RW"), "rw"),
}
_VALUED = re.compile(r"(size|mode|uid|gid|nr_inodes|nr_blocks|mpol|huge)=.*|idmap=.*")


def flags(context: Context, path: Path, mount: Mount) -> Iterator[Hit]:
    """Flags that are joined as another engine joins them, or that nobody knows."""
    if not mount.flags or any("$" in flag for flag in mount.flags):
        return
    joint, other = (",", "+") if context.sarus else ("+", ",")
    given = [flag for part in mount.flags for flag in part.split(",")]
    if other in "+".join(mount.flags):
        what, why = f"the mount's flags are joined by '{other}'", f"the engine wants '{joint}'"
        severity = ERROR if context.sarus else WARNING
        fix = _rewritten(mount, given, joint)
        yield Hit(path, "mount-flags", severity, what, why, fix, other)
        return
    yield from _sqsh(context, path, mount, given, joint)
    known = _BOTH | _PROPAGATION | (_PODMAN if context.sarus else _CE) | {"sqsh"}
    for flag in given:
        if flag in known or (_VALUED.fullmatch(flag) and mount.source == "tmpfs"):
            continue
        near = [_MEANT[flag]] if flag in _MEANT else _near(flag, known)
        what = f"unknown mount flag {flag!r}"
        why = "the mount fails with it, or goes on without what it was meant for"
        better = [near[0] if one == flag and near else one for one in given]
        fix = _rewritten(mount, [one for one in better if one in known], joint)
        yield Hit(path, "mount-flag", WARNING, what, why, fix, flag)


def _near(flag: str, known: set[str]) -> list[str]:
    return difflib.get_close_matches(flag.lower(), sorted(known), 1)


def _sqsh(
    context: Context, path: Path, mount: Mount, given: list[str], joint: str
) -> Iterator[Hit]:
    if "sqsh" not in given:
        return
    if context.sarus:
        what, why = "a SquashFS file is mounted", "Sarus does not mount them yet"
        fix = "unpack it (`unsquashfs`) and mount the folder, or put the files into the image"
        yield Hit(path, "mount-sqsh", ERROR, what, why, fix, "sqsh")
    elif len(given) > 1:
        what, why = "sqsh beside other flags", "the CE mounts a SquashFS only where it stands alone"
        yield Hit(path, "mount-flag", WARNING, what, why, _rewritten(mount, ["sqsh"], joint))


def _rewritten(mount: Mount, given: list[str], joint: str) -> str:
    whole = [mount.source, mount.target, joint.join(dict.fromkeys(given))]
    return fixes.item(":".join(part for part in whole if part))
