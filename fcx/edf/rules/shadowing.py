"""Mounts that hide what the image brings, or let a home's packages in."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ...parity.manifest import Manifest
from ...parity.snapshot import Interpreter
from ..mounts import Mount
from . import fixes
from .context import ERROR, NOTE, WARNING, Context, Hit

_PYTHON_PLACES = {
    *("/", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/bin", "/lib", "/lib64", "/opt"),
    *("/usr/local", "/usr/local/bin", "/usr/local/lib", "/opt/venv", "/opt/conda", "/venv"),
}
_PYTHON_PARTS = re.compile(
    r"/(site|dist)-packages(/|$)|/lib(64)?/python3(\.\d+)?$|/bin/python[\d.]*$"
    r"|/(\.?venv|virtualenv|(mini|micro|ana|mamba)?(conda|mamba|forge)3?|\.pyenv)(/(bin|lib))?$|/envs/[^/]+$"
)
_HOME = re.compile(r"/|/(users|home)|(\$\{HOME\}|/users/[^/]+|/home/[^/]+|/root)(/\.local(/lib)?)?")
_SYSTEM = {"/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin"}
_IDENTITY = "/etc/fcx/image.json"


def shadowing(context: Context) -> Iterator[Hit]:
    """Mounts that hide the image's Python, or let a home's packages in."""
    safe = context.whole is None or bool(context.whole.env.get("PYTHONNOUSERSITE"))
    for path, _, mount in context.mounts():
        if mount is None:
            continue
        target = mount.target.rstrip("/") or "/"
        hidden, severity = _hidden(context, target)
        if hidden and mount.source != "umount":
            what = f"the mount at {target} hides {hidden}"
            why = "tasks then run the host's files, not the image's"
            moved = Mount(mount.source, "/host" + target.rstrip("/"), mount.flags)
            fix = f"mount it elsewhere in the container: {fixes.item(str(moved))}"
            yield Hit(path, "shadows-python", severity, what, why, fix)
        elif _HOME.fullmatch(target) and not safe:
            what = f"the mount at {target} brings ~/.local into the image"
            why = "packages that you installed there with pip get ahead of the image's own"
            fix = fixes.below(context.index, "env", "PYTHONNOUSERSITE", "1")
            fix += ", or mount only the folder you need"
            yield Hit(path, "home-without-nousersite", NOTE, what, why, fix)


def _hidden(context: Context, target: str) -> tuple[str, str]:
    """What of Python a mount hides, and how bad that is; the manifest knows, else it is a guess."""
    if context.manifest is not None:
        return _known(context.manifest, target)
    for folder in _environments(context):
        if _covers(target, folder) or target in (f"{folder}/bin", f"{folder}/lib"):
            return f"the environment {folder}, which PATH names", WARNING
    if target in _PYTHON_PLACES or _PYTHON_PARTS.search(target):
        return "what the image has there, Python most likely", WARNING
    return "", WARNING


def _environments(context: Context) -> Iterator[str]:
    """Folders of environments that the file's own ``[env]`` names."""
    env = (context.whole or context.edf).env
    for entry in env.get("PATH", "").split(":"):
        if entry.startswith("/") and entry.endswith("/bin") and entry not in _SYSTEM:
            yield entry.removesuffix("/bin")
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONHOME"):
        if env.get(name, "").startswith("/"):
            yield env[name].rstrip("/")


def _known(manifest: Manifest, target: str) -> tuple[str, str]:
    python = manifest.python
    if _covers(target, python.executable):
        return f"the interpreter {python.executable}", ERROR
    for library in _libraries(python):
        if _covers(target, library) or _covers(library, target):
            return f"Python's library {library}", WARNING
    for folder in filter(None, manifest.env.get("PYTHONPATH", "").split(":")):
        if _covers(target, folder) or _covers(folder, target):
            return f"{folder}, from which the image takes modules", WARNING
    if manifest.build_id and _covers(target, _IDENTITY):
        return f"{_IDENTITY}, by which the image is known", WARNING
    return "", WARNING


def _libraries(python: Interpreter) -> Iterator[str]:
    """Where an interpreter has its modules and packages, Debian's own place among them."""
    for prefix in filter(None, dict.fromkeys((python.prefix, python.base_prefix))):
        yield f"{prefix}/lib/python{python.minor}"
        yield f"{prefix}/lib64/python{python.minor}"
        yield f"{prefix}/lib/python3/dist-packages"


def _covers(folder: str, path: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
