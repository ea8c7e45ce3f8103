"""An image that is a file: whether engines can start it, and whether it stays where it is."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..toml import Path
from ..variables import VARIABLE
from . import fixes
from .context import ERROR, NOTE, RELATIVE, WARNING, Context, Hit, is_rooted, tilde

_IMAGE: Path = ("image",)
_SCRATCH = re.compile(r"\$\{SCRATCH(:-[^}]*)?\}|(/capstor|/iopsstor)?/scratch(/|$)")
_SIF = re.compile(r"\.(sif|simg)$", re.IGNORECASE)
_ARCHIVE = re.compile(r"\.(tar|tgz|tar\.(gz|xz|bz2|zst))$", re.IGNORECASE)


def image_file(context: Context, path: str) -> Iterator[Hit]:
    """What is to be said of an image that is given as a path."""
    if context.sarus:
        why = "Sarus takes references to a registry only"
        fix = (
            "push the image (`fcx image push REGISTRY/NAME`) and name it as registry/name@digest, "
            "as `fcx edf write --dialect sarus` does"
        )
        yield Hit(_IMAGE, "sqsh-image", ERROR, "the image is a file", why, fix)
        return
    if path.startswith("~"):
        yield tilde(_IMAGE, "image")
    elif not is_rooted(path):
        fix = "write the absolute path of the cluster"
        what = "the image's path is relative"
        yield Hit(_IMAGE, "image-relative", WARNING, what, RELATIVE, fix)
    yield from _form(context, path)
    scratch = context.site.scratch.rstrip("/") if context.site else ""
    if _SCRATCH.match(path) or (scratch and path.startswith(f"{scratch}/")):
        what, why = "the image is on scratch", "files there are cleaned up after 30 or 14 days"
        fix = "keep it under a store or project folder, or be ready to copy it again"
        yield Hit(_IMAGE, "scratch-image", NOTE, what, why, fix)
    if real := context.missing(path):
        what = f"there is no {real} on this machine"
        why = "the engine's own message will be hard to read"
        yield Hit(_IMAGE, "missing-image", ERROR, what, why, "copy the image there, or correct it")


def _form(context: Context, path: str) -> Iterator[Hit]:
    """Files of other engines, archives and folders, none of which the CE can start."""
    for suffix, what in ((_SIF, "an Apptainer image"), (_ARCHIVE, "an archive")):
        if suffix.search(path):
            fix = (
                "pack the image that it was made of as a .sqsh (`fcx image pack`), copy that to "
                f"the cluster and {fixes.line('image', suffix.sub('.sqsh', path))}"
            )
            why = "the CE starts SquashFS files (.sqsh) and images of registries, nothing else"
            yield Hit(_IMAGE, "image-format", ERROR, f"the image is {what}", why, fix)
            return
    certain = path.endswith("/") or _is_folder(context, path)
    if certain or _looks_like_folder(path):
        what = "the image is a folder" if certain else "the image's path has no .sqsh at its end"
        why = "the CE starts SquashFS files (.sqsh), no folders"
        fix = f"name the file in it, as in {fixes.line('image', path.rstrip('/') + '/NAME.sqsh')}"
        yield Hit(_IMAGE, "image-folder", ERROR if certain else WARNING, what, why, fix)


def _is_folder(context: Context, path: str) -> bool:
    if context.exists is None or context.missing(path):
        return False
    return not context.missing(f"{path}/.") and path.startswith(("/", "$"))


def _looks_like_folder(path: str) -> bool:
    last = path.rpartition("/")[2]
    return not VARIABLE.search(last) and "." not in last and "<" not in last
