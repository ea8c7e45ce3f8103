"""The image on the system against what the manifest says was shipped there: cheaply."""

from __future__ import annotations

import asyncio
import posixpath

from ..errors import NoSuchPath
from ..firecrest.files import Files
from ..parity.manifest import Manifest, Shipped
from .mark import Mark
from .shelf import IMAGE, MARK

FIX = "Fix: `fcx image ship`"


async def difference(files: Files, shipped: Shipped, manifest: Manifest) -> str:
    """What is wrong with the shipped file, and the command that repairs it; empty if nothing is.

    Two requests at once: the size by a listing, build and digest by the mark, which was written
    when each byte had been read. What Python finds in the image is for the probe to tell.
    """
    folder, name = posixpath.split(shipped.path)
    stem = name.removesuffix(IMAGE)
    where = f"{folder}/{stem}{MARK}"
    try:
        listed, told = await asyncio.gather(files.list(folder), files.read_from(where, 0))
        image, mark = listed.get(name), Mark.from_json(told, where)
        if image is None:
            return f"{shipped.path} is not there any more. {FIX}"
    except NoSuchPath:
        return f"{shipped.path} or its record is not there any more. {FIX}"
    if image.size != shipped.size:
        return f"{shipped.path}: wanted {shipped.size} bytes, found {image.size}. {FIX}"
    wanted = manifest.build_id, shipped.sha256
    found = (mark.build_id, mark.sha256) if mark else ("no record of fcx's", "")
    for what, mine, its in zip(("build id", "SHA-256"), wanted, found, strict=True):
        if mine != its:
            return f"{what} of {shipped.path}: wanted {mine[:16]}, found {its[:16]}. {FIX}"
    return ""
