"""The rules about an EDF's keys, image, mounts and variables; each is a generator of Hits.

``edf_hooks`` has the rules about annotations, ``edf_check`` runs them all.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..config import Site
from ..parity.manifest import Manifest
from . import toml as edf_toml
from .document import Edf, expand
from .schema import KEYS, VARIABLE, Image, Mount, leaves

ERROR, WARNING = "error", "warning"

WELL_KNOWN = {
    *("SCRATCH", "USER", "HOME", "PWD", "PATH", "STORE", "PROJECT", "SHELL", "LANG", "LOGNAME"),
    *("HOSTNAME", "TMPDIR", "CLUSTER_NAME", "EDF_PATH"),
}
"""Variables that a shell on a CSCS system has; ``SLURM_*`` count as well."""

SEARCH_PATHS = ("PATH", "LD_LIBRARY_PATH", "LD_PRELOAD", "PYTHONPATH")
"""Variables through which the host's files can get ahead of the image's."""

_PYTHON_PLACES = {
    *("/", "/usr", "/usr/bin", "/usr/lib", "/usr/lib64", "/bin", "/lib", "/lib64", "/opt"),
    *("/usr/local", "/usr/local/bin", "/usr/local/lib", "/opt/venv", "/opt/conda", "/venv"),
}
_PYTHON_PARTS = re.compile(r"/(site|dist)-packages(/|$)|/lib/python3(\.\d+)?$|/bin/python[\d.]*$")
_HOME = re.compile(r"/|/(users|home)|(\$\{HOME\}|/users/[^/]+|/home/[^/]+|/root)(/\.local(/lib)?)?")
_SCRATCH = re.compile(r"\$\{SCRATCH(:-[^}]*)?\}|(/capstor|/iopsstor)?/scratch(/|$)")
_UNIQUE_TAG = re.compile(r"(^|.*[-_.])[0-9a-f]{12,64}")
_ARCHITECTURE = re.compile(r"(?:^|[-_.:/+])(arm64|aarch64|amd64|x86_64|x86)(?=[-_.:/+]|$)")
_DOCKER_NAMES = {"aarch64": "arm64", "x86_64": "amd64", "x86": "amd64"}
_PLACEHOLDER = re.compile(r"<[^<>]+>|(?i:/path/to/)")


class Hit(NamedTuple):
    """What a rule found; ``needle`` is the part of the value that the position should point at."""

    path: edf_toml.Path
    code: str
    severity: str
    what: str
    why: str
    mend: str
    needle: str = ""


@dataclass(frozen=True)
class Context:
    """What the rules look at. ``whole`` is the merged EDF, None where a base is not here."""

    data: Mapping[str, Any]
    edf: Edf
    whole: Edf | None
    dialect: str = ""
    site: Site | None = None
    manifest: Manifest | None = None
    variables: Mapping[str, str] | None = None
    exists: Callable[[str], bool] | None = None

    def refused_by(self, engine: str) -> str:
        """Severity of what only this engine refuses: empty where it does not matter."""
        if self.dialect:
            return ERROR if self.dialect == engine else ""
        return WARNING

    def strings(self) -> Iterator[tuple[edf_toml.Path, str]]:
        """Every string of the file in which variables are expanded, with its path."""
        for name, value in self.data.items():
            if name not in KEYS:
                continue
            if isinstance(value, str):
                yield (name,), value
            elif isinstance(value, list):
                yield from (((name, n), item) for n, item in enumerate(value) if item is not None)
            elif isinstance(value, dict):
                found = leaves(value)
                yield from (((name, *path), leaf) for path, leaf in found if isinstance(leaf, str))

    def mounts(self) -> Iterator[tuple[edf_toml.Path, str, Mount | None]]:
        """Every mount with its path and as it was written; None where it is no mount."""
        for number, text in enumerate(self.data.get("mounts", ())):
            if text is not None:
                yield ("mounts", number), text, Mount.parse(text)

    def missing(self, path: str) -> str:
        """The expanded path if it can be told, here, that it is not there; else empty."""
        if self.exists is None or not path.startswith(("/", "$")):
            return ""
        real = expand(path, self.variables or {}).replace("$$", "$")
        return real if real.startswith("/") and not self.exists(real) else ""


def keys(context: Context) -> Iterator[Hit]:
    """Unknown and misspelt keys, keys of one engine only, keys that slid into a table."""
    for name in context.data:
        if name == "devices" and context.dialect != "sarus":
            what, why = "devices is a key of the Sarus suite", "the CE does not know it"
            mend = "leave it out for `srun --environment`, or check with --dialect sarus"
            yield Hit((name,), "sarus-key", WARNING, what, why, mend)
        elif name not in KEYS:
            yield _unknown_key(name, context.data[name])
    for table in ("env", "annotations"):
        for name in context.data.get(table, {}):
            if name in KEYS:
                what = f"{name} stands below [{table}]"
                why = f"so it belongs to that table, and the engine sees no {name}"
                mend = "move the line up, above the first [table] of the file"
                yield Hit((table, name), "key-in-table", WARNING, what, why, mend)


def _unknown_key(name: str, value: Any) -> Hit:
    near = difflib.get_close_matches(name.lower(), KEYS, 1)
    why = "engines ignore a key that they do not know, without a word"
    if near:
        return Hit(
            (name,), "unknown-key", WARNING, f"unknown key {name}", why, f"did you mean {near[0]}?"
        )
    if isinstance(value, str) and re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        mend = "if it is an environment variable, move it below [env]"
    else:
        mend = f"known keys: {', '.join(KEYS)}"
    return Hit((name,), "unknown-key", WARNING, f"unknown key {name}", why, mend)


def scalars(context: Context) -> Iterator[Hit]:
    """Numbers and booleans where strings belong."""
    for table in ("env", "annotations"):
        for path, value in leaves(context.data.get(table, {})):
            if not isinstance(value, str):
                name = ".".join(path)
                text = str(value).lower() if isinstance(value, bool) else str(value)
                what = f"[{table}] {name} is not a string"
                why = "the documentation asks for strings; Sarus refuses anything else in [env]"
                refused = table == "env" and context.dialect == "sarus"
                severity = ERROR if refused else WARNING
                mend = f'write {path[-1]} = "{text}"'
                yield Hit((table, *path), "not-a-string", severity, what, why, mend)


def image(context: Context) -> Iterator[Hit]:
    """The image: whether there is one, and whether it is there, fixed, and spelt as it must be."""
    if context.whole and context.whole.image is None and "image" not in context.data:
        severity = ERROR if context.dialect == "sarus" else WARNING
        why = "the CE then enters no container, and Sarus refuses the file"
        mend = 'add image = "...", or base_environment; fine in a file that is only a base'
        yield Hit((), "no-image", severity, "there is no image", why, mend)
    text = context.edf.image
    if not text:
        return
    parsed = Image.parse(text)
    yield from (
        _image_path(context, parsed.path) if parsed.path else _reference(context, text, parsed)
    )
    yield from _architecture(context, text)


def _image_path(context: Context, path: str) -> Iterator[Hit]:
    here: edf_toml.Path = ("image",)
    if severity := context.refused_by("sarus"):
        why = "Sarus takes references to a registry only"
        mend = "push the image and name it as registry/name:tag; fine for the CE"
        yield Hit(here, "sqsh-image", severity, "the image is a file", why, mend)
    if path.startswith("~"):
        yield _tilde(here, "image")
    elif not path.startswith(("/", "$")):
        what, why = "the image's path is relative", _RELATIVE
        mend = "write the absolute path of the cluster"
        yield Hit(here, "image-relative", WARNING, what, why, mend)
    scratch = context.site.scratch.rstrip("/") if context.site else ""
    if _SCRATCH.match(path) or (scratch and path.startswith(f"{scratch}/")):
        what, why = "the image is on scratch", "files there are cleaned up after 30 or 14 days"
        mend = "keep it under a store or project folder, or be ready to copy it again"
        yield Hit(here, "scratch-image", WARNING, what, why, mend)
    if real := context.missing(path):
        what, why = f"there is no {real} here", "the engine's own message will be hard to read"
        yield Hit(here, "missing-image", ERROR, what, why, "copy the image there, or mend the path")


def _reference(context: Context, text: str, parsed: Image) -> Iterator[Hit]:
    here: edf_toml.Path = ("image",)
    if "://" in text or re.search(r"\s", text):
        what = "the image is neither a path nor a reference"
        why = "a reference has no scheme and no blanks"
        severity = ERROR if re.search(r"\s", text) else WARNING
        mend = "write [REGISTRY#]NAME:TAG for the CE, [REGISTRY/]NAME:TAG for Sarus"
        yield Hit(here, "image-form", severity, what, why, mend)
        return
    yield from _separator(context, parsed)
    literal = VARIABLE.sub("", parsed.repository)
    if literal != literal.lower():
        what, why = "the repository has upper-case letters", "registries take lower case only"
        mend = f"write {VARIABLE.sub(lambda m: m[0], parsed.repository.lower())}"
        yield Hit(here, "uppercase-repository", ERROR, what, why, mend, parsed.repository)
    if not parsed.digest and "$" not in text and not _UNIQUE_TAG.fullmatch(parsed.tag):
        what = f"the tag {parsed.tag or 'latest'} may move"
        why = "the engine keeps the first image of that name in its cache, however old it gets"
        mend = "name a digest (NAME@sha256:...), as `fcx image push` and `fcx edf write` do"
        yield Hit(here, "moving-tag", WARNING, what, why, mend, parsed.tag)


def _separator(context: Context, parsed: Image) -> Iterator[Hit]:
    here: edf_toml.Path = ("image",)
    if parsed.hashed and (severity := context.refused_by("sarus")):
        what, why = "the registry ends in '#'", "Sarus takes registry/image"
        mend = f"for Sarus write {parsed.spelt('sarus')}; fine for the CE"
        yield Hit(here, "registry-separator", severity, what, why, mend, "#")
    elif parsed.registry and not parsed.hashed and context.dialect != "sarus":
        what = "the registry ends in '/'"
        why = "the CE's documented form is registry#image; older ones look on Docker Hub instead"
        mend = f"write {parsed.spelt('ce')}"
        yield Hit(here, "registry-separator", WARNING, what, why, mend, "/")


def _architecture(context: Context, text: str) -> Iterator[Hit]:
    site, manifest = context.site, context.manifest
    if not site or not site.architecture:
        return
    if manifest:
        found, severity = manifest.architecture, ERROR
    else:
        named = _ARCHITECTURE.search(text)
        found, severity = (_DOCKER_NAMES.get(named[1], named[1]) if named else ""), WARNING
    if found and found != site.architecture:
        what = f"the image is for {found}, {site.name} is {site.architecture}"
        why = "its programs cannot run there; the CE says so only in passing"
        mend = f"build it with `fcx image build --platform linux/{site.architecture}`"
        yield Hit(("image",), "architecture", severity, what, why, mend)


def mounts(context: Context) -> Iterator[Hit]:
    """Mounts that cannot be understood, are not there, or would be taken differently."""
    for path, text, mount in context.mounts():
        if mount is None:
            what, why = f"{text!r} is no mount", "a mount is SRC:DST or SRC:DST:FLAGS"
            mend = "write the source and the target, both absolute, with one colon in between"
            yield Hit(path, "mount-form", ERROR, what, why, mend)
            continue
        yield from _mount_ends(context, path, mount)
        if mount.single and (severity := context.refused_by("sarus")):
            what, why = f"{text} is a single path", "Sarus wants source and target; the CE takes it"
            yield Hit(path, "single-path-mount", severity, what, why, f'write "{text}:{text}"')
        if any("," in flag for flag in mount.flags):
            what, why = "the mount's flags are joined by ','", "engines join them by '+'"
            yield Hit(path, "mount-flags", WARNING, what, why, "write them as ro+private", ",")


_RELATIVE = "it is looked for in the folder that srun is called in, not beside the EDF"


def _mount_ends(context: Context, path: edf_toml.Path, mount: Mount) -> Iterator[Hit]:
    source, target = mount.source, mount.target
    if source.startswith("~") or target.startswith("~"):
        yield _tilde(path, "mount")
    elif source not in ("tmpfs", "umount") and not source.startswith(("/", "$")):
        severity = WARNING if source.startswith(".") else context.refused_by("sarus") or WARNING
        what = f"the mount's source {source} is relative"
        yield Hit(path, "mount-relative", severity, what, _RELATIVE, "write the absolute path")
    if not mount.single and not target.startswith(("/", "$", "~")):
        severity = context.refused_by("sarus") if target[0] != "." else ""
        severity = severity or WARNING
        what = f"the mount's target {target} is not absolute"
        why = "a container has no folder to start it from"
        yield Hit(path, "mount-target", severity, what, why, "write the absolute path")
    if real := context.missing(source):
        what, why = f"there is no {real} here", "the container does not start then"
        yield Hit(path, "missing-source", ERROR, what, why, "make the folder, or mend the path")


def _tilde(path: edf_toml.Path, name: str) -> Hit:
    what, why = f"~ in {name}", "engines expand variables, not ~"
    return Hit(path, "tilde", WARNING, what, why, "write ${HOME}", "~")


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
            why = "calls then run the host's files, not the image's"
            mend = "mount it elsewhere in the container, as /host" + target.rstrip("/")
            yield Hit(path, "shadows-python", severity, what, why, mend)
        elif _HOME.fullmatch(target) and not safe:
            what = f"the mount at {target} brings ~/.local into the image"
            why = "packages that you installed there with pip get ahead of the image's own"
            mend = 'add PYTHONNOUSERSITE = "1" below [env], or mount only the folder you need'
            yield Hit(path, "home-without-nousersite", WARNING, what, why, mend)


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


def settings(context: Context) -> Iterator[Hit]:
    """Entrypoint left to chance, a workdir that is no path, placeholders, bytes that cannot be."""
    whole = context.whole
    if whole and whole.image and whole.entrypoint is None:
        what, why = (
            "entrypoint is not said",
            "one engine runs the image's entrypoint, another does not",
        )
        mend = "write entrypoint = false (or true, if the image needs it)"
        yield Hit(("image",), "entrypoint-unsaid", WARNING, what, why, mend)
    workdir = context.edf.workdir
    if workdir and workdir.startswith("~"):
        yield _tilde(("workdir",), "workdir")
    elif workdir and not workdir.startswith(("/", "$")):
        what = "workdir is not absolute"
        yield Hit(("workdir",), "workdir-relative", WARNING, what, _RELATIVE, "write it from /")
    for path, text in context.strings():
        found = _PLACEHOLDER.search(text)
        if found and path[0] != "env":
            what, why = f"{found[0]} is a placeholder", "it was meant to be replaced"
            mend = "put your own value in its place"
            yield Hit(path, "placeholder", WARNING, what, why, mend, found[0])
        if "\0" in text or (path[0] == "env" and re.search(r"[=\0]|^$", str(path[1]))):
            what, why = "a NUL, or '=' in a name", "no process can be given such a variable"
            yield Hit(path, "env-name", ERROR, what, why, "take it out")


def variables(context: Context) -> Iterator[Hit]:
    """Variables that are not braced, not defined, or not what an engine expands."""
    for path, text in context.strings():
        for match in VARIABLE.finditer(text):
            if match["bare"] and context.dialect != "sarus":
                what, why = f"{match[0]} has no braces", "the CE takes it as it stands"
                mend = f"write ${{{match['bare']}}}, or $$ for a dollar sign"
                yield Hit(path, "unbraced-variable", WARNING, what, why, mend, match[0])
            elif match["command"]:
                what, why = "a command in $( )", "no engine runs it"
                mend = "put its result there, or export a variable and name that"
                yield Hit(path, "command-substitution", WARNING, what, why, mend, "$(")
            elif match["odd"]:
                what, why = f"{match[0]} is no variable", "only ${NAME} and ${NAME:-default} are"
                mend = "write ${NAME:-default}, or $$ for a dollar sign"
                yield Hit(path, "odd-variable", WARNING, what, why, mend, match[0])
            elif match["name"]:
                yield from _defined(context, path, match)


def _defined(context: Context, path: edf_toml.Path, match: re.Match[str]) -> Iterator[Hit]:
    name, env = match["name"], (context.whole or context.edf).env
    if path[0] == "env" and name in env and path[-1] != name:
        what = f"{match[0]} is another entry of [env]"
        why = "entries cannot see each other: the host's value is taken, if it has one"
        mend = "write the value out"
        yield Hit(path, "env-refers-env", WARNING, what, why, mend, match[0])
        return
    in_image = context.manifest is not None and name in context.manifest.env
    if match["default"] is not None or in_image:
        return
    why, mend = "an undefined variable is an error", f"write ${{{name}:-}} if it may be missing"
    if context.variables is not None:
        if name not in context.variables:
            what = f"{match[0]} is not defined here"
            yield Hit(path, "undefined-variable", ERROR, what, why, mend, match[0])
    elif name not in WELL_KNOWN and not name.startswith("SLURM_"):
        what = f"{match[0]} may be undefined"
        mend = f"export it before srun, or {mend}"
        yield Hit(path, "undefined-variable", WARNING, what, why, mend, match[0])


def search_paths(context: Context) -> Iterator[Hit]:
    """``PATH`` and its like, where they let the host's files in."""
    env = context.data.get("env", {})
    for name in SEARCH_PATHS:
        text = env.get(name)
        if not isinstance(text, str):
            continue
        for match in VARIABLE.finditer(text):
            if (match["name"] or match["bare"]) in SEARCH_PATHS:
                what = f"{name} takes in the host's {match[0]}"
                why = "programs and libraries of the host then run in place of the image's"
                mend = f"write {name} out, absolute; `fcx edf write` has the image's own"
                yield Hit(("env", name), "path-from-host", WARNING, what, why, mend, match[0])
        relative = [e for e in text.split(":") if not e.startswith(("/", "$"))]
        if name == "PATH" and relative:
            what = f"PATH has the entry {relative[0]!r}" if text else "PATH is unset"
            why = "programs are then looked for in the current folder, or not found at all"
            mend = "write absolute folders only"
            yield Hit(("env", name), "path-relative", WARNING, what, why, mend)


RULES = (keys, scalars, image, mounts, shadowing, settings, variables, search_paths)
