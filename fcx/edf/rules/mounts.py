"""Mounts that are none, or that hide what the image brings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...parity.manifest import Manifest
from ..mounts import Mount
from ..toml import Path
from .context import ERROR, RELATIVE, WARNING, Context, Hit, tilde

_PYTHON_PLACES = {
    *("/", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/bin", "/lib", "/lib64", "/opt"),
    *("/usr/local", "/usr/local/bin", "/usr/local/lib", "/opt/venv", "/opt/conda", "/venv"),
}
_PYTHON_PARTS = re.compile(r"/(site|dist)-packages(/|$)|/lib/python3(\.\d+)?$|/bin/python[\d.]*$")
_HOME = re.compile(r"/|/(users|home)|(\$\{HOME\}|/users/[^/]+|/home/[^/]+|/root)(/\.local(/lib)?)?")


def mounts(context: Context) -> Iterator[Hit]:
    """Mounts that cannot be understood, are not there, or would be taken differently."""
    for path, text, mount in context.mounts():
        if mount is None:
            what, why = f"{text!r} is no mount", "a mount is SRC:DST or SRC:DST:FLAGS"
            fix = "write the source and the target, both absolute, with one colon in between"
            yield Hit(path, "mount-form", ERROR, what, why, fix)
            continue
        yield from _mount_ends(context, path, mount)
        if mount.single and (severity := context.refused_by("sarus")):
            what, why = f"{text} is a single path", "Sarus wants source and target; the CE takes it"
            yield Hit(path, "single-path-mount", severity, what, why, f'write "{text}:{text}"')
        if any("," in flag for flag in mount.flags):
            what, why = "the mount's flags are joined by ','", "engines join them by '+'"
            yield Hit(path, "mount-flags", WARNING, what, why, "write them as ro+private", ",")


def _mount_ends(context: Context, path: Path, mount: Mount) -> Iterator[Hit]:
    source, target = mount.source, mount.target
    if source.startswith("~") or target.startswith("~"):
        yield tilde(path, "mount")
    elif source not in ("tmpfs", "umount") and not source.startswith(("/", "$")):
        severity = WARNING if source.startswith(".") else context.refused_by("sarus") or WARNING
        what = f"the mount's source {source} is relative"
        yield Hit(path, "mount-relative", severity, what, RELATIVE, "write the absolute path")
    if not mount.single and not target.startswith(("/", "$", "~")):
        severity = context.refused_by("sarus") if target[0] != "." else ""
        severity = severity or WARNING
        what = f"the mount's target {target} is not absolute"
        why = "a container has no folder to start it from"
        yield Hit(path, "mount-target", severity, what, why, "write the absolute path")
    if real := context.missing(source):
        what, why = f"there is no {real} on this machine", "the container does not start then"
        yield Hit(path, "missing-source", ERROR, what, why, "make the folder, or correct it")


def shadowing(context: Context) -> Iterator[Hit]:
    """Mounts that hide the image's Python, or let a home's packages in."""
    safe = context.whole is None or bool(context.whole.env.get("PYTHONNOUSERSITE"))
    for path, _, mount in context.mounts():
        if mount is None:
            continue
        target = mount.target.rstrip("/") or "/"
        hidden, severity = _hidden(target, context.manifest)
        if hidden and mount.source != "umount":
            what = f"the mount at {target} hides {hidden}"
            why = "tasks then run the host's files, not the image's"
            fix = "mount it elsewhere in the container, as /host" + target.rstrip("/")
            yield Hit(path, "shadows-python", severity, what, why, fix)
        elif _HOME.fullmatch(target) and not safe:
            what = f"the mount at {target} brings ~/.local into the image"
            why = "packages that you installed there with pip get ahead of the image's own"
            fix = 'add PYTHONNOUSERSITE = "1" below [env], or mount only the folder you need'
            yield Hit(path, "home-without-nousersite", WARNING, what, why, fix)


def _hidden(target: str, manifest: Manifest | None) -> tuple[str, str]:
    """What of Python a mount hides, and how bad that is; the manifest knows, else it is a guess."""
    if manifest is None:
        likely = target in _PYTHON_PLACES or bool(_PYTHON_PARTS.search(target))
        return ("what the image has there, Python most likely" if likely else ""), WARNING
    python = manifest.python
    if _covers(target, python.executable):
        return f"the interpreter {python.executable}", ERROR
    for prefix in (python.prefix, python.base_prefix):
        library = f"{prefix}/lib/python{python.minor}"
        if prefix and (_covers(target, library) or _covers(library, target)):
            return f"Python's library {library}", WARNING
    return "", WARNING


def _covers(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
