"""The user's EDF beside fcx's own: it is to be based on that, and to leave the image to it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..pair import is_generated, written_for
from . import fixes
from .context import ERROR, NOTE, WARNING, Context, Hit


def unused(context: Context) -> Iterator[Hit]:
    """What `fcx edf write` writes has no effect where nothing is based on it."""
    if context.generated is None or _is_taken(context):
        return
    own, names = Path(context.generated.file), context.edf.base_environment
    others = [name for name in names if name not in {own.stem, Path(context.edf.file).stem}]
    what = f"it is not based on {own.name}, which lies beside it"
    why = "so nothing of what `fcx edf write` says of the image counts"
    fix = fixes.top("base_environment", [*others, own.stem] if others else own.stem)
    fix += f"; or remove {own.name}, if this file is to stand by itself"
    yield Hit(("base_environment",), "generated-unused", ERROR, what, why, fix)


def another_image(context: Context) -> Iterator[Hit]:
    """An image of the user's own stays when `fcx edf write` names that of the next build.

    It must be so where only the user knows the image's place; a pushed one fcx knows by itself.
    """
    if not (context.edf.image and context.generated and _is_taken(context)):
        return
    its = context.generated.image
    over = "again" if context.edf.image == its else f"over that of the base, {its}"
    what = f"image is set {over}"
    why = "the image of the next build will not be taken then, whatever `fcx edf write` names"
    pushed = context.manifest is not None and bool(context.manifest.repo_digest)
    severity = WARNING if pushed and context.edf.image != its else NOTE
    yield Hit(("image",), "image-over-generated", severity, what, why, fixes.OUT)


def another_build(context: Context) -> Iterator[Hit]:
    """An EDF of before the build that the manifest beside it describes.

    Told of the file that says so; of a base only where that is not checked by itself, as fcx's own
    beside a user's is.
    """
    wanted = context.manifest.build_id if context.manifest else ""
    own = is_generated(context.edf.text)
    mine = written_for([context.edf]) or ("none" if own else "")
    told = mine or (context.build_id if context.generated is None else "")
    if not (wanted and told) or told == wanted:
        return
    what = f"it was written for the build {told[:12]}, the manifest is of {wanted[:12]}"
    why = "it names another image than the one that the client is held against"
    fix = "run `fcx edf write`"
    if mine and not own:
        fix = "render it anew (`fcx edf render`) from what `fcx edf write` writes now"
    yield Hit((), "edf-stale", WARNING, what, why, fix)


def _is_taken(context: Context) -> bool:
    if context.generated is None:
        return False
    name = Path(context.generated.file).name
    return any(Path(base.file).name == name for base in context.bases)
