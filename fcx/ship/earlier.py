"""An image of the same name that was shipped earlier, of which bytes can be taken."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import NoSuchPath
from ..firecrest.files import Entry, Files
from .chunks import Chunk, from_text
from .mark import Mark, pairs
from .shelf import CHUNKS, IMAGE, MARK, Slot, is_stem_of

MOST = 8  # of which the marks are read, to find the newest


@dataclass(frozen=True)
class Earlier:
    """Its file's name, and what that consists of."""

    file: str
    chunks: list[Chunk]


async def earlier(
    files: Files, slot: Slot, name: str, entries: Mapping[str, Entry]
) -> Earlier | None:
    """The newest one with a list of its chunks; some requests, and none where there is no such."""
    stems = [stem for stem in pairs(entries) if stem != slot.stem and is_stem_of(stem, name)]
    stems = [stem for stem in stems if stem + CHUNKS in entries][-MOST:]
    try:
        found = await asyncio.gather(*(_mark(files, slot, stem) for stem in stems))
        known = [(mark.shipped, stem) for stem, mark in zip(stems, found, strict=True) if mark]
        if not known:
            return None
        stem = max(known)[1]
        text = await files.download(f"{slot.folder}/{stem}{CHUNKS}")
    except NoSuchPath:  # somebody cleans up
        return None
    chunks = from_text(text, entries[stem + IMAGE].size)
    return Earlier(stem + IMAGE, chunks) if chunks else None


async def _mark(files: Files, slot: Slot, stem: str) -> Mark | None:
    where = f"{slot.folder}/{stem}{MARK}"
    return Mark.from_json(await files.read_from(where, 0), where)
