"""What lies in a folder of images that fcx has brought there, and its removal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import NoSuchPath
from ..firecrest.files import Files
from .mark import Mark, pairs
from .shelf import CHUNKS, IMAGE, MARK, stem_of_parts


@dataclass(frozen=True)
class Lying:
    """An image with its mark; or, without one, the pieces of an image that was not joined yet."""

    path: str
    stem: str
    mark: Mark | None = None


async def lying(files: Files, folder: str) -> list[Lying]:
    """All of it, the oldest first: a request, and one for each image. What is not ours is none."""
    try:
        entries = await files.list(folder)
    except NoSuchPath:
        return []
    found = await asyncio.gather(*(_image(files, folder, stem) for stem in pairs(entries)))
    images = [
        one for one in found if one and one.mark and one.mark.size == entries[one.stem + IMAGE].size
    ]
    images.sort(key=lambda one: one.mark.shipped if one.mark else 0.0)
    parts = [(name, stem) for name in sorted(entries) if (stem := stem_of_parts(name))]
    return [*images, *(Lying(f"{folder}/{name}", stem) for name, stem in parts)]


async def _image(files: Files, folder: str, stem: str) -> Lying | None:
    where = f"{folder}/{stem}{MARK}"
    try:
        mark = Mark.from_json(await files.read_from(where, 0), where)
    except NoSuchPath:  # somebody else cleans up, too
        return None
    return Lying(f"{folder}/{stem}{IMAGE}", stem, mark) if mark else None


async def remove(files: Files, folder: str, chosen: Sequence[Lying]) -> None:
    """An image goes before its mark: without one it would look like a stranger's."""
    for one in chosen:
        await files.remove(one.path)
        if one.mark is not None:
            for beside in (CHUNKS, MARK):
                await files.remove(f"{folder}/{one.stem}{beside}")
