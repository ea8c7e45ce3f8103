"""Mounts that are none, that are not there, or that an engine takes differently."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator

from ..mounts import Mount, split
from ..toml import Path
from . import fixes
from .context import ERROR, RELATIVE, WARNING, Context, Hit, is_rooted, tilde
from .flags import flags

_EXPANSION = re.compile(r"\$\{(\w+)([^}]*)\}")
_IN_MEMORY = "/dev/shm"  # noqa: S108 - the node's, named to a reader


def mounts(context: Context) -> Iterator[Hit]:
    """Mounts that cannot be understood, are not there, or would be taken differently."""
    for path, text, mount in context.mounts():
        if mount is None:
            what, why = f"{text!r} is no mount", "a mount is SRC:DST or SRC:DST:FLAGS"
            fix = "write the source and the target, both absolute, with one colon in between"
            yield Hit(path, "mount-form", ERROR, what, why, fix)
            continue
        if context.sarus:
            yield from _sarus(path, text, mount)
        yield from _source(context, path, mount)
        yield from _target(context, path, mount)
        yield from flags(context, path, mount)


def _sarus(path: Path, text: str, mount: Mount) -> Iterator[Hit]:
    """What the Sarus suite's parser refuses: it splits at each colon."""
    if mount.single:
        what, why = f"{text} is a single path", "Sarus wants source and target"
        fix = _without_colons(mount)
        yield Hit(path, "single-path-mount", ERROR, what, why, fix)
    elif mount.source in ("tmpfs", "umount"):
        what, why = f"{mount.source} as a source", "Sarus mounts files and folders only"
        fix = fixes.OUT
        if mount.source == "tmpfs":
            fix += f"; for a folder in memory {fixes.item(f'{_IN_MEMORY}:{mount.target}')}"
        yield Hit(path, "mount-source", ERROR, what, why, fix)
    elif text.count(":") + 1 != len(split(text)) or text.endswith(":"):
        what, why = f"{text!r} has colons to spare", "Sarus splits a mount at each of them"
        yield Hit(path, "mount-colons", ERROR, what, why, _without_colons(mount))


def _without_colons(mount: Mount) -> str:
    """The fix: expansions in Bash's forms without a colon, as ``${NAME-default}``."""

    def plain(match: re.Match[str]) -> str:
        name, rest = match.groups()
        shorter = rest[1:] if re.match(":[-+=?]", rest) else rest
        return f"${{{name}{shorter}}}" if ":" not in shorter else f"${{{name}}}"

    text = _EXPANSION.sub(plain, str(mount))
    whole = all(":" not in match[2][2:] for match in _EXPANSION.finditer(str(mount)))
    more = "" if whole else ", and export its variable before srun with the value that is meant"
    return fixes.item(text) + more


def _source(context: Context, path: Path, mount: Mount) -> Iterator[Hit]:
    source = mount.source
    if source.startswith("~") or mount.target.startswith("~"):
        yield tilde(path, "mount")
    elif source not in ("tmpfs", "umount") and not is_rooted(source):
        severity = ERROR if context.sarus and not source.startswith(".") else WARNING
        what = f"the mount's source {source} is relative"
        yield Hit(path, "mount-relative", severity, what, RELATIVE, "write the absolute path")
    if real := context.missing(source):
        what, why = f"there is no {real} on this machine", "the container does not start then"
        fix = f"make the folder, `mkdir -p {real}`, or correct it"
        yield Hit(path, "missing-source", ERROR, what, why, fix)


def _target(context: Context, path: Path, mount: Mount) -> Iterator[Hit]:
    target = mount.target
    if mount.single or target.startswith("~") or is_rooted(target):
        return
    severity = ERROR if context.sarus and not target.startswith(".") else WARNING
    what = f"the mount's target {target} is not absolute"
    why, fix = "a container has no folder to start it from", "write the absolute path"
    if re.fullmatch(r"(r[ow]|r?(private|slave|shared)|sqsh)(\+.*)?", target) and not mount.flags:
        why = "flags are the third part of a mount, and this has two"
        fix = fixes.item(f"{mount.source}:{mount.source}:{target}")
    yield Hit(path, "mount-target", severity, what, why, fix)


def one_target(context: Context) -> Iterator[Hit]:
    """Mounts of different sources on one target, of which the last hides the others."""
    below = (Mount.parse(text) for base in context.bases for text in base.mounts)
    taken = {_plain(mount.target): _plain(mount.source) for mount in below if mount}
    for path, _, mount in context.mounts():
        if mount is None or mount.source == "umount":
            continue
        source, target = _plain(mount.source), _plain(mount.target)
        earlier = taken.get(target, source)
        if earlier not in (source, "umount"):
            what = f"{earlier} and {source} are both mounted at {target}"
            why, fix = "the last one hides what was mounted before it", f"{fixes.OUT}, or the other"
            yield Hit(path, "mount-twice", WARNING, what, why, fix)
        taken[target] = source


def _plain(path: str) -> str:
    return posixpath.normpath(path) if path.startswith(("/", "$")) else path
