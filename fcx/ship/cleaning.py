"""What lies in a folder of images that fcx has brought there, and its removal."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import NoSuchPath
from ..firecrest.client import Client
from ..firecrest.files import Entry, Files
from .mark import Mark, pairs
from .shelf import CHUNKS, IMAGE, MARK, begun_by, stem_of_parts


@dataclass(frozen=True)
class Lying:
    """An image with its mark; or, without one, the pieces of an image that was not joined yet.

    ``damaged``: of another size than its mark says; ``job``: that ended before the image was whole.
    """

    path: str
    stem: str
    mark: Mark | None = None
    damaged: bool = False
    job: str = ""


async def lying(client: Client, folder: str) -> list[Lying]:
    """All of it, the oldest first: a request, and one for each image. What is not ours is none."""
    files = client.files
    try:
        entries = await files.list(folder)
    except NoSuchPath:
        return []
    stems = pairs(entries)
    found = await asyncio.gather(
        *(_image(files, folder, stem, entries[stem + IMAGE]) for stem in stems)
    )
    images = [one for one in found if one]
    images.sort(key=lambda one: one.mark.shipped if one.mark else 0.0)
    parts = [(name, stem) for name in sorted(entries) if (stem := stem_of_parts(name))]
    pieces = [Lying(f"{folder}/{name}", stem) for name, stem in parts]
    return [*images, *pieces, *await _begun(client, folder, sorted(entries))]


async def _begun(client: Client, folder: str, names: Iterable[str]) -> list[Lying]:
    """What building jobs have left that ended early: that of one which goes on is its own."""
    left = []
    for name in names:
        stem, job = begun_by(name)
        state = await client.jobs.ask(job) if job else None
        if job and (state is None or state.terminal):
            left.append(Lying(f"{folder}/{name}", stem, job=job))
    return left


async def _image(files: Files, folder: str, stem: str, image: Entry) -> Lying | None:
    where = f"{folder}/{stem}{MARK}"
    try:
        mark = Mark.from_json(await files.read_from(where, 0), where)
    except NoSuchPath:  # somebody else cleans up, too
        return None
    if mark is None:
        return None
    return Lying(f"{folder}/{stem}{IMAGE}", stem, mark, damaged=mark.size != image.size)


async def remove(files: Files, folder: str, chosen: Sequence[Lying]) -> None:
    """An image goes before its mark: without one it would look like a stranger's."""
    for one in chosen:
        await files.remove(one.path)
        if one.mark is not None:
            for beside in (CHUNKS, MARK):
                await files.remove(f"{folder}/{one.stem}{beside}")
