"""Images that were shipped earlier, of which bytes can be taken.

First of all one of the same name; but whoever starts from the same base shares that much with it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from ..errors import RequestRefused
from ..firecrest.files import Entry, Files
from .chunks import Chunk, from_text
from .mark import Mark, pairs
from .shelf import CHUNKS, IMAGE, MARK, Slot, is_stem, is_stem_of

MOST = 8  # of which the marks are read, to find the newest of each name
TAKEN = 3  # of which the lists of chunks are fetched


async def earlier(
    files: Files, slot: Slot, name: str, entries: Mapping[str, Entry]
) -> dict[str, list[Chunk]]:
    """{file: its chunks} of the newest of each name, the image's own first; some requests."""
    known = [stem for stem in pairs(entries) if is_stem(stem) and stem + CHUNKS in entries]
    stems = sorted(known, key=lambda stem: is_stem_of(stem, name))[-MOST:]
    found = await asyncio.gather(*(_mark(files, slot, stem) for stem in stems))
    marked = [(mark, stem) for mark, stem in zip(found, stems, strict=True) if mark]
    chosen = _newest(name, marked)
    lists = await asyncio.gather(*(_chunks(files, slot, stem, entries) for stem in chosen))
    return {stem + IMAGE: chunks for stem, chunks in zip(chosen, lists, strict=True) if chunks}


def _newest(name: str, marked: Iterable[tuple[Mark, str]]) -> list[str]:
    """The stems to look at: the newest of each name, that name first, then the newest of all."""
    newest: dict[str, tuple[bool, float, str]] = {}
    for mark, stem in marked:
        one = (mark.name == name, mark.shipped, stem)
        newest[mark.name] = max(one, newest.get(mark.name, one))
    return [stem for _, _, stem in sorted(newest.values(), reverse=True)[:TAKEN]]


async def _chunks(files: Files, slot: Slot, stem: str, entries: Mapping[str, Entry]) -> list[Chunk]:
    """What an image consists of; empty where that is not to be had: see `_mark`."""
    try:
        text = await files.download(f"{slot.folder}/{stem}{CHUNKS}")
    except RequestRefused:
        return []
    return from_text(text, entries[stem + IMAGE].size)


async def _mark(files: Files, slot: Slot, stem: str) -> Mark | None:
    """What an image is; None where somebody has cleaned up, or does not let others read it."""
    where = f"{slot.folder}/{stem}{MARK}"
    try:
        return Mark.from_json(await files.read_from(where, 0), where)
    except RequestRefused:
        return None
