"""The image: whether there is one, and whether the system's processor can run it."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..reference import Reference
from ..toml import Path
from . import fixes
from .context import ERROR, WARNING, Context, Hit
from .files import image_file
from .references import reference

_IMAGE: Path = ("image",)
_ARCHITECTURE = re.compile(r"(?:^|[-_.:/+])(arm64|aarch64|amd64|x86_64|x86)(?=[-_.:/+]|$)")
_DOCKER_NAMES = {"aarch64": "arm64", "x86_64": "amd64", "x86": "amd64"}


def image(context: Context) -> Iterator[Hit]:
    """The image: whether there is one, and whether it is there, fixed, and spelt as it must be."""
    text = context.edf.image
    if text is None and "image" not in context.data:
        yield from _absent(context)
    elif text == "":
        yield _empty(context)
    if not text:
        return
    parsed = Reference.parse(text)
    if parsed.path:
        yield from image_file(context, parsed.path)
    else:
        yield from reference(context, text, parsed)
    yield from _architecture(context, text)


def _absent(context: Context) -> Iterator[Hit]:
    if context.whole is None or context.whole.image:
        return
    severity = ERROR if context.sarus else WARNING
    why = "the CE then enters no container, and Sarus refuses the file"
    fix = 'add image = "...", or base_environment'
    fix += "" if context.sarus else "; fine in a file that is only a base"
    yield Hit((), "no-image", severity, "there is no image", why, fix)


def _empty(context: Context) -> Hit:
    what, why = "image is empty", "the CE then enters no container, and the host's own Python runs"
    given = context.manifest.repo_digest if context.manifest else ""
    if any(base.image for base in context.bases):
        fix = f"{fixes.OUT}, so that the image of what it is based on holds"
    elif given:
        fix = fixes.line("image", Reference.parse(given).spelt(context.dialect))
    else:
        fix = "name an image of a registry or the path of a .sqsh; `fcx edf write` does"
    return Hit(_IMAGE, "no-image", ERROR, what, why, fix)


def levels(context: Context) -> Iterator[Hit]:
    """Bases that Sarus refuses: it checks each file by itself."""
    whole = context.whole
    for base in context.bases if context.sarus else ():
        if base.image is None and not base.base_environment:
            what = f"the base {base.file} has neither image nor base_environment"
            why = "Sarus checks each file by itself, and wants one of them in it"
            name = (whole.image if whole else "") or "..."
            fix = f"in {base.file}, {fixes.top('image', name)}"
            yield Hit(("base_environment",), "base-level", ERROR, what, why, fix)


def _architecture(context: Context, text: str) -> Iterator[Hit]:
    site, manifest = context.site, context.manifest
    if not site or not site.architecture:
        return
    if manifest:
        found, severity = manifest.architecture, ERROR
        build = f"`fcx image build --platform linux/{site.architecture}`"
        fix = f"build it with {build}, push it and write the EDF again"
    else:
        named = _ARCHITECTURE.search(text)
        found, severity = (_DOCKER_NAMES.get(named[1], named[1]) if named else ""), WARNING
        fix = f"name an image for {site.architecture}"
    if found and found != site.architecture:
        what = f"the image is for {found}, {site.name} is {site.architecture}"
        why = "its programs cannot run on it; the CE says so only in passing"
        yield Hit(_IMAGE, "architecture", severity, what, why, fix)
