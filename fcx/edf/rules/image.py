"""The image: whether there is one, and whether it is there, fixed, and spelt as it must be."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..reference import Reference
from ..toml import Path
from ..variables import VARIABLE
from .context import ERROR, RELATIVE, WARNING, Context, Hit, tilde

_IMAGE: Path = ("image",)
_SCRATCH = re.compile(r"\$\{SCRATCH(:-[^}]*)?\}|(/capstor|/iopsstor)?/scratch(/|$)")
_UNIQUE_TAG = re.compile(r"(^|.*[-_.])[0-9a-f]{12,64}")
_ARCHITECTURE = re.compile(r"(?:^|[-_.:/+])(arm64|aarch64|amd64|x86_64|x86)(?=[-_.:/+]|$)")
_DOCKER_NAMES = {"aarch64": "arm64", "x86_64": "amd64", "x86": "amd64"}


def image(context: Context) -> Iterator[Hit]:
    """The image: whether there is one, and whether it is there, fixed, and spelt as it must be."""
    if context.whole and context.whole.image is None and "image" not in context.data:
        severity = ERROR if context.dialect == "sarus" else WARNING
        why = "the CE then enters no container, and Sarus refuses the file"
        fix = 'add image = "...", or base_environment; fine in a file that is only a base'
        yield Hit((), "no-image", severity, "there is no image", why, fix)
    text = context.edf.image
    if not text:
        return
    parsed = Reference.parse(text)
    yield from (
        _image_path(context, parsed.path) if parsed.path else _reference(context, text, parsed)
    )
    yield from _architecture(context, text)


def _image_path(context: Context, path: str) -> Iterator[Hit]:
    if severity := context.refused_by("sarus"):
        why = "Sarus takes references to a registry only"
        fix = "push the image and name it as registry/name:tag; fine for the CE"
        yield Hit(_IMAGE, "sqsh-image", severity, "the image is a file", why, fix)
    if path.startswith("~"):
        yield tilde(_IMAGE, "image")
    elif not path.startswith(("/", "$")):
        what, why = "the image's path is relative", RELATIVE
        fix = "write the absolute path of the cluster"
        yield Hit(_IMAGE, "image-relative", WARNING, what, why, fix)
    scratch = context.site.scratch.rstrip("/") if context.site else ""
    if _SCRATCH.match(path) or (scratch and path.startswith(f"{scratch}/")):
        what, why = "the image is on scratch", "files there are cleaned up after 30 or 14 days"
        fix = "keep it under a store or project folder, or be ready to copy it again"
        yield Hit(_IMAGE, "scratch-image", WARNING, what, why, fix)
    if real := context.missing(path):
        what = f"there is no {real} on this machine"
        why = "the engine's own message will be hard to read"
        yield Hit(_IMAGE, "missing-image", ERROR, what, why, "copy the image there, or correct it")


def _reference(context: Context, text: str, parsed: Reference) -> Iterator[Hit]:
    if "://" in text or re.search(r"\s", text):
        what = "the image is neither a path nor a reference"
        why = "a reference has no scheme and no blanks"
        severity = ERROR if re.search(r"\s", text) else WARNING
        fix = "write [REGISTRY#]NAME:TAG for the CE, [REGISTRY/]NAME:TAG for Sarus"
        yield Hit(_IMAGE, "image-form", severity, what, why, fix)
        return
    yield from _separator(context, parsed)
    literal = VARIABLE.sub("", parsed.repository)
    if literal != literal.lower():
        what, why = "the repository has upper-case letters", "registries take lower case only"
        fix = f"write {VARIABLE.sub(lambda m: m[0], parsed.repository.lower())}"
        yield Hit(_IMAGE, "uppercase-repository", ERROR, what, why, fix, parsed.repository)
    if not parsed.digest and "$" not in text and not _UNIQUE_TAG.fullmatch(parsed.tag):
        what = f"the tag {parsed.tag or 'latest'} may move"
        why = "the engine keeps the first image of that name in its cache, however old it gets"
        fix = "name a digest (NAME@sha256:...), as `fcx image push` and `fcx edf write` do"
        yield Hit(_IMAGE, "moving-tag", WARNING, what, why, fix, parsed.tag)


def _separator(context: Context, parsed: Reference) -> Iterator[Hit]:
    if parsed.hashed and (severity := context.refused_by("sarus")):
        what, why = "the registry ends in '#'", "Sarus takes registry/image"
        fix = f"for Sarus write {parsed.spelt('sarus')}; fine for the CE"
        yield Hit(_IMAGE, "registry-separator", severity, what, why, fix, "#")
    elif parsed.registry and not parsed.hashed and context.dialect != "sarus":
        what = "the registry ends in '/'"
        why = "the CE's documented form is registry#image; older ones look on Docker Hub instead"
        fix = f"write {parsed.spelt('ce')}"
        yield Hit(_IMAGE, "registry-separator", WARNING, what, why, fix, "/")


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
        why = "its programs cannot run on it; the CE says so only in passing"
        fix = f"build it with `fcx image build --platform linux/{site.architecture}`"
        yield Hit(_IMAGE, "architecture", severity, what, why, fix)
